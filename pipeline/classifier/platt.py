"""Odds that are calibrated."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

_STIFFNESS = 1e-3
"""Of the slope about 1: classes that are wholly apart would make it infinite."""


class Platt(NamedTuple):
    """``logit p = slope x + offset`` of what networks say (Platt 1999)."""

    slope: float = 1.0
    offset: float = 0.0


def class_weights(real: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weights of mean 1 that have both classes count alike."""
    share = np.clip(real.mean(), 1e-6, 1 - 1e-6)
    return np.where(real, 0.5 / share, 0.5 / (1 - share)).astype(np.float32)


def calibrate(logits: NDArray[np.floating], real: NDArray[np.bool_]) -> Platt:
    """The line through the odds under which what was seen is likeliest, classes counting alike.

    Examples of one class alone calibrate nothing: the line is then the identity.
    """
    if real.all() or not real.any():
        return Platt()
    x, weight = np.asarray(logits, float), class_weights(real).astype(float)

    def loss(p: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z, stiff = p[0] * x + p[1], _STIFFNESS * len(x)
        cost = np.sum(weight * (np.logaddexp(0, z) - real * z)) + stiff * (p[0] - 1) ** 2
        away = weight * (expit(z) - real)
        return float(cost), np.array([np.sum(away * x) + 2 * stiff * (p[0] - 1), np.sum(away)])

    fit = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS")
    return Platt(float(fit.x[0]), float(fit.x[1]))
