"""When places can be observed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import EarthLocation
from numpy.typing import NDArray

from surveys.planning.earth import DEG_PER_S, SunTrack, horizontal, horizontal_grid, separation_deg
from surveys.planning.settings import TimeSettings
from surveys.planning.telescopes import Telescope

DAY_S = 86400.0
Place = tuple[NDArray, NDArray]
_GRID_S = 300.0
_GRID_DAY = 288
_HALVINGS = 18
"""Of 300 s: to a millisecond."""


@dataclass(frozen=True)
class Windows:
    """Stretches of time in which places can be observed, by place and then by time.

    Attributes
    ----------
    place : (window,) int64
        Which of the places.
    start_mjd, end_mjd : (window,)
        UTC; a window that was open at the start of the plan begins there.
    transit_mjd : (window,)
        When the place is on the meridian, above the pole; NaN where that is outside.
    """

    place: NDArray[np.int64]
    start_mjd: NDArray[np.float64]
    end_mjd: NDArray[np.float64]
    transit_mjd: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.place)


def transits(
    ra_deg: NDArray, dec_deg: NDArray, span_mjd: tuple[float, float], site: EarthLocation
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Times at which places cross the meridian above the pole.

    Returns
    -------
    place : (transit,) int64
    mjd : (transit,)
        UTC, to a millisecond; by place and then by time.
    """
    first, last = span_mjd
    ra, dec = np.atleast_1d(ra_deg), np.atleast_1d(dec_deg)
    day = 360 / DEG_PER_S / DAY_S
    hour = horizontal(ra, dec, np.full(len(ra), first), site)[2]
    # One more at either end: the first guess is some milliseconds off.
    n_days = int(np.ceil((last - first) / day)) + 2
    place = np.repeat(np.arange(len(ra)), n_days)
    turn = np.tile(np.arange(-1, n_days - 1), len(ra))
    mjd = first + ((-hour % 360) / 360)[place] * day + turn * day
    for _ in range(2):
        mjd = mjd - horizontal(ra[place], dec[place], mjd, site)[2] / DEG_PER_S / DAY_S
    inside = (mjd >= first) & (mjd <= last)
    return place[inside], mjd[inside]


def meridian_elevation(altitude_deg: NDArray, azimuth_deg: NDArray) -> NDArray[np.float64]:
    """Elevation from the south point through the zenith to the north point."""
    north = np.cos(np.radians(azimuth_deg)) > 0
    return np.where(north, 180 - altitude_deg, altitude_deg)


class Limits:
    """What a telescope may look at, and when.

    Parameters
    ----------
    telescope : Telescope
    time : TimeSettings
    """

    def __init__(self, telescope: Telescope, time: TimeSettings) -> None:
        self.telescope, self.time = telescope, time
        self.sun = SunTrack(time.mjd, telescope.site)

    def room(
        self, altitude: NDArray, azimuth: NDArray, mjd: NDArray, sun: Place | None = None
    ) -> NDArray[np.float64]:
        """Degrees to the nearest limit (elevation, Sun, night) of directions.

        Negative beyond it. Directions and times are broadcast. Elevations of a transit
        instrument are those on the meridian. The Sun's altitude and azimuth at the times may
        be given.
        """
        is_transit = self.telescope.transit
        elevation = meridian_elevation(altitude, azimuth) if is_transit else altitude
        low, high = self.telescope.elevation_deg
        least = np.minimum(elevation - low, high - elevation)
        return np.minimum(least, self.sun_room(altitude, azimuth, mjd, sun))

    def sun_room(
        self, altitude: NDArray, azimuth: NDArray, mjd: NDArray, sun: Place | None = None
    ) -> NDArray[np.float64]:
        """As :meth:`room`, of the Sun and the night alone."""
        sun_altitude, sun_azimuth = self.sun(mjd) if sun is None else sun
        least = separation_deg(altitude, azimuth, sun_altitude, sun_azimuth) - self.time.sun_deg
        if self.time.night_only:
            least = np.minimum(least, self.time.sun_altitude_deg - sun_altitude)
        return least


