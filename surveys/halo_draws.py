"""Dispersion measures of the halos before a burst, drawn many times.

What is common to all halos, the share of hot gas and the calibrations of masses and
concentrations, is drawn once and holds for all; what is a halo's own is drawn for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from astropy.cosmology import FLRW
from jax import Array
from numpy.typing import NDArray

from cosmo.background import baryon_fraction
from cosmo.concentration import RELATIONS
from cosmo.halos import Halo, mean_density, nfw_mass, radius_kpc, rescale, within
from cosmo.profiles import Gas, dm_rest
from cosmo.stellar import SCATTER_DEX, log_halo_mass
from surveys.halo_catalog import Floats, HaloCatalog
from surveys.sightline_settings import GasSettings, SightlineSettings

STELLAR_DEFINITION = "200c"
"""Of the halo masses that stellar masses are turned into."""

_BLOCK = 1024
"""Halos and draws at a time: what is made of them stays in the cache of a core."""

_PIECE = 1 << 17
"""And in one call."""

_N_REDSHIFTS = 1025
_ROUNDS = 3


class Shared(NamedTuple):
    """What is one for all halos of a draw.

    Attributes
    ----------
    f_hot : (n,)
    mass_dex, concentration_dex : (n,)
        By which the calibrations are off.
    """

    f_hot: Floats
    mass_dex: Floats
    concentration_dex: Floats

    @classmethod
    def draw(cls, rng: np.random.Generator, gas: GasSettings, n: int) -> Shared:
        """Draw them; the share of hot gas stays between 0 and 1."""
        f_hot = np.clip(gas.f_hot + gas.f_hot_err * rng.standard_normal(n), 0.0, 1.0)
        mass, concentration = gas.mass_err_dex, gas.concentration_err_dex
        return cls(f_hot, mass * rng.standard_normal(n), concentration * rng.standard_normal(n))


class Tables(NamedTuple):
    """Against redshift: densities (Msun kpc^-3) of three mass definitions, and distance."""

    z: Floats
    catalog: Floats
    relation: Floats
    gas: Floats
    kpc_per_rad: Floats


class Own(NamedTuple):
    """Draws of some halos, all (halo, draw); offsets are of the centre."""

    log_mass: Any
    z: Any
    concentration: Any
    east_kpc: Any
    north_kpc: Any
    separation: Any
    f_hot: Any
    dex: Any


@dataclass(frozen=True)
class DrawnHalos:
    """Draws of some rows of a catalog.

    Attributes
    ----------
    rows : (h,) int
    dm_rest : (r_max, h, n)
        pc cm^-3; 0 where the sightline does not cross the gas, or the halo is behind the burst.
    z, log_mass, impact_kpc, radius_kpc : (h, n)
        Masses and radii are those of the mass definition of the gas.
    """

    rows: NDArray[np.int64]
    dm_rest: Floats
    z: Floats
    log_mass: Floats
    impact_kpc: Floats
    radius_kpc: Floats


def draw_halos(
    catalog: HaloCatalog,
    separation_rad: Floats,
    settings: SightlineSettings,
    shared: Shared,
    r_max: tuple[float, ...],
    cosmology: FLRW,
) -> Iterator[DrawnHalos]:
    """Draw the halos of a catalog, some at a time.

    Parameters
    ----------
    catalog : HaloCatalog
    separation_rad : (h,)
        Of their centres from the burst.
    settings : SightlineSettings
    shared : Shared
    r_max : tuple of float
        Edges of the gas.
    cosmology : FLRW

    Yields
    ------
    DrawnHalos
        Random numbers of a row are its own: they do not depend on the other rows.
    """
    n = len(shared.f_hot)
    definition = np.where(
        catalog.mass_definition != "", catalog.mass_definition, STELLAR_DEFINITION
    )
    own = np.isfinite(catalog.concentration)
    several = max(1, _PIECE // n)
    gas = gas_of(settings.gas, cosmology)
    for name, given in sorted({(str(d), bool(o)) for d, o in zip(definition, own, strict=True)}):
        rows = np.flatnonzero((definition == name) & (own == given))
        tables = tables_for(settings, name, cosmology)
        how = How(name, settings.gas.radius, settings.gas.concentration, given, r_max, cosmology.h)
        for first in range(0, len(rows), several):
            some = rows[first : first + several]
            draws = _draw(catalog.select(some), some, separation_rad[some], settings, shared)
            found = evaluated(how, gas, tables, draws)
            behind = draws.z >= settings.frb.z
            found[: len(r_max), behind] = 0.0
            dm, (mass, impact, radius) = found[: len(r_max)], found[len(r_max) :]
            yield DrawnHalos(some, dm, draws.z, mass, impact, radius)


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


def tables_for(settings: SightlineSettings, definition: str, cosmology: FLRW) -> Tables:
    """For halos whose masses are of a definition, to beyond the burst."""
    z = np.linspace(0.0, 1.02 * settings.frb.z + 1e-3, _N_REDSHIFTS)
    c = settings.gas.concentration
    relation = RELATIONS[c].definition if isinstance(c, str) else settings.gas.radius
    distance = cosmology.angular_diameter_distance(z).to_value("kpc")
    catalog, fit, gas = (
        mean_density(d, z, cosmology) for d in (definition, relation, settings.gas.radius)
    )
    return Tables(z, catalog, fit, gas, distance)


def concentration_scatter(gas: GasSettings) -> float:
    """From halo to halo, in dex."""
    if gas.concentration_scatter_dex is not None:
        return gas.concentration_scatter_dex
    named = isinstance(gas.concentration, str)
    return RELATIONS[gas.concentration].scatter_dex if named else 0.0  # type: ignore[index]


def _draw(
    catalog: HaloCatalog,
    rows: NDArray[np.int64],
    separation: Floats,
    settings: SightlineSettings,
    shared: Shared,
) -> Own:
    gas, n = settings.gas, len(shared.f_hot)
    normal, uniform = np.empty((5, len(rows), n)), np.empty((len(rows), n))
    for i, row in enumerate(rows.tolist()):
        rng = np.random.default_rng([settings.mc.seed, 1, row])
        normal[:, i] = rng.standard_normal((5, n))
        uniform[i] = rng.random(n)
    z = np.clip(redshifts(catalog, normal[0], uniform), 1e-5, None)
    log_mass = _log_masses(catalog, z, normal[1]) + shared.mass_dex
    scatter = concentration_scatter(gas)
    centring = np.nan_to_num(catalog.centring_kpc)[:, None]
    shape = log_mass.shape
    return Own(
        log_mass,
        z,
        np.broadcast_to(catalog.concentration[:, None], shape),
        centring * normal[3],
        centring * normal[4],
        np.broadcast_to(separation[:, None], shape),
        np.broadcast_to(shared.f_hot, shape),
        scatter * normal[2] + shared.concentration_dex,
    )


def redshifts(catalog: HaloCatalog, normal: Floats, uniform: Floats) -> Floats:
    """Redshifts (halo, draw) of standard normal draws, or of uniform ones where there is a P(z)."""
    z = catalog.z[:, None] + catalog.z_err[:, None] * normal
    if catalog.pz is not None and catalog.pz_z is not None:
        grid = catalog.pz_z
        steps = np.diff(grid) * (catalog.pz[:, 1:] + catalog.pz[:, :-1]) / 2
        below = np.concatenate([np.zeros((len(z), 1)), np.cumsum(steps, axis=1)], axis=1)
        for i in np.flatnonzero(below[:, -1] > 0):
            z[i] = np.interp(uniform[i], below[i] / below[i, -1], grid)
    return z


def _log_masses(catalog: HaloCatalog, z: Floats, normal: Floats) -> Floats:
    """Halo masses, in the definition of the catalog, or that of the relation to stellar masses.

    Errors are two halves of Gaussians, of which each has half of the draws: the median and the
    quantiles of one standard deviation are those that were given.
    """
    middle, low, high, of_stars = (column[:, None] for column in masses(catalog))
    drawn = middle + np.where(normal < 0, low, high) * normal
    stars = np.flatnonzero(of_stars)
    if len(stars):
        with jax.enable_x64(True):
            drawn[stars] = np.asarray(log_halo_mass(drawn[stars], z[stars]))
    return drawn


def masses(catalog: HaloCatalog) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Log mass of each halo, its errors to both sides (dex), and whether it is of its stars.

    The scatter about the relation is in the errors of stellar masses.
    """
    stars = ~np.isfinite(catalog.log_mass)
    middle = np.where(stars, catalog.log_mstar, catalog.log_mass)
    low = np.where(stars, catalog.log_mstar_err_lo, catalog.log_mass_err_lo)
    high = np.where(stars, catalog.log_mstar_err_hi, catalog.log_mass_err_hi)
    scatter = np.where(stars, SCATTER_DEX, 0.0)
    return middle, np.hypot(low, scatter), np.hypot(high, scatter), stars


