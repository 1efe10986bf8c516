"""Dirty images of visibilities: gridding, one Fourier transform, correction.

An image is ``I(l, m) = sum_k W_k Re[V_k exp(2 pi i (u_k l + v_k m + w_k (n - 1)))] / sum_k W_k``
with ``n = sqrt(1 - l^2 - m^2)``. Visibilities are spread over the cells around theirs, several
times at once, as those of one geometry go to the same cells. The images are real, so half a
plane is gridded. The term in ``w (n - 1)`` is small in the fields that are searched: it enters
as a power series, whose terms are images of ``(i w_k)^j V_k``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from pipeline.block import pixel_bounds

from .kernel import OVERSAMPLING, Kernel, kernel_for
from .turning import phasor

_COLUMNS = 16
MOST_TERMS = 12
"""Terms of the power series in w, beyond which a field is too large for this array."""


@dataclass(frozen=True)
class Grid:
    """Pixels of an image: SIN projection, x towards west.

    Attributes
    ----------
    shape : (ny, nx)
    pixel_rad : float
        Size of a pixel at the centre of the projection.
    offset : (y, x)
        Where pixel n // 2 lies, in pixels from that centre.
    """

    shape: tuple[int, int]
    pixel_rad: float
    offset: tuple[int, int] = (0, 0)

    def cut(self, rows: slice, columns: slice) -> Grid:
        """Some of the pixels."""
        (ny, nx), (y, x) = self.shape, self.offset
        top, bottom, left, right = pixel_bounds(rows, columns, self.shape)
        shape = bottom - top, right - left
        offset = y - ny // 2 + top + shape[0] // 2, x - nx // 2 + left + shape[1] // 2
        return Grid(shape, self.pixel_rad, offset)

    def direction_cosines(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Cosine l of the columns and m of the rows."""
        y, x = (np.arange(n) - n // 2 + o for n, o in zip(self.shape, self.offset, strict=True))
        return -x * self.pixel_rad, y * self.pixel_rad

    @property
    def middle(self) -> tuple[float, float]:
        """Direction cosines (l, m) of pixel n // 2."""
        return -self.offset[1] * self.pixel_rad, self.offset[0] * self.pixel_rad

    def height(self) -> NDArray[np.floating]:
        """The third cosine less 1 of every pixel, (y, x); NaN beyond the horizon."""
        l, m = self.direction_cosines()
        r2 = l[None, :] ** 2 + m[:, None] ** 2
        with np.errstate(invalid="ignore"):
            return -r2 / (1 + np.sqrt(1 - r2))


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["terms", "middle"],
    meta_fields=["kernel", "cells", "cell_rad", "n_columns", "aside"],
)
@dataclass(frozen=True)
class Gridder:
    """What does not depend on the visibilities.

    What is compiled for one serves all of equal sizes, wherever their pixels lie.

    Attributes
    ----------
    terms : (term, y, x) float32
        What the image of each power of w is multiplied by.
    middle : (3,) float32
        Direction cosines l, m and n - 1 of pixel n // 2.
    kernel : Kernel
    cells : (my, mx)
        Size of the grid of cells.
    cell_rad : (float, float)
        What u and v are multiplied by to be in cells, of columns and rows.
    n_columns : int
        Columns of cells, from the middle on, that visibilities reach.
    aside : bool
        Whether the middle is not that of the projection.
    """

    terms: NDArray[np.float32] | jax.Array
    middle: NDArray[np.float32] | jax.Array
    kernel: Kernel
    cells: tuple[int, int]
    cell_rad: tuple[float, float]
    n_columns: int
    aside: bool

    @property
    def n_terms(self) -> int:
        """Powers of w."""
        return len(self.terms)


