"""Nodes and kernels for given windows."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from cosmo.angular import bessel, legendre, nodes
from cosmo.angular.fftlog import Modes
from cosmo.angular.nodes import Columns, Real
from cosmo.angular.spectra import Group, Kernels, Kinds, Pair, Plan, Sampling
from cosmo.angular.tracers import Tracer

# Step in ln u where multipoles are interpolated: eight to an oscillation of the baryons at
# l = 2000. Up to as many multipoles are computed one by one instead.
_STEP = 0.03
_BEYOND = 4
# Step in ln eta.
_ETA_STEP = 0.16


def _packed(table: NDArray[np.complex128]) -> Array:
    return jnp.asarray(np.concatenate([table.real, table.imag], axis=-1))


def between(u: Real, wanted: Real) -> Real:
    """A matrix that interpolates from ln u to others, (n_wanted, n_u), by eight points."""
    x = np.log(u)
    first, weights = nodes.lagrange(x, np.log(wanted), 8)
    matrix = np.zeros((wanted.size, u.size))
    np.put_along_axis(matrix, first[:, None] + np.arange(weights.shape[-1]), weights, axis=1)
    return matrix


def _multipoles(wanted: Real) -> tuple[Real, Array | None]:
    """Values of u at which the flat sky is computed, and what interpolates from there."""
    n = int(np.ceil(np.log(wanted.max() / wanted.min()) / _STEP)) + 2 * _BEYOND
    if wanted.size <= n:
        return wanted, None
    u = wanted.min() * np.exp(_STEP * np.arange(-_BEYOND, n - _BEYOND + 1))
    return u, jnp.asarray(between(u, wanted))


def flat_kernels(kinds: set[Kinds], columns: Columns, wanted: Real, modes: Modes) -> Kernels:
    """Kernels of the flat sky at u = l + 1 / 2."""
    u, matrix = _multipoles(wanted)
    k = bessel.kernels(modes.nu, (u[:, None] * columns.eta).ravel())
    # (k_par / k)^2 = 1 - q^2 / k^2.
    shapes = {
        (0, 0): k.zero,
        (1, 0): k.zero - k.two,
        (2, 0): k.zero - 2 * k.two + k.four,
        (0, 1): k.two,
        (1, 1): k.two - k.four,
        (0, 2): k.four,
    }
    tables, which, places = [], [], {}
    for pair in sorted(kinds):
        distorted = pair.count("rsd")
        potentials = pair.count("potential") + pair.count("primordial")
        if (distorted, potentials) not in places:
            places[distorted, potentials] = len(tables)
            q = (u[:, None] / columns.effective)[..., None]
            table = np.exp(np.log(q) * (modes.nu + 1 - 2 * potentials))
            table *= shapes[distorted, potentials].reshape(table.shape)
            tables.append(_packed(table * (columns.geometric / columns.effective)[:, None]))
        which.append((pair, places[distorted, potentials]))
    return Kernels(tuple(tables), tuple(which), matrix)


def exact_kernels(
    kinds: set[Kinds], columns: Columns, ells: NDArray[np.int64], modes: Modes
) -> Kernels:
    """Kernels of the full sky."""
    e = legendre.kernels(ells, modes.nu, columns.eta)
    shapes = {
        ("density", "density"): e.density,
        ("density", "rsd"): e.once,
        ("rsd", "density"): e.once_back,
        ("rsd", "rsd"): e.twice,
        ("density", "potential"): e.potential,
        ("potential", "density"): e.potential,
        ("potential", "potential"): e.potentials,
        ("potential", "rsd"): e.potential_once,
        ("rsd", "potential"): e.potential_once_back,
    }
    sides = columns.lower, columns.upper
    tables, which = [], []
    for pair in sorted(kinds):
        table = shapes[tuple(k if k in ("density", "rsd") else "potential" for k in pair)]
        factor = np.ones((ells.size, columns.eta.size))
        for kind, side in zip(pair, sides, strict=True):
            if kind == "lensing":
                factor *= (ells * (ells + 1))[:, None] * (columns.geometric / side) ** 2
            elif kind in ("potential", "primordial"):
                factor *= columns.geometric**2
        power = np.exp(-np.log(columns.geometric)[:, None] * (modes.nu + 1))
        which.append((pair, len(tables)))
        tables.append(_packed(table * power * factor[..., None]))
    return Kernels(tuple(tables), tuple(which))


def window(tracer: Tracer) -> nodes.Window:
    """The sizes of all terms of a tracer."""
    weight = np.sum([np.abs(np.asarray(w)) for w in tracer.terms.values()], axis=0)
    return nodes.Window(np.asarray(tracer.chi), weight)


def choose(
    windows: list[tuple[nodes.Window, nodes.Window]], ell_max: float, tolerance: float
) -> nodes.Grid:
    """Nodes for pairs of windows.

    Spacings are halved until sums over every other node are within the square root of the
    tolerance: errors of such sums shrink at least quadratically.
    """
    ranges = np.array([nodes.extent(a, b) for a, b in windows])
    nearest, farthest = ranges[:, 0].min(), ranges[:, 1].max()
    low, high = ranges[:, 2].min(), ranges[:, 3].max()
    widths = min(e[1] - e[0] for pair in windows for e in (w.ends for w in pair))
    smallest = min(0.02 / ell_max, 0.002 * widths / high, 0.3 / high)
    spacing, step = (high - low) / 24, _ETA_STEP
    while True:
        eta, weight = nodes.logarithmic(max(nearest, smallest), farthest, step)
        columns = nodes.symmetric(eta, weight)
        grid = nodes.Grid(nodes.distances(low, high, spacing, 0.12), columns)
        chi_error, eta_error = nodes.sharpness(windows, grid)
        if max(chi_error, eta_error) <= tolerance**0.5:
            return grid
        if chi_error > tolerance**0.5:
            spacing /= 2
        if eta_error > tolerance**0.5:
            step /= 2
        if grid.distances.chi.size > 20_000 or columns.eta.size > 5_000:
            raise ValueError("windows: too sharp to integrate; give them on a finer grid")


def _samplings(
    grids: Sequence[Real], chi: Real, side: Real, used: set[int]
) -> tuple[Sampling, ...]:
    """Of each grid of tracers; empty where a group has none of its tracers."""
    at = chi * side[:, None]
    out = []
    for i, grid in enumerate(grids):
        if i in used:
            first, weights = nodes.lagrange(grid, at)
        else:
            first, weights = np.zeros((0, 0), int), np.zeros((0, 0, 1))
        out.append(Sampling(jnp.asarray(first), jnp.asarray(weights)))
    return tuple(out)


def make_plan(
    tracers: Sequence[Tracer],
    pairs: Sequence[Pair],
    ells: NDArray[np.int64],
    exact_below: int,
    tolerance: float = 1e-4,
    modes: Modes | None = None,
) -> Plan:
    """Choose nodes and compute kernels for tracers whose weights are known.

    Weights may differ later, if they are no sharper and reach no farther.
    """
    modes = modes or Modes()
    ells = np.asarray(ells)
    low_ell, high_ell = ells[ells < exact_below].astype(int), ells[ells >= exact_below]
    windows = [window(t) for t in tracers]
    unique: list[Real] = []
    grids = []
    for w in windows:
        same = [i for i, g in enumerate(unique) if np.array_equal(g, w.chi)]
        grids.append(same[0] if same else len(unique))
        if not same:
            unique.append(w.chi)
    groups = []
    for members in _grouped(windows, pairs):
        grid = choose([(windows[a], windows[b]) for a, b in members], float(ells.max()), tolerance)
        kinds = {
            kinds
            for a, b in members
            for first in tracers[a].terms
            for second in tracers[b].terms
            for kinds in ((first, second), (second, first))
        }
        chi, columns = grid.distances.chi, grid.columns
        used = {grids[t] for pair in members for t in pair}
        parts = []
        if low_ell.size:
            parts.append(exact_kernels(kinds, columns, low_ell, modes))
        if high_ell.size:
            parts.append(flat_kernels(kinds, columns, high_ell + 0.5, modes))
        groups.append(
            Group(
                chi=jnp.asarray(chi),
                measure=jnp.asarray(grid.distances.weight * columns.weight[:, None]),
                nearer=_samplings(unique, chi, columns.lower, used),
                farther=_samplings(unique, chi, columns.upper, used),
                kernels=tuple(parts),
                pairs=tuple(members),
                orders=(True, True),
            )
        )
    return Plan(tuple(groups), modes, tuple(pairs), tuple(grids))


def _grouped(windows: Sequence[nodes.Window], pairs: Sequence[Pair]) -> list[list[Pair]]:
    return [list(pairs)] if len(pairs) > 20 else [[p] for p in pairs]
