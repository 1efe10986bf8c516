"""What is counted and what is asked: the file of ``slowburst survey limits``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from surveys.coverage.settings import FLUXES_JY, TIMES_S
from surveys.errors import SettingProblem, check_ranges
from surveys.rates.background import MOST_COUNTS
from surveys.rates.poisson import check_counts

_MOST_NSIDE = 8192


@dataclass(frozen=True)
class CountSettings:
    """What the search found.

    Attributes
    ----------
    detections : int
        Real ones, or not known to be false.
    events : Path, optional
        Table with `ra` and `dec` of each, such as `candidates.ecsv`: then cells have counts of
        their own. The number of its rows is that of the detections.
    background : float
        False alarms that are expected, known.
    confidence : float
        Of limits.
    kind : str
        Exact limits of Poisson counts, or those of Feldman and Cousins beside a background.
    """

    detections: int = 0
    events: Path | None = None
    background: float = 0.0
    confidence: float = 0.95
    kind: Literal["classical", "feldman-cousins"] = "classical"

    def __post_init__(self) -> None:
        check_counts(self.detections, self.confidence)
        check_ranges(self, {"background": (0.0, MOST_COUNTS)})
        if self.background and self.kind == "classical":
            remedy = "give kind = 'feldman-cousins': classical limits count false alarms as real"
            raise SettingProblem("background", f"is {self.background:g}", remedy)
        if self.events is not None and self.detections:
            problem = f"is {self.detections}, and events are given"
            raise SettingProblem("detections", problem, "give one of the two")


@dataclass(frozen=True)
class CompletenessSettings:
    """Share of pulses that the search finds.

    Attributes
    ----------
    folder : Path, optional
        Of `slowburst inject`; an ideal search without.
    efficiency : float
        Share of the S/N that trials and pixels of an ideal search keep.
    """

    folder: Path | None = None
    efficiency: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, {"efficiency": (0.01, 1.0)})


@dataclass(frozen=True)
class BurstSettings:
    """Bursts whose rate is limited.

    Attributes
    ----------
    flux_jy, width_s : tuple of float
        Grid of flux densities and widths.
    slope : float, optional
        Of a power law of fluxes, N(>F) ~ F^-slope.
    map_flux_jy, map_width_s : float
        Of the bursts of cells and maps.
    map_nside : int
        Of the map, no more than that of the coverage.
    """

    flux_jy: tuple[float, ...] = (
        0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 5.0, 10.0, 100.0,
    )  # fmt: skip
    width_s: tuple[float, ...] = (0.134, 0.5, 2.0, 10.0, 60.0)
    slope: float | None = None
    map_flux_jy: float = 1.0
    map_width_s: float = 1.0
    map_nside: int = 64

    def __post_init__(self) -> None:
        ranges = {"slope": (0.1, 10.0), "map_flux_jy": FLUXES_JY, "map_width_s": TIMES_S}
        check_ranges(self, ranges | {"flux_jy": FLUXES_JY, "width_s": TIMES_S})
        _check_rising(self, "flux_jy", "width_s")
        check_nside(self.map_nside, "map_nside")


@dataclass(frozen=True)
class CellSettings:
    """Parts of the sky with limits of their own.

    Attributes
    ----------
    kind : str
        Boxes of longitude and latitude, or HEALPix pixels.
    side_deg : float
        Of boxes; their longitudes are wider where parallels are shorter.
    nside : int
        Of HEALPix pixels.
    frame : str
    """

    kind: Literal["boxes", "healpix"] = "boxes"
    side_deg: float = 3.0
    nside: int = 16
    frame: Literal["galactic", "icrs"] = "galactic"

    def __post_init__(self) -> None:
        check_ranges(self, {"side_deg": (0.1, 90.0)})
        check_nside(self.nside)


@dataclass(frozen=True)
class PeriodicSettings:
    """Sources that pulse with a period.

    Attributes
    ----------
    wanted : bool
        Whether their number is limited.
    flux_jy : tuple of float
        Peak flux densities.
    period_s, width_s : (float, float)
        Range of periods and widths of pulses.
    n_periods, n_widths : int
        How many in them, in equal steps of the logarithm.
    activity : float
        Share of the visits, or of the pulses, in which a source is on.
    activity_of : str
        Whether a source is on or off for whole visits, or for each pulse.
    phases : str
        Those of visits are independent, or all follow from one, as of a period that is known well.
    nside : int
        Of the places, HEALPix pixels of the frame of the coverage.
    """

    wanted: bool = True
    flux_jy: tuple[float, ...] = (1.0,)
    period_s: tuple[float, float] = (10.0, 20000.0)
    width_s: tuple[float, float] = (0.2, 100.0)
    n_periods: int = 50
    n_widths: int = 50
    activity: float = 1.0
    activity_of: Literal["visit", "pulse"] = "visit"
    phases: Literal["independent", "common"] = "independent"
    nside: int = 64

    def __post_init__(self) -> None:
        ranges = {"activity": (math.ulp(0.0), 1.0), "n_periods": (1, 1000), "n_widths": (1, 1000)}
        ranges |= {"flux_jy": FLUXES_JY, "period_s": TIMES_S, "width_s": TIMES_S}
        check_ranges(self, ranges)
        _check_rising(self, "flux_jy", "period_s", "width_s")
        check_nside(self.nside)


@dataclass(frozen=True)
class LimitsSettings:
    """Everything.

    Attributes
    ----------
    counts : CountSettings
    completeness : CompletenessSettings
    bursts : BurstSettings
    cells : CellSettings
    periodic : PeriodicSettings
    """

    counts: CountSettings = field(default_factory=CountSettings)
    completeness: CompletenessSettings = field(default_factory=CompletenessSettings)
    bursts: BurstSettings = field(default_factory=BurstSettings)
    cells: CellSettings = field(default_factory=CellSettings)
    periodic: PeriodicSettings = field(default_factory=PeriodicSettings)

    def found_from(self, folder: Path) -> LimitsSettings:
        """The same with files found from a folder."""
        events, inject = self.counts.events, self.completeness.folder
        return replace(
            self,
            counts=replace(self.counts, events=events and folder / events),
            completeness=replace(self.completeness, folder=inject and folder / inject),
        )


def check_nside(nside: int, name: str = "nside") -> None:
    """Raise SettingProblem for what is no power of two."""
    if not 1 <= nside <= _MOST_NSIDE or nside & (nside - 1):
        remedy = f"give a power of two, up to {_MOST_NSIDE}"
        raise SettingProblem(name, f"is {nside}", remedy)


def _check_rising(settings: object, *names: str) -> None:
    for name in names:
        values = getattr(settings, name)
        if not values:
            raise SettingProblem(name, "is empty", "give at least one number")
        if any(a >= b for a, b in pairwise(values)):
            raise SettingProblem(name, f"is {list(values)}", "give rising numbers")
