r"""Likelihood of a straight line with scatter, of galaxies of which some are missing or limits.

With :math:`\mu_i = \sum_j A_{ij} \theta_j` the expected value of galaxy i, the measured one is
normal about it with variance

.. math:: v_i = \sigma^2 + s_i^2 + \sum_j \theta_j^2 V_{ij},

of the scatter, its own error and the errors of what it is regressed on. A galaxy is in the sample
only if its measured value is between :math:`a_i` and :math:`b_i`, so the likelihood is

.. math:: L_i = \frac{N(y_i; \mu_i, v_i)}{P_i}, \qquad
   P_i = \Phi\left(\frac{b_i - \mu_i}{\sqrt{v_i}}\right)
       - \Phi\left(\frac{a_i - \mu_i}{\sqrt{v_i}}\right),

and of a galaxy of which only a limit is known the probability to be on the far side of it, but in
the sample, over :math:`P_i`. With outliers a fraction of all galaxies has a larger scatter about
the same line. First and second derivatives are written out: by :math:`\mu` and :math:`v`, and from
there by the parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, logsumexp

Floats = NDArray[np.float64]

_LOG_ROOT = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class LinearData:
    """Galaxies of a fit; n of them and p coefficients.

    Attributes
    ----------
    value : (n,)
        Measured, or the limit.
    design : (n, p)
    variance : (n,)
        Of the measurement.
    design_variance : (n, p)
    lower, upper : (n,)
        Between which a measured value must be to be in the sample; may be infinite.
    limit : (n,) int
        0 of a measured value, -1 where the value is below the one given, 1 where it is above.
    weight : (n,)
        How often each is counted.
    """

    value: Floats
    design: Floats
    variance: Floats
    design_variance: Floats
    lower: Floats
    upper: Floats
    limit: NDArray[np.int64]
    weight: Floats

    def of(self, rows: NDArray[np.int64]) -> LinearData:
        """Some of the galaxies, in any order and also more than once."""
        return LinearData(*(part[rows] for part in vars(self).values()))

    def weighted(self, weight: Floats) -> LinearData:
        """With other weights; galaxies of weight 0 are left out."""
        used = np.flatnonzero(weight)
        return replace(self.of(used), weight=weight[used])


@dataclass(frozen=True)
class Outliers:
    """Galaxies that do not follow the relation.

    Attributes
    ----------
    fraction : float
        Of all galaxies; known beforehand.
    width : float
        Their scatter (ln), beside what all have.
    """

    fraction: float = 0.02
    width: float = 1.5


@dataclass(frozen=True)
class Derivatives:
    """A logarithm for each galaxy, and its derivatives by mean and variance.

    Attributes
    ----------
    value : (n,)
    first : (2, n)
        By the mean and by the variance.
    second : (2, 2, n)
    """

    value: Floats
    first: Floats
    second: Floats

    def __sub__(self, other: Derivatives) -> Derivatives:
        return Derivatives(
            self.value - other.value, self.first - other.first, self.second - other.second
        )

    def where(self, chosen: NDArray[np.bool_], other: Derivatives) -> Derivatives:
        """Those of `other` where it is chosen."""
        return Derivatives(
            np.where(chosen, other.value, self.value),
            np.where(chosen, other.first, self.first),
            np.where(chosen, other.second, self.second),
        )


def expected(parameters: Floats, data: LinearData) -> Floats:
    """The value (n,) that the line has at each galaxy."""
    return data.design @ parameters[:-1]


def total_variance(parameters: Floats, data: LinearData) -> Floats:
    """Variance (n,) of measured values about the line."""
    of_design = data.design_variance @ parameters[:-1] ** 2
    return np.exp(2 * parameters[-1]) + data.variance + of_design


def log_likelihoods(
    parameters: Floats, data: LinearData, outliers: Outliers | None = None
) -> Derivatives:
    """Logarithm of the likelihood of each galaxy, without its weight.

    Parameters
    ----------
    parameters : (p + 1,)
        Coefficients and the logarithm of the scatter.
    data : LinearData
    outliers : Outliers, optional
    """
    mean, variance = expected(parameters, data), total_variance(parameters, data)
    density, inside = _terms(data, mean, variance)
    if outliers is not None:
        far_density, far_inside = _terms(data, mean, variance + outliers.width**2)
        density = _mixed(density, far_density, outliers.fraction)
        inside = _mixed(inside, far_inside, outliers.fraction)
    return density - inside


def log_likelihood(parameters: Floats, data: LinearData, outliers: Outliers | None = None) -> float:
    """Of all galaxies with their weights."""
    return float(data.weight @ log_likelihoods(parameters, data, outliers).value)


def scores(parameters: Floats, data: LinearData, outliers: Outliers | None = None) -> Floats:
    """First derivatives (n, p + 1) of the logarithm of each galaxy's likelihood, no weights."""
    first = log_likelihoods(parameters, data, outliers).first
    return np.einsum("kin,kn->ni", _steps(parameters, data), first)


