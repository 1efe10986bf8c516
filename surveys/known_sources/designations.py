"""What the name of a source says about its position, such as J1839-10 or B0329+54.

By the rules of the IAU a designation is the position *truncated* to the digits that are written,
never rounded: J1935+2148 lies between 21:48 and 21:49. J is of equinox J2000, B of B1950, G has
Galactic longitude and latitude in degrees.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import FK4, Galactic, SkyCoord
from numpy.typing import ArrayLike, NDArray

_EQUATORIAL = re.compile(
    r"(?:^|[^A-Za-z])([JB])(\d{2}|\d{4}|\d{6})(\.\d+)?([+\-−–])(\d{2}|\d{4}|\d{6})(\.\d+)?(?![\d.])"
)
_GALACTIC = re.compile(r"(?:^|[^A-Za-z])(G)(\d{1,3})(\.\d+)?([+\-−–])(\d{1,2})(\.\d+)?(?![\d.])")
_DEG_PER_HOUR = 15.0


@dataclass(frozen=True)
class Designation:
    """The patch of sky that a name stands for.

    Attributes
    ----------
    frame : str
        ``J``, ``B`` or ``G``.
    longitude, latitude : float
        The edges that are nearest to zero, degrees; the latitude without its sign.
    longitude_step, latitude_step : float
        Sizes of the patch: one unit of the last digits, degrees.
    south : bool
    """

    frame: str
    longitude: float
    longitude_step: float
    latitude: float
    latitude_step: float
    south: bool


def offsets_arcsec(
    patches: Sequence[Designation], at: SkyCoord, rounded: bool = False
) -> NDArray[np.float64]:
    """Angles from places to the patch of each, (n,); 0 inside.

    Parameters
    ----------
    patches : (n,) Designation
    at : SkyCoord, (n,)
    rounded : bool
        Whether patches have their values in the middle, not at the edge.
    """
    edges = ("longitude", "longitude_step", "latitude", "latitude_step")
    east, east_step, north, north_step = (
        np.array([getattr(patch, name) for patch in patches], float) for name in edges
    )
    south = np.array([patch.south for patch in patches], bool)
    longitude, latitude = _seen([patch.frame for patch in patches], at)
    shift = 0.5 if rounded else 0.0
    past = (longitude - east + shift * east_step) % 360.0
    beyond = np.clip(np.minimum(past - east_step, 360.0 - past), 0.0, None)
    up = np.where(south, -latitude, latitude) - north + shift * north_step
    over = np.clip(np.maximum(-up, up - north_step), 0.0, None)
    return np.asarray(3600 * np.hypot(beyond * np.cos(np.radians(latitude)), over), np.float64)


def _seen(frames: Sequence[str], at: SkyCoord) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes and latitudes of places in the frames of their names, degrees."""
    longitude, latitude = np.array(at.ra.deg, float), np.array(at.dec.deg, float)
    for frame in ("B", "G"):
        rows = np.flatnonzero(np.array(frames) == frame)
        if len(rows):
            wanted = FK4(equinox="B1950") if frame == "B" else Galactic()
            sky = at[rows].transform_to(wanted).spherical
            longitude[rows], latitude[rows] = sky.lon.deg, sky.lat.deg
    return longitude, latitude


def parse_designation(name: str) -> Designation | None:
    """The patch that a name stands for, or None where it has no coordinates in it."""
    match = _EQUATORIAL.search(name)
    if match is None:
        match = _GALACTIC.search(name)
        if match is None:
            return None
        frame, east, east_part, sign, north, north_part = match.groups()
        longitude, longitude_step = _whole(east, east_part)
        latitude, latitude_step = _whole(north, north_part)
    else:
        frame, east, east_part, sign, north, north_part = match.groups()
        hours, hours_step = _sexagesimal(east, east_part)
        longitude, longitude_step = _DEG_PER_HOUR * hours, _DEG_PER_HOUR * hours_step
        latitude, latitude_step = _sexagesimal(north, north_part)
    if longitude > 360.0 or latitude > 90.0:
        return None
    return Designation(frame, longitude, longitude_step, latitude, latitude_step, sign != "+")


def _whole(digits: str, part: str | None) -> tuple[float, float]:
    """Degrees, and one unit of their last digit."""
    return float(digits + (part or "")), 10.0 ** -(len(part or ".") - 1)


def _sexagesimal(digits: str, part: str | None) -> tuple[float, float]:
    """Hours or degrees of hh, hhmm or hhmmss, and one unit of the last digit."""
    pieces = [digits[i : i + 2] for i in range(0, len(digits), 2)]
    last, step = _whole(pieces[-1], part)
    values = [*map(float, pieces[:-1]), last]
    scale = 60.0 ** -(len(pieces) - 1)
    return sum(v * 60.0**-i for i, v in enumerate(values)), step * scale


def places(ra_deg: ArrayLike, dec_deg: ArrayLike) -> SkyCoord:
    """ICRS positions of degrees."""
    return SkyCoord(np.asarray(ra_deg, float) * u.deg, np.asarray(dec_deg, float) * u.deg)
