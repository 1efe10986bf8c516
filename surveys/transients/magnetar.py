"""Slow magnetars whose crust flows and twists a bundle of field lines.

The picture is that of Cooper & Wadiasingh (2024, arXiv:2406.04135): plastic flow or thermoelectric
currents of the crust twist the field, and cascades of pairs begin beyond a mild twist. From the
paper are the death lines alone. The power is *derived* here from the twisted bundle of Beloborodov
(2009, ApJ 703, 1044), step by step in ``docs/survey_exclude.md``.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surveys.transients.constants import (
    BOLTZMANN,
    ELECTRON_CHARGE,
    ELECTRON_MASS,
    PLANCK,
    QUANTUM_FIELD_G,
    REST_ENERGY,
    YEAR_S,
    C,
)
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

Channel = Literal["RICS", "curvature"]
SOURCE = "Cooper & Wadiasingh 2024, arXiv:2406.04135 (death lines); the power is derived"
LEAST_FIELD_G = 1e14
"""Pairs are made above this (abstract of the paper)."""
PARAMETERS = (
    Parameter("period_s", "s", 1000.0, 0.1, 1e6, "of rotation"),
    Parameter("field_g", "G", 1e15, 1e12, 1e17, "at the pole", True),
    Parameter("plastic_cm_yr", "cm/yr", 1e3, 1e-2, 1e8, "speed of the crust", True),
    Parameter("temperature_k", "K", 10**6.5, 1e5, 1e8, "of the surface", True),
    Parameter("twist_rad", "rad", 0.1, 1e-8, 1.0, "of the bundle", True),
    Parameter("bundle", "", 0.01, 1e-5, 0.5, "sin² of the angle of its edge from the pole", True),
    Parameter("radius_km", "km", 12.0, 8.0, 16.0, "of the star", True),
    Parameter("efficiency", "", 1e-4, 1e-12, 1.0, "radio over pair luminosity", True),
    *SPECTRUM,
)


def rics_death_line_s(temperature_k: NDArray | float) -> NDArray[np.float64]:
    """Shortest period with pairs by resonant inverse-Compton scattering (abstract of the paper)."""
    return 120.0 * (np.asarray(temperature_k, float) / 10**6.5) ** -5.0


def curvature_death_line_s(plastic_cm_yr: NDArray | float) -> NDArray[np.float64]:
    """Shortest period with pairs by curvature radiation (abstract of the paper)."""
    return 150.0 * (np.asarray(plastic_cm_yr, float) / 1e3) ** (-7.0 / 6.0)


def bundle_power(
    field_g: NDArray, radius_cm: NDArray, bundle: NDArray, twist: NDArray, volts: NDArray
) -> NDArray[np.float64]:
    """Power (erg/s) of the current of a twisted bundle through a voltage (statvolt).

    L = (c / 8) ψ B R u² Φ; 1.2e36 erg/s for 1e14 G, 10 km, ψ = u = 1 and a gigavolt. *Derived*.
    """
    return C / 8 * twist * field_g * radius_cm * bundle**2 * volts


def critical_twist(period_s: NDArray, bundle: NDArray, radius_cm: NDArray) -> NDArray[np.float64]:
    """Twist (rad) whose current is more than charges of corotation carry, 4 π R / (c P u).

    *Derived*: below it nothing needs pairs.
    """
    return 4 * math.pi * radius_cm / (C * period_s * bundle)


def flow_voltage(
    field_g: NDArray, radius_cm: NDArray, bundle: NDArray, plastic_cm_yr: NDArray
) -> NDArray[np.float64]:
    """Voltage (statvolt) that the flow upholds for ever, v B R √u / (2 c). *Derived*."""
    speed = plastic_cm_yr / YEAR_S
    return speed * field_g * radius_cm * np.sqrt(bundle) / (2 * C)


def discharge_voltage(
    channel: Channel,
    field_g: NDArray,
    temperature_k: NDArray,
    bundle: NDArray,
    radius_cm: NDArray,
) -> NDArray[np.float64]:
    """Voltage (statvolt) at which an accelerated electron makes pairs. *Derived*.

    RICS: thermal photons of 3 kT are at the cyclotron resonance, γ = (B / B_q) m c² / (3 kT).
    Curvature: photons of 3 ħ c γ³ / (2 ρ), bent by h / ρ within a gap of h = R, make pairs at
    threshold, γ³ = 4 ρ² / (3 ƛ R), with ρ = 4 R / (3 √u) of a dipole.
    """
    if channel == "RICS":
        gamma = field_g / QUANTUM_FIELD_G * REST_ENERGY / (3 * BOLTZMANN * temperature_k)
    else:
        curvature = 4 * radius_cm / (3 * np.sqrt(bundle))
        compton = PLANCK / (ELECTRON_MASS * C)
        gamma = np.cbrt(4 * curvature**2 / (3 * compton * radius_cm))
    return np.maximum(gamma, 1.0) * REST_ENERGY / ELECTRON_CHARGE


def magnetar(channel: Channel) -> Model:
    """The model with pairs by one of the two channels."""

    def emission(values: Values, frequency_mhz: float) -> Emission:
        return _emission(channel, values, frequency_mhz)

    return Model(f"magnetar_{channel.lower()}", PARAMETERS, emission, True, SOURCE)


def _emission(channel: Channel, values: Values, frequency_mhz: float) -> Emission:
    period, field, bundle = (values[name] for name in ("period_s", "field_g", "bundle"))
    radius = values["radius_km"] * 1e5
    needed = discharge_voltage(channel, field, values["temperature_k"], bundle, radius)
    upheld = flow_voltage(field, radius, bundle, values["plastic_cm_yr"])
    power = bundle_power(field, radius, bundle, values["twist_rad"], np.maximum(needed, upheld))
    luminosity = values["efficiency"] * power
    # Field lines leave the surface of a dipole 1.5 times as far from the axis as they stand.
    beam = np.degrees(1.5 * np.arcsin(np.sqrt(bundle)))
    line = (
        rics_death_line_s(values["temperature_k"])
        if channel == "RICS"
        else curvature_death_line_s(values["plastic_cm_yr"])
    )
    return Emission(
        period,
        jy_kpc2(luminosity, spectral_density(values, frequency_mhz), beam_solid_angle(beam)),
        luminosity,
        beam_deg=beam,
        duty=np.full(period.shape, np.nan),
        seen_share=np.ones(period.shape),
        active_share=np.minimum(upheld / needed, 1.0),
        limits={
            "field": field >= LEAST_FIELD_G,
            "death line": period >= line,
            "twist": values["twist_rad"] >= critical_twist(period, bundle, radius),
        },
    )
