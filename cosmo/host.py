"""The ionised gas of a host galaxy: from its Halpha light to emission and dispersion measure.

    EM = 2.75 pc cm^-6 T4^0.9 (I / Rayleigh)                             (Reynolds 1977)
    DM = 387 pc/cc (L/kpc)^1/2 [4 f_f / (zeta (1 + eps^2))]^1/2 (EM / 600 pc cm^-6)^1/2

the second from Cordes et al. (2016) and Tendulkar et al. (2017, ApJ 834 L7). Both EM and this DM
are in the *rest* frame of the gas: surface brightness is corrected for its (1 + z)^4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import constants, units
from numpy.typing import NDArray

from cosmo.units import EM, redshifts, value_in

Array = NDArray[np.float64]

BRIGHTNESS = units.erg / (units.s * units.cm**2 * units.arcsec**2)
"""The unit of surface brightness, erg/s/cm^2/arcsec^2."""
_FLUX = units.erg / (units.s * units.cm**2)
_HALPHA = 6564.613 * units.AA  # in vacuum
HALPHA_EXTINCTION = 0.818
"""A(Halpha) / A_V by the law of Cardelli, Clayton & Mathis (1989, ApJ 345 245), R_V = 3.1."""


@dataclass(frozen=True)
class IonisedGas:
    """What the light does not tell about the gas that emits it.

    Attributes
    ----------
    depth_kpc : float
        L: how far the line of sight to the source goes through the gas.
    temperature_k : float
    filling : float
        f_f: share of the depth that is in clouds.
    zeta : float
        Scatter of the density from cloud to cloud, <n^2> / <n>^2: 1 for none, 2 for as much as
        the mean.
    epsilon : float
        Relative scatter of the density within a cloud.
    """

    depth_kpc: float = 1.0
    temperature_k: float = 1e4
    filling: float = 1.0
    zeta: float = 2.0
    epsilon: float = 1.0

    def __post_init__(self) -> None:
        for name in ("depth_kpc", "temperature_k", "filling", "zeta"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} = {getattr(self, name)} has to be above 0")
        if self.filling > 1:
            raise ValueError(f"filling = {self.filling} is no fraction from 0 to 1")
        if not 0 <= self.epsilon < np.inf:
            raise ValueError(f"epsilon = {self.epsilon} has to be 0 or more")


def mean_brightness(flux: Any, radius_arcsec: Any) -> Array:
    """Mean surface brightness of a flux (erg/s/cm^2) within a circle: erg/s/cm^2/arcsec^2.

    Half of the flux is inside the half-light radius. Put in all of it with that radius, as FRBs/FRB
    does, and the result is twice the true mean.
    """
    radius = value_in(radius_arcsec, units.arcsec, "radius_arcsec")
    if not (radius > 0).all():
        raise ValueError(f"radius_arcsec = {np.min(radius)} has to be above 0")
    return value_in(flux, _FLUX, "flux") / (np.pi * radius**2)


def em_from_halpha(brightness: Any, z: Any, temperature_k: Any = 1e4, a_v: Any = 0.0) -> Array:
    """Emission measure of gas, from its Halpha surface brightness.

    Parameters
    ----------
    brightness : array_like or Quantity
        As observed, erg/s/cm^2/arcsec^2.
    z : array_like
    temperature_k : array_like or Quantity
    a_v : array_like
        Extinction (mag) in V inside the host; Halpha is dimmed by 0.818 of it. The Milky Way dims
        at the observed wavelength: correct the brightness for that beforehand.

    Returns
    -------
    em : array
        Rest frame, pc cm^-6.
    """
    brightness = value_in(brightness, BRIGHTNESS, "brightness")
    temperature = value_in(temperature_k, units.K, "temperature_k")
    a_v = np.asarray(a_v, dtype=np.float64)
    for name, values in (("brightness", brightness), ("temperature_k", temperature), ("a_v", a_v)):
        if not (values >= 0).all():
            raise ValueError(f"{name} = {np.min(values)} has to be 0 or more")
    undimmed = brightness * 10 ** (0.4 * HALPHA_EXTINCTION * a_v)
    rest = undimmed * (1 + redshifts(z)) ** 4
    photon = constants.h * constants.c / _HALPHA / units.photon
    rayleighs = rest * (BRIGHTNESS / photon).to(units.R)
    return 2.75 * (temperature / 1e4) ** 0.9 * rayleighs.to_value(units.R)


def dm_from_em(em: Any, gas: IonisedGas | None = None) -> Array:
    """Dispersion measure of gas with an emission measure.

    Parameters
    ----------
    em : array_like or Quantity
        Rest frame, pc cm^-6.
    gas : IonisedGas
        One kpc with all factors 1 unless given; its temperature is in em already.

    Returns
    -------
    dm : array
        *Rest* frame, pc/cc; we observe it divided by 1 + z.
    """
    gas = gas or IonisedGas()
    em = value_in(em, EM, "em")
    if not (em >= 0).all():
        raise ValueError(f"em = {np.min(em)} has to be 0 or more")
    clumps = 4 * gas.filling / (gas.zeta * (1 + gas.epsilon**2))
    return 387.0 * np.sqrt(gas.depth_kpc * clumps * em / 600.0)


@dataclass(frozen=True)
class HalphaDM:
    """What Halpha light says of a host, in both frames.

    Attributes
    ----------
    em : array
        Rest frame, pc cm^-6.
    rest : array
        DM in the frame of the host, pc/cc.
    observed : array
        The same as we observe it, rest / (1 + z).
    """

    em: Array
    rest: Array
    observed: Array


def host_dm_from_halpha(
    brightness: Any, z: Any, gas: IonisedGas | None = None, a_v: Any = 0.0
) -> HalphaDM:
    """Emission and dispersion measure of a host behind its Halpha surface brightness.

    Parameters are those of `em_from_halpha` and `dm_from_em`.
    """
    gas = gas or IonisedGas()
    em = em_from_halpha(brightness, z, gas.temperature_k, a_v)
    rest = dm_from_em(em, gas)
    return HalphaDM(em, rest, rest / (1 + redshifts(z)))
