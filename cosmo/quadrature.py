"""Fixed nodes for integrals over smooth functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray


@lru_cache
def gauss_legendre(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes in (0, 1) and weights that add up to 1."""
    x, w = np.polynomial.legendre.leggauss(n)
    return (x + 1) / 2, w / 2


def integrate(function: Callable[[Array], Array], low: Array, high: Array, n: int) -> Array:
    """Integrals of a function of arrays between limits, by Gauss and Legendre.

    Parameters
    ----------
    function : callable
        Of arrays of the limits' shape; its values may have the shape of what else it knows of.
    low, high : array
        All shapes are broadcast.
    n : int
        Nodes.
    """
    length = high - low
    x, w = (jnp.asarray(v, length.dtype) for v in gauss_legendre(n))
    # Summed over the first axis, a node of all integrals is one row of a vector unit's work.
    rows = jax.vmap(lambda x, w: w * function(low + length * x))(x, w)
    return jnp.sum(rows, axis=0) * length


def integrate_past(
    function: Callable[[Array], Array], b: Array, near: Array, far: Array, n: int
) -> Array:
    """Integrals of a function of ``b cosh t`` over t, by Gauss and Legendre.

    Parameters
    ----------
    function : callable
        As above.
    b, near, far : array
        All shapes are broadcast.
    n : int
        Nodes; even.
    """
    length, product = far - near, jnp.exp(near + far)
    x, w = (jnp.asarray(v[: n // 2], length.dtype) for v in gauss_legendre(n))

    def pair(x: Array, w: Array) -> Array:
        # Nodes lie in pairs about the middle, so one exponential does for two of them.
        grown = jnp.exp(near + length * x)
        shrunk = 1 / grown
        first, second = grown + shrunk, product * shrunk + grown / product
        return w * (function(0.5 * b * first) + function(0.5 * b * second))

    return jnp.sum(jax.vmap(pair)(x, w), axis=0) * length
