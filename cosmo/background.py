"""Cosmologies by name, and the densities that halos are measured against.

Distances are astropy's. Densities are in solar masses per kpc^3, proper.
"""

from __future__ import annotations

import numpy as np
from astropy import constants, units
from astropy.cosmology import FLRW, available, realizations
from numpy.typing import ArrayLike, NDArray


def cosmology_named(name: str) -> FLRW:
    """A cosmology of astropy, ``Planck18`` say.

    Raises
    ------
    ValueError
        There is none of that name.
    """
    if name not in available:
        raise ValueError(f"cosmology: is {name!r}; give one of {', '.join(available)}")
    return getattr(realizations, name)


def baryon_fraction(cosmology: FLRW) -> float:
    """Share of matter that is baryons, Omega_b over Omega_m."""
    if not cosmology.Ob0:
        raise ValueError(f"cosmology: {cosmology.name} has no density of baryons")
    return float(cosmology.Ob0 / cosmology.Om0)


def critical_density(z: ArrayLike, cosmology: FLRW) -> NDArray[np.float64]:
    """Critical density at redshift z, Msun kpc^-3."""
    rate = cosmology.H(np.asarray(z, float))
    density = 3 * rate**2 / (8 * np.pi * constants.G)
    return np.asarray(density.to_value(units.Msun / units.kpc**3))


def virial_overdensity(z: ArrayLike, cosmology: FLRW) -> NDArray[np.float64]:
    """Overdensity of a halo that has virialised, over the critical density.

    Of a flat universe of matter and a cosmological constant (Bryan & Norman 1998, eq. 6).
    """
    matter = cosmology.Om0 * (1 + np.asarray(z, float)) ** 3
    x = -cosmology.Ode0 / (cosmology.Ode0 + matter)
    return 18 * np.pi**2 + 82 * x - 39 * x**2
