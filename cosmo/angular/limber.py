r"""Limber's approximation, for comparison.

With :math:`u = \ell + 1/2`, each :math:`j_\ell(k \chi)` becomes a delta function at
:math:`k \chi = u`, and

.. math:: C_\ell = \int \frac{d\chi}{\chi^2} W_a(\chi) W_b(\chi) P(u / \chi, \chi).

A weight stands with :math:`\ell (\ell + 1) / u^2` for lensing and :math:`\chi^2 / u^2` for
potentials. Redshift-space distortions have the second derivative of :math:`j_\ell`, which is a sum
of :math:`j_{\ell - 2}`, :math:`j_\ell` and :math:`j_{\ell + 2}`: weights at
:math:`\chi (\ell' + 1/2) / u` for the three :math:`\ell'`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo.angular.nodes import lagrange
from cosmo.angular.planning import Work
from cosmo.angular.spectra import Pair
from cosmo.angular.tracers import FACTORS, Tracer
from cosmo.quadrature import gauss_legendre

Real = NDArray[np.float64]

# Distances of the table of P, uniform in their logarithm.
_DISTANCES = 1024
# Cells of an integral over distance, and nodes in each.
_CELLS, _NODES = 1024, 2
# Distance of j_(l - 2) over that of j_l, at l = 2.
_NEAREST = 0.2


def limber_spectra(work: Work, pairs: Sequence[Pair], ells: NDArray[np.int64]) -> Any:
    """C_l of pairs by Limber's approximation, (n_pair, n_ell).

    Parameters
    ----------
    work : Work
        Of NumPy's arrays, or of JAX's, which differentiates with respect to weights and P(k);
        distances are fixed.
    pairs : sequence of Pair
    ells : array of int, (n_ell,)

    Raises
    ------
    ValueError
        There are primordial terms and no transfer function.
    """
    ell = np.asarray(ells, float)
    kinds = {kind for t in work.tracers for kind in t.terms}
    if "primordial" in kinds and work.transfer is None:
        raise ValueError("transfer: None, and primordial terms need one")
    projected = _Projected(work, ell)
    found = [_of_pair(ell, projected, *(work.tracers[i] for i in p)) for p in pairs]
    return found[0].__array_namespace__().stack(found)


def _between(values: Any, grid: Real, at: Real) -> Any:
    """Values on a grid, (..., n), at other places, whose first axes are those of the values."""
    first, weights = lagrange(grid, at)
    near = first[..., None] + np.arange(weights.shape[-1])
    if values.ndim == 1:
        return (values[near] * weights).sum(-1)
    return (values[np.arange(len(values))[:, None, None], near] * weights).sum(-1)


class _Projected:
    """P(u / chi, chi) and T(u / chi) at any distances."""

    def __init__(self, work: Work, ell: Real) -> None:
        grids = [np.asarray(t.chi) for t in work.tracers]
        low, high = min(g[g > 0][0] for g in grids), max(g[-1] for g in grids)
        chi = np.geomspace(low * _NEAREST, high / _NEAREST, _DISTANCES)
        self.log_chi, self.ell = np.log(chi), ell
        self.log_k = np.log(work.modes.k)
        power = work.power(work.modes.k, chi)
        xp = power.__array_namespace__()
        self.transfer = None if work.transfer is None else xp.log(work.transfer)
        rows = xp.log(power)
        self.power = _between(rows, self.log_k, self._log_k(chi).T).T

    def _log_k(self, chi: Real) -> Real:
        """Beyond the modes there is nothing that counts."""
        return np.clip(np.log(self.ell + 0.5)[:, None] - np.log(chi), self.log_k[0], self.log_k[-1])

    def __call__(self, chi: Real) -> tuple[Any, Any]:
        """At distances (n_ell, n) or (1, n)."""
        log_chi = np.broadcast_to(np.log(chi), (self.ell.size, chi.shape[1]))
        power = _between(self.power, self.log_chi, log_chi)
        xp = power.__array_namespace__()
        if self.transfer is None:
            return xp.exp(power), None
        return xp.exp(power), xp.exp(_between(self.transfer, self.log_k, self._log_k(chi)))


def _of_pair(ell: Real, projected: _Projected, a: Tracer, b: Tracer) -> Any:
    distorted = "rsd" in a.terms or "rsd" in b.terms
    grids = np.concatenate([np.asarray(a.chi), np.asarray(b.chi)])[None]
    if distorted:
        scaled = [grids / shift[:, None] for shift in _shifts(ell)]
        grids = np.concatenate([np.repeat(grids, ell.size, 0), *scaled], axis=1)
    grids = np.sort(grids, axis=1)
    # As many cells for all pairs, which compile once.
    place = np.linspace(0, grids.shape[1] - 1, _CELLS + 1)
    edges = np.stack([np.interp(place, np.arange(len(row)), row) for row in grids])
    x, w = gauss_legendre(_NODES)
    step = np.diff(edges)[..., None]
    chi = (edges[:, :-1, None] + step * x).reshape(len(edges), -1)
    product, transfer = projected(chi)
    product = product * (step * w).reshape(chi.shape) / chi**2
    for tracer in (a, b):
        terms = (_weight(tracer, kind, ell[:, None], chi, transfer) for kind in tracer.terms)
        product = product * sum(terms)
    return product.sum(-1) * FACTORS[a.factor](ell) * FACTORS[b.factor](ell)


def _shifts(ell: Real) -> tuple[Real, Real]:
    """Distances of j_(l - 2) and j_(l + 2) over that of j_l."""
    return (2 * ell - 3) / (2 * ell + 1), (2 * ell + 5) / (2 * ell + 1)


def _weight(tracer: Tracer, kind: str, ell: Real, chi: Real, transfer: Any) -> Any:
    """What stands for a term, (n_ell or 1, n)."""

    def at(chi: Real) -> Any:
        return _between(tracer.terms[kind], np.asarray(tracer.chi), chi)

    square = (ell + 0.5) ** 2
    if kind == "density":
        return at(chi)
    if kind == "lensing":
        return ell * (ell + 1) / square * at(chi)
    if kind == "potential":
        return chi**2 / square * at(chi)
    if kind == "primordial":
        assert transfer is not None
        return chi**2 / square / transfer * at(chi)
    near, far = _shifts(ell)
    middle = (2 * ell**2 + 2 * ell - 1) / ((2 * ell - 1) * (2 * ell + 3))
    before = ell * (ell - 1) / ((2 * ell - 1) * (2 * ell + 1)) / np.sqrt(near)
    after = (ell + 1) * (ell + 2) / ((2 * ell + 1) * (2 * ell + 3)) / np.sqrt(far)
    return middle * at(chi) - before * at(near * chi) - after * at(far * chi)
