"""Angular power spectra of tracers, from a background and a power spectrum to errors and notes.

A plan is made once; more cosmologies and slopes take no more than its sums (`AngularPower.again`).
Call everything under ``jax.enable_x64(True)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer as Traced
from numpy.typing import NDArray

from cosmo.angular.accuracy import Errors, Planned, evaluate, make_plan
from cosmo.angular.full_sky import full_sky_spectra
from cosmo.angular.matter import Matter, Span, distances_at, is_curved, work_of
from cosmo.angular.planning import Work, amplitudes
from cosmo.angular.spectra import angular_spectra
from cosmo.angular.tracers import Tracer
from cosmo.expansion import Background
from cosmo.power.sources import Power, TabulatedPower
from cosmo.power.tables import extrapolation_note

Real = NDArray[np.float64]
Pair = tuple[int, int]

_SEEN = 1e-3
"""Share of a tracer's weight that may lie nearer than the wavenumbers told of a table."""


@dataclass(frozen=True)
class AngularPower:
    """Spectra with their errors.

    Attributes
    ----------
    ells : (n_ell,) array of int
    pairs : tuple of (int, int)
    cl : (n_pair, n_ell) array
    amplitude : (n_pair, n_ell) array
        sqrt(C_aa C_bb).
    errors : Errors
        Over the amplitude.
    exact_below : int
        Multipoles below are those of the full sky.
    notes : tuple of str
        What is to be told.
    matter : Matter
    work : Work
        Tracers with growth, and the power that goes with them.
    planned : Planned
        For more evaluations, see `cosmo.angular.accuracy.evaluate`, and for many of them
        `cosmo.angular.compression.compressed`.
    """

    ells: NDArray[np.int64]
    pairs: tuple[Pair, ...]
    cl: Real
    amplitude: Real
    errors: Errors
    exact_below: int
    notes: tuple[str, ...]
    matter: Matter
    work: Work
    planned: Planned

    @property
    def relative_error(self) -> Real:
        """Estimated error over the size of C_l, (n_pair, n_ell)."""
        with np.errstate(divide="ignore"):
            return self.errors.total * self.amplitude / np.abs(self.cl)

    def distances(self, background: Background) -> list[Array]:
        """Where weights of tracers are asked for in another cosmology: the grid of each, Mpc/h."""
        curved = self._curved(background)
        return [distances_at(t.chi, background, curved) for t in self.work.tracers]

    def again(self, matter: Matter, tracers: Sequence[Tracer]) -> Array:
        """The spectra of another cosmology, by the same plan, (n_pair, n_ell).

        JAX differentiates and batches it. Traced, space is as curved as the plan's: flat, or not.

        Parameters
        ----------
        matter : Matter
        tracers : sequence of Tracer
            Without growth, at `distances`. Windows have to lie where the plan holds them.
        """
        plan = self.planned.plan
        work = work_of(matter, tracers, self._curved(matter.background))
        pk = [work.power(work.modes.k, group.chi) for group in plan.groups]
        cl = angular_spectra(plan, work.tracers, pk, work.transfer)
        return cl[np.array([plan.pairs.index(pair) for pair in self.pairs])]

    def _curved(self, background: Background) -> bool:
        traced = isinstance(background.curvature, Traced)
        return is_curved(self.matter.background if traced else background)


def angular_power(
    matter: Matter,
    tracers: Sequence[Tracer],
    pairs: Sequence[Pair],
    ells: Sequence[int] | NDArray[np.int64],
    tolerance: float = 1e-3,
    spans: Sequence[Span] | None = None,
) -> AngularPower:
    """C_l of pairs of tracers.

    Parameters
    ----------
    matter : Matter
    tracers : sequence of Tracer
        Without growth.
    pairs : sequence of (int, int)
    ells : sequence of int
        Rising, 2 or more.
    tolerance : float
        Of C_ab over sqrt(C_aa C_bb).
    spans : sequence of (float, float), optional
        Of each tracer the nearest and the farthest distance that the plan has to hold for more
        cosmologies, in flat coordinates.

    Raises
    ------
    ValueError
        The multipoles or pairs are not as above, the tolerance is not above 0, a tracer reaches
        beyond the background, or one with primordial bias has no transfer function.
    """
    ells = _checked_ells(ells)
    pairs = tuple((int(a), int(b)) for a, b in pairs)
    for pair in pairs:
        if not all(0 <= i < len(tracers) for i in pair):
            raise ValueError(f"pairs has {pair}, and there are {len(tracers)} tracers")
    if not pairs or len(set(pairs)) < len(pairs):
        raise ValueError(f"pairs = {list(pairs)} is empty, or has a pair twice")
    if not tolerance > 0:
        raise ValueError(f"tolerance = {tolerance} is not above 0")
    end = float(matter.background.chi[-1])
    for i, tracer in enumerate(tracers):
        far = _farthest(tracer) if spans is not None else float(tracer.chi[-1])
        if far > end * (1 + 1e-6):
            raise ValueError(f"tracers[{i}] reaches {far:.5g} Mpc/h and background {end:.5g}")
    work = work_of(matter, tracers, is_curved(matter.background), spans)
    planned = make_plan(work, pairs, ells, tolerance)
    cl = evaluate(planned, work)
    every = planned.plan.pairs
    of_pair = [every.index(pair) for pair in pairs]
    found = AngularPower(
        ells=ells,
        pairs=pairs,
        cl=cl[of_pair],
        amplitude=amplitudes(pairs, every, cl),
        errors=planned.errors.of(of_pair),
        exact_below=planned.exact_below,
        notes=(),
        matter=matter,
        work=work,
        planned=planned,
    )
    return replace(found, notes=_notes(found, tolerance))


