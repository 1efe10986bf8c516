"""Made-up galaxies, and the trends that they are made for."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import constants

from surveys.errors import SettingProblem
from surveys.images.bands import Band, band_images
from surveys.images.emission import EMISSIVITY, V_UM, dust_spectrum
from surveys.images.galaxies import batches
from surveys.images.synthetic import CHUNK, SyntheticGalaxies, absorbed_hz
from surveys.images.synthetic_settings import LOG_L_STAR, SyntheticSettings

LIGHT_UM = constants.c.to_value("um / s")
FLARES_IV = {5.0: 1.692, 6.0: 1.370, 7.0: 1.126, 8.0: 0.842, 9.0: 0.793}


def pixel_radius(image, pixel_kpc):
    """Radius of a circle of the area of the brightest pixels that hold half of the light."""
    light = np.sort(image, axis=None)[::-1].astype(float)
    total = np.append(0.0, np.cumsum(light))
    n = np.interp(total[-1] / 2, total, np.arange(len(total)))
    return np.sqrt(n / np.pi) * pixel_kpc


@pytest.fixture(scope="module")
def population():
    """Redshift, log L over L*, and radii (kpc) at 0.15, 0.4, 50 and 158 um."""
    settings = SyntheticSettings(
        number=80, rest_um=(0.15, 0.4, 50.0, 158.0), n_pixels=224, faint_slope=-1.2, seed=3
    )
    source = SyntheticGalaxies(settings)
    radii = np.array(
        [
            [pixel_radius(plane, pixel) for plane in planes]
            for batch in batches(source, 16)
            for planes, pixel in zip(batch.flux, batch.pixel_kpc, strict=True)
        ]
    )
    return source.redshift, np.log10(source.luminosities()) - LOG_L_STAR, radii


def straight(columns, values):
    """Coefficients of a linear fit and their standard errors."""
    a = np.stack([np.ones(len(values)), *columns], axis=1)
    fit, rest, *_ = np.linalg.lstsq(a, values, rcond=None)
    variance = rest[0] / (len(values) - a.shape[1])
    return fit, np.sqrt(np.diag(variance * np.linalg.inv(a.T @ a)))


def test_sizes_in_the_uv_follow_flares_iv(population):
    z, log_l, radii = population
    for redshift, published in FLARES_IV.items():
        at = z == redshift
        (r0, _), (error, _) = straight([log_l[at]], np.log10(radii[at, 0]))
        assert abs(r0 - np.log10(published)) < np.log10(1.2) + 4 * error


def test_sizes_fall_with_redshift_and_grow_with_luminosity(population):
    z, log_l, radii = population
    (_, beta, m), (_, beta_error, m_error) = straight(
        [log_l, -np.log10(1 + z)], np.log10(radii[:, 0])
    )
    assert beta_error < 0.03
    assert m_error < 0.15
    assert abs(beta - 0.30) < 4 * beta_error
    assert 1.2 - 4 * m_error < m < 1.9 + 4 * m_error
    # As measured on many (docs/sizes_galaxies.md).
    assert abs(m - 1.38) < 4 * m_error
    scatter = np.std(np.log10(radii[:, 0]) - beta * log_l + m * np.log10(1 + z))
    assert 0.08 < scatter < 0.16


def test_dust_makes_the_uv_larger_than_the_optical(population):
    z, _, radii = population
    ratio = radii[:, 1] / radii[:, 0]
    error = 1.25 * ratio.std() / np.sqrt((z == 5).sum())
    assert abs(np.median(ratio[z == 5]) - 0.60) < 0.03 + 4 * error
    assert np.median(ratio[z == 10]) > np.median(ratio[z == 5])


def test_sizes_in_the_far_infrared_do_not_evolve(population):
    z, _, radii = population
    medians = np.array([np.median(radii[z == redshift, 2]) for redshift in np.unique(z)])
    assert np.all(np.abs(medians / medians.mean() - 1) < 0.10)
    assert np.all(medians < 0.4)
    np.testing.assert_allclose(radii[:, 3], radii[:, 2], rtol=1e-4)


def test_a_galaxy_is_the_same_in_any_batch():
    source = SyntheticGalaxies(SyntheticSettings(number=12, n_pixels=24, rest_um=(0.15, 50.0)))
    whole = source.read(0, len(source))
    n = CHUNK
    for start, stop in ((0, 1), (3, 3 + n), (n - 1, n + 1), (len(source) - 1, len(source))):
        part = source.read(start, stop)
        np.testing.assert_array_equal(part.flux, whole.flux[start:stop])
        assert part.names == whole.names[start:stop]
        np.testing.assert_array_equal(part.redshift, whole.redshift[start:stop])
    assert len(set(whole.names)) == len(source) == 72
    assert len(np.unique(whole.flux[:, 0, 12, 12])) == len(source)
    other = SyntheticGalaxies(
        SyntheticSettings(number=12, n_pixels=24, rest_um=(0.15, 50.0), seed=1)
    )
    assert not np.allclose(other.read(0, 1).flux, whole.flux[:1])


def test_what_they_are():
    source = SyntheticGalaxies()
    assert (source.unit, source.synthetic, source.source) == ("erg s-1 Hz-1", True, "synthetic")
    assert len(source) == 600
    soft = SyntheticGalaxies(SyntheticSettings(pixel_kpc=None, number=1, n_pixels=16))
    np.testing.assert_allclose(soft.pixel_kpc, 2.66 / (1 + soft.redshift))


def test_the_planes_hold_the_bands_of_nircam():
    bands = [
        Band(f"F{100 * p:.0f}W", p, w) for p, w in ((1.154, 0.225), (1.99, 0.46), (4.42, 1.02))
    ]
    settings = SyntheticSettings(number=1, n_pixels=32, pixel_kpc=0.1)
    images = SyntheticGalaxies(settings).read(0, 6)
    for band in bands:
        seen = band_images(images, band)
        for image, z, planes in zip(seen, images.redshift, images.flux, strict=True):
            i = np.searchsorted(images.rest_um, band.pivot_um / (1 + z))
            between = np.sort(planes[i - 1 : i + 1].sum((1, 2)))
            assert 0.9 * between[0] < image.sum() < 1.1 * between[1]


def test_the_light_at_1500_a_is_the_luminosity():
    settings = SyntheticSettings(number=2, n_pixels=32, rest_um=(0.15,), pixel_kpc=0.4)
    source = SyntheticGalaxies(settings)
    total = source.read(0, len(source)).flux.sum(axis=(1, 2, 3), dtype=float)
    np.testing.assert_allclose(total, source.luminosities(), rtol=1e-5)
    log_l = np.log10(source.luminosities())
    assert settings.log_luminosity[0] <= log_l.min() < log_l.max() <= settings.log_luminosity[1]


def test_luminosities_are_those_of_a_schechter_function():
    settings = SyntheticSettings(number=4000, redshifts=(6.0,), log_luminosity=(28.4, 29.8))
    log_l = np.log10(SyntheticGalaxies(settings).luminosities())
    edges = np.linspace(28.4, 29.8, 8)
    seen, _ = np.histogram(log_l, edges)
    fine = np.linspace(28.4, 29.8, 7001)
    ratio = 10 ** (fine - LOG_L_STAR)
    below = np.cumsum(ratio ** (settings.faint_slope + 1) * np.exp(-ratio))
    expected = 4000 * np.diff(np.interp(edges, fine, below / below[-1]))
    chi2 = ((seen - expected) ** 2 / expected).sum()
    assert chi2 < 24.3  # 6 degrees of freedom, 1 in 2000


def test_dust_gives_back_what_it_takes():
    waves = np.geomspace(0.0912, 3.0, 41)
    settings = SyntheticSettings(
        redshifts=(6.0,), number=1, n_pixels=96, rest_um=(*waves, 50.0, 158.0)
    )
    flux = SyntheticGalaxies(settings).read(0, 1).flux[0].astype(np.float64)
    stars, dust = flux[:-2], flux[-2:]
    # A screen whose depth goes as 1 / lambda: what is behind it follows from two wavelengths.
    twice = np.argmin(np.abs(waves - 1.5))
    power = waves[twice] / (waves[-1] - waves[twice])
    bare = stars[-1] * (stars[-1] / stars[twice]) ** power
    taken = np.trapezoid((bare - stars) * LIGHT_UM / waves[:, None, None], np.log(waves), axis=0)
    emitted = dust / dust_spectrum(np.array([50.0, 158.0]), settings.dust_k)[:, None, None]
    assert emitted[0].sum() == pytest.approx(taken.sum(), rel=5e-3)
    bright = taken > 1e-3 * taken.max()
    np.testing.assert_allclose(emitted[0][bright], taken[bright], rtol=1e-2)
    np.testing.assert_allclose(emitted[0], emitted[1], rtol=1e-4)


def test_absorbed_light_and_the_spectrum_of_dust():
    tau = np.array([0.0, 1e-3, 1.0, 50.0])
    frequency = np.linspace(LIGHT_UM / 3, LIGHT_UM / 0.0912, 200_001)
    expected = [np.trapezoid(1 - np.exp(-t * V_UM * frequency / LIGHT_UM), frequency) for t in tau]
    np.testing.assert_allclose(absorbed_hz(tau), expected, rtol=1e-4)
    waves = np.geomspace(5, 3000, 4001)
    spectrum = dust_spectrum(waves, 45.0)
    assert np.trapezoid(spectrum * LIGHT_UM / waves, np.log(waves)) == pytest.approx(1, rel=1e-3)
    # Wien's law of nu^beta B_nu: x = (3 + beta) (1 - exp(-x)).
    x = 3 + EMISSIVITY
    for _ in range(50):
        x = (3 + EMISSIVITY) * (1 - np.exp(-x))
    peak = constants.h.value * LIGHT_UM / (constants.k_B.value * 45.0 * x)
    assert waves[spectrum.argmax()] == pytest.approx(peak, rel=2e-3)


def test_finer_points_change_little():
    """Coarse pixels are sums of finer points, so that the core is not missed."""
    fine = SyntheticSettings(redshifts=(6.0,), number=3, n_pixels=200, rest_um=(0.15, 0.4, 50.0))
    coarse = SyntheticSettings(
        redshifts=(6.0,), number=3, n_pixels=40, rest_um=(0.15, 0.4, 50.0), pixel_kpc=0.5
    )
    a = SyntheticGalaxies(fine).read(0, 3).flux.reshape(3, 3, 40, 5, 40, 5).sum((3, 5))
    b = SyntheticGalaxies(coarse).read(0, 3).flux
    np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5 * a.max())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"redshifts": ()}, "redshifts: is empty"),
        ({"redshifts": (5.0, 99.0)}, "redshifts: has 99"),
        ({"redshifts": (5.0, 6.0, 5.0)}, "redshifts: has one twice"),
        ({"rest_um": (0.15, 5.0)}, "neither stars nor dust are modelled"),
        ({"rest_um": (0.4, 0.15)}, "rest_um: does not rise"),
        ({"rest_um": (0.01, 0.15)}, "rest_um: has 0.01 um"),
        ({"number": 0}, "number: is 0"),
        ({"tau": (2.0, 1.0)}, "give the least and the most"),
        ({"pixel_kpc": -1.0}, "pixel_kpc: is -1"),
    ],
)
def test_impossible_settings(wrong, says):
    with pytest.raises(SettingProblem, match=says):
        SyntheticSettings(**wrong)
