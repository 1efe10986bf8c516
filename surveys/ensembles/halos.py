"""Dispersion measures of the halos before many bursts, as a function that can be differentiated.

What is not known of a halo (its mass, redshift, concentration and centre) is turned into standard
normal variables, which a sampler moves along with everything else.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from astropy.cosmology import FLRW
from jax import Array
from numpy.typing import NDArray
from scipy.special import ndtr

from cosmo.profiles import Gas
from surveys.catalogs.halo_catalog import Floats, HaloCatalog
from surveys.sightlines.halo_draws import alike, concentration_scatter, masses, redshifts
from surveys.sightlines.halo_values import How, Own, Tables, halo_values, tables_for
from surveys.sightlines.settings import SightlineSettings

_NORMAL = np.linspace(-6.0, 6.0, 241)
"""Where redshifts are tabulated, in standard deviations."""

_CLOSEST_RAD = 1e-12
"""A distance from a centre has no slope at the centre."""

_N_TRIES = 64


@dataclass(frozen=True)
class HaloGroup:
    """Halos whose masses are given in one way; every array has an entry for each, (h,).

    Attributes
    ----------
    how : How
    tables : Tables
    unknown : tuple of str
        What is not known of some of them: of "mass", "z", "concentration", "east", "north".
    burst : (h,) int
        Which burst they lie before.
    log_mass, low, high : (h,)
        And errors to both sides, dex.
    z : (h,)
    z_table : (h, k)
        Redshifts at so many standard deviations.
    concentration, scatter_dex, centring_kpc, separation_rad, z_burst : (h,)
    """

    how: How
    tables: Tables
    unknown: tuple[str, ...]
    burst: NDArray[np.int64]
    log_mass: Floats
    low: Floats
    high: Floats
    z: Floats
    z_table: Floats
    concentration: Floats
    scatter_dex: Floats
    centring_kpc: Floats
    separation_rad: Floats
    z_burst: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Of the unknowns, ``(kind, halo)``."""
        return len(self.unknown), len(self.burst)

    def observed(
        self, gas: Gas, unknown: Array, mass_dex: Array, concentration_dex: Array
    ) -> Array:
        """Observed DM of each halo, (h,), were all its baryons hot gas.

        Parameters
        ----------
        gas : Gas
        unknown : (kind, h)
            Standard normal.
        mass_dex, concentration_dex : array
            By which the calibrations are off.
        """
        zero = jnp.zeros(len(self.burst))
        given = {name: unknown[i] for i, name in enumerate(self.unknown)}
        z = self._redshift(given)
        mass = given.get("mass", zero)
        log_mass = self.log_mass + jnp.where(mass < 0, self.low, self.high) * mass
        draws = Own(
            log_mass,
            z,
            self.concentration,
            self.centring_kpc * given.get("east", zero),
            self.centring_kpc * given.get("north", zero),
            self.separation_rad,
            jnp.ones(len(self.burst)),
            self.scatter_dex * given.get("concentration", zero) + concentration_dex,
            mass_dex,
        )
        dm = halo_values(self.how._replace(r_max=(gas.r_max,)), gas, self.tables, draws)[0]
        return jnp.where(z < self.z_burst, dm, 0.0) / (1 + z)

    def _redshift(self, given: dict[str, Array]) -> Array:
        if "z" not in given:
            return jnp.asarray(self.z)
        return jax.vmap(lambda x, table: jnp.interp(x, _NORMAL, table))(given["z"], self.z_table)


jax.tree_util.register_dataclass(
    HaloGroup,
    data_fields=[
        "tables", "burst", "log_mass", "low", "high", "z", "z_table", "concentration",
        "scatter_dex", "centring_kpc", "separation_rad", "z_burst",
    ],
    meta_fields=["how", "unknown"],
)  # fmt: skip


def halo_groups(
    catalog: HaloCatalog,
    separation_rad: Floats,
    burst: NDArray[np.int64],
    settings: tuple[SightlineSettings, ...],
    cosmology: FLRW,
) -> tuple[HaloGroup, ...]:
    """Sort the halos of all bursts by how their masses are given.

    Parameters
    ----------
    catalog : HaloCatalog
    separation_rad : (h,)
    burst : (h,) int
    settings : tuple of SightlineSettings
        Of each burst, with one gas.
    cosmology : FLRW
    """
    z_burst = np.array([s.frb.z for s in settings])
    last = settings[int(np.argmax(z_burst))]
    gas = last.gas
    middle, low, high, _ = masses(catalog)
    z_table = np.clip(redshifts(catalog, _NORMAL[None], np.tile(ndtr(_NORMAL), (len(catalog), 1))),
                      1e-5, None)  # fmt: skip
    centring = np.nan_to_num(catalog.centring_kpc)
    groups = []
    for how, rows in alike(catalog, last, (), cosmology):
        scatter = concentration_scatter(gas)
        spread = {
            "mass": high[rows] + low[rows],
            "z": np.ptp(z_table[rows], axis=1),
            "concentration": np.full(len(rows), scatter),
            "east": centring[rows],
            "north": centring[rows],
        }
        groups.append(
            HaloGroup(
                how,
                tables_for(last, how, cosmology),
                tuple(kind for kind, values in spread.items() if np.any(values > 0)),
                burst[rows],
                middle[rows],
                low[rows],
                high[rows],
                np.clip(catalog.z[rows], 1e-5, None),
                z_table[rows],
                catalog.concentration[rows],
                np.full(len(rows), scatter),
                centring[rows],
                np.maximum(separation_rad[rows], _CLOSEST_RAD),
                z_burst[burst[rows]],
            )
        )
    return tuple(groups)


def mean_observed(group: HaloGroup, gas: Gas, seed: int) -> Floats:
    """Mean observed DM of each halo over what is not known of it, were all its baryons hot."""
    tries = np.random.default_rng([seed, 6]).standard_normal((_N_TRIES, *group.shape))
    with jax.enable_x64(True):
        one = jax.jit(lambda unknown: group.observed(gas, unknown, jnp.zeros(()), jnp.zeros(())))
        tries = tries if group.unknown else tries[:1]
        return np.mean([np.asarray(one(unknown)) for unknown in tries], axis=0)


def only(group: HaloGroup, rows: NDArray[np.bool_]) -> HaloGroup:
    """The group of some of its halos."""
    arrays = {
        name: value[rows] for name, value in vars(group).items() if isinstance(value, np.ndarray)
    }
    return HaloGroup(**{**vars(group), **arrays})
