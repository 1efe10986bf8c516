"""Cubics through tables, of fourth order, differentiable with respect to all that is in them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

_STENCIL = 5


def slopes(x: Array, y: Array) -> Array:
    """Slopes of a table at its nodes, from polynomials through five of them.

    Parameters
    ----------
    x : (n,) array
        Ascending.
    y : (..., n) array

    Returns
    -------
    slopes : (..., n) array
    """
    n = x.shape[0]
    if n == 1:
        return jnp.zeros_like(y)
    width = min(_STENCIL, n)
    first = np.clip(np.arange(n) - width // 2, 0, n - width)
    window = first[:, None] + np.arange(width)
    own = (window == np.arange(n)[:, None]).astype(bool)
    nodes = x[window]
    # Barycentric weights; a node's distance from itself is left out.
    apart = nodes[:, :, None] - nodes[:, None, :] + np.eye(width)
    barycentric = 1 / jnp.prod(apart, axis=-1)
    at = jnp.sum(jnp.where(own, barycentric, 0.0), axis=-1, keepdims=True)
    distance = jnp.where(own, 1.0, x[:, None] - nodes)
    others = jnp.where(own, 0.0, barycentric / at / distance)
    return jnp.sum(others * (y[..., window] - y[..., :, None]), axis=-1)


def hermite(x: Array, y: Array, slope: Array, at: Array) -> Array:
    """Cubics with given values and slopes at their ends; outside, the last cubic goes on.

    Parameters
    ----------
    x : (n,) array
        Ascending.
    y, slope : (..., n) array
    at : array of any shape

    Returns
    -------
    values : (..., *at.shape) array
    """
    i = jnp.clip(jnp.searchsorted(x, at, side="right") - 1, 0, x.shape[0] - 2)
    step = x[i + 1] - x[i]
    t = (at - x[i]) / step
    low, high = y[..., i], y[..., i + 1]
    # Written about the lower node, where a table of large numbers loses no digits.
    rise = high - low
    first, last = slope[..., i] * step - rise, rise - slope[..., i + 1] * step
    return low + t * (rise + (1 - t) * ((1 - t) * first + t * last))
