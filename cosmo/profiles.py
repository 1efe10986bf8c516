r"""Hot gas of halos, and what of it a sightline crosses.

The gas of a halo has a shape :math:`s(x)` with :math:`x = r / r_h` and, inside :math:`r_h`,
a share ``f_hot`` of the baryons that the halo would have had of the universe. So

.. math:: n_e(r) = \frac{\eta f_{hot} f_b M}{4 \pi r_h^3} \frac{s(x)}{\int_0^1 s x^2 dx}

with :math:`\eta` electrons per mass of baryons, and the dispersion measure of a sightline
that passes the centre at :math:`b`, as the halo itself has it (*rest*; over :math:`1 + z` as
it is observed), is twice the integral of it from the point next to the centre to the edge.
With :math:`r = b \cosh t` the integrand is smooth however close the centre is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from astropy import constants, units
from jax import Array
from jax.typing import ArrayLike

from cosmo.halos import Halo
from cosmo.quadrature import integrate

HELIUM = 0.2454
"""Mass fraction of the baryons (Planck Collaboration 2020); its electrons are free as well."""

ELECTRONS_PER_MASS = float(
    (1 - HELIUM / 2) * (1 * units.Msun / constants.m_p / units.kpc**3).to_value(units.cm**-3)
)
"""Of ionised gas: electrons per cm^3 over Msun per kpc^3."""

_N_SIGHT, _N_MASS = 32, 24
_CLOSEST = 1e-6
"""Impact parameter, over the radius, that stands for all that are less."""


class Profile(Protocol):
    """A shape of gas; its parameters are what jax may differentiate."""

    def __call__(self, x: Array, concentration: ArrayLike) -> Array:
        """Density, up to a factor, at so many radii of the halo from its centre."""
        ...


class ModifiedNFW(NamedTuple):
    """Gas that is held up in the middle (Mathews & Prochaska 2017, eq. 3).

    ``y^(alpha - 1) (y0 + y)^(-2 - alpha)`` with y the radius over the scale radius. NFW is
    alpha = 0 and y0 = 1. Prochaska & Zheng (2019) take alpha = y0 = 2.
    """

    alpha: ArrayLike = 2.0
    y0: ArrayLike = 2.0

    def __call__(self, x: Array, concentration: ArrayLike) -> Array:
        """Shape."""
        y = x * jnp.asarray(concentration)
        alpha = jnp.asarray(self.alpha)
        return jnp.exp((alpha - 1) * jnp.log(y) - (2 + alpha) * jnp.log(self.y0 + y))


class Adiabatic(NamedTuple):
    """Hot gas of one entropy, in balance with an NFW halo (Maller & Bullock 2004, eq. 9).

    The bracket is 1 at the radius of the halo.
    """

    def __call__(self, x: Array, concentration: ArrayLike) -> Array:
        """Shape."""
        c = jnp.asarray(concentration)
        y = x * c
        bracket = 1 + 3.7 * (jnp.log1p(y) / y - jnp.log1p(c) / c)
        return jnp.maximum(bracket, 0.0) ** 1.5


class BetaModel(NamedTuple):
    """``(1 + (x / core)^2)^(-3 beta / 2)`` (Cavaliere & Fusco-Femiano 1976)."""

    core: ArrayLike = 0.1
    beta: ArrayLike = 2 / 3

    def __call__(self, x: Array, concentration: ArrayLike) -> Array:
        """Shape."""
        return jnp.exp(-1.5 * jnp.asarray(self.beta) * jnp.log1p((x / self.core) ** 2))


class Vikhlinin(NamedTuple):
    """Gas of clusters (Vikhlinin et al. 2006, eq. 3, without its second component).

    Lengths are over the radius of the halo. Those of Abell 907 (table 2) are 136.9 and
    1887.1 kpc; its r500 of 1096 kpc is 0.602 of a virial radius of 1820 kpc.
    """

    core: ArrayLike = 136.9 / 1820
    scale: ArrayLike = 1887.1 / 1820
    alpha: ArrayLike = 1.556
    beta: ArrayLike = 0.594
    epsilon: ArrayLike = 4.998
    gamma: ArrayLike = 3.0

    def __call__(self, x: Array, concentration: ArrayLike) -> Array:
        """Shape: the root of the emission measure."""
        inner, outer = jnp.log(x / self.core), jnp.log(x / self.scale)
        alpha, beta = jnp.asarray(self.alpha), jnp.asarray(self.beta)
        gamma = jnp.asarray(self.gamma)
        log_square = (
            -alpha * inner
            - (3 * beta - alpha / 2) * jnp.logaddexp(0.0, 2 * inner)
            - self.epsilon / gamma * jnp.logaddexp(0.0, gamma * outer)
        )
        return jnp.exp(log_square / 2)


class PowerLaw(NamedTuple):
    """``(x^2 + core^2)^(-slope / 2)``."""

    slope: ArrayLike = 2.0
    core: ArrayLike = 0.05

    def __call__(self, x: Array, concentration: ArrayLike) -> Array:
        """Shape."""
        return jnp.exp(-0.5 * jnp.asarray(self.slope) * jnp.log(x**2 + self.core**2))


class Tabulated(NamedTuple):
    """A table of densities, interpolated in both logarithms; constant before it, 0 after it.

    Attributes
    ----------
    x : (n,)
        Over the radius of the halo, ascending, positive.
    density : (n,)
        Positive, of any scale.
    """

    x: ArrayLike
    density: ArrayLike

    def __call__(self, x: Array, concentration: ArrayLike) -> Array:
        """Shape."""
        nodes, values = jnp.log(jnp.asarray(self.x)), jnp.log(jnp.asarray(self.density))
        log_x = jnp.log(x)
        inside = jnp.interp(log_x, nodes, values)
        return jnp.where(log_x > nodes[-1], 0.0, jnp.exp(inside))


PROFILES: dict[str, type] = {
    "mnfw": ModifiedNFW,
    "nfw": ModifiedNFW,
    "mb04": Adiabatic,
    "beta": BetaModel,
    "vikhlinin": Vikhlinin,
    "power_law": PowerLaw,
    "table": Tabulated,
}


@dataclass(frozen=True)
class Gas:
    """How much gas halos have, and how far it reaches.

    Attributes
    ----------
    profile : Profile
    f_hot : array
        Share of the baryons of the halo that is hot gas.
    f_baryon : array
        Share of the mass of a halo that would be baryons if none were lost.
    r_max : array
        Edge, over the radius of the halo.
    edge : array, optional
        The gas falls from all to nothing between ``1 - edge`` and ``1 + edge`` of ``r_max``;
        at once without it.
    renormalise : bool
        Whether ``f_hot`` is of what lies inside the edge; else of what lies, or were the edge
        further out would lie, inside the radius of the halo, and gas beyond that is more.
    """

    profile: Profile
    f_baryon: ArrayLike
    f_hot: ArrayLike = 0.75
    r_max: ArrayLike = 1.0
    edge: ArrayLike | None = None
    renormalise: bool = False


jax.tree_util.register_dataclass(
    Gas,
    data_fields=["profile", "f_baryon", "f_hot", "r_max", "edge"],
    meta_fields=["renormalise"],
)


def electron_density(gas: Gas, halo: Halo, r_kpc: ArrayLike) -> Array:
    """Electrons per cm^3 at distances from the centres of halos.

    Parameters
    ----------
    gas : Gas
    halo : Halo
    r_kpc : array
        Proper.
    """
    x = jnp.maximum(jnp.asarray(r_kpc) / halo.radius_kpc, _CLOSEST)
    shape = gas.profile(x, halo.concentration) * _kept(gas, x)
    return _scale(gas, halo) * jnp.where(x <= _end(gas), shape, 0.0)


def dm_rest(gas: Gas, halo: Halo, impact_kpc: ArrayLike) -> Array:
    """Dispersion measure of halos in their rest frame, pc cm^-3; over 1 + z as observed.

    Parameters
    ----------
    gas : Gas
    halo : Halo
    impact_kpc : array
        Distance of the sightline from the centre, proper; all shapes are broadcast.
    """
    return _dm(gas, halo, impact_kpc, jnp.zeros(()), 2.0)


def dm_from_inside(gas: Gas, halo: Halo, impact_kpc: ArrayLike, depth_kpc: ArrayLike) -> Array:
    """Dispersion measure from a place inside halos to their edge, pc cm^-3, in the rest frame.

    Parameters
    ----------
    gas : Gas
    halo : Halo
    impact_kpc : array
        As above; of the sightline, not of the place.
    depth_kpc : array
        How far the place lies beyond the point of the sightline next to the centre; negative
        on this side of it.
    """
    half = _dm(gas, halo, impact_kpc, jnp.zeros(()), 1.0)
    depth = jnp.asarray(depth_kpc)
    beyond = _dm(gas, halo, impact_kpc, jnp.abs(depth) / halo.radius_kpc, 1.0)
    # What lies further from us than the place is not crossed.
    return jnp.where(depth >= 0, 2 * half - beyond, beyond)


def _dm(gas: Gas, halo: Halo, impact_kpc: ArrayLike, depth: Array, sides: float) -> Array:
    """From a depth (over the radius) behind the nearest point outwards."""
    b = jnp.maximum(jnp.asarray(impact_kpc) / halo.radius_kpc, _CLOSEST)
    near = jnp.arcsinh(depth / b)

    def at(t: Array) -> Array:
        x = b * jnp.cosh(t)
        return gas.profile(x, halo.concentration) * _kept(gas, x) * x

    total = jnp.zeros(())
    for edge in _edges(gas):
        ratio = jnp.maximum(edge / b, 1.0)
        # The root has no slope where a sightline touches the edge.
        inside = ratio > 1
        safe = jnp.where(inside, ratio, 2.0)
        far = jnp.where(inside, jnp.log(safe + jnp.sqrt((safe - 1) * (safe + 1))), 0.0)
        far = jnp.maximum(far, near)
        total = total + integrate(at, jnp.broadcast_to(near, far.shape), far, _N_SIGHT)
        near = far
    length_pc = 1000 * sides * jnp.asarray(halo.radius_kpc)
    return _scale(gas, halo) * length_pc * total


def gas_mass(gas: Gas, halo: Halo, r_kpc: ArrayLike) -> Array:
    """Mass of the hot gas inside a distance from the centre, Msun."""
    x = jnp.asarray(r_kpc) / halo.radius_kpc
    inside = _moment(gas, halo, x) / _moment(gas, halo, _norm_radius(gas))
    return inside * gas.f_hot * gas.f_baryon * jnp.asarray(halo.mass)


def _scale(gas: Gas, halo: Halo) -> Array:
    """Electrons per cm^3 where the shape is 1."""
    volume = 4 * math.pi * jnp.asarray(halo.radius_kpc) ** 3
    mass = gas.f_hot * gas.f_baryon * jnp.asarray(halo.mass)
    return ELECTRONS_PER_MASS * mass / (volume * _moment(gas, halo, _norm_radius(gas)))


def _norm_radius(gas: Gas) -> Array:
    return _end(gas) if gas.renormalise else jnp.ones(())


def _moment(gas: Gas, halo: Halo, x_max: ArrayLike) -> Array:
    """Integral of the shape over x^2 dx; nodes crowd to the centre."""
    limits = [jnp.asarray(x_max)]
    if gas.renormalise:
        limits = [jnp.minimum(jnp.asarray(x_max), edge) for edge in _edges(gas)]

    def at(u: Array) -> Array:
        x = u**3
        kept = _kept(gas, x) if gas.renormalise else 1.0
        return gas.profile(x, halo.concentration) * kept * 3 * u**8

    total, near = jnp.zeros(()), jnp.zeros(())
    for limit in limits:
        far = jnp.broadcast_to(
            jnp.cbrt(limit), jnp.broadcast_shapes(jnp.shape(limit), jnp.shape(halo.concentration))
        )
        total = total + integrate(at, near, far, _N_MASS)
        near = far
    return total


def _edges(gas: Gas) -> list[Array]:
    """Where pieces of the integrals end."""
    r_max = jnp.asarray(gas.r_max)
    return [r_max] if gas.edge is None else [r_max * (1 - gas.edge), r_max * (1 + gas.edge)]


def _end(gas: Gas) -> Array:
    return _edges(gas)[-1]


def _kept(gas: Gas, x: Array) -> ArrayLike:
    """What the edge leaves of the gas: a polynomial without a kink in its slope."""
    if gas.edge is None:
        return 1.0
    low, high = _edges(gas)
    u = jnp.clip((x - low) / (high - low), 0.0, 1.0)
    return 1 - u**3 * (10 - u * (15 - 6 * u))
