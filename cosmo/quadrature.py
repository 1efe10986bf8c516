"""Fixed nodes for integrals over smooth functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

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
        Of arrays with the nodes along a first axis.
    low, high : array
        Of one shape.
    n : int
        Nodes.
    """
    x, w = (v.reshape(n, *(1,) * high.ndim) for v in gauss_legendre(n))
    # Summed over the first axis, a node of all integrals is one row of a vector unit's work.
    return jnp.sum(w * function(low + (high - low) * x), axis=0) * (high - low)
