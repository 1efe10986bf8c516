"""The fast folding algorithm: sums over all periods between two, and the best boxcar of each.

Rows are consecutive cycles of a base period of ``p`` phase bins. Trial s of m rows shifts row
i by s i / (m - 1) bins, rounded, before the rows are summed: it folds at the period
p + s / (m - 1). Trials of half the rows serve twice as many trials of all rows, so that the
m trials cost m log2(m) additions a bin and not m^2 (Staelin 1969, Proc. IEEE 57, 724).

Number of rows and phase bins are data, not shapes: one program folds at all base periods.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from .boxcar import Rung, boxcar_sums

CELL = 2048
"""Phase bins of consecutive trials whose largest S/N is kept: what fits into a cache."""

LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Widths of boxcars, phase bins."""


class Base(NamedTuple):
    """A base period.

    Attributes
    ----------
    n_rows, n_bins, widest : () int32
        Cycles, phase bins, and the widest boxcar.
    per_bin : () float32
        Samples to a bin, 1 to 2.
    first : (row + 1,) int32
        Sample in which each row begins,
    part : (row + 1,) float32
        and how far behind its beginning.
    n_levels : () int32
    head, tail, shift : (level, row) int32
        Which rows of the last level each row of the next is the sum of, and by how many
        phases the tail is shifted; -1 for no tail.
    """

    n_rows: NDArray[np.int32]
    n_bins: NDArray[np.int32]
    widest: NDArray[np.int32]
    per_bin: NDArray[np.float32]
    first: NDArray[np.int32]
    part: NDArray[np.float32]
    n_levels: NDArray[np.int32]
    head: NDArray[np.int32]
    tail: NDArray[np.int32]
    shift: NDArray[np.int32]


def thinned(width: int) -> int:
    """Base 2 logarithm of the step in trials of a boxcar: a quarter of its width at most."""
    return max(0, width.bit_length() - 3)


def merges(n_rows: int) -> NDArray[np.int64]:
    """Head, tail and shift of every level, (level, 3, row): blocks are halved to the end."""
    row, levels = np.arange(n_rows), []
    for k in reversed(range(max(0, n_rows - 1).bit_length())):
        edge = np.arange(2 ** (k + 1) + 1) * n_rows // 2 ** (k + 1)
        block = np.searchsorted(edge[::2], row, side="right") - 1
        begin, middle, end = edge[2 * block], edge[2 * block + 1], edge[2 * block + 2]
        s, size, head = row - begin, end - begin, middle - begin
        whole = np.maximum(size - 1, 1)
        of_head = (2 * s * np.maximum(head - 1, 0) + whole) // (2 * whole)
        of_tail = (2 * s * np.maximum(size - head - 1, 0) + whole) // (2 * whole)
        single = size == 1
        tail = np.where(single, -1, middle + of_tail)
        # The last row of the tail has its own trial's shift on top: s in all.
        levels.append((np.where(single, row, begin + of_head), tail, s - of_tail))
    return np.array(levels, np.int64).reshape(-1, 3, n_rows)


