"""Sources that pulse: the probability to see one, against sources that are simulated."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from scipy.special import ndtr

from surveys.coverage.completeness import IdealCompleteness
from surveys.coverage.exposure import expose
from surveys.coverage.motion import unit_vectors
from surveys.coverage.pointings import Pointings
from surveys.coverage.visits import visits
from surveys.rates.fake_surveys import FakeTrain, sources_seen
from surveys.rates.periodic import Trains, p_seen
from surveys.rates.run import periodic_limits
from surveys.rates.settings import PeriodicSettings
from surveys.rates.trains import Stays, lengths_and_shares

IDEAL = IdealCompleteness()
N_SOURCES = 20_000


def stays_of(seconds, sigma=0.01, live=1.0, begin=None, place=None, max_width=1e4) -> Stays:
    """Visits of one place, of which the noise is given."""
    seconds = np.atleast_1d(np.asarray(seconds, float))
    n = len(seconds)
    begin = 1e5 * np.arange(n) if begin is None else np.asarray(begin, float)
    full = [np.broadcast_to(v, n).astype(float) for v in (live, sigma, 0.1, 7.0, max_width)]
    where = np.zeros(n, np.int64) if place is None else np.asarray(place)
    full[1] = full[1][:, None]
    return Stays(where, begin + seconds / 2, seconds, *full)


def repeated(stays: Stays, n: int) -> Stays:
    """The visits of one place for many sources."""
    tiled = {
        name: np.concatenate([getattr(stays, name)] * n)
        for name in ("middle_s", "seconds", "live", "sigma_1s", "tsamp_s", "threshold",
                     "max_width_s")
    }  # fmt: skip
    return Stays(np.repeat(np.arange(n), len(stays)), **tiled)


def one(stays: Stays, train: FakeTrain) -> float:
    """The probability for one period and width."""
    trains = Trains(
        train.flux_jy, np.array([train.period_s]), np.array([train.width_s]), train.activity,
        train.activity_of, train.phases,
    )  # fmt: skip
    return float(p_seen(stays, 1, trains, IDEAL)[0, 0, 0])


def simulated(stays: Stays, train: FakeTrain, seed: int = 1, n: int = N_SOURCES) -> float:
    rng = np.random.default_rng(seed)
    return float(sources_seen(repeated(stays, n), n, train, IDEAL, rng).mean())


def error(p: float, n: int = N_SOURCES) -> float:
    """Four standard deviations of a counted share."""
    return 4 * np.sqrt(max(p * (1 - p), 1 / n) / n) + 1e-9


def test_a_visit_shorter_than_the_period_sees_a_pulse_as_often_as_it_touches_one():
    # Very bright pulses are found by any part of them.
    for seconds, width in ((100.0, 5.0), (3.0, 20.0)):
        p = one(stays_of(seconds, sigma=1e-9), FakeTrain(1.0, 1000.0, width))
        assert p == pytest.approx((seconds + width) / 1000, rel=0.001)


def test_what_is_found_of_edges_is_what_is_left_of_the_pulse():
    # A threshold that is sharp: of a pulse of twice the threshold a quarter is enough.
    sharp = IdealCompleteness(threshold=7e4)
    stays = replace(stays_of(100.0, sigma=1.0), threshold=np.array([7e4]))
    flux = 14e4 / np.sqrt(20.0)
    length, share = lengths_and_shares(stays, flux, np.array([20.0]), sharp)
    assert share == pytest.approx(1.0)
    assert length == pytest.approx(100 - 20 + 2 * 20 * 0.75, rel=0.005)
    # In a visit that is shorter than the pulse, as long as what is needed can be seen.
    short = replace(stays, seconds=np.array([10.0]))
    length, _ = lengths_and_shares(short, flux, np.array([20.0]), sharp)
    assert length == pytest.approx(20 - 10 + 2 * (10 - 5), rel=0.02)


def test_long_visits_see_a_pulse_for_certain():
    assert one(stays_of(1000.0), FakeTrain(1.0, 100.0, 2.0)) == pytest.approx(1.0, abs=1e-12)
    half = FakeTrain(1.0, 100.0, 2.0, activity=0.5)
    assert one(stays_of(1000.0), half) == pytest.approx(0.5, abs=1e-9)
    by_pulse = replace(half, activity_of="pulse")
    assert one(stays_of(1000.0), by_pulse) == pytest.approx(1 - 0.5**10, abs=1e-5)


CASES = list(
    product(
        [(300.0, 5.0, 1.0), (900.0, 30.0, 0.05), (100.0, 60.0, 0.05), (40.0, 4.0, 1.0)],
        [("visit", 1.0), ("visit", 0.4), ("pulse", 0.4)],
        ["independent", "common"],
    )
)


@pytest.mark.parametrize(("train", "activity", "phases"), CASES)
def test_the_probability_is_that_of_simulated_sources(train, activity, phases):
    period, width, flux = train
    of, share = activity
    stays = stays_of(
        [120.0, 250.0, 30.0, 80.0],
        sigma=[0.02, 0.05, 0.03, 0.04],
        live=[1.0, 0.9, 1.0, 0.8],
        begin=[0.0, 1010.0, 2345.0, 7077.0],
    )
    fake = FakeTrain(flux, period, width, share, of, phases)
    p = one(stays, fake)
    assert 0.05 < p <= 1
    # Pulses at both edges of one visit together are what is neglected.
    assert p == pytest.approx(simulated(stays, fake), abs=error(p) + 0.003)


def test_common_phases_are_the_union_of_arcs():
    begin = np.array([0.0, 130.0, 790.0, 1111.0, 5020.0])
    seconds = np.array([50.0, 90.0, 20.0, 300.0, 10.0])
    stays = stays_of(seconds, sigma=1e-9, begin=begin)
    period = np.array([130.0, 400.0, 777.0])
    trains = Trains(1.0, period, np.array([1e-6]), phases="common")
    phase = (np.arange(400_000) + 0.5) / 400_000
    for i, p in enumerate(period):
        covered = np.zeros(len(phase), bool)
        for b, t in zip(begin, seconds, strict=True):
            covered |= (phase * p - b) % p < t
        assert p_seen(stays, 1, trains, IDEAL)[0, i, 0] == pytest.approx(covered.mean(), abs=2e-5)


def test_places_are_on_their_own_and_blocks_change_nothing():
    rng = np.random.default_rng(0)
    n = 700
    place = np.sort(rng.choice(np.arange(0, 60, 2), n))
    stays = stays_of(rng.uniform(20, 400, n), sigma=rng.uniform(0.02, 0.3, n), place=place)
    trains = Trains(1.0, np.geomspace(100, 3e4, 4), np.array([0.5, 5.0, 50.0]), 0.7)
    for phases in ("independent", "common"):
        together = p_seen(stays, 61, replace(trains, phases=phases), IDEAL)
        assert together.shape == (61, 4, 3)
        assert (together[1::2] == 0).all()
        assert ((together >= 0) & (together <= 1)).all()
        here = place == 10
        alone = replace(stays, **{f: getattr(stays, f)[here] for f in vars(stays)})
        np.testing.assert_allclose(
            together[10], p_seen(alone, 61, replace(trains, phases=phases), IDEAL)[10], rtol=1e-9
        )


def test_nothing_is_seen_without_visits_of_what_is_not_searched_or_too_faint():
    trains = Trains(1.0, np.array([100.0]), np.array([1.0, 20.0, 100.0]))
    nowhere = stays_of(np.zeros(0))
    assert (p_seen(nowhere, 2, trains, IDEAL)[:, :, :2] == 0).all()
    seen = p_seen(stays_of(50.0, max_width=10.0), 1, trains, IDEAL)[0, 0]
    assert seen[0] > 0.4
    assert seen[1] == 0
    # As long as the period: no pulse.
    assert np.isnan(seen[2])
    faint = p_seen(stays_of(50.0, sigma=100.0), 1, trains, IDEAL)
    assert np.nanmax(faint) < 1e-9
    assert np.nanmin(faint) >= 0


def test_visits_of_pointings_are_taken_over(pointings):
    ra, dec = np.array([85.0, 300.0, 87.5]), np.array([27.2, 0.0, 28.0])
    found = visits(pointings, ra, dec)
    stays = Stays.of(found, pointings)
    assert set(stays.place) == {0, 2}
    np.testing.assert_allclose(stays.live, 0.9)
    np.testing.assert_allclose(stays.tsamp_s, 0.134)
    begin = (found.start_mjd - found.start_mjd.min()) * 86400
    np.testing.assert_allclose(stays.middle_s, begin + stays.seconds / 2, atol=1e-3)
    flagged = replace(pointings, searched_s=np.zeros(len(pointings)))
    assert len(Stays.of(visits(flagged, ra, dec), flagged)) == 0


@pytest.mark.parametrize("peak_snr", [7.0, 9.0, 14.0, 35.0])
@pytest.mark.parametrize(("period", "width"), [(5000.0, 1.0), (400.0, 20.0), (100.0, 1.0)])
def test_pulses_in_a_beam_that_drifts_are_found_by_the_gain_of_their_moment(
    peak_snr, period, width
):
    fwhm, half_s, sigma = 3.2, 3000.0, 0.04
    pointing = Pointings.of(
        start_mjd=60000.0, duration_s=2 * half_s, ra=100.0, dec=30.0, drift=True,
        noise_jy=sigma / np.sqrt(0.1), tsamp_s=0.1, beam_fwhm_deg=fwhm, threshold=7.0,
    )  # fmt: skip
    ra, dec = (float(a[0]) for a in pointing.at(half_s))
    stays = Stays.of(visits(pointing, ra, dec), pointing)
    flux = peak_snr * sigma / np.sqrt(width)
    p = one(stays, FakeTrain(flux, period, width))
    # Pulse after pulse through the middle of the beam, at each phase.
    turns = np.arange(-(half_s // period) - 2, half_s // period + 2)
    begin = ((np.arange(20_000) + 0.5)[:, None] / 20_000 + turns) * period
    aside = (begin + width / 2) * 15.041067 / 3600 * np.cos(np.radians(dec)) / fwhm
    gain = np.exp(-4 * np.log(2) * aside**2)
    found = np.where(gain >= 0.1, ndtr(peak_snr * gain - 7), 0.0)
    assert p == pytest.approx(1 - np.prod(1 - found, axis=1).mean(), rel=0.1)


def test_common_phases_are_those_at_the_barycentre():
    ra, dec = 90.0, 23.4
    half_a_year = Pointings.of(
        start_mjd=60000.0 + np.array([0.0, 100.0, 182.6]), duration_s=100.0, ra=ra, dec=dec,
        noise_jy=0.01, tsamp_s=0.1, beam_fwhm_deg=3.2, threshold=7.0,
    )  # fmt: skip
    found = visits(half_a_year, ra, dec)
    middle = Stays.of(found, half_a_year, unit_vectors(ra, dec)[None]).middle_s
    site = EarthLocation.from_geocentric(0, 0, 6.4e6, unit="m")
    times = Time(found.start_mjd + 50 / 86400, format="mjd", scale="utc", location=site)
    way = times.light_travel_time(SkyCoord(ra, dec, unit="deg"), ephemeris="builtin")
    wanted = (times.tdb + way - times.tdb[0] - way[0]).to_value("s")
    np.testing.assert_allclose(middle - middle[0], wanted, atol=0.05)
    assert np.ptp(way.to_value("s")) > 300
    # Limits take it: what was on the same phase at the telescope is not any more.
    period = 182.6 * 86400 / 20_000
    coverage = expose(half_a_year.chosen([0, 2]), 64)
    settings = PeriodicSettings(
        flux_jy=(100.0,), period_s=(period * (1 - 1e-9), period * (1 + 1e-9)), width_s=(0.99, 1.01),
        n_periods=1, n_widths=1, phases="common",
    )  # fmt: skip
    seen = periodic_limits(coverage, settings, IDEAL, 3.0).seen
    assert (seen > 1.5 * 100 / period).all()
