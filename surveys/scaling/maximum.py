"""The maximum of the likelihood of a line with scatter, by Newton's method."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveys.scaling.likelihood import (
    Floats,
    LinearData,
    Outliers,
    log_likelihood,
    with_derivatives,
)

LEAST_LOG_SCATTER, MOST_LOG_SCATTER = math.log(1e-3), math.log(5.0)
"""Bounds of the scatter (ln); at the lower one it is 0 for all that the sample says, and the upper
one is more than any sizes have."""

_MOST_STEPS, _MOST_HALVINGS = 100, 20
_FARTHEST = 3.0
"""By how much a step may move what is expected of a galaxy; that of ln(scatter) is 1."""

_ENOUGH = 1e-10
"""What a step may still gain and be the last, in the logarithm of the likelihood."""


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood is largest.

    Attributes
    ----------
    parameters : (p + 1,)
        Coefficients and the logarithm of the scatter.
    log_likelihood : float
    converged : bool
    """

    parameters: Floats
    log_likelihood: float
    converged: bool


def maximise(
    data: LinearData, start: Floats, free: NDArray[np.bool_], outliers: Outliers | None = None
) -> Maximum:
    """Climb from a start (p + 1,) along the parameters that are free (p + 1,)."""
    place = start.copy()
    height = -np.inf
    for _ in range(_MOST_STEPS):
        height, slope, curvature = with_derivatives(place, data, outliers)
        move = _newton_step(place, slope, curvature, free)
        move /= max(1.0, float(np.abs(data.design @ move[:-1]).max() / _FARTHEST), abs(move[-1]))
        # What a parabola would gain.
        if 0.5 * slope @ move < _ENOUGH:
            return Maximum(place, height, True)
        for _ in range(_MOST_HALVINGS):
            tried = place + move
            if free[-1]:
                tried[-1] = np.clip(tried[-1], LEAST_LOG_SCATTER, MOST_LOG_SCATTER)
            if log_likelihood(tried, data, outliers) > height:
                break
            move /= 2
        else:
            # Nothing is higher but for rounding.
            return Maximum(place, height, bool(slope @ move < 1e-6))
        place = tried
    return Maximum(place, height, False)


def start_of(data: LinearData) -> Floats:
    """Least squares of all values as if measured, and the scatter of what is left."""
    root = np.sqrt(data.weight)
    coefficients = np.linalg.lstsq(data.design * root[:, None], data.value * root, rcond=None)[0]
    scatter = np.std(data.value - data.design @ coefficients)
    return np.asarray([*coefficients, math.log(np.clip(scatter, 0.05, 5.0))])


def _newton_step(
    place: Floats, slope: Floats, curvature: Floats, free: NDArray[np.bool_]
) -> Floats:
    """Upwards also where the likelihood is not concave; along free parameters alone."""
    free = free.copy()
    free[-1] &= not (place[-1] <= LEAST_LOG_SCATTER and slope[-1] <= 0)
    used = np.flatnonzero(free)
    part = curvature[np.ix_(used, used)]
    # On one scale, so that small eigenvalues mean flat directions.
    scale = np.sqrt(np.maximum(np.abs(np.diagonal(part)), 1e-12))
    values, vectors = np.linalg.eigh(-part / np.outer(scale, scale))
    along = (vectors.T @ (slope[used] / scale)) / np.maximum(np.abs(values), 1e-10)
    move = np.zeros_like(place)
    move[used] = (vectors @ along) / scale
    return move
