"""Dispersion measures of draws of halos: one compiled function of arrays of all of them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from astropy.cosmology import FLRW
from jax import Array
from numpy.typing import NDArray

from cosmo.background import baryon_fraction, cosmology_named
from cosmo.concentration import RELATIONS
from cosmo.halos import Halo, mean_density, nfw_mass, radius_kpc, rescale, within
from cosmo.profiles import Gas, dm_rest
from cosmo.stellar import log_halo_mass
from surveys.catalogs.halo_catalog import Floats
from surveys.sightlines.gas_settings import GasSettings
from surveys.sightlines.settings import SightlineSettings

HEAVIEST = 16.5
"""log10 of the mass (Msun) that no draw of a halo goes beyond."""

_BLOCK = 1024
"""Halos and draws at a time: what is made of them stays in the cache of a core."""

PIECE = 1 << 17
"""At most so many in one call."""

_N_REDSHIFTS = 1025
_ROUNDS = 3


class Tables(NamedTuple):
    """Against redshift, in equal steps: densities of three mass definitions, and distance.

    Densities are in Msun kpc^-3.
    """

    z: Any
    catalog: Any
    relation: Any
    gas: Any
    kpc_per_rad: Any

    def at(self, z: Array) -> Tables:
        """Interpolated. In equal steps no place has to be searched for."""
        place = jnp.clip(z / self.z[1], 0, len(self.z) - 1)
        low = jnp.minimum(place.astype(int), len(self.z) - 2)
        share = place - low
        values = (jnp.asarray(v) for v in self[1:])
        return Tables(z, *(v[low] + share * (v[low + 1] - v[low]) for v in values))


class Own(NamedTuple):
    """Draws of some halos, all (halo, draw) or numbers.

    Attributes
    ----------
    log_mass : array
        Of the halo; or of its stars, if they are what is known.
    z, concentration : array
    east_kpc, north_kpc : array
        Offsets of the centre.
    separation : array
        Of the catalog's centre from the sightline, radians.
    f_hot : array
    dex : array
        By which the concentration is off.
    mass_dex : array
        And the mass of the halo.
    """

    log_mass: Any
    z: Any
    concentration: Any
    east_kpc: Any
    north_kpc: Any
    separation: Any
    f_hot: Any
    dex: Any
    mass_dex: Any = 0.0


class How(NamedTuple):
    """What does not change from draw to draw, and is compiled for."""

    definition: str
    radius: str
    concentration: float | str
    own_concentration: bool
    r_max: tuple[float, ...]
    h: float
    stars: bool = False


def gas_of(settings: GasSettings, cosmology: FLRW) -> Gas:
    """The gas that settings describe, to the first of its edges."""
    return Gas(
        settings.shape(),
        baryon_fraction(cosmology),
        settings.f_hot,
        settings.r_max,
        settings.edge,
        settings.renormalise,
    )


def tables_for(settings: SightlineSettings, how: How, cosmology: FLRW) -> Tables:
    """For halos that are evaluated in a way, to beyond the burst."""
    z, distance = _distances(settings.cosmology, settings.frb.z)
    c = how.concentration
    relation = RELATIONS[c].definition if isinstance(c, str) else how.radius
    catalog, fit, gas = (
        mean_density(d, z, cosmology) for d in (how.definition, relation, how.radius)
    )
    return Tables(z, catalog, fit, gas, distance)


@lru_cache(maxsize=16)
def _distances(cosmology: str, last: float) -> tuple[Floats, Floats]:
    """Redshifts to beyond the last, and their angular diameter distances, kpc."""
    z = np.linspace(0.0, 1.02 * last + 1e-3, _N_REDSHIFTS)
    return z, cosmology_named(cosmology).angular_diameter_distance(z).to_value("kpc")


def evaluated(how: How, gas: Gas, tables: Tables, draws: Own) -> Floats:
    """Dispersion measures to each edge, log mass, impact parameter and radius.

    Computed in float32: dispersion measures are good to 2e-5 of that through the centre.

    Returns
    -------
    (k, halo, draw)
        ``k`` is three more than there are edges.
    """
    shape = np.shape(draws.z)
    n, flat = math.prod(shape), [np.broadcast_to(a, shape).reshape(-1) for a in draws]
    out = np.empty((len(how.r_max) + 3, n))
    tables = Tables(*(np.asarray(v, np.float32) for v in tables))
    for first in range(0, n, PIECE):
        piece = Own(*(_filled(a[first : first + PIECE]) for a in flat))
        n_blocks = -(-min(n - first, PIECE) // _BLOCK)
        found = np.asarray(_pieces(how, gas, tables, piece, n_blocks))
        out[:, first : first + PIECE] = found.reshape(len(out), -1)[:, : n - first]
    return out.reshape(-1, *shape)


def _filled(values: Floats) -> NDArray[np.float32]:
    """Values of a piece: all pieces have one size, for which one program is compiled."""
    filled = np.empty((PIECE // _BLOCK, _BLOCK), np.float32)
    flat = filled.reshape(-1)
    flat[: len(values)] = values
    # The last block is computed to its end.
    flat[len(values) : len(values) + _BLOCK] = values[0]
    return filled


@partial(jax.jit, static_argnums=0)
def _pieces(how: How, gas: Gas, tables: Tables, draws: Own, n_blocks: int) -> Array:
    def one(i: Array, out: Array) -> Array:
        block = Own(*(a[i] for a in draws))
        return out.at[:, i].set(halo_values(how, gas, tables, block))

    out = jnp.empty((len(how.r_max) + 3, *draws.z.shape))
    return jax.lax.fori_loop(0, n_blocks, one, out)


def halo_values(how: How, gas: Gas, tables: Tables, draws: Own) -> Array:
    """What :func:`evaluated` gives, of arrays of one shape; may be differentiated."""
    here = tables.at(draws.z)
    halo = _halo(how, here, draws)
    along = draws.separation * here.kpc_per_rad
    impact = jnp.hypot(along + draws.east_kpc, draws.north_kpc)
    dm = [dm_rest(replace(gas, f_hot=draws.f_hot, r_max=edge), halo, impact) for edge in how.r_max]
    return jnp.stack([*dm, jnp.log10(halo.mass), impact, jnp.asarray(halo.radius_kpc)])


def _halo(how: How, here: Tables, draws: Own) -> Halo:
    """The halos within the radius of the gas.

    Masses of another definition are turned into it with the concentration that a relation
    gives, which itself depends on the mass: a few rounds settle both.
    """
    catalog, relation, gas = here.catalog, here.relation, here.gas
    log_mass = log_halo_mass(draws.log_mass, draws.z) if how.stars else draws.log_mass
    mass = 10.0 ** (jnp.minimum(log_mass, HEAVIEST) + draws.mass_dex)
    dex = 10.0**draws.dex
    if how.own_concentration:
        halo = Halo(mass, radius_kpc(mass, catalog), draws.concentration * dex)
        return _turned(halo, how.definition, catalog, how.radius, gas)
    if not isinstance(how.concentration, str):
        there = how.concentration * dex
        inside = mass
        if how.definition != how.radius:
            inside = mass * _mass_ratio(there, catalog / gas)
        return Halo(inside, radius_kpc(inside, gas), there)
    fit = RELATIONS[how.concentration]
    inside, there = mass, fit(mass, draws.z, how.h) * dex
    if fit.definition != how.definition:
        for _ in range(_ROUNDS):
            inside = mass * _mass_ratio(there, catalog / relation)
            there = fit(inside, draws.z, how.h) * dex
    halo = Halo(inside, radius_kpc(inside, relation), there)
    return _turned(halo, fit.definition, relation, how.radius, gas)


def _turned(halo: Halo, have: str, density: Array, want: str, other: Array) -> Halo:
    return halo if have == want else within(halo, density, other)


def _mass_ratio(concentration: Array, ratio: Array) -> Array:
    """Mass within the radius of a concentration over that at so many times its density."""
    return nfw_mass(concentration) / nfw_mass(rescale(concentration, ratio))