class How(NamedTuple):
    """What does not change from draw to draw, and is compiled for."""

    definition: str
    radius: str
    concentration: float | str
    own_concentration: bool
    r_max: tuple[float, ...]
    h: float


def evaluated(how: How, gas: Gas, tables: Tables, draws: Own) -> Floats:
    """Dispersion measures to each edge, log mass, impact parameter and radius.

    Returns
    -------
    (k, halo, draw)
        ``k`` is three more than there are edges.
    """
    shape = np.shape(draws.z)
    n, flat = math.prod(shape), [np.ravel(a) for a in draws]
    out = np.empty((len(how.r_max) + 3, n))
    with jax.enable_x64(True):
        # All pieces have one size, for which one program is compiled.
        for first in range(0, n, _PIECE):
            piece = Own(*(_filled(a[first : first + _PIECE]) for a in flat))
            found = np.asarray(_pieces(how, gas, tables, piece))
            out[:, first : first + _PIECE] = found[:, : n - first]
    return out.reshape(-1, *shape)


def _filled(values: Floats) -> Floats:
    missing = _PIECE - len(values)
    return np.concatenate([values, np.full(missing, values[0])]) if missing else values


@partial(jax.jit, static_argnums=0)
def _pieces(how: How, gas: Gas, tables: Tables, draws: Own) -> Array:
    blocks = jax.tree.map(lambda a: a.reshape(-1, _BLOCK), draws)
    found = jax.lax.map(partial(halo_values, how, gas, tables), blocks)
    return jnp.moveaxis(found, 1, 0).reshape(found.shape[1], -1)


