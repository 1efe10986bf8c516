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


def _bracket(x: jax.Array, there: jax.Array, rank: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Bounds of the value of a rank over the first axis, by bisection to 2^-20 of the range.

    Counting is far cheaper than sorting a short axis of a long array.
    """
    low = jnp.min(jnp.where(there, x, jnp.inf), 0)
    high = jnp.max(jnp.where(there, x, -jnp.inf), 0)

    def narrow(_: int, bounds: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = bounds
        middle = 0.5 * (low + high)
        below = sum_rows(jnp.where(there & (x <= middle), 1.0, 0.0)) >= rank
        return jnp.where(below, low, middle), jnp.where(below, middle, high)

    return lax.fori_loop(0, 20, narrow, (low, high))


def median_of(x: jax.Array, there: jax.Array) -> jax.Array:
    """Median over the first axis, to 2^-20 of the range.

    Parameters
    ----------
    x : (n, pixel)
    there : (n, pixel) bool
        Which values count.
    """
    half = jnp.sum(there, 0) / 2
    low, high = _bracket(x, there, half)
    return jnp.where(half > 0, 0.5 * (low + high), 0)


def without_highest(x: jax.Array, there: jax.Array, n: int) -> jax.Array:
    """Which values of ``there`` are left without the ``n`` highest, (n, pixel) bool."""
    _, high = _bracket(x, there, jnp.sum(there, 0) - n)
    return there & (x <= high)


def _scatter(
    level: jax.Array, weights: jax.Array, scale: jax.Array, there: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Deviations of stretches from their median in units of their noise, and the variance.

    The variance is that of the median absolute deviation.
    """
    middle = median_of(level, there)
    u = (level - middle) * jnp.sqrt(weights) / jnp.maximum(scale, jnp.finfo(level.dtype).tiny)
    return u, (median_of(jnp.abs(u), there) / 0.6745) ** 2


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
    present = jnp.broadcast_to(weights > 0, sums.shape)
    weights = jnp.broadcast_to(weights, sums.shape)
    level = sums / jnp.maximum(weights, jnp.finfo(sums.dtype).tiny)
    u, excess = _scatter(level, weights, scale, present)
    kept = present & (jnp.abs(u) <= limit * jnp.sqrt(jnp.maximum(excess, 1.0)))
    total = jnp.maximum(jnp.sum(weights * kept, 0), jnp.finfo(sums.dtype).tiny)
    return jnp.sum(sums * kept, 0) / total, kept, excess


def excess_without_highest(
    sums: jax.Array, weights: jax.Array, scale: jax.Array, n: int
) -> jax.Array:
    """Robust variance as of :func:`clipped_mean`, but without the ``n`` highest stretches.

    Of Gaussian noise it is too low, by ``(1 - n / n_stretches)**2``: the tail is missing.

    Returns
    -------
    (pixel,)
    """
    level = sums / jnp.maximum(weights, jnp.finfo(sums.dtype).tiny)
    rest = without_highest(level, weights > 0, n)
    return _scatter(level, weights, scale, rest)[1]
