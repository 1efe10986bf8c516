"""How often Gaussian noise alone makes a candidate.

A candidate is a cluster of trials above the threshold u: neighbouring starts, widths, DMs
and pixels share noise, and what exceeds u in one of them often does in the next. The
number of clusters is the number of trials times the normal tail Q(u), times the share of
trials that are the first of their cluster on each axis. That share follows from
x^2 = 2 u^2 (1 - r), r being the correlation of neighbours on the axis:

* sums of white noise over an interval lose 1 - r in proportion to what is not shared. On
  such an axis, of starts, widths or DMs, the share is x^2 / 2 times Siegmund's correction
  for a grid, which is u^2 (1 - r) where neighbours are alike (Pickands 1969) and 1
  where they are not (Siegmund 1985, Sequential Analysis, ch. 4; Siegmund & Yakir 2007,
  The Statistics of Gene Mapping, ch. 5);
* noise that the beam has smoothed is smooth on the sky, and the share is erf(x / sqrt(8)).
  For a beam of many pixels that makes u^2 4 ln2 / pi maxima in FWHM^2 of two axes, the
  expected number of maxima of a smooth field (Adler 1981, The Geometry of Random Fields).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .plan import SearchPlan

_NESTED = 0.75
"""Lowers 1 - r between widths and between DMs: a boxcar holds several narrower ones, each
of which may be the larger. From 1/2 for dense grids to 1 for sparse ones; fits Monte Carlo
integrals over the trials around one to 6 % for ladders as the plan's, u from 5 to 7."""

_NOISE_VARIANCE = (0.136, 0.153, 0.160, 0.125, 0.086, 0.053, 0.032, 0.0245)
"""Variance of a pixel's noise estimate after 8, 16, ... 64 frames, in units of that of the
mean square of one frame; from simulated medians of eight."""

_LEARNED_FRAMES = 16
"""Frames that were learned from before the first one is searched, if there are as many."""


def expected_false_alarms(
    plan: SearchPlan, n_samples: int, threshold: float | None = None
) -> float:
    """Expected number of candidates that Gaussian noise makes in a recording.

    The noise is white in time, independent between channels, and correlated on the sky
    like a beam of ``beam_fwhm_px`` (not at all if that is 1), as noise of natural weighting
    is. Candidates are what the pipeline groups detections into.

    Beside noise that was searched (16 frames learned first), candidates over expected, for
    5, 5.5 and 6 sigma: 0.98(2), 0.96(5) and 0.90(21) in images of 175 x 175 pixels, 16
    channels and a beam of 3 pixels; 0.90(2), 0.97(9), 0.8(3) for one channel, white on the
    sky; 1.00(3), 1.11(11), 1.2(5) for one pixel of 64 channels and 577 DMs. All six
    searches in ``docs/cerberus.md`` agree to 10 % or their counting error.

    Parameters
    ----------
    plan : SearchPlan
    n_samples : int
        Length of the recording.
    threshold : float, optional
        S/N; the plan's if not given.
    """
    u = plan.config.threshold if threshold is None else threshold
    tail = 0.5 * math.erfc(u / math.sqrt(2))
    clusters = sum(rate for _, rate in trial_rates(plan, u))
    return clusters * _sky(plan, u) * n_samples * tail * _noise_excess(plan, n_samples, u)


def trial_rates(plan: SearchPlan, u: float) -> Iterator[tuple[int, float]]:
    """Clusters a sample and pixel, in units of Q(u), whose best boxcar has each width.

    Yields
    ------
    width : int
        In samples.
    rate : float
        Of all DMs together.
    """
    rungs = [(level, rung) for level in plan.levels for rung in level.rungs]
    widths = np.array(plan.widths, float)
    steps = _rough(u, _NESTED * (1 - np.sqrt(widths[:-1] / widths[1:])))
    # A cluster is as likely to begin at the narrower neighbour as at the wider one.
    share = 0.5 * (np.r_[1.0, steps] + np.r_[steps, 1.0])
    for width, part, (level, rung) in zip(plan.widths, share, rungs, strict=True):
        starts = _rough(u, min(1.0, level.decimation / width)) / level.decimation
        unlike = _unlike_dms(plan.delays[level.dm_rows[:: rung.stride]], width)
        dms = 1 + np.sum(_rough(u, _NESTED * unlike))
        yield width, float(starts * part * dms)


def _rough(u: float, unlike: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of trials that begin a cluster, neighbours having the correlation 1 - unlike."""
    half = u * np.sqrt(np.asarray(unlike, float) / 2)
    below = 0.5 * np.vectorize(math.erf, otypes=[float])(half / math.sqrt(2))
    density = np.exp(-(half**2) / 2) / math.sqrt(2 * math.pi)
    return 2 * half * below / (half * (0.5 + below) + density)


def _unlike_dms(delays: NDArray[np.int64], width: int) -> NDArray[np.float64]:
    """What neighbouring DM trials do not share of a boxcar, at the start that suits best."""
    shift = np.diff(delays, axis=0)
    shift = shift - np.round(np.median(shift, axis=1, keepdims=True))
    return np.minimum(1.0, np.abs(shift) / width).mean(axis=1)


def _sky(plan: SearchPlan, u: float) -> float:
    """Clusters on the sky in units of Q(u)."""
    fwhm = plan.config.beam_fwhm_px
    alike = math.exp(-4 * math.log(2) / fwhm**2) if fwhm > 1 else 0.0
    share = math.erf(u * math.sqrt(2 * (1 - alike)) / math.sqrt(8)) if fwhm > 1 else 1.0
    return math.prod(1 + (n - 1) * share for n in plan.config.shape)


def _noise_excess(plan: SearchPlan, n_samples: int, u: float) -> float:
    """How much more often S/N passes u because a pixel's noise is an estimate.

    Averaged over estimates of relative variance v, Q is exp(u^4 v / 8) times as large.
    """
    frames = max(1, n_samples // plan.frame)
    age = (min(_LEARNED_FRAMES, frames) + np.arange(min(frames, 64))) // 8
    v = np.asarray(_NOISE_VARIANCE)[np.clip(age - 1, 0, 7)] * 2 / (plan.frame * plan.n_channels)
    excess = np.exp(u**4 * v / 8)
    late = max(0, frames - len(excess))
    return float((excess.sum() + late * excess[-1]) / (len(excess) + late))
