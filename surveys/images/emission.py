"""Wavelengths of starlight and of dust, and the spectrum of dust."""

from __future__ import annotations

import numpy as np
from astropy import constants
from numpy.typing import NDArray

from surveys.errors import SettingProblem

LYMAN_UM, LONGEST_STARLIGHT_UM = 0.0912, 3.0
SHORTEST_DUST_UM, LONGEST_DUST_UM = 8.0, 1000.0
UV_UM, V_UM = 0.15, 0.55

EMISSIVITY = 1.8
"""Dust emits nu^1.8 times a blackbody."""

SOFTENING_CKPC = 2.66
"""Of FLARES, whose images have pixels of that (Roper et al. 2022)."""

LIGHT_UM_HZ = constants.c.to_value("um / s")


def check_planes(rest_um: tuple[float, ...]) -> None:
    """Raise SettingProblem unless wavelengths rise and are all of starlight or of dust."""
    if not rest_um:
        raise SettingProblem("rest_um", "is empty", "give wavelengths in microns")
    if any(np.diff(rest_um) <= 0):
        raise SettingProblem("rest_um", "does not rise", "sort it, each once")
    for wave in rest_um:
        starlight = LYMAN_UM <= wave <= LONGEST_STARLIGHT_UM
        if not starlight and not SHORTEST_DUST_UM <= wave <= LONGEST_DUST_UM:
            problem = f"has {wave:g} um, where neither stars nor dust are modelled"
            remedy = (
                f"give {LYMAN_UM:g} to {LONGEST_STARLIGHT_UM:g}, or "
                f"{SHORTEST_DUST_UM:g} to {LONGEST_DUST_UM:g}"
            )
            raise SettingProblem("rest_um", problem, remedy)


def dust_spectrum(rest_um: NDArray[np.float64], temperature_k: float) -> NDArray[np.float64]:
    """L_nu of optically thin dust of unit luminosity, per Hz."""
    hot = constants.h.value * LIGHT_UM_HZ / (constants.k_B.value * temperature_k)

    def shape(waves: NDArray[np.float64]) -> NDArray[np.float64]:
        return waves ** -(3 + EMISSIVITY) / np.expm1(hot / waves)

    waves = np.geomspace(3.0, 1e5, 4001)
    total = np.trapezoid(shape(waves) * LIGHT_UM_HZ / waves, np.log(waves))
    return shape(np.asarray(rest_um, np.float64)) / total
