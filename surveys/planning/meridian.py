"""Schedules of a transit instrument, over all days of a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from surveys.planning.calibrators import chosen_transits
from surveys.planning.earth import apparent, equatorial, horizontal
from surveys.planning.paths import MOVING, Day, best_path, greedy_path
from surveys.planning.pointings import exposure_s
from surveys.planning.regions import Region, Targets
from surveys.planning.schedule import Schedule, Visit, longest_wait
from surveys.planning.settings import CalibratorSettings, ScheduleSettings
from surveys.planning.strips import Strips
from surveys.planning.windows import DAY_S, Limits, passage_s, transits

Tell = Callable[[int, int], object]


@dataclass(frozen=True)
class Meridian:
    """All that schedules of a transit instrument are made of.

    Attributes
    ----------
    strips : Strips
    limits : Limits
    is_open : (step, strip) bool
        Whether a strip can be observed: limits of elevation, Sun and night.
    area_deg2 : (step, strip)
        Of the region in the field.
    calibrators : Targets
    elevation_deg : (state,)
        Of strips, then of calibrators.
    calibrations : (calibration, 3) int64
        First step, step after the last, and state of each visit to a calibrator.
    runs_mjd : list of (float, float)
        Stretches in which anything can be observed.
    settings : ScheduleSettings
    """

    strips: Strips
    limits: Limits
    is_open: NDArray[np.bool_]
    area_deg2: NDArray[np.float64]
    calibrators: Targets
    elevation_deg: NDArray[np.float64]
    calibrations: NDArray[np.int64]
    runs_mjd: list[tuple[float, float]]
    settings: ScheduleSettings

    @property
    def n_steps(self) -> int:
        return len(self.is_open)


def meridian_of(
    strips: Strips,
    limits: Limits,
    calibrators: Targets,
    calibration: CalibratorSettings,
    settings: ScheduleSettings,
) -> Meridian:
    """Find out what is open when, and choose the visits to calibrators."""
    first, last = limits.time.mjd
    n_steps = int(np.floor((last - first) * DAY_S / strips.step_s))
    mjd = strips.mjd(np.arange(n_steps) + 0.5)
    low, high = limits.telescope.elevation_deg
    reachable = (strips.elevation_deg >= low) & (strips.elevation_deg <= high)
    altitude = np.where(strips.elevation_deg > 90, 180 - strips.elevation_deg, strips.elevation_deg)
    azimuth = np.where(strips.elevation_deg > 90, 0.0, 180.0)
    room = limits.sun_room(altitude[None], azimuth[None], mjd[:, None])
    is_open = reachable & (room >= 0)
    turns = -(-n_steps // strips.n_turn)
    area = np.tile(strips.area_in_field(), (max(turns, 1), 1))[:n_steps]
    lit = is_open.any(axis=1) if len(strips.row) else np.zeros(n_steps, bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lit.astype(np.int8), [0]])))
    runs = [
        (float(strips.mjd(a)), float(strips.mjd(b)))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]
    visits, elevation = _calibrations(strips, limits, calibrators, calibration, runs)
    elevation = np.concatenate([strips.elevation_deg, elevation])
    return Meridian(strips, limits, is_open, area, calibrators, elevation, visits, runs, settings)


def _calibrations(
    strips: Strips,
    limits: Limits,
    calibrators: Targets,
    settings: CalibratorSettings,
    runs_mjd: list[tuple[float, float]],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Visits (first step, step after the last, state) and elevations of the calibrators."""
    site, n = limits.telescope.site, len(calibrators)
    if not n:
        return np.zeros((0, 3), np.int64), np.zeros(0)
    ra, dec = calibrators.ra_deg, calibrators.dec_deg
    which, mjd = transits(ra, dec, limits.time.mjd, site)
    altitude, azimuth, _ = horizontal(ra[which], dec[which], mjd, site)
    is_up = limits.room(altitude, azimuth, mjd) >= 0
    elevation = 90 + apparent(ra, dec, float(np.mean(limits.time.mjd)), site)[1] - site.lat.deg
    which, mjd = which[is_up], mjd[is_up]
    order = np.argsort(mjd)
    which, mjd = which[order], mjd[order]
    chosen = chosen_transits(mjd, settings, runs_mjd)
    half = settings.duration_s / 2 / DAY_S
    step_d = strips.step_s / DAY_S
    begin = np.floor((mjd[chosen] - half - strips.first_mjd) / step_d).astype(np.int64)
    end = np.ceil((mjd[chosen] + half - strips.first_mjd) / step_d).astype(np.int64)
    return np.stack([begin, end, which[chosen] + len(strips.row)], axis=1), elevation


