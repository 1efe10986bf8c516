"""Limits against surveys of made-up skies, which know nothing of maps and likelihoods."""

from __future__ import annotations

from dataclasses import replace

import healpy
import numpy as np
import pytest
from scipy.stats import poisson

from surveys.coverage.completeness import IdealCompleteness
from surveys.coverage.visits import visits
from surveys.rates.bursts import BurstGrid, PowerLaw, area_times_time
from surveys.rates.fake_surveys import FakeBursts, FakeTrain, count_bursts, sources_seen
from surveys.rates.poisson import central_interval, upper_limit
from surveys.rates.run import periodic_limits
from surveys.rates.settings import PeriodicSettings
from surveys.rates.trains import Stays

N_SURVEYS = 1500
IDEAL = IdealCompleteness(efficiency=0.93)


def least_share(confidence: float, n: int) -> float:
    """What a share that is the confidence may be of so many surveys, at four sigma."""
    return confidence - 4 * np.sqrt(confidence * (1 - confidence) / n)


@pytest.mark.parametrize(
    ("flux", "width", "slope"),
    [(2.0, 3.0, None), (0.3, 1.0, None), (1.2, 0.05, None), (0.3, 1.0, 1.5), (0.3, 1.0, 2.5)],
)
@pytest.mark.parametrize("expected", [0.7, 4.0])
def test_the_true_rate_of_bursts_is_below_its_limit(
    pointings, coverage, flux, width, slope, expected
):
    completeness = IDEAL if slope is None else PowerLaw(IDEAL, slope)
    grid = BurstGrid(np.array([flux]), np.array([width]), completeness)
    exposure = grid.exposure(coverage, area_times_time(coverage))[0, 0]
    bursts = FakeBursts(expected / exposure, flux, width, slope)
    rng = np.random.default_rng(5)
    k = np.array([count_bursts(pointings, bursts, IDEAL, rng) for _ in range(N_SURVEYS)])
    assert k.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / N_SURVEYS))
    covered = upper_limit(k, 0.95) / exposure >= bursts.rate
    assert covered.mean() >= least_share(0.95, N_SURVEYS)
    low, high = central_interval(k, 0.9)
    inside = (low / exposure <= bursts.rate) & (bursts.rate <= high / exposure)
    assert inside.mean() >= least_share(0.9, N_SURVEYS)
    # No better than whole counts allow.
    exact = poisson.pmf(np.arange(60), expected)[upper_limit(np.arange(60), 0.95) >= expected].sum()
    within = 4 * np.sqrt(exact * (1 - exact) / N_SURVEYS) + 0.01
    assert covered.mean() == pytest.approx(exact, abs=within)


@pytest.mark.parametrize(("flux", "slope"), [(2.0, None), (0.2, None), (1.0, 1.5)])
def test_the_map_of_exposure_is_right(pointings, coverage, flux, slope):
    completeness = IDEAL if slope is None else PowerLaw(IDEAL, slope)
    grid = BurstGrid(np.array([flux]), np.array([1.0]), completeness)
    exposure = grid.exposure(coverage, area_times_time(coverage))[0, 0]
    bursts = FakeBursts(40_000 / exposure, flux, 1.0, slope)
    k = count_bursts(pointings, bursts, IDEAL, np.random.default_rng(3))
    # Four standard deviations, and 1 % for pixels and bins of noise.
    assert k == pytest.approx(40_000, rel=4 / 200 + 0.01)


@pytest.fixture(scope="module")
def sky(pointings, coverage):
    """Sources all over the places of the survey, and their visits."""
    rng = np.random.default_rng(2)
    places = periodic_limits(coverage, PeriodicSettings(n_periods=1, n_widths=1), IDEAL, 3.0)
    inside = rng.integers(0, 4**8, 12_000)
    pixel = np.repeat(places.pixel, -(-len(inside) // len(places.pixel)))[: len(inside)]
    lon, lat = healpy.pix2ang(places.nside * 256, pixel * 4**8 + inside, nest=True, lonlat=True)
    ra, dec = healpy.Rotator(coord=("G", "C"))(lon, lat, lonlat=True)
    return len(inside), Stays.of(visits(pointings, ra, dec, coverage.least_gain), pointings)


@pytest.mark.parametrize(
    "train",
    [
        FakeTrain(0.4, 700.0, 3.0),
        FakeTrain(1.0, 5000.0, 60.0, 0.5, "pulse"),
        FakeTrain(0.3, 2500.0, 10.0, 0.6, "visit", "common"),
    ],
)
def test_the_true_number_of_sources_is_below_its_limit(coverage, sky, train):
    n_sources, stays = sky
    settings = PeriodicSettings(
        flux_jy=(train.flux_jy,), period_s=(train.period_s - 1e-3, train.period_s + 1e-3),
        width_s=(train.width_s - 1e-6, train.width_s + 1e-6), n_periods=1, n_widths=1,
        activity=train.activity, activity_of=train.activity_of, phases=train.phases,
    )  # fmt: skip
    limits = periodic_limits(coverage, settings, IDEAL, 3.0)
    total = len(limits.pixel) * limits.pixel_deg2
    p = limits.effective_deg2[0, 0, 0] / total
    rng = np.random.default_rng(7)
    seen = sources_seen(stays, n_sources, train, IDEAL, rng)
    # Middles stand for places: within 3 %, beside what counting leaves.
    assert seen.mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / n_sources) + 0.03 * p)
    for expected in (0.7, 4.0):
        # Each survey has its own sources, so many that this is what it expects to see.
        k = rng.poisson(expected / p, N_SURVEYS)
        chosen = rng.choice(seen, k.sum())
        found = np.add.reduceat(np.append(chosen, False), np.append(0, np.cumsum(k)))[:-1]
        found = np.where(k > 0, found, 0)
        density = expected / p / total
        covered = upper_limit(found, 0.95) / limits.effective_deg2[0, 0, 0] >= density
        assert covered.mean() >= least_share(0.95, N_SURVEYS)


def test_places_may_be_larger_or_smaller(coverage):
    settings = PeriodicSettings(
        flux_jy=(0.4,), period_s=(100.0, 9000.0), width_s=(0.5, 60.0), n_periods=4, n_widths=3
    )
    areas = [
        periodic_limits(coverage, replace(settings, nside=n), IDEAL, 3.0).effective_deg2
        for n in (64, 128, 256)
    ]
    np.testing.assert_allclose(areas[0][0, -1], areas[2][0, -1], rtol=0.06)
    np.testing.assert_allclose(areas[1][0], areas[2][0], rtol=0.03, atol=0.02)


def test_a_fake_survey_needs_beams_that_the_image_goes_with(pointings):
    bursts, rng = FakeBursts(1.0, 1.0, 1.0), np.random.default_rng(0)
    endless = replace(pointings, beam_fwhm_deg=np.full(len(pointings), np.inf))
    with pytest.raises(ValueError, match="need pointings with beams"):
        count_bursts(endless, bursts, IDEAL, rng)
