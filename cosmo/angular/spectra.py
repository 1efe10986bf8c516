"""Angular power spectra of many pairs of tracers at once.

With eta = ln(chi_2 / chi_1), chi_g and chi_e of :mod:`cosmo.angular.nodes`, and u = l + 1 / 2, the
projected correlation of two distances is, to leading order in 1 / l and for any ratio of them,

    C_l(chi_1, chi_2) = F(u / chi_e, u eta) / (chi_g chi_e),

F(q, q r) the kernels of :mod:`cosmo.angular.bessel` summed over the powers of P(k). It is the
first term of the uniform expansion of the Legendre functions which :mod:`cosmo.angular.legendre`
evaluates exactly, for low l. Both are one product of two matrices: kernels at every l and eta times
coefficients of P(k) at every distance. All pairs share it, and are a second product, of their
windows with it.

All of it works on arrays of NumPy as well, which planning uses: nodes are tried in many shapes,
for each of which JAX would compile a program that is run once.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from cosmo.angular.fftlog import Modes
from cosmo.angular.tracers import FACTORS, POTENTIALS, Tracer

Pair = tuple[int, int]
# The kinds of two terms, the one that is looked at nearer to us first.
Kinds = tuple[str, str]
# Of NumPy while planning, of JAX afterwards.
Numbers = Any


@partial(jax.tree_util.register_dataclass, data_fields=["first", "weights"], meta_fields=[])
@dataclass(frozen=True)
class Sampling:
    """How values on a tracer's grid become values at nodes.

    Parameters
    ----------
    first : array of int, (n_eta, n_node)
    weights : array, (n_eta, n_node, n_point)
    """

    first: Numbers
    weights: Numbers

    def __call__(self, values: Numbers) -> Numbers:
        """Values (n, n_term) of a grid at the nodes, (n_eta, n_node, n_term)."""
        # Point by point, what is gathered is summed at once and never written.
        points = range(self.weights.shape[-1])
        at = (values[self.first + p] * self.weights[..., p, None] for p in points)
        return functools.reduce(operator.add, at)


@partial(
    jax.tree_util.register_dataclass, data_fields=["kernel", "basis"], meta_fields=["transfers"]
)
@dataclass(frozen=True)
class Table:
    """A kernel of each power of k at some multipoles and nodes of eta.

    Parameters
    ----------
    kernel : array, (n_ell, n_eta, n)
        Real and imaginary parts, or of some combinations of them.
    basis : array, (n, 2 n_mode), optional
        The combinations.
    transfers : int
        By how many transfer functions P(k) is divided.
    """

    kernel: Numbers
    basis: Numbers = None
    transfers: int = 0

    def of(self, rows: Array, spread: Numbers) -> Array:
        """Summed over the powers with coefficients (n_chi, 2 n_mode), (n_ell, n_eta n_node)."""
        rows = rows.T if self.basis is None else self.basis @ rows.T
        rows = rows if spread is None else rows @ spread
        return (self.kernel @ rows).reshape(self.kernel.shape[0], -1)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["tables", "sides", "between"],
    meta_fields=["which"],
)
@dataclass(frozen=True)
class Kernels:
    """Kernels of some multipoles at the nodes of eta.

    Parameters
    ----------
    tables : tuple of Table
    which : tuple of (Kinds, int)
        The table of each two kinds.
    sides : dict of str to (array, array), (n_eta,) each
        What else stands before a kind of term that is nearer, and before one that is farther.
    between : array, (n_wanted, n_ell), optional
        Interpolates from these multipoles to those asked for.
    """

    tables: tuple[Table, ...]
    which: tuple[tuple[Kinds, int], ...]
    sides: dict[str, tuple[Numbers, Numbers]]
    between: Numbers = None


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["chi", "nodes", "spread", "measure", "nearer", "farther", "kernels"],
    meta_fields=["members", "grids", "pairs", "orders"],
)
@dataclass(frozen=True)
class Group:
    """Nodes that some pairs share, and the kernels there.

    Parameters
    ----------
    chi : array, (n_chi,)
        Where P(k) is taken.
    nodes : array, (n_node,)
    spread : array, (n_chi, n_node), optional
        Interpolates from there to the nodes, if these are not the same.
    measure : array, (n_eta, n_node)
        d(ln chi) d(eta).
    nearer, farther : tuple of Sampling
        At chi_1 and at chi_2, for each grid of tracers.
    kernels : tuple of Kernels
        Of the low multipoles and of the others.
    members : tuple of int
        The tracers concerned.
    grids : tuple of int
        The grid of each.
    pairs : tuple of Pair
        Places of two tracers among the members.
    orders : tuple of bool
        Whether the first of a pair is looked for at the nearer distance, and at the farther.
    """

    chi: Numbers
    nodes: Numbers
    spread: Numbers
    measure: Numbers
    nearer: tuple[Sampling, ...]
    farther: tuple[Sampling, ...]
    kernels: tuple[Kernels, ...]
    members: tuple[int, ...]
    grids: tuple[int, ...]
    pairs: tuple[Pair, ...]
    orders: tuple[bool, bool]


@partial(
    jax.tree_util.register_dataclass, data_fields=["groups", "ells"], meta_fields=["modes", "pairs"]
)
@dataclass(frozen=True)
class Plan:
    """All that is done once for given shapes of windows.

    Parameters
    ----------
    groups : tuple of Group
    ells : array, (n_ell,)
    modes : Modes
    pairs : tuple of Pair
        Places of two tracers among all.
    """

    groups: tuple[Group, ...]
    ells: Array
    modes: Modes
    pairs: tuple[Pair, ...]


# Members that have a kind of term, and its weights nearer and farther, (n, n_eta, n_node).
_Windows = dict[str, tuple[list[int], Numbers, Numbers]]


def _windows(group: Group, tracers: Sequence[Tracer]) -> _Windows:
    """Weights at the nodes by kind, the nearer ones with the measure."""
    xp = group.measure.__array_namespace__()
    found: dict[str, list[tuple[list[int], Numbers, Numbers]]] = {}
    for grid, (nearer, farther) in enumerate(zip(group.nearer, group.farther, strict=True)):
        on_it = [i for i, g in enumerate(group.grids) if g == grid]
        terms = [(i, kind) for i in on_it for kind in tracers[i].terms]
        values = xp.stack([tracers[i].terms[kind] for i, kind in terms], axis=1)
        near, far = nearer(values) * group.measure[..., None], farther(values)
        for wanted in sorted({kind for _, kind in terms}):
            power = group.nodes[:, None] ** (2 if wanted in POTENTIALS else 0)
            rows = [row for row, (_, kind) in enumerate(terms) if kind == wanted]
            # As a product of matrices: XLA would interpolate anew for each product of two
            # weights if rows were looked up.
            chosen = xp.asarray(np.eye(len(terms))[rows], dtype=values.dtype)
            sides = [xp.tensordot(chosen, side * power, axes=((1,), (2,))) for side in (near, far)]
            found.setdefault(wanted, []).append(([terms[row][0] for row in rows], *sides))
    out = {}
    for kind, parts in found.items():
        whose = [i for on_grid, _, _ in parts for i in on_grid]
        near, far = (xp.concatenate([part[side] for part in parts]) for side in (1, 2))
        out[kind] = whose, near, far
    return out


def coefficients(modes: Modes, chi: Numbers, pk: Numbers, transfer: Numbers, times: int) -> Numbers:
    """Of P(k) over so many transfer functions at distances chi, (n_chi, 2 n_mode)."""
    xp = pk.__array_namespace__()
    tilted = modes.over_transfer(times)
    rows = tilted.coefficients(pk / transfer**times if times else pk)
    rows = rows * xp.exp(-xp.log(chi)[:, None] * (tilted.nu + 1))
    # A real product of these with (Re, Im) is the real part of the complex one.
    return xp.concatenate([rows.real, -rows.imag], axis=-1)


# Position of a pair, and places of the nearer and farther term among those of their kinds.
_Found = tuple[int, int, int]


def _found(group: Group, nearer: list[int], farther: list[int]) -> list[_Found]:
    """Which products of two kinds of terms, that these members have, are in which pair."""
    return [
        (position, nearer.index(a), farther.index(b))
        for position, pair in enumerate(group.pairs)
        # Of the terms that are near and far, the first is of the pair's first tracer or not.
        for (a, b), wanted in zip((pair, pair[::-1]), group.orders, strict=True)
        if wanted and a in nearer and b in farther
    ]


def _summed(
    near: Numbers, far: Numbers, found: list[_Found], n_pair: int, kernel: Numbers
) -> Numbers:
    """Sums over nodes of products of two weights with a kernel (n_ell, n_eta n_node).

    Returns
    -------
    array, (n_pair, n_ell)
    """
    xp, dtype = kernel.__array_namespace__(), kernel.dtype
    positions, first, second = np.array(found).T
    # As many for each pair, one after the other, become one row.
    _, counts = np.unique(positions, return_counts=True)
    turns = int(counts[0]) if (counts == counts[0]).all() else 1

    def rows(side: Numbers, wanted: NDArray[np.int64]) -> Numbers:
        # As a product of matrices, whose slope is such a product too.
        chosen = xp.asarray(np.eye(len(side))[wanted], dtype=dtype)
        return chosen @ side.reshape(len(side), -1)

    products = (rows(near, first[i::turns]) * rows(far, second[i::turns]) for i in range(turns))
    summed = functools.reduce(operator.add, products) @ kernel.T
    whose = np.eye(n_pair)[:, positions[::turns]]
    return xp.asarray(whose, dtype=dtype) @ summed


def _project(
    group: Group, kernels: Kernels, rows: dict[int, Numbers], windows: _Windows
) -> Numbers:
    """C_l of a group's pairs at the multipoles of some kernels, (n_pair, n_ell)."""
    n_eta = kernels.tables[0].kernel.shape[1]
    over_nodes = [table.of(rows[table.transfers], group.spread) for table in kernels.tables]
    parts = []
    for (nearer, farther), table in kernels.which:
        found = _found(group, windows[nearer][0], windows[farther][0])
        if not found:
            continue
        # Kernels may end before the windows do.
        near, far = windows[nearer][1][:, :n_eta], windows[farther][2][:, :n_eta]
        if kernels.sides:
            near = near * kernels.sides[nearer][0][:, None]
            far = far * kernels.sides[farther][1][:, None]
        parts.append(_summed(near, far, found, len(group.pairs), over_nodes[table]))
    out = functools.reduce(operator.add, parts)
    return out if kernels.between is None else out @ kernels.between.T


