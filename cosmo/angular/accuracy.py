"""Angular power spectra with an error for each of them.

What is wrong with a C_l has four parts: sums over nodes (see :mod:`cosmo.angular.planning`), the
flat sky, the powers that stand for P(k), and products of growths at two times where growth depends
on scale. Each is measured on the spectra themselves. The flat sky's is the difference from the
full sky at some low multipoles; it falls as 1 / l^2, and multipoles where it would exceed the
tolerance are computed on the full sky instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np
from numpy.typing import NDArray

from cosmo.angular.kernels import exact_kernels, flat_kernels
from cosmo.angular.nodes import Real
from cosmo.angular.planning import Chosen, Work, amplitudes, blocks, choose, finished
from cosmo.angular.spectra import Pair, Plan, angular_spectra

Ells = NDArray[np.int64]

# Where the flat sky is compared with the full one.
_LOW = np.array([2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160])
# As many at first, and all if that does not do.
_FIRST = 11
# Where sums over nodes are looked at.
_PROBES = np.array([2, 6, 20, 60, 200, 600, 2000, 6000, 20000])
# Share of the tolerance for each of chi and eta.
_NODES = 0.2


@dataclass(frozen=True)
class Errors:
    """Errors of C_l over sqrt(C_aa C_bb), (n_pair, n_ell) each."""

    nodes: Real
    flat_sky: Real
    powers: Real
    growth: Real

    def of(self, rows: Sequence[int]) -> Errors:
        """Those of some pairs."""
        parts = (self.nodes, self.flat_sky, self.powers, self.growth)
        return Errors(*(part[rows] for part in parts))

    @property
    def total(self) -> Real:
        """All together."""
        return self.nodes + self.flat_sky + self.powers + self.growth


@dataclass(frozen=True)
class Planned:
    """A plan and what is known about its errors.

    Parameters
    ----------
    plan : Plan
        Of the pairs asked for and of each tracer with itself.
    ells : array of int, (n_ell,)
    exact_below : int
        Multipoles below are those of the full sky.
    errors : Errors
    """

    plan: Plan
    ells: Ells
    exact_below: int
    errors: Errors


def _summed(pairs: Sequence[Pair], parts: Sequence[tuple[Sequence[Pair], Real]]) -> Real:
    """Add up what blocks have of each pair."""
    out = np.zeros((len(pairs), parts[0][1].shape[1]))
    for members, values in parts:
        for pair, value in zip(members, values, strict=True):
            out[pairs.index(pair)] += value
    return out


def _chosen(work: Work, pairs: Sequence[Pair], probes: Ells, tolerance: float) -> list[Chosen]:
    """Nodes for all pairs: first of tracers with themselves, against which others count."""
    together = blocks(work, pairs)
    if len(together) == 1:
        return [choose(work, together[0], probes, None, tolerance)]
    own = [p for p in pairs if p[0] == p[1]]
    found = [choose(work, b, probes, None, tolerance) for b in blocks(work, own)]
    cl = _summed(own, [(c.block.pairs, c.cl) for c in found])
    for block in blocks(work, [p for p in pairs if p[0] != p[1]]):
        found.append(choose(work, block, probes, amplitudes(block.pairs, own, cl), tolerance))
    return found


def _flat_sky(work: Work, pairs: Sequence[Pair], chosen: Sequence[Chosen], low: Ells) -> Real:
    """Full sky less flat sky, over the amplitudes, (n_pair, n_low)."""
    exact, flat = [], []
    for c in chosen:
        kinds, columns = work.kinds(c.block.pairs), c.grid.columns
        both = tuple(
            make(kinds, columns, low, work.modes) for make in (exact_kernels, flat_kernels)
        )
        cl = work.spectra(c.block.group(work, c.grid, both))
        exact.append((c.block.pairs, cl[:, : low.size]))
        flat.append((c.block.pairs, cl[:, low.size :]))
    truth = _summed(pairs, exact)
    return np.abs(truth - _summed(pairs, flat)) / amplitudes(pairs, pairs, truth)


def _beyond(error: Real, low: Ells, ells: Ells) -> Real:
    """Errors of the flat sky at other multipoles: those of the two probes below, as 1 / l^2."""
    last = np.clip(np.searchsorted(low, ells, "right") - 1, 0, low.size - 1)
    scaled = error * low**2.0
    return np.maximum(scaled[:, last], scaled[:, np.maximum(last - 1, 0)]) / ells**2.0


def _powers(work: Work, pairs: Sequence[Pair], ells: Ells) -> Real:
    """Deviation of the sum of powers from P(k) around the wavenumbers that each pair sees.

    The root of its mean square from a third to three times u / chi.
    """
    k = work.modes.k * np.exp(work.modes.step / 2)
    middle = [window.middle for window in work.windows]
    chi = np.array([np.sqrt(middle[a] * middle[b]) for a, b in pairs])
    true = np.asarray(work.power(k, chi))
    c = work.modes.coefficients(work.spectrum(chi))
    off = (c @ np.exp(np.log(k)[:, None] * work.modes.nu).T).real / true - 1
    summed = np.concatenate([np.zeros((chi.size, 1)), np.cumsum(off**2, axis=1)], axis=1)
    wanted = (ells + 0.5) / chi[:, None]
    first, last = np.searchsorted(k, wanted / 3), np.searchsorted(k, wanted * 3)
    rows = np.arange(chi.size)[:, None]
    return np.sqrt((summed[rows, last] - summed[rows, first]) / np.maximum(last - first, 1))


def _growth(work: Work, pairs: Sequence[Pair], chosen: Sequence[Chosen]) -> Real:
    """What P(k) at chi_e in place of the mean of two distances changes, at the probed l."""
    parts = []
    for c in chosen:
        chi, h = c.group.chi, 0.05
        logs = [np.log(work.spectrum(chi * np.exp(s))) for s in (-h, 0, h)]
        if np.ptp(logs, axis=0).max() < 1e-9:
            parts.append((c.block.pairs, np.zeros_like(c.cl)))
            continue
        slope, bend = (logs[2] - logs[0]) / (2 * h), (logs[2] - 2 * logs[1] + logs[0]) / h**2
        change = np.exp(logs[1]) * (bend / 8 - slope / 12)
        group = replace(c.group, measure=c.group.measure * c.grid.columns.eta[:, None] ** 2)
        parts.append((c.block.pairs, work.spectra(group, change)))
    return np.abs(_summed(pairs, parts))


def make_plan(work: Work, pairs: Sequence[Pair], ells: Ells, tolerance: float = 1e-3) -> Planned:
    """Choose nodes and multipoles of the full sky, and tell the errors.

    Parameters
    ----------
    work : Work
    pairs : sequence of Pair
    ells : array of int, (n_ell,)
        Rising, of at least 2.
    tolerance : float
        Of C_l, over sqrt(C_aa C_bb).
    """
    own = sorted({(i, i) for pair in pairs for i in pair})
    every = [*pairs, *(p for p in own if p not in pairs)]
    probes = _PROBES[(ells.max() > _PROBES) & (ells.min() <= _PROBES)]
    probes = np.unique(np.r_[ells.min(), probes, ells.max()])
    chosen = _chosen(work, every, probes, _NODES * tolerance)
    cl = _summed(every, [(c.block.pairs, c.cl) for c in chosen])
    amplitude = amplitudes(every, every, cl)

    low = _LOW[:_FIRST]
    flat = _flat_sky(work, every, chosen, low)
    if flat[:, -1].max() > tolerance / 2:
        low = _LOW
        flat = np.concatenate([flat, _flat_sky(work, every, chosen, low[_FIRST:])], axis=1)
    envelope = _beyond(flat, low, np.arange(ells.min(), low[-1] + 2))
    too_large = np.nonzero(envelope.max(0) > tolerance / 2)[0]
    exact_below = int(ells.min() + too_large[-1] + 1) if too_large.size else 0

    def between(at_probes: Real) -> Real:
        rows = [np.interp(np.log(ells), np.log(probes), row) for row in at_probes]
        return np.array(rows)

    node_errors = _summed(every, [(c.block.pairs, c.error) for c in chosen]) / amplitude
    growth = _growth(work, every, chosen) / amplitude
    errors = Errors(
        nodes=between(node_errors),
        flat_sky=np.where(ells < exact_below, 0.0, _beyond(flat, low, ells)),
        powers=_powers(work, every, ells),
        growth=between(growth),
    )
    exact, rest = ells[ells < exact_below], ells[ells >= exact_below]
    groups = tuple(finished(work, c, exact, rest) for c in chosen)
    plan = Plan(groups, jax.device_put(ells.astype(float)), work.modes, tuple(every))
    return Planned(plan, ells, exact_below, errors)


def evaluate(planned: Planned, work: Work) -> Real:
    """C_l of a plan's pairs, (n_pair, n_ell)."""
    pk = [work.spectrum(np.asarray(group.chi)) for group in planned.plan.groups]
    return np.asarray(angular_spectra(planned.plan, work.tracers, pk, work.transfer))
