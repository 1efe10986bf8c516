"""Numbers whose Gaussian noise has unit variance, from powers and images of a frame."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MAD_TO_SIGMA = 1.4826
LEAST_SAMPLES = 8
"""Of fewer samples nothing can be told."""


def cube_root(power: NDArray[np.floating], n: NDArray[np.integer]) -> NDArray[np.floating]:
    """Nearly Gaussian values of means of ``n`` exponentially distributed powers of mean 1.

    The cube root of a gamma variate has the mean ``1 - 1 / 9n`` and the variance ``1 / 9n``
    (Wilson & Hilferty 1931): its tail is that of a Gaussian where that of a power is not.

    Returns
    -------
    array
        Of unit variance; NaN where ``n`` is 0.
    """
    n = np.where(n > 0, n, np.nan)
    return (np.cbrt(power) - 1 + 1 / (9 * n)) * np.sqrt(9 * n)


def deviations(values: NDArray[np.floating], least_sigma: float) -> NDArray[np.floating]:
    """How far values stand out of those of their channel, in standard deviations.

    Parameters
    ----------
    values : (time, channel)
        NaN where there are none.
    least_sigma : float
        What the standard deviation would be at least; the scatter of all is taken where it
        is larger.

    Returns
    -------
    (time, channel)
        Values less the median over time of their channel. NaN in channels with fewer than
        `LEAST_SAMPLES` values.
    """
    there = np.isfinite(values)
    enough = there.sum(axis=0) >= LEAST_SAMPLES
    usable = there & enough
    if not usable.any():
        return np.full(values.shape, np.nan)
    away = np.where(usable, values - medians(values), np.nan)
    sigma = MAD_TO_SIGMA * float(np.nanmedian(np.abs(away)))
    return away / max(sigma, least_sigma, 1e-30)


def medians(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Median over the first axis of what is finite; NaN where nothing is."""
    there = np.isfinite(values)
    seen = there.any(axis=0)
    safe = np.where(there, values, np.where(seen, np.nan, 0.0))
    return np.where(seen, np.nanmedian(safe, axis=0), np.nan)


def level_and_spread(
    values: NDArray[np.floating],
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Median and robust standard deviation along the last axis; NaN is left out."""
    if np.isfinite(values).all():
        level = np.median(values, axis=-1)
        return level, MAD_TO_SIGMA * np.median(np.abs(values - level[..., None]), axis=-1)
    level = medians(np.moveaxis(values, -1, 0))
    away = medians(np.moveaxis(np.abs(values - level[..., None]), -1, 0))
    return level, MAD_TO_SIGMA * away


def gaussian_tail(sigmas: float) -> float:
    """Share of a Gaussian beyond so many standard deviations on one side."""
    return 0.5 * math.erfc(sigmas / math.sqrt(2))
