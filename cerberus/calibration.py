"""Pooled variance of every trial's S/N, learned from the S/N itself.

By construction the S/N of a trial has unit variance in white noise. Noise that is
correlated between channels or in time changes that, differently for every DM and width;
averaged over pixels and time, the variance that is left divides the next S/N.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from .kernels.robust import WINSOR_LIMIT, WINSOR_MOMENT
from .plan import SearchPlan

PRIOR_SAMPLES = 512.0
"""Samples' worth of belief in unit variance."""

MEMORY_SAMPLES = 1e6
"""Samples over which the variance is averaged."""


def second_moment(plan: SearchPlan, snr: jax.Array, there: jax.Array, width: int) -> jax.Array:
    """Second moment of S/N at a few independent times, held to three sigma.

    Parameters
    ----------
    snr : (..., time, pixel)
    there : (..., time, pixel or 1) bool
        Where there are data.
    width : int
        Boxcar width: times that far apart are independent.

    Returns
    -------
    (2, ...)
        Sum of min(S/N^2, 9) over times and pixels, and how many there were.
    """
    n_times = snr.shape[-2]
    n = min(max(1, n_times // width), math.ceil(4096 / plan.n_pixels))
    times = slice(n_times - 1 - (n - 1) * width, None, width)
    picked = snr[..., times, :]
    use = jnp.broadcast_to(there[..., times, :], picked.shape)
    square = jnp.where(use, jnp.minimum(picked * picked, WINSOR_LIMIT**2), 0)
    return jnp.stack([jnp.sum(square, (-2, -1)), jnp.sum(use, (-2, -1)).astype(snr.dtype)])


def calibrated(calibration: jax.Array, moments: jax.Array, plan: SearchPlan) -> jax.Array:
    """Variance of every trial after more samples of it.

    Parameters
    ----------
    calibration : (2, ...)
        Variance, and samples it rests on.
    moments : (2, ...)
        From :func:`second_moment`, of S/N that was divided by the root of that variance.
    """
    variance, count = calibration
    square, n = moments
    # Neighbouring pixels of a beam are one sample.
    n_new = n / max(1.0, min(1.13 * plan.config.beam_fwhm_px**2, plan.n_pixels))
    ratio = square / jnp.maximum(n, 1) / WINSOR_MOMENT
    rate = n_new / (PRIOR_SAMPLES + count + n_new)
    variance = jnp.where(n > 0, variance * (1 + rate * (ratio - 1)), variance)
    return jnp.stack([variance, jnp.minimum(count + n_new, MEMORY_SAMPLES)])
