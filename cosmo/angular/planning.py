"""Choosing nodes: fine enough for given windows and P(k), and no finer.

Sums over every other node and over every fourth one tell how fast they converge. With a the
difference of the sums over all and over every other node, and b that of the coarser two, the
next difference will be about a^2 / b, and that is the error which is estimated. All errors are
measured against sqrt(C_aa C_bb) of a pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from cosmo.angular import nodes
from cosmo.angular.fftlog import Modes
from cosmo.angular.kernels import REACH, exact_kernels, flat_kernels
from cosmo.angular.nodes import Grid, Real, Window
from cosmo.angular.spectra import (
    Group,
    Kernels,
    Kinds,
    Pair,
    Sampling,
    group_spectra,
)
from cosmo.angular.tracers import Tracer

# P(k) over the product of growths, of wavenumbers and distances: (n_chi, n_k).
Power = Callable[[Real, Real], Any]

_ETA_STEP = 0.16
# The coarsest grid in chi: this many intervals across the narrower window, and at most this
# share of a distance from one node to the next.
_INTERVALS = 24
_SHARE = 0.24
# Steps of refinement.
_FINER = 1.4
# Windows that differ more in width are integrated around the narrower.
_UNLIKE = 4.0
_MOST_NODES = 12_000


def _rounded(n: int) -> int:
    """A little more than n: groups of one shape share compiled programs."""
    unit = 8 if n <= 128 else 16
    return unit * int(np.ceil(n / unit))


@dataclass(frozen=True)
class Work:
    """Tracers to be planned for.

    Parameters
    ----------
    tracers : sequence of Tracer
        With growth in their weights.
    power : Power
        Of k and chi; growth is in the weights.
    modes : Modes
    transfer : array, (n_k,), optional
        Transfer function at the modes' k.
    """

    tracers: Sequence[Tracer]
    power: Power
    modes: Modes
    transfer: Any = None

    def spectrum(self, chi: Real) -> Real:
        """P(k) at the modes' k, (n_chi, n_k)."""
        return np.asarray(self.power(self.modes.k, chi))

    @cached_property
    def windows(self) -> list[Window]:
        """The sizes of all terms of each tracer."""
        out = []
        for tracer in self.tracers:
            weight = np.sum([np.abs(np.asarray(w)) for w in tracer.terms.values()], axis=0)
            out.append(Window(np.asarray(tracer.chi), weight))
        return out

    def kinds(self, pairs: Sequence[Pair]) -> set[Kinds]:
        """All pairs of kinds of terms, both ways round."""
        return {
            kinds
            for a, b in pairs
            for first in self.tracers[a].terms
            for second in self.tracers[b].terms
            for kinds in ((first, second), (second, first))
        }

    @cached_property
    def of_numpy(self) -> Work:
        """The same with arrays of NumPy."""
        tracers, transfer = jax.tree.map(np.asarray, (list(self.tracers), self.transfer))
        return Work(tracers, lambda k, chi: np.asarray(self.power(k, chi)), self.modes, transfer)

    def spectra(self, group: Group, pk: Real | None = None) -> Real:
        """C_l of a group of NumPy's arrays, without factors of l, (n_pair, n_ell)."""
        pk = self.spectrum(group.chi) if pk is None else pk
        members = [self.of_numpy.tracers[i] for i in group.members]
        return group_spectra(group, self.modes, members, pk, self.of_numpy.transfer)


@dataclass(frozen=True)
class Block:
    """Pairs that share nodes.

    Parameters
    ----------
    pairs : tuple of Pair
    anchor : str
        What the distance of a node is, as in :func:`cosmo.angular.nodes.columns`.
    orders : tuple of bool
        As in :class:`cosmo.angular.spectra.Group`.
    """

    pairs: tuple[Pair, ...]
    anchor: str = "chi_e"
    orders: tuple[bool, bool] = (True, True)

    def group(self, work: Work, grid: Grid, kernels: tuple[Kernels, ...]) -> Group:
        """The nodes and kernels of a grid."""
        members = tuple(sorted({i for pair in self.pairs for i in pair}))
        chi, columns = grid.distances.chi, grid.columns

        own = [np.asarray(work.tracers[i].chi) for i in members]
        grids = {grid.tobytes(): grid for grid in own}
        places = list(grids)

        def samplings(side: Real) -> tuple[Sampling, ...]:
            at = chi * side[:, None]
            found = [nodes.lagrange(grid, at) for grid in grids.values()]
            return tuple(Sampling(first, weights) for first, weights in found)

        sparse, spread = nodes.sparser(chi)
        return Group(
            chi=sparse,
            nodes=chi,
            spread=spread,
            measure=grid.distances.weight * columns.weight[:, None],
            nearer=samplings(columns.lower),
            farther=samplings(columns.upper),
            kernels=kernels,
            members=members,
            grids=tuple(places.index(grid.tobytes()) for grid in own),
            pairs=tuple((members.index(a), members.index(b)) for a, b in self.pairs),
            orders=self.orders,
        )


def blocks(work: Work, pairs: Sequence[Pair]) -> list[Block]:
    """Pairs in blocks that cost little.

    All in one, if the nodes for all are no more than those of each pair together.
    """
    ends = {i: work.windows[i].ends for pair in pairs for i in pair}
    width = {i: high - low for i, (low, high) in ends.items()}
    least, most = min(low for low, _ in ends.values()), max(high for _, high in ends.values())
    together = (most - least) / min(width.values())
    apart = sum((max(ends[a][1], ends[b][1]) - min(ends[a][0], ends[b][0]))
                / min(width[a], width[b]) for a, b in pairs)  # fmt: skip
    if len(pairs) > 3 and together < apart / 2:
        return [Block(tuple(pairs))]
    out = []
    for a, b in pairs:
        if max(width[a], width[b]) < _UNLIKE * min(width[a], width[b]):
            out.append(Block(((a, b),)))
            continue
        first_narrower = width[a] < width[b]
        # The narrower is the nearer one, and then the farther one.
        out.append(Block(((a, b),), "nearer", (first_narrower, not first_narrower)))
        out.append(Block(((a, b),), "farther", (not first_narrower, first_narrower)))
    return out


