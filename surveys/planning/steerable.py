"""Schedules of a steerable telescope, over all days of a plan."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from surveys.planning.courses import Course, Sky, Taste, fill, improved_day
from surveys.planning.pointings import exposure_s
from surveys.planning.regions import Region
from surveys.planning.schedule import METHODS, Schedule, Visit, longest_wait
from surveys.planning.tracks import Tracks
from surveys.planning.windows import DAY_S

Tell = Callable[[int, int], object]


def steerable_schedules(
    sky: Sky, region: Region, tell: Tell
) -> tuple[dict[str, Schedule], NDArray[np.bool_]]:
    """Schedules of a steerable telescope by their methods, day by day.

    Parameters
    ----------
    sky : Sky
    region : Region
    tell : callable
        Told of progress.

    Returns
    -------
    schedules : dict
    is_up : (tile,) bool
        Whether a visit of a tile can begin at any time.
    """
    key = np.random.default_rng(sky.settings.seed)
    telescope, n_tiles = sky.limits.telescope, len(sky.tiles)
    rest = float(np.mean(telescope.elevation_deg)), float(np.mean(telescope.azimuth_deg))
    position, is_up = dict.fromkeys(METHODS, rest), np.zeros(n_tiles, bool)
    total = {method: np.zeros(n_tiles) for method in METHODS}
    visits: dict[str, list[Visit]] = {method: [] for method in METHODS}
    runs: list[tuple[float, float]] = []
    for i, span in enumerate(sky.days):
        tell(i, len(sky.days))
        tracks = sky.tracks(span)
        is_up |= tracks.can_begin[:n_tiles].any(axis=1)
        runs += _runs(tracks)
        for method in METHODS:
            first = Course(0, position[method])
            if method == "optimised":
                course, total[method] = improved_day(sky, tracks, first, total[method], key)
            else:
                plain = Taste(0.0, np.ones(n_tiles))
                course, total[method] = fill(sky, tracks, first, total[method], plain)
            position[method] = course.position
            visits[method] += _visits(sky, tracks, course)
    full = np.full(len(region.pixel), sky.settings.exposure_s)
    schedules = {
        method: Schedule(
            method, tuple(own), exposure_s(region, own, telescope), full, longest_wait(own, runs)
        )
        for method, own in visits.items()
    }
    return schedules, is_up


def _runs(tracks: Tracks) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], tracks.is_lit.astype(np.int8), [0]])))
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(float(tracks.mjd(a)), float(tracks.mjd(b))) for a, b in pairs]


def _visits(sky: Sky, tracks: Tracks, course: Course) -> list[Visit]:
    n_tiles, found = len(sky.tiles), []
    for stop in course.stops:
        start = float(tracks.mjd(stop.step))
        if stop.place < n_tiles:
            name, seconds = f"tile {sky.tiles.number[stop.place]}", sky.settings.exposure_s
            ra, dec = sky.tiles.lon_deg[stop.place], sky.tiles.lat_deg[stop.place]
        else:
            i = stop.place - n_tiles
            name, seconds = sky.calibrators.name[i], sky.calibration.duration_s
            ra, dec = sky.calibrators.ra_deg[i], sky.calibrators.dec_deg[i]
        found.append(
            Visit(
                "tile" if stop.place < n_tiles else "calibrator",
                name,
                start,
                start + seconds / DAY_S,
                stop.slew_s,
                *stop.before,
                float(ra),
                float(dec),
            )
        )
    return found
