"""Images on other pixels, with no light lost: each pixel gives what lies over the new one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array


def overlap(n_in: int, n_out: int, ratio: Array, offset: Array) -> Array:
    """Shares of each pixel along one axis that fall into the pixels of another grid.

    Parameters
    ----------
    n_in, n_out : int
        Pixels of both grids, whose middles coincide but for the offset.
    ratio : Array
        Size of a new pixel in old ones.
    offset : Array
        By how many new pixels the light is moved.

    Returns
    -------
    Array
        (n_out, n_in).
    """
    edges = (jnp.arange(n_out + 1) - n_out / 2 - offset) * ratio + n_in / 2
    low, high = edges[:-1, None], edges[1:, None]
    pixel = jnp.arange(n_in)
    return jnp.clip(jnp.minimum(high, pixel + 1) - jnp.maximum(low, pixel), 0.0, 1.0)


@jax.default_matmul_precision("highest")
def resampled(image: Array, n_out: int, ratio: Array, offset: Array | None = None) -> Array:
    """An image on other pixels.

    Parameters
    ----------
    image : Array
        (..., y, x) flux in each pixel.
    n_out : int
        Side of the new image.
    ratio : Array
        Size of a new pixel in old ones.
    offset : Array, optional
        By how many new pixels the light is moved along y and x.

    Returns
    -------
    Array
        (..., n_out, n_out). Light outside of it is lost.
    """
    offset = jnp.zeros(2) if offset is None else offset
    rows, columns = (
        overlap(n, n_out, ratio, offset[i]).astype(image.dtype)
        for i, n in enumerate(image.shape[-2:])
    )
    return rows @ image @ columns.T
