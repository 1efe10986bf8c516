"""What tracers see, and tracers as the sums over nodes take them.

Growth is split off P(k, z): tracers have it in their weights, and nodes see P(k, z) / D(z)^2,
which changes little. D is the background's where P(k, z) = D(z)^2 P(k, 0), and that of P(k, z) at
one large scale otherwise; what is left depends on k and z and is treated as such. Curved space is
brought down to flat space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer as Traced
from numpy.typing import NDArray

from cosmo.angular.curved import comoving_distance, flattened, flattened_power
from cosmo.angular.fftlog import Modes
from cosmo.angular.nodes import Window
from cosmo.angular.observables import with_growth
from cosmo.angular.planning import Work
from cosmo.angular.tracers import Tracer
from cosmo.expansion import Background, growth, redshift
from cosmo.power.sources import Power, growth_of_power

Real = NDArray[np.float64]
Span = tuple[float, float]

_K_GROWTH = 0.02
"""Where the growth of a power spectrum is looked at, h/Mpc."""

_SHAPE = 256
"""Distances are evaluated in multiples of so many."""


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
class _Wide(Window):
    """A window in nodes that reach farther than it does."""

    span: Span = (0.0, 0.0)

    @cached_property
    def ends(self) -> Span:
        low, high = Window(self.chi, self.weight).ends
        return min(low, self.span[0]), max(high, self.span[1])


@dataclass(frozen=True)
class _WideWork(Work):
    """Tracers whose nodes hold their windows in other cosmologies as well."""

    spans: tuple[Span, ...] = ()

    @cached_property
    def windows(self) -> list[Window]:
        own = Work(self.tracers, self.power, self.modes, self.transfer).windows
        return [_Wide(w.chi, w.weight, s) for w, s in zip(own, self.spans, strict=True)]


def work_of(
    matter: Matter,
    tracers: Sequence[Tracer],
    curved: bool,
    spans: Sequence[Span] | None = None,
) -> Work:
    """Tracers with growth and the power that goes with it, in flat coordinates.

    Parameters
    ----------
    matter : Matter
    tracers : sequence of Tracer
        Without growth.
    curved : bool
        Whether space may be curved, which takes P(k) at each distance.
    spans : sequence of (float, float), optional
        Of each tracer the nearest and the farthest distance that nodes have to hold, in flat
        coordinates; its window, if there are none.

    Raises
    ------
    ValueError
        A tracer has primordial bias and there is no transfer function.
    """
    modes, transfer = Modes(), None
    if any("primordial" in t.terms for t in tracers):
        if matter.transfer is None:
            raise ValueError("matter has no transfer, and primordial terms need one")
        transfer = jnp.asarray(matter.transfer(jnp.asarray(modes.k)))
    grown = [with_growth(t, matter.growth(t.chi)) for t in tracers]
    power = matter.over_growth
    if curved:
        curvature = matter.background.curvature
        grown = [flattened(t, curvature) for t in grown]
        power = flattened_power(power, curvature)
    if spans is None:
        return Work(grown, power, modes, transfer)
    return _WideWork(grown, power, modes, transfer, tuple(spans))


def is_curved(background: Background) -> bool:
    """Whether space is curved, of a background that is not traced."""
    return bool(float(background.curvature))


def distances_at(radius: Array, background: Background, curved: bool) -> Array:
    """Comoving distances of places in flat coordinates."""
    return comoving_distance(radius, background.curvature) if curved else radius
