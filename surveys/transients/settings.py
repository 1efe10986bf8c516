"""What is excluded: the file of ``slowburst survey exclude``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surveys.errors import SettingProblem, check_ranges
from surveys.transients.detection import LongPulses
from surveys.transients.empirical import PowerLawSettings
from surveys.transients.galaxy import GalaxySettings
from surveys.transients.white_dwarf import WhiteDwarfSettings

ModelName = Literal[
    "magnetar_rics", "magnetar_curvature", "white_dwarf", "empirical", "power_law"
]  # fmt: skip


@dataclass(frozen=True)
class Fixed:
    """The value of a parameter that is no axis; of one that is: where single numbers are given.

    Attributes
    ----------
    name : str
    value : float
    """

    name: str
    value: float


@dataclass(frozen=True)
class Axis:
    """One of the two axes of the grid.

    Attributes
    ----------
    name : str
    low, high : float
    n : int
    scale : str
    """

    name: str
    low: float
    high: float
    n: int = 50
    scale: Literal["log", "linear"] = "log"

    def __post_init__(self) -> None:
        check_ranges(self, {"n": (2, 1000)})
        if self.high <= self.low:
            raise SettingProblem("high", f"is {self.high:g}", f"give more than {self.low:g}")
        if self.scale == "log" and self.low <= 0:
            raise SettingProblem("low", f"is {self.low:g}", 'give more than 0, or scale = "linear"')

    @property
    def values(self) -> NDArray[np.float64]:
        """Values along the axis, shape (n,)."""
        make = np.geomspace if self.scale == "log" else np.linspace
        return make(self.low, self.high, self.n)


@dataclass(frozen=True)
class SearchSettings:
    """What was searched, and how well.

    Attributes
    ----------
    frequency_mhz : float
        Middle of the band.
    completeness : Path, optional
        Folder of ``slowburst inject``; an ideal search without.
    efficiency : float
        Share of the S/N that an ideal search keeps.
    nside : int, optional
        Of the cells; that of the coverage, but no more than 64, without.
    l_deg, b_deg : tuple of float, optional
        Galactic limits of the region; from the first longitude eastwards to the second.
    long_pulses : str
        "lost": pulses wider than the widest filter are not found; "cut": by a part of them.
    activity : str
        "source": active in all visits or in none; "visits": each visit has a chance of its own.
    """

    frequency_mhz: float
    completeness: Path | None = None
    efficiency: float = 1.0
    nside: int | None = None
    l_deg: tuple[float, float] | None = None
    b_deg: tuple[float, float] | None = None
    long_pulses: LongPulses = "lost"
    activity: Literal["source", "visits"] = "source"

    def __post_init__(self) -> None:
        check_ranges(self, {"frequency_mhz": (1.0, 1e6), "efficiency": (0.01, 1.0)})
        if self.nside is not None and (
            not 1 <= self.nside <= 1024 or self.nside & (self.nside - 1)
        ):
            raise SettingProblem("nside", f"is {self.nside}", "give a power of 2 up to 1024")
        for name, span in (("l_deg", (-360.0, 360.0)), ("b_deg", (-90.0, 90.0))):
            limits = getattr(self, name) or span
            if not all(span[0] <= value <= span[1] for value in limits):
                remedy = f"give two numbers from {span[0]:g} to {span[1]:g}"
                raise SettingProblem(name, f"is {list(limits)}", remedy)
        if self.b_deg and self.b_deg[0] >= self.b_deg[1]:
            raise SettingProblem("b_deg", f"is {list(self.b_deg)}", "give the southern one first")

    def inside(self, l_deg: NDArray, b_deg: NDArray) -> NDArray[np.bool_]:
        """Whether places are within the limits of the region."""
        inside = np.ones(np.shape(l_deg), bool)
        if self.l_deg:
            width = (self.l_deg[1] - self.l_deg[0]) % 360 or 360.0
            inside &= (np.asarray(l_deg) - self.l_deg[0]) % 360 <= width
        if self.b_deg:
            inside &= (np.asarray(b_deg) >= self.b_deg[0]) & (np.asarray(b_deg) <= self.b_deg[1])
        return inside


@dataclass(frozen=True)
class PopulationSettings:
    """What is rejected.

    Attributes
    ----------
    density_pc3 : float
        Sources in a cubic parsec at the Sun.
    confidence : float
    distance_kpc : float, optional
        Of the one source in a cell; spread like the discs without.
    """

    density_pc3: float = 1e-8
    confidence: float = 0.95
    distance_kpc: float | None = None

    def __post_init__(self) -> None:
        check_ranges(
            self,
            {
                "density_pc3": (1e-20, 1e3),
                "confidence": (0.01, 1 - 1e-9),
                "distance_kpc": (1e-3, 1e3),
            },
        )

    @property
    def least_events(self) -> float:
        """Expected detections above which none is unlikely enough: 3.00 at 95 %."""
        return -math.log1p(-self.confidence)


@dataclass(frozen=True)
class ExcludeSettings:
    """Everything in the file.

    Attributes
    ----------
    model : str
    axis : tuple of Axis
        Two.
    search : SearchSettings
    parameter : tuple of Fixed
    population : PopulationSettings
    galaxy : GalaxySettings
    white_dwarf : WhiteDwarfSettings
    power_law : PowerLawSettings
    """

    model: ModelName
    axis: tuple[Axis, ...]
    search: SearchSettings
    parameter: tuple[Fixed, ...] = ()
    population: PopulationSettings = field(default_factory=PopulationSettings)
    galaxy: GalaxySettings = field(default_factory=GalaxySettings)
    white_dwarf: WhiteDwarfSettings = field(default_factory=WhiteDwarfSettings)
    power_law: PowerLawSettings = field(default_factory=PowerLawSettings)

    def __post_init__(self) -> None:
        if len(self.axis) != 2:
            raise SettingProblem("axis", f"has {len(self.axis)} tables", "give two [[axis]]")
        for what, names in (
            ("axis", [a.name for a in self.axis]),
            ("parameter", [p.name for p in self.parameter]),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise SettingProblem(what, f"has {name!r} twice", "give it once")
