"""Angular power spectra of tracers, from a background and a power spectrum to errors and notes.

Growth is split off P(k, z): tracers have it in their weights, and nodes see
P(k, z) / D(z)^2, which changes little. D is the background's where P(k, z) = D(z)^2 P(k, 0), and
that of P(k, z) at one large scale otherwise; what is left depends on k and z and is treated as
such. Call everything under ``jax.enable_x64(True)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer as Traced
from numpy.typing import NDArray

from cosmo.angular.accuracy import Errors, Planned, evaluate, make_plan
from cosmo.angular.curved import flattened, flattened_power
from cosmo.angular.fftlog import Modes
from cosmo.angular.full_sky import full_sky_spectra
from cosmo.angular.observables import with_growth
from cosmo.angular.planning import Work, amplitudes
from cosmo.angular.tracers import Tracer
from cosmo.expansion import Background, growth, redshift
from cosmo.power.sources import Power, TabulatedPower, growth_of_power
from cosmo.power.tables import extrapolation_note

Real = NDArray[np.float64]
Pair = tuple[int, int]

_K_GROWTH = 0.02
"""Where the growth of a power spectrum is looked at, h/Mpc."""

_SHAPE = 256
"""Distances are evaluated in multiples of so many."""

_SEEN = 1e-3
"""Share of a tracer's weight that may lie nearer than the wavenumbers told of a table."""


@dataclass(frozen=True)
class Matter:
    """What tracers see.

    Attributes
    ----------
    background : Background
        As far as the farthest tracer.
    power : Power
        P(k, z).
    transfer : callable, optional
        T(k), (n_k,), for primordial bias.
    """

    background: Background
    power: Power
    transfer: Callable[[Array], Array] | None = None

    def growth(self, chi: Array) -> Array:
        """D at distances, (n,), 1 today."""
        return _growth(self.power, self.background, _padded(chi))[: len(chi)]

    def over_growth(self, k: Real, chi: Real) -> Array:
        """P(k, z(chi)) over the square of growth, (n_chi, n_k)."""
        at = jnp.asarray(k, float)
        if self.power.separable:
            return jnp.broadcast_to(self.today(at), (len(chi), at.size))
        return _over_growth(self.power, self.background, at, _padded(chi))[: len(chi)]

    def today(self, k: Array) -> Array:
        """P(k), (n_k,), at z = 0."""
        return self.power(jnp.asarray(k, float), jnp.zeros(1))[0]


def _padded(chi: Array | Real) -> Array:
    """Distances in few shapes, for which programs are compiled once."""
    pad = jnp.pad if isinstance(chi, Traced) else np.pad
    return jnp.asarray(pad(chi, (0, -len(chi) % _SHAPE), mode="edge"), float)


def _redshift(background: Background, chi: Array) -> Array:
    # Nodes may be a little farther than any tracer.
    return redshift(background, jnp.clip(chi, 0, background.chi[-1]))


@jax.jit
def _growth(power: Power, background: Background, chi: Array) -> Array:
    z = _redshift(background, chi)
    return growth(background, z) if power.separable else growth_of_power(power, _K_GROWTH, z)


@jax.jit
def _over_growth(power: Power, background: Background, k: Array, chi: Array) -> Array:
    z = _redshift(background, chi)
    return power(k, z) / growth_of_power(power, _K_GROWTH, z)[:, None] ** 2


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


def angular_power(
    matter: Matter,
    tracers: Sequence[Tracer],
    pairs: Sequence[Pair],
    ells: Sequence[int] | NDArray[np.int64],
    tolerance: float = 1e-3,
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
        if float(tracer.chi[-1]) > end * (1 + 1e-6):
            far = float(tracer.chi[-1])
            raise ValueError(f"tracers[{i}] reaches {far:.5g} Mpc/h and background {end:.5g}")
    modes, transfer = Modes(), None
    if any("primordial" in t.terms for t in tracers):
        if matter.transfer is None:
            raise ValueError("matter has no transfer, and primordial terms need one")
        transfer = jnp.asarray(matter.transfer(jnp.asarray(modes.k)))
    grown = [with_growth(t, matter.growth(t.chi)) for t in tracers]
    power, curvature = matter.over_growth, float(matter.background.curvature)
    if curvature:
        grown = [flattened(t, curvature) for t in grown]
        power = flattened_power(power, curvature)
    work = Work(grown, power, modes, transfer)
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
    of_k_alone = matter.power.separable and not float(matter.background.curvature)
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
