"""Angular power spectra of many pairs of tracers at once.

With eta = ln(chi_2 / chi_1), chi_g and chi_e of :mod:`cosmo.angular.nodes`, and u = l + 1 / 2, the
projected correlation of two distances is, to leading order in 1 / l and for any ratio of them,

    C_l(chi_1, chi_2) = F(u / chi_e, u eta) / (chi_g chi_e),

F(q, q r) the kernels of :mod:`cosmo.angular.bessel` summed over the powers of P(k). It is the
first term of the uniform expansion of the Legendre functions which :mod:`cosmo.angular.legendre`
evaluates exactly, for low l. Both are one product of two matrices: kernels at every l and eta times
coefficients of P(k) at every distance. All pairs share it, and are a second product, of their
windows with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from cosmo.angular.fftlog import Modes
from cosmo.angular.tracers import FACTORS, POTENTIALS, Tracer

Pair = tuple[int, int]
# The kinds of two terms, the one that is looked at nearer to us first.
Kinds = tuple[str, str]


@partial(jax.tree_util.register_dataclass, data_fields=["first", "weights"], meta_fields=[])
@dataclass(frozen=True)
class Sampling:
    """How values on a tracer's grid become values at nodes.

    Parameters
    ----------
    first : array of int, (n_eta, n_node)
    weights : array, (n_eta, n_node, n_point)
    """

    first: Array
    weights: Array

    def __call__(self, values: Array) -> Array:
        """Values (n, n_tracer) of a grid at the nodes, (n_tracer, n_eta, n_node)."""
        # Point by point, what is gathered is summed at once and never written.
        points = range(self.weights.shape[-1])
        at = sum(values[self.first + p] * self.weights[..., p, None] for p in points)
        return jnp.moveaxis(jnp.asarray(at), -1, 0)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["tables", "factors", "between"],
    meta_fields=["which"],
)
@dataclass(frozen=True)
class Kernels:
    """Kernels of some multipoles at the nodes of eta.

    Parameters
    ----------
    tables : tuple of array, (n_ell, n_eta, 2 n_mode)
        Real and imaginary parts.
    factors : dict of Kinds to array, (n_eta,)
        What else stands before a table.
    which : tuple of (Kinds, int)
        The table of each two kinds.
    between : array, (n_wanted, n_ell), optional
        Interpolates from these multipoles to those asked for.
    """

    tables: tuple[Array, ...]
    factors: dict[Kinds, Array]
    which: tuple[tuple[Kinds, int], ...]
    between: Array | None = None


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

    chi: Array
    nodes: Array
    spread: Array | None
    measure: Array
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


def _windows(group: Group, tracers: Sequence[Tracer]) -> dict[str, tuple[list[int], Array, Array]]:
    """Weights of each kind: whose they are, and at the nearer and farther distances."""
    found: dict[str, list[tuple[int, Array, Array]]] = {}
    for grid, sides in enumerate(zip(group.nearer, group.farther, strict=True)):
        on_it = [i for i, g in enumerate(group.grids) if g == grid]
        terms = [(i, kind) for i in on_it for kind in tracers[i].terms]
        values = jnp.stack([tracers[i].terms[kind] for i, kind in terms], axis=1)
        for (i, kind), nearer, farther in zip(
            terms, *(side(values) for side in sides), strict=True
        ):
            found.setdefault(kind, []).append((i, nearer, farther))
    return {
        kind: (
            [i for i, _, _ in rows],
            jnp.stack([nearer for _, nearer, _ in rows]),
            jnp.stack([farther for _, _, farther in rows]),
        )
        for kind, rows in found.items()
    }


def _window_products(
    group: Group, tracers: Sequence[Tracer]
) -> dict[Kinds, tuple[list[int], Array]]:
    """Window products by kinds of terms: positions of pairs, and (n_pair, n_eta, n_chi).

    With the measure, and summed to the distances where P(k) is taken.
    """
    windows = _windows(group, tracers)
    out: dict[Kinds, tuple[list[int], Array]] = {}
    for near in windows:
        for far in windows:
            # Of the terms that are near and far, the first is of the pair's first tracer or not.
            entries: dict[int, list[tuple[int, int]]] = {}
            for position, pair in enumerate(group.pairs):
                for order, (a, b) in enumerate((pair, pair[::-1])):
                    if group.orders[order] and near in tracers[a].terms and far in tracers[b].terms:
                        places = windows[near][0].index(a), windows[far][0].index(b)
                        entries.setdefault(position, []).append(places)
            if not entries:
                continue
            twice = max(len(places) for places in entries.values())
            potentials = sum(kind in POTENTIALS for kind in (near, far))
            weights = group.measure * group.nodes ** (2 * potentials)
            total = 0.0
            for turn in range(twice):
                some = [places[min(turn, len(places) - 1)] for places in entries.values()]
                share = np.array([turn < len(places) for places in entries.values()], float)
                a, b = np.array(some).T
                part = windows[near][1][a] * windows[far][2][b]
                total = total + (part if share.all() else part * share[:, None, None])
            product = total * weights
            if group.spread is not None:
                product = product @ group.spread.T
            out[near, far] = list(entries), product
    return out


def _coefficients(modes: Modes, group: Group, pk: Array, transfer: Array | None) -> list[Array]:
    """Of P(k) over 0, 1 and 2 transfer functions, (n_node, 2 n_mode) each."""
    out = []
    spectra = [pk] if transfer is None else [pk, pk / transfer, pk / transfer**2]
    for times, spectrum in enumerate(spectra):
        tilted = modes.over_transfer(times)
        rows = tilted.coefficients(spectrum)
        rows = rows * jnp.exp(-jnp.log(group.chi)[:, None] * (tilted.nu + 1))
        # A real product of these with (Re, Im) is the real part of the complex one.
        out.append(jnp.concatenate([rows.real, -rows.imag], axis=-1))
    return out


def _project(
    group: Group,
    kernels: Kernels,
    rows: list[Array],
    products: dict[Kinds, tuple[list[int], Array]],
) -> Array:
    """C_l of a group's pairs at the multipoles of some kernels, (n_pair, n_ell)."""
    which = dict(kernels.which)
    n_ell, n_eta = kernels.tables[0].shape[:2]
    out = jnp.zeros((len(group.pairs), n_ell), rows[0].dtype)
    summed: dict[tuple[int, int], Array] = {}
    for kinds, (positions, product) in products.items():
        key = which[kinds], kinds.count("primordial")
        if key not in summed:
            summed[key] = (kernels.tables[key[0]] @ rows[key[1]].T).reshape(n_ell, -1)
        # Kernels may end before the windows do.
        weighted = product[:, :n_eta] * kernels.factors[kinds][:, None]
        part = weighted.reshape(len(positions), -1) @ summed[key].T
        out = out.at[np.array(positions)].add(part)
    return out if kernels.between is None else out @ kernels.between.T


