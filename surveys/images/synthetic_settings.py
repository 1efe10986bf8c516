"""Which galaxies are made up, where no simulation is at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from surveys.errors import SettingProblem, check_ranges
from surveys.images.emission import check_planes

LOG_L_STAR = 29.03
"""log10 of L* at 1500 A in erg/s/Hz, as FLARES IV (Roper et al. 2022) takes it."""

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
    rest_um: tuple[float, ...] = (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.9, 50.0, 158.0)
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
        # Galaxies have them in their names.
        if len({f"{z:g}" for z in self.redshifts}) < len(self.redshifts):
            raise SettingProblem("redshifts", "has one twice", "give each once")
        check_planes(self.rest_um)
        _check_each("log_luminosity", self.log_luminosity, 20.0, 34.0)
        _check_each("tau", self.tau, 0.0, 20.0)
        for name in ("log_luminosity", "tau"):
            values = getattr(self, name)
            if len(values) != 2 or values[1] < values[0]:
                raise SettingProblem(name, f"is {values}", "give the least and the most")


def _check_each(name: str, values: tuple[float, ...], least: float, most: float) -> None:
    if not values:
        raise SettingProblem(name, "is empty", "give numbers")
    for value in values:
        if not least <= value <= most:
            raise SettingProblem(name, f"has {value:g}", f"give {least:g} to {most:g}")
