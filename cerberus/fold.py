"""Search of light curves for periodic pulses, from 2 samples to half of the data in period.

Base periods are those of 2, 3, ... ``bins`` - 1 samples, and then a geometric ladder of steps
1 + 1 / ``bins``, each folded into ``bins`` phase bins. The fast folding algorithm folds at the
periods between one and the next (:mod:`cerberus.kernels.ffa`), which drift by at most one bin
over the data from trial to trial. From octave to octave the data are summed in pairs, and a
bin then has one or two sums: no sample is split, so that noise stays white, and weights are
folded as the data are, so that S/N is that of the samples which are there (Morello et al.
2020, MNRAS 497, 4654, split samples instead).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from .kernels.ffa import CELL, LADDER, Base, best_cells, merges

_PIXELS_AT_ONCE = {"cpu": 32}
"""Light curves that are folded side by side: what a CPU holds in its caches."""


@dataclass(frozen=True)
class Octave:
    """Base periods of the same decimation.

    Attributes
    ----------
    decimation : int
        Samples to a sum.
    n_bins : (base,) int64
        Phase bins.
    per_bin : (base,) float64
        Sums to a phase bin: 1 where n_bins is below the plan's, 1 to 2 otherwise.
    n_rows : (base,) int64
        Cycles in the data.
    widest : (base,) int64
        Widest boxcar, phase bins.
    """

    decimation: int
    n_bins: NDArray[np.int64]
    per_bin: NDArray[np.float64]
    n_rows: NDArray[np.int64]
    widest: NDArray[np.int64]

    @property
    def n_flat(self) -> int:
        """Room for all bins of all trials of a base period, and an empty one."""
        return int((self.n_rows * self.n_bins).max()) + 1

    @property
    def n_cells(self) -> NDArray[np.int64]:
        """(base,) cells of the periodogram."""
        return -(-self.n_rows * self.n_wrapped // CELL)

    @property
    def n_wrapped(self) -> NDArray[np.int64]:
        """(base,) phase bins with those that boxcars reach into a second time."""
        return self.n_bins + self.widest - 1

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of boxcars, phase bins."""
        return tuple(w for w in LADDER if w <= self.widest.max())

    def base(self, i: int) -> Base:
        """What the kernel needs to know of a base period."""
        rows, p = int(self.n_rows[i]), int(self.n_bins[i])
        most = int(self.n_rows.max())
        cycle = p * self.per_bin[i] * np.arange(most + 1)
        tables = np.zeros((max(1, (most - 1).bit_length()), 3, most), np.int32)
        levels = merges(rows)
        tables[: len(levels), :, :rows] = levels
        return Base(
            np.array(rows, np.int32),
            np.array(p, np.int32),
            np.array(self.widest[i], np.int32),
            np.array(self.per_bin[i], np.float32),
            np.floor(cycle).astype(np.int32),
            (cycle - np.floor(cycle)).astype(np.float32),
            np.array(len(levels), np.int32),
            *(np.ascontiguousarray(tables[:, j]) for j in range(3)),
        )

    def period(self, i: int, trial: NDArray[np.float64]) -> NDArray[np.float64]:
        """Trial periods of a base period, samples."""
        slope = max(1, int(self.n_rows[i]) - 1)
        return self.decimation * self.per_bin[i] * (self.n_bins[i] + trial / slope)


@dataclass(frozen=True)
class FoldPlan:
    """Trial periods for light curves of one length; see `make_fold_plan`.

    Attributes
    ----------
    n_samples : int
    bins : int
        Phase bins of periods that are long enough.
    max_duty : float
        Widest boxcar, as a part of the period.
    octaves : tuple of Octave
    period_low, period_high : (cell,) float64
        First and last trial period of each cell of the periodogram, samples.
    """

    n_samples: int
    bins: int
    max_duty: float
    octaves: tuple[Octave, ...] = field(repr=False)
    period_low: NDArray[np.float64] = field(repr=False)
    period_high: NDArray[np.float64] = field(repr=False)

    @property
    def n_trials(self) -> int:
        """Periods that are tried."""
        return int(sum(octave.n_rows.sum() for octave in self.octaves))


