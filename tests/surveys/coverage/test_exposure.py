"""Exposure maps: analytic beams, conservation, a walk through time, sums."""

from __future__ import annotations

import healpy
import numpy as np
import pytest

from surveys.coverage.completeness import IdealCompleteness
from surveys.coverage.coverage import combined, noise_bin, noise_edge
from surveys.coverage.exposure import expose, parted
from surveys.coverage.motion import unit_vectors
from surveys.coverage.pointings import Pointings

LN2 = np.log(2)


def chord2(coverage, ra, dec):
    at = unit_vectors(*coverage.centres("icrs"))
    return np.maximum(2 - 2 * at @ unit_vectors(ra, dec), 0)


def beam_area(fwhm_deg, least_gain=0.1):
    """Square degrees in which a Gaussian beam of the chord has at least a gain: pi chord^2."""
    return np.pi * fwhm_deg**2 * np.log(1 / least_gain) / (4 * LN2)


def test_a_tracked_beam_has_its_time_at_the_noise_over_the_gain(pointed):
    found = expose(pointed(drift=False, searched_s=3000.0), 256)
    np.testing.assert_allclose(found.total_s, 3000.0, rtol=1e-6)
    gain = np.exp(-4 * LN2 * chord2(found, 10.0, 37.0) / np.radians(3.2) ** 2)
    assert gain.min() >= 0.1
    column = found.columns.noise_bin[found.seconds.argmax(1)]
    np.testing.assert_array_equal(column, noise_bin(0.02 / gain))
    assert found.area_deg2 == pytest.approx(beam_area(3.2), rel=0.01)


def test_exposure_of_a_tracked_beam_follows_its_gain(pointed):
    found = expose(pointed(drift=False), 256)
    gain = np.exp(-4 * LN2 * chord2(found, 10.0, 37.0) / np.radians(3.2) ** 2)
    for flux, width in ((0.3, 1.0), (1.0, 0.5), (1.0, 0.1)):
        filled = width / np.sqrt(max(width, 0.25))
        expected = 3600 * IdealCompleteness().found(flux * gain * filled / 0.02, width)
        ours = found.exposure_s(flux, width)
        # Half a bin of noise is 4.8 per cent of the S/N.
        edge = 3600 * np.abs(
            np.gradient(IdealCompleteness().found(np.arange(0, 30, 0.01), 1), 0.01)
        )
        assert np.abs(ours - expected).max() < 0.055 * 12 * edge.max()
        assert ours.sum() == pytest.approx(expected.sum(), rel=3e-3)


def test_a_drifting_beam_passes_in_its_width_over_the_sidereal_rate(pointed):
    drift = pointed(duration_s=4 * 3600.0)
    found = expose(drift, 512)
    ra, dec = (float(a[0]) for a in drift.at(2 * 3600.0))
    row = np.searchsorted(found.pixel, healpy.ang2pix(512, ra, dec, nest=True, lonlat=True))
    at = healpy.pix2ang(512, found.pixel[row], nest=True, lonlat=True)
    aside = np.radians(at[1] - dec)
    rate = np.radians(15.041067 / 3600) * np.cos(np.radians(dec))
    half = found.columns.noise_edges[:, 1] <= 0.04 * (1 + 1e-9)
    edge = found.columns.noise_edges[half, 1].max()
    # The square of the chord at that gain is that along and that across the drift.
    along = np.sqrt(np.radians(3.2) ** 2 * np.log(edge / 0.02) / (4 * LN2) - aside**2)
    assert found.seconds[row, half].sum() == pytest.approx(2 * along / rate, rel=2e-3)


@pytest.mark.parametrize(
    "scene",
    [
        {"drift": False},
        {},
        {"duration_s": 300.0, "dec": -70.0},
        {"duration_s": 100_000.0, "dec": 88.5},
        {"beam_fwhm_deg": 0.9, "dec": 0.0},
    ],
)
def test_time_times_area_is_that_of_the_beam(pointed, scene):
    pointings = pointed(**scene)
    fwhm, seconds = pointings.beam_fwhm_deg[0], pointings.duration_s[0]
    found = expose(pointings, 512)
    total = found.total_s.sum() * found.pixel_deg2
    # Pixels are in or out; a drift makes that even.
    assert total == pytest.approx(beam_area(fwhm) * seconds, rel=1e-2 if fwhm < 1 else 2e-3)


def test_time_times_area_over_many_pointings_is_kept_to_a_thousandth(pointed):
    rng = np.random.default_rng(5)
    n = 40
    many = pointed(start_mjd=60000 + 0.1 * np.arange(n), duration_s=rng.uniform(100, 1000, n),
                   ra=rng.uniform(0, 360, n), dec=rng.uniform(-80, 80, n),
                   drift=rng.uniform(size=n) < 0.5)  # fmt: skip
    for frame in ("icrs", "galactic"):
        found = expose(many, 512, frame)
        total = found.total_s.sum() * found.pixel_deg2
        assert total == pytest.approx(beam_area(3.2) * many.duration_s.sum(), rel=1e-3)


