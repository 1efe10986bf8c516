"""The sky, visibilities in cells and dirty images, one from another.

The phase centre is the centre of the image, pixel (n - 1) / 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from surveys.interferometer.cells import UvCells


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["rows", "columns", "weight", "pixel_arcsec"],
    meta_fields=["grid"],
)
@dataclass(frozen=True)
class UvSamples:
    """Cells with something in them, each pair of mirror images once.

    Attributes
    ----------
    rows, columns : (cell,) int32
        Places in the half plane; a row beyond the middle is of negative frequency.
    weight : (cell,) float32
        1 / variance of either part, 1 / Jy^2; 0 for those that fill up the list.
    grid : int
    pixel_arcsec : float
    """

    rows: Array
    columns: Array
    weight: Array
    grid: int = field(metadata={"static": True})
    pixel_arcsec: float

    @property
    def steps(self) -> tuple[Array, Array]:
        """Frequencies along x and y in steps of the grid, whole numbers, (cell,)."""
        upper = self.rows > self.grid // 2
        return self.columns.astype(jnp.float32), (
            jnp.where(upper, self.rows - self.grid, self.rows).astype(jnp.float32)
        )

    @property
    def cycles(self) -> tuple[Array, Array]:
        """Cycles per arcsecond along x and along y, (cell,)."""
        kx, ky = self.steps
        step = 1 / (self.grid * self.pixel_arcsec)
        return kx * step, ky * step


def uv_samples(cells: UvCells, multiple: int = 1024) -> UvSamples:
    """The cells with something in them, their number filled up to a multiple."""
    rows, columns = np.nonzero(cells.inverse_variance)
    one_of_two = (columns > 0) | (rows < cells.grid // 2)
    rows, columns = rows[one_of_two], columns[one_of_two]
    fill = -len(rows) % multiple
    weight = np.pad(cells.inverse_variance[rows, columns], (0, fill))
    return UvSamples(
        jnp.asarray(np.pad(rows, (0, fill)), jnp.int32),
        jnp.asarray(np.pad(columns, (0, fill)), jnp.int32),
        jnp.asarray(weight, jnp.float32),
        cells.grid,
        cells.pixel_arcsec,
    )


def _phase(samples: UvSamples, n: int) -> Array:
    """What moves the phase centre from pixel 0 to the centre of n pixels, (cell,)."""
    kx, ky = samples.steps
    turns = (kx + ky) * ((n - 1) / 2 / samples.grid)
    return jnp.exp(2j * math.pi * (turns - jnp.round(turns)))


def _check_square(shape: tuple[int, ...], grid: int) -> int:
    """Pixels of a side.

    Raises
    ------
    ValueError
        If images are not square, or larger than the grid.
    """
    n = shape[-1]
    if len(shape) < 2 or shape[-2] != n or n > grid:
        raise ValueError(f"images of {shape[-2:]} pixels; give square ones of {grid} or fewer")
    return n


def observe_visibilities(sky: Array, samples: UvSamples) -> Array:
    """Visibilities (..., cell) in Jy of images (..., n, n) in Jy/pixel, without noise.

    Cells that fill up the list are 0.
    """
    n = _check_square(sky.shape, samples.grid)
    plane = jnp.fft.rfft2(sky, (samples.grid, samples.grid))
    seen = plane[..., samples.rows, samples.columns] * _phase(samples, n)
    return jnp.where(samples.weight > 0, seen, 0)


def draw_visibilities(key: Array, samples: UvSamples, shape: tuple[int, ...] = ()) -> Array:
    """Thermal noise of visibilities, (shape, cell) in Jy; cells that fill up get none."""
    parts = jax.random.normal(key, (*shape, len(samples.weight), 2))
    seen = samples.weight > 0
    sigma = jnp.where(seen, 1 / jnp.sqrt(jnp.where(seen, samples.weight, 1)), 0)
    return jax.lax.complex(parts[..., 0], parts[..., 1]) * sigma


def dirty_image(
    visibilities: Array, samples: UvSamples, transfer: Array, n: int, whole: bool = False
) -> Array:
    """Dirty images (..., n, n) in Jy/beam of visibilities (..., cell).

    With ``whole``, all pixels of the grid that the n x n are the first of.
    """
    grid = samples.grid
    values = jnp.where(samples.weight > 0, visibilities * jnp.conj(_phase(samples, n)), 0)
    plane = jnp.zeros((*values.shape[:-1], grid, grid // 2 + 1), values.dtype)
    plane = plane.at[..., samples.rows, samples.columns].add(values)
    # The first column holds both of a pair of mirror images.
    mirrored = jnp.where(samples.columns == 0, jnp.conj(values), 0)
    plane = plane.at[..., -samples.rows % grid, samples.columns].add(mirrored)
    shown = grid if whole else n
    return jnp.fft.irfft2(plane * transfer, (grid, grid))[..., :shown, :shown]


def visibilities_of(dirty: Array, samples: UvSamples, transfer: Array, n: int) -> Array:
    """Visibilities (..., cell) of dirty images on the whole grid (..., grid, grid), noise and all.

    The inverse of :func:`dirty_image`, of which the n x n pixels at the beginning are a part.
    """
    plane = jnp.fft.rfft2(dirty)[..., samples.rows, samples.columns]
    seen = samples.weight > 0
    weight = jnp.where(seen, transfer[samples.rows, samples.columns], 1)
    return jnp.where(seen, plane / weight, 0) * _phase(samples, n)


def convolve(sky: Array, transfer: Array) -> Array:
    """Images (..., n, n) seen through a transfer function (..., grid, grid // 2 + 1)."""
    grid = transfer.shape[-2]
    n = _check_square(sky.shape, grid)
    seen = jnp.fft.irfft2(jnp.fft.rfft2(sky, (grid, grid)) * transfer, (grid, grid))
    return seen[..., :n, :n]


def beam_image(transfer: Array, n: int) -> Array:
    """What a transfer function makes of a point, (..., n, n) with the point at n // 2."""
    grid = transfer.shape[-2]
    whole = jnp.fft.irfft2(transfer.astype(jnp.complex64), (grid, grid))
    at = (jnp.arange(n) - n // 2) % grid
    return whole[..., at[:, None], at]


def primary_beam(n: int, pixel_arcsec: float, fwhm_arcsec: float) -> NDArray[np.float32]:
    """Attenuation (n, n) by antennas that look at the centre of the image; a Gaussian."""
    at = (np.arange(n) - (n - 1) / 2) * (pixel_arcsec / fwhm_arcsec)
    return np.exp(-4 * math.log(2) * (at[:, None] ** 2 + at**2)).astype(np.float32)
