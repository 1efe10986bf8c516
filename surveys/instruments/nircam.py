"""NIRCam on JWST: filters, detectors, and the noise of an image.

Filters are those of the user documentation after launch: pivot wavelength, width, throughput of
telescope, camera, filter and detector together, and wavelengths of half power. Detectors are the
averages of its page on their performance. The sky is a formula of our own; see `background_mjy_sr`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np

AREA_M2 = 25.4
"""Unobscured collecting area of the telescope."""

AB_ZERO_JY = 3631.0
PLANCK_J_S = 6.62607015e-34
SR_PER_ARCSEC2 = math.radians(1 / 3600) ** 2

FRAME_S = 10.73677
"""Time that a read of a whole detector takes."""


@dataclass(frozen=True)
class Detector:
    """One of the two kinds of detectors.

    Attributes
    ----------
    pixel_arcsec : float
    cds_noise_e : float
        Noise of the difference of two reads.
    dark_e_s : float
        Dark current.
    ramp_noise_e : float
        Measured noise of slope times time of a dark ramp of 1000 s with 93 reads.
    gain_e_dn : float
    full_well_e : float
    """

    pixel_arcsec: float
    cds_noise_e: float
    dark_e_s: float
    ramp_noise_e: float
    gain_e_dn: float
    full_well_e: float

    @property
    def floor_e(self) -> float:
        """Noise of a ramp that more reads do not lower, mostly correlated in time (1/f).

        What is left of the measured noise once that of the reads and of the dark current is taken.
        """
        reads = _slope_noise2(93) * self.cds_noise_e**2 / 2
        return math.sqrt(self.ramp_noise_e**2 - reads - _POISSON * self.dark_e_s * 1000.0)


DETECTORS: Mapping[str, Detector] = MappingProxyType(
    {
        "SW": Detector(0.031, 15.77, 1.9e-3, 7.79, 2.05, 105_750.0),
        "LW": Detector(0.063, 13.25, 34.2e-3, 9.28, 1.82, 83_300.0),
    }
)

_POISSON = 1.2
"""Variance of the slope of a ramp of many reads over that of counting photons (Rauscher 2007)."""


def _slope_noise2(n_reads: int) -> float:
    """Variance of slope times time of a ramp of reads of unit noise (Rauscher et al. 2007)."""
    return 12.0 * (n_reads - 1) / (n_reads * (n_reads + 1.0))


@dataclass(frozen=True)
class Filter:
    """A filter.

    Attributes
    ----------
    name : str
    pivot_um : float
    width_um : float
        Integral of the throughput over its greatest value.
    throughput : float
        Electrons per photon that reaches the primary mirror, mean over the band.
    blue_um, red_um : float
        Wavelengths of half power.
    """

    name: str
    pivot_um: float
    width_um: float
    throughput: float
    blue_um: float
    red_um: float

    @property
    def channel(self) -> Literal["SW", "LW"]:
        """Side of the dichroic."""
        return "SW" if self.pivot_um < 2.4 else "LW"

    @property
    def detector(self) -> Detector:
        """Detectors behind the filter."""
        return DETECTORS[self.channel]

    @property
    def pixel_arcsec(self) -> float:
        return self.detector.pixel_arcsec

    @property
    def electrons_per_njy(self) -> float:
        """Electrons per second from a source of 1 nJy whose f_nu is flat: A eta / h dlambda/lambda.

        A is the area and eta the throughput.
        """
        photons = 1e-35 * AREA_M2 / PLANCK_J_S * self.width_um / self.pivot_um
        return photons * self.throughput

    @property
    def background_mjy_sr(self) -> float:
        """Mean of `background_mjy_sr` over the photons of the band."""
        wavelength = np.linspace(self.blue_um, self.red_um, 101)
        return float(np.average(background_mjy_sr(wavelength), weights=1 / wavelength))

    @property
    def background_e_s(self) -> float:
        """Electrons per second and pixel of the detector from the sky."""
        njy = 1e15 * self.background_mjy_sr * SR_PER_ARCSEC2 * self.pixel_arcsec**2
        return njy * self.electrons_per_njy


_FILTERS = """
F070W  0.704 0.128 0.237 0.624 0.781
F090W  0.901 0.194 0.318 0.795 1.005
F115W  1.154 0.225 0.333 1.013 1.282
F140M  1.404 0.142 0.434 1.331 1.479
F150W  1.501 0.318 0.476 1.331 1.668
F162M  1.626 0.168 0.469 1.542 1.713
F150W2 1.671 1.227 0.489 1.007 2.380
F182M  1.845 0.238 0.505 1.722 1.968
F200W  1.990 0.461 0.525 1.755 2.227
F210M  2.093 0.205 0.522 1.992 2.201
F250M  2.503 0.181 0.370 2.412 2.595
F277W  2.786 0.672 0.412 2.423 3.132
F300M  2.996 0.318 0.432 2.831 3.157
F322W2 3.247 1.339 0.499 2.432 4.013
F335M  3.365 0.347 0.480 3.177 3.537
F356W  3.563 0.787 0.530 3.135 3.981
F360M  3.621 0.372 0.515 3.426 3.814
F410M  4.092 0.436 0.499 3.866 4.302
F430M  4.280 0.228 0.526 4.167 4.398
F444W  4.421 1.024 0.533 3.881 4.982
F460M  4.624 0.228 0.460 4.515 4.747
F480M  4.834 0.303 0.447 4.662 4.973
"""
FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        name: Filter(name, *(float(n) for n in numbers))
        for name, *numbers in (row.split() for row in _FILTERS.split("\n") if row)
    }
)


def filter_named(name: str) -> Filter:
    """The filter of a name, in capitals or not.

    Raises
    ------
    ValueError
        There is none.
    """
    found = FILTERS.get(name.strip().upper())
    if found is None:
        near = difflib.get_close_matches(name.strip().upper(), FILTERS, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(FILTERS)}"
        raise ValueError(f"{name!r} is no wide or medium filter of NIRCam; {remedy}")
    return found


def background_mjy_sr(wavelength_um: np.ndarray | float) -> np.ndarray:
    """Surface brightness of the sky away from the ecliptic, MJy/sr.

    Sunlight that dust scatters, slightly reddened, 0.25 MJy/sr at 1.25 um with the stray light, and
    the warmth of dust at 260 K and of the telescope, 0.5 MJy/sr at 4.9 um. The shapes are physical;
    the two levels are estimates of about 1.2 times the least zodiacal light, and are held to
    published sensitivities by a test. The sky of a field differs by a factor of 2 either way.
    """
    wavelength = np.asarray(wavelength_um, dtype=float)
    sunlight = _planck(wavelength, 5770.0) / _planck(1.25, 5770.0)
    warmth = _planck(wavelength, 260.0) / _planck(4.9, 260.0)
    return 0.25 * sunlight * (wavelength / 1.25) ** 0.3 + 0.5 * warmth


def _planck(wavelength_um: np.ndarray | float, kelvin: float) -> np.ndarray:
    """B_nu of a black body but for its constant; h c / k is 14387.77 um K."""
    wavelength = np.asarray(wavelength_um, dtype=float)
    return wavelength**-3.0 / np.expm1(14387.77 / (wavelength * kelvin))


@dataclass(frozen=True)
class Exposure:
    """How long, and how the detectors are read.

    Attributes
    ----------
    time_s : float
        In all.
    n_ramps : int, optional
        Integrations; without it as many as keep each at 1000 s or less.
    n_reads : int, optional
        Of a ramp that enter its slope, evenly spread; without it all frames that there is time for.
    """

    time_s: float
    n_ramps: int | None = None
    n_reads: int | None = None
    ramps: int = field(init=False)
    reads: int = field(init=False)

    def __post_init__(self) -> None:
        ramps = self.n_ramps or math.ceil(self.time_s / 1000.0)
        if not (math.isfinite(self.time_s) and ramps > 0 and self.time_s / ramps >= 2 * FRAME_S):
            problem = f"{self.time_s:g} s in {ramps} ramps gives no two reads to each"
            least = 2 * FRAME_S * max(ramps, 1)
            raise ValueError(f"{problem}; give {least:.1f} s or more, a read takes {FRAME_S:.1f} s")
        most = int(self.time_s / ramps / FRAME_S)
        reads = most if self.n_reads is None else self.n_reads
        if not 2 <= reads <= most:
            raise ValueError(f"a ramp cannot have {reads} reads; give 2 to {most}")
        object.__setattr__(self, "ramps", ramps)
        object.__setattr__(self, "reads", reads)


def noise_sigma_njy(
    band: Filter, exposure: Exposure, pixel_arcsec: float | None = None, background: float = 1.0
) -> float:
    """Noise of a pixel far from sources, in nJy.

    Photons of the sky, dark current, reads and the floor of a ramp, of slopes fitted to evenly
    spread reads with equal weights.

    Parameters
    ----------
    band : Filter
    exposure : Exposure
    pixel_arcsec : float, optional
        Of the image; without it that of the detector. The noise of a pixel goes as its side, as if
        pixels of the detector were cut or put together, without the correlation of neighbours.
    background : float
        The sky in units of `background_mjy_sr`.
    """
    detector = band.detector
    rate = background * band.background_e_s + detector.dark_e_s
    n = exposure.reads
    poisson = _POISSON * (n * n + 1.0) / (n * (n + 1.0)) * rate * exposure.time_s
    reads = _slope_noise2(n) * detector.cds_noise_e**2 / 2 + detector.floor_e**2
    electrons = math.sqrt(poisson + exposure.ramps * reads)
    scale = (pixel_arcsec or detector.pixel_arcsec) / detector.pixel_arcsec
    return scale * electrons / (band.electrons_per_njy * exposure.time_s)


def ab_to_njy(magnitude: float) -> float:
    """Flux of an AB magnitude; 31.4 is 1 nJy."""
    return 1e9 * AB_ZERO_JY * 10.0 ** (-0.4 * magnitude)


def njy_to_ab(flux_njy: float) -> float:
    """AB magnitude of a flux above 0."""
    return -2.5 * math.log10(flux_njy / (1e9 * AB_ZERO_JY))
