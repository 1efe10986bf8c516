"""Exact folds of one light curve: the profile at a period, its pulse, and cycle by cycle."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_FINE = 4
"""Trial periods to a drift of one bin over the data, and bins of the last fold to one."""

_WIDTHS, _LAST_WIDTHS, _NEAR = 32, 64, 101
"""Widths of boxcars, those of the last folds, and periods of these."""

_LEAST_BINS = 64
"""Of which the last folds have so many times as many, where periods have few samples."""


@dataclass(frozen=True)
class Curve:
    """A light curve, as `cerberus.fold.periodogram` takes it.

    Attributes
    ----------
    signal, weight : (time,)
    """

    signal: NDArray[np.floating]
    weight: NDArray[np.floating]


@dataclass(frozen=True)
class Pulse:
    """The boxcar that fits a folded light curve best.

    Attributes
    ----------
    period, period_error : float
        Samples; the error is NaN where it was not measured.
    snr : float
    start, width : float
        Beginning and width of the boxcar, periods; phase 0 is at sample 0.
    """

    period: float
    snr: float
    start: float
    width: float
    period_error: float = np.nan

    @property
    def phase(self) -> float:
        """Of the centre of the pulse, 0 to 1."""
        return (self.start + self.width / 2) % 1


def _sums(which: NDArray[np.int64], values: NDArray[np.floating], n: int) -> NDArray[np.float64]:
    """Sums of the values of each of n bins."""
    return np.bincount(which, values, n).astype(np.float64)


def fold(
    curve: Curve, period: float, n_bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of signal and weight in phase bins."""
    phase = np.arange(len(curve.signal)) / period
    which = ((phase - np.floor(phase)) * n_bins).astype(int) % n_bins
    return _sums(which, curve.signal, n_bins), _sums(which, curve.weight, n_bins)