def _day(meridian: Meridian, first: int, last: int, visits: NDArray) -> Day:
    """The choices between two steps, after so many visits to each step of a strip."""
    strips, n_states = meridian.strips, len(meridian.elevation_deg)
    gain = np.zeros((last - first, n_states))
    step = np.arange(first, last)
    of_turn = strips.gain(visits, meridian.settings.repeat)
    gain[:, : len(strips.row)] = of_turn[step % strips.n_turn] * meridian.is_open[step]
    elevation = meridian.elevation_deg
    slew = meridian.limits.telescope.meridian_slew_s(elevation[:, None], elevation[None])
    moves = np.ceil(slew / strips.step_s - 1e-9).astype(np.int64)
    dwell = np.zeros(n_states, np.int64)
    dwell[: len(strips.row)] = max(int(np.ceil(meridian.settings.dwell_s / strips.step_s)), 1)
    owner = np.full(last - first, -1, np.int64)
    for begin, end, state in meridian.calibrations:
        owner[max(begin - first, 0) : max(end - first, 0)] = state
    return Day(gain, moves, dwell, owner)


def _rests(meridian: Meridian, path: NDArray, first: int) -> NDArray[np.int64]:
    """The strip that is observed at each step, -1 for none."""
    n_strips = len(meridian.strips.row)
    step = first + np.arange(len(path))
    strip = np.where((path >= 0) & (path < n_strips), path, 0)
    seen = meridian.is_open[step, strip] & (meridian.area_deg2[step, strip] > 0)
    return np.where((path >= 0) & (path < n_strips) & seen, path, -1)


def _reachable(meridian: Meridian, method: str, tell: Tell) -> tuple[Meridian, list[NDArray]]:
    """Paths of all days in their order; calibrators that cannot be reached are given up."""
    strips, settings = meridian.strips, meridian.settings
    edges = [*range(0, meridian.n_steps, strips.n_turn), meridian.n_steps]
    visits = np.zeros(strips.area_deg2.shape)
    paths: list[NDArray] = []
    # It begins where the region is highest.
    state = int(np.argmin(np.abs(strips.elevation_deg - 90)))
    for i, (first, last) in enumerate(pairwise(edges)):
        tell(i, len(edges) * settings.passes)
        while True:
            day = _day(meridian, first, last, visits)
            path = best_path(day, state) if method == "optimised" else greedy_path(day, state)
            if path is not None:
                break
            meridian = _without_first(meridian, day, first, state)
        paths.append(path)
        visits += strips.visits_of(_rests(meridian, path, first), first)
        state = _last_state(path, state)
    return meridian, paths


def _without_first(meridian: Meridian, day: Day, first: int, state: int) -> Meridian:
    """Give up the first calibrator that cannot be reached from the one before."""
    begin, end, to = meridian.calibrations.T
    own = np.flatnonzero((end > first) & (begin < first + len(day.owner)))
    free = np.append(first, end[own][:-1])
    needed = day.moves[np.append(state, to[own][:-1]), to[own]]
    late = free + needed > np.maximum(begin[own], first)
    lost = own[int(np.argmax(late))]
    return replace(meridian, calibrations=np.delete(meridian.calibrations, lost, axis=0))


def _last_state(path: NDArray, before: int) -> int:
    rests = path[path != MOVING]
    return int(rests[-1]) if len(rests) else before


