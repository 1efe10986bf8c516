"""Thermal noise of visibilities and of naturally weighted images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveys.instruments import alma
from surveys.instruments.radiometer import sefd_jy, visibility_noise_jy


@dataclass(frozen=True)
class Receivers:
    """What a pair of antennas hears beside the source.

    Attributes
    ----------
    system_k : float
    aperture_efficiency : float
    efficiency : float
        What quantisation and the correlator leave of the signal-to-noise ratio.
    dish_m : float
    bandwidth_ghz : float
    n_polarisations : int
    """

    system_k: float
    aperture_efficiency: float
    efficiency: float = alma.ETA_QUANTISATION * alma.ETA_CORRELATOR
    dish_m: float = alma.DISH_M
    bandwidth_ghz: float = alma.BANDWIDTH_GHZ
    n_polarisations: int = alma.N_POLARISATIONS

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}; give a number above 0")

    @classmethod
    def at(cls, freq_ghz: float, system_k: float | None = None) -> Receivers:
        """Those of ALMA at a frequency, with the system temperature of the band unless given."""
        band = alma.band_of(freq_ghz)
        kelvin = band.system_k if system_k is None else system_k
        return cls(kelvin, alma.aperture_efficiency(freq_ghz))

    def sigma_jy(self, seconds: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Standard deviation of either part of a visibility in Stokes I.

        ``sqrt(2) k Tsys / (eta_q eta_c A_eff sqrt(n_pol dnu t))``.
        """
        sefd = sefd_jy(self.system_k, self.dish_m, self.aperture_efficiency) / self.efficiency
        one = visibility_noise_jy(sefd, self.bandwidth_ghz * 1e3 * self.n_polarisations, 1.0)
        return one / np.sqrt(np.asarray(seconds, np.float64))

    def image_rms_jy(self, n_antennas: int, hours: float) -> float:
        """Standard deviation of a naturally weighted image, Jy/beam."""
        n_baselines = n_antennas * (n_antennas - 1) / 2
        return float(self.sigma_jy(hours * 3600)) / math.sqrt(n_baselines)
