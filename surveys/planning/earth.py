"""Where the sky is above a site, in numbers that astropy gives as well.

Directions go through ERFA's astrometry of the observer (IAU 2006/2000A: aberration, precession,
nutation, Earth rotation, polar motion) as in astropy's AltAz, without refraction. Nothing is
looked up over the network: Earth orientation is that of the tables that astropy brings along.
Beyond their end UT1 - UTC keeps its last value, which errs by a second of time in some years.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import erfa
import numpy as np
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, get_sun
from astropy.coordinates.erfa_astrom import ErfaAstromInterpolator, erfa_astrom
from astropy.time import Time
from astropy.utils import iers
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

SIDEREAL_DAY_S = 86164.0905
"""Of the stars' return to the meridian, in seconds of UTC (IERS Conventions)."""

DEG_PER_S = 360.0 / SIDEREAL_DAY_S
"""Turn of the sky."""

_KNOTS = 300 * u.s


@contextmanager
def offline() -> Iterator[None]:
    """No network for Earth orientation, and no warnings of times beyond the tables."""
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", AstropyWarning)
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        yield


def orientation_end_mjd() -> float:
    """MJD of the last predicted day of the tables of Earth orientation."""
    with offline():
        table: Any = iers.earth_orientation_table.get()
        return float(table["MJD"][-1].value)


def utc(mjd: ArrayLike) -> Time:
    """Times of MJD in UTC."""
    return Time(np.asarray(mjd, float), format="mjd", scale="utc")


def _astrometry(mjd: NDArray, site: EarthLocation) -> NDArray:
    """What turns directions into those above the site, for every time.

    Slow terms are interpolated between knots 5 minutes apart: microarcseconds.
    """
    if not mjd.size:
        return np.zeros(mjd.shape, erfa.dt_eraASTROM)
    flat = np.unique(mjd)
    with offline(), erfa_astrom.set(ErfaAstromInterpolator(_KNOTS)):
        found = erfa_astrom.get().apco(AltAz(obstime=utc(flat), location=site))
    return np.asarray(found)[np.searchsorted(flat, mjd)]


