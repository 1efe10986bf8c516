"""How close a companion can be: the lobe that it fills, and the period at which it does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from surveys.transients.constants import JUPITER_RADIUS, SUN_MASS, SUN_RADIUS, YEAR_S, C, G

Companion = Literal["M dwarf", "brown dwarf", "planet", "white dwarf"]
COMPANIONS: tuple[Companion, ...] = get_args(Companion)


def lobe_radius(mass_ratio: float | NDArray) -> NDArray[np.float64]:
    """Radius of the Roche lobe over the separation, to 1 % (Eggleton 1983, ApJ 268, 368).

    Parameters
    ----------
    mass_ratio : float or array
        Of the star in the lobe to the other.
    """
    cube = np.cbrt(np.asarray(mass_ratio, float))
    return 0.49 * cube**2 / (0.6 * cube**2 + np.log1p(cube))


def separation_cm(mass_sun: float | NDArray, period_s: float | NDArray) -> NDArray[np.float64]:
    """Semi-major axis by the sum of the masses and the period (Kepler's third law)."""
    mass = np.asarray(mass_sun, float) * SUN_MASS
    return np.cbrt(G * mass * (np.asarray(period_s, float) / (2 * math.pi)) ** 2)


def white_dwarf_radius_cm(mass_sun: float | NDArray) -> NDArray[np.float64]:
    """Radius of a cold white dwarf by its mass, below 1.44 solar masses.

    Eggleton's fit, published by Verbunt & Rappaport (1988, ApJ 332, 193), equation 15.
    """
    mass = np.asarray(mass_sun, float)
    chandrasekhar, planetary = mass / 1.44, mass / 0.00057
    core = chandrasekhar ** (-2 / 3) - chandrasekhar ** (2 / 3)
    outer = 1 + 3.5 * planetary ** (-2 / 3) + 1 / planetary
    return 0.0114 * SUN_RADIUS * np.sqrt(core) * outer ** (-2 / 3)


def dwarf_radius_cm(mass_sun: float | NDArray) -> NDArray[np.float64]:
    """Radius of a fully convective M dwarf or a brown dwarf near a white dwarf, by its mass.

    The power laws that Knigge (2006, MNRAS 373, 484) measured for donors of cataclysmic variables
    below and above 0.063 solar masses. Beyond 0.20 the second goes on, as donors there are bloated
    by what they lose, and companions that lose nothing are not.
    """
    mass = np.asarray(mass_sun, float)
    brown, red = 0.110 * (mass / 0.063) ** 0.21, 0.230 * (mass / 0.20) ** 0.64
    return SUN_RADIUS * np.where(mass < 0.063, brown, red)


def planet_radius_cm(mass_sun: float | NDArray) -> NDArray[np.float64]:
    """That of Jupiter, whatever the mass of a giant planet."""
    return np.full(np.shape(mass_sun), JUPITER_RADIUS)


_RADII: dict[str, Callable[[float | NDArray], NDArray[np.float64]]] = {
    "M dwarf": dwarf_radius_cm,
    "brown dwarf": dwarf_radius_cm,
    "planet": planet_radius_cm,
    "white dwarf": white_dwarf_radius_cm,
}
MASS_RANGE: dict[str, tuple[float, float]] = {
    "M dwarf": (0.075, 0.35),
    "brown dwarf": (0.013, 0.075),
    "planet": (0.0003, 0.013),
    "white dwarf": (0.15, 1.3),
}
"""Solar masses of each kind of companion: hydrogen burns above 0.075, deuterium above
0.013, and stars are fully convective below 0.35."""


def radius_cm(companion: Companion, mass_sun: float | NDArray) -> NDArray[np.float64]:
    """Radius of a companion by its kind and mass."""
    return _RADII[companion](mass_sun)


def filling_period_s(
    radius: float | NDArray, mass_sun: float | NDArray, primary_sun: float | NDArray
) -> NDArray[np.float64]:
    """Orbital period (s) at which a star fills its Roche lobe; shorter ones would break it up.

    Parameters
    ----------
    radius : float or array
        Of the star, cm.
    mass_sun, primary_sun : float or array
        Of the star, and of the other.
    """
    mass_sun, primary_sun = np.asarray(mass_sun, float), np.asarray(primary_sun, float)
    a = np.asarray(radius, float) / lobe_radius(mass_sun / primary_sun)
    return 2 * math.pi * np.sqrt(a**3 / (G * SUN_MASS * (mass_sun + primary_sun)))


def least_period_s(companion: Companion, primary_sun: float = 0.8) -> tuple[float, float]:
    """Shortest period of any companion of a kind, and the mass (Sun) of the one that has it."""
    masses = np.geomspace(*MASS_RANGE[companion], 2000)
    periods = filling_period_s(radius_cm(companion, masses), masses, primary_sun)
    i = int(np.argmin(periods))
    return float(periods[i]), float(masses[i])


def companion_share(
    companion: Companion, period_s: float | NDArray, primary_sun: float = 0.8
) -> NDArray[np.float64]:
    """Prior of an orbital period: share of the companions of a kind that fit into the orbit.

    Companions are spread evenly in the logarithm of their mass over :data:`MASS_RANGE`; both they
    and the white dwarf have to be within their Roche lobes.

    Parameters
    ----------
    companion : str
    period_s : float or array
    primary_sun : float
        Mass of the white dwarf.
    """
    masses = np.geomspace(*MASS_RANGE[companion], 2000)
    star = white_dwarf_radius_cm(primary_sun)
    least = np.maximum(
        filling_period_s(radius_cm(companion, masses), masses, primary_sun),
        filling_period_s(star, primary_sun, masses),
    )
    return np.mean(np.asarray(period_s, float)[..., None] >= least, axis=-1)


def merger_time_yr(
    mass_sun: float, other_sun: float, period_s: float | NDArray
) -> NDArray[np.float64]:
    """Years until gravitational waves join two points in a circular orbit (Peters 1964).

    5 c⁵ a⁴ / (256 G³ m₁ m₂ (m₁ + m₂)).
    """
    a = separation_cm(mass_sun + other_sun, period_s)
    masses = mass_sun * other_sun * (mass_sun + other_sun) * SUN_MASS**3
    return 5 / 256 * C**5 * a**4 / (G**3 * masses) / YEAR_S


def breakup_period_s(mass_sun: float | NDArray, radius: float | NDArray) -> NDArray[np.float64]:
    """Shortest period of rotation (s) of a star of a mass and radius (cm): Kepler's at its rim."""
    return (
        2
        * math.pi
        * np.sqrt(np.asarray(radius, float) ** 3 / (G * SUN_MASS * np.asarray(mass_sun, float)))
    )
