"""The noise of an interferometer, from what its antennas hear."""

from __future__ import annotations

import math
from dataclasses import dataclass

_BOLTZMANN_JY_M2 = 1380.649
"""Boltzmann's constant in Jy m^2 / K."""


def sefd_jy(system_k: float, dish_m: float, aperture_efficiency: float) -> float:
    """Flux that doubles the power of an antenna, ``2 k T / A``."""
    area_m2 = aperture_efficiency * math.pi * dish_m**2 / 4
    return 2 * _BOLTZMANN_JY_M2 * system_k / area_m2


def visibility_noise_jy(sefd_jy: float, width_mhz: float, seconds: float) -> float:
    """Standard deviation of either part of a visibility of one polarisation."""
    return sefd_jy / math.sqrt(2 * width_mhz * 1e6 * seconds)


@dataclass(frozen=True)
class Radiometer:
    """An array, and how it is used.

    Attributes
    ----------
    sefd_jy : float
        Of an antenna and polarisation.
    n_antennas : int
    bandwidth_mhz : float
    tsamp_s : float
    n_polarisations : int
    efficiency : float
        What weighting, quantisation and errors of phase leave of the signal-to-noise ratio.
    """

    sefd_jy: float
    n_antennas: int
    bandwidth_mhz: float
    tsamp_s: float
    n_polarisations: int = 2
    efficiency: float = 1.0

    @property
    def noise_jy(self) -> float:
        """Standard deviation of a pixel of one sample in Stokes I, all channels together."""
        n_baselines = self.n_antennas * (self.n_antennas - 1) / 2
        one = visibility_noise_jy(self.sefd_jy, self.bandwidth_mhz, self.tsamp_s)
        return one / math.sqrt(self.n_polarisations * n_baselines) / self.efficiency

    def limits(self, n_sigma: float = 6.0) -> tuple[float, float]:
        """Flux (Jy) and fluence (Jy ms) of a pulse of one sample that stands so far out."""
        flux = n_sigma * self.noise_jy
        return flux, flux * self.tsamp_s * 1e3
