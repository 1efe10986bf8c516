"""Where the baryons are: in stars, in cold gas, in halos, and between them.

Of the baryons of the universe the fraction ``f_d(z)`` is *diffuse*: ionised, and in no star,
stellar remnant or interstellar medium. It is what disperses radio waves outside galaxies. A part
of it is the hot gas of halos, the rest lies between them:

    f_d = f_halos + f_igm,    f_halos = f_gas f_collapsed

where ``f_gas`` is the share of its baryons (cosmic ratio times mass) that a halo holds as hot gas
and ``f_collapsed`` the fraction of all matter that is in the halos in question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from astropy.cosmology import FLRW, Planck18
from astropy.units import Mpc, solMass
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from cosmo.units import redshifts

HELIUM = 0.2454
"""Mass fraction of the baryons that is helium (Planck Collaboration 2020, A&A 641, A6)."""

Array = NDArray[np.float64]
Fraction = float | Callable[[Array], Array]
"""A fraction that is the same at all redshifts, or a function of redshift."""

# The star formation history of Madau & Dickinson (2014), ARA&A 52 415, eq. 15 (Salpeter stars, in
# their cosmology), and the fraction of the mass formed that returns to the gas (their section 5).
_RECYCLED = 0.27
_HUBBLE_PER_YR = 70.0 / 977.792221e9
_MATTER = 0.3
_FIRST_STARS = np.log(1 + 30.0)

# Densities in units of the critical one, Fukugita & Peebles (2004), ApJ 616 643, table 1.
_STARS = 0.0015 + 0.00055  # spheroids and bulges, disks and irregulars
_REMNANTS = (0.00036 + 0.00005 + 0.00007 + 0.00014) / _STARS  # white dwarfs to brown dwarfs
_COLD_GAS = (0.00062 + 0.00016) / _STARS  # atomic and molecular


def star_formation_rate(z: Any) -> Array:
    """Comoving density of star formation, solar masses per year and Mpc^3.

    Madau & Dickinson (2014), eq. 15, for Salpeter's initial mass function.
    """
    x = 1 + redshifts(z)
    return 0.015 * x**2.7 / (1 + (x / 2.9) ** 5.6)


def stellar_mass_density(z: Any) -> Array:
    """Comoving density of mass in living stars, solar masses per Mpc^3.

    What has formed until then, less the 27 % that returned (Madau & Dickinson 2014, eq. 2).
    """
    formed = _mass_formed()(np.minimum(np.log1p(redshifts(z)), _FIRST_STARS))
    return np.maximum(formed, 0.0)


@lru_cache(maxsize=1)
def _mass_formed() -> CubicSpline:
    """Stellar mass density against ln(1 + z), none before z = 30."""
    x = np.linspace(0.0, _FIRST_STARS, 1025)
    rate = star_formation_rate(np.expm1(x)) * (1 - _RECYCLED) / (_HUBBLE_PER_YR * _expansion(x))
    formed = CubicSpline(x, rate).antiderivative()
    return CubicSpline(x, formed(x[-1]) - formed(x))


def _expansion(x: Array) -> Array:
    """H / H0 at x = ln(1 + z), in the cosmology of the star formation history."""
    return np.sqrt(_MATTER * np.exp(3 * x) + 1 - _MATTER)


def _age(z: Any) -> Array:
    """Age of the universe in that cosmology, in units of 2 / (3 H0 sqrt(Omega_Lambda))."""
    return np.arcsinh(np.sqrt((1 - _MATTER) / _MATTER) * (1 + np.asarray(z)) ** -1.5)


def cold_gas_per_star(z: Any) -> Array:
    """Mass of the neutral interstellar medium in units of the mass of the living stars.

    0.38 today (Fukugita & Peebles 2004), and 1 from z = 1 on; between them a parabola in cosmic
    time that is 0.58 half-way (Prochaska & Zheng 2019, MNRAS 485 648; Macquart et al. 2020).
    """
    values = redshifts(z)
    now, then = _age(0.0), _age(1.0)
    # 0 today, 1 at z = 1.
    t = np.clip((now - _age(values)) / (now - then), 0.0, 1.0)
    # Lagrange's parabola through the three points.
    return _COLD_GAS * (2 * t - 1) * (t - 1) + 0.58 * 4 * t * (1 - t) + t * (2 * t - 1)


def diffuse_fraction(z: Any, cosmology: FLRW = Planck18) -> Array:
    """Fraction f_d of the baryons that is diffuse and ionised.

    The stellar mass density of Madau & Dickinson (2014), with the remnants and the cold gas that
    go with it (Fukugita & Peebles 2004; Prochaska & Zheng 2019), is taken from the baryons of the
    cosmology. Reionisation is not in it: below z = 6 or so all that is diffuse is ionised.

    Parameters
    ----------
    z : array_like
    cosmology : astropy.cosmology.FLRW
        With a baryon density.

    Returns
    -------
    f_d : array, the shape of z

    Raises
    ------
    ValueError
        z is negative, or the cosmology has no baryons.
    """
    dense = stellar_mass_density(z) * (1 + _REMNANTS + cold_gas_per_star(z))
    return 1 - dense / baryon_density(cosmology)


def baryon_density(cosmology: FLRW) -> float:
    """Comoving density of baryons, solar masses per Mpc^3."""
    if not cosmology.Ob0:
        raise ValueError(
            f"cosmology {cosmology.name or cosmology} has no baryon density: give it Ob0"
        )
    return float(cosmology.Ob0 * cosmology.critical_density0.to_value(solMass / Mpc**3))


def evaluate(fraction: Fraction, z: Any, name: str) -> Array:
    """A number or function at redshifts, with the shape of z.

    Raises
    ------
    ValueError
        A value is outside 0 to 1.
    """
    z = np.asarray(z, dtype=np.float64)
    value = fraction(z) if callable(fraction) else fraction
    value = np.broadcast_to(np.asarray(value, dtype=np.float64), z.shape)
    wrong = ~((value >= 0) & (value <= 1))
    if wrong.any():
        at = f" at z = {z[wrong].flat[0]:.4g}" if callable(fraction) else ""
        raise ValueError(f"{name} = {value[wrong].flat[0]:.4g}{at} is no fraction from 0 to 1")
    return value


@dataclass(frozen=True)
class BaryonBudget:
    """The diffuse baryons, shared between halos and what is between them.

    Attributes
    ----------
    f_gas : float or callable
        Hot gas of a halo, out to where its profile is cut off, in units of the cosmic share of
        its mass. A profile that is continued to two virial radii holds more than inside one.
    f_collapsed : float or callable
        Fraction of all matter in the halos that are counted one by one.
    f_igm : float or callable, optional
        Fraction of the baryons between halos. Left out, it is all that the halos leave.
    f_d : float or callable, optional
        Diffuse fraction; `diffuse_fraction` of the cosmology unless given.
    cosmology : astropy.cosmology.FLRW

    No baryon is counted twice: a budget with more in halos and between them than is diffuse
    raises a ValueError where it is evaluated. Less is allowed; `missing` says how much.
    """

    f_gas: Fraction
    f_collapsed: Fraction
    f_igm: Fraction | None = None
    f_d: Fraction | None = None
    cosmology: FLRW = field(default_factory=lambda: Planck18)

    def diffuse(self, z: Any) -> Array:
        """All that is diffuse, f_d."""
        return diffuse_at(self.f_d, z, self.cosmology)

    def halos(self, z: Any) -> Array:
        """In hot gas of the halos, f_gas f_collapsed."""
        gas = evaluate(self.f_gas, z, "f_gas")
        halos = gas * evaluate(self.f_collapsed, z, "f_collapsed")
        self._check(z, halos, "f_halos = f_gas f_collapsed")
        return halos

    def igm(self, z: Any) -> Array:
        """Between the halos."""
        halos = self.halos(z)
        if self.f_igm is None:
            return np.maximum(self.diffuse(z) - halos, 0.0)
        igm = evaluate(self.f_igm, z, "f_igm")
        self._check(z, igm + halos, "f_igm + f_halos")
        return igm

    def missing(self, z: Any) -> Array:
        """Diffuse baryons that are neither in these halos nor between them."""
        return self.diffuse(z) - self.igm(z) - self.halos(z)

    def _check(self, z: Any, used: Array, name: str) -> None:
        z, diffuse = np.asarray(z, dtype=np.float64), self.diffuse(z)
        wrong = used > diffuse * (1 + 1e-12)
        if wrong.any():
            raise ValueError(
                f"{name} = {used[wrong].flat[0]:.4g} at z = {z[wrong].flat[0]:.4g} is more than "
                f"the diffuse fraction f_d = {diffuse[wrong].flat[0]:.4g}: "
                "baryons would be counted twice"
            )


def diffuse_at(f_d: Fraction | None, z: Any, cosmology: FLRW) -> Array:
    """The diffuse fraction that was given, or that of the cosmology."""
    return diffuse_fraction(z, cosmology) if f_d is None else evaluate(f_d, z, "f_d")
