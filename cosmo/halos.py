"""Halos of dark matter: what their mass means, how concentrated they are, what lives in them.

Masses are in solar masses, without h, and radii in proper kpc. Functions of arrays work on
arrays of numpy and of jax; those of jax can be differentiated.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from astropy.cosmology import FLRW
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from cosmo.background import critical_density, virial_overdensity

MASS_DEFINITIONS = ("vir", "200c", "500c", "200m")
"""Virial (Bryan & Norman 1998), or so many times the critical or the mean density of matter."""

_NEWTON_STEPS = 6
_CONCENTRATIONS = (1e-3, 1e5)
_GUESS = -0.4
"""Of the power of the ratio of densities by which concentrations differ, to begin with."""


class Halo(NamedTuple):
    """Spheres around halos, one or many.

    Attributes
    ----------
    mass : array
        Inside the radius, Msun.
    radius_kpc : array
        Proper.
    concentration : array
        The radius over the scale radius of the NFW profile.
    """

    mass: ArrayLike
    radius_kpc: ArrayLike
    concentration: ArrayLike


def mean_density(definition: str, z: ArrayLike, cosmology: FLRW) -> NDArray[np.float64]:
    """Mean density inside the radius of a mass definition, Msun kpc^-3.

    Parameters
    ----------
    definition : str
        One of :data:`MASS_DEFINITIONS`.
    z : array
    cosmology : astropy.cosmology.FLRW

    Raises
    ------
    ValueError
        There is no such definition.
    """
    z = np.asarray(z, float)
    if definition == "vir":
        return virial_overdensity(z, cosmology) * critical_density(z, cosmology)
    if definition == "200m":
        return 200 * cosmology.Om0 * (1 + z) ** 3 * critical_density(0.0, cosmology)
    if definition in MASS_DEFINITIONS:
        return float(definition[:-1]) * critical_density(z, cosmology)
    known = ", ".join(MASS_DEFINITIONS)
    raise ValueError(f"mass_definition: is {definition!r}; give one of {known}")


def radius_kpc(mass: ArrayLike, density: ArrayLike) -> Array:
    """Proper radius (kpc) of spheres of a mass (Msun) and a mean density (Msun kpc^-3)."""
    return jnp.cbrt(3 * jnp.asarray(mass) / (4 * jnp.pi * jnp.asarray(density)))


def nfw_mass(x: ArrayLike) -> Array:
    """ln(1 + x) - x / (1 + x): the mass of an NFW profile inside x scale radii, in its unit."""
    x = jnp.asarray(x)
    # The two terms cancel where x is small.
    series = x**2 * (0.5 - x * (2 / 3 - x * (0.75 - 0.8 * x)))
    small = x < 1e-2
    safe = jnp.where(small, 1.0, x)
    return jnp.where(small, series, jnp.log1p(safe) - safe / (1 + safe))


@jax.jit
def rescale(concentration: ArrayLike, ratio: ArrayLike) -> Array:
    """Concentration of the same NFW halo within another mean density.

    Parameters
    ----------
    concentration : array
    ratio : array
        The new mean density over the old.

    Returns
    -------
    array
        Differentiable; found by Newton's method in the logarithm.
    """
    c, ratio = jnp.asarray(concentration, float), jnp.asarray(ratio, float)
    target = jnp.log(nfw_mass(c)) - 3 * jnp.log(c) + jnp.log(ratio)
    low, high = (np.log(v) for v in _CONCENTRATIONS)

    def step(_: int, x: Array) -> Array:
        c = jnp.exp(x)
        mass = nfw_mass(c)
        slope = (c / (1 + c)) ** 2 / mass - 3
        return jnp.clip(x - (jnp.log(mass) - 3 * x - target) / slope, low, high)

    begin = jax.lax.stop_gradient(jnp.log(c) + _GUESS * jnp.log(ratio))
    found = jax.lax.fori_loop(0, _NEWTON_STEPS, step, begin)
    # One more step carries the derivative of the solution, whatever the steps before it did.
    return jnp.exp(step(0, jax.lax.stop_gradient(found)))


def within(halo: Halo, density: ArrayLike, other: ArrayLike) -> Halo:
    """The same NFW halos within a radius of another mean density.

    Parameters
    ----------
    halo : Halo
    density, other : array
        Mean density inside the radius that they have, and inside that which is wanted;
        Msun kpc^-3.
    """
    c = rescale(halo.concentration, jnp.asarray(other) / jnp.asarray(density))
    mass = jnp.asarray(halo.mass) * nfw_mass(c) / nfw_mass(halo.concentration)
    return Halo(mass, radius_kpc(mass, other), c)