def make_gridder(
    grid: Grid, uvw: NDArray[np.floating], error: float = 1e-3, most_cells: int = 0
) -> Gridder:
    """Prepare the imaging of baselines no longer than those given.

    Parameters
    ----------
    grid : Grid
    uvw : (..., 3) float
        In wavelengths, of the longest baselines and highest frequency to come.
    error : float
        Largest error relative to the peak of a source, in the inner three quarters of the
        field; in its last pixels it may be three times as large.
    most_cells : int
        The grid of a small image may have so many cells along an axis where its pixels are
        nearly too large.

    Raises
    ------
    ValueError
        If the pixels are too large for the array, or the field too large for its w.
    """
    kernel = kernel_for(error)
    longest = np.abs(uvw).reshape(-1, 3).max(axis=0, initial=0.0)
    l, m, n0 = _middle(grid)
    reach = longest[:2] + longest[2] * np.abs([l, m]) / n0
    spare, sizes = kernel.support / 2 + 1, []
    for axis, (length, n_pixels) in enumerate(zip(reach, grid.shape[::-1], strict=True)):
        usual = _size(n_pixels, kernel)
        finest = (0.5 - spare / max(usual, most_cells)) / max(length, 1e-30)
        least = spare / max(0.5 - grid.pixel_rad * length, 1e-30)
        sizes.append(max(usual, 2 * math.ceil(min(least, max(usual, most_cells)) / 2)))
        if grid.pixel_rad > finest:
            raise ValueError(
                f"pixel_arcsec: {_arcsec(grid.pixel_rad)} is too coarse for baselines of "
                f"{length:.0f} wavelengths along {'uv'[axis]}; at most {_arcsec(finest)}, or "
                "limit the baselines"
            )
    cells = sizes[1], sizes[0]
    height = _above_tangent(grid)
    if np.isnan(height).any():
        raise ValueError(f"size: {grid.shape} pixels reach beyond the horizon; take fewer")
    phase = 2 * np.pi * longest[2] * np.abs(height).max()
    left = (phase**j / math.factorial(j) for j in range(1, MOST_TERMS + 1))
    n_terms = next((j for j, size in enumerate(left, 1) if size <= error / 2), None)
    if n_terms is None:
        raise ValueError(
            f"size: the w-term turns the phase at the edge of the field by {phase:.1f} rad; "
            "take a smaller field, or limit the baselines"
        )
    reached = math.ceil(reach[0] * cells[1] * grid.pixel_rad + kernel.support / 2) + 1
    aside = grid.offset != (0, 0)
    if aside:
        # Images anywhere in a field share what is compiled.
        reached = -(-reached // _COLUMNS) * _COLUMNS
    decay = [
        kernel.transform((np.arange(n) - n // 2) / m)
        for n, m in zip(grid.shape, cells, strict=True)
    ]
    correction = 0.5 / (decay[0][:, None] * decay[1])
    turn = 2 * np.pi * height
    terms = [correction * turn**j / math.factorial(j) for j in range(n_terms)]
    return Gridder(
        terms=np.asarray(terms, np.float32),
        middle=np.array([l, m, n0 - 1], np.float32),
        kernel=kernel,
        cells=cells,
        cell_rad=(-cells[1] * grid.pixel_rad, cells[0] * grid.pixel_rad),
        n_columns=min(reached, cells[1] // 2 + 1),
        aside=aside,
    )


def _middle(grid: Grid) -> tuple[float, float, float]:
    l, m = grid.middle
    return l, m, math.sqrt(max(1 - l**2 - m**2, 1e-12))


def _above_tangent(grid: Grid) -> NDArray[np.floating]:
    """How far the sky is from the plane that touches it in the middle, along n; (y, x)."""
    l, m, n = _middle(grid)
    columns, rows = grid.direction_cosines()
    slope = (l * (columns - l) + m * (rows - m)[:, None]) / n
    return grid.height() + (1 - n) + slope


def _size(n_pixels: int, kernel: Kernel) -> int:
    """Cells along an axis: even, fast to transform, and many times the kernel."""
    least = max(OVERSAMPLING * n_pixels, 16 * kernel.support)
    return 2 * next_fast_len(math.ceil(least / 2), real=True)


def _arcsec(angle: float) -> str:
    return f"{np.degrees(angle) * 3600:.3g} arcsec"


class _Taps(NamedTuple):
    """Cells that visibilities go to, in the half plane of positive columns."""

    column: jax.Array  # (vis,) int32, the first
    row: jax.Array  # (vis,) int32, the first
    over_columns: jax.Array  # (support, vis)
    over_rows: jax.Array  # (support, vis)


def _cells(gridder: Gridder, u: jax.Array, v: jax.Array) -> _Taps:
    x, y = gridder.cell_rad
    column, over_columns = gridder.kernel.taps(u * x)
    row, over_rows = gridder.kernel.taps(v * y)
    return _Taps(column, row, over_columns, over_rows)


def _spread(gridder: Gridder, taps: _Taps, values: jax.Array) -> jax.Array:
    """Values of (vis, real and imaginary time) on the cells, (time, column, row) complex."""
    support, my = gridder.kernel.support, gridder.cells[0]
    spare = support // 2 + 1
    n_columns = gridder.n_columns + spare
    cells = jnp.zeros((n_columns * my, values.shape[1]), values.dtype)
    for i in range(support):
        for j in range(support):
            at = (taps.column + (spare + i)) * my + (taps.row + j) % my
            share = taps.over_columns[i] * taps.over_rows[j]
            cells = cells.at[at].add(values * share[:, None])
    cells = cells.reshape(n_columns, my, 2, -1)
    half = lax.complex(cells[:, :, 0], cells[:, :, 1])
    # What fell on negative columns is the conjugate of what would be at the positive ones.
    mirrored = jnp.conj(jnp.roll(half[: spare + 1, ::-1], 1, axis=1))[::-1]
    return half[spare:].at[: spare + 1].add(mirrored).transpose(2, 0, 1)


def _transformed(gridder: Gridder, half: jax.Array) -> jax.Array:
    """Images (time, y, x) of cells (time, column, row), cut to their pixels between the axes."""
    (_, ny, nx), n_cells = gridder.terms.shape, gridder.cells[1]
    columns = _around_zero(jnp.fft.ifft(half, axis=2, norm="forward"), ny)
    rows = jnp.fft.irfft(columns.transpose(0, 2, 1), n=n_cells, axis=2, norm="forward")
    return _around_zero(rows, nx)


def _around_zero(a: jax.Array, n: int) -> jax.Array:
    """The n values about the first of the last axis, which is periodic, in rising order."""
    before = n // 2
    return jnp.concatenate([a[..., a.shape[-1] - before :], a[..., : n - before]], axis=-1)


@jax.jit
def dirty_images(
    gridder: Gridder, uvw: jax.Array, vis: jax.Array, weights: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Dirty images of visibilities, channel by channel.

    Parameters
    ----------
    gridder : Gridder
    uvw : (channel, vis, 3) float32
        In wavelengths, the same for all times.
    vis : (channel, vis, time) complex64
    weights : (channel, vis, time) float32
        What has weight 0 may be anything.

    Returns
    -------
    images : (time, channel, y, x) float32
        Mean over visibilities, in the unit of the visibilities per beam; NaN without any.
    total : (time, channel) float32
        Sum of weights.
    """
    l, m, below = gridder.middle

    def channel(args: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        uvw, vis, weights = args
        total = jnp.sum(weights, 0)
        weighted = jnp.where(weights > 0, vis * weights, 0)
        if gridder.aside:
            cycles = uvw[:, 0] * l + uvw[:, 1] * m + uvw[:, 2] * below
            weighted = weighted * phasor(cycles)[:, None]
            # What w adds near the middle is a slope, which u and v have as well.
            uvw = uvw.at[:, :2].add(uvw[:, 2:] * (-gridder.middle[:2] / (1 + below)))
        # Of each visibility and its conjugate the one of positive columns.
        turned = jnp.where(uvw[:, 0] > 0, -1, 1)[:, None]
        u, v, w = (uvw * turned).T
        real, imag = jnp.real(weighted), jnp.imag(weighted) * turned
        taps, image = _cells(gridder, u, v), 0.0
        for term in gridder.terms:
            half = _spread(gridder, taps, jnp.concatenate([real, imag], axis=1))
            image += _transformed(gridder, half) * term
            real, imag = -imag * w[:, None], real * w[:, None]
        return image / jnp.where(total > 0, total, jnp.nan)[:, None, None], total

    images, total = lax.map(channel, (uvw, vis, weights))
    return images.transpose(1, 0, 2, 3), total.T
