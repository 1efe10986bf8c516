"""What a transit instrument sees: strips of declination, hour by hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveys.planning.earth import SIDEREAL_DAY_S, apparent, meridian_ra
from surveys.planning.regions import Region
from surveys.planning.schedule import worth
from surveys.planning.tiles import Rows, Tiles, needed, rows_of
from surveys.planning.windows import DAY_S, Limits, passage_s


@dataclass(frozen=True)
class Strips:
    """A region in strips of declination (of date), cut into equal steps of right ascension.

    A step is the turn of the sky in one step of time: at step k of the plan, step k of right
    ascension (modulo a turn) is on the meridian.

    Attributes
    ----------
    row : (strip,) int64
        In the grid of rows.
    dec_deg, elevation_deg : (strip,)
        Of date; from the south point through the zenith.
    area_deg2 : (strip, step)
        Of the region, in a turn of the sky.
    width : (strip,) int64
        Steps of a passage through the field.
    first_mjd : float
        Begin of step 0.
    first_ra_deg : float
        Right ascension (from the CIO) that is on the meridian then.
    """

    row: NDArray[np.int64]
    dec_deg: NDArray[np.float64]
    elevation_deg: NDArray[np.float64]
    area_deg2: NDArray[np.float64]
    width: NDArray[np.int64]
    first_mjd: float
    first_ra_deg: float

    @property
    def n_turn(self) -> int:
        """Steps of a turn of the sky."""
        return self.area_deg2.shape[1]

    @property
    def step_s(self) -> float:
        return SIDEREAL_DAY_S / self.n_turn

    def mjd(self, step: NDArray | int) -> NDArray[np.float64]:
        """When steps begin."""
        return self.first_mjd + np.asarray(step) * (self.step_s / DAY_S)

    def _in_field(self, values: NDArray) -> NDArray[np.float64]:
        """Sums over the field about each step, (strip, step)."""
        width, n = self.width[:, None], self.n_turn
        cumulative = np.concatenate(
            [np.zeros((len(values), 1)), np.cumsum(np.tile(values, 3), axis=1)], axis=1
        )
        first = np.arange(n, 2 * n)[None] - (width - 1) // 2
        high = np.take_along_axis(cumulative, first + width, 1)
        return high - np.take_along_axis(cumulative, first, 1)

    def gain(self, visits: NDArray, repeat: float) -> NDArray[np.float64]:
        """Worth of each step at each strip, in deg^2, after so many visits; (step, strip)."""
        more = worth(visits + 1, repeat) - worth(visits, repeat)
        return (self._in_field(self.area_deg2 * more) / self.width[:, None]).T

    def area_in_field(self) -> NDArray[np.float64]:
        """Of the region, (step, strip)."""
        return self._in_field(self.area_deg2).T

    def visits_of(self, strip: NDArray, first_step: int) -> NDArray[np.float64]:
        """Whole passages of each step of right ascension, (strip, step).

        Parameters
        ----------
        strip : (time,) int64
            Where the telescope rests at each step of time; -1 for nowhere.
        first_step : int
            Number of the first of them.
        """
        at = np.zeros(self.area_deg2.shape)
        rests = strip >= 0
        step = (first_step + np.flatnonzero(rests)) % self.n_turn
        np.add.at(at, (strip[rests], step), 1.0)
        # Seen from the sky the field reaches as far the other way.
        return self._in_field(at[:, ::-1])[:, ::-1] / self.width[:, None]

    def worth_of(self, visits: NDArray, repeat: float) -> float:
        """Worth of all visits, in deg^2 of first ones."""
        return float((self.area_deg2 * worth(visits, repeat)).sum())


def strips_of(
    region: Region, limits: Limits, overlap: float, least_share: float, step_s: float
) -> tuple[Strips, Tiles, Rows]:
    """Strips and tiles of a region for a transit instrument.

    Returns
    -------
    strips : Strips
    tiles : Tiles
        In the frame of date, in the middle of the plan.
    rows : Rows
    """
    telescope, span = limits.telescope, limits.time.mjd
    grid = rows_of(telescope.field_deg, overlap)
    ra, dec = apparent(*region.places(), float(np.mean(span)), telescope.site)
    tiles = needed(grid, ra, dec, region.pixel_deg2, least_share)
    row = np.unique(grid.row_of(tiles.number))
    n_turn = round(SIDEREAL_DAY_S / step_s)
    kept = tiles.of_pixel >= 0
    strip = np.searchsorted(row, grid.row(dec[kept]))
    begin = float(meridian_ra(span[0], telescope.site))
    step = np.floor((ra[kept] - begin) % 360 / 360 * n_turn).astype(np.int64) % n_turn
    area = np.zeros((len(row), n_turn))
    np.add.at(area, (strip, step), region.pixel_deg2)
    middle = grid.latitude(row)
    passage = passage_s(telescope.field_deg, middle)
    width = np.clip(np.round(passage / (SIDEREAL_DAY_S / n_turn)), 1, n_turn).astype(np.int64)
    elevation = 90 + middle - telescope.site.lat.deg
    return Strips(row, middle, elevation, area, width, span[0], begin), tiles, grid