def _extent(block: Block, a: Window, b: Window) -> tuple[float, float, float, float]:
    """The least and greatest eta and distance of nodes of a pair."""
    (low_a, high_a), (low_b, high_b) = a.ends, b.ends
    nearest = max(np.log(max(low_a / high_b, low_b / high_a)), 0.0)
    farthest = float(np.log(max(high_a / low_b, high_b / low_a)))
    if block.anchor != "chi_e":
        low, high = (low_a, high_a) if high_a - low_a < high_b - low_b else (low_b, high_b)
        return nearest, farthest, low, high
    far = np.sqrt(np.sinh(farthest) / farthest)
    low, high = np.sqrt(low_a * low_b), np.sqrt(high_a * high_b) * far
    return nearest, farthest, max(low, min(low_a, low_b)), min(high, max(high_a, high_b))


@dataclass(frozen=True)
class Chosen:
    """Nodes of a block; with kernels of the probed multipoles, C_l there and its error."""

    block: Block
    grid: Grid
    group: Group
    cl: Real
    error: Real


def choose(
    work: Work, block: Block, probes: NDArray[np.int64], scale: Real | None, tolerance: float
) -> Chosen:
    """The coarsest nodes that reach a tolerance at some multipoles.

    Parameters
    ----------
    scale : array, (n_pair, n_probe)
        What errors are measured against, if the block has not the pairs that tell.
    """
    pairs = [(work.windows[a], work.windows[b]) for a, b in block.pairs]
    extents = np.array([_extent(block, a, b) for a, b in pairs])
    nearest = extents[:, 0].min()
    # Farther apart than that, kernels are nothing.
    reach = REACH / (probes.min() + 0.5)
    farthest = max(min(extents[:, 1].max(), reach), nearest * 1.01)
    low, high = extents[:, 2].min(), extents[:, 3].max()
    width = min(w.ends[1] - w.ends[0] for pair in pairs for w in pair)
    # Where kernels and windows are as good as constant.
    smallest = min(0.05 / probes.max(), 0.005 * width / high, 0.3 / high)
    spacing, share, step = width / _INTERVALS, _SHARE, _ETA_STEP
    while True:
        eta, weight = nodes.separations(nearest, farthest, smallest, step, _rounded)
        columns = nodes.columns(eta, weight, block.anchor)
        distances = nodes.distances(low, high, spacing, share, _rounded)
        if distances.chi.size > _MOST_NODES or eta.size > _MOST_NODES:
            raise ValueError(
                f"tracers {sorted({i for p in block.pairs for i in p})}: their windows are too "
                f"sharp to be integrated to {tolerance:g}; smooth them or allow a larger tolerance"
            )
        grid = Grid(distances, columns)
        kernels = flat_kernels(work.kinds(block.pairs), columns, probes, work.modes)
        group = block.group(work, grid, (kernels,))
        pk = work.spectrum(group.chi)
        whole = work.spectra(group, pk)
        against = amplitudes(block.pairs, block.pairs, whole) if scale is None else scale
        if not np.isfinite(whole).all() or not (against > 0).all():
            members = sorted({i for pair in block.pairs for i in pair})
            raise ValueError(f"tracers {members} have spectra that are zero or beyond numbers")
        error = {}
        for axis in ("chi", "eta"):
            fewer = [replace(group, measure=group.measure * grid.coarser(n, axis)) for n in (2, 4)]
            coarse = [work.spectra(few, pk) for few in fewer]
            error[axis] = _next_difference(whole, coarse[0], coarse[1], against)
        worst = {axis: float((e / against).max()) for axis, e in error.items()}
        if max(worst.values()) <= tolerance:
            return Chosen(block, grid, group, whole, error["chi"] + error["eta"])
        if worst["chi"] > tolerance:
            spacing, share = spacing / _FINER, share / _FINER
        if worst["eta"] > tolerance:
            step /= _FINER


def amplitudes(wanted: Sequence[Pair], pairs: Sequence[Pair], cl: Real) -> Real:
    """The square root of C_aa C_bb of each pair wanted, from spectra which have all C_aa."""
    own = {a: cl[i] for i, (a, b) in enumerate(pairs) if a == b}
    return np.array([np.sqrt(np.abs(own[a] * own[b])) for a, b in wanted])


def _next_difference(all_nodes: Real, half: Real, quarter: Real, against: Real) -> Real:
    """What halving the spacing of nodes once more would change, as far as one can tell."""
    last, before = np.abs(all_nodes - half), np.abs(half - quarter)
    # The ratio of the worst: that of each may be small by chance.
    ratio = (last / against).max() / max((before / against).max(), 1e-300)
    return last * min(ratio, 1.0)


def finished(
    work: Work, chosen: Chosen, exact: NDArray[np.int64], flat: NDArray[np.int64]
) -> Group:
    """A block's nodes with kernels of all multipoles."""
    kinds, columns = work.kinds(chosen.block.pairs), chosen.grid.columns
    parts = [
        make(kinds, columns, ells, work.modes)
        for make, ells in ((exact_kernels, exact), (flat_kernels, flat))
        if ells.size
    ]
    return jax.device_put(chosen.block.group(work, chosen.grid, tuple(parts)))
