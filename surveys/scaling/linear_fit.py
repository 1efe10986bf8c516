"""A straight line with scatter, fitted: its parameters and how well they are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import chi2, kstest

from surveys.errors import SettingProblem
from surveys.scaling.likelihood import (
    Floats,
    LinearData,
    Outliers,
    expected,
    scores,
    total_variance,
    with_derivatives,
)
from surveys.scaling.maximum import (
    LEAST_LOG_SCATTER,
    MOST_LOG_SCATTER,
    maximise,
    start_of,
)

_PROFILE_REACH = 5.0


@dataclass(frozen=True)
class LinearFit:
    """Coefficients of a line and the scatter about it.

    Attributes
    ----------
    parameters : (p + 1,)
        Coefficients, and the logarithm of the scatter.
    covariance : (p + 1, p + 1)
        Of the parameters: the inverse of the matrix of second derivatives; with weights that are
        not all 1, that between two sums of squares of first derivatives. NaN in the row of a
        scatter that is not free, or that is 0 for all that the sample says.
    log_likelihood : float
    data : LinearData
    outliers : Outliers, optional
    free : (p + 1,) bool
    """

    parameters: Floats
    covariance: Floats
    log_likelihood: float
    data: LinearData
    outliers: Outliers | None
    free: np.ndarray

    @property
    def scatter(self) -> float:
        """Standard deviation about the line; 0 if the sample says no more than that."""
        return 0.0 if self._at_zero else float(np.exp(self.parameters[-1]))

    @property
    def errors(self) -> Floats:
        """Standard errors (p + 1,) of the parameters; the last is that of ln(scatter)."""
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def _at_zero(self) -> bool:
        return bool(self.parameters[-1] <= LEAST_LOG_SCATTER * (1 - 1e-9))

    def profile_interval(self, i: int, level: float = 0.6827) -> tuple[float, float]:
        """Interval of a parameter in which the likelihood, others at their best, is high enough.

        An end that is five times as far as the standard error says, or farther, is NaN. It means
        nothing with weights that are not all the same.
        """
        if not 0 < level < 1:
            raise ValueError(f"level is {level}, not between 0 and 1")
        error = self.errors[i]
        if not np.isfinite(error):
            return np.nan, np.nan
        wanted = float(np.sqrt(chi2.ppf(level, 1)))
        return self._profile_end(i, -error, wanted), self._profile_end(i, error, wanted)

    def _profile_end(self, i: int, step: float, wanted: float) -> float:
        """Where 2 ln(likelihood) has dropped by `wanted` squared, on the side of a step."""
        free = self.free.copy()
        free[i] = False
        # The others move along with it as their correlation says.
        along = np.where(free, np.nan_to_num(self.covariance[:, i]) / self.covariance[i, i], 0.0)
        along[i] = 1.0

        def beyond(steps: float) -> float:
            start = self.parameters + steps * step * along
            height = maximise(self.data, start, free, self.outliers).log_likelihood
            # Its root is nearly a straight line, which is quick to follow.
            return float(np.sqrt(max(2 * (self.log_likelihood - height), 0.0))) - wanted

        for farthest in (1.2 * wanted, _PROFILE_REACH * wanted):
            if beyond(farthest) > 0:
                steps = brentq(beyond, 0.0, farthest, xtol=1e-3)
                return float(self.parameters[i] + steps * step)
        return float("nan")

    def bootstrap(self, n: int, seed: int) -> Floats:
        """Parameters (n, p + 1) of samples drawn from this one with replacement."""
        rng = _random(seed)
        n_galaxies = len(self.data.value)
        draws = rng.multinomial(n_galaxies, np.full(n_galaxies, 1 / n_galaxies), size=n)
        samples = (self.data.weighted(draw * self.data.weight) for draw in draws)
        found = [maximise(s, self.parameters, self.free, self.outliers) for s in samples]
        return np.stack([f.parameters for f in found])

    def probabilities(self, seed: int = 0) -> Floats:
        """Where each galaxy lies in the distribution that is expected for it, from 0 to 1.

        They are uniform if the model is right. One of which a limit is known gets a random
        place on the far side of it.
        """
        data = self.data
        mean = expected(self.parameters, data)
        spread = np.sqrt(total_variance(self.parameters, data))
        below = self._distribution(mean, spread)
        share = _random(seed).uniform(size=len(data.value))
        first, last, here = below(data.lower), below(data.upper), below(data.value)
        here = np.where(data.limit < 0, first + share * (here - first), here)
        here = np.where(data.limit > 0, here + share * (last - here), here)
        return np.clip((here - first) / np.maximum(last - first, 1e-300), 0.0, 1.0)

    def goodness(self) -> float:
        """The p value of a Kolmogorov-Smirnov test that `probabilities` are uniform.

        The parameters come from the same galaxies, so it is too high, most of all for few of them:
        a low one says that the line, the normal scatter or the limits are wrong.
        """
        return float(kstest(self.probabilities(), "uniform").pvalue)

    def _distribution(self, mean: Floats, spread: Floats) -> Callable[[Floats], Floats]:
        def below(value: Floats) -> Floats:
            share = ndtr((value - mean) / spread)
            if self.outliers is None:
                return share
            wide = np.sqrt(spread**2 + self.outliers.width**2)
            fraction = self.outliers.fraction
            return (1 - fraction) * share + fraction * ndtr((value - mean) / wide)

        return below


def fit_linear(
    data: LinearData, scatter: float | None = None, outliers: Outliers | None = None
) -> LinearFit:
    """Fit a line with scatter.

    Parameters
    ----------
    data : LinearData
        Weights are above 0.
    scatter : float, optional
        If it is known.
    outliers : Outliers, optional

    Raises
    ------
    SettingProblem
        There are not more galaxies than coefficients, they are not on a line that the
        coefficients are told by, or limits leave the relation open.
    """
    n_coefficients = data.design.shape[1]
    _check(data, n_coefficients + (scatter is None))
    start = start_of(data)
    free = np.ones(n_coefficients + 1, bool)
    if scatter is not None:
        start[-1] = np.log(max(scatter, np.exp(LEAST_LOG_SCATTER)))
        free[-1] = False
    found = maximise(data, start, free, outliers)
    if not found.converged or found.parameters[-1] >= MOST_LOG_SCATTER:
        problem = "do not tell the relation: its likelihood has no maximum"
        remedy = "give more galaxies, or such that reach farther from the limits of the sample"
        raise SettingProblem("sizes", problem, remedy)
    empty = np.full((len(start), len(start)), np.nan)
    fit = LinearFit(found.parameters, empty, found.log_likelihood, data, outliers, free)
    return replace(fit, covariance=_covariance(fit))


def _random(seed: int) -> np.random.Generator:
    """A stream of its own: galaxies may have been simulated with the same seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))


