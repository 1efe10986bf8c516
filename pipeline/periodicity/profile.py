"""Exact folds of one light curve: the profile at a period, its pulse, and cycle by cycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FINE = 4
"""Trial periods to a drift of one bin over the data."""


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
        Samples; the error is NaN until it was measured.
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


def fold(
    curve: Curve, period: float, n_bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of signal and weight in phase bins."""
    phase = np.arange(len(curve.signal)) / period
    which = ((phase - np.floor(phase)) * n_bins).astype(int) % n_bins
    sums = (np.bincount(which, v, n_bins) for v in (curve.signal, curve.weight))
    signal, weight = sums
    return signal, weight


def best_boxcar(curve: Curve, period: float, bins: int, max_duty: float) -> Pulse:
    """Best of all boxcars over the phases of a fold, as the search defines S/N."""
    n_bins = max(2, min(bins, int(period)))
    signal, weight = fold(curve, period, n_bins)
    total = weight.sum()
    s = np.concatenate([[0], np.cumsum(np.concatenate([signal, signal]))])
    w = np.concatenate([[0], np.cumsum(np.concatenate([weight, weight]))])
    widths = np.arange(1, max(1, int(max_duty * n_bins)) + 1)[:, None]
    begin = np.arange(n_bins)
    inside = w[begin + widths] - w[begin]
    good = (inside > 1e-6 * total) & (inside < (1 - 1e-3) * total)
    variance = np.where(good, inside * (1 - inside / max(total, 1e-30)), 1)
    snr = np.where(good, (s[begin + widths] - s[begin]) / np.sqrt(variance), -np.inf)
    i, j = np.unravel_index(np.argmax(snr), snr.shape)
    return Pulse(period, float(snr[i, j]), float(j) / n_bins, float(i + 1) / n_bins)


def refine(curve: Curve, low: float, high: float, bins: int, max_duty: float) -> Pulse:
    """Best pulse of the periods from `low` to `high` and a trial beyond, samples.

    The error of the period is half of the range in which S/N^2 is within 1 of its maximum.
    """
    n_bins = max(2, min(bins, int(low)))
    step = 1 / (_FINE * n_bins * len(curve.signal))
    freq = np.arange(1 / high - _FINE * step, 1 / low + _FINE * step, step)
    freq = freq[(freq <= 0.5) & (freq > 0)]
    pulses = [best_boxcar(curve, 1 / f, bins, max_duty) for f in freq]
    best = max(pulses, key=lambda pulse: pulse.snr)
    fine = step / _FINE
    grid = 1 / best.period + fine * np.arange(-8 * _FINE, 8 * _FINE + 1)
    near = [best_boxcar(curve, 1 / f, bins, max_duty) for f in np.clip(grid, 1e-9, 0.5)]
    best = max(near, key=lambda pulse: pulse.snr)
    within = np.array([pulse.snr > 0 and pulse.snr**2 >= best.snr**2 - 1 for pulse in near])
    # The middle of what fits equally well, and half of its width.
    inside = grid[within]
    half = max((inside[-1] - inside[0] + fine) / 2, fine)
    middle = 1 / float((inside[-1] + inside[0]) / 2)
    final = best_boxcar(curve, middle, bins, max_duty)
    final = final if final.snr >= best.snr - 0.5 else best
    return Pulse(final.period, final.snr, final.start, final.width, half * final.period**2)


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
    signal = np.bincount(number, np.where(inside, curve.signal, 0), n)
    return signal, np.bincount(number, np.where(inside, curve.weight, 0), n)


def without_brightest(curve: Curve, pulse: Pulse) -> tuple[float, int]:
    """S/N of all cycles but the one that has the largest, and the number of that one."""
    signal, weight = cycles(curve, pulse)
    brightest = int(np.argmax(signal / np.sqrt(np.maximum(weight, 1e-30))))
    s, w = signal.sum() - signal[brightest], weight.sum() - weight[brightest]
    total = curve.weight.sum()
    return (float(s / np.sqrt(w * (1 - w / total))) if 0 < w < total else 0.0), brightest
