"""Where antennas lie as seen from a direction on the sky: u, v, w.

Earth rotation, polar motion, precession, nutation, aberration and light deflection are
ERFA's (the IAU 2006/2000A models), as astropy uses them.
"""

from __future__ import annotations

from functools import cache

import erfa
import numpy as np
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers
from numpy.typing import NDArray

LIGHT_M_S = 299792458.0

_STEP = 1e-6
"""Radians between the two points that tell where north is."""


@cache
def _iers_table() -> iers.IERS_A:
    # Reading it takes half a second.
    return iers.IERS_A.open(iers.IERS_A_FILE)


def _earth_orientation(times: Time) -> tuple[NDArray, NDArray, NDArray]:
    """UT1 - UTC in seconds and the pole's coordinates in radians.

    From the table that comes with astropy: nothing is looked up over the network. Times
    beyond it have its last values, which errs by a second of time in some years.
    """
    table = _iers_table()
    dut1 = table.ut1_utc(times, return_status=True)[0].to_value("s")
    x, y = (v.to_value("rad") for v in table.pm_xy(times, return_status=True)[:2])
    return np.asarray(dut1), np.asarray(x), np.asarray(y)


def terrestrial_axes(times: Time, centre: SkyCoord, site: EarthLocation) -> NDArray[np.float64]:
    """Axes of u (east), v (north) and w (towards the source) in the frame of the Earth.

    Parameters
    ----------
    times : Time, (time,)
    centre : SkyCoord
        One direction; v points to the north pole of ICRS.
    site : EarthLocation

    Returns
    -------
    (time, 3, 3)
        The rows are the axes, in ITRS.
    """
    utc = times.utc
    dut1, x_pole, y_pole = _earth_orientation(utc)
    astrom, angle = _astrometry(utc, dut1, (x_pole, y_pole), site)
    icrs = centre.icrs
    ra, dec = icrs.ra.rad, icrs.dec.rad

    def apparent(dec: float) -> NDArray[np.float64]:
        """Direction among the axes of the rotating Earth, but for polar motion."""
        ra_cirs, dec_cirs = erfa.atciqz(ra, dec, astrom)
        return erfa.s2c(ra_cirs - angle, dec_cirs)

    w = apparent(dec)
    north = apparent(dec + _STEP) - apparent(dec - _STEP)
    north -= np.sum(north * w, axis=-1, keepdims=True) * w
    v = north / np.linalg.norm(north, axis=-1, keepdims=True)
    axes = np.asarray(np.stack([np.cross(v, w), v, w], axis=-2), np.float64)
    return axes @ _polar_motion(utc, x_pole, y_pole)


def _astrometry(
    utc: Time, dut1: NDArray, pole: tuple[NDArray, NDArray], site: EarthLocation
) -> tuple[NDArray, NDArray]:
    """What ERFA needs to turn ICRS to CIRS as seen from a place, and the Earth rotation angle."""
    place = (site.lon.rad, site.lat.rad, site.height.to_value("m"))
    no_air = (0, 0, 0, 0)
    astrom = erfa.apco13(utc.jd1, utc.jd2, dut1, *place, *pole, *no_air)[0]
    return astrom, erfa.era00(*erfa.utcut1(utc.jd1, utc.jd2, dut1))


def _polar_motion(utc: Time, x_pole: NDArray, y_pole: NDArray) -> NDArray[np.float64]:
    """What turns directions of the rotating Earth, as rows, to ITRS."""
    matrix = erfa.pom00(x_pole, y_pole, erfa.sp00(utc.tt.jd1, utc.tt.jd2))
    return np.swapaxes(matrix, -1, -2)


def meridian_direction(
    times: Time, hour_angle_rad: NDArray[np.floating], dec_rad: float, site: EarthLocation
) -> NDArray[np.float64]:
    """Apparent direction of an hour angle and declination, in ITRS.

    Parameters
    ----------
    times : Time, (time,)
    hour_angle_rad : (time,)
        West of the meridian of the site.
    dec_rad : float
        Apparent declination.
    site : EarthLocation

    Returns
    -------
    (time, 3)
    """
    utc = times.utc
    _, x_pole, y_pole = _earth_orientation(utc)
    east = site.lon.rad - np.asarray(hour_angle_rad)
    direction = erfa.s2c(east, np.full_like(east, dec_rad))
    return np.einsum("ti,tij->tj", direction, _polar_motion(utc, x_pole, y_pole))


def zenith(site: EarthLocation) -> NDArray[np.float64]:
    """Direction of the geodetic zenith, (3,), ITRS."""
    return np.asarray(erfa.s2c(site.lon.rad, site.lat.rad))


def place_on_sky(time: Time, direction: NDArray[np.floating], site: EarthLocation) -> SkyCoord:
    """The place in ICRS that is seen in an apparent direction, (3,), ITRS, at one time."""
    utc = time.utc
    dut1, x_pole, y_pole = _earth_orientation(utc)
    astrom, angle = _astrometry(utc, dut1, (x_pole, y_pole), site)
    east, dec = erfa.c2s(_polar_motion(utc, x_pole, y_pole) @ direction)
    ra, dec = erfa.aticq(east + angle, dec, astrom)
    return SkyCoord(float(ra), float(dec), unit="rad")


def sky_axes(centre: SkyCoord) -> NDArray[np.float64]:
    """Axes of u (east), v (north) and w (towards the source) in ICRS, (3, 3); rows are axes."""
    ra, dec = centre.icrs.ra.rad, centre.icrs.dec.rad
    w = erfa.s2c(ra, dec)
    u = np.array([-np.sin(ra), np.cos(ra), 0.0])
    return np.stack([u, np.cross(w, u), w])


def antenna_uvw(
    antennas: NDArray[np.floating], times: Time, centre: SkyCoord, site: EarthLocation
) -> NDArray[np.float64]:
    """Coordinates of antennas along u, v and w.

    Parameters
    ----------
    antennas : (antenna, 3) float
        ITRS positions relative to the site, in metres.
    times : Time, (time,)
    centre : SkyCoord
    site : EarthLocation

    Returns
    -------
    (time, antenna, 3) float64, in metres
    """
    return np.einsum("tij,aj->tai", terrestrial_axes(times, centre, site), antennas)
