"""Sums over boxcars of a ladder of widths, and the best trial at each time and pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import jax
import jax.numpy as jnp
from jax import lax

from .rows import largest_product

TIE = 1 + 4e-6
"""Factor within which two trials are equal: a boxcar that reaches past the data holds what
a narrower one does, and that one is it."""


@dataclass(frozen=True)
class Rung:
    """One width of a ladder level and the DM trials that it is matched with.

    Attributes
    ----------
    width : int
        Boxcar width in samples of the level.
    stride : int
        Every ``stride``-th of the level's DM rows is a trial.
    n_rows : int
        Number of those rows.
    """

    width: int
    stride: int
    n_rows: int


def boxcar_sums(z: jax.Array, rungs: Sequence[Rung]) -> list[jax.Array]:
    """Running sums of each rung's width over its rows.

    Parameters
    ----------
    z : (row, time, pixel)
    rungs : sequence of Rung
        Strides are powers of two that do not fall as widths grow.

    Returns
    -------
    list of (n_rows, time - width + 1, pixel)
        Element (r, t) sums z[r * stride, t : t + width].

    Notes
    -----
    A width is put together from power-of-two widths, so the cost is one or two
    additions a rung and rounding stays that of a pairwise sum: nothing accumulates.
    """
    powers: dict[int, tuple[int, jax.Array]] = {1: (1, z)}

    def rows(width: int, stride: int) -> jax.Array:
        """Sum over ``width``, at the rows of ``stride`` or finer, then thinned."""
        if width not in powers:
            half = rows(width // 2, stride)
            n = half.shape[1] - width // 2
            powers[width] = (stride, half[:, :n] + half[:, width // 2 : width // 2 + n])
        have, sums = powers[width]
        return sums[:: stride // have]

    out = []
    for rung in rungs:
        n = z.shape[1] - rung.width + 1
        total, covered = None, 0
        while covered < rung.width:
            piece = 1 << ((rung.width - covered).bit_length() - 1)
            part = rows(piece, rung.stride)[:, covered : covered + n]
            total = part if total is None else total + part
            covered += piece
        out.append(total)
    return out


def holds_more(weights: Sequence[jax.Array], widths: Sequence[int]) -> list[jax.Array]:
    """Which boxcars hold data that no narrower one inside them does.

    Next to a gap a boxcar reaches into nothing, and what it holds is that of a narrower one.

    Parameters
    ----------
    weights : list of (row, start, pixel)
        Sums of weights under boxcars of each width, from the same starts on; rows of
        wider boxcars may be every second, fourth, ... of those of narrower ones.
    widths : sequence of int
        In ascending order.

    Returns
    -------
    list of (row, start, pixel) bool
        For all but the narrowest.
    """
    out = []
    for (inner, a), (outer, b) in pairwise(zip(weights, widths, strict=True)):
        rows, n = outer.shape[:2]
        inner = inner[:: -(-inner.shape[0] // rows)]
        inside = jnp.maximum(inner[:, :n], inner[:, b - a : b - a + n])
        out.append(outer > inside * (1 + 1e-5))
    return out


def best_snr(sums: Sequence[jax.Array], scales: Sequence[jax.Array]) -> jax.Array:
    """Largest ``sum * scale`` over all rungs and rows, (time, pixel).

    Parameters
    ----------
    sums : list of (n_rows, time, pixel)
    scales : list of (n_rows, time, pixel or 1)
        What turns a sum into S/N; 0 where the trial holds no data.
    """
    return reduce(jnp.maximum, map(largest_product, sums, scales))


def locate_trial(
    sums: Sequence[jax.Array],
    scales: Sequence[jax.Array],
    weights: Sequence[jax.Array],
    best: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Which trial reaches ``best``: the narrowest, and of its rows the first.

    Parameters
    ----------
    sums, scales : lists
        As for :func:`best_snr`.
    weights : list of (n_rows, time, pixel or 1)
        Sums of weights under the boxcars.
    best : (time, pixel)

    Returns
    -------
    i_rung, i_row : (time, pixel) int32
        ``i_row`` counts the rung's rows.
    flux : (time, pixel) float32
        Weighted mean over the boxcar.
    """
    i_rung = i_row = jnp.zeros(best.shape, jnp.int32)
    flux = jnp.zeros(best.shape, best.dtype)
    trials = list(zip(sums, scales, weights, strict=True))
    for i, (total, scale, weight) in reversed(list(enumerate(trials))):
        n = total.shape[0]
        index = lax.broadcasted_iota(jnp.int32, total.shape, 0)
        row = jnp.min(jnp.where(total * scale * TIE >= best, index, n), axis=0)
        mean = total / jnp.maximum(weight, jnp.finfo(total.dtype).tiny)
        at_row = jnp.sum(jnp.where(index == row, mean, 0), axis=0)
        here = row < n
        i_rung = jnp.where(here, i, i_rung)
        i_row = jnp.where(here, row, i_row)
        flux = jnp.where(here, at_row, flux)
    return i_rung, i_row, flux