def _improved(meridian: Meridian, paths: list[NDArray], tell: Tell) -> list[NDArray]:
    """Plan each day anew, given all the others, as long as it pays."""
    strips, settings = meridian.strips, meridian.settings
    edges = [*range(0, meridian.n_steps, strips.n_turn), meridian.n_steps]
    paths = list(paths)
    of_day = [
        strips.visits_of(_rests(meridian, path, first), first)
        for path, first in zip(paths, edges, strict=False)
    ]
    total = np.sum(of_day, axis=0)
    for turn in range(1, settings.passes):
        changed, state = False, int(np.argmin(np.abs(strips.elevation_deg - 90)))
        for i, (first, last) in enumerate(pairwise(edges)):
            tell(turn * len(paths) + i, len(edges) * settings.passes)
            end = _last_state(paths[i], state)
            rest = np.maximum(total - of_day[i], 0.0)
            path = best_path(_day(meridian, first, last, rest), state, end)
            if path is not None:
                mine = strips.visits_of(_rests(meridian, path, first), first)
                before = strips.worth_of(total, settings.repeat)
                if strips.worth_of(rest + mine, settings.repeat) > before * (1 + 1e-9):
                    paths[i], of_day[i], total, changed = path, mine, rest + mine, True
            state = end
        if not changed:
            break
    return paths


def meridian_schedule(meridian: Meridian, region: Region, method: str, tell: Tell) -> Schedule:
    """A schedule of a transit instrument.

    Parameters
    ----------
    meridian : Meridian
    region : Region
    method : str
        "greedy" or "optimised".
    tell : callable
        Told of progress.
    """
    meridian, paths = _reachable(meridian, method, tell)
    if method == "optimised":
        paths = _improved(meridian, paths, tell)
    path = np.concatenate(paths)
    visits = _visits(meridian, path, _rests(meridian, path, 0))
    telescope = meridian.limits.telescope
    # A whole visit is a passage through the middle of the field, at its own declination.
    full = passage_s(telescope.field_deg, region.places()[1])
    seen = exposure_s(region, visits, telescope)
    return Schedule(method, visits, seen, full, longest_wait(visits, meridian.runs_mjd))


def _visits(meridian: Meridian, path: NDArray, rests: NDArray) -> tuple[Visit, ...]:
    """Runs of the same state, without what is not observed."""
    strips, n_strips = meridian.strips, len(meridian.strips.row)
    shown = np.where(path >= n_strips, path, rests)
    # A calibrator is only observed in its own time; before it the telescope waits there.
    owned = np.zeros(len(path), bool)
    for begin, end, _ in meridian.calibrations:
        owned[begin:end] = True
    shown = np.where((shown >= n_strips) & ~owned, -1, shown)
    edges = np.flatnonzero(np.diff(np.concatenate([[-2], shown, [-2]])))
    elevation, telescope = meridian.elevation_deg, meridian.limits.telescope
    runs = [(a, b, int(shown[a])) for a, b in pairwise(edges) if shown[a] >= 0]
    if not runs:
        return ()
    state = np.array([r[2] for r in runs])
    start, end = (strips.mjd(np.array([r[k] for r in runs])) for k in (0, 1))
    before = np.append(state[0], state[:-1])
    slew = telescope.meridian_slew_s(elevation[before], elevation[state])
    up = elevation[state]
    altitude, azimuth = np.where(up > 90, 180 - up, up), np.where(up > 90, 0.0, 180.0)
    ra, dec = equatorial(altitude, azimuth, start, telescope.site)
    names = [f"strip {strips.dec_deg[s]:+.2f}" for s in range(n_strips)]
    names += list(meridian.calibrators.name)
    return tuple(
        Visit(
            "tile" if s < n_strips else "calibrator",
            names[s],
            *(float(column[i]) for column in (start, end, slew, altitude, azimuth, ra, dec)),
        )
        for i, s in enumerate(state)
    )
