"""Spherical Bessel functions j_l(x) and their second derivatives, for any x >= 0.

Orders come from

    j_(n+1) = (2 n + 1) / x j_n - j_(n-1),

upwards from j_0 and j_1 where x > n, and elsewhere downwards from far above (Miller), scaled by
j_0 and j_1. Derivatives follow from

    (2 n + 1) j_n' = n j_(n-1) - (n + 1) j_(n+1).

A table keeps a polynomial of fifth degree between any two of its nodes, with the value, slope and
curvature of both. At a step of 0.1 that leaves 2e-11 of the size of an oscillation.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

STEP = 0.1
# Nodes that are computed together.
_CHUNK = 8192
# The shortest table.
_FIRST = 8
# Orders from which four derivatives come.
_ORDERS = 9
_HUGE = 1e100


@jax.jit
def _upwards(x: Array, lowest: Array) -> Array:
    """Nine orders from the lowest, (9, n), for x above all of them."""

    def step(n: Array, pair: tuple[Array, Array]) -> tuple[Array, Array]:
        below, now = pair
        return now, (2 * n + 1) / x * now - below

    def keep(pair: tuple[Array, Array], n: Array) -> tuple[tuple[Array, Array], Array]:
        return step(n, pair), pair[0]

    zeroth = jnp.sin(x) / x
    pair = lax.fori_loop(1, lowest + 1, step, (zeroth, (zeroth - jnp.cos(x)) / x))
    return lax.scan(keep, pair, lowest + 1 + jnp.arange(_ORDERS))[1]


@jax.jit
def _downwards(x: Array, lowest: Array, start: Array) -> Array:
    """The same for any x, from an order beyond x and beyond all of them."""
    highest = lowest + _ORDERS - 1
    safe = jnp.where(x > 0, x, 1.0)

    def step(n: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        above, now, scaled = state
        above, now = now, (2 * n + 1) / safe * now - above
        large = jnp.abs(now) > _HUGE
        shrink = jnp.where(large, 1 / _HUGE, 1.0)
        return above * shrink, now * shrink, scaled + large

    def keep(state: tuple[Array, Array, Array], n: Array) -> tuple:
        return step(n, state), state[1:]

    state = jnp.zeros_like(x), jnp.ones_like(x), jnp.zeros_like(x)
    state = lax.fori_loop(0, start - highest, lambda i, s: step(start - i, s), state)
    state, (kept, scaled) = lax.scan(keep, state, highest - jnp.arange(_ORDERS - 1))
    kept = jnp.concatenate([kept, state[1][None]])[::-1]
    scaled = jnp.concatenate([scaled, state[2][None]])[::-1]
    first, zeroth, times = lax.fori_loop(0, lowest, lambda i, s: step(lowest - i, s), state)
    sine = jnp.sin(safe) / safe
    # One of the two may be near a zero.
    size = (sine * zeroth + (sine - jnp.cos(safe)) / safe * first) / (zeroth**2 + first**2)
    at_zero = (lowest + jnp.arange(_ORDERS) == 0).astype(x.dtype)[:, None]
    return jnp.where(x > 0, kept * size * (1 / _HUGE) ** (times - scaled), at_zero)


def _derivatives(ell: int, lowest: int) -> NDArray[np.float64]:
    """What makes derivatives 0 to 4 of j_l of the nine orders, (5, 9)."""
    rows = np.zeros((5, _ORDERS))
    rows[0, ell - lowest] = 1.0
    for row in range(4):
        for i in np.nonzero(rows[row])[0]:
            n = lowest + i
            if n > 0:
                rows[row + 1, i - 1] += rows[row, i] * n / (2 * n + 1)
            rows[row + 1, i + 1] -= rows[row, i] * (n + 1) / (2 * n + 1)
    return rows


def derivatives(ell: int, x: NDArray[np.float64]) -> Array:
    """j_l and its first four derivatives, (5, n), for l >= 0 and rising x >= 0."""
    lowest = max(ell - 4, 0)
    highest = lowest + _ORDERS - 1
    if x[0] > highest:
        orders = _upwards(jnp.asarray(x), lowest)
    else:
        far = max(float(x[-1]), highest)
        # There j_n(x) is 1e-16 of what it is at its turning point.
        start = int(far + 8 * far ** (1 / 3)) + 30
        orders = _downwards(jnp.asarray(x), lowest, start)
    return jnp.asarray(_derivatives(ell, lowest)) @ orders


@partial(jax.jit, static_argnames="order")
def _quintics(values: Array, order: int) -> Array:
    """Coefficients between nodes, (6, n - 1), of a derivative of j_l."""
    value, slope, bend = (values[order + i] * STEP**i for i in range(3))
    c0, c1, c2 = value[:-1], slope[:-1], bend[:-1] / 2
    rest = value[1:] - c0 - c1 - c2
    rise = slope[1:] - c1 - 2 * c2
    turn = bend[1:] / 2 - c2
    c3 = 10 * rest - 4 * rise + turn
    c4 = -15 * rest + 7 * rise - 2 * turn
    return jnp.stack([c0, c1, c2, c3, c4, 6 * rest - 3 * rise + turn])


def interpolate(table: Array, x: Array) -> Array:
    """Values of a table at x, which has to lie inside."""
    at = x / STEP
    first = at.astype(jnp.int32)
    share = at - first
    out = table[5].at[first].get(mode="promise_in_bounds")
    for degree in (4, 3, 2, 1, 0):
        out = out * share + table[degree].at[first].get(mode="promise_in_bounds")
    return out


class Table:
    """j_l and j_l'' from 0 to wherever they were asked for.

    Parameters
    ----------
    ell : int
    bent : bool
        Whether j_l'' is wanted.
    """

    def __init__(self, ell: int, bent: bool) -> None:
        self.ell = ell
        self._orders = (0, 2) if bent else (0,)
        self._tables: tuple[Array, ...] = tuple(jnp.zeros((6, 0)) for _ in self._orders)

    def __call__(self, x_max: float) -> tuple[Array, ...]:
        """Tables up to x_max or more, (6, n) each."""
        have = self._tables[0].shape[1] // _CHUNK
        # Twice as long at least, so that few lengths are ever compiled.
        chunks = max(int(np.ceil(x_max / STEP / _CHUNK)), _FIRST)
        want = 1 << (chunks - 1).bit_length()
        if want > have:
            parts = [self._tables]
            for chunk in range(have, want):
                x = STEP * np.arange(chunk * _CHUNK, (chunk + 1) * _CHUNK + 1, dtype=np.float64)
                values = derivatives(self.ell, x)
                parts.append(tuple(_quintics(values, order) for order in self._orders))
            self._tables = tuple(jnp.concatenate(t, axis=1) for t in zip(*parts, strict=True))
        return self._tables
