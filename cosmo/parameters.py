"""Parameters of a cosmology as a JAX pytree, and the expansion rate that they give.

With ``a = 1 / (1 + z)`` and densities in units of the critical one today,

    E^2 = Omega_cb a^-3 + Omega_gamma a^-4 + rho_nu(a) + Omega_k a^-2 + Omega_de u(a)
    u(a) = a^(-3 (1 + w0 + wa)) exp(-3 wa (1 - a))

``Omega_de`` is what closes the sum to 1. Neutrinos are three species of one mass and share
``n_eff`` evenly: each has the temperature ``(4/11)^(1/3) (n_eff/3)^(1/4) T_cmb``, and

    rho_nu(a) = 7/8 (4/11)^(4/3) n_eff Omega_gamma a^-4 I(m a / (k_B T_nu)) / I(0)
    I(y) = integral of x^2 sqrt(x^2 + y^2) / (e^x + 1) dx over x > 0

``omega_m`` has the rest mass of all neutrinos in it (the sum of masses over 93.04 eV h^2), not
their motion, so that no mass is no special case. The Boltzmann code CAMB counts in the same way.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from astropy import constants, units
from jax import Array
from numpy.typing import NDArray

HUBBLE_DISTANCE = 2997.92458
"""c / H0 in Mpc/h."""

_NODES, _LN_X = 44, (-9.6, 3.85)
"""The trapezoid in ln x converges exponentially: no singularity is nearer than i pi/2."""

_ZETA_3 = 1.2020569031595942


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Cosmology:
    """Parameters; every one is a leaf, which `jax.grad` and `jax.vmap` can take.

    Nothing is checked here, where values may be traced: `cosmology_of` checks.

    Attributes
    ----------
    h : float
        Hubble constant over 100 km/s/Mpc.
    omega_m : float
        All matter today, massive neutrinos in it.
    omega_b : float
        Baryons.
    n_s : float
        Slope of the primordial spectrum.
    sigma8, a_s : float, optional
        Amplitude; one of them. ``a_s`` is at k = 0.05 / Mpc.
    omega_k : float
        Curvature; positive is open.
    w0, wa : float
        Equation of state of dark energy, w0 + wa (1 - a).
    m_nu : float
        Sum of the masses of three neutrinos of one mass, eV.
    n_eff : float
        Effective number of neutrinos.
    t_cmb : float
        Temperature of the CMB today, K. 0 leaves all radiation out.
    """

    h: Any
    omega_m: Any
    omega_b: Any
    n_s: Any
    sigma8: Any = None
    a_s: Any = None
    omega_k: Any = 0.0
    w0: Any = -1.0
    wa: Any = 0.0
    m_nu: Any = 0.0
    n_eff: Any = 3.044
    t_cmb: Any = 2.7255

    @property
    def without_spectrum(self) -> Cosmology:
        """The same but for the primordial spectrum: one compiled function does for all of them."""
        return replace(self, n_s=1.0, sigma8=None, a_s=None)

    @property
    def omega_gamma(self) -> Any:
        """Photons."""
        return _photons() * self.t_cmb**4 / self.h**2

    @property
    def omega_nu_massless(self) -> Any:
        """Neutrinos, had they no mass."""
        return 7 / 8 * (4 / 11) ** (4 / 3) * self.n_eff * self.omega_gamma

    @property
    def omega_nu(self) -> Any:
        """Rest mass of the neutrinos."""
        return 180 * _ZETA_3 / (7 * np.pi**4) * self.omega_nu_massless * _mass_over_kt(self)

    @property
    def omega_cb(self) -> Any:
        """Cold dark matter and baryons."""
        return self.omega_m - self.omega_nu

    @property
    def omega_radiation(self) -> Any:
        """Photons and neutrinos, had these no mass."""
        return self.omega_gamma + self.omega_nu_massless

    @property
    def omega_de(self) -> Any:
        """Dark energy, which closes the sum of densities."""
        return 1 - self.omega_k - self.omega_cb - self.omega_gamma - neutrinos(self, 0.0)

    @property
    def curvature(self) -> Any:
        """K, (h/Mpc)^2; negative is open."""
        return -self.omega_k / HUBBLE_DISTANCE**2


def expansion_squared(cosmology: Cosmology, log_1pz: Any) -> Array:
    """E^2 = (H / H0)^2 at ``ln(1 + z)``, of any shape."""
    x = jnp.asarray(log_1pz)
    w = 1 + cosmology.w0 + cosmology.wa
    dark = jnp.exp(3 * (w * x + cosmology.wa * jnp.expm1(-x)))
    return (
        cosmology.omega_cb * jnp.exp(3 * x)
        + cosmology.omega_gamma * jnp.exp(4 * x)
        + neutrinos(cosmology, x)
        + cosmology.omega_k * jnp.exp(2 * x)
        + cosmology.omega_de * dark
    )


def neutrinos(cosmology: Cosmology, log_1pz: Any) -> Array:
    """Density of neutrinos over the critical one today, at ``ln(1 + z)``."""
    log_1pz = jnp.asarray(log_1pz)
    x, weight = (jnp.asarray(v, jnp.result_type(float)) for v in _fermi_dirac())
    y = _mass_over_kt(cosmology) * jnp.exp(-log_1pz)
    integral = jnp.sum(weight * jnp.sqrt(x**2 + y[..., None] ** 2), axis=-1)
    return cosmology.omega_nu_massless * jnp.exp(4 * log_1pz) * integral


def recombination_redshift(cosmology: Cosmology) -> Any:
    """Redshift of last scattering (Hu & Sugiyama 1996, ApJ 471 542, eq. E-1)."""
    b, m = cosmology.omega_b * cosmology.h**2, cosmology.omega_m * cosmology.h**2
    g1 = 0.0783 * b**-0.238 / (1 + 39.5 * b**0.763)
    g2 = 0.560 / (1 + 21.1 * b**1.81)
    return 1048 * (1 + 0.00124 * b**-0.738) * (1 + g1 * m**g2)


def cosmology_of(given: Mapping[str, Any]) -> Cosmology:
    """A cosmology from names and numbers, checked.

    Raises
    ------
    ValueError
        A name is unknown or missing, a value makes no sense, or there is not just one amplitude.
    """
    names = [field.name for field in fields(Cosmology)]
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(str(name), names, 1, 0.0)[0]
            raise ValueError(f"{name} is no parameter of a cosmology; the nearest is {near}")
    for name in ("h", "omega_m", "omega_b", "n_s"):
        if name not in given:
            raise ValueError(f"{name} is missing")
    if ("sigma8" in given) == ("a_s" in given):
        raise ValueError("sigma8 or a_s has to be given, and not both")
    values = {name: _number(name, value) for name, value in given.items()}
    cosmology = Cosmology(**values)
    _check_densities(cosmology)
    return cosmology


_LIMITS = {
    "h": (0.1, 2.0),
    "omega_m": (1e-3, 2.0),
    "omega_b": (1e-5, 1.0),
    "n_s": (0.1, 2.0),
    "sigma8": (1e-3, 10.0),
    "a_s": (1e-11, 1e-7),
    "omega_k": (-0.9, 0.9),
    "w0": (-5.0, 1.0),
    "wa": (-10.0, 5.0),
    "m_nu": (0.0, 10.0),
    "n_eff": (0.0, 20.0),
    "t_cmb": (0.1, 10.0),
}


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {value!r} is not a number") from None
    low, high = _LIMITS[name]
    if isinstance(value, bool) or not low <= number <= high:
        raise ValueError(f"{name} = {value} is not between {low:g} and {high:g}")
    return number


def _check_densities(cosmology: Cosmology) -> None:
    if cosmology.m_nu > 0 and not cosmology.n_eff > 0:
        raise ValueError(f"n_eff = {cosmology.n_eff} leaves no neutrinos to have m_nu")
    with jax.enable_x64(True):
        x = np.linspace(0, np.log(1e5), 2000)
        omega_cb, squared = map(np.asarray, _densities(cosmology.without_spectrum, x))
        if not cosmology.omega_b < omega_cb:
            others = cosmology.omega_m - float(cosmology.omega_nu)
            raise ValueError(
                f"omega_b = {cosmology.omega_b} is not below omega_m less neutrinos, {others:.5g}"
            )
    if not (squared > 0).all():
        z = np.expm1(x[np.argmin(squared > 0)])
        raise ValueError(f"omega_m, omega_k, w0 and wa give an expansion that stops at z = {z:.3g}")


@jax.jit
def _densities(cosmology: Cosmology, log_1pz: Array) -> tuple[Array, Array]:
    return jnp.asarray(cosmology.omega_cb), expansion_squared(cosmology, log_1pz)


def _mass_over_kt(cosmology: Cosmology) -> Array:
    """Mass of a neutrino over k_B T_nu today."""
    share, t_cmb = (jnp.asarray(v, float) for v in (cosmology.n_eff / 3, cosmology.t_cmb))
    there = (share > 0) & (t_cmb > 0)
    # Without neutrinos their mass does not matter; what is not used must have a slope as well.
    t_nu = (4 / 11) ** (1 / 3) * jnp.where(there, share, 1.0) ** 0.25 * jnp.where(there, t_cmb, 1.0)
    return cosmology.m_nu / 3 / (_boltzmann() * t_nu)


@lru_cache
def _photons() -> float:
    """Omega_gamma h^2 of 1 K."""
    density = 4 * constants.sigma_sb * (1 * units.K) ** 4 / constants.c**3
    rate = 100 * units.km / units.s / units.Mpc
    critical = 3 * rate**2 / (8 * np.pi * constants.G)
    return float((density / critical).to_value(""))


@lru_cache
def _boltzmann() -> float:
    """k_B in eV / K."""
    return float(constants.k_B.to_value("eV / K"))


@lru_cache
def _fermi_dirac() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes x and weights of x^2 / (e^x + 1), normalised so that I(0) = 1."""
    log_x, step = np.linspace(*_LN_X, _NODES, retstep=True)
    x = np.exp(log_x)
    return x, step * x**3 / (np.exp(x) + 1) / (7 * np.pi**4 / 120)
