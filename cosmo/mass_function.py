"""How many halos there are, and how much of all matter is in them.

The mass function is that of Tinker et al. (2008), from the package colossus.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from astropy.cosmology import FLRW, FlatLambdaCDM, Planck18
from numpy.typing import ArrayLike, NDArray

from cosmo.units import redshifts

_SIGMA8, _SPECTRAL_INDEX = 0.8102, 0.9665
"""Planck Collaboration 2020 (A&A 641, A6), table 2, last column."""

_PER_DECADE = 40


@dataclass(frozen=True)
class MassFunction:
    """Halos of the mass M200m.

    Attributes
    ----------
    cosmology : astropy.cosmology.FLRW
        Flat, with a cosmological constant.
    sigma8, spectral_index : float

    Raises
    ------
    ValueError
        The cosmology is another.
    """

    cosmology: FLRW = field(default_factory=lambda: Planck18)
    sigma8: float = _SIGMA8
    spectral_index: float = _SPECTRAL_INDEX

    def __post_init__(self) -> None:
        if not isinstance(self.cosmology, FlatLambdaCDM):
            kind = type(self.cosmology).__name__
            raise ValueError(f"cosmology: is a {kind}; the mass function takes a FlatLambdaCDM")

    def density(self, log_mass: ArrayLike, z: float) -> NDArray[np.float64]:
        """Comoving number of halos per Mpc^3 and unit of log10 of the mass (Msun)."""
        from colossus.cosmology import cosmology
        from colossus.lss import mass_function

        own, h = self.cosmology, self.cosmology.h
        mass = 10 ** np.asarray(log_mass, float) * h
        # Colossus computes in the cosmology that was set last, which is not ours to change.
        before = cosmology.current_cosmo
        cosmology.setCurrent(
            _colossus(own.H0.value, own.Om0, own.Ob0, self.sigma8, self.spectral_index)
        )
        try:
            per_ln = mass_function.massFunction(
                np.ravel(mass), float(redshifts(z)), mdef="200m", model="tinker08", q_out="dndlnM"
            )
        finally:
            cosmology.setCurrent(before)
        return np.reshape(per_ln, np.shape(mass)) * h**3 * np.log(10)

    def collapsed(self, log_mass_min: float, log_mass_max: float, z: float) -> float:
        """Fraction of all matter in halos between two masses."""
        if not log_mass_min < log_mass_max:
            raise ValueError(f"log_mass_min = {log_mass_min} is not below {log_mass_max}")
        n = max(2, int(np.ceil((log_mass_max - log_mass_min) * _PER_DECADE)) + 1)
        log_mass = np.linspace(log_mass_min, log_mass_max, n)
        matter = self.cosmology.Om0 * self.cosmology.critical_density0.to_value("Msun / Mpc3")
        weight = self.density(log_mass, z) * 10**log_mass / matter
        return float(np.trapezoid(weight, log_mass))


@lru_cache
def _colossus(h0: float, om0: float, ob0: float, sigma8: float, spectral_index: float) -> Any:
    """The cosmology as colossus has it; it keeps nothing on the disk."""
    from colossus.cosmology import cosmology

    own = {"flat": True, "H0": h0, "Om0": om0, "Ob0": ob0, "sigma8": sigma8, "ns": spectral_index}
    return cosmology.Cosmology(name=f"slowburst {own}", persistence="", **own)
