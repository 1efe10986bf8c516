"""Magnetic white dwarfs whose companion moves through their field: a unipolar inductor.

The picture is that of Qu & Zhang (2025, arXiv:2409.05978): a companion of low magnetization drives
a current along the field, and a relativistic electron cyclotron maser radiates. All formulae are
*derived* here, step by step in ``docs/survey_exclude.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surveys.transients.constants import CYCLOTRON_HZ_G, C
from surveys.transients.emission import (
    SPECTRUM,
    Emission,
    Model,
    Parameter,
    Values,
    beam_solid_angle,
    jy_kpc2,
    spectral_density,
)
from surveys.transients.roche import (
    MASS_RANGE,
    Companion,
    breakup_period_s,
    filling_period_s,
    radius_cm,
    separation_cm,
    white_dwarf_radius_cm,
)

SOURCE = "Qu & Zhang 2025, arXiv:2409.05978 (the picture); all formulae are derived"
_COMPANION_MASS: dict[str, float] = {
    "M dwarf": 0.15,
    "brown dwarf": 0.05,
    "planet": 0.005,
    "white dwarf": 0.6,
}


@dataclass(frozen=True)
class WhiteDwarfSettings:
    """What the model takes the period and the power for.

    Attributes
    ----------
    period : str
        What pulses repeat with: the orbit, the spin of the white dwarf, or the beat of both.
    companion : str
        Its radius follows from its mass.
    power : str
        "circuit": voltage squared over the resistance of the magnetosphere, up to the other;
        "intercepted": all magnetic energy that sweeps over the companion.
    """

    period: Literal["orbital", "spin", "beat"] = "orbital"
    companion: Companion = "M dwarf"
    power: Literal["circuit", "intercepted"] = "circuit"


def parameters(settings: WhiteDwarfSettings) -> tuple[Parameter, ...]:
    """Parameters of the model; masses by the kind of the companion."""
    kind = settings.companion
    return (
        Parameter("period_s", "s", 7200.0, 1.0, 1e6, f"{settings.period}, of the pulses"),
        Parameter("orbital_period_s", "s", 7200.0, 1.0, 1e6, "unless the pulses have it"),
        Parameter("asynchronism", "", 1.0, 1e-6, 1e4, "|1 - P_orbit / P_spin|", True),
        Parameter("field_g", "G", 1e7, 1e2, 1e10, "of the white dwarf, at the pole", True),
        Parameter("mass_sun", "Sun", 0.8, 0.3, 1.3, "of the white dwarf", True),
        Parameter(
            "companion_mass_sun", "Sun", _COMPANION_MASS[kind], *MASS_RANGE[kind],
            "of the companion", True,
        ),
        Parameter("lorentz_factor", "", 10.0, 1.0, 1e6, "of the electrons", True),
        Parameter("harmonic", "", 1.0, 1.0, 100.0, "of the cyclotron frequency", True),
        Parameter("efficiency", "", 0.01, 1e-12, 1.0, "radio over dissipated power", True),
        Parameter("beam_deg", "deg", 5.0, 0.01, 90.0, "half-angle; at least 1 / γ", True),
        Parameter("beams", "", 2.0, 1.0, 2.0, "how many share the power", True),
        Parameter("active_share", "", 1.0, 1e-6, 1.0, "of the time or the sources", True),
        *SPECTRUM,
    )  # fmt: skip


def circuit_power(
    moment: NDArray, companion_cm: NDArray, slip: NDArray, a: NDArray
) -> NDArray[np.float64]:
    """Power (erg/s) of two circuits of the companion's voltage and the resistance 4 π / c.

    (2 / π) μ² R² ΔΩ² / (c a⁴), which goes with P^(-14/3) of an orbit. *Derived*.

    Parameters
    ----------
    moment : array
        Magnetic moment of the white dwarf, G cm³.
    companion_cm : array
        Radius of the companion.
    slip : array
        Angular speed of the companion through the field, s⁻¹.
    a : array
        Separation, cm.
    """
    return 2 / math.pi * (moment * companion_cm * slip) ** 2 / (C * a**4)


def intercepted_power(
    moment: NDArray, companion_cm: NDArray, slip: NDArray, a: NDArray
) -> NDArray[np.float64]:
    """Power (erg/s) of the magnetic energy that sweeps over the companion, (B² / 8 π) π R² v.

    μ² R² ΔΩ / (8 a⁵), which goes with P^(-13/3) of an orbit. *Derived*. Arguments as in
    :func:`circuit_power`.
    """
    return (moment * companion_cm) ** 2 * slip / (8 * a**5)


def white_dwarf(settings: WhiteDwarfSettings) -> Model:
    """The model, by what its period and power mean."""

    def emission(values: Values, frequency_mhz: float) -> Emission:
        return _emission(settings, values, frequency_mhz)

    return Model("white_dwarf", parameters(settings), emission, True, SOURCE)


def _turns(
    settings: WhiteDwarfSettings, values: Values
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Orbital period, angular speed through the field, spin period (infinite if unknown)."""
    period, orbit = values["period_s"], values["orbital_period_s"]
    if settings.period == "orbital":
        slip = values["asynchronism"] * 2 * math.pi / period
        return period, slip, np.full(period.shape, np.inf)
    if settings.period == "spin":
        return orbit, 2 * math.pi * np.abs(1 / period - 1 / orbit), period
    return orbit, 2 * math.pi / period, 1 / (1 / period + 1 / orbit)


def _emission(settings: WhiteDwarfSettings, values: Values, frequency_mhz: float) -> Emission:
    mass, other = values["mass_sun"], values["companion_mass_sun"]
    star, companion = white_dwarf_radius_cm(mass), radius_cm(settings.companion, other)
    orbit, slip, spin = _turns(settings, values)
    a = separation_cm(mass + other, orbit)
    moment = values["field_g"] * star**3 / 2
    power = intercepted_power(moment, companion, slip, a)
    if settings.power == "circuit":
        # No more than there is: this matters beyond a fifth of the speed of light.
        power = np.minimum(power, circuit_power(moment, companion, slip, a))
    luminosity = values["efficiency"] * power
    beam = np.maximum(values["beam_deg"], np.degrees(1 / values["lorentz_factor"]))
    solid_angle = values["beams"] * beam_solid_angle(beam)
    # Head on, an electron that gyrates and flows along the field shows 2 γ times its frequency.
    boosted = 2 * values["lorentz_factor"] * values["harmonic"] * CYCLOTRON_HZ_G
    nu = frequency_mhz * 1e6
    return Emission(
        values["period_s"],
        jy_kpc2(luminosity, spectral_density(values, frequency_mhz), solid_angle),
        luminosity,
        beam_deg=beam,
        duty=np.full(orbit.shape, np.nan),
        seen_share=values["beams"],
        active_share=values["active_share"],
        limits={
            "Roche lobe": _apart(orbit, (mass, star), (other, companion)),
            "break-up": spin >= breakup_period_s(mass, star),
            "light cylinder": a <= C * spin / (2 * math.pi),
            "frequency": (boosted * moment / a**3 <= nu) & (nu <= boosted * values["field_g"]),
        },
    )


def _apart(
    orbit: NDArray, star: tuple[NDArray, NDArray], companion: tuple[NDArray, NDArray]
) -> NDArray[np.bool_]:
    """Whether neither of two stars, each a mass and a radius, fills its Roche lobe."""
    return (orbit >= filling_period_s(companion[1], companion[0], star[0])) & (
        orbit >= filling_period_s(star[1], star[0], companion[0])
    )
