"""Transients like those that are known, and those that a user makes up from power laws."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveys.errors import SettingProblem, check_ranges
from surveys.transients.constants import JANSKY, KPC_CM
from surveys.transients.emission import (
    SPECTRUM,
    Emission,
    Model,
    Parameter,
    Values,
    jy_kpc2,
    spectral_density,
)

PULSES = (
    Parameter("period_s", "s", 1000.0, 0.1, 1e6, "of the pulses"),
    Parameter("duty_cycle", "", 0.03, 1e-6, 1.0, "pulse over period", True),
    Parameter("seen_share", "", 1.0, 1e-6, 1.0, "of all sources, by their beams", True),
    Parameter("active_share", "", 1.0, 1e-6, 1.0, "of the time or the sources", True),
)
EMPIRICAL = (
    *PULSES,
    Parameter("peak_jy_kpc2", "Jy kpc²", 1.0, 1e-9, 1e9, "peak flux times distance squared", True),
    Parameter("reference_mhz", "MHz", 1400.0, 1.0, 1e6, "where that is", True),
    Parameter("spectral_index", "", -1.0, -8.0, 8.0, "of the flux density", True),
)


def empirical() -> Model:
    """Sources of a given peak flux times distance squared, a period and a duty cycle."""
    return Model("empirical", EMPIRICAL, _empirical, False, "known sources")


def _empirical(values: Values, frequency_mhz: float) -> Emission:
    ratio = frequency_mhz / values["reference_mhz"]
    flux = values["peak_jy_kpc2"] * ratio ** values["spectral_index"]
    # As if isotropic, and as wide as its frequency.
    luminosity = 4 * math.pi * JANSKY * KPC_CM**2 * flux * frequency_mhz * 1e6
    return _pulses(values, flux, luminosity)


def _pulses(values: Values, flux: NDArray, luminosity: NDArray) -> Emission:
    shape = values["period_s"].shape
    return Emission(
        values["period_s"],
        flux,
        luminosity,
        beam_deg=np.full(shape, np.nan),
        duty=values["duty_cycle"],
        seen_share=values["seen_share"],
        active_share=values["active_share"],
        limits={},
    )


@dataclass(frozen=True)
class Factor:
    """One factor of a luminosity, (parameter / pivot)^index.

    Attributes
    ----------
    parameter : str
    pivot, index : float
    low, high : float
        Values that the parameter may have.
    """

    parameter: str
    pivot: float
    index: float
    low: float = 1e-30
    high: float = 1e30

    def __post_init__(self) -> None:
        positive = (math.ulp(0.0), 1e300)
        check_ranges(self, {"pivot": positive, "low": positive, "high": positive})
        check_ranges(self, {"index": (-30.0, 30.0)})
        if self.high <= self.low:
            raise SettingProblem("high", f"is {self.high:g}", "give more than low")
        if not self.parameter.isidentifier():
            raise SettingProblem("parameter", f"is {self.parameter!r}", "give a word")


@dataclass(frozen=True)
class PowerLawSettings:
    """A luminosity that is a product of powers.

    Attributes
    ----------
    luminosity_erg_s : float
        With every parameter at its pivot.
    solid_angle_sr : float
        Into which it goes.
    factor : tuple of Factor
    """

    luminosity_erg_s: float = 1e30
    solid_angle_sr: float = 4 * math.pi
    factor: tuple[Factor, ...] = ()

    def __post_init__(self) -> None:
        check_ranges(
            self,
            {
                "luminosity_erg_s": (1e10, 1e50),
                "solid_angle_sr": (1e-9, 4 * math.pi * (1 + 1e-9)),
            },
        )
        names = [f.parameter for f in self.factor]
        taken = {p.name for p in (*PULSES, *SPECTRUM)} - {"period_s"}
        for name in names:
            if name in taken or names.count(name) > 1:
                problem = f"has {name!r} twice" if name not in taken else f"has {name!r}"
                raise SettingProblem("factor", problem, "give each once, and words of your own")


def power_law(settings: PowerLawSettings) -> Model:
    """The model of a user: luminosity by powers of parameters of any name."""
    own = [
        Parameter(f.parameter, "", f.pivot, f.low, f.high, "of your own")
        for f in settings.factor
        if f.parameter != "period_s"
    ]

    def emission(values: Values, frequency_mhz: float) -> Emission:
        luminosity = np.full(values["period_s"].shape, settings.luminosity_erg_s)
        for f in settings.factor:
            luminosity = luminosity * (values[f.parameter] / f.pivot) ** f.index
        density = spectral_density(values, frequency_mhz)
        flux = jy_kpc2(luminosity, density, np.asarray(settings.solid_angle_sr))
        return _pulses(values, flux, luminosity)

    return Model("power_law", (*PULSES, *own, *SPECTRUM), emission, False, "the user")