def full_sky(
    found: AngularPower, ells: Sequence[int], tolerance: float = 1e-4
) -> tuple[Real, Real]:
    """The same spectra by brute force, and its error, (n_pair, n_ell) each.

    Parameters
    ----------
    found : AngularPower
    ells : sequence of int
    tolerance : float
        Of sqrt(C_aa C_bb).
    """
    matter = found.matter
    # Of k alone it is cheaper; in curved space it depends on distance too.
    of_k_alone = matter.power.separable and not is_curved(matter.background)
    power = matter.today if of_k_alone else found.work.power
    return full_sky_spectra(
        found.work.tracers, found.pairs, ells, power, tolerance, matter.transfer
    )


def transfer_of(power: Power, n_s: float, k_pivot: float = 3e-5) -> Callable[[Array], Array]:
    """T(k) of a linear spectrum that is k^n_s T^2 today, 1 at the pivot, h/Mpc."""

    def transfer(k: Array) -> Array:
        k = jnp.asarray(k, float)
        p = power(jnp.append(k, k_pivot), jnp.zeros(1))[0]
        return jnp.sqrt(p[:-1] / p[-1] * (k_pivot / k) ** n_s)

    return transfer


def _farthest(tracer: Tracer) -> float:
    """Where the weights of a tracer end, whose grid may be longer."""
    there = np.any([np.asarray(w) != 0 for w in tracer.terms.values()], axis=0)
    return float(np.asarray(tracer.chi)[there].max(initial=0.0))


def _checked_ells(ells: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    given = np.asarray(ells)
    if given.ndim != 1 or not given.size or (given % 1 != 0).any():
        raise ValueError("ells has to be a list of whole numbers")
    if given[0] < 2 or (np.diff(given) <= 0).any():
        raise ValueError(f"ells begins at {given[0]}; it has to rise, from 2 or more")
    return given.astype(np.int64)


def _notes(found: AngularPower, tolerance: float) -> tuple[str, ...]:
    notes = []
    below, ells = found.exact_below, found.ells
    if below > ells[0]:
        notes.append(f"multipoles below {below} are of the full sky, all others of the flat sky")
    total = found.errors.total
    above = np.argwhere(total > tolerance)
    if above.size:
        pair, ell = np.unravel_index(np.argmax(total), total.shape)
        notes.append(
            f"{len(above)} of {total.size} spectra have an estimated error above the tolerance, up "
            f"to {total[pair, ell]:.2g} of sqrt(C_aa C_bb), at ell = {ells[ell]} of pair "
            f"{found.pairs[pair]}"
        )
    notes += beyond_table(found.matter.power, found.work, ells)
    return tuple(notes)


def beyond_table(power: Power, work: Work, ells: NDArray[np.int64]) -> list[str]:
    """What is to be told of wavenumbers that a power spectrum's table has not."""
    if not isinstance(power, TabulatedPower):
        return []
    note = extrapolation_note(power.table, *wavenumbers(work, ells))
    return [note] if note else []


def wavenumbers(work: Work, ells: NDArray[np.int64]) -> tuple[float, float]:
    """The range of k, h/Mpc, that most of spectra at these multipoles come from."""
    low, high = [], []
    for i in range(len(work.tracers)):
        window = work.windows[i]
        chi, weight = np.asarray(window.chi), np.asarray(window.weight)
        share = np.cumsum(weight * np.gradient(chi))
        near, far = np.interp([_SEEN, 1 - _SEEN], share / share[-1], chi)
        low.append((ells[0] + 0.5) / far)
        # Along the line of sight, a Gaussian of this width sees nothing beyond.
        high.append(np.hypot((ells[-1] + 0.5) / near, 3 * 6 / (far - near)))
    return float(min(low)), float(max(high))
