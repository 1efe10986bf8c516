"""Fields that cover the sphere, and those that a region needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import healpy
import numpy as np
from numpy.typing import NDArray


class Grid(Protocol):
    """Tiles of the whole sphere; longitude and latitude are of the grid's own frame."""

    def number(self, lon_deg: NDArray, lat_deg: NDArray) -> NDArray[np.int64]:
        """Number of the tile that a place belongs to."""
        ...

    def centre(self, number: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitude and latitude of the middles of tiles, in degrees."""
        ...

    def area_deg2(self, number: NDArray) -> NDArray[np.float64]:
        """Of the cells that belong to the tiles; all together are the sphere."""
        ...


def in_square(
    field_deg: float, across_deg: NDArray, lat_deg: NDArray, lat0_deg: NDArray | float
) -> NDArray[np.bool_]:
    """Whether places are in square fields, in orthographic projection.

    Parameters
    ----------
    field_deg : float
        Side.
    across_deg : array
        Longitude from the middle of the field.
    lat_deg, lat0_deg : array
        Latitude of the places and of the middles.
    """
    across, half = np.radians(across_deg), np.radians(field_deg) / 2
    lat, lat0 = np.radians(lat_deg), np.radians(lat0_deg)
    east = np.cos(lat) * np.sin(across)
    north = np.cos(lat0) * np.sin(lat) - np.sin(lat0) * np.cos(lat) * np.cos(across)
    depth = np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(across)
    return (np.abs(east) <= half) & (np.abs(north) <= half) & (depth > 0)


@dataclass(frozen=True)
class Rows:
    """Rows of latitude, each cut into cells that a square field in their middle covers whole.

    Attributes
    ----------
    n_cells : (row,) int64
        From south to north.
    """

    n_cells: NDArray[np.int64]

    @property
    def height_deg(self) -> float:
        return 180.0 / len(self.n_cells)

    @property
    def first(self) -> NDArray[np.int64]:
        """Number of the first cell of each row, and of all cells."""
        return np.append(0, np.cumsum(self.n_cells))

    def latitude(self, row: NDArray | int) -> NDArray[np.float64]:
        """Of the middle of rows, in degrees."""
        return -90 + (np.asarray(row) + 0.5) * self.height_deg

    def row(self, lat_deg: NDArray) -> NDArray[np.int64]:
        """The row that latitudes belong to."""
        row = np.floor((np.asarray(lat_deg) + 90) / self.height_deg).astype(np.int64)
        return np.clip(row, 0, len(self.n_cells) - 1)

    def row_of(self, number: NDArray) -> NDArray[np.int64]:
        """The row of cells."""
        return np.searchsorted(self.first, number, "right") - 1

    def number(self, lon_deg: NDArray, lat_deg: NDArray) -> NDArray[np.int64]:
        row = self.row(lat_deg)
        n = self.n_cells[row]
        cell = np.floor(np.asarray(lon_deg) % 360 / 360 * n).astype(np.int64)
        return self.first[row] + np.minimum(cell, n - 1)

    def centre(self, number: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        row = self.row_of(number)
        cell = np.asarray(number) - self.first[row]
        return (cell + 0.5) * 360.0 / self.n_cells[row], self.latitude(row)

    def area_deg2(self, number: NDArray) -> NDArray[np.float64]:
        row = self.row_of(number)
        middle, half = np.radians(self.latitude(row)), np.radians(self.height_deg) / 2
        band = 2 * np.cos(middle) * np.sin(half) * 2 * np.pi
        return np.degrees(np.degrees(band)) / self.n_cells[row]


def rows_of(field_deg: float, overlap: float) -> Rows:
    """Rows for square fields of a side, of which a share is seen by the next one as well.

    Rows are ``field (1 - overlap)`` high or less. Cells are as wide as this, and narrower where
    the corners of a cell, whose rows are no great circles, would leave the field.
    """
    wanted = field_deg * (1 - overlap)
    n_rows = int(np.ceil(180 / wanted))
    middle = -90 + (np.arange(n_rows) + 0.5) * 180 / n_rows
    half = 90 / n_rows
    nearest_equator = np.maximum(np.abs(middle) - half, 0.0)
    n_cells = np.ceil(360 * np.cos(np.radians(nearest_equator)) / wanted).astype(np.int64)
    n_cells = np.maximum(n_cells, 3)
    while True:
        fits = np.ones(n_rows, bool)
        for corner in (middle - half, middle + half):
            fits &= in_square(field_deg, 180 / n_cells, corner, middle)
        if fits.all():
            return Rows(n_cells)
        n_cells = np.where(fits, n_cells, n_cells + 1)


@dataclass(frozen=True)
class Healpix:
    """Pixels of HEALPix in rings, of any NSIDE.

    Attributes
    ----------
    nside : int
    """

    nside: int

    def number(self, lon_deg: NDArray, lat_deg: NDArray) -> NDArray[np.int64]:
        return np.asarray(healpy.ang2pix(self.nside, lon_deg, lat_deg, lonlat=True), np.int64)

    def centre(self, number: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return healpy.pix2ang(self.nside, number, lonlat=True)

    def area_deg2(self, number: NDArray) -> NDArray[np.float64]:
        return np.full(np.shape(number), healpy.nside2pixarea(self.nside, degrees=True))


def healpix_of(field_deg: float, overlap: float) -> Healpix:
    """The largest pixels that circles inside of the fields cover, less the overlap."""
    radius = np.radians(field_deg) * (1 - overlap) / 2
    nside = 1
    while healpy.max_pixrad(nside) > radius:
        nside += 1
    return Healpix(nside)


@dataclass(frozen=True)
class Tiles:
    """The tiles of a region.

    Attributes
    ----------
    number : (tile,) int64
        In the grid.
    lon_deg, lat_deg : (tile,)
        Of their middles, in the frame of the grid.
    area_deg2 : (tile,)
        Of the region that belongs to each.
    of_pixel : (pixel,) int64
        Tile of each pixel of the region, -1 for those left out.
    """

    number: NDArray[np.int64]
    lon_deg: NDArray[np.float64]
    lat_deg: NDArray[np.float64]
    area_deg2: NDArray[np.float64]
    of_pixel: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.number)


def needed(
    grid: Grid, lon_deg: NDArray, lat_deg: NDArray, pixel_deg2: float, least_share: float
) -> Tiles:
    """Tiles that pixels belong to.

    A tile with less of the region than a share of its own area is left out, unless no larger
    one is there.
    """
    number, of_pixel, counts = np.unique(
        grid.number(lon_deg, lat_deg), return_inverse=True, return_counts=True
    )
    area = counts * pixel_deg2
    share = area / grid.area_deg2(number)
    kept = share >= min(least_share, share.max())
    place = np.where(kept, np.cumsum(kept) - 1, -1)
    number = number[kept]
    return Tiles(number, *grid.centre(number), np.asarray(area[kept], np.float64), place[of_pixel])
