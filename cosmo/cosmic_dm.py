"""How the cosmic DM scatters about its mean from one sightline to the next.

``Delta = DM_cosmic / <DM_cosmic>`` is distributed as (Macquart et al. 2020, Nature 581 391, eq. 4)

    P(Delta | z) = A Delta^-beta exp[-(Delta^-alpha - C0)^2 / (2 alpha^2 sigma^2)],
    sigma = F z^-1/2

with C0 such that <Delta> = 1. All is computed in w = 1/Delta: there the distribution is
``w^(beta - 2)`` times a smooth function that ends soon, so the long tail to high DM needs no cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import brentq
from scipy.special import roots_jacobi

from cosmo.units import redshifts

Array = NDArray[np.float64]

_SIGMA_RANGE = (0.01, 100.0)
_N_NODES = 512
_N_TABLE = 1001
_PANEL_NODES, _PANEL_WEIGHTS = np.polynomial.legendre.leggauss(6)
# More shapes than this are mixed from a grid of this step in ln sigma.
_MANY, _STEP = 256, 0.02
# exp(-40) is nothing.
_CUT = 40.0


@dataclass(frozen=True)
class CosmicDMDistribution:
    """P(Delta | z) of the cosmic DM in units of its mean.

    Attributes
    ----------
    feedback : float
        F: the scatter at z = 1. Low where feedback drives the gas far out of halos. 0.32, about
        10^-0.5, is a common choice and no measurement: vary it.
    alpha : float
        How steep the gas profiles of halos are.
    beta : float
        Exponent of the tail to high DM, above 2.

    The methods take arrays of redshifts. Each distinct redshift costs a millisecond or two once.
    Above 256 of them, shapes are mixed from a grid in sigma, to 1e-4 of Delta. The variance
    is infinite where beta <= 3: compare quantiles.
    """

    feedback: float = 0.32
    alpha: float = 3.0
    beta: float = 3.0

    def __post_init__(self) -> None:
        for name in ("feedback", "alpha"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} = {getattr(self, name)} has to be above 0")
        if not 2 < self.beta < np.inf:
            raise ValueError(f"beta = {self.beta} has to be above 2, or there is no mean")

    def sigma(self, z: Any) -> Array:
        """F z^-1/2."""
        z = redshifts(z)
        with np.errstate(divide="ignore"):
            sigma = self.feedback / np.sqrt(z)
        low, high = _SIGMA_RANGE
        wrong = ~((sigma >= low) & (sigma <= high))
        if wrong.any():
            raise ValueError(
                f"z = {z[wrong].flat[0]:.4g} with feedback = {self.feedback:g} has "
                f"sigma = {sigma[wrong].flat[0]:.4g}, not from {low:g} to {high:g}"
            )
        return sigma

    def c0(self, z: Any) -> Array:
        """The C0 that makes <Delta> = 1."""
        sigma = self.sigma(z)
        values = [self._shape(s).c0 for s in sigma.ravel()]
        return np.array(values).reshape(sigma.shape)

    def pdf(self, delta: Any, z: Any) -> Array:
        """Probability density of Delta; delta and z broadcast."""
        return self._each(delta, z, lambda shape, x: shape.pdf(x))

    def cdf(self, delta: Any, z: Any) -> Array:
        """Probability of a Delta up to this one; delta and z broadcast."""
        return self._each(delta, z, lambda shape, x: shape.cdf(x))

    def ppf(self, q: Any, z: Any) -> Array:
        """Delta of a quantile from 0 to 1; q and z broadcast."""
        q = np.asarray(q, dtype=np.float64)
        if not ((q >= 0) & (q <= 1)).all():
            raise ValueError("a quantile q is not from 0 to 1")
        return self._each(q, z, lambda shape, x: shape.ppf(x))

    def sample(self, rng: np.random.Generator, z: Any, n: int) -> Array:
        """Draw n values of Delta at every redshift: shape z.shape + (n,)."""
        z = np.asarray(z, dtype=np.float64)
        return self.ppf(rng.random((*z.shape, n)), z[..., None])

    def _shape(self, sigma: float) -> _Shape:
        return _solve(float(sigma), float(self.alpha), float(self.beta))

    def _each(self, values: Any, z: Any, method: Any) -> Array:
        """A method of the shapes of all redshifts, on values that broadcast with them."""
        values = np.asarray(values, dtype=np.float64)
        values, sigma = np.broadcast_arrays(values, self.sigma(z))
        if values.size == 0:
            return values.copy()
        if np.unique(sigma).size <= _MANY:
            return self._one_by_one(values, sigma, method)
        # Shapes of a grid in ln sigma, mixed. Quantiles mixed so keep the mean of exactly 1.
        place = np.log(sigma) / _STEP
        lower = np.floor(place)
        low, high = (
            self._one_by_one(values, np.exp(node * _STEP), method) for node in (lower, lower + 1)
        )
        with np.errstate(invalid="ignore"):
            return np.where(np.isinf(low), low, low + (place - lower) * (high - low))

    def _one_by_one(self, values: Array, sigma: Array, method: Any) -> Array:
        """A method of the shape of every distinct sigma on the values that go with it."""
        distinct, which = np.unique(sigma, return_inverse=True)
        if distinct.size == 1:
            return method(self._shape(distinct[0]), values)
        order = np.argsort(which.ravel(), kind="stable")
        ends = np.cumsum(np.bincount(which.ravel()))
        out = np.empty(values.size)
        for one, picked in zip(distinct, np.split(order, ends[:-1]), strict=True):
            out[picked] = method(self._shape(one), values.ravel()[picked])
        return out.reshape(values.shape)


@dataclass(frozen=True, eq=False)
class _Shape:
    """The distribution at one sigma, in w = 1/Delta from 0 to an end beyond which nothing is."""

    sigma: float
    alpha: float
    beta: float
    c0: float
    norm: float
    below: CubicHermiteSpline
    """Probability of less than w."""

    def density(self, w: Array) -> Array:
        """Of w, normalised."""
        return w ** (self.beta - 2) * _bell(w, self.c0, self.sigma, self.alpha) / self.norm

    def pdf(self, delta: Array) -> Array:
        with np.errstate(divide="ignore", over="ignore"):
            w = np.where(delta > 0, 1 / delta, np.inf)
        inside = w < self.below.x[-1]
        w = np.where(inside, w, 0.0)
        return np.where(inside, self.density(w) * w**2, 0.0)

    def cdf(self, delta: Array) -> Array:
        with np.errstate(divide="ignore", over="ignore"):
            w = np.where(delta > 0, 1 / delta, np.inf)
        return 1 - np.clip(self.below(np.minimum(w, self.below.x[-1])), 0.0, 1.0)

    def ppf(self, q: Array) -> Array:
        table = self.below(self.below.x)
        tail = 1 - q
        # Near w = 0 the probability goes with w^(beta - 1): interpolate what is linear there.
        power = 1 / (self.beta - 1)
        w = np.interp(tail**power, table**power, self.below.x)
        w = self._newton(w, tail)
        with np.errstate(divide="ignore"):
            return 1 / w

    def _newton(self, w: Array, tail: Array) -> Array:
        """One step from the table; not where the density is so low that it would leap."""
        slope = self.density(w)
        end = self.below.x[-1]
        step = np.divide(self.below(w) - tail, slope, where=slope > 1e-9, out=np.zeros_like(w))
        spacing = end / (_N_TABLE - 1)
        return np.clip(w - np.clip(step, -spacing, spacing), 0.0, end)


def _bell(w: Array, c0: float, sigma: float, alpha: float) -> Array:
    """exp[-(w^alpha - C0)^2 / (2 alpha^2 sigma^2)], over its highest value from w = 0 on."""
    nearest = max(c0, 0.0)
    x = w**alpha
    excess = (x - nearest) * (x + nearest - 2 * c0)
    return np.exp(-excess / (2 * (alpha * sigma) ** 2))


def _end(c0: float, sigma: float, alpha: float) -> float:
    """The w beyond which the bell is below exp(-40)."""
    s2 = 2 * _CUT * (alpha * sigma) ** 2
    x = c0 + np.sqrt(s2) if c0 > 0 else s2 / (np.sqrt(c0**2 + s2) - c0)
    return float(x ** (1 / alpha))


def _moments(c0: float, sigma: float, alpha: float, beta: float) -> tuple[float, float]:
    """Integral of the bell times w^(beta - 2), and the mean of Delta.

    Gauss-Jacobi: w^(beta - 3), which need not be smooth at 0, is in the weights.
    """
    nodes, weights = _quadrature(beta - 3)
    end = _end(c0, sigma, alpha)
    w = end * (1 + nodes) / 2
    bell = _bell(w, c0, sigma, alpha) * weights * (end / 2) ** (beta - 2)
    norm = float(np.sum(bell * w))
    return norm, float(np.sum(bell)) / norm


@lru_cache(maxsize=16)
def _quadrature(power: float) -> tuple[Array, Array]:
    return roots_jacobi(_N_NODES, 0.0, power)


@lru_cache(maxsize=512)
def _solve(sigma: float, alpha: float, beta: float) -> _Shape:
    """Find C0 for <Delta> = 1, and tabulate the distribution."""

    def excess(c0: float) -> float:
        return _moments(c0, sigma, alpha, beta)[1] - 1

    # The mean falls with C0: widen until it is crossed.
    low, high = 0.0, 1.0
    while excess(high) > 0:
        low, high = high, 2 * high
    while excess(low) < 0:
        low, high = 2 * low - 1, low
    c0 = float(brentq(excess, low, high, xtol=1e-13, rtol=1e-13))
    norm, _ = _moments(c0, sigma, alpha, beta)

    w = np.linspace(0.0, _end(c0, sigma, alpha), _N_TABLE)
    density = w ** (beta - 2) * _bell(w, c0, sigma, alpha) / norm
    half = (w[1] - w[0]) / 2
    x = w[:-1, None] + half * (1 + _PANEL_NODES)
    inner = x ** (beta - 2) * _bell(x, c0, sigma, alpha) / norm
    below = np.concatenate([[0.0], np.cumsum(half * (inner @ _PANEL_WEIGHTS))])
    below /= below[-1]
    return _Shape(sigma, alpha, beta, c0, norm, CubicHermiteSpline(w, below, density))
