"""Tables of kernels at multipoles and nodes, ready to be multiplied with coefficients of P(k)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cosmo.angular import bessel
from cosmo.angular.fftlog import Modes
from cosmo.angular.legendre import FullSky
from cosmo.angular.nodes import Columns, Real, interpolation
from cosmo.angular.spectra import Kernels, Kinds, Table
from cosmo.angular.tracers import POTENTIALS

# Step in ln u where multipoles are interpolated: seven to an oscillation of the baryons at
# k = 0.3 h/Mpc. Up to as many multipoles are computed one by one instead.
_STEP = 0.03
_BEYOND = 4
# u eta beyond which kernels, which fall as exp(-u eta), are dropped.
REACH = 25.0


def _table(kernel: NDArray[np.complex128], transfers: int) -> Table:
    return Table(np.concatenate([kernel.real, kernel.imag], axis=-1), None, transfers)


def _powers(base: Real, power: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return np.exp(np.log(base)[..., None] * power)


def _multipoles(wanted: Real) -> tuple[Real, Real | None]:
    """Values of u at which the flat sky is computed, and what interpolates from there."""
    n = int(np.ceil(np.log(wanted.max() / wanted.min()) / _STEP)) + 2 * _BEYOND + 1
    if wanted.size <= n:
        return wanted, None
    u = wanted.min() * np.exp(_STEP * np.arange(-_BEYOND, n - _BEYOND))
    return u, interpolation(np.log(u), np.log(wanted))


# Kernels by how many of two terms are distorted, and how many are potentials:
# (k_par / k)^2 = 1 - q^2 / k^2.
_FLAT_SHAPES: dict[tuple[int, int], Callable[[bessel.Kernels], NDArray[np.complex128]]] = {
    (0, 0): lambda k: k.zero,
    (1, 0): lambda k: k.zero - k.two,
    (2, 0): lambda k: k.zero - 2 * k.two + k.four,
    (0, 1): lambda k: k.two,
    (1, 1): lambda k: k.two - k.four,
    (0, 2): lambda k: k.four,
}


def flat_kernels(
    kinds: set[Kinds], columns: Columns, ells: NDArray[np.int64], modes: Modes
) -> Kernels:
    """Kernels of the flat sky."""
    u, between = _multipoles(np.asarray(ells, np.float64) + 0.5)
    # Farther apart than that, kernels are nothing.
    columns = columns.first(int(np.searchsorted(columns.eta, REACH / u.min())) + 1)
    found: dict[int, bessel.Kernels] = {}
    tables, which, places = [], [], {}
    for pair in sorted(kinds):
        times = pair.count("primordial")
        nu = modes.over_transfer(times).nu
        if times not in found:
            found[times] = bessel.kernels(nu, (u[:, None] * columns.eta).ravel())
        shape = pair.count("rsd"), sum(kind in POTENTIALS for kind in pair)
        if (shape, times) not in places:
            places[shape, times] = len(tables)
            table = _powers(u[:, None] / columns.effective, nu + 1 - 2 * shape[1])
            table *= (columns.geometric / columns.effective)[:, None]
            table *= _FLAT_SHAPES[shape](found[times]).reshape(table.shape)
            tables.append(_table(table, times))
        which.append((pair, places[shape, times]))
    return Kernels(tuple(tables), tuple(which), {}, between)


def exact_kernels(
    kinds: set[Kinds], columns: Columns, ells: NDArray[np.int64], modes: Modes
) -> Kernels:
    """Kernels of the full sky."""
    skies: dict[int, FullSky] = {}
    tables, which, places = [], [], {}
    for pair in sorted(kinds):
        times = pair.count("primordial")
        distorted = pair[0] == "rsd", pair[1] == "rsd"
        potentials, lensing = 2 - sum(k in ("density", "rsd") for k in pair), pair.count("lensing")
        shape = distorted, potentials, lensing, times
        if shape not in places:
            places[shape] = len(tables)
            nu = modes.over_transfer(times).nu
            sky = skies.setdefault(times, FullSky(ells, nu, columns.eta))
            of_ell = (ells * (ells + 1.0)) ** lensing
            power = _powers(columns.geometric, -(nu + 1)) * of_ell[:, None, None]
            tables.append(_table(sky.kernel(distorted, potentials) * power, times))
        which.append((pair, places[shape]))

    def before(kind: str, side: Real) -> Real:
        if kind == "lensing":
            return (columns.geometric / side) ** 2
        return columns.geometric**2 if kind in POTENTIALS else np.ones_like(side)

    sides = {
        kind: (before(kind, columns.lower), before(kind, columns.upper))
        for kind in sorted({kind for pair in kinds for kind in pair})
    }
    return Kernels(tuple(tables), tuple(which), sides)
