"""Locations and scales that a pulse, a burst of interference or a source cannot pull."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from .rows import sum_rows

WINSOR_LIMIT = 3.0
# Second moment of a standard normal variable held to +-3:  E[min(x^2, 9)].
WINSOR_MOMENT = (
    math.erf(WINSOR_LIMIT / math.sqrt(2))
    - 2 * WINSOR_LIMIT * math.exp(-(WINSOR_LIMIT**2) / 2) / math.sqrt(2 * math.pi)
    + WINSOR_LIMIT**2 * math.erfc(WINSOR_LIMIT / math.sqrt(2))
)

# Batcher's odd-even merge sort of eight values: 19 compare-exchanges.
_NETWORK_8 = (
    *((0, 1), (2, 3), (4, 5), (6, 7)),
    *((0, 2), (1, 3), (4, 6), (5, 7)),
    *((1, 2), (5, 6)),
    *((0, 4), (1, 5), (2, 6), (3, 7)),
    *((2, 4), (3, 5)),
    *((1, 2), (3, 4), (5, 6)),
)


def sort8(x: jax.Array) -> list[jax.Array]:
    """Eight arrays in ascending order, element by element.

    Parameters
    ----------
    x : (8, ...) array
    """
    v = [x[i] for i in range(8)]
    for i, j in _NETWORK_8:
        v[i], v[j] = jnp.minimum(v[i], v[j]), jnp.maximum(v[i], v[j])
    return v


def median8(x: jax.Array) -> jax.Array:
    """Median of eight: half of them may be anything without moving it far."""
    v = sort8(x)
    return 0.5 * (v[3] + v[4])


def trimmed8(x: jax.Array) -> jax.Array:
    """Mean of the middle four of eight."""
    v = sort8(x)
    return 0.25 * (v[2] + v[3] + v[4] + v[5])


def median8_of_chi2(n: int) -> float:
    """Expected median of eight mean squares of ``n`` unit normal samples.

    Wilson & Hilferty (1931): a mean square of n is (a + b z)^3 with normal z; the
    median of eight normals has variance 0.1682.
    """
    b2 = 2 / (9 * n)
    a = 1 - b2
    return a**3 + 3 * a * b2 * 0.1682


def median_of(x: jax.Array, there: jax.Array) -> jax.Array:
    """Median over the first axis by bisection, to 2^-20 of the range.

    Counting is far cheaper than sorting a short axis of a long array.

    Parameters
    ----------
    x : (n, pixel)
    there : (n, pixel) bool
        Which values count.
    """
    half = jnp.sum(there, 0) / 2
    low = jnp.min(jnp.where(there, x, jnp.inf), 0)
    high = jnp.max(jnp.where(there, x, -jnp.inf), 0)

    def narrow(_: int, bounds: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = bounds
        middle = 0.5 * (low + high)
        below = sum_rows(jnp.where(there & (x <= middle), 1.0, 0.0)) >= half
        return jnp.where(below, low, middle), jnp.where(below, middle, high)

    low, high = lax.fori_loop(0, 20, narrow, (low, high))
    return jnp.where(half > 0, 0.5 * (low + high), 0)


def clipped_mean(
    sums: jax.Array, weights: jax.Array, scale: jax.Array, limit: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Mean of weighted sums without outliers, and how much they scatter.

    Outliers are told by the median and the median absolute deviation: a pulse that
    fills a third of the stretches is left out, however bright, and its own baseline is
    that of the rest.

    Parameters
    ----------
    sums : (n, pixel)
        Weighted sums of n stretches of data.
    weights : (n, pixel or 1)
        Their weights: the variance of a sum is ``scale**2 * weight``.
    scale : (pixel,)
        Noise of a sample of unit weight.
    limit : float
        Stretches further than this many standard deviations from the median are left
        out. High, so that Gaussian noise is never clipped and the result stays linear.

    Returns
    -------
    mean : (pixel,)
    kept : (n, pixel) bool
    excess : (pixel,)
        Robust variance of the stretches relative to what ``scale`` predicts.
    """
    tiny = jnp.finfo(sums.dtype).tiny
    present = jnp.broadcast_to(weights > 0, sums.shape)
    weights = jnp.broadcast_to(weights, sums.shape)
    level = sums / jnp.maximum(weights, tiny)
    middle = median_of(level, present)
    u = (level - middle) * jnp.sqrt(weights) / jnp.maximum(scale, tiny)
    spread = median_of(jnp.abs(u), present) / 0.6745
    kept = present & (jnp.abs(u) <= limit * jnp.maximum(spread, 1.0))
    total = jnp.maximum(jnp.sum(weights * kept, 0), tiny)
    return jnp.sum(sums * kept, 0) / total, kept, spread**2
