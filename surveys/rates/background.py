"""Limits on a signal beside a background that is known: Feldman and Cousins (1998).

Phys. Rev. D 57, 3873. Of each signal, counts are accepted in the order of P(n | s + b) / P(n | s' +
b), s' = max(0, n - b), until their probability is the confidence. The interval of a count is of
all signals that accept it. It turns by itself from an upper limit into two sides, and is never
empty. As counts are whole, upper limits jump up where a background grows; as in their tables, the
limit is the greatest of this background and of all larger ones, so that it never grows with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from surveys.errors import SettingProblem
from surveys.rates.poisson import check_counts

MOST_COUNTS = 1000
_STEP = 0.01
_HALVINGS = 40
# A larger background has the next jump within this, and its limit is no more above than this.
_NEXT_JUMP, _RISE = 2.0, 1.0
_STEPS = 0.02, 0.004, 0.0008


def feldman_cousins(k: int, background: float, confidence: float = 0.9) -> tuple[float, float]:
    """Least and greatest signal that go with k counts above a background.

    Parameters
    ----------
    k : int
        Counted, signal and background together.
    background : float
        Its mean, known.
    confidence : float
        Of the interval: the signal is inside in at least that share of surveys.

    Raises
    ------
    SettingProblem
        A count below 0 or above 1000, a background below 0, a confidence outside of 0 to 1.
    """
    check_counts(k, confidence)
    if not (0 <= background <= MOST_COUNTS):
        remedy = f"give the false alarms that are expected, 0 to {MOST_COUNTS}"
        raise SettingProblem("background", f"is {background}", remedy)
    if k > MOST_COUNTS:
        remedy = f"give {MOST_COUNTS} or fewer, or kind = 'classical'"
        raise SettingProblem("detections", f"is {k}", remedy)
    spread = np.sqrt(k + background + 1)
    # Far enough: a Gaussian of this confidence ends well before it.
    reach = 4 + np.sqrt(-2 * np.log(1 - confidence))
    top = max(k - background, 0) + reach * (spread + reach)
    signal = np.arange(0.0, top, _STEP * max(1.0, spread / 4))
    inside = np.flatnonzero(_accepts(signal, k, background, confidence))
    if not len(inside):
        # Only where the grid is coarser than the interval.
        remedy = "give a confidence of 0.5 or more"
        raise SettingProblem("confidence", f"is {confidence:g}", remedy)
    first, last = inside[0], inside[-1]
    low = 0.0
    if first > 0:
        low = _edge(float(signal[first]), float(signal[first - 1]), k, background, confidence)
    end = float(signal[last])
    high = _edge(end, end + float(signal[1]), k, background, confidence)
    return low, _never_growing(high, k, background, confidence)


def _never_growing(high: float, k: int, background: float, confidence: float) -> float:
    """The greatest upper limit of this background and of larger ones."""
    best, within, rise = background + _NEXT_JUMP / 2, _NEXT_JUMP / 2, _RISE
    for step in _STEPS:
        others = np.arange(max(background, best - within), best + within, step)
        signal = np.arange(high + step, high + rise, step)
        signal, others = (a.ravel() for a in np.meshgrid(signal, others, indexing="ij"))
        inside = np.flatnonzero(_accepts(signal, k, others, confidence))
        if len(inside):
            high, best = float(signal[inside[-1]]), float(others[inside[-1]])
        within, rise = 3 * step, 3 * step
    return high


def _edge(inside: float, outside: float, k: int, background: float, confidence: float) -> float:
    """Where acceptance ends between a signal that accepts k and one that does not."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (inside + outside)
        if _accepts(np.array([middle]), k, background, confidence)[0]:
            inside = middle
        else:
            outside = middle
    return float(inside)


def _accepts(
    signal: NDArray, k: int, background: float | NDArray, confidence: float
) -> NDArray[np.bool_]:
    """Whether k is accepted, for each signal: counts before it in order have less than enough."""
    background = np.broadcast_to(background, signal.shape)
    most = max((signal + background).max(), k)
    n = np.arange(int(most + 12 * np.sqrt(most + 1) + 20))
    log_n = gammaln(n + 1)
    accepted = np.empty(len(signal), bool)
    # A few at a time: the table of all signals and counts may be large.
    for part in np.array_split(np.arange(len(signal)), max(1, signal.size * len(n) // 1_000_000)):
        known = background[part, None]
        mean, best = signal[part, None] + known, np.maximum(n, known)
        log_p = xlogy(n, mean) - mean
        ratio = log_p - xlogy(n, best) + best
        before = ratio > ratio[:, k : k + 1]
        chance = np.exp(np.where(before, log_p - log_n, -np.inf))
        accepted[part] = chance.sum(axis=1) < confidence
    return accepted
