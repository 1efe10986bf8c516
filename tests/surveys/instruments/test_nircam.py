"""Facts about NIRCam, and the noise that follows from them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from astropy import constants, units

from surveys.instruments.nircam import (
    DETECTORS,
    FILTERS,
    Exposure,
    ab_to_njy,
    background_mjy_sr,
    filter_named,
    njy_to_ab,
    noise_sigma_njy,
)

# Point sources in nJy that 10 ks show at 10 sigma in an aperture of 2.5 pixels, as the instrument's
# team foresaw before launch and the verification of the exposure time calculator lists them.
FORESEEN = {
    "F070W": 21.81, "F090W": 15.07, "F115W": 12.99, "F140M": 19.17, "F150W": 10.68, "F162M": 18.07,
    "F182M": 14.13, "F200W": 9.34, "F210M": 17.26, "F250M": 28.33, "F277W": 12.70, "F300M": 22.94,
    "F322W2": 8.55, "F335M": 19.43, "F356W": 12.83, "F360M": 20.37, "F410M": 22.00, "F430M": 46.66,
    "F444W": 20.63, "F460M": 73.56, "F480M": 82.12,
}  # fmt: skip
# The radius is greater, 1.25 lambda / D, where that is more.
RADII = {"F430M": 2.71, "F444W": 2.84, "F460M": 2.85, "F480M": 2.94}
# Light within it, of the calculator's curves.
ENCLOSED = {"SW": 0.69, "LW": 0.71}


def limit_njy(name):
    band, exposure = FILTERS[name], Exposure(10_000.0, n_ramps=10, n_reads=20)
    noise = noise_sigma_njy(band, exposure) * math.sqrt(math.pi) * RADII.get(name, 2.5)
    enclosed = ENCLOSED[band.channel]
    # 10 = F enclosed / sqrt(noise^2 + 1.2 F enclosed / electrons)
    per_njy = 1.2 / (band.electrons_per_njy * 10_000.0)
    signal = (100 * per_njy + math.sqrt((100 * per_njy) ** 2 + 400 * noise**2)) / 2
    return signal / enclosed


@pytest.mark.parametrize("name", FORESEEN)
def test_the_faintest_sources_are_those_that_were_foreseen(name):
    # In flight more light comes through and less of it is stray.
    least, most = (0.8, 1.1) if name.endswith("W") else (0.68, 1.2)
    assert least < limit_njy(name) / FORESEEN[name] < most


def test_wavelengths_are_those_of_the_reference(shared_reference):
    reference = json.loads(shared_reference("nircam_psf.json").read_text())
    for name, row in reference["filters"].items():
        assert filter_named(name).pivot_um == row["pivot_um"]
        assert filter_named(name).pixel_arcsec == reference["pixel_arcsec"][FILTERS[name].channel]


@pytest.mark.parametrize("name", FILTERS)
def test_a_band_is_around_its_pivot(name):
    band = filter_named(name.lower())
    assert band.blue_um < band.pivot_um < band.red_um
    # The width is above that of half power for a flat top with soft edges.
    assert 0.7 < band.width_um / (band.red_um - band.blue_um) < 1.02
    assert int(name[1:4]) / 100 == pytest.approx(band.pivot_um, rel=0.12)


def test_electrons_are_those_of_the_photons_of_the_band():
    band = filter_named("F200W")
    photons = (units.nJy * 25.4 * units.m**2 / constants.h).to_value(1 / units.s)
    expected = photons * 0.461 / 1.990 * 0.525
    assert band.electrons_per_njy == pytest.approx(expected, rel=1e-6)


def test_the_sky_is_darkest_between_scattered_and_emitted_light():
    wavelength = np.linspace(0.8, 5.0, 200)
    sky = background_mjy_sr(wavelength)
    assert 3.0 < wavelength[np.argmin(sky)] < 3.8
    assert (sky > 0.05).all()
    assert (sky < 0.7).all()


def test_noise_of_a_dark_ramp_is_what_was_measured():
    for name in ("F200W", "F444W"):
        band = filter_named(name)
        exposure = Exposure(93 * 10.73677 + 1e-6, n_ramps=1, n_reads=93)
        noise = noise_sigma_njy(band, exposure, background=0.0)
        electrons = noise * band.electrons_per_njy * exposure.time_s
        assert electrons == pytest.approx(DETECTORS[band.channel].ramp_noise_e, rel=4e-3)


def test_slopes_of_simulated_ramps_have_the_noise_of_the_formula():
    band, n, time = filter_named("F356W"), 20, 800.0
    rng = np.random.default_rng(0)
    rate = band.background_e_s + band.detector.dark_e_s
    steps = rng.poisson(rate * time / (n - 1), (20_000, n - 1))
    charge = np.concatenate([np.zeros((20_000, 1)), np.cumsum(steps, 1)], 1)
    charge += rng.normal(0, band.detector.cds_noise_e / math.sqrt(2), charge.shape)
    clock = np.linspace(-0.5, 0.5, n)
    slope = charge @ clock / (clock @ clock) + rng.normal(0, band.detector.floor_e, 20_000)
    noise = noise_sigma_njy(band, Exposure(time, n_ramps=1, n_reads=n))
    expected = noise * band.electrons_per_njy * time
    # The formula for reads takes time as n intervals, not n - 1; the count gives 0.5 % (1 sigma).
    assert slope.std() == pytest.approx(expected, rel=0.03)


def test_noise_goes_with_time_and_pixel():
    band = filter_named("F277W")
    once, longer = (noise_sigma_njy(band, Exposure(t)) for t in (10_000.0, 40_000.0))
    assert once / longer == pytest.approx(2.0, rel=1e-6)
    small = noise_sigma_njy(band, Exposure(10_000.0), pixel_arcsec=0.0315)
    assert small == pytest.approx(once / 2)


def test_magnitudes():
    assert ab_to_njy(31.4) == pytest.approx(1.0, rel=2e-3)
    assert njy_to_ab(ab_to_njy(27.3)) == pytest.approx(27.3)


def test_what_does_not_exist_is_said():
    with pytest.raises(ValueError, match=r"'F201W' is no .* did you mean F200W"):
        filter_named("F201W")
    with pytest.raises(ValueError, match="there are F070W"):
        filter_named("K")
    with pytest.raises(ValueError, match="no two reads"):
        Exposure(10.0)
    with pytest.raises(ValueError, match="no two reads"):
        Exposure(math.nan, n_ramps=1)
    with pytest.raises(ValueError, match="no two reads"):
        Exposure(100.0, n_ramps=-1)
    with pytest.raises(ValueError, match="cannot have 200 reads; give 2 to 93"):
        Exposure(1000.0, n_reads=200)
