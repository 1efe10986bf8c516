"""Stays of places in beams, against a walk through time in small steps."""

from __future__ import annotations

import numpy as np
import pytest

from surveys.coverage.motion import Epoch, unit_vectors
from surveys.coverage.pointings import Pointings
from surveys.coverage.visits import visits

STEP_S = 10.0


def one(**columns):
    usual = {"start_mjd": 60000.3, "duration_s": 3600.0, "ra": 10.0, "dec": 37.0, "drift": True}
    usual |= {"noise_jy": 0.03, "tsamp_s": 0.134, "beam_fwhm_deg": 3.2, "threshold": 7.0}
    return Pointings.of(**(usual | columns))


def walked(pointings, ra, dec):
    """Seconds inside and mean of gain^2 of places, step by step."""
    times = np.arange(0, pointings.duration_s[0], STEP_S) + STEP_S / 2
    middle = unit_vectors(*(a[0] for a in pointings.at(times[None])))
    places = unit_vectors(ra, dec)
    fwhm = np.radians(pointings.beam_fwhm_deg[0])
    gain = np.exp(-4 * np.log(2) * (2 - 2 * places @ middle.T) / fwhm**2)
    inside = gain >= 0.1
    if np.isfinite(pointings.field_deg[0]):
        half = np.radians(pointings.field_deg[0]) / 2
        if np.isfinite(pointings.field_ra[0]):
            turned, ours = unit_vectors(pointings.field_ra, pointings.field_dec), places
        else:
            epoch = Epoch.of(pointings.start_mjd[0] + pointings.duration_s[0] / 2 / 86400)
            turned, ours = epoch.apparent(middle), epoch.apparent(places)
        east = np.stack([-turned[:, 1], turned[:, 0], 0 * turned[:, 0]], 1)
        east /= np.linalg.norm(east, axis=1)[:, None]
        l, m = ours @ east.T, ours @ np.cross(turned, east).T
        inside &= (np.abs(l) <= half) & (np.abs(m) <= half) & (ours @ turned.T > 0)
    n = inside.sum(1)
    return n * STEP_S, np.where(inside, gain**2, 0).sum(1) / np.maximum(n, 1)


SCENES = [
    {},
    {"dec": -20.0, "field_deg": 1.0},
    {"field_deg": 5.0, "field_ra": 17.0, "field_dec": 37.3},
    {"dec": 89.3, "beam_fwhm_deg": np.inf, "field_deg": 3.0, "duration_s": 90_000.0},
    {"dec": -89.0, "duration_s": 100_000.0},
    {"drift": False, "field_deg": 2.0},
    {"ra": 359.5, "dec": 0.0, "field_deg": 4.0},
]


@pytest.mark.parametrize("scene", SCENES)
def test_stays_are_those_of_a_walk(scene):
    pointings, n = one(**scene), 200
    rng = np.random.default_rng(3)
    ra, dec = (a[0] for a in pointings.at(rng.uniform(0, pointings.duration_s[0], (1, n))))
    dec = np.clip(dec + rng.uniform(-3, 3, n), -90, 90)
    ra = ra + rng.uniform(-3, 3, n) / np.cos(np.radians(dec))
    found = visits(pointings, ra, dec)
    seconds, gain2 = walked(pointings, ra, dec)
    ours = np.bincount(found.place, found.seconds, minlength=n)
    stays = np.bincount(found.place, minlength=n)
    assert (seconds > 0).sum() >= 10
    # Each end of a stay is known to half a step.
    arcsecond = 1 / (15 * np.cos(np.radians(pointings.dec[0])))
    good = np.abs(ours - seconds) <= np.maximum(stays, 1) * (STEP_S * 1.01 + arcsecond)
    # But where the beam grazes a place, an arcsecond of aberration is a minute.
    assert good.mean() > 0.98
    rounded = STEP_S / np.sqrt(6) * np.sqrt(stays.sum())
    assert abs(ours.sum() - seconds.sum()) < 4 * rounded + stays.sum() * arcsecond
    power = np.bincount(found.place, found.seconds / found.sigma_1s**2, minlength=n)
    power = power * pointings.sigma_1s[0] ** 2 / np.maximum(ours, 1e-9)
    long = seconds > 300
    np.testing.assert_allclose(power[long], gain2[long], rtol=0.03)


def test_a_stay_begins_when_the_place_comes_in():
    pointings = one(duration_s=7200.0)
    ra, dec = (float(a[0]) for a in pointings.at(3600.0))
    found = visits(pointings, ra, dec)
    assert len(found) == 1
    middle = found.start_mjd[0] + found.seconds[0] / 2 / 86400
    assert (middle - pointings.start_mjd[0]) * 86400 == pytest.approx(3600, abs=1)
    # From a tenth of the gain to a tenth.
    reach = 3.2 * np.sqrt(np.log(10) / (4 * np.log(2)))
    crossing = 2 * reach / (15.041067 / 3600 * np.cos(np.radians(37)))
    assert found.seconds[0] == pytest.approx(crossing, rel=2e-3)


def test_stays_are_sorted_flags_are_spread_and_far_places_have_none():
    three = Pointings.of(
        start_mjd=[60002.0, 60000.0, 60001.0], duration_s=100.0, searched_s=[50.0, 100.0, 100.0],
        ra=10.0, dec=20.0, noise_jy=1.0, tsamp_s=0.25, beam_fwhm_deg=2.0, threshold=7.0,
    )  # fmt: skip
    found = visits(three, [200.0, 10.0], [20.0, 20.0])
    assert found.place.tolist() == [1, 1, 1]
    assert found.pointing.tolist() == [1, 2, 0]
    assert found.searched_s.tolist() == [100.0, 100.0, 50.0]
    np.testing.assert_allclose(found.sigma_1s, 0.5)
    assert len(visits(three, 200.0, 20.0)) == 0