@partial(jax.jit, static_argnums=(3, 4, 5))
def best_cells(
    signal: jax.Array,
    weight: jax.Array,
    base: Base,
    n_flat: int,
    n_cells: int,
    widths: tuple[int, ...],
) -> jax.Array:
    """Largest S/N of every cell of a base period.

    Parameters
    ----------
    signal, weight : (time, pixel), (time, pixel or 1)
        Weight times flux, of mean zero, and weight; the last time is empty.
    base : Base
    n_flat : int
        Room for rows times phase bins, and one more.
    n_cells : int
    widths : tuple of int
        Of boxcars, phase bins; those of a base period are `base.widest` at most.

    Returns
    -------
    (cell, pixel)
    """
    total = jnp.sum(weight, axis=0)
    data, weights = _fold(signal, base, n_flat), _fold(weight, base, n_flat)
    classes: dict[int, list[int]] = {}
    for width in widths:
        classes.setdefault(thinned(width), []).append(width)

    def cell(i: jax.Array) -> jax.Array:
        best = []
        for thin, some in classes.items():
            n = CELL >> thin
            where, start = _wrapped(base, i * n, n, some[-1], thin, n_flat)
            rungs = [Rung(w, 1, 1) for w in some]
            sums = boxcar_sums(data.at[where].get(mode="promise_in_bounds")[None], rungs)
            inside = boxcar_sums(weights.at[where].get(mode="promise_in_bounds")[None], rungs)
            for width, s, w in zip(some, sums, inside, strict=True):
                scale = _scale(w[0, :n], total, start & (width <= base.widest))
                best.append(jnp.max(s[0, :n] * scale, axis=0))
        return reduce(jnp.maximum, best)

    return lax.map(cell, jnp.arange(n_cells))


def _scale(w: jax.Array, total: jax.Array, use: jax.Array) -> jax.Array:
    """What turns sums into S/N, 0 where they are not to be used.

    With the sum of weights w in the boxcar and W in all, a top-hat above a baseline has
    S/N = (s - S w / W) / sqrt(w (1 - w / W)); the sum S over all phases is zero here.
    """
    share = w / jnp.maximum(total, jnp.finfo(w.dtype).tiny)
    use = use[:, None] & (share > 1e-6) & (share < 1 - 1e-3)
    return jnp.where(use, lax.rsqrt(jnp.where(use, w * (1 - share), 1)), 0)


def _wrapped(
    base: Base, begin: jax.Array, n: int, reach: int, thin: int, n_flat: int
) -> tuple[jax.Array, jax.Array]:
    """Where bins of trials lie that have been wrapped, and which of them begin a boxcar."""
    i, length = begin + jnp.arange(n + reach - 1), base.n_bins + base.widest - 1
    row, column = i // length << thin, i % length
    there = row < base.n_rows
    where = jnp.where(there, row * base.n_bins + column % base.n_bins, n_flat - 1)
    return where, (there & (column < base.n_bins))[:n]


def _fold(x: jax.Array, base: Base, n_flat: int) -> jax.Array:
    """All trials one after the other, (trial * phase, pixel); the last is empty."""
    p, flat = base.n_bins, jnp.arange(n_flat)
    row, phase = flat // p, flat % p
    there = row < base.n_rows
    row = jnp.minimum(row, base.n_rows - 1)
    begin = base.first[row] + _ceil(base.part[row] + phase * base.per_bin)
    end = base.first[row] + _ceil(base.part[row] + (phase + 1) * base.per_bin)
    # What a row ends with is what the next begins with, rounded alike.
    next_row = base.first[row + 1] + _ceil(base.part[row + 1])
    end = jnp.where(phase + 1 == p, next_row, jnp.minimum(end, next_row))
    empty = x.shape[0] - 1
    end = jnp.where(there, jnp.minimum(end, empty), 0)
    y = x.at[jnp.where(begin < end, begin, empty)].get(mode="promise_in_bounds")
    y += x.at[jnp.where(begin + 1 < end, begin + 1, empty)].get(mode="promise_in_bounds")

    def level(i: jax.Array, y: jax.Array) -> jax.Array:
        tail = base.tail[i][row]
        at = tail * p + (phase + base.shift[i][row]) % p
        of_head = jnp.where(there, base.head[i][row] * p + phase, n_flat - 1)
        of_tail = jnp.where(there & (tail >= 0), at, n_flat - 1)
        head = y.at[of_head].get(mode="promise_in_bounds")
        return head + y.at[of_tail].get(mode="promise_in_bounds")

    return lax.fori_loop(0, base.n_levels, level, y)


def _ceil(bin_edge: jax.Array) -> jax.Array:
    """First sample whose centre lies after an edge."""
    return jnp.ceil(bin_edge - 0.5).astype(jnp.int32)
