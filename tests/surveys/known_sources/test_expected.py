"""Pulses of known sources: counts by simulation, S/N by a matched filter, times by hand."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from surveys.errors import SettingProblem
from surveys.known_sources.arrivals import arrivals
from surveys.known_sources.expected import (
    STEADY,
    WIDE,
    ExpectedSettings,
    Observation,
    Stay,
    delay_s,
    expected_pulses,
    n_pulses,
    p_pulse,
    snr,
)
from surveys.known_sources.read import read_known
from surveys.known_sources.sources import KnownSources

SEEN = Observation(60500.0, 300.0, 0.1342182159, 1317.125, 1492.90625, 160.8)


@pytest.mark.parametrize(("seconds", "period", "activity"), [
    (300.0, 1318.2, 1.0), (300.0, 70.0, 1.0), (300.0, 70.0, 0.3), (300.0, 421.36, 0.5),
    (300.0, 100.0, 0.25), (300.0, 100.0, 0.0),
])  # fmt: skip
def test_counts_and_probabilities_are_those_of_random_phases(seconds, period, activity):
    """A train of pulses with a random phase, each emitted by chance, laid over the recording."""
    rng, n = np.random.default_rng(4), 40_000
    first = rng.uniform(0, period, n)
    inside = np.floor((seconds - first) / period).astype(int) + 1
    least, most = (int(v) for v in n_pulses(seconds, period))
    assert set(inside) <= {least, most}
    emitted = rng.binomial(inside, activity)
    p = float(p_pulse(seconds, period, activity))
    counted = np.mean(emitted > 0)
    # Five standard deviations of a count.
    assert abs(counted - p) < 5 * np.sqrt(max(p * (1 - p), 1 / n) / n)


def test_probabilities_without_a_period_are_not_known():
    assert np.isnan(p_pulse(100.0, np.nan))
    assert np.isnan(n_pulses(100.0, np.nan)).all()


def test_snr_is_that_of_a_matched_filter():
    """On noise of one sample, whatever the width in samples."""
    noise = 0.05
    sigma = noise * np.sqrt(SEEN.tsamp_s)
    for n in (1, 4, 100):
        template = np.full(n, 0.2)
        ideal = np.sqrt(np.sum(template**2)) / noise
        assert snr(0.2, n * SEEN.tsamp_s, sigma, SEEN) == pytest.approx(ideal)
    # A pulse of a quarter of a sample has a quarter of its flux in it.
    assert snr(0.2, SEEN.tsamp_s / 4, sigma, SEEN) == pytest.approx(0.05 / noise)
    widest = snr(0.2, SEEN.max_width_s, sigma, SEEN)
    assert snr(0.2, 10 * SEEN.max_width_s, sigma, SEEN) == pytest.approx(widest)


def test_the_delay_across_the_band():
    low, high = 1317.125, 1492.90625
    assert delay_s(1000.0, low, high) == pytest.approx(1e6 / 241 * (1e3 / low**2 - 1e3 / high**2))
    # No known long-period transient is delayed by more than 2.9 samples.
    delays = delay_s(read_known("lpt").dm_pc_cm3, low, high)
    assert 2.7 < np.nanmax(delays) / SEEN.tsamp_s < 2.9


def test_a_table_of_known_transients():
    sources = read_known("lpt")
    n = len(sources)
    table = expected_pulses(sources, Stay(np.full(n, 300.0), np.full(n, 0.02)), SEEN)
    assert table["pulses_most"].tolist() == [1.0] * n
    row = table[next(i for i, name in enumerate(table["name"]) if "J1935" in name)]
    assert row["p_pulse"] == pytest.approx(300 / 3225.313)
    flux = 0.119 * (SEEN.middle_mhz / 887) ** -1.6
    assert row["flux_hi"] == pytest.approx(flux)
    assert row["snr_hi"] == pytest.approx(flux * np.sqrt(50) / 0.02)
    assert np.isnan(row["snr_lo"])
    notes = dict(zip(table["name"], table["note"], strict=True))
    assert notes["ASKAP J1839-0756"] == WIDE
    assert notes["GPM J1839-10"] == WIDE
    assert notes["CHIME J1634+44"] == ""


def test_spectra_of_their_own_and_steady_sources():
    sources = KnownSources.of(
        ["own", "default", "fast"], [1, 2, 3], [1, 2, 3], flux_hi_jy=1.0, freq_mhz=700.0,
        spectral_index=[-3.0, np.nan, np.nan], period_s=[10.0, 10.0, 0.01], width_hi_s=1.0,
    )  # fmt: skip
    stay = Stay(np.full(3, 300.0), np.full(3, 0.01))
    table = expected_pulses(sources, stay, SEEN, ExpectedSettings(spectral_index=0.0))
    ratio = SEEN.middle_mhz / 700
    assert np.allclose(table["flux_hi"], [ratio**-3, 1, 1])
    assert table["note"].tolist() == ["", "", STEADY]
    assert np.isnan(table["snr_hi"][2])
    for settings in ({"activity": 1.1}, {"activity": -0.1}, {"spectral_index": 20.0}):
        with pytest.raises(SettingProblem):
            ExpectedSettings(**settings)


@pytest.fixture
def source():
    def make(**more):
        columns = {"period_s": 50.0, "dm_pc_cm3": 300.0, "epoch_mjd": 60400.25} | more
        return KnownSources.of(["x"], [150.0], [20.0], **columns)

    return make


def test_arrivals_are_whole_periods_from_the_epoch_at_the_barycentre(source):
    """Turned back: delay, the way of the light by astropy, and the clock."""
    table = arrivals(source(), SEEN)
    assert len(table) == 6
    middle = EarthLocation.from_geocentric(0 * u.m, 0 * u.m, 0 * u.m)
    mjd = np.asarray(table["mjd"])
    with iers.conf.set_temp("auto_download", False):
        times = Time(60500.0, mjd - 60500.0, format="mjd", scale="utc", location=middle)
        way = times.light_travel_time(SkyCoord(150.0, 20.0, unit="deg"), ephemeris="builtin")
    light_s = way.to_value(u.s)
    late = 300 / 2.41e-4 / SEEN.highest_mhz**2
    since = (times.tdb - Time(60400.25, format="mjd", scale="tdb")).to_value(u.s)
    turns = (since + light_s - late) / 50.0
    assert np.abs(turns - np.rint(turns)).max() * 50 < 1e-4
    assert (times.mjd >= SEEN.start_mjd).all()
    assert (times.mjd <= SEEN.start_mjd + SEEN.duration_s / 86400).all()
    assert np.isnan(table["error"]).all()


def test_arrivals_have_the_error_of_the_period_until_they_are_lost(source):
    table = arrivals(source(period_error_s=1e-6), SEEN)
    n = (60500 - 60400.25) * 86400 / 50
    assert np.allclose(table["error"], n * 1e-6, rtol=1e-2)
    assert len(arrivals(source(period_error_s=1e-4), SEEN)) == 0
    for nothing in ({"epoch_mjd": np.nan}, {"period_s": np.nan}, {"period_s": 0.01}):
        assert len(arrivals(source(**nothing), SEEN)) == 0
