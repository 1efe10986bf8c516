"""Periodic pulses in light curves: found one after the other, each taken out before the next."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cerberus.fold import FoldPlan, periodogram
from pipeline.periodicity.profile import (
    Curve,
    Pulse,
    noise_off_pulse,
    on_pulse,
    refine,
    without_brightest,
)

_ROUNDS = 8
"""Pulses that are taken out of a light curve, at most, those that stand alone included."""

_ALONE = 0.4
"""A period of which all cycles but the brightest have less of the S/N is no period."""

_MARGIN = 0.5
"""Widths beside the pulse that are taken out with it."""

_MOST_MULTIPLE, _CLEARLY = 5, 1.1
"""Of a period that may have been found at a fraction, and the factor in S/N that says so."""

_LARGEST = 16
"""Of the two numbers in the ratio of a harmonic."""

_MOST_HARMONICS = 5

_PEAKS, _WORTH = 5, 0.5
"""Peaks of a periodogram that are looked at closely, at most, and how high a peak must be.

Of a pulse as short as a sample trials may keep half, and a fraction or a multiple more.
"""


@dataclass(frozen=True)
class Periodicity:
    """A periodic pulse.

    Attributes
    ----------
    pixel : int
        Column of the light curve.
    pulse : Pulse
    snr_trial : float
        S/N at the best trial period: the pulse has that of the best period near it.
    snr_rest : float
        S/N without the cycle that is brightest.
    harmonics : tuple of (str, float, float)
        Ratio of period, period in samples and S/N of peaks that are gone when the pulse is
        taken out, the best ones.
    """

    pixel: int
    pulse: Pulse
    snr_trial: float
    snr_rest: float
    harmonics: tuple[tuple[str, float, float], ...] = ()


def false_alarm_probability(plan: FoldPlan, snr: float, n_curves: float = 1.0) -> float:
    """Probability that noise alone has such an S/N anywhere in some light curves.

    Trials that share samples are alike: the number that are independent is a share of the
    number of phase bins of all trial periods, and grows with S/N. Both are measured on noise.
    """
    bins = sum(float((o.n_rows * o.n_bins).sum()) for o in plan.octaves)
    tail = 0.5 * math.erfc(snr / math.sqrt(2))
    return -math.expm1(-n_curves * bins * independent_share(snr) * tail)


def independent_share(snr: float) -> float:
    """Independent trials to a phase bin of a trial period."""
    return 2.4 * (snr / 5) ** 2


def find_periods(
    plan: FoldPlan,
    signal: NDArray[np.float32],
    weight: NDArray[np.float32],
    threshold: float,
) -> tuple[list[Periodicity], NDArray[np.float32]]:
    """Search light curves, take out what is found, and search again until nothing is.

    Parameters
    ----------
    plan : FoldPlan
    signal, weight : (time, pixel), (time, pixel or 1)
        From `pipeline.periodicity.light_curves.whiten`.
    threshold : float
        S/N.

    Returns
    -------
    found : list of Periodicity
    cells : (cell, pixel) float32
        The first periodogram.
    """
    first = cells = periodogram(plan, signal, weight)
    active = np.flatnonzero(cells.max(axis=0) >= threshold)
    found: list[Periodicity] = []
    signal = signal[:, active].copy()
    weight = np.broadcast_to(weight, (len(signal), first.shape[1]))[:, active].copy()
    cells = cells[:, active]
    for _ in range(_ROUNDS):
        if not len(active):
            break
        new: dict[int, Periodicity] = {}
        for i, pixel in enumerate(active):
            pulse, rest, taken = _strongest(plan, Curve(signal[:, i], weight[:, i]), cells[:, i])
            if pulse.snr >= threshold and rest >= _ALONE * pulse.snr:
                new[i] = Periodicity(int(pixel), pulse, float(cells[:, i].max()), rest)
            _take_out(signal[:, i], weight[:, i], taken)
        before, cells = cells, periodogram(plan, signal, weight)
        for i, one in new.items():
            gone = (before[:, i] >= threshold) & (cells[:, i] < threshold)
            harmonics = _harmonics(plan, one.pulse.period, before[:, i], gone)
            found.append(replace(one, harmonics=harmonics))
        stay = cells.max(axis=0) >= threshold
        active, signal, weight = active[stay], signal[:, stay], weight[:, stay]
        cells = cells[:, stay]
    return found, first


def _strongest(
    plan: FoldPlan, curve: Curve, cells: NDArray[np.float32]
) -> tuple[Pulse, float, NDArray[np.bool_]]:
    """The best period, its S/N without the brightest cycle, and the samples that explain it."""
    peaks = np.argsort(-cells, kind="stable")[:_PEAKS]
    peaks = peaks[cells[peaks] >= _WORTH * cells[peaks[0]]]
    bounds = [(float(plan.period_low[i]), float(plan.period_high[i])) for i in peaks]
    near = (refine(curve, *both, plan.bins, plan.max_duty) for both in bounds)
    pulse = _slowest(plan, curve, max(near, key=lambda one: one.snr))
    rest, brightest = without_brightest(curve, pulse)
    taken = on_pulse(pulse, len(curve.signal), _MARGIN)
    if rest < _ALONE * pulse.snr:
        # One bright burst: it goes, and what is periodic stays.
        taken = on_pulse(pulse, len(curve.signal), _MARGIN, brightest)
        return pulse, rest, taken
    noise = noise_off_pulse(curve, pulse)
    return replace(pulse, snr=pulse.snr / noise), rest / noise, taken


def _slowest(plan: FoldPlan, curve: Curve, pulse: Pulse) -> Pulse:
    """The pulse at a multiple of its period, where that has more S/N.

    Of a pulse much narrower than a bin, trials at a fraction of the period have more: their
    bins are narrower. Here bins are as narrow at the multiple.
    """
    best = pulse
    for k in range(2, _MOST_MULTIPLE + 1):
        period = k * pulse.period
        if period <= plan.period_high.max():
            other = refine(curve, period, period, k * plan.bins, plan.max_duty)
            # A random multiple has less by the root of k, a true one more by as much.
            best = max(best, other, key=lambda one: one.snr / (1 if one is pulse else _CLEARLY))
    return best


def _take_out(
    signal: NDArray[np.float32], weight: NDArray[np.float32], taken: NDArray[np.bool_]
) -> None:
    """Give samples weight 0, and the others mean zero again."""
    signal[taken], weight[taken] = 0, 0
    total = weight.sum(dtype=float)
    if total > 0:
        signal -= weight * np.float32(signal.sum(dtype=float) / total)


def _harmonics(
    plan: FoldPlan, period: float, cells: NDArray[np.float32], gone: NDArray[np.bool_]
) -> tuple[tuple[str, float, float], ...]:
    """The best peaks that went with a pulse, at simple ratios of its period."""
    ratios = {Fraction(a, b) for a in range(1, _LARGEST + 1) for b in range(1, _LARGEST + 1)} - {1}
    out = []
    for ratio in ratios:
        at = float(ratio) * period
        here = np.flatnonzero((plan.period_low <= at) & (at <= plan.period_high) & gone)
        if len(here):
            best = here[np.argmax(cells[here])]
            out.append((f"{ratio.numerator}/{ratio.denominator}", at, float(cells[best])))
    return tuple(sorted(out, key=lambda h: -h[2])[:_MOST_HARMONICS])
