"""How what was searched is mapped: the file of ``slowburst survey coverage``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from surveys.coverage.coverage import Frame
from surveys.errors import SettingProblem, check_ranges
from surveys.scheduling import Workers

FLUXES_JY, TIMES_S = (1e-12, 1e12), (1e-9, 1e9)
"""Ranges of flux densities and widths of pulses: beyond, numbers in single precision end."""
_POSITIVE = math.ulp(0.0), math.inf


@dataclass(frozen=True)
class BeamSettings:
    """The primary beam of searches; what is not given is what their summaries say.

    Attributes
    ----------
    fwhm_deg : float, optional
    dish_m : float, optional
        Diameter of a dish, in place of it: 1.22 wavelengths over it in the middle of the band.
    none : bool
        There is no beam: all of an image is as deep as its middle.
    drift : bool, optional
        Whether dishes are at rest; they follow the sky without.
    """

    fwhm_deg: float | None = None
    dish_m: float | None = None
    none: bool = False
    drift: bool | None = None

    def __post_init__(self) -> None:
        check_ranges(self, {"fwhm_deg": (math.ulp(0.0), 180), "dish_m": _POSITIVE})
        if (self.fwhm_deg is not None) + (self.dish_m is not None) + self.none > 1:
            raise SettingProblem("fwhm_deg", "is not the only one", "give it, dish_m or none")


@dataclass(frozen=True)
class SiteSettings:
    """Where the telescope is, to find pointings below the horizon.

    Attributes
    ----------
    lon_deg, lat_deg : float, optional
        Geodetic, east positive; nothing is looked for without.
    least_altitude_deg : float
    leave_out : bool
        Leave out pointings that are below; otherwise they are an error.
    """

    lon_deg: float | None = None
    lat_deg: float | None = None
    least_altitude_deg: float = 0.0
    leave_out: bool = False

    def __post_init__(self) -> None:
        ranges = {"lon_deg": (-360, 360), "lat_deg": (-90, 90), "least_altitude_deg": (-5, 89)}
        check_ranges(self, ranges)
        if (self.lon_deg is None) != (self.lat_deg is None):
            raise SettingProblem("lon_deg", "is not there with lat_deg", "give both or neither")


@dataclass(frozen=True)
class CoverageSettings:
    """What is mapped, and how.

    Attributes
    ----------
    nside : int, optional
        Of HEALPix; a power of two. That of the map that is there, or 256, without.
    frame : str, optional
        Of the map. That of the map that is there, or "icrs", without.
    least_gain : float
        Of the beam, where a place still counts as searched.
    noise_change : float
        Frames of a search whose noise is within this share of each other are one pointing.
    jy_per_unit : float, optional
        Of searches of data that are not in Jy.
    flux_jy, width_s : tuple of float
        Of the pulses whose exposure is mapped, each with each.
    completeness : Path, optional
        Folder of `slowburst inject`; without one it is that of Gaussian noise.
    efficiency : float
        Share of the S/N that is kept, without a measured completeness.
    share : float
        That is found at the flux of maps of the sensitivity.
    above_hours : tuple of float
        Exposures above which the area is told; the first also bounds the MOC.
    beam : BeamSettings
    site : SiteSettings
    run : Workers
    """

    nside: int | None = None
    frame: Frame | None = None
    least_gain: float = 0.1
    noise_change: float = 0.05
    jy_per_unit: float | None = None
    flux_jy: tuple[float, ...] = (0.1, 1.0, 10.0)
    width_s: tuple[float, ...] = (1.0, 10.0)
    completeness: Path | None = None
    efficiency: float = 1.0
    share: float = 0.9
    above_hours: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0)
    beam: BeamSettings = field(default_factory=BeamSettings)
    site: SiteSettings = field(default_factory=SiteSettings)
    run: Workers = field(default_factory=Workers)

    def __post_init__(self) -> None:
        ranges = {
            "nside": (1, 8192),
            "least_gain": (1e-3, 0.99),
            "noise_change": (1e-3, 1.0),
            "jy_per_unit": _POSITIVE,
            "efficiency": (0.01, 1.0),
            "share": (0.01, 0.99),
            "flux_jy": FLUXES_JY,
            "width_s": TIMES_S,
            "above_hours": TIMES_S,
        }
        check_ranges(self, ranges)
        if self.nside is not None and self.nside & (self.nside - 1):
            raise SettingProblem("nside", f"is {self.nside}", "give a power of two, 1 to 8192")
        for name in ("flux_jy", "width_s", "above_hours"):
            values = getattr(self, name)
            if not values:
                raise SettingProblem(name, "is empty", "give at least one number")
            if len(set(values)) < len(values):
                raise SettingProblem(name, "has a number twice", "give each once")