def halo_values(how: How, gas: Gas, tables: Tables, draws: Own) -> Array:
    """What :func:`evaluated` gives, of arrays of one shape; may be differentiated."""

    def at(values: Floats) -> Array:
        return jnp.interp(draws.z, tables.z, values)

    halo = _halo(how, tables, draws)
    along = draws.separation * at(tables.kpc_per_rad)
    impact = jnp.hypot(along + draws.east_kpc, draws.north_kpc)
    dm = [dm_rest(replace(gas, f_hot=draws.f_hot, r_max=edge), halo, impact) for edge in how.r_max]
    return jnp.stack([*dm, jnp.log10(halo.mass), impact, jnp.asarray(halo.radius_kpc)])


def _halo(how: How, tables: Tables, draws: Own) -> Halo:
    """The halos within the radius of the gas.

    Masses of another definition are turned into it with the concentration that a relation
    gives, which itself depends on the mass: a few rounds settle both.
    """
    catalog, relation, gas = (
        jnp.interp(draws.z, tables.z, v) for v in (tables.catalog, tables.relation, tables.gas)
    )
    mass, dex = 10.0**draws.log_mass, 10.0**draws.dex
    if how.own_concentration:
        halo = Halo(mass, radius_kpc(mass, catalog), draws.concentration * dex)
        return _turned(halo, how.definition, catalog, how.radius, gas)
    if not isinstance(how.concentration, str):
        there = how.concentration * dex
        inside = mass
        if how.definition != how.radius:
            here = rescale(there, catalog / gas)
            inside = mass * nfw_mass(there) / nfw_mass(here)
        return Halo(inside, radius_kpc(inside, gas), there)
    fit = RELATIONS[how.concentration]
    inside, there = mass, fit(mass, draws.z, how.h) * dex
    if fit.definition != how.definition:
        for _ in range(_ROUNDS):
            here = rescale(there, catalog / relation)
            inside = mass * nfw_mass(there) / nfw_mass(here)
            there = fit(inside, draws.z, how.h) * dex
    halo = Halo(inside, radius_kpc(inside, relation), there)
    return _turned(halo, fit.definition, relation, how.radius, gas)


def _turned(halo: Halo, have: str, density: Array, want: str, other: Array) -> Halo:
    return halo if have == want else within(halo, density, other)
