"""The full sky's kernels: power laws seen at multipole l at two distances, exactly.

The correlation function of P(k) = k^nu is A r^(-2 s), with s = (nu + 3) / 2 and
A = 2^nu Gamma(s) / (pi^(3/2) Gamma(-nu / 2)). At distances chi_g exp(-+eta / 2) and an angle
whose cosine is t, r^2 = 2 chi_g^2 (cosh eta - t), and so

    (2 / pi) integral k^2 dk k^nu j_l(k chi_1) j_l(k chi_2) = chi_g^(-nu - 3) E(eta),

    E(eta) = 2 pi A 2^-s I_l(s, cosh eta),
    I_l(s, z) = integral_{-1}^{1} P_l(t) (z - t)^-s dt,

which is a Legendre function of the second kind of complex order. I_0 and I_1 are elementary,
and

    (l + 2 - s) I_(l+1) = (2 l + 1) z I_l - (l + s - 1) I_(l-1)

leads to all others: upwards where l eta is small, and elsewhere, where errors would grow,
downwards from far above (Miller), scaled by I_0. Derivatives with distance, which
redshift-space distortions need, raise s: dI(s)/dz = -s I(s + 1).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import loggamma

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]

# Upwards, errors grow by exp(2 l eta): up to here that is harmless.
_UPWARDS = 3.0
_BLOCK = 256


def _lowest(s: Complex, eta: Real) -> tuple[Complex, Complex]:
    """I_0 and I_1, (n_eta, n_s)."""
    near, far = 2 * np.sinh(eta / 2) ** 2, 2 * np.cosh(eta / 2) ** 2  # z - 1 and z + 1
    log_near, log_far = np.log(near)[:, None], np.log(far)[:, None]
    first = np.exp((1 - s) * log_far) * np.expm1((1 - s) * (log_near - log_far)) / (s - 1)
    other = np.exp((2 - s) * log_far) * np.expm1((2 - s) * (log_near - log_far)) / (s - 2)
    return first, np.cosh(eta)[:, None] * first - other


def _up(ells: NDArray[np.int64], s: Complex, eta: Real) -> Complex:
    z = np.cosh(eta)[:, None]
    below, now = _lowest(s, eta)
    out = np.empty((ells.size, *now.shape), complex)
    wanted = {int(l): i for i, l in enumerate(ells)}
    for l in range(1, int(ells.max()) + 1):
        if l in wanted:
            out[wanted[l]] = now
        below, now = now, ((2 * l + 1) * z * now - (l + s - 1) * below) / (l + 2 - s)
    return out


def _down(ells: NDArray[np.int64], s: Complex, eta: Real) -> Complex:
    """I_l = c_l J_l, where c_l = c_(l-1) (l + s - 1) / (l + 1/2) leaves the fewest operations.

    J_(l-1) = 2 z J_l - (l + 2 - s) (l + s) / ((l + 3/2) (l + 1/2)) J_(l+1).
    """
    z = np.cosh(eta)[:, None]
    # exp(2 eta) a step, where l eta is past the order: 20 e-foldings of convergence.
    order = int(np.abs(s.imag).max())
    start = int(ells.max()) + int(np.ceil((20 + order) / eta.min())) + 3 * order + 10
    above = np.zeros((eta.size, s.size), complex)
    now: Complex = np.full_like(above, 1e-280)
    twice_z = np.empty_like(above)
    out = np.zeros((ells.size, *now.shape), complex)
    wanted = {int(l): i for i, l in enumerate(ells)}
    kept: list[int] = []
    for l, factor in _factors(start, s):
        if l in wanted:
            out[wanted[l]] = now
            kept.append(wanted[l])
        # z is real: as complex numbers, NumPy would take several times as long.
        np.multiply(now.view(float), 2 * z, out=twice_z.view(float))
        above *= factor
        np.subtract(twice_z, above, out=above)
        above, now = now, above
        if l % 8 == 0:
            size = np.maximum(np.abs(now.real), np.abs(now.imag))
            if size.max() > 1e100:
                scale = np.where(size > 1e100, 1 / size, 1.0)
                above, now = above * scale, now * scale
                out[kept] *= scale
    l = np.arange(1, int(ells.max()) + 1)[:, None]
    ratio = np.cumprod((l + s - 1) / (l + 0.5), axis=0)[ells - 1]
    return out * ratio[:, None] * (_lowest(s, eta)[0] / now)


def _factors(start: int, s: Complex) -> Iterator[tuple[int, Complex]]:
    """From ``start`` down to 1: l, and what the J_(l+1) of :func:`_down` is multiplied by."""
    for first in range(start, 0, -_BLOCK):
        l = np.arange(first, max(first - _BLOCK, 0), -1)[:, None]
        yield from zip(
            l[:, 0].tolist(), (l + 2 - s) * (l + s) / ((l + 1.5) * (l + 0.5)), strict=True
        )


def legendre_integrals(ells: NDArray[np.int64], s: Complex, eta: Real) -> Complex:
    """I_l(s, cosh eta), (n_l, n_eta, n_s), for l >= 1 and rising eta > 0."""
    split = int(np.searchsorted(eta, _UPWARDS / ells.max()))
    out = np.empty((ells.size, eta.size, s.size), complex)
    if split:
        out[:, :split] = _up(ells, s, eta[:split])
    # In octaves, so that small eta does not lengthen the way of large eta.
    while split < eta.size:
        end = int(np.searchsorted(eta, 2 * eta[split]))
        out[:, split:end] = _down(ells, s, eta[split:end])
        split = end
    return out


def _prefactor(nu: Complex) -> Complex:
    s = (nu + 3) / 2
    log = (nu - s) * np.log(2) + loggamma(s) - loggamma(-nu / 2)
    return 2 * np.pi**-0.5 * np.exp(log)


def _derivatives(ells: NDArray[np.int64], nu: Complex, eta: Real, order: int) -> list[Complex]:
    """E of k^nu and its derivatives with eta."""
    s = (nu + 3) / 2
    sinh, cosh = np.sinh(eta)[:, None], np.cosh(eta)[:, None]
    j, factor = [], _prefactor(nu)
    for raised in range(order + 1):
        j.append(factor * legendre_integrals(ells, s + raised, eta))
        factor = -factor * (s + raised)
    out = [j[0]]
    if order >= 2:
        out += [sinh * j[1], cosh * j[1] + sinh**2 * j[2]]
    if order >= 4:
        out += [
            sinh * j[1] + 3 * sinh * cosh * j[2] + sinh**3 * j[3],
            cosh * j[1]
            + (4 * sinh**2 + 3 * cosh**2) * j[2]
            + 6 * sinh**2 * cosh * j[3]
            + sinh**4 * j[4],
        ]
    return out


def _once(nu: Complex, eta: Real, e: list[Complex], sign: int) -> Complex:
    """-d^2/dchi_2^2 of chi_g^(-nu - 3) E, over chi_g^(-nu - 5); sign -1: of chi_1."""
    p = nu + 3
    shape = e[2] - sign * (p + 1) * e[1] + (p**2 / 4 + p / 2) * e[0]
    return -np.exp(-sign * eta)[:, None] * shape


def _twice(nu: Complex, e: list[Complex]) -> Complex:
    """d^4/(dchi_1^2 dchi_2^2) of chi_g^(-nu - 3) E, over chi_g^(-nu - 7)."""
    a = -(nu + 3) / 2
    b = a**2 - a
    return e[4] - (2 * b + 1) * e[2] + b**2 * e[0]


class FullSky:
    """The E of pairs of terms, (n_l, n_eta, n_mode) each, at multipoles l >= 2 and rising eta > 0.

    The power of chi_g that stands before is -(nu + 3), times chi_g^2 for each potential. Of two
    terms the first is the nearer.
    """

    def __init__(self, ells: NDArray[np.int64], nu: Complex, eta: Real) -> None:
        self._ells, self._nu, self._eta = ells, nu, eta
        self._known: dict[tuple[int, int], list[Complex]] = {}

    def _e(self, taken: int, order: int) -> list[Complex]:
        """E of k^(nu - taken) and derivatives up to an order."""
        for (power, known), found in self._known.items():
            if power == taken and known >= order:
                return found
        found = _derivatives(self._ells, self._nu - taken, self._eta, order)
        self._known[taken, order] = found
        return found

    def kernel(self, distorted: tuple[bool, bool], potentials: int) -> Complex:
        """-j_l'' in place of j_l for the distorted, and k^-2 for each potential."""
        taken = 2 * (potentials + sum(distorted))
        power = self._nu - taken
        if all(distorted):
            return _twice(power, self._e(taken, 4))
        if any(distorted):
            return _once(power, self._eta, self._e(taken, 2), 1 if distorted[1] else -1)
        return self._e(taken, 0)[0]
