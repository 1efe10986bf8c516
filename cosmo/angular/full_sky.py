"""Angular power spectra by their definition: slow, and a check of what is fast.

With P(k; chi, chi') = sqrt(P(k, chi) P(k, chi')),

    C_l = (2 / pi) integral k^2 dk Delta_a(k) Delta_b(k),

    Delta(k) = sum over terms of  integral dchi w(chi) sqrt(P(k, chi)) O,

O as in :mod:`cosmo.angular.tracers`. Distances are nodes of Gauss and Legendre, in panels as short
as the windows and the oscillations of j_l(k chi) ask for. Wavenumbers are uniform above, where
steps resolve oscillations in k, and in ln k below. They go on, in blocks, until what is left cannot
matter. Everything is done again with half as many wavenumbers and fewer distances; the difference
is the error.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from cosmo.angular import nodes, spherical
from cosmo.angular.tracers import FACTORS, Tracer
from cosmo.quadrature import gauss_legendre

Real = NDArray[np.float64]
Power = Callable[..., Array]

_PER_PANEL = 16
# Panels that one call takes, so that there is one shape to compile.
_PANELS = 32
# Phase that passes from the middle of a panel to its end: the sum is exact to 1e-12, and to 1e-8
# where it is done again.
_PHASE = (7.0, 11.0)
# Steps to a turn of the fastest oscillation in k.
_PER_TURN = (2.5, 1.25)
# Steps in ln k, below.
_LOG_STEP = (0.06, 0.12)
# What oscillates in P(k) itself, Mpc/h.
_SOUND = 300.0
_BLOCK = 256
_K_MAX = 200.0
# A weight is kept where it is above this share of its maximum.
_FAINT = 1e-10
# j_l is zero where it is less than this.
_NOTHING = 1e-12


@dataclass(frozen=True)
class _Window:
    """A tracer's weights.

    Parameters
    ----------
    chi : array, (n,)
    kinds : tuple of str
    weights : array, (n_kind, n)
    low, high : float
        Where they are worth anything.
    begin : float
        But for a hundredth of their square, they lie beyond.
    panels : int
        How many resolve them.
    """

    chi: Real
    kinds: tuple[str, ...]
    weights: Real
    low: float
    high: float
    begin: float
    panels: int

    def nodes(self, k: float, phase: float) -> tuple[Real, Real]:
        """Distances, and weights times steps there, (n_kind, n), for wavenumbers up to k."""
        panels = self.panels + int(np.ceil(k * (self.high - self.low) / (2 * phase)))
        panels = _PANELS * int(np.ceil(panels / _PANELS))
        chi, step = _panels(self.low, self.high, panels)
        weights = _at(self.chi, self.weights, chi) * step
        lensing = [kind == "lensing" for kind in self.kinds]
        return chi, np.where(np.array(lensing)[:, None], weights / chi**2, weights)


def _panels(low: float, high: float, panels: int) -> tuple[Real, Real]:
    x, w = gauss_legendre(_PER_PANEL)
    size = (high - low) / panels
    chi = low + size * (np.arange(panels)[:, None] + x)
    return chi.ravel(), np.tile(size * w, panels)


def _at(grid: Real, values: Real, chi: Real) -> Real:
    first, weights = nodes.lagrange(grid, chi, 8)
    return (values[:, first[:, None] + np.arange(weights.shape[-1])] * weights).sum(-1)


def _window(tracer: Tracer, tolerance: float) -> _Window:
    chi = np.asarray(tracer.chi, np.float64)
    weights = np.array([np.asarray(w, np.float64) for w in tracer.terms.values()])
    if not np.isfinite(weights).all() or not weights.any():
        raise ValueError(
            f"tracers: weights of {', '.join(tracer.terms)} are all zero, or not finite"
        )
    largest = np.abs(weights).max(1, keepdims=True)
    size = (np.abs(weights) / np.where(largest > 0, largest, 1.0)).max(0)
    seen = np.nonzero(size > _FAINT)[0]
    low, high = float(chi[max(seen[0] - 1, 0)]), float(chi[min(seen[-1] + 1, chi.size - 1)])
    square = np.cumsum(size**2 * np.gradient(chi))
    begin = float(chi[np.searchsorted(square, 0.01 * square[-1])])
    # Weights are resolved where their last coefficients of Legendre are small.
    x, w = gauss_legendre(_PER_PANEL)
    order = _PER_PANEL - 1 - np.arange(2)
    shapes = np.array([np.polynomial.Legendre.basis(n)(2 * x - 1) * w * (2 * n + 1) for n in order])
    panels = 2
    while panels < 2 * chi.size:
        values = _at(chi, weights, _panels(low, high, panels)[0])
        last = values.reshape(len(weights), panels, -1) @ shapes.T
        if (np.abs(last).max((1, 2)) <= 1e-3 * tolerance * np.abs(values).max(1)).all():
            break
        panels *= 2
    return _Window(chi, tuple(tracer.terms), weights, low, high, begin, panels)


@jax.jit
def _projections(
    tables: tuple[Array, ...], k: Array, chi: Array, weights: Array, root: Array | None = None
) -> Array:
    """Integrals over distance of weights, one for each table, times its function, (n_k, n).

    Parameters
    ----------
    tables : tuple of array
        Of j_l and, if any weight asks for it, -j_l''.
    k : array, (n_k,)
    chi : array, (n_chi,)
    weights : array, (n_table, n, n_chi)
        A kind's weights stand with one table, and zeros with the other.
    root : array, (n_k, n_chi), optional
        Square root of P(k, chi).
    """

    def one(at: tuple[Array, Array | None]) -> Array:
        k, root = at
        total = jnp.zeros(weights.shape[1], weights.dtype)
        for table, weight in zip(tables, weights, strict=True):
            bessel = spherical.interpolate(table, k * chi)
            total = total + weight @ (bessel if root is None else bessel * root)
        return total

    return lax.map(one, (k, root))


def _operators(kinds: Sequence[str], ell: int, k: Real, transfer: Callable | None) -> Real:
    """What stands before each kind, (n_k, n_kind)."""
    one = np.ones_like(k)
    rows = {"density": one, "rsd": -one, "lensing": ell * (ell + 1) / k**2, "potential": k**-2}
    if transfer is not None:
        rows["primordial"] = k**-2 / np.asarray(transfer(k))
    return np.stack([rows[kind] for kind in kinds], axis=-1)


@dataclass(frozen=True)
class _Problem:
    """What is the same for all multipoles."""

    windows: list[_Window]
    pairs: list[tuple[int, int]]
    power: Power
    separable: bool
    transfer: Callable | None
    tolerance: float

    def transfers(self, window: _Window, table: spherical.Table, k: Real, phase: float) -> Real:
        """Delta at wavenumbers, (n_k,)."""
        chi, weights = window.nodes(k[-1], phase)
        bent = np.array([kind == "rsd" for kind in window.kinds])[:, None]
        tables = table(k[-1] * chi[-1])[: 2 if bent.any() else 1]
        columns = np.stack([np.where(bent, 0.0, weights), np.where(bent, weights, 0.0)])
        columns, root, out = jnp.asarray(columns[: len(tables)]), None, 0.0
        for start in range(0, chi.size, _PANELS * _PER_PANEL):
            part = slice(start, start + _PANELS * _PER_PANEL)
            if not self.separable:
                root = jnp.sqrt(jnp.asarray(self.power(k, chi[part]))).T
            out += np.asarray(
                _projections(
                    tables, jnp.asarray(k), jnp.asarray(chi[part]), columns[..., part], root
                )
            )
        terms = (out * _operators(window.kinds, table.ell, k, self.transfer)).sum(-1)
        return terms * np.sqrt(np.asarray(self.power(k))) if self.separable else terms

    def __call__(self, table: spherical.Table, fineness: int) -> tuple[Real, Real]:
        """C_l of all tracers with all, and what is left beyond the last wavenumber."""
        farthest = max(w.high for w in self.windows)
        step = 2 * np.pi / ((2 * farthest + _SOUND) * _PER_TURN[fineness])
        first = _turning(table) / farthest
        grid = nodes.distances(first, _K_MAX, step, _LOG_STEP[fineness])
        n = len(self.windows)
        # Of its own spectrum, what share may still come.
        left = np.ones(n)
        total = np.zeros((n, n))
        seen = [(table.ell + 0.5) / w.begin for w in self.windows]
        for start in range(0, grid.chi.size, _BLOCK):
            k = grid.chi[start : start + _BLOCK]
            bound = np.sqrt(np.outer(left, left))
            wanted = {i for pair in self.pairs if bound[pair] > self.tolerance / 4 for i in pair}
            if not wanted:
                break
            delta = np.zeros((n, k.size))
            for i in wanted:
                delta[i] = self.transfers(self.windows[i], table, k, _PHASE[fineness])
            measure = 2 / np.pi * k**3 * grid.weight[start : start + _BLOCK]
            block = (delta * measure) @ delta.T
            total += block
            for i in wanted:
                if k[0] > seen[i]:
                    # As if the integrand fell as k^-2.
                    left[i] = block[i, i] / total[i, i] * k[0] / (k[-1] - k[0])
        scale = np.sqrt(np.diag(total))
        return total, np.sqrt(np.outer(left, left)) * np.outer(scale, scale)


def _turning(table: spherical.Table) -> float:
    """Where j_l begins to be anything, or a small number where that is at once."""
    x = np.arange(0.0, table.ell + 10, 0.5)
    values = np.asarray(spherical.interpolate(table(x[-1])[0], jnp.asarray(x)))
    first = x[max(int(np.argmax(np.abs(values) > _NOTHING)) - 1, 0)]
    return max(first, 3e-3)


def _separable(power: Power) -> bool:
    parameters = inspect.signature(power).parameters.values()
    return sum(p.default is p.empty for p in parameters) == 1


def full_sky_spectra(
    tracers: Sequence[Tracer],
    pairs: Sequence[tuple[int, int]],
    ells: Sequence[int],
    power: Power,
    tolerance: float = 1e-4,
    transfer: Callable | None = None,
) -> tuple[Real, Real]:
    """C_l of pairs of tracers on the full sky.

    Parameters
    ----------
    tracers : sequence of Tracer
        With growth in their weights.
    pairs : sequence of (int, int)
    ells : sequence of int
        2 or more.
    power : callable
        ``power(k)``, (n_k,), or ``power(k, chi)``, (n_chi, n_k): P(k) over the product of growths,
        (Mpc/h)^3.
    tolerance : float
        What may be missing, as a share of sqrt(C_aa C_bb).
    transfer : callable, optional
        T(k), for primordial terms.

    Returns
    -------
    cl, error : array, (n_pair, n_ell)
        The error is the sum of what a coarser integration differs by and of a bound on what is
        left beyond the last wavenumber.
    """
    if any(l < 2 or l != int(l) for l in ells):
        raise ValueError(f"ells: {min(ells)} to {max(ells)} are not whole numbers from 2")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance: {tolerance} is not between 0 and 1")
    windows = [_window(t, tolerance) for t in tracers]
    kinds = {kind for w in windows for kind in w.kinds}
    if "primordial" in kinds and transfer is None:
        raise ValueError("transfer: None, and primordial terms need one")
    problem = _Problem(windows, list(pairs), power, _separable(power), transfer, tolerance)
    a, b = np.array(pairs).T
    cl, error = np.zeros((2, len(pairs), len(ells)))
    with jax.enable_x64(True):
        for i, ell in enumerate(ells):
            factors = [float(FACTORS[t.factor](jnp.asarray(float(ell)))) for t in tracers]
            factor = np.outer(factors, factors)
            table = spherical.Table(int(ell), "rsd" in kinds)
            fine, left = problem(table, 0)
            difference = np.abs(problem(table, 1)[0] - fine) + left
            cl[:, i], error[:, i] = (fine * factor)[a, b], (difference * factor)[a, b]
    return cl, error
