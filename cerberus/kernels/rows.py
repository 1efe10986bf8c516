"""Reductions over a short leading axis, written out.

XLA would store what it reduces before it does so; an expression over the rows is one
pass over them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import jax
import jax.numpy as jnp

_MAX_UNROLLED = 64


def pairwise(function: Callable[[jax.Array, jax.Array], jax.Array], x: Sequence) -> jax.Array:
    """Join neighbours, and neighbours of those, until one is left."""
    x = list(x)
    while len(x) > 1:
        joined = [function(a, b) for a, b in zip(x[::2], x[1::2], strict=False)]
        x = joined + x[2 * len(joined) :]
    return x[0]


def sum_rows(x: jax.Array) -> jax.Array:
    """Sum over the first axis, in pairs."""
    if x.shape[0] > _MAX_UNROLLED:
        return jnp.sum(x, 0)
    return pairwise(jnp.add, [x[i] for i in range(x.shape[0])])


def largest_product(a: jax.Array, b: jax.Array) -> jax.Array:
    """Largest ``a * b`` over the first axis."""
    if a.shape[0] > _MAX_UNROLLED:
        return jnp.max(a * b, 0)
    return reduce(jnp.maximum, [a[i] * b[i] for i in range(a.shape[0])])