def _boxcars(
    curve: Curve, period: float, n_bins: int, widths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """S/N of boxcars over the phases of a fold, (width, start); widths are in bins."""
    signal, weight = fold(curve, period, n_bins)
    total = weight.sum()
    s = np.concatenate([[0], np.cumsum(np.concatenate([signal, signal]))])
    w = np.concatenate([[0], np.cumsum(np.concatenate([weight, weight]))])
    begin, end = np.arange(n_bins), np.arange(n_bins) + widths[:, None]
    inside = w[end] - w[begin]
    good = (inside > 1e-6 * total) & (inside < (1 - 1e-3) * total)
    variance = np.where(good, inside * (1 - inside / max(total, 1e-30)), 1)
    return np.where(good, (s[end] - s[begin]) / np.sqrt(variance), 0)


def best_boxcar(curve: Curve, period: float, n_bins: int, widths: NDArray[np.int64]) -> Pulse:
    """Best boxcar over the phases of a fold, as the search defines S/N; widths are in bins."""
    snr = _boxcars(curve, period, n_bins, widths)
    i, j = np.unravel_index(np.argmax(snr), snr.shape)
    return Pulse(period, float(snr[i, j]), float(j) / n_bins, float(widths[i]) / n_bins)


def refine(curve: Curve, low: float, high: float, bins: int, max_duty: float) -> Pulse:
    """Best pulse of the periods from `low` to `high` and a trial beyond, samples.

    The period and its error are mean and standard deviation of the posterior, whose density is
    the sum of exp(S/N^2 / 2) over starts and widths: the edges of a pulse make its likelihood
    a rough function of the period, of which the maximum says little. Pulses that vary have more
    variance than noise, by which S/N^2 is divided here.
    """
    n = len(curve.signal)
    n_bins = max(2, min(bins, int(low)))
    step = 1 / (_FINE * n_bins * n)
    freq = np.arange(1 / high - _FINE * step, 1 / low + _FINE * step, step)
    freq = freq[(freq <= 0.5) & (freq > 0)]
    most = max(1, int(max_duty * n_bins))
    widths = np.unique(np.geomspace(1, most, _WIDTHS).astype(int))
    pulses = (best_boxcar(curve, 1 / f, n_bins, widths) for f in freq)
    best = max(pulses, key=lambda pulse: pulse.snr)
    # Finer bins than samples: their edges must not draw the period to themselves.
    fine = max(n_bins, min(bins, _LEAST_BINS)) * _FINE
    width = round(best.width * fine)
    widths = np.arange(max(1, width // 2), min(2 * width, int(max_duty * fine)) + 1)
    widths = widths[:: -(-len(widths) // _LAST_WIDTHS)]
    offset = np.linspace(-1, 1, _NEAR) * max(best.width, 1 / n_bins) / n
    grid = np.clip(1 / best.period + offset, 1e-9, 0.5)
    excess = _excess(curve, best.snr)
    log = np.array([_log_density(curve, 1 / f, fine, widths) / excess for f in grid])
    density = np.exp(log - log.max())
    mean = float(np.average(grid, weights=density))
    variance = float(np.average((grid - mean) ** 2, weights=density))
    # No finer than the grid.
    error = np.sqrt(variance + (grid[1] - grid[0]) ** 2 / 12)
    pulse = best_boxcar(curve, 1 / mean, fine, widths)
    return replace(pulse, period_error=float(error) * pulse.period**2)


def _excess(curve: Curve, snr: float) -> float:
    """Variance of what a pulse of this S/N leaves, relative to that of the noise; 1 at least."""
    there = curve.weight > 0
    square = np.sum(curve.signal[there].astype(float) ** 2 / curve.weight[there])
    return max(1.0, float(square - snr**2) / max(1, int(there.sum()) - 2))


def _log_density(curve: Curve, period: float, n_bins: int, widths: NDArray[np.int64]) -> float:
    """Logarithm of the sum over widths and starts of exp(S/N^2 / 2)."""
    half = _boxcars(curve, period, n_bins, widths).clip(0) ** 2 / 2
    return float(half.max() + np.log(np.sum(np.exp(half - half.max()))))


def on_pulse(
    pulse: Pulse, n_samples: int, margin: float = 0.0, cycle: int | None = None
) -> NDArray[np.bool_]:
    """Samples inside the boxcar, with a margin on both sides in widths; of one cycle or all."""
    phase = np.arange(n_samples) / pulse.period - pulse.start
    phase -= np.floor(phase[0]) - margin * pulse.width
    inside = phase - np.floor(phase) < min(1.0, pulse.width * (1 + 2 * margin))
    return inside if cycle is None else inside & (np.floor(phase) == cycle)


def cycles(curve: Curve, pulse: Pulse) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum of signal and of weight inside the boxcar, for every cycle of the data."""
    inside = on_pulse(pulse, len(curve.signal))
    number = np.floor(np.arange(len(inside)) / pulse.period - pulse.start).astype(int)
    number -= number[0]
    n = number[-1] + 1
    signal, weight = (np.where(inside, v, 0) for v in (curve.signal, curve.weight))
    return _sums(number, signal, n), _sums(number, weight, n)


def without_brightest(curve: Curve, pulse: Pulse) -> tuple[float, int]:
    """S/N of all cycles but the one that has the largest, and the number of that one."""
    signal, weight = cycles(curve, pulse)
    brightest = int(np.argmax(signal / np.sqrt(np.maximum(weight, 1e-30))))
    s, w = signal.sum() - signal[brightest], weight.sum() - weight[brightest]
    total = curve.weight.sum()
    return (float(s / np.sqrt(w * (1 - w / total))) if 0 < w < total else 0.0), brightest


def noise_off_pulse(curve: Curve, pulse: Pulse) -> float:
    """Noise of the samples beside the pulse in units of what was taken for noise.

    1 where that is within the error: pulses of a few sigma in a third of all samples raise
    what a light curve as a whole says.
    """
    off = ~on_pulse(pulse, len(curve.signal), 0.25) & (curve.weight > 0)
    n = int(off.sum())
    if n < 16:
        return 1.0
    x = curve.signal[off] / np.sqrt(curve.weight[off])
    sigma = float(np.median(np.abs(x - np.median(x)))) / 0.6745
    # Of a normal variable the median deviation has 0.37 of the information.
    return sigma if 0 < sigma < 1 - 3 / np.sqrt(2 * 0.37 * n) else 1.0