def with_derivatives(
    parameters: Floats, data: LinearData, outliers: Outliers | None = None
) -> tuple[float, Floats, Floats]:
    """Logarithm of the likelihood, its gradient (p + 1,) and second derivatives (p + 1, p + 1)."""
    of = log_likelihoods(parameters, data, outliers)
    steps, weight = _steps(parameters, data), data.weight
    gradient = np.einsum("kin,kn->i", steps, weight * of.first)
    curvature = np.einsum("kin,kln,ljn->ij", steps, weight * of.second, steps, optimize=True)
    by_variance = weight * of.first[1]
    bends = np.append(2 * data.design_variance.T @ by_variance, 0.0)
    bends[-1] = 4 * math.exp(2 * parameters[-1]) * by_variance.sum()
    return float(weight @ of.value), gradient, curvature + np.diag(bends)


def log_between(low: Floats, high: Floats) -> Floats:
    """Logarithm of the share of a normal distribution between two numbers, low < high.

    It is exact also where that share is far below the least number of the float: what lies in the
    upper tail is turned over into the lower one.
    """
    turn = low > -high
    low, high = np.where(turn, -high, low), np.where(turn, -low, high)
    below_low, below_high = log_ndtr(low), log_ndtr(high)
    difference = np.minimum(below_low - below_high, -1e-300)
    near = difference > -math.log(2)
    of_near = np.log(-np.expm1(np.where(near, difference, -1.0)))
    of_far = np.log1p(-np.exp(np.where(near, -1.0, difference)))
    return below_high + np.where(near, of_near, of_far)


def _steps(parameters: Floats, data: LinearData) -> Floats:
    """Derivatives (2, p + 1, n) of mean and variance by the parameters."""
    none = np.zeros((1, len(data.value)))
    of_scatter = np.full_like(none, 2 * math.exp(2 * parameters[-1]))
    of_variance = 2 * parameters[:-1, None] * data.design_variance.T
    return np.stack(
        [np.concatenate([data.design.T, none]), np.concatenate([of_variance, of_scatter])]
    )


def _terms(data: LinearData, mean: Floats, variance: Floats) -> tuple[Derivatives, Derivatives]:
    """Of the density, or of the chance of the limit, and of being in the sample."""
    inside = _log_interval(data.lower, data.upper, mean, variance)
    density = _log_density(data.value, mean, variance)
    is_limit = data.limit != 0
    if not is_limit.any():
        return density, inside
    # Of measured values the interval is that of the sample; what is found there is not used.
    below = np.where(data.limit > 0, data.value, data.lower)
    above = np.where(data.limit < 0, data.value, data.upper)
    return density.where(is_limit, _log_interval(below, above, mean, variance)), inside


def _log_density(value: Floats, mean: Floats, variance: Floats) -> Derivatives:
    away = value - mean
    square = away**2 / variance
    of_both = -away / variance**2
    second = [[-1 / variance, of_both], [of_both, (0.5 - square) / variance**2]]
    return Derivatives(
        -0.5 * (square + np.log(variance)) - _LOG_ROOT,
        np.stack([away / variance, (square - 1) / (2 * variance)]),
        np.array(second),
    )


def _log_interval(low: Floats, high: Floats, mean: Floats, variance: Floats) -> Derivatives:
    spread = np.sqrt(variance)
    ends = [(low - mean) / spread, (high - mean) / spread]
    value = log_between(*ends)
    first = np.zeros((2, len(mean)))
    second = np.zeros((2, 2, len(mean)))
    for sign, end in zip((-1.0, 1.0), ends, strict=True):
        known = np.isfinite(end)
        z = np.where(known, end, 0.0)
        density = sign * np.exp(np.where(known, -0.5 * z**2 - _LOG_ROOT - value, -np.inf))
        by = np.stack([-1 / spread, -z / (2 * variance)])
        of_both = 1 / (2 * variance * spread)
        bend = np.array([[np.zeros_like(z), of_both], [of_both, 3 * z / (4 * variance**2)]])
        first += density * by
        second += density * (bend - z * by[:, None] * by)
    return Derivatives(value, first, second - first[:, None] * first)


def _mixed(most: Derivatives, few: Derivatives, fraction: float) -> Derivatives:
    """Of the sum of two populations."""
    values = np.stack([math.log1p(-fraction) + most.value, math.log(fraction) + few.value])
    value = logsumexp(values, axis=0)
    share = np.exp(values - value)
    parts = list(zip(share, (most, few), strict=True))
    first = sum((s * d.first for s, d in parts), np.zeros_like(most.first))
    second = sum(
        (s * (d.second + d.first[:, None] * d.first) for s, d in parts), np.zeros_like(most.second)
    )
    return Derivatives(np.asarray(value), first, second - first[:, None] * first)
