"""Cells of the sky: boxes of longitude and latitude, or HEALPix pixels."""

from __future__ import annotations

from dataclasses import dataclass

import healpy
import numpy as np
from numpy.typing import ArrayLike, NDArray

from surveys.rates.settings import CellSettings


@dataclass(frozen=True)
class Cells:
    """Cells that have something in them, sorted.

    Attributes
    ----------
    number : (c,) int
        Of HEALPix: the pixel, NESTED. Of boxes: counted along longitude, from the south.
    lon, lat : (c,), degrees
        Their middles.
    of_place : (place,) int
        Index of the cell that each place is in.
    """

    number: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    of_place: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.number)

    def sums(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sums over the places of each cell, (c, ...)."""
        out = np.zeros((len(self), *values.shape[1:]))
        np.add.at(out, self.of_place, values)
        return out


def cells_of(lon_deg: ArrayLike, lat_deg: ArrayLike, settings: CellSettings) -> Cells:
    """Find the cells that places are in.

    Boxes have edges at whole multiples of their side in latitude, from the south pole. A row of
    them has as many around as come nearest to squares, beginning at longitude 0: near the equator
    of the frame all are as wide as high.

    Parameters
    ----------
    lon_deg, lat_deg : (place,)
        In the frame of the settings.
    settings : CellSettings
    """
    lon, lat = np.atleast_1d(np.asarray(lon_deg, float) % 360, np.asarray(lat_deg, float))
    number = cell_numbers(lon, lat, settings)
    cells, which = np.unique(number, return_inverse=True)
    middle = _healpix_middles if settings.kind == "healpix" else _box_middles
    return Cells(cells, *middle(cells, settings), which)


def cell_numbers(
    lon_deg: ArrayLike, lat_deg: ArrayLike, settings: CellSettings
) -> NDArray[np.int64]:
    """Number of the cell that each place is in."""
    lon, lat = np.asarray(lon_deg, float) % 360, np.asarray(lat_deg, float)
    if settings.kind == "healpix":
        return np.asarray(healpy.ang2pix(settings.nside, lon, lat, nest=True, lonlat=True))
    around, first = _rows(settings.side_deg)
    row = np.clip(((lat + 90) // settings.side_deg).astype(np.int64), 0, len(around) - 1)
    return first[row] + np.minimum((lon / 360 * around[row]).astype(np.int64), around[row] - 1)


def _rows(side_deg: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many boxes each row has, and the number of the first."""
    n = int(np.ceil(180 / side_deg - 1e-9))
    edges = np.minimum(-90 + side_deg * np.arange(n + 1), 90)
    middle = (edges[1:] + edges[:-1]) / 2
    around = np.maximum(np.rint(360 * np.cos(np.radians(middle)) / side_deg), 1).astype(np.int64)
    return around, np.append(0, np.cumsum(around)[:-1])


def _box_middles(
    number: NDArray[np.int64], settings: CellSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    around, first = _rows(settings.side_deg)
    row = np.searchsorted(first, number, "right") - 1
    south = -90 + settings.side_deg * row
    north = np.minimum(south + settings.side_deg, 90)
    return (number - first[row] + 0.5) * 360 / around[row], (south + north) / 2


def _healpix_middles(
    number: NDArray[np.int64], settings: CellSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lon, lat = healpy.pix2ang(settings.nside, number, nest=True, lonlat=True)
    return np.asarray(lon), np.asarray(lat)
