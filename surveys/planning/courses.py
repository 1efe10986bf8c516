"""The course of a day of a steerable telescope: greedy, and the best of many."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from surveys.planning.regions import Targets
from surveys.planning.schedule import worth
from surveys.planning.settings import CalibratorSettings, ScheduleSettings
from surveys.planning.tiles import Tiles
from surveys.planning.tracks import Tracks, tracks_of
from surveys.planning.windows import Limits


@dataclass(frozen=True)
class Sky:
    """All that schedules of a steerable telescope are made of.

    Attributes
    ----------
    limits : Limits
    tiles : Tiles
        Of ICRS.
    calibrators : Targets
    calibration : CalibratorSettings
    settings : ScheduleSettings
    """

    limits: Limits
    tiles: Tiles
    calibrators: Targets
    calibration: CalibratorSettings
    settings: ScheduleSettings

    @property
    def days(self) -> list[tuple[float, float]]:
        """Spans of a day each; the last one may be shorter."""
        first, last = self.limits.time.mjd
        edges = [*np.arange(first, last - 1e-9, 1.0), last]
        return [(float(a), float(b)) for a, b in pairwise(edges)]

    def tracks(self, span_mjd: tuple[float, float]) -> Tracks:
        """Where tiles and then calibrators are."""
        ra = np.concatenate([self.tiles.lon_deg, self.calibrators.ra_deg])
        dec = np.concatenate([self.tiles.lat_deg, self.calibrators.dec_deg])
        visit = np.full(len(ra), self.settings.exposure_s)
        visit[len(self.tiles) :] = -self.calibration.duration_s
        return tracks_of(self.limits, (ra, dec), visit, span_mjd, self.settings.step_s)


@dataclass(frozen=True)
class Stop:
    """A visit within a day.

    Attributes
    ----------
    place : int
        Tile, or number of tiles plus calibrator.
    step : int
        At which it begins.
    slew_s : float
    before, after : (float, float)
        Altitude and azimuth of the mount at its start and its end.
    """

    place: int
    step: int
    slew_s: float
    before: tuple[float, float]
    after: tuple[float, float]


@dataclass
class Course:
    """A day as far as it is planned; it grows.

    Attributes
    ----------
    stops : list of Stop
    step : int
        The next free one.
    position : (float, float)
        Altitude and azimuth of the mount.
    calibrated : float
        Step of the last calibrator; long ago where observing begins.
    """

    step: int
    position: tuple[float, float]
    calibrated: float = -np.inf
    stops: list[Stop] = field(default_factory=list)


@dataclass(frozen=True)
class Taste:
    """What a greedy choice looks at.

    Attributes
    ----------
    urgency : float
        How much more a tile counts that soon cannot be begun any more.
    noise : (tile,)
        Factors of the worth of tiles.
    thrift : float
        How much more than other time the time of a slew costs.
    """

    urgency: float
    noise: NDArray[np.float64]
    thrift: float = 1.0


def fill(
    sky: Sky, tracks: Tracks, course: Course, visits: NDArray, taste: Taste
) -> tuple[Course, NDArray[np.float64]]:
    """Go on with a day to its end, each time to what is worth most for its time.

    Parameters
    ----------
    sky : Sky
    tracks : Tracks
    course : Course
        What is planned already; left as it is.
    visits : (tile,)
        Of each tile so far, on all days.
    taste : Taste

    Returns
    -------
    course : Course
    visits : (tile,)
        With those of this course that are new.
    """
    course = replace(course, stops=list(course.stops))
    visits, n_tiles = visits.copy(), len(sky.tiles)
    tile, calibrator = np.arange(n_tiles), n_tiles + np.arange(len(sky.calibrators))
    every = (sky.calibration.every_h or 0.0) * 3600 / tracks.step_s
    value = sky.tiles.area_deg2 * (
        worth(visits + 1, sky.settings.repeat) - worth(visits, sky.settings.repeat)
    )
    while course.step < tracks.n_steps:
        if not tracks.is_lit[course.step]:
            course.step, course.calibrated = course.step + 1, -np.inf
            continue
        due = len(calibrator) and (course.step + tracks.steps[0] > course.calibrated + every)
        stop = None
        if due:
            stop = _nearest(sky, tracks, course, calibrator)
        if stop is None:
            soon = 1 + taste.urgency / (1 + tracks.left[tile, course.step] / tracks.steps[0])
            weighed = value * taste.noise * soon
            stop = _best(sky, tracks, course, (tile, weighed), taste.thrift)
        if stop is None:
            course.step += 1
            continue
        course.stops.append(stop)
        course.step, course.position = stop.step + int(tracks.steps[stop.place]), stop.after
        if stop.place >= n_tiles:
            course.calibrated = course.step
        else:
            visits[stop.place] += 1
            n = visits[stop.place]
            more = worth(n + 1, sky.settings.repeat) - worth(n, sky.settings.repeat)
            value[stop.place] = sky.tiles.area_deg2[stop.place] * more
    return course, visits


def _nearest(sky: Sky, tracks: Tracks, course: Course, places: NDArray) -> Stop | None:
    """The visit of some places that begins first."""
    return _best(sky, tracks, course, (places, np.ones(len(places))))


def _best(
    sky: Sky, tracks: Tracks, course: Course, choice: tuple[NDArray, NDArray], thrift: float = 1.0
) -> Stop | None:
    """The visit that is worth most for its time, the slew counted; none if none is possible.

    The choice is of places and what each of them is worth.
    """
    places, value = choice
    telescope, now = sky.limits.telescope, course.step
    maybe = (value > 0) & (tracks.left[places, now] > 0)
    places, value = places[maybe], value[maybe]
    if not len(places):
        return None
    step = np.full(len(places), now)
    altitude, mount = tracks.mount(telescope, places, step, course.position[1])
    slew = telescope.slew_s(course.position, altitude, mount)
    possible = np.isfinite(slew)
    arrive = now + np.ceil(np.where(possible, slew, 0.0) / tracks.step_s).astype(np.int64)
    possible &= arrive < tracks.n_steps
    arrive = np.minimum(arrive, tracks.n_steps - 1)
    possible &= tracks.can_begin[places, arrive]
    rate = np.where(possible, value / (thrift * (arrive - now) + tracks.steps[places]), -1.0)
    for i in np.argsort(-rate, kind="stable"):
        if rate[i] < 0:
            return None
        stop = _stop(sky, tracks, course, int(places[i]), int(arrive[i]))
        if stop is not None:
            return stop
    return None


def _stop(sky: Sky, tracks: Tracks, course: Course, place: int, arrive: int) -> Stop | None:
    """The visit with the slew to where the place is then: the sky turns meanwhile."""
    telescope, one = sky.limits.telescope, np.array([place])
    while arrive < tracks.n_steps and tracks.can_begin[place, arrive]:
        altitude, mount = tracks.mount(telescope, one, np.array([arrive]), course.position[1])
        slew = float(telescope.slew_s(course.position, altitude, mount)[0])
        if slew <= (arrive - course.step) * tracks.step_s:
            last = arrive + int(tracks.steps[place])
            turn = float(tracks.azimuth_deg[place, last] - tracks.azimuth_deg[place, arrive])
            after = (
                float(tracks.altitude_deg[place, last]),
                float(mount[0]) + (turn + 180) % 360 - 180,
            )
            return Stop(place, arrive, slew, (float(altitude[0]), float(mount[0])), after)
        if not np.isfinite(slew):
            return None
        arrive += 1
    return None


def _cut(course: Course, n: int, tracks: Tracks, first: Course, n_tiles: int) -> Course:
    """The first visits of a course, and no more."""
    stops = course.stops[:n]
    if not stops:
        return first
    calibrations = [s for s in stops if s.place >= n_tiles]
    calibrated = -np.inf
    if calibrations:
        calibrated = calibrations[-1].step + float(tracks.steps[calibrations[-1].place])
    step = stops[-1].step + int(tracks.steps[stops[-1].place])
    return Course(step, stops[-1].after, calibrated, stops)


def improved_day(
    sky: Sky,
    tracks: Tracks,
    first: Course,
    visits: NDArray,
    key: np.random.Generator,
) -> tuple[Course, NDArray[np.float64]]:
    """The best of many ways through a day.

    The greedy one is the first. Each further try keeps the best one up to a visit drawn at
    random and goes on greedily with another taste: other urgency and thrift, and worths
    multiplied by noise.
    """
    n_tiles = len(sky.tiles)
    plain = Taste(0.0, np.ones(n_tiles))
    best, after = fill(sky, tracks, first, visits, plain)
    top = _gain(sky, visits, after)
    for i in range(sky.settings.tries):
        n = int(key.integers(0, len(best.stops) + 1)) if i % 4 else 0
        start = _cut(best, n, tracks, first, n_tiles)
        so_far = visits.copy()
        np.add.at(so_far, [s.place for s in start.stops if s.place < n_tiles], 1.0)
        spread = key.choice([0.0, 0.1, 0.3])
        taste = Taste(
            float(key.choice([0.0, 0.5, 2.0, 8.0])),
            np.exp(spread * key.normal(size=n_tiles)),
            float(key.choice([1.0, 2.0, 5.0])),
        )
        course, found = fill(sky, tracks, start, so_far, taste)
        if (gain := _gain(sky, visits, found)) > top * (1 + 1e-12):
            best, after, top = course, found, gain
    return best, after


def _gain(sky: Sky, before: NDArray, after: NDArray) -> float:
    repeat = sky.settings.repeat
    return float((sky.tiles.area_deg2 * (worth(after, repeat) - worth(before, repeat))).sum())