def make_fold_plan(
    n_samples: int,
    min_period: float = 2.0,
    max_period: float | None = None,
    bins: int = 128,
    max_duty: float = 0.375,
) -> FoldPlan:
    """Lay out the trial periods.

    Parameters
    ----------
    n_samples : int
        Length of the light curves.
    min_period, max_period : float
        Samples; half of the data if not given.
    bins : int
        Phase bins of a period, where it has as many samples: the narrowest boxcar is a bin.
    max_duty : float
        Widest boxcar, as a part of the period.

    Raises
    ------
    ValueError
        Naming the argument and what is wrong with it.
    """
    longest = n_samples / 2
    max_period = longest if max_period is None else max_period
    if not 2 <= min_period <= longest:
        raise ValueError(f"min_period: is {min_period:g} samples, give 2 to {longest:g}")
    if not min_period <= max_period <= longest:
        problem = f"is {max_period:g} samples, give {min_period:g} to {longest:g}"
        raise ValueError(f"max_period: {problem}")
    if not 4 <= bins <= 512:
        raise ValueError(f"bins: is {bins}, give 4 to 512")
    if not 0 < max_duty <= 0.5:
        raise ValueError(f"max_duty: is {max_duty:g}, give above 0, 0.5 at most")
    periods = _base_periods(min_period, max_period, bins)
    p = np.minimum(bins, np.floor(periods)).astype(np.int64)
    decimation = 2 ** np.floor(np.log2(periods / p)).astype(np.int64)
    widest = np.maximum(1, np.floor(max_duty * p)).astype(np.int64)
    octaves = []
    for factor in np.unique(decimation):
        of = decimation == factor
        rows = np.ceil(n_samples / periods[of]).astype(np.int64)
        per_bin = periods[of] / p[of] / factor
        octaves.append(Octave(int(factor), p[of], per_bin, rows, widest[of]))
    low, high = [], []
    for octave in octaves:
        for i, n_cells in enumerate(octave.n_cells):
            edge = np.arange(n_cells + 1) * CELL / octave.n_wrapped[i]
            last = np.minimum(np.ceil(edge[1:]), octave.n_rows[i] - 1)
            low.append(octave.period(i, np.floor(edge[:-1])))
            high.append(octave.period(i, last))
    return FoldPlan(
        n_samples, bins, max_duty, tuple(octaves), np.concatenate(low), np.concatenate(high)
    )


def _base_periods(low: float, high: float, bins: int) -> NDArray[np.float64]:
    """Base periods in samples: the trials of each reach to the next."""
    few = np.arange(math.floor(low), min(bins, math.floor(high) + 1), dtype=float)
    start, step = max(float(bins), low), 1 + 1 / bins
    if high < start:
        return few
    n = max(1, math.ceil(math.log(high / start, step)))
    return np.concatenate([few, start * step ** np.arange(n)])


def periodogram(
    plan: FoldPlan, signal: NDArray[np.floating], weight: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Largest S/N in each cell of trial periods.

    Parameters
    ----------
    plan : FoldPlan
    signal : (time, pixel)
        Weight times flux; the flux has the weighted mean zero, pixel by pixel, and a variance
        of 1 / weight.
    weight : (time, pixel) or (time, 1)
        0 where there are no data.

    Returns
    -------
    (cell, pixel) float32
        S/N of unit variance in noise, before the largest of a cell is taken.
    """
    n = signal.shape[1]
    most = _PIXELS_AT_ONCE.get(jax.default_backend(), 1024)
    # Powers of four: each size is a program, which takes longer to compile than to run.
    size = min(most, 1 << -(-(n - 1).bit_length() // 2) * 2)
    tiles = []
    for first in range(0, n, size):
        here = slice(first, min(n, first + size))
        x = np.zeros((plan.n_samples + 1, size), np.float32)
        x[:-1, : here.stop - first] = signal[:, here]
        one = weight.shape[1] == 1
        w = np.zeros((plan.n_samples + 1, 1 if one else size), np.float32)
        w[:-1, : None if one else here.stop - first] = weight if one else weight[:, here]
        tiles.append(_fold_tile(plan, jnp.asarray(x), jnp.asarray(w))[:, : here.stop - first])
    return np.concatenate(tiles, axis=1)


def _fold_tile(plan: FoldPlan, x: jax.Array, w: jax.Array) -> NDArray[np.float32]:
    out, decimation = [], 1
    for octave in plan.octaves:
        while decimation < octave.decimation:
            x, w, decimation = _halved(x), _halved(w), 2 * decimation
        n_cells = octave.n_cells
        for i in range(len(n_cells)):
            sizes = octave.n_flat, int(n_cells.max()), octave.widths
            out.append((best_cells(x, w, octave.base(i), *sizes), n_cells[i]))
    return np.concatenate([np.asarray(cells)[:n] for cells, n in out])


@jax.jit
def _halved(x: jax.Array) -> jax.Array:
    """Sums of pairs along time; the last sample stays empty."""
    n = x.shape[0] - 1
    pairs = jnp.pad(x[:n], ((0, n % 2), (0, 0))).reshape(-1, 2, x.shape[1]).sum(axis=1)
    return jnp.pad(pairs, ((0, 1), (0, 0)))
