"""Matched filter over the image: what a point source of the PSF's shape is best measured by."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

LEAST_SHARE = 0.5
"""Share of the template's power that must not be flagged."""

_PRECISION = 1e-6


def _correlated(image: jax.Array, kernel: NDArray[np.floating]) -> jax.Array:
    """Correlation of (..., y, x) with a kernel, zero beyond the edges.

    The kernel is taken apart into products of a column and a row, of which a Gaussian has
    one and other beams a few: far fewer operations than one for each of its pixels.
    """
    u, s, v = np.linalg.svd(np.asarray(kernel, float), full_matrices=False)
    rank = int(np.sum(s > _PRECISION * s[0])) if s[0] > 0 else 0
    total = jnp.zeros_like(image)
    for i in range(rank):
        rows = _along(image, v[i], image.ndim - 1)
        total += _along(rows, u[:, i] * s[i], image.ndim - 2)
    return total


def _along(x: jax.Array, taps: NDArray[np.floating], axis: int) -> jax.Array:
    reach, n = len(taps) // 2, x.shape[axis]
    pad = [(reach, reach) if a == axis else (0, 0) for a in range(x.ndim)]
    padded = jnp.pad(x, pad)
    parts = [
        float(tap) * lax.slice_in_dim(padded, i, i + n, axis=axis) for i, tap in enumerate(taps)
    ]
    return sum(parts[1:], parts[0])


def matched_filter(x: jax.Array, template: NDArray[np.floating]) -> jax.Array:
    """Least-squares flux of a point source at every pixel, in noise that is white on the sky.

    The sum of pixels times template over the sum of the template's squares, both over the
    pixels that hold data and lie in the image.

    Parameters
    ----------
    x : (time, channel, y, x) float32
        What is not finite is flagged.
    template : (ky, kx) NumPy array
        Point source of unit flux, an odd number of pixels each way, its peak in the middle.

    Returns
    -------
    (time, channel, y, x) float32
        NaN where the pixel is flagged, or more than half of what the template could hold.
    """
    power = np.asarray(template, float) ** 2
    could = _correlated(jnp.ones(x.shape[2:], x.dtype), power)

    def filtered(image: jax.Array) -> jax.Array:
        there = jnp.isfinite(image)
        flux = _correlated(jnp.where(there, image, 0), template)

        def flagged(_: None) -> jax.Array:
            held = _correlated(there.astype(x.dtype), power)
            kept = there & (held >= LEAST_SHARE * could)
            return jnp.where(kept, flux / jnp.where(kept, held, 1), jnp.nan)

        # The second correlation is for images with flags alone.
        return lax.cond(jnp.all(there), lambda _: flux / could, flagged, None)

    # The images of one time stay in a core's cache.
    return lax.map(filtered, x)