@pytest.mark.parametrize(
    "scene",
    [
        {"field_deg": 2.0},
        {"field_deg": 2.0, "field_ra": 17.5, "field_dec": 37.3, "duration_s": 5000.0},
        {"field_deg": 3.0, "beam_fwhm_deg": np.inf},
        {"field_deg": 3.0, "beam_fwhm_deg": np.inf, "dec": 89.2, "duration_s": 40_000.0},
        {"field_deg": 2.5, "drift": False},
    ],
)
def test_histograms_are_those_of_visits(pointed, scene):
    from surveys.coverage.visits import visits

    pointings = pointed(**scene)
    found = expose(pointings, 128)
    ra, dec = found.centres("icrs")
    stays = visits(pointings, ra, dec)
    seconds = np.bincount(stays.place, stays.seconds, minlength=len(ra))
    np.testing.assert_allclose(found.total_s, seconds, rtol=1e-4, atol=0.01)
    # Nothing else is seen from the middle of any pixel.
    elsewhere = np.setdiff1d(np.arange(12 * 128**2), found.pixel)
    lon, lat = healpy.pix2ang(128, elsewhere, nest=True, lonlat=True)
    assert visits(pointings, lon, lat).seconds.sum() < 1
    if np.isfinite(pointings.beam_fwhm_deg[0]):
        power = np.bincount(stays.place, stays.seconds / stays.sigma_1s**2, minlength=len(ra))
        ours = found.seconds @ found.columns.sigma_1s**-2.0
        np.testing.assert_allclose(ours.sum(), power.sum(), rtol=5e-3)


def test_one_noise_is_kept_exactly(pointed):
    found = expose(pointed(beam_fwhm_deg=np.inf, field_deg=2.0, drift=False), 64)
    assert found.columns.sigma_1s.tolist() == [pytest.approx(0.02, rel=1e-12)]
    assert found.area_deg2 == pytest.approx(4.0, rel=0.1)
    half = found.exposure_s(0.14, 1.0)
    np.testing.assert_allclose(half, 1800.0, rtol=1e-5)


def test_parts_add_up_to_the_whole_in_any_order(pointed):
    rng = np.random.default_rng(6)
    n = 12
    many = pointed(start_mjd=60000 + 0.1 * np.arange(n), ra=rng.uniform(0, 20, n),
                   dec=rng.uniform(20, 40, n), drift=rng.uniform(size=n) < 0.5,
                   noise_jy=rng.uniform(0.02, 0.2, n), tsamp_s=rng.choice([0.25, 0.5], n),
                   threshold=rng.choice([7.0, 8.0], n))  # fmt: skip
    whole = expose(many, 64)
    parts = parted(many, 3)
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    sum_of_parts = combined([expose(many.chosen(p), 64) for p in parts])
    np.testing.assert_array_equal(sum_of_parts.pixel, whole.pixel)
    np.testing.assert_array_equal(sum_of_parts.columns.keys(), whole.columns.keys())
    np.testing.assert_allclose(sum_of_parts.columns.sigma_1s, whole.columns.sigma_1s, rtol=1e-5)
    np.testing.assert_allclose(sum_of_parts.seconds, whole.seconds, rtol=1e-4, atol=1e-3)
    assert len(sum_of_parts.pointings) == n


def test_the_map_does_not_hang_on_the_size_of_its_pixels(pointed):
    drift = pointed(duration_s=1800.0)
    areas = []
    for nside in (64, 512):
        found = expose(drift, nside)
        areas.append(found.exposure_s(0.5, 1.0).sum() * found.pixel_deg2)
    assert areas[0] == pytest.approx(areas[1], rel=5e-3)


def test_flagged_time_and_pointings_without_any_are_left_out(pointed):
    none = expose(pointed(searched_s=0.0), 64)
    assert none.area_deg2 == 0
    assert none.seconds.shape == (0, 0)
    assert none.exposure_s(1.0, 1.0).shape == (0,)


def test_edges_are_those_of_bins():
    sigma = np.geomspace(1e-3, 10, 1000)
    k = noise_bin(sigma)
    assert (noise_edge(k) <= sigma * (1 + 1e-12)).all()
    assert (sigma < noise_edge(k + 1) * (1 + 1e-12)).all()


def test_pointings_of_one_kind_are_told_apart_from_those_of_another(pointed):
    two = pointed(start_mjd=[60000.0, 60001.0], max_width_s=[10.0, 100.0], drift=False)
    found = expose(two, 64)
    assert found.exposure_s(10.0, 5.0).max() == pytest.approx(7200, rel=1e-4)
    assert found.exposure_s(10.0, 50.0).max() == pytest.approx(3600, rel=1e-4)
    assert found.exposure_s(10.0, 500.0).max() == 0
    assert isinstance(found.pointings, Pointings)
