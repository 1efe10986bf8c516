"""From settings to tiles, windows and schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from surveys.errors import InputError
from surveys.planning.calibrators import read_calibrators
from surveys.planning.courses import Sky
from surveys.planning.earth import icrs_of_date, orientation_end_mjd
from surveys.planning.meridian import meridian_of, meridian_schedule
from surveys.planning.regions import Region, Targets, read_region
from surveys.planning.schedule import METHODS, Schedule
from surveys.planning.settings import PlanSettings
from surveys.planning.steerable import steerable_schedules
from surveys.planning.strips import Strips, strips_of
from surveys.planning.telescopes import Telescope, telescope_of
from surveys.planning.tiles import Tiles, healpix_of, needed, rows_of
from surveys.planning.windows import Limits, Windows, open_windows, passages

Tell = Callable[[int, int], object]


@dataclass(frozen=True)
class Plan:
    """What is planned.

    Attributes
    ----------
    settings : PlanSettings
    telescope : Telescope
    limits : Limits
    region : Region
    tiles : Tiles
        In ICRS, or of date for a transit instrument.
    places : Targets
        The targets, or the middles of the tiles where there are none, in ICRS.
    tile_deg : ((tile,), (tile,))
        Middles of the tiles in ICRS.
    is_up : (tile,) bool
        Whether a tile can be observed at any time of the plan.
    windows : Windows
        Of the places.
    schedules : dict
        By method.
    """

    settings: PlanSettings
    telescope: Telescope
    limits: Limits
    region: Region
    tiles: Tiles
    places: Targets
    tile_deg: tuple[NDArray[np.float64], NDArray[np.float64]]
    is_up: NDArray[np.bool_]
    windows: Windows
    schedules: dict[str, Schedule]

    @property
    def chosen(self) -> Schedule:
        """The schedule that is written."""
        return self.schedules[self.settings.schedule.method]

    @property
    def notes(self) -> list[str]:
        """What the user should know."""
        return list(_notes(self))

    def per_tile(self, values: NDArray) -> NDArray[np.float64]:
        """Mean of values of pixels over the tiles."""
        inside = self.tiles.of_pixel >= 0
        tile, n = self.tiles.of_pixel[inside], len(self.tiles)
        total = np.bincount(tile, np.asarray(values, float)[inside], n)
        return total / np.bincount(tile, minlength=n)


def make_plan(settings: PlanSettings, path: Path, tell: Tell) -> Plan:
    """Plan a survey.

    Parameters
    ----------
    settings : PlanSettings
    path : Path
        Their file: others are looked for beside it.
    tell : callable
        Called with what is done and what there is.

    Raises
    ------
    InputError, SettingProblem
        A file or a value cannot be used, or nothing of the region can ever be observed.
    """
    where = str(path)
    telescope = telescope_of(settings.telescope)
    region = read_region(settings.region, path.parent, where)
    calibrators = read_calibrators(settings.calibrators, path.parent, where)
    limits = Limits(telescope, settings.time)
    make = _on_the_meridian if telescope.transit else _all_over_the_sky
    made = make(settings, limits, region, calibrators, tell)
    schedules = made.schedules
    if not made.is_up.any():
        _refuse(where, telescope, made.tile_deg[1])
    greedy, repeat = schedules["greedy"], settings.schedule.repeat
    if schedules["optimised"].worth_deg2(1.0, repeat) < greedy.worth_deg2(1.0, repeat):
        # What is optimised counts whole tiles; the region has parts of some.
        schedules["optimised"] = replace(greedy, method="optimised")
    names = tuple(f"tile {n}" for n in made.tiles.number)
    places = region.targets or Targets(names, *made.tile_deg)
    find = passages if telescope.transit else open_windows
    windows = find(limits, places.ra_deg, places.dec_deg)
    return Plan(
        settings, telescope, limits, region, made.tiles, places, made.tile_deg, made.is_up,
        windows, schedules,
    )  # fmt: skip


@dataclass(frozen=True)
class _Made:
    """Tiles of a region, their middles in ICRS, whether they are ever up, and schedules."""

    tiles: Tiles
    tile_deg: tuple[NDArray[np.float64], NDArray[np.float64]]
    is_up: NDArray[np.bool_]
    schedules: dict[str, Schedule]


def _on_the_meridian(
    settings: PlanSettings, limits: Limits, region: Region, calibrators: Targets, tell: Tell
) -> _Made:
    telescope, wanted = limits.telescope, settings.tiles
    strips, tiles, grid = strips_of(
        region, limits, wanted.overlap, wanted.least_share, settings.schedule.step_s
    )
    middle = float(np.mean(settings.time.mjd))
    tile_deg = icrs_of_date(tiles.lon_deg, tiles.lat_deg, middle, telescope.site)
    meridian = meridian_of(strips, limits, calibrators, settings.calibrators, settings.schedule)
    is_up = _ever_passing(strips, meridian.is_open, grid.row_of(tiles.number), tiles.lon_deg)
    schedules = {}
    for i, method in enumerate(METHODS if is_up.any() else ()):

        def tell_half(done: int, n: int, i: int = i) -> None:
            tell(i * n + done, len(METHODS) * n)

        schedules[method] = meridian_schedule(meridian, region, method, tell_half)
    return _Made(tiles, tile_deg, is_up, schedules)


def _all_over_the_sky(
    settings: PlanSettings, limits: Limits, region: Region, calibrators: Targets, tell: Tell
) -> _Made:
    side, overlap = limits.telescope.field_deg, settings.tiles.overlap
    grid = (rows_of if settings.tiles.grid == "rows" else healpix_of)(side, overlap)
    tiles = needed(grid, *region.places(), region.pixel_deg2, settings.tiles.least_share)
    sky = Sky(limits, tiles, calibrators, settings.calibrators, settings.schedule)
    schedules, is_up = steerable_schedules(sky, region, tell)
    return _Made(tiles, (tiles.lon_deg, tiles.lat_deg), is_up, schedules)


def _ever_passing(
    strips: Strips, is_open: NDArray[np.bool_], row: NDArray, ra_deg: NDArray
) -> NDArray[np.bool_]:
    """Whether tiles of rows pass the meridian while their strip is open."""
    n = strips.n_turn
    step = np.floor((ra_deg - strips.first_ra_deg) % 360 / 360 * n).astype(np.int64) % n
    turns = np.zeros((max(-(-len(is_open) // n), 1) * n, len(strips.row)), bool)
    turns[: len(is_open)] = is_open
    ever = np.asarray(turns.reshape(-1, n, len(strips.row)).any(axis=0))
    return ever[step, np.searchsorted(strips.row, row)]


def _refuse(where: str, telescope: Telescope, dec_deg: NDArray) -> NoReturn:
    low, high = telescope.elevation_deg
    problem = (
        f"no tile of declination {dec_deg.min():.1f} to {dec_deg.max():.1f} can be observed: it "
        f"never is at an elevation of {low:g} to {high:g}, away from the Sun and within the times"
    )
    remedy = "widen elevation_deg, sun_deg or the times, or take another region"
    raise InputError(where, "region", problem, remedy)


def _notes(plan: Plan) -> Iterator[str]:
    settings, schedule = plan.settings, plan.chosen
    n_never = int((~plan.is_up).sum())
    if n_never:
        yield (
            f"{n_never} of {len(plan.tiles)} tiles can never be observed in these times and "
            "limits: masked in tiles.ecsv"
        )
    if plan.region.targets is not None:
        seen = set(plan.windows.place.tolist())
        never = [name for i, name in enumerate(plan.places.name) if i not in seen]
        if never:
            some = ", ".join(never[:5]) + (", ..." if len(never) > 5 else "")
            yield f"{len(never)} of {len(plan.places)} targets have no window: {some}"
    if schedule.method == "optimised" and schedule.visits == plan.schedules["greedy"].visits:
        yield "no better schedule than the greedy one was found"
    left_out = int((plan.tiles.of_pixel < 0).sum()) * plan.region.pixel_deg2
    if left_out > 0:
        yield f"{left_out:.2g} square degrees are in slivers of tiles that are left out"
    every = settings.calibrators.every_h
    if every is not None and schedule.wait_h > every * 1.05:
        yield f"up to {schedule.wait_h:.1f} h without a calibrator: none is up more often"
    end = orientation_end_mjd()
    if settings.time.mjd[1] > end:
        yield (
            f"tables of Earth orientation end at MJD {end:.0f}: later times may err by a second "
            "(15 arcsec of right ascension)"
        )
    if settings.noise is None:
        yield "pointings.ecsv has no noise, which maps of coverage need: give [noise]"
