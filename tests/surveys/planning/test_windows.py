"""Windows, transits and passages, against astropy and arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import TETE, AltAz, SkyCoord, get_sun

from surveys.planning.earth import SIDEREAL_DAY_S, horizontal, offline, sidereal_h, utc
from surveys.planning.windows import (
    DAY_S,
    meridian_elevation,
    open_windows,
    passage_s,
    passages,
    transits,
)

RA, DEC = (
    np.array([24.42208096, 85.65057465, 202.78453327]),
    np.array([33.15975916, 49.852, 30.509]),
)


def sky_of(site, mjd, ra, dec):
    """Altitude, azimuth, Sun's altitude and distance, by astropy alone."""
    with offline():
        frame = AltAz(obstime=utc(mjd), location=site)
        place = SkyCoord(ra * u.deg, dec * u.deg).transform_to(frame)
        sun = get_sun(utc(mjd)).transform_to(frame)
        distance = SkyCoord(place.az, place.alt).separation(SkyCoord(sun.az, sun.alt)).deg
    return place.alt.deg, place.az.deg, sun.alt.deg, distance


def test_transits_are_when_azimuth_is_on_the_meridian(dsa):
    limits = dsa()
    site = limits.telescope.site
    which, mjd = transits(RA, DEC, limits.time.mjd, site)
    assert [int((which == i).sum()) for i in range(3)] == [2, 2, 2]
    # Half a second before it is east, half a second after it is west of the meridian.
    before, after = (sky_of(site, mjd + s / 2 / DAY_S, RA[which], DEC[which])[1] for s in (-1, 1))
    assert (np.sin(np.radians(before)) > 0).all()
    assert (np.sin(np.radians(after)) < 0).all()


def test_stars_return_a_sidereal_day_later(dsa):
    limits = dsa(end="2026-12-09T00:00:00")
    which, mjd = transits(RA, DEC, limits.time.mjd, limits.telescope.site)
    for i in range(3):
        assert np.diff(mjd[which == i]) * DAY_S == pytest.approx(SIDEREAL_DAY_S, abs=0.05)


def test_sidereal_time_of_a_transit_is_the_right_ascension_of_date(dsa):
    """That of the equinox: 3C286, precessed by astropy."""
    limits = dsa()
    site = limits.telescope.site
    _, mjd = transits(RA[2:], DEC[2:], limits.time.mjd, site)
    with offline():
        place = SkyCoord(RA[2] * u.deg, DEC[2] * u.deg)
        of_date = place.transform_to(TETE(obstime=utc(mjd[0])))
    away = (sidereal_h(mjd[0], site) * 15 - of_date.ra.deg + 180) % 360 - 180
    # In seconds of time; TETE of the geocentre has no diurnal aberration.
    assert abs(away) * 240 < 0.1


@pytest.mark.parametrize(
    "time", [{"sun_deg": 0.0}, {"sun_deg": 60.0}, {"night_only": True, "sun_altitude_deg": -12.0}]
)
def test_windows_open_and_close_at_the_limits(dish, time):
    limits = dish(**time)
    ra = np.append(RA, [250.0, 10.0])
    dec = np.append(DEC, [-22.0, -75.0])
    windows = open_windows(limits, ra, dec)
    assert 4 not in windows.place  # never above 20 degrees
    settings, telescope = limits.time, limits.telescope

    def is_open(mjd, place):
        up, _, sun_up, distance = sky_of(telescope.site, mjd, ra[place], dec[place])
        low, high = telescope.elevation_deg
        found = (up >= low) & (up <= high) & (distance >= settings.sun_deg)
        return found & ((sun_up <= settings.sun_altitude_deg) | (not settings.night_only))

    second = 1 / DAY_S
    first, last = settings.mjd
    inner = np.abs(windows.start_mjd - first) > second, np.abs(windows.end_mjd - last) > second
    for edge, sign, which in zip((windows.start_mjd, windows.end_mjd), (1, -1), inner, strict=True):
        place = windows.place[which]
        assert is_open(edge[which] + sign * second, place).all()
        assert not is_open(edge[which] - sign * second, place).any()
    # And all the time that is open is in a window.
    grid = np.linspace(first, last, 145)
    for i in range(5):
        own = windows.place == i
        inside = (grid[:, None] >= windows.start_mjd[own]) & (grid[:, None] <= windows.end_mjd[own])
        assert np.array_equal(inside.any(axis=1), is_open(grid, np.full(len(grid), i)))


def test_transits_of_windows(dish):
    windows = open_windows(dish(sun_deg=0.0), RA, DEC)
    has = np.isfinite(windows.transit_mjd)
    assert has.any()
    assert (windows.transit_mjd[has] >= windows.start_mjd[has]).all()
    assert (windows.transit_mjd[has] <= windows.end_mjd[has]).all()
    # 3C48 passes 4 degrees from the zenith, above the limit of 85: two windows without one.
    assert not has[windows.place == 0].any()


def test_passages_are_as_long_as_the_field_is_wide(dsa):
    limits = dsa(sun_deg=0.0)
    windows = passages(limits, RA, DEC)
    assert len(windows) == 6
    site = limits.telescope.site
    for mjd in (windows.start_mjd, windows.end_mjd):
        _, _, hour = horizontal(RA[windows.place], DEC[windows.place], mjd, site)
        east = np.cos(np.radians(DEC[windows.place])) * np.sin(np.radians(hour))
        # Precession since J2000 moves declinations by less than 0.2 degrees.
        assert np.abs(east) == pytest.approx(np.radians(1.5), rel=5e-3)


def test_a_passage_over_the_equator_takes_the_turn_of_the_sky():
    assert passage_s(1.0, np.array(0.0)) == pytest.approx(SIDEREAL_DAY_S / 360, rel=1e-4)
    assert passage_s(1.0, np.array(60.0)) == pytest.approx(2 * SIDEREAL_DAY_S / 360, rel=1e-3)
    assert passage_s(1.0, np.array(89.9)) == pytest.approx(SIDEREAL_DAY_S)


def test_a_passage_near_the_sun_is_none(dsa):
    """On 1 December the Sun is at 16.4 h, -21.8 degrees."""
    ra, dec = np.array([247.0, 247.0]), np.array([-21.0, 40.0])
    assert set(passages(dsa(sun_deg=0.0), ra, dec).place) == {0, 1}
    assert set(passages(dsa(sun_deg=10.0), ra, dec).place) == {1}


def test_elevation_on_the_meridian_goes_through_the_zenith():
    assert meridian_elevation(np.array([30.0, 30.0]), np.array([180.0, 0.0])).tolist() == [30, 150]
