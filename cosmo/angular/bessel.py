"""The flat sky's kernels: projected power laws, as functions of x = q r.

A power P(k) = k^nu, seen along one axis at transverse wavenumber q, has the correlation

    integral dk_par / (2 pi)  exp(i k_par r) (k_par^2 + q^2)^(nu / 2) = q^(nu + 1) M(q r),

    M(x) = (2 / x)^mu K_mu(x) / (sqrt(pi) Gamma(-nu / 2)),    mu = (nu + 1) / 2,

K the modified Bessel function (Gao, Vlah & Challinor 2023). A factor k^-2 makes nu - 2 of nu, and
(k_par / k)^2 = 1 - q^2 / k^2 brings redshift-space distortions down to these too.

K of complex order comes from its differential equation: from x = 2 |mu| downwards, where
K grows over any error, in Taylor series of one step in ln x each. There it begins with the
integral representation, along the horizontal through the saddle point, where nothing cancels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import loggamma

Complex = NDArray[np.complex128]

# Beyond this x a kernel is less than exp(-45) of what it was.
X_MAX = 45.0
_TERMS = 40


def _bessel_k(mu: Complex, x: float) -> tuple[Complex, Complex]:
    """K_mu(x) exp(x) and its derivative with ln x, for |Im mu| < x."""
    tau = mu.imag
    # t = -i asin(tau / x) is the saddle of exp(-x cosh t - mu t).
    t = np.linspace(-4, 4, 1601)[:, None] - 1j * np.arcsin(tau / x)
    weight = 0.5 * (t[1, 0] - t[0, 0]).real * np.exp(x - x * np.cosh(t) - mu * t)
    return weight.sum(0), (-x * np.cosh(t) * weight).sum(0)


def _series(mu: Complex, t: float, k: Complex, dk: Complex) -> Complex:
    """The Taylor series of K in t = ln x, (n_term, n_mode).

    K'' = (x^2 + mu^2) K, and x^2 = exp(2 t) has a series of its own.
    """
    square = np.exp(2 * t) * np.cumprod(np.r_[1.0, 2.0 / np.arange(1, _TERMS)]) + 0j
    a = np.zeros((_TERMS, mu.size), complex)
    a[0], a[1] = k, dk
    for n in range(_TERMS - 2):
        drive = square[n::-1] @ a[: n + 1] + mu**2 * a[n]
        a[n + 2] = drive / ((n + 1) * (n + 2))
    return a


def _along(series: Complex, steps: NDArray[np.float64]) -> tuple[Complex, Complex]:
    """K and dK/dt some steps away, (n_step, n_mode) each."""
    powers = steps[:, None] ** np.arange(_TERMS)
    return powers @ series, (powers[:, :-1] * np.arange(1, _TERMS)) @ series[1:]


# Steps in ln x between which kernels are interpolated: a tenth of a turn of the fastest.
_STEP = 0.005
# As many share a Taylor series.
_TURN = 16
_X_MIN = 1e-9


@lru_cache(maxsize=4)
def _table(mu_key: tuple[complex, ...]) -> tuple[NDArray[np.float64], Complex, Complex]:
    """Values of ln x from ``X_MAX`` downwards, K, and its derivative with ln x, (n_x, n_mode)."""
    mu = np.array(mu_key)
    turns = _TURN * int(np.ceil(np.log(X_MAX / _X_MIN) / _STEP / _TURN))
    t = np.log(X_MAX) - _STEP * np.arange(turns + 1)
    value, slope = np.empty((t.size, mu.size), complex), np.empty((t.size, mu.size), complex)
    # exp(x) K does not underflow on the way.
    x = max(X_MAX, 2 * np.abs(mu).max()) + 10
    k, dk = _bessel_k(mu, x)
    while x > X_MAX:
        after = max(x - 2, X_MAX)
        (k,), (dk,) = _along(
            _series(mu, np.log(x), k, dk), np.array([np.log(after / x)], np.float64)
        )
        k, dk, x = k * np.exp(after - x), dk * np.exp(after - x), after
    value[0], slope[0] = k * np.exp(-x), dk * np.exp(-x)
    steps = -_STEP * np.arange(1, _TURN + 1, dtype=np.float64)
    for i in range(0, turns, _TURN):
        part = slice(i + 1, i + _TURN + 1)
        value[part], slope[part] = _along(_series(mu, t[i], value[i], slope[i]), steps)
    return t, value, slope


def _quintic(f: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of value, slope and curvature at both ends, at shares f of a step, (6, n)."""
    g = 1 - f
    return np.array(
        [
            g**3 * (1 + 3 * f + 6 * f**2),
            f * g**3 * (1 + 3 * f),
            f**2 * g**3 / 2,
            f**3 * (1 + 3 * g + 6 * g**2),
            -g * f**3 * (1 + 3 * g),
            g**2 * f**3 / 2,
        ]
    )


