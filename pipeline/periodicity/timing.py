"""The period of pulses from their times of arrival, with pulses that were missed.

A trial frequency gives every pulse the number of its cycle; a weighted straight line through
times against numbers is then the best period near it, and what is left over are residuals. n
times that have nothing to do with each other have phases all over the cycle: that the sum of
squares of their residuals is below r^2 (cycles) has about the probability of a ball of radius
r in n - 2 dimensions, for every independent trial from the longest period down. The period
whose expected number of such accidents is least wins. How often random times do as well is
simulated. Residuals count as no smaller than the errors say: a perfect fit is no evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STEP = 0.1
"""Turns that a step of trial frequency is over the span of the times."""

_MOST_TRIALS = 400_000
_AT_ONCE = 20_000
_LARGEST_ERROR = 0.125
"""Error of a time, in periods, at which a period cannot be told any more."""


@dataclass(frozen=True)
class Timing:
    """A period fitted to times of arrival.

    Attributes
    ----------
    period, period_error : float
        Seconds.
    epoch, epoch_error : float
        Time of the pulse with number 0, which is near the middle; seconds.
    covariance : float
        Of epoch and period, s^2.
    number : (n,) int64
        Cycle of each pulse.
    residual : (n,) float64
        Time minus what the period says, seconds.
    chi2 : float
        With the errors that were given, of n - 2 degrees of freedom. The errors of the result
        are scaled with its root where that is more than one.
    fap : float
        Share of sets of random times with a period as good; 0.5 / draws where there was none.
    """

    period: float
    period_error: float
    epoch: float
    epoch_error: float
    covariance: float
    number: NDArray[np.int64]
    residual: NDArray[np.float64]
    chi2: float
    fap: float

    @property
    def rms(self) -> float:
        """Root mean square of the residuals, seconds."""
        return float(np.sqrt(np.mean(self.residual**2)))


def find_timing(
    time_s: NDArray[np.float64],
    error_s: NDArray[np.float64],
    min_period: float = 0.0,
    max_period: float = math.inf,
    n_draws: int = 200,
    seed: int = 0,
) -> Timing | None:
    """Find the period that times of arrival share, and how often random times have one.

    Parameters
    ----------
    time_s, error_s : (n,) float64
        Times and their standard errors, seconds; n is 3 or more.
    min_period, max_period : float
        Range of trials, seconds; never below 8 times the errors nor above half of the span.
    n_draws : int
        Sets of times, uniform over the span, that the probability is counted from.
    seed : int

    Returns
    -------
    Timing or None
        None if there are fewer than three times, or no period is possible.
    """
    order = np.argsort(time_s)
    t, sigma = np.asarray(time_s, float)[order], np.asarray(error_s, float)[order]
    span = float(np.ptp(t)) if len(t) else 0.0
    if len(t) < 3 or not span:
        return None
    zero = t[0]
    low = max(min_period, float(np.median(sigma)) / _LARGEST_ERROR)
    high = min(max_period, span / 2 + float(np.median(sigma)))
    if not low < high:
        return None
    step = max(_STEP / span, (1 / low - 1 / high) / _MOST_TRIALS)
    freq = np.arange(1 / high, 1 / low + step, step)
    best, score = _scan(t - zero, sigma, freq)
    rng = np.random.default_rng(seed)
    as_good = 0
    for _ in range(n_draws):
        random = np.sort(rng.uniform(0, span, len(t)))
        # The ends of the span are pulses: so are those of what is compared with it.
        random = (random - random[0]) * span / max(np.ptp(random), 1e-9)
        as_good += _scan(random, sigma, freq)[1] <= score
    return fit_timing(t, sigma, best, zero, max(as_good, 0.5) / n_draws, order)


def _scan(
    t: NDArray[np.float64], sigma: NDArray[np.float64], freq: NDArray[np.float64]
) -> tuple[float, float]:
    """The frequency whose fit is the least likely accident, and the log of their number."""
    weight = sigma**-2 / np.sum(sigma**-2)
    dims = len(t) - 2
    ball = 0.5 * dims * math.log(math.pi) - math.lgamma(0.5 * dims + 1)
    best = (float(freq[0]), math.inf)
    for first in range(0, len(freq), _AT_ONCE):
        f = freq[first : first + _AT_ONCE, None]
        phase = np.angle(np.sum(weight * np.exp(2j * np.pi * f * t), axis=1)) / (2 * np.pi)
        number = np.round(f * t - phase[:, None])
        middle = np.sum(weight * number, axis=1, keepdims=True)
        spread = np.sum(weight * (number - middle) ** 2, axis=1)
        centre = np.sum(weight * t)
        covariance = np.sum(weight * (number - middle) * (t - centre), axis=1)
        good = (spread > 0) & (number.max(axis=1) - number.min(axis=1) >= 2)
        period = np.where(good, covariance / np.where(good, spread, 1), 0)
        good &= period > 0
        period = np.where(good, period, 1)
        residual = t - centre - period[:, None] * (number - middle)
        square = len(t) * np.sum(weight * residual**2, axis=1) / period**2
        least = dims * len(t) / np.sum(sigma**-2) / period**2
        # Every turn over the span is a trial of its own.
        trials = 1 + np.ptp(t) / period
        score = np.log(trials) + ball + 0.5 * dims * np.log(np.maximum(square, least))
        score = np.where(good & (period <= 1.001 / freq[0]), score, math.inf)
        i = int(np.argmin(score))
        if score[i] < best[1] - 1e-9:
            best = (1 / float(period[i]), float(score[i]))
    return best


def fit_timing(
    t: NDArray[np.float64],
    sigma: NDArray[np.float64],
    freq: float,
    zero: float,
    fap: float,
    order: NDArray[np.int64],
) -> Timing:
    """Weighted straight line through times against the numbers of their cycles."""
    weight = sigma**-2
    phase = np.angle(np.sum(weight * np.exp(2j * np.pi * freq * (t - zero)))) / (2 * np.pi)
    number = np.round(freq * (t - zero) - phase).astype(int)
    number -= round(float(np.average(number, weights=weight)))
    design = np.stack([np.ones(len(t)), number], axis=1)
    normal = np.linalg.inv(design.T @ (weight[:, None] * design))
    epoch, period = normal @ design.T @ (weight * (t - zero))
    residual = t - zero - epoch - period * number
    chi2 = float(np.sum(weight * residual**2))
    scaled = normal * max(1.0, chi2 / (len(t) - 2))
    unsorted = np.argsort(order)
    return Timing(
        float(period),
        float(np.sqrt(scaled[1, 1])),
        float(epoch + zero),
        float(np.sqrt(scaled[0, 0])),
        float(scaled[0, 1]),
        number[unsorted],
        residual[unsorted],
        chi2,
        fap,
    )