def open_windows(limits: Limits, ra_deg: NDArray, dec_deg: NDArray) -> Windows:
    """When a telescope that can turn everywhere may look at places.

    Limits are found on a grid of 5 minutes and then by bisection: what opens and closes between
    two points of it is not seen.
    """
    ra, dec = np.asarray(ra_deg, float), np.asarray(dec_deg, float)
    site, (first, last) = limits.telescope.site, limits.time.mjd
    grid = np.linspace(first, last, max(int(np.ceil((last - first) * DAY_S / _GRID_S)), 1) + 1)
    is_open = np.empty((len(ra), len(grid)), bool)
    for low in range(0, len(grid), _GRID_DAY):
        part = slice(low, low + _GRID_DAY)
        altitude, azimuth = horizontal_grid(ra, dec, grid[part], site)
        is_open[:, part] = limits.room(altitude, azimuth, grid[part]) >= 0
    place, at = np.nonzero(is_open[:, 1:] != is_open[:, :-1])
    low, high, before = grid[at], grid[at + 1], is_open[place, at]
    for _ in range(_HALVINGS if len(place) else 0):
        middle = (low + high) / 2
        same = _is_open(limits, ra[place], dec[place], middle) == before
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    # What is open at either end of the plan begins and ends with it.
    edges = [(place[~before], high[~before]), (np.flatnonzero(is_open[:, 0]), first)]
    ends = [(place[before], low[before]), (np.flatnonzero(is_open[:, -1]), last)]
    which, start = _by_place(edges)
    _, end = _by_place(ends)
    middle = _transits_inside(site, ra, dec, Windows(which, start, end, start))
    return Windows(which, start, end, middle)


def _is_open(limits: Limits, ra: NDArray, dec: NDArray, mjd: NDArray) -> NDArray[np.bool_]:
    altitude, azimuth, _ = horizontal(ra, dec, mjd, limits.telescope.site)
    return limits.room(altitude, azimuth, mjd) >= 0


def _by_place(parts: list[tuple[NDArray, NDArray | float]]) -> tuple[NDArray, NDArray]:
    """Times of places in one list, by place and then by time."""
    place = np.concatenate([p for p, _ in parts])
    mjd = np.concatenate([np.broadcast_to(t, p.shape) for p, t in parts])
    order = np.lexsort((mjd, place))
    return place[order], mjd[order]


def _transits_inside(
    site: EarthLocation, ra: NDArray, dec: NDArray, windows: Windows
) -> NDArray[np.float64]:
    """The first transit in each window, NaN where there is none."""
    found = np.full(len(windows), np.nan)
    if not len(windows):
        return found
    span = windows.start_mjd.min(), windows.end_mjd.max()
    which, mjd = transits(ra, dec, span, site)
    # One number orders by place and then by time.
    at = np.searchsorted(
        which * 1e3 + (mjd - span[0]), windows.place * 1e3 + windows.start_mjd - span[0]
    )
    there = at < len(mjd)
    at = np.minimum(at, len(mjd) - 1)
    there &= (which[at] == windows.place) & (mjd[at] <= windows.end_mjd)
    found[there] = mjd[at[there]]
    return found


def passages(limits: Limits, ra_deg: NDArray, dec_deg: NDArray) -> Windows:
    """When places pass through the field of a telescope that rests on the meridian.

    The field is centred on the declination of the place. Passages that begin before the plan
    or end after it are left out, and so are those beyond a limit at the transit.
    """
    ra, dec = np.asarray(ra_deg, float), np.asarray(dec_deg, float)
    telescope, (first, last) = limits.telescope, limits.time.mjd
    place, mjd = transits(ra, dec, (first, last), telescope.site)
    is_open = _is_open(limits, ra[place], dec[place], mjd)
    place, mjd = place[is_open], mjd[is_open]
    half = passage_s(telescope.field_deg, dec[place]) / 2 / DAY_S
    whole = (mjd - half >= first) & (mjd + half <= last)
    place, mjd, half = place[whole], mjd[whole], half[whole]
    return Windows(place, mjd - half, mjd + half, mjd)


def passage_s(field_deg: float, dec_deg: NDArray) -> NDArray[np.float64]:
    """Time that places take through the middle of a square field at rest.

    The field ends where the eastward direction cosine, cos(dec) sin(h) at the hour angle h, is
    half of its side; a place so near the pole that it never gets there stays for a day.
    """
    half = np.radians(field_deg) / 2
    sine = half / np.maximum(np.cos(np.radians(dec_deg)), 1e-12)
    hour = np.where(sine < 1, np.arcsin(np.minimum(sine, 1)), np.pi)
    return 2 * np.degrees(hour) / DEG_PER_S