@partial(jax.jit, static_argnames=["modes"])
def group_spectra(
    group: Group,
    modes: Modes,
    tracers: Sequence[Tracer],
    pk: Array,
    transfer: Array | None = None,
) -> Array:
    """C_l of the pairs of one group, whose tracers and P(k) these are, (n_pair, n_ell)."""
    rows = _coefficients(modes, group, pk, transfer)
    products = _window_products(group, tracers)
    parts = [_project(group, kernels, rows, products) for kernels in group.kernels]
    return jnp.concatenate(parts, axis=1)


def members_spectra(
    group: Group,
    modes: Modes,
    tracers: Sequence[Tracer],
    pk: Array,
    transfer: Array | None = None,
) -> Array:
    """C_l of the pairs of one group, of all tracers, without their factors of l."""
    # Which tracers these are, and factors, would keep groups of one shape from sharing programs.
    plain = [Tracer(tracers[i].chi, tracers[i].terms) for i in group.members]
    return group_spectra(replace(group, members=()), modes, plain, pk, transfer)


def angular_spectra(
    plan: Plan, tracers: Sequence[Tracer], pk: Sequence[Array], transfer: Array | None = None
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
    # A pair may be in two groups, one for each of its orders.
    found = jnp.concatenate(parts)
    out = jnp.zeros((len(plan.pairs), found.shape[1]), found.dtype)
    factors = [FACTORS[tracer.factor](plan.ells) for tracer in tracers]
    factor = jnp.stack([factors[a] * factors[b] for a, b in plan.pairs])
    return factor * out.at[np.array(places)].add(found)