def _bessel(mu: Complex, x: NDArray[np.float64]) -> tuple[Complex, Complex]:
    """K_mu(x) and its derivative with ln x, (n_x, n_mode)."""
    t, value, slope = _table(tuple(mu))
    where = (t[0] - np.log(x)) / _STEP
    first = np.clip(where.astype(int), 0, t.size - 2)
    weights = _quintic(where - first)
    k, dk = np.zeros((x.size, mu.size), complex), np.zeros((x.size, mu.size), complex)
    for end in (0, 1):
        at = first + end
        square = np.exp(2 * t[at])[:, None]
        zeroth, once = value[at], slope[at]
        twice = (square + mu**2) * zeroth
        thrice = (square + mu**2) * once + 2 * square * zeroth
        w = weights[3 * end : 3 * end + 3, :, None] * [[[1.0]], [[-_STEP]], [[_STEP**2]]]
        k += w[0] * zeroth + w[1] * once + w[2] * twice
        dk += w[0] * once + w[1] * twice + w[2] * thrice
    return k, dk


@dataclass(frozen=True)
class Kernels:
    """M of k^nu, k^(nu - 2) and k^(nu - 4), (n_x, n_mode) each.

    Before them q stands to the powers nu + 1, nu - 1 and nu - 3.

    Parameters
    ----------
    mu : array, (n_mode,)
        (nu + 1) / 2.
    x : array, (n_x,)
    value, slope : array, (n_x, n_mode)
        K_mu(x) and its derivative with ln x.
    """

    mu: Complex
    x: NDArray[np.float64]
    value: Complex
    slope: Complex

    @property
    def zero(self) -> Complex:
        """Of k^nu."""
        return self._scaled(self.mu, self.value)

    @property
    def two(self) -> Complex:
        """Of k^(nu - 2)."""
        return self._scaled(self.mu - 1, self._lower)

    @property
    def four(self) -> Complex:
        """Of k^(nu - 4)."""
        lowest = self.value - 2 * (self.mu - 1) / self.x[:, None] * self._lower
        return self._scaled(self.mu - 2, lowest)

    @property
    def _lower(self) -> Complex:
        """K of order mu - 1."""
        return -(self.slope + self.mu * self.value) / self.x[:, None]

    def _scaled(self, order: Complex, k: Complex) -> Complex:
        # The gamma function grows as K shrinks with the order: taken together, in logarithms.
        log_x = np.log(self.x)[:, None]
        return np.exp(order * (np.log(2) - log_x) - loggamma(0.5 - order)) * np.pi**-0.5 * k


def kernels(nu: Complex, x: NDArray[np.float64]) -> Kernels:
    """The kernels of powers nu at x, (n_x,), of at least 1e-9; zero beyond ``X_MAX``."""
    if x.min() < _X_MIN:
        raise ValueError(f"x: {x.min():.3g} is below {_X_MIN}")
    mu = (nu + 1) / 2
    inside = x < X_MAX
    value, slope = np.zeros((x.size, mu.size), complex), np.zeros((x.size, mu.size), complex)
    value[inside], slope[inside] = _bessel(mu, x[inside])
    return Kernels(mu, x, value, slope)