def horizontal(
    ra_deg: ArrayLike, dec_deg: ArrayLike, mjd: ArrayLike, site: EarthLocation
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Altitude, azimuth and hour angle of directions far away.

    Parameters
    ----------
    ra_deg, dec_deg : array-like
        ICRS.
    mjd : array-like
        UTC. All three are broadcast against each other.
    site : EarthLocation

    Returns
    -------
    altitude, azimuth (from north through east), hour angle (-180 to 180) : degrees
    """
    astrom = _astrometry(np.asarray(mjd, float), site)
    ra, dec = erfa.atciqz(np.radians(ra_deg), np.radians(dec_deg), astrom)
    azimuth, zenith, hour, _, _ = erfa.atioq(ra, dec, astrom)
    return 90 - np.degrees(zenith), np.degrees(azimuth) % 360, _wrapped(np.degrees(hour))


def apparent(
    ra_deg: ArrayLike, dec_deg: ArrayLike, mjd: float, site: EarthLocation
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right ascension (from the CIO) and declination of date, in degrees."""
    astrom = _astrometry(np.asarray(mjd, float), site)
    ra, dec = erfa.atciqz(np.radians(ra_deg), np.radians(dec_deg), astrom)
    return np.degrees(ra) % 360, np.degrees(dec)


def horizontal_grid(
    ra_deg: NDArray, dec_deg: NDArray, mjd: NDArray, site: EarthLocation
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Altitude and azimuth of many directions over a day or so, to 1 arcsec, in degrees.

    Directions of date are those of the middle of the times; only the Earth turns. Both results
    are of shape (direction, time).
    """
    ra, dec = apparent(ra_deg, dec_deg, float(np.mean(mjd)), site)
    hour = np.radians(meridian_ra(mjd, site) - ra[:, None])
    dec, latitude = np.radians(dec)[:, None], site.lat.rad
    north = np.cos(latitude) * np.sin(dec) - np.sin(latitude) * np.cos(dec) * np.cos(hour)
    east = -np.cos(dec) * np.sin(hour)
    up = np.sin(latitude) * np.sin(dec) + np.cos(latitude) * np.cos(dec) * np.cos(hour)
    altitude = np.degrees(np.arctan2(up, np.hypot(north, east)))
    return altitude, np.degrees(np.arctan2(east, north)) % 360


def meridian_ra(mjd: ArrayLike, site: EarthLocation) -> NDArray[np.float64]:
    """Right ascension of date, from the CIO, that is on the meridian; degrees."""
    return np.degrees(_astrometry(np.asarray(mjd, float), site)["eral"]) % 360


def icrs_of_date(
    ra_deg: ArrayLike, dec_deg: ArrayLike, mjd: float, site: EarthLocation
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ICRS of right ascension (from the CIO) and declination of date, in degrees."""
    astrom = _astrometry(np.asarray(mjd, float), site)
    ra, dec = erfa.aticq(np.radians(ra_deg), np.radians(dec_deg), astrom)
    return np.degrees(ra) % 360, np.degrees(dec)


def sidereal_h(mjd: ArrayLike, site: EarthLocation) -> NDArray[np.float64]:
    """Local apparent sidereal time in hours."""
    with offline():
        time = utc(mjd).sidereal_time("apparent", longitude=site.lon)
    return np.asarray(time.to_value("hourangle"), float)


def equatorial(
    altitude_deg: ArrayLike, azimuth_deg: ArrayLike, mjd: ArrayLike, site: EarthLocation
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ICRS right ascension and declination of directions above a site, in degrees."""
    astrom = _astrometry(np.asarray(mjd, float), site)
    zenith = np.radians(90 - np.asarray(altitude_deg, float))
    ra, dec = erfa.atoiq("A", np.radians(azimuth_deg), zenith, astrom)
    ra, dec = erfa.aticq(ra, dec, astrom)
    return np.degrees(ra) % 360, np.degrees(dec)


class SunTrack:
    """The Sun above a site, over a span of time.

    Parameters
    ----------
    span_mjd : (float, float)
        UTC.
    site : EarthLocation

    Its direction, freed of the turn of the Earth, is interpolated between the hours: to 2
    milliarcseconds.
    """

    def __init__(self, span_mjd: tuple[float, float], site: EarthLocation) -> None:
        self.site = site
        first, last = int(np.floor(span_mjd[0] * 24)), int(np.ceil(span_mjd[1] * 24))
        knots = np.arange(first - 2, last + 3) / 24
        with offline(), erfa_astrom.set(ErfaAstromInterpolator(_KNOTS)):
            times = utc(knots)
            place: Any = get_sun(times).transform_to(AltAz(obstime=times, location=site))
        ra, dec = equatorial(place.alt.deg, place.az.deg, knots, site)
        self._vector = CubicSpline(knots, erfa.s2c(np.radians(ra), np.radians(dec)))

    def __call__(self, mjd: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Altitude and azimuth in degrees."""
        ra, dec = erfa.c2s(self._vector(np.asarray(mjd, float)))
        altitude, azimuth, _ = horizontal(np.degrees(ra), np.degrees(dec), mjd, self.site)
        return altitude, azimuth


def separation_deg(
    latitude: ArrayLike, longitude: ArrayLike, latitude2: ArrayLike, longitude2: ArrayLike
) -> NDArray[np.float64]:
    """Angle between directions on any sphere, in degrees like its arguments."""
    a, b = np.radians(latitude), np.radians(latitude2)
    across = np.radians(np.asarray(longitude2, float) - np.asarray(longitude, float))
    # of haversines: right for small angles as well
    square = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(across / 2) ** 2
    return np.asarray(2 * np.degrees(np.arcsin(np.sqrt(np.clip(square, 0, 1)))))


def _wrapped(degrees: NDArray) -> NDArray[np.float64]:
    return (degrees + 180) % 360 - 180
