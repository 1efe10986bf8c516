"""What a model says of a transient, and how bright that is.

A model is a function of one signature: named parameters -> :class:`Emission`. Parameters are
arrays of one shape, that of a grid, and so is all that comes back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from surveys.errors import SettingProblem, unknown
from surveys.transients.constants import JANSKY, KPC_CM

Values = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Parameter:
    """One number that a model wants.

    Attributes
    ----------
    name, unit : str
    default : float
    low, high : float
        Beyond these the model means nothing.
    about : str
        In words.
    assumed : bool
        Whether the default is our assumption and nobody's measurement.
    """

    name: str
    unit: str
    default: float
    low: float
    high: float
    about: str
    assumed: bool = False


@dataclass(frozen=True)
class Emission:
    """Pulses of transients, by the values of their parameters.

    Attributes
    ----------
    period_s : NDArray
        From pulse to pulse.
    jy_kpc2 : NDArray
        Flux density in the beam at the frequency of the survey, times the square of the distance.
    luminosity_erg_s : NDArray
        Of the radio emission, into its beams.
    beam_deg : NDArray
        Half-angle of the beam that turns with the star; NaN where ``duty`` is given instead.
    duty : NDArray
        Pulse over period where there is no beam to derive it from; else NaN.
    seen_share : NDArray
        Share of all sources whose beam passes us, where ``duty`` is given; else the number of
        beams.
    active_share : NDArray
        Share of the time, or of the sources, with pulses at all.
    limits : mapping of str to NDArray of bool
        Where each condition of physics lets such a source be.
    """

    period_s: NDArray[np.float64]
    jy_kpc2: NDArray[np.float64]
    luminosity_erg_s: NDArray[np.float64]
    beam_deg: NDArray[np.float64]
    duty: NDArray[np.float64]
    seen_share: NDArray[np.float64]
    active_share: NDArray[np.float64]
    limits: Mapping[str, NDArray[np.bool_]]

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Where every condition holds."""
        all_of = np.ones(self.period_s.shape, bool)
        for allowed in self.limits.values():
            all_of &= allowed
        return all_of

    def flux_jy(self, distance_kpc: float | NDArray) -> NDArray[np.float64]:
        """Flux density in the beam at distances (kpc) that go with the grid."""
        return self.jy_kpc2 / np.asarray(distance_kpc) ** 2


@dataclass(frozen=True)
class Model:
    """A kind of transient.

    Attributes
    ----------
    name : str
    parameters : tuple of Parameter
    emission : callable
        Values of all parameters, frequency of the survey (MHz) -> Emission.
    derived : bool
        Whether its formulae were derived here, from textbook physics, and not read in a paper.
    source : str
        The paper of the idea.
    """

    name: str
    parameters: tuple[Parameter, ...]
    emission: Callable[[Values, float], Emission]
    derived: bool
    source: str
    known: dict[str, Parameter] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", {p.name: p for p in self.parameters})

    def check(self, name: str, value: float, where: str) -> None:
        """Raise for a name that is not known here or a value that means nothing.

        Raises
        ------
        InputError, SettingProblem
        """
        if name not in self.known:
            raise unknown(where, f"parameters of {self.name}", name, self.known)
        p = self.known[name]
        if not p.low <= value <= p.high:
            unit = f" {p.unit}" if p.unit else ""
            raise SettingProblem(
                name, f"is {value:g} ({self.name})", f"give {p.low:g} to {p.high:g}{unit}"
            )

    def __call__(self, values: Mapping[str, float | NDArray], frequency_mhz: float) -> Emission:
        """Emission by the values that are given and the defaults of the others.

        Parameters
        ----------
        values : mapping
            Scalars and arrays that broadcast together.
        frequency_mhz : float
        """
        given = {p.name: np.asarray(values.get(p.name, p.default), float) for p in self.parameters}
        arrays = np.broadcast_arrays(*given.values())
        return self.emission(dict(zip(given, arrays, strict=True)), frequency_mhz)


SPECTRUM = (
    Parameter("spectral_index", "", -1.0, -8.0, 8.0, "of the flux density; F ∝ ν^index", True),
    Parameter("band_low_mhz", "MHz", 100.0, 1.0, 1e6, "where the radio spectrum begins", True),
    Parameter("band_high_mhz", "MHz", 1e4, 1.0, 1e6, "where it ends", True),
)
"""Parameters of :func:`spectral_density`; an index of -1 has the same power in every octave."""


def spectral_density(values: Values, frequency_mhz: float) -> NDArray[np.float64]:
    """Share of the luminosity in one Hz around a frequency, of a power law between two ends.

    ν^α / ∫ ν^α dν from ``band_low_mhz`` to ``band_high_mhz``; 0 outside.

    Raises
    ------
    SettingProblem
        The band ends before it begins.
    """
    low, high = values["band_low_mhz"] * 1e6, values["band_high_mhz"] * 1e6
    if np.any(high <= low):
        problem = f"is {float(np.min(values['band_high_mhz'])):g}"
        raise SettingProblem("band_high_mhz", problem, "give more than band_low_mhz")
    nu, slope = frequency_mhz * 1e6, values["spectral_index"] + 1.0
    ratio = np.log(high / low)
    # (exp(slope ratio) - 1) / slope, which is the logarithm of the ratio at slope 0.
    steep = np.where(np.abs(slope) < 1e-9, 1.0, slope)
    integral = np.where(np.abs(slope) < 1e-9, ratio, np.expm1(slope * ratio) / steep)
    density = (nu / low) ** values["spectral_index"] / (low * integral)
    return np.where((nu >= low) & (nu <= high), density, 0.0)


def beam_solid_angle(beam_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solid angle (sr) of a cone by its half-angle, 2 pi (1 - cos)."""
    return 4 * math.pi * np.sin(np.radians(beam_deg) / 2) ** 2


def jy_kpc2(
    luminosity_erg_s: NDArray, density_per_hz: NDArray, solid_angle_sr: NDArray
) -> NDArray[np.float64]:
    """Flux density times distance squared, Jy kpc², of a luminosity into a solid angle."""
    return luminosity_erg_s * density_per_hz / solid_angle_sr / (JANSKY * KPC_CM**2)
