"""Cells, weights, noise and beams of an array."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from surveys.instruments import alma
from surveys.interferometer.beam import Beam, fit_beam
from surveys.interferometer.cells import average_into_cells, padded_grid
from surveys.interferometer.imaging import beam_image
from surveys.interferometer.noise import Receivers
from surveys.interferometer.setups import AlmaSetup, cii_ghz, configuration_for, make_alma
from surveys.interferometer.tracks import ARCSEC, Coverage, Track, uv_coverage
from surveys.interferometer.weighting import Weighting, synthesise

SCHEMES = [
    {"scheme": "natural"},
    {"scheme": "uniform"},
    {"scheme": "briggs", "robust": 0.5},
    {"scheme": "briggs", "robust": -2.0},
    {"scheme": "natural", "taper_arcsec": 0.4},
]


def coverage_of(u, v):
    u, v = np.asarray(u, float), np.asarray(v, float)
    return Coverage(u / ARCSEC, v / ARCSEC, np.ones(len(u)), 240.0)


def test_cells_against_a_loop_over_the_whole_plane():
    rng = np.random.default_rng(1)
    # A field of 1 arcsec: cells are as far apart as whole numbers, with edges and the first column.
    u = np.concatenate([rng.uniform(-7.4, 7.4, 300), np.zeros(20), [7.49, -7.49]])
    v = np.concatenate(
        [rng.uniform(-7.4, 7.4, 300), np.arange(1, 8), -np.arange(1, 14) / 2.1, [0, 0]]
    )
    sigma = rng.uniform(1, 2, len(u))
    cells = average_into_cells(coverage_of(u, v), sigma, 16, 1 / 16)
    whole, counts, lost = np.zeros((16, 16)), np.zeros((16, 16)), 0.0
    for a, b, s in zip(-u, v, sigma, strict=True):
        kx, ky = round(a), round(b)
        if kx == ky == 0:
            lost += s**-2
            continue
        for sign in (1, -1):
            whole[sign * ky, sign * kx] += s**-2
            counts[sign * ky, sign * kx] += 1
    np.testing.assert_allclose(cells.inverse_variance[:, :8], whole[:, :8])
    np.testing.assert_array_equal(cells.counts[:, :8], counts[:, :8])
    assert not cells.inverse_variance[:, 8].any()
    assert not cells.inverse_variance[8].any()
    assert cells.lost == pytest.approx(lost / (sigma**-2.0).sum())
    assert cells.lost > 0
    # The plane is the transform of something real.
    beam = np.fft.irfft2(cells.inverse_variance, (16, 16))
    np.testing.assert_allclose(beam, np.fft.ifft2(whole).real, atol=1e-12)
    np.testing.assert_allclose(np.fft.ifft2(whole).imag, 0, atol=1e-12)


def test_pixels_too_large_or_a_field_too_small_are_errors():
    coverage = coverage_of([20.0], [3.0])
    with pytest.raises(ValueError, match=r"pixels of 0.0625 arcsec are too large.*give 0.024"):
        average_into_cells(coverage, np.ones(1), 16, 1 / 16)
    with pytest.raises(ValueError, match="100 % of the visibilities are in the middle cell"):
        average_into_cells(coverage, np.ones(1), 16, 1 / 1600)
    for grid, pixel in ((15, 0.01), (2, 0.01), (16, 0.0), (16, np.nan)):
        with pytest.raises(ValueError, match="give"):
            average_into_cells(coverage, np.ones(1), grid, pixel)


@pytest.mark.parametrize("n", [1, 50, 64, 101, 128, 333])
def test_padded_grids_are_even_and_large_enough(n):
    grid = padded_grid(n)
    assert grid % 2 == 0
    assert 2 * n <= grid <= 2.3 * n + 2


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_point_has_a_peak_of_its_flux(alma_with, scheme):
    synthesis = alma_with(**scheme).synthesis
    beam = beam_image(jnp.asarray(synthesis.transfer), 101)
    assert float(beam.max()) == pytest.approx(1, abs=1e-5)
    assert float(beam[50, 50]) == pytest.approx(1, abs=1e-5)
    # Nothing measures the total flux.
    assert synthesis.transfer[0, 0] == synthesis.noise_amplitude[0, 0] == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_noise_is_that_of_the_visibilities(alma_with, scheme):
    """Against the weighted mean of visibilities, each with noise of its own."""
    synthesis = alma_with(**scheme).synthesis
    cells, grid = synthesis.cells, synthesis.grid
    white = jax.random.normal(jax.random.key(0), (60, grid, grid))
    noise = jnp.fft.irfft2(synthesis.noise_amplitude * jnp.fft.rfft2(white), (grid, grid))
    power = synthesis.noise_amplitude.astype(float) ** 2 * cells.multiplicity
    n_independent = power.sum() ** 2 / (power**2).sum() * 60 / 2
    assert float(noise.var()) == pytest.approx(1, abs=5 * math.sqrt(2 / n_independent))
    assert (power.sum() / grid**2) == pytest.approx(1, abs=1e-6)
    weight = synthesis.transfer * cells.multiplicity
    hit = cells.inverse_variance > 0
    # A visibility and its mirror image are one measurement; the first column holds both.
    twice = np.broadcast_to(2 / cells.multiplicity, hit.shape)[hit]
    variance = weight[hit].astype(float) ** 2 * twice / cells.inverse_variance[hit]
    rms = math.sqrt(variance.sum()) / weight.sum()
    assert synthesis.rms_jy == pytest.approx(rms, rel=1e-5)


def test_natural_weights_have_the_noise_of_the_radiometer_equation(alma_with, array):
    freq = cii_ghz(7.0)
    expected = Receivers.at(freq).image_rms_jy(43, 1.0)
    kept = 1 - array.synthesis.cells.lost
    assert array.synthesis.rms_jy == pytest.approx(expected / math.sqrt(kept), rel=1e-6)
    assert array.synthesis.sensitivity == pytest.approx(1)
    losses = [alma_with(scheme="briggs", robust=r).synthesis for r in (2.0, 0.5, -0.5, -2.0)]
    losses.append(alma_with(scheme="uniform").synthesis)
    assert all(a.sensitivity < b.sensitivity for a, b in itertools.pairwise(losses))
    areas = [s.beam.area_pixels for s in losses]
    assert areas == sorted(areas, reverse=True)
    assert losses[0].sensitivity == pytest.approx(1, abs=1e-3)
    assert losses[-2].sensitivity == pytest.approx(losses[-1].sensitivity, rel=0.01)


@pytest.mark.parametrize(("z", "kelvin", "micro_jy"), [(5, 145, 19), (7, 90, 12), (10, 75, 10)])
def test_an_hour_of_43_antennas(z, kelvin, micro_jy):
    receivers = Receivers(kelvin, aperture_efficiency=0.7)
    assert receivers.image_rms_jy(43, 1.0) * 1e6 == pytest.approx(micro_jy, abs=0.5)
    assert Receivers.at(cii_ghz(z)).system_k == kelvin
    one = receivers.sigma_jy(300.0)
    expected = (
        math.sqrt(2)
        * 1380.649
        * kelvin
        / (0.96 * 0.88 * 0.7 * math.pi * 36 * math.sqrt(2 * 7.5e9 * 300))
    )
    assert one == pytest.approx(expected, rel=1e-9)
    with pytest.raises(ValueError, match="system_k is -1"):
        Receivers(-1.0, 0.7)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("C-4", 0.47, 0.52),
        ("C-5", 0.28, 0.31),
        ("C-6", 0.15, 0.19),
        ("C-8", 0.053, 0.063),
        ("C-9", 0.028, 0.032),
        ("C-10", 0.020, 0.021),
    ],
)
def test_beams_of_an_hour(name, least, most):
    """Against half widths of direct sums over visibilities; a fit is not quite the half width."""
    beam = make_alma(AlmaSetup(name, cii_ghz(7.0)), 64).synthesis.beam
    assert beam.minor_arcsec == pytest.approx(least, rel=0.07)
    assert beam.major_arcsec == pytest.approx(most, rel=0.07)


def test_the_fit_of_a_gaussian_beam_is_exact(array):
    beam = Beam(0.5, 0.3, 25.0, array.synthesis.pixel_arcsec)
    pixels = beam_image(jnp.asarray(beam.transfer(128)), 127)
    assert float(pixels.sum()) == pytest.approx(beam.area_pixels, rel=1e-4)
    at = (np.arange(127) - 63) * beam.pixel_arcsec
    y, x = np.meshgrid(at, at, indexing="ij")
    q = beam.inverse_covariance
    expected = np.exp(-(q[0, 0] * x * x + 2 * q[0, 1] * x * y + q[1, 1] * y * y) / 2)
    np.testing.assert_allclose(pixels, expected, atol=1e-4)
    # North is up and east to the left: the major axis goes to the upper left.
    assert pixels[63 + 4, 63 - 2] > pixels[63 + 4, 63 + 2]
    found = fit_beam(beam.transfer(128), beam.pixel_arcsec)
    assert (found.major_arcsec, found.minor_arcsec) == pytest.approx((0.5, 0.3), rel=1e-3)
    assert found.pa_deg == pytest.approx(25.0, abs=0.1)


def test_a_taper_smooths_the_beam(array, alma_with):
    plain, tapered = array.synthesis, alma_with(taper_arcsec=0.4).synthesis
    kernel = Beam(0.4, 0.4, 0.0, plain.pixel_arcsec)
    smoothed = plain.transfer * kernel.transfer(plain.grid)
    expected = np.fft.irfft2(smoothed)
    np.testing.assert_allclose(
        np.fft.irfft2(tapered.transfer), expected / expected[0, 0], atol=1e-5
    )
    assert tapered.beam.mean_arcsec > 0.4


@pytest.mark.parametrize(
    ("wanted", "z", "name"),
    [(0.3, 5, "C-4"), (0.3, 7, "C-5"), (0.3, 10, "C-5"), (0.02, 5, "C-9"), (0.02, 10, "C-10")],
)
def test_configurations_for_a_resolution(wanted, z, name):
    assert configuration_for(wanted, cii_ghz(z)) == name


def test_what_cannot_be_observed_says_so():
    with pytest.raises(ValueError, match=r"no configuration resolves 0.001 arcsec.*C-10"):
        configuration_for(0.001, 240.0)
    with pytest.raises(ValueError, match="impossible"):
        configuration_for(0.0, 240.0)
    with pytest.raises(ValueError, match="no receiver band"):
        make_alma(AlmaSetup("C-4", 550.0), 64)
    with pytest.raises(ValueError, match="scheme is 'robust'"):
        Weighting("robust")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="robust is 3"):
        Weighting("briggs", 3.0)
    with pytest.raises(ValueError, match="padding is 1"):
        make_alma(AlmaSetup("C-4", 240.0), 64, padding=1.0)


def test_images_agree_with_those_of_visibilities_where_they_are(disc):
    """The quantised coverage, next to ducc0's image of the track itself."""
    ducc0 = pytest.importorskip("ducc0")
    freq, n, pixel = cii_ghz(7.0), 64, 0.06
    coverage = uv_coverage(
        alma.configuration("C-5").enu_m, alma.LATITUDE_DEG, Track(-30.0), freq, alma.DISH_M
    )
    uvw = np.stack([coverage.u, coverage.v, 0 * coverage.u], -1) * 299_792_458.0 / (freq * 1e9)
    differences = []
    for padding in (2.0, 4.0):
        grid = padded_grid(n, padding)
        cells = average_into_cells(coverage, np.ones(len(coverage.u)), grid, pixel)
        synthesis = synthesise(cells)
        ours = beam_image(jnp.asarray(synthesis.transfer), n)
        # Their x is towards larger l, to the east: ours is turned.
        theirs = ducc0.wgridder.vis2dirty(
            uvw=uvw, freq=np.array([freq * 1e9]), vis=np.ones((len(uvw), 1), np.complex128),
            npix_x=n, npix_y=n, pixsize_x=pixel * ARCSEC, pixsize_y=pixel * ARCSEC,
            epsilon=1e-6, do_wgridding=False, nthreads=1,
        ) / len(uvw)  # fmt: skip
        theirs = np.roll(theirs[::-1], 1, axis=0).T
        inner = slice(n // 4, 3 * n // 4)
        differences.append(np.abs(np.asarray(ours) - theirs)[inner, inner].max())
    assert differences[0] < 0.012
    assert differences[1] < 0.005
