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
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from astropy import constants, units
from jax import Array
from jax.typing import ArrayLike

from cosmo.baryons import HELIUM
from cosmo.halos import Halo
from cosmo.quadrature import integrate, integrate_past

ELECTRONS_PER_MASS = float(
    (1 - HELIUM / 2) * (1 * units.Msun / constants.m_p / units.kpc**3).to_value(units.cm**-3)
)
"""Of ionised gas: electrons per cm^3 over Msun per kpc^3."""

_CLOSEST = 1e-5
"""Impact parameter, over the radius, that stands for all that are less."""


class Profile(Protocol):
    """A shape of gas; its parameters are what jax may differentiate."""

    @property
    def nodes(self) -> tuple[int, int]:
        """How many the integrals along a sightline and over the volume take, for 1e-5."""
        ...

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

    nodes = (24, 18)

    def __call__(self, x: Array, concentration: ArrayLike) -> Array:
        """Shape."""
        # With y^-3 apart, one logarithm does for both powers.
        over_y = 1 / (x * jnp.asarray(concentration))
        return over_y**3 * jnp.exp(-(2 + jnp.asarray(self.alpha)) * jnp.log1p(self.y0 * over_y))


class Adiabatic(NamedTuple):
    """Hot gas of one entropy, in balance with an NFW halo (Maller & Bullock 2004, eq. 9).

    The bracket is 1 at the radius of the halo.
    """

    nodes = (20, 16)

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

    nodes = (32, 32)

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

    nodes = (32, 32)

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

    nodes = (32, 32)

    def __call__(self, x: Array, concentration: ArrayLike) -> Array:
        """Shape."""
        return jnp.exp(-0.5 * jnp.asarray(self.slope) * jnp.log(x**2 + self.core**2))


class Tabulated(NamedTuple):
    """A table of densities, interpolated in both logarithms; constant before it, 0 after it.

    Straight pieces have kinks, so integrals are good to 1e-5 only where the table is dense.

    Attributes
    ----------
    x : (n,)
        Over the radius of the halo, ascending, positive.
    density : (n,)
        Positive, of any scale.
    """

    x: ArrayLike
    density: ArrayLike

    nodes = (96, 96)

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


@jax.jit
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
    return _scale(gas, halo) * jnp.where(x <= _ends(gas)[-1], shape, 0.0)


@jax.jit
def dm_rest(gas: Gas, halo: Halo, impact_kpc: ArrayLike) -> Array:
    """Dispersion measure of halos in their rest frame, pc cm^-3; over 1 + z as observed.

    Parameters
    ----------
    gas : Gas
    halo : Halo
    impact_kpc : array
        Distance of the sightline from the centre, proper; all shapes are broadcast.
    """
    return 2 * _half_dm(gas, halo, impact_kpc)


@jax.jit
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
    half = _half_dm(gas, halo, impact_kpc)
    depth = jnp.asarray(depth_kpc)
    beyond = _half_dm(gas, halo, impact_kpc, jnp.abs(depth) / halo.radius_kpc)
    # What lies further from us than the place is not crossed.
    return jnp.where(depth >= 0, 2 * half - beyond, beyond)


def _half_dm(gas: Gas, halo: Halo, impact_kpc: ArrayLike, depth: Array | None = None) -> Array:
    """From the point next to the centre, or so many radii beyond it, outwards."""
    b = jnp.maximum(jnp.asarray(impact_kpc) / halo.radius_kpc, _CLOSEST)
    near = jnp.zeros(()) if depth is None else jnp.arcsinh(depth / b)

    def at(x: Array) -> Array:
        return gas.profile(x, halo.concentration) * _kept(gas, x) * x

    total, n = jnp.zeros(()), gas.profile.nodes[0]
    for end in _ends(gas):
        ratio = jnp.maximum(end / b, 1.0)
        # The root has no slope where a sightline touches the edge.
        inside = ratio > 1
        safe = jnp.where(inside, ratio, 2.0)
        far = jnp.where(inside, jnp.log(safe + jnp.sqrt((safe - 1) * (safe + 1))), 0.0)
        far = jnp.maximum(far, near)
        total = total + integrate_past(at, b, near, far, n)
        # What is left is the fall of the edge, which is short and smooth.
        near, n = far, n // 2
    return _scale(gas, halo) * 1000 * jnp.asarray(halo.radius_kpc) * total


@jax.jit
def gas_mass(gas: Gas, halo: Halo, r_kpc: ArrayLike) -> Array:
    """Mass of the hot gas inside a distance from the centre, Msun."""
    x = jnp.asarray(r_kpc) / halo.radius_kpc
    safe = jnp.maximum(x, _CLOSEST)
    inside = _moment(gas, halo, [jnp.minimum(safe, end) for end in _ends(gas)])
    share = jnp.where(x > 0, inside / _norm(gas, halo), 0.0)
    return share * _hot_mass(gas, halo)


def _scale(gas: Gas, halo: Halo) -> Array:
    """Electrons per cm^3 where the shape is 1."""
    volume = 4 * math.pi * jnp.asarray(halo.radius_kpc) ** 3
    return ELECTRONS_PER_MASS * _hot_mass(gas, halo) / (volume * _norm(gas, halo))


def _hot_mass(gas: Gas, halo: Halo) -> Array:
    return jnp.asarray(halo.mass) * gas.f_hot * gas.f_baryon


def _norm(gas: Gas, halo: Halo) -> Array:
    """Integral of the shape over x^2 dx that stands for ``f_hot``."""
    if gas.renormalise:
        return _moment(gas, halo, _ends(gas))
    whole = replace(gas, r_max=1.0, edge=None)
    return _moment(whole, halo, _ends(whole))


def _moment(gas: Gas, halo: Halo, limits: list[Array]) -> Array:
    """Integral of what is there over x^2 dx, in pieces; nodes crowd to the centre."""

    def at(u: Array) -> Array:
        x = u**3
        return gas.profile(x, halo.concentration) * _kept(gas, x) * 3 * u**8

    total, near, n = jnp.zeros(()), jnp.zeros(()), gas.profile.nodes[1]
    for limit in limits:
        far = jnp.cbrt(limit)
        total = total + integrate(at, near, far, n)
        near, n = far, n // 2
    return total


def _edges(gas: Gas) -> list[Array]:
    """Where the gas begins to fall and where there is none, or where it ends."""
    r_max = jnp.asarray(gas.r_max, float)
    return [r_max] if gas.edge is None else [r_max * (1 - gas.edge), r_max * (1 + gas.edge)]


def _ends(gas: Gas) -> list[Array]:
    """Where pieces of the integrals end: at the edges, or at the end of a table before them."""
    if not isinstance(gas.profile, Tabulated):
        return _edges(gas)
    last = jnp.asarray(gas.profile.x)[-1]
    return [jnp.minimum(edge, last) for edge in _edges(gas)]


def _kept(gas: Gas, x: Array) -> ArrayLike:
    """What the edge leaves of the gas: a polynomial without a kink in its slope."""
    if gas.edge is None:
        return 1.0
    low, high = _edges(gas)
    u = jnp.clip((x - low) / (high - low), 0.0, 1.0)
    return 1 - u**3 * (10 - u * (15 - 6 * u))
