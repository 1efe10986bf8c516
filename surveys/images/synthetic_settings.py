"""Which galaxies are made up, where no simulation is at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from surveys.errors import SettingProblem, check_ranges

LOG_L_STAR = 29.03
"""log10 of L* at 1500 A in erg/s/Hz, as FLARES IV (Roper et al. 2022) takes it."""

SOFTENING_CKPC = 2.66
"""Of FLARES, whose images have pixels of that."""

LONGEST_STARLIGHT_UM, SHORTEST_DUST_UM, LONGEST_DUST_UM = 3.0, 8.0, 1000.0

_POSITIVE = math.ulp(0.0), math.inf


@dataclass(frozen=True)
class SyntheticSettings:
    """A population of made-up galaxies.

    Attributes
    ----------
    redshifts : tuple of float
    number : int
        Of galaxies at each redshift.
    seed : int
    rest_um : tuple of float
        Wavelengths of the planes: starlight to 3, dust from 8 microns.
    n_pixels : int
        Along a side.
    pixel_kpc : float, optional
        Without, 2.66 kpc / (1 + z), the softening of FLARES.
    log_luminosity : (float, float)
        Range of log10 of the observed luminosity at 1500 A, erg/s/Hz.
    faint_slope : float
        Of the Schechter function that luminosities are drawn from.
    size_scatter_dex : float
        Of the disc's radius at a luminosity.
    tau : (float, float)
        Range of the optical depth in the V band of the dust before the middle.
    dust_k : float
        Temperature of the dust.
    """

    redshifts: tuple[float, ...] = (5.0, 6.0, 7.0, 8.0, 9.0, 10.0)
    number: int = 100
    seed: int = 0
    rest_um: tuple[float, ...] = (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 50.0, 158.0)
    n_pixels: int = 256
    pixel_kpc: float | None = 0.1
    log_luminosity: tuple[float, float] = (28.4, 29.8)
    faint_slope: float = -1.9
    size_scatter_dex: float = 0.15
    tau: tuple[float, float] = (0.8, 1.6)
    dust_k: float = 45.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            {
                "number": (1, 10_000_000),
                "seed": (0, (1 << 63) - 1),
                "n_pixels": (8, 4096),
                "pixel_kpc": _POSITIVE,
                "faint_slope": (-4.0, 2.0),
                "size_scatter_dex": (0.0, 1.0),
                "dust_k": (10.0, 150.0),
            },
        )
        _check_each("redshifts", self.redshifts, 0.1, 30.0)
        _check_each("rest_um", self.rest_um, 0.0912, LONGEST_DUST_UM)
        _check_each("log_luminosity", self.log_luminosity, 20.0, 34.0)
        _check_each("tau", self.tau, 0.0, 20.0)
        for name in ("log_luminosity", "tau"):
            values = getattr(self, name)
            if len(values) != 2 or values[1] < values[0]:
                raise SettingProblem(name, f"is {values}", "give the least and the most")
        if any(np.diff(self.rest_um) <= 0):
            raise SettingProblem("rest_um", "does not rise", "sort it, each once")
        for wave in self.rest_um:
            if LONGEST_STARLIGHT_UM < wave < SHORTEST_DUST_UM:
                problem = f"has {wave:g} um, where neither stars nor dust are modelled"
                remedy = f"give up to {LONGEST_STARLIGHT_UM:g}, or {SHORTEST_DUST_UM:g} and more"
                raise SettingProblem("rest_um", problem, remedy)


def _check_each(name: str, values: tuple[float, ...], least: float, most: float) -> None:
    if not values:
        raise SettingProblem(name, "is empty", "give numbers")
    for value in values:
        if not least <= value <= most:
            raise SettingProblem(name, f"has {value:g}", f"give {least:g} to {most:g}")
