"""How concentrated halos of a mass are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


class ConcentrationRelation(NamedTuple):
    """Median concentration against mass and redshift, and the scatter about it.

    Attributes
    ----------
    definition : str
        Of the mass and of the concentration; see :data:`cosmo.halos.MASS_DEFINITIONS`.
    median : callable
        Of log10 of the mass (Msun / h) and of z.
    scatter_dex : float
        Of the logarithm to base 10, at a given mass.
    """

    definition: str
    median: Callable[[Array, Array], Array]
    scatter_dex: float

    def __call__(self, mass: ArrayLike, z: ArrayLike, h: float) -> Array:
        """Median concentration of halos of a mass in Msun."""
        return self.median(jnp.log10(jnp.asarray(mass) * h), jnp.asarray(z))


def _duffy(a: float, b: float, c: float) -> Callable[[Array, Array], Array]:
    return lambda log_mass, z: a * 10 ** (b * (log_mass - jnp.log10(2e12))) * (1 + z) ** c


def _dutton(
    last: float, first: float, rate: float, power: float, slope: float, change: float
) -> Callable[[Array, Array], Array]:
    def median(log_mass: Array, z: Array) -> Array:
        at_pivot = last + (first - last) * jnp.exp(-rate * z**power)
        return 10 ** (at_pivot + (slope + change * z) * (log_mass - 12))

    return median


RELATIONS = {
    # Duffy et al. 2008 (MNRAS 390, L64), table 1, all halos, z = 0 to 2; scatter of section 4.
    "duffy2008_vir": ConcentrationRelation("vir", _duffy(7.85, -0.081, -0.71), 0.15),
    "duffy2008_200c": ConcentrationRelation("200c", _duffy(5.71, -0.084, -0.47), 0.15),
    "duffy2008_200m": ConcentrationRelation("200m", _duffy(10.14, -0.081, -1.01), 0.15),
    # Dutton & Maccio 2014 (MNRAS 441, 3359), eqs 7 and 10 to 13; scatter of section 3.
    "dutton2014_vir": ConcentrationRelation(
        "vir", _dutton(0.537, 1.025, 0.718, 1.08, -0.097, 0.024), 0.11
    ),
    "dutton2014_200c": ConcentrationRelation(
        "200c", _dutton(0.520, 0.905, 0.617, 1.21, -0.101, 0.026), 0.11
    ),
}
"""By name. Both were fitted to simulations between 1e10 and 1e15 Msun / h."""