def group_spectra(
    group: Group,
    modes: Modes,
    tracers: Sequence[Tracer],
    pk: Numbers,
    transfer: Numbers = None,
) -> Numbers:
    """C_l of the pairs of one group, whose tracers and P(k) these are, (n_pair, n_ell)."""
    times = sorted({table.transfers for kernels in group.kernels for table in kernels.tables})
    rows = {n: coefficients(modes, group.chi, pk, transfer, n) for n in times}
    windows = _windows(group, tracers)
    parts = [_project(group, kernels, rows, windows) for kernels in group.kernels]
    return group.measure.__array_namespace__().concatenate(parts, axis=1)


_compiled_group_spectra = jax.jit(group_spectra, static_argnames=["modes"])


def members_spectra(
    group: Group,
    modes: Modes,
    tracers: Sequence[Tracer],
    pk: Numbers,
    transfer: Array | None = None,
) -> Array:
    """C_l of the pairs of one group, of all tracers, without their factors of l."""
    # Which tracers these are, and factors, would keep groups of one shape from sharing programs.
    plain = [Tracer(tracers[i].chi, tracers[i].terms) for i in group.members]
    return _compiled_group_spectra(replace(group, members=()), modes, plain, pk, transfer)


def angular_spectra(
    plan: Plan, tracers: Sequence[Tracer], pk: Sequence[Numbers], transfer: Array | None = None
) -> Array:
    """C_l of a plan's pairs.

    Parameters
    ----------
    plan : Plan
    tracers : sequence of Tracer
        With growth in their weights, on the grids of the plan.
    pk : sequence of array, (n_node, n_k)
        P(k) over the product of growths, at the nodes of each group and the k of the modes,
        (Mpc/h)^3.
    transfer : array, (n_k,), optional
        Transfer function, for primordial terms.

    Returns
    -------
    array, (n_pair, n_ell)
    """
    parts, places = [], []
    for group, spectrum in zip(plan.groups, pk, strict=True):
        parts.append(members_spectra(group, plan.modes, tracers, spectrum, transfer))
        places += [plan.pairs.index((group.members[a], group.members[b])) for a, b in group.pairs]
    factors = tuple((tracers[a].factor, tracers[b].factor) for a, b in plan.pairs)
    return _together(parts, plan.ells, tuple(places), factors)


@partial(jax.jit, static_argnames=["places", "factors"])
def _together(
    parts: list[Array], ells: Array, places: tuple[int, ...], factors: tuple[tuple[str, str], ...]
) -> Array:
    """C_l of all groups by pair, with their factors of l."""
    found = jnp.concatenate(parts)
    # A pair may be in two groups, one for each of its orders.
    whose = np.zeros((len(factors), len(places)))
    whose[places, np.arange(len(places))] = 1.0
    of_ell = {name: FACTORS[name](ells) for names in factors for name in names}
    factor = jnp.stack([of_ell[a] * of_ell[b] for a, b in factors])
    return factor * (jnp.asarray(whose, found.dtype) @ found)
