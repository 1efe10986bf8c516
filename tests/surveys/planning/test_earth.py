"""Where the sky is, against astropy."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_sun
from hypothesis import given
from hypothesis import strategies as st

from surveys.instruments import dsa110
from surveys.planning.earth import (
    SunTrack,
    apparent,
    equatorial,
    horizontal,
    horizontal_grid,
    icrs_of_date,
    meridian_ra,
    offline,
    orientation_end_mjd,
    separation_deg,
    sidereal_h,
    utc,
)

SITE = dsa110.site()
MJD = 61375.0
ARCSEC = 1 / 3600


@pytest.fixture(scope="module")
def sky():
    key = np.random.default_rng(1)
    ra, dec = key.uniform(0, 360, 60), np.degrees(np.arcsin(key.uniform(-1, 1, 60)))
    return ra, dec, MJD + key.uniform(0, 2, 60)


def altaz(place, mjd):
    with offline():
        found = place.transform_to(AltAz(obstime=utc(mjd), location=SITE))
        return found.alt.deg, found.az.deg


def test_directions_above_a_site_are_those_of_astropy(sky):
    ra, dec, mjd = sky
    altitude, azimuth, _ = horizontal(ra, dec, mjd, SITE)
    expected = altaz(SkyCoord(ra * u.deg, dec * u.deg), mjd)
    assert separation_deg(altitude, azimuth, *expected).max() < 1e-3 * ARCSEC


def test_the_fast_grid_is_as_good_as_an_arcsecond(sky):
    ra, dec, _ = sky
    mjd = MJD + np.linspace(0, 1, 13)
    expected = horizontal(ra[:, None], dec[:, None], mjd, SITE)[:2]
    found = horizontal_grid(ra, dec, mjd, SITE)
    assert separation_deg(*found, *expected).max() < 1 * ARCSEC


def test_back_to_icrs(sky):
    ra, dec, mjd = sky
    altitude, azimuth, _ = horizontal(ra, dec, mjd, SITE)
    found = equatorial(altitude, azimuth, mjd, SITE)
    assert separation_deg(found[1], found[0], dec, ra).max() < 1e-3 * ARCSEC
    of_date = apparent(ra, dec, MJD, SITE)
    found = icrs_of_date(*of_date, MJD, SITE)
    assert separation_deg(found[1], found[0], dec, ra).max() < 1e-3 * ARCSEC


def test_right_ascension_of_date_on_the_meridian_is_the_hour_angle(sky):
    ra, dec, mjd = sky
    hour = horizontal(ra, dec, mjd, SITE)[2]
    of_date = np.array([apparent(r, d, m, SITE)[0] for r, d, m in zip(ra, dec, mjd, strict=True)])
    away = (meridian_ra(mjd, SITE) - of_date - hour + 180) % 360 - 180
    # Diurnal aberration and polar motion.
    assert np.abs(away * np.cos(np.radians(dec))).max() < 1 * ARCSEC


def test_the_sun_is_that_of_astropy():
    mjd = MJD + np.linspace(0, 3, 40)
    altitude, azimuth = SunTrack((MJD, MJD + 3), SITE)(mjd)
    with offline():
        expected = altaz(get_sun(utc(mjd)), mjd)
    assert separation_deg(altitude, azimuth, *expected).max() < 0.002 * ARCSEC


def test_sidereal_time_of_the_almanac():
    """Meeus, Astronomical Algorithms, example 12.a: apparent, Greenwich, 1987 April 10, 0h UT."""
    greenwich = EarthLocation.from_geodetic(0 * u.deg, 51.5 * u.deg)
    expected = 13 + 10 / 60 + 46.1351 / 3600
    with offline():
        # The almanac's 0h is of UT1, ours of UTC.
        late_s = float(utc(46895.0).delta_ut1_utc)
    assert sidereal_h(46895.0, greenwich) * 3600 == pytest.approx(
        expected * 3600 + late_s, abs=0.01
    )


def test_times_beyond_the_tables_need_no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("looked something up over the network")

    monkeypatch.setattr(socket, "socket", refuse)
    late = orientation_end_mjd() + 4000.0
    altitude, azimuth, _ = horizontal(10.0, 20.0, np.array([late]), SITE)
    assert np.isfinite([altitude, azimuth]).all()
    assert np.isfinite(SunTrack((late, late + 0.1), SITE)(late)).all()


@given(st.floats(-90, 90), st.floats(0, 360), st.floats(-90, 90), st.floats(0, 360))
def test_separations(lat, lon, lat2, lon2):
    one, other = SkyCoord(lon, lat, unit="deg"), SkyCoord(lon2, lat2, unit="deg")
    assert separation_deg(lat, lon, lat2, lon2) == pytest.approx(
        one.separation(other).deg, abs=1e-7
    )
