"""Visibilities averaged into the cells of a uv grid.

The cells are those of ``rfft2`` on a grid of pixels of the sky. A visibility is taken to be
measured at the middle of its cell: that, and not the track itself, is what a mock observation
observes. With it the dirty image, its noise and the visibilities are related exactly, by one
transform.

Images have north up and east to the left: x is to the west, y to the north.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from surveys.errors import SettingProblem
from surveys.interferometer.tracks import ARCSEC, Coverage

MOST_LOST = 0.5
"""Share of the weight that may fall into the middle cell."""


@dataclass(frozen=True)
class UvCells:
    """What was measured in each cell.

    The whole plane is symmetric, so that each visibility is in two of its cells. The middle cell is
    empty: no interferometer measures the total flux.

    Attributes
    ----------
    pixel_arcsec : float
    inverse_variance : (grid, grid // 2 + 1)
        Sum over visibilities of 1 / variance of either part, 1 / Jy^2.
    counts : (grid, grid // 2 + 1)
        Visibilities.
    lost : float
        Share of the weight that fell into the middle cell.
    """

    pixel_arcsec: float
    inverse_variance: NDArray[np.float64]
    counts: NDArray[np.int64]
    lost: float = 0.0

    @property
    def grid(self) -> int:
        """Pixels of a side of the image."""
        return len(self.counts)

    @property
    def multiplicity(self) -> NDArray[np.float64]:
        """How many cells of the whole plane each column stands for, (grid // 2 + 1,)."""
        return column_multiplicity(self.grid)


def column_multiplicity(grid: int) -> NDArray[np.float64]:
    """Columns of the whole plane that each column of ``rfft2`` stands for."""
    times = np.full(grid // 2 + 1, 2.0)
    times[0] = 1.0
    if grid % 2 == 0:
        times[-1] = 1.0
    return times


def frequencies(grid: int, pixel_arcsec: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cycles per arcsecond along x (1, grid // 2 + 1) and along y (grid, 1)."""
    step = 1 / (grid * pixel_arcsec)
    along_x = np.asarray(np.arange(grid // 2 + 1) * step, np.float64)
    along_y = np.asarray(np.fft.fftfreq(grid, pixel_arcsec), np.float64)
    return along_x[None, :], along_y[:, None]


def padded_grid(n: int, padding: float = 2.0) -> int:
    """Smallest even size, quick to transform, of at least ``padding`` times n pixels."""
    size = int(np.ceil(padding * n))
    while size % 2 or scipy.fft.next_fast_len(size, real=True) != size:
        size += 1
    return size


def average_into_cells(
    coverage: Coverage, sigma_jy: NDArray[np.floating], grid: int, pixel_arcsec: float
) -> UvCells:
    """Average visibilities into the cells of a grid.

    Parameters
    ----------
    coverage : Coverage
    sigma_jy : (sample,)
        Standard deviation of either part of each visibility.
    grid : int
        Pixels of a side, even.
    pixel_arcsec : float

    Raises
    ------
    ValueError
        If pixels are too large for the longest baseline, or the field too small for all of them.
    """
    if grid < 4 or grid % 2:
        raise ValueError(f"grid is {grid}; give an even number of pixels, 4 or more")
    if not pixel_arcsec > 0:
        raise ValueError(f"pixel_arcsec is {pixel_arcsec}; give a number above 0")
    field = grid * pixel_arcsec * ARCSEC
    # East is towards smaller x.
    kx, ky = np.rint(-coverage.u * field).astype(int), np.rint(coverage.v * field).astype(int)
    longest = max(np.abs(kx).max(), np.abs(ky).max())
    if longest >= grid // 2:
        most = float(np.hypot(coverage.u, coverage.v).max())
        problem = (
            f"pixels of {pixel_arcsec:g} arcsec are too large for baselines of {most:.4g} "
            "wavelengths"
        )
        raise SettingProblem("pixel_arcsec", problem, f"give {0.49 / most / ARCSEC:.3g} or less")
    weight = 1 / np.square(np.broadcast_to(np.asarray(sigma_jy, np.float64), kx.shape))
    middle = (kx == 0) & (ky == 0)
    lost = float(weight[middle].sum() / weight.sum())
    if lost > MOST_LOST:
        problem = (
            f"{100 * lost:.0f} % of the visibilities are in the middle cell of a field of "
            f"{grid * pixel_arcsec:g} arcsec"
        )
        raise SettingProblem("n_pixels", problem, "give a larger grid")
    kx, ky, weight = kx[~middle], ky[~middle], weight[~middle]
    # The mirror image of each is as well measured; the half plane holds columns from 0 up.
    kx, ky = np.concatenate([kx, -kx]), np.concatenate([ky, -ky])
    half = kx >= 0
    place = ky[half] % grid * (grid // 2 + 1) + kx[half]
    shape = grid, grid // 2 + 1
    size = shape[0] * shape[1]
    twice = np.concatenate([weight, weight])[half]
    return UvCells(
        pixel_arcsec,
        np.asarray(np.bincount(place, twice, size), np.float64).reshape(shape),
        np.bincount(place, minlength=size).reshape(shape),
        lost,
    )
