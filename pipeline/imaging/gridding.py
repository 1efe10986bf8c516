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
from functools import cached_property, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from .kernel import OVERSAMPLING, Kernel, kernel_for

MOST_TERMS = 12
"""Terms of the power series in w, beyond which a field is too large for this array."""


@dataclass(frozen=True)
class Grid:
    """Pixels of an image: SIN projection, x towards west, its centre at pixel n // 2.

    Attributes
    ----------
    shape : (ny, nx)
    pixel_rad : float
        Size of a pixel at the centre.
    """

    shape: tuple[int, int]
    pixel_rad: float

    def direction_cosines(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Cosine l of the columns and m of the rows."""
        ny, nx = self.shape
        l, m = (-(np.arange(nx) - nx // 2), np.arange(ny) - ny // 2)
        return l * self.pixel_rad, m * self.pixel_rad

    def height(self) -> NDArray[np.floating]:
        """The third cosine less 1 of every pixel, (y, x); NaN beyond the horizon."""
        l, m = self.direction_cosines()
        r2 = l[None, :] ** 2 + m[:, None] ** 2
        with np.errstate(invalid="ignore"):
            return -r2 / (1 + np.sqrt(1 - r2))


@dataclass(frozen=True)
class Gridder:
    """What does not depend on the visibilities; a static argument of compiled functions.

    Gridders of one grid and array are equal, and share what was compiled for them.

    Attributes
    ----------
    grid : Grid
    kernel : Kernel
    cells : (my, mx)
        Size of the grid of cells.
    n_terms : int
        Powers of w.
    """

    grid: Grid
    kernel: Kernel
    cells: tuple[int, int]
    n_terms: int

    @cached_property
    def terms(self) -> NDArray[np.float32]:
        """What the image of each power of w is multiplied by, (term, y, x)."""
        decay = [
            self.kernel.transform((np.arange(n) - n // 2) / m)
            for n, m in zip(self.grid.shape, self.cells, strict=True)
        ]
        correction = 0.5 / (decay[0][:, None] * decay[1])
        turn = 2 * np.pi * self.grid.height()
        powers = [turn**j / math.factorial(j) for j in range(self.n_terms)]
        return np.asarray(correction * powers, np.float32)


def make_gridder(grid: Grid, uvw: NDArray[np.floating], error: float = 1e-3) -> Gridder:
    """Prepare the imaging of baselines no longer than those given.

    Parameters
    ----------
    grid : Grid
    uvw : (..., 3) float
        In wavelengths, of the longest baselines and highest frequency to come.
    error : float
        Largest error relative to the peak of a source, in the inner three quarters of the
        field; in its last pixels it may be three times as large.

    Raises
    ------
    ValueError
        If the pixels are too large for the array, or the field too large for its w.
    """
    kernel = kernel_for(error)
    cells = _size(grid.shape[0], kernel), _size(grid.shape[1], kernel)
    longest = np.abs(uvw).reshape(-1, 3).max(axis=0, initial=0.0)
    for axis, (length, n) in enumerate(zip(longest[:2], cells[::-1], strict=True)):
        finest = (0.5 - (kernel.support / 2 + 1) / n) / max(length, 1e-30)
        if grid.pixel_rad > finest:
            raise ValueError(
                f"pixel: {_arcsec(grid.pixel_rad)} is too coarse for baselines of {length:.0f} "
                f"wavelengths along {'uv'[axis]}; at most {_arcsec(finest)}, or limit the baselines"
            )
    height = grid.height()
    phase = 2 * np.pi * longest[2] * np.nanmax(np.abs(height))
    if np.isnan(height).any():
        raise ValueError(f"shape: {grid.shape} pixels reach beyond the horizon; take fewer")
    left = (phase**j / math.factorial(j) for j in range(1, MOST_TERMS + 1))
    n_terms = next((j for j, size in enumerate(left, 1) if size <= error / 2), None)
    if n_terms is None:
        raise ValueError(
            f"shape: the w-term turns the phase at the edge of the field by {phase:.1f} rad; "
            "take a smaller field, or limit the baselines"
        )
    return Gridder(grid, kernel, cells, n_terms)


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
    my, mx = gridder.cells
    column, over_columns = gridder.kernel.taps(-u * (mx * gridder.grid.pixel_rad))
    row, over_rows = gridder.kernel.taps(v * (my * gridder.grid.pixel_rad))
    return _Taps(column, row, over_columns, over_rows)


def _spread(gridder: Gridder, taps: _Taps, values: jax.Array) -> jax.Array:
    """Values of (vis, real and imaginary time) on the cells, (row, column, time) complex."""
    support, (my, mx) = gridder.kernel.support, gridder.cells
    spare = support // 2 + 1
    n_columns = mx // 2 + 1 + spare
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
    return half[spare:].at[: spare + 1].add(mirrored).transpose(1, 0, 2)


@partial(jax.jit, static_argnums=0)
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
    (ny, nx), (my, mx) = gridder.grid.shape, gridder.cells
    rows, columns = ((np.arange(n) - n // 2) % m for n, m in ((ny, my), (nx, mx)))

    def channel(args: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        uvw, vis, weights = args
        total = jnp.sum(weights, 0)
        weighted = jnp.where(weights > 0, vis * weights, 0)
        # Of each visibility and its conjugate the one of positive columns.
        turned = jnp.where(uvw[:, 0] > 0, -1, 1)[:, None]
        u, v, w = (uvw * turned).T
        real, imag = jnp.real(weighted), jnp.imag(weighted) * turned
        taps, image = _cells(gridder, u, v), 0.0
        for term in gridder.terms:
            half = _spread(gridder, taps, jnp.concatenate([real, imag], axis=1))
            plane = jnp.fft.irfft2(half.transpose(2, 0, 1), s=(my, mx), norm="forward")
            image += plane[:, rows][:, :, columns] * term
            real, imag = -imag * w[:, None], real * w[:, None]
        return image / jnp.where(total > 0, total, jnp.nan)[:, None, None], total

    images, total = lax.map(channel, (uvw, vis, weights))
    return images.transpose(1, 0, 2, 3), total.T
