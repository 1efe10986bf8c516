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
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from cosmo.angular.planning import Work
from cosmo.angular.spectra import Pair
from cosmo.angular.tracers import FACTORS, Tracer
from cosmo.interpolation import hermite, slopes
from cosmo.quadrature import gauss_legendre

_NODES = 2
# Distances of the table of P, uniform in their logarithm.
_DISTANCES = 1024
# Distance of j_(l - 2) over that of j_l, at l = 2.
_NEAREST = 0.2


def limber_spectra(work: Work, pairs: Sequence[Pair], ells: NDArray[np.int64]) -> Array:
    """C_l of pairs by Limber's approximation, (n_pair, n_ell).

    Parameters
    ----------
    work : Work
    pairs : sequence of Pair
    ells : array of int, (n_ell,)
    """
    ell = jnp.asarray(ells, float)
    power = _power_of(work, ell)
    return jnp.stack([_of_pair(ell, power, *(work.tracers[i] for i in pair)) for pair in pairs])


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Projected:
    """ln P(u / chi, chi) and ln T(u / chi), (n_ell, n_chi) each, at ln chi, (n_chi,)."""

    log_chi: Array
    power: Array
    transfer: Array | None


def _power_of(work: Work, ell: Array) -> _Projected:
    grids = [np.asarray(t.chi) for t in work.tracers]
    low, high = min(g[g > 0][0] for g in grids), max(g[-1] for g in grids)
    chi = np.geomspace(low * _NEAREST, high / _NEAREST, _DISTANCES)
    log_k = jnp.log(jnp.asarray(work.modes.k))
    at = jnp.log(ell + 0.5)[:, None] - jnp.log(jnp.asarray(chi))
    # Beyond the modes there is nothing that counts.
    at = jnp.clip(at, log_k[0], log_k[-1])

    def along_k(rows: Array) -> Array:
        return jax.vmap(partial(hermite, log_k), (0, 0, 1), 1)(rows, slopes(log_k, rows), at)

    transfer = None
    if work.transfer is not None:
        transfer = along_k(jnp.broadcast_to(jnp.log(work.transfer), (chi.size, log_k.size)))
    return _Projected(jnp.log(jnp.asarray(chi)), along_k(jnp.log(work.spectrum(chi))), transfer)


@jax.jit
def _of_pair(ell: Array, projected: _Projected, a: Tracer, b: Tracer) -> Array:
    distorted = "rsd" in a.terms or "rsd" in b.terms
    cells = jnp.concatenate([a.chi, b.chi])

    def one(ell: Array, at: _Projected) -> Array:
        edges = cells
        if distorted:
            edges = jnp.concatenate([cells, *(cells / shift for shift in _shifts(ell))])
        edges = jnp.sort(edges)
        x, w = (jnp.asarray(v, edges.dtype)[:, None] for v in gauss_legendre(_NODES))
        chi = edges[:-1] + x * jnp.diff(edges)
        power, transfer = (
            None
            if rows is None
            else jnp.exp(hermite(at.log_chi, rows, slopes(at.log_chi, rows), jnp.log(chi)))
            for rows in (at.power, at.transfer)
        )
        product = power
        for tracer in (a, b):
            product *= sum(_weight(tracer, kind, ell, chi, transfer) for kind in tracer.terms)
        return jnp.sum(w * jnp.diff(edges) * product / chi**2)

    each = _Projected(None, 0, None if projected.transfer is None else 0)  # type: ignore[arg-type]
    total = jax.vmap(one, (0, each))(ell, projected)
    return total * FACTORS[a.factor](ell) * FACTORS[b.factor](ell)


def _shifts(ell: Array) -> tuple[Array, Array]:
    """Distances of j_(l - 2) and j_(l + 2) over that of j_l."""
    return (2 * ell - 3) / (2 * ell + 1), (2 * ell + 5) / (2 * ell + 1)


def _weight(tracer: Tracer, kind: str, ell: Array, chi: Array, transfer: Array | None) -> Array:
    """What stands for a term, at distances of any shape."""
    weight, slope = tracer.terms[kind], slopes(tracer.chi, tracer.terms[kind])

    def at(chi: Array) -> Array:
        inside = (chi >= tracer.chi[0]) & (chi <= tracer.chi[-1])
        return jnp.where(inside, hermite(tracer.chi, weight, slope, chi), 0.0)

    square = (ell + 0.5) ** 2
    if kind == "density":
        return at(chi)
    if kind == "lensing":
        return ell * (ell + 1) / square * at(chi)
    if kind == "potential":
        return chi**2 / square * at(chi)
    if kind == "primordial":
        if transfer is None:
            raise ValueError("transfer: None, and primordial terms need one")
        return chi**2 / square / transfer * at(chi)
    near, far = _shifts(ell)
    middle = (2 * ell**2 + 2 * ell - 1) / ((2 * ell - 1) * (2 * ell + 3))
    before = ell * (ell - 1) / ((2 * ell - 1) * (2 * ell + 1)) / jnp.sqrt(near)
    after = (ell + 1) * (ell + 2) / ((2 * ell + 1) * (2 * ell + 3)) / jnp.sqrt(far)
    return middle * at(chi) - before * at(near * chi) - after * at(far * chi)