def _check(data: LinearData, n_parameters: int) -> None:
    measured = data.design[data.limit == 0]
    if len(measured) <= n_parameters:
        problem = f"has {len(measured)} measured sizes for {n_parameters} parameters"
        raise SettingProblem("sample", problem, f"give {n_parameters + 1} or more")
    scale = np.maximum(np.abs(measured).max(0), 1e-300)
    if np.linalg.matrix_rank(measured / scale, tol=1e-7 * len(measured)) < measured.shape[1]:
        problem = "are the same for all galaxies, or go along with each other"
        remedy = "give galaxies that differ, or fit fewer parameters"
        raise SettingProblem("luminosity or z", problem, remedy)


def _covariance(fit: LinearFit) -> Floats:
    used = fit.free.copy()
    used[-1] &= fit.scatter > 0
    both = np.ix_(used, used)
    covariance = np.full((len(used), len(used)), np.nan)
    curvature = -with_derivatives(fit.parameters, fit.data, fit.outliers)[2][both]
    scale = np.sqrt(np.abs(np.diagonal(curvature)))
    try:
        np.linalg.cholesky(curvature / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        problem = "leave a parameter open"
        raise SettingProblem("sizes", problem, "give more galaxies, or fewer limits") from None
    inverse = np.linalg.inv(curvature / np.outer(scale, scale)) / np.outer(scale, scale)
    weight = fit.data.weight
    if not (weight == 1).all():
        slopes = weight[:, None] * scores(fit.parameters, fit.data, fit.outliers)[:, used]
        inverse = inverse @ (slopes.T @ slopes) @ inverse
    covariance[both] = inverse
    return covariance
