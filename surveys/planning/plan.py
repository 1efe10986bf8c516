"""From settings to tiles, windows and schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surveys.errors import InputError
from surveys.planning.calibrators import read_calibrators
from surveys.planning.earth import icrs_of_date, orientation_end_mjd
from surveys.planning.meridian import meridian_of, meridian_schedule
from surveys.planning.regions import Region, Targets, read_region
from surveys.planning.schedule import Schedule
from surveys.planning.settings import PlanSettings
from surveys.planning.steerable import Sky, steerable_schedule
from surveys.planning.strips import strips_of
from surveys.planning.telescopes import Telescope, telescope_of
from surveys.planning.tiles import Tiles, healpix_of, needed, rows_of
from surveys.planning.windows import DAY_S, Limits, Windows, open_windows, passages

METHODS = ("greedy", "optimised")
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
    notes : tuple of str
        What the user should know.
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
    notes: tuple[str, ...]

    @property
    def chosen(self) -> Schedule:
        """The schedule that is written."""
        return self.schedules[self.settings.schedule.method]

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

    def of(method: str) -> Tell:
        half = METHODS.index(method)
        return lambda done, n: tell(half * n + done, len(METHODS) * n)

    if telescope.transit:
        strips, tiles, grid = strips_of(
            region, limits, settings.tiles.overlap, settings.tiles.least_share,
            settings.schedule.step_s,
        )  # fmt: skip
        middle = float(np.mean(settings.time.mjd))
        tile_deg = icrs_of_date(tiles.lon_deg, tiles.lat_deg, middle, telescope.site)
        meridian = meridian_of(strips, limits, calibrators, settings.calibrators, settings.schedule)
        is_up = _ever_passing(strips, meridian.is_open, grid.row_of(tiles.number), tiles.lon_deg)
    else:
        side, overlap = telescope.field_deg, settings.tiles.overlap
        grid = (rows_of if settings.tiles.grid == "rows" else healpix_of)(side, overlap)
        tiles = needed(grid, *region.places(), region.pixel_deg2, settings.tiles.least_share)
        tile_deg = tiles.lon_deg, tiles.lat_deg
        sky = Sky(limits, tiles, calibrators, settings.calibrators, settings.schedule)
        is_up = np.zeros(len(tiles), bool)
        for span in sky.days:
            is_up |= sky.tracks(span).can_begin[: len(tiles)].any(axis=1)
    if not is_up.any():
        _refuse(where, telescope, tile_deg[1])
    if telescope.transit:
        schedules = {m: meridian_schedule(meridian, region, m, of(m)) for m in METHODS}
    else:
        schedules = {m: steerable_schedule(sky, region, m, of(m)) for m in METHODS}
    places = region.targets or Targets(
        tuple(f"tile {n}" for n in tiles.number), *(np.asarray(x) for x in tile_deg)
    )
    find = passages if telescope.transit else open_windows
    windows = find(limits, places.ra_deg, places.dec_deg)
    notes = tuple(_notes(settings, places, windows, is_up, tiles))
    return Plan(
        settings, telescope, limits, region, tiles, places, tile_deg, is_up, windows, schedules,
        notes,
    )  # fmt: skip
