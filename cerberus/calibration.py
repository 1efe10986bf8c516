"""Pooled variance of every trial's S/N, learned from the S/N itself.

By construction the S/N of a trial has unit variance in white noise. Noise that is
correlated between channels or in time changes that, differently for every DM and width;
averaged over pixels and time, the variance that is left divides the next S/N. It is
learned from negative S/N alone, of which noise has as much as of positive, so that pulses
do not count; all that is seen of a wide one is how it lowers the rest of its window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import jax
import jax.numpy as jnp

from .kernels.robust import WINSOR_LIMIT, WINSOR_MOMENT
from .plan import SearchPlan

PRIOR_SAMPLES = 512.0
"""Samples' worth of belief in unit variance."""

MOST_SAMPLES = 1 << 14
"""Samples of a frame that are looked at, or one of each pixel if these are more."""

MEMORY_SAMPLES = 1e6
"""Samples over which the variance is averaged."""


class Scored(NamedTuple):
    """S/N of the trials of one width.

    Attributes
    ----------
    snr : (row, time, pixel)
    there : (row, time, pixel or 1) bool
        Where there are data.
    width : int
        Boxcar width: times that far apart are independent.
    """

    snr: jax.Array
    there: jax.Array
    width: int


def second_moments(plan: SearchPlan, trials: Sequence[Scored]) -> jax.Array:
    """Second moments of negative S/N at a few independent times, held to three sigma.

    Returns
    -------
    (2, trial)
        Sum of min(S/N^2, 9) over times and pixels, and how many there were; the rows of
        each width, one width after the other.
    """
    most = math.ceil(MOST_SAMPLES / plan.n_pixels)

    def count(trial: Scored) -> int:
        return min(max(1, trial.snr.shape[1] // trial.width), most)

    def pick(x: jax.Array, trial: Scored) -> jax.Array:
        last = x.shape[1] - 1
        return x[:, last - (count(trial) - 1) * trial.width :: trial.width]

    moments = []
    # Widths of which as many times are taken are summed together.
    for _, alike in groupby(trials, count):
        group = list(alike)
        snr = jnp.concatenate([pick(t.snr, t) for t in group])
        there = [jnp.broadcast_to(t.there, t.snr.shape) for t in group]
        use = jnp.concatenate([pick(u, t) for u, t in zip(there, group, strict=True)]) & (snr < 0)
        square = jnp.where(use, jnp.minimum(snr * snr, WINSOR_LIMIT**2), 0)
        counted = jnp.sum(use, (1, 2)).astype(snr.dtype)
        moments.append(jnp.stack([jnp.sum(square, (1, 2)), counted]))
    return jnp.concatenate(moments, axis=1)


def calibrated(calibration: jax.Array, moments: jax.Array, plan: SearchPlan) -> jax.Array:
    """Variance of every trial after more samples of it.

    Parameters
    ----------
    calibration : (2, ...)
        Variance, and samples it rests on.
    moments : (2, ...)
        From :func:`second_moments`, of S/N that was divided by the root of that variance.
    """
    variance, count = calibration
    square, n = moments
    # Neighbouring pixels of a beam are one sample.
    n_new = n / max(1.0, min(1.13 * plan.config.beam_fwhm_px**2, plan.n_pixels))
    ratio = square / jnp.maximum(n, 1) / WINSOR_MOMENT
    rate = n_new / (PRIOR_SAMPLES + count + n_new)
    variance = jnp.where(n > 0, variance * (1 + rate * (ratio - 1)), variance)
    return jnp.stack([variance, jnp.minimum(count + n_new, MEMORY_SAMPLES)])
