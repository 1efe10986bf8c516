"""What is planned: the file of ``slowburst survey plan``."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from astropy.time import Time
from erfa import ErfaWarning

from surveys.errors import SettingProblem, check_ranges, unknown

POSITIVE = math.ulp(0.0), math.inf
FRAMES = ("icrs", "galactic")
_FIRST_MJD, _LAST_MJD = 36_934.0, 88_069.0
"""Of 1960, since when there is UTC, and the end of 2099, to which ERFA knows where the Earth is."""


@dataclass(frozen=True)
class TelescopeSettings:
    """Where the telescope stands, and how it moves.

    Attributes
    ----------
    kind : str
        A transit instrument moves along the meridian alone.
    instrument : str, optional
        "dsa110" has a site, a rate and a beam.
    site : str, optional
        A name that astropy knows without the network.
    lon_deg, lat_deg, height_m : float, optional
        Or geodetic coordinates (WGS84), longitude to the east.
    elevation_deg : (float, float), optional
        Least and largest elevation. On the meridian it counts from the south point through the
        zenith (90) to the north point (180); 20 to 160 without, and 20 to 85 of a steerable one.
    elevation_deg_per_s, azimuth_deg_per_s : float, optional
        Rates of the drives.
    azimuth_deg : (float, float)
        Limits of the mount, from north through east; more than a turn where cables allow it.
    settle_s : float
        After a slew.
    field_deg : float, optional
        Side of the square image that is searched; the FWHM of the beam without.
    beam_fwhm_deg : float, optional
        Of a Gaussian primary beam; none without.
    """

    kind: Literal["transit", "steerable"]
    instrument: Literal["dsa110"] | None = None
    site: str | None = None
    lon_deg: float | None = None
    lat_deg: float | None = None
    height_m: float = 0.0
    elevation_deg: tuple[float, float] | None = None
    elevation_deg_per_s: float | None = None
    azimuth_deg_per_s: float | None = None
    azimuth_deg: tuple[float, float] = (-180.0, 540.0)
    settle_s: float = 10.0
    field_deg: float | None = None
    beam_fwhm_deg: float | None = None

    def __post_init__(self) -> None:
        check_ranges(
            self,
            {
                "lon_deg": (-360.0, 360.0),
                "lat_deg": (-90.0, 90.0),
                "height_m": (-500.0, 10_000.0),
                "elevation_deg_per_s": POSITIVE,
                "azimuth_deg_per_s": POSITIVE,
                "settle_s": (0.0, 3600.0),
                "field_deg": (0.01, 40.0),
                "beam_fwhm_deg": POSITIVE,
            },
        )
        most = 180.0 if self.kind == "transit" else 90.0
        if self.elevation_deg is not None:
            _rising("elevation_deg", self.elevation_deg, 0.0, most)
        _rising("azimuth_deg", self.azimuth_deg, -720.0, 720.0)
        self._check_place()
        self._check_drives()

    def _check_place(self) -> None:
        ways = {
            "instrument": self.instrument is not None,
            "site": self.site is not None,
            "lon_deg": self.lon_deg is not None or self.lat_deg is not None,
        }
        given = [name for name, is_given in ways.items() if is_given]
        if len(given) != 1:
            problem = f"is given beside {given[0]}" if given else "is missing"
            remedy = "give instrument, or site, or lon_deg and lat_deg"
            raise SettingProblem(given[-1] if given else "site", problem, remedy)
        if given == ["lon_deg"] and (self.lon_deg is None or self.lat_deg is None):
            name = "lon_deg" if self.lon_deg is None else "lat_deg"
            raise SettingProblem(name, "is missing", "give both coordinates")

    def _check_drives(self) -> None:
        if self.kind == "transit" and self.azimuth_deg_per_s is not None:
            remedy = 'leave it out, or take kind = "steerable"'
            raise SettingProblem("azimuth_deg_per_s", "means nothing on the meridian", remedy)
        if self.instrument is not None:
            if self.kind != "transit":
                remedy = 'take kind = "transit"'
                raise SettingProblem("kind", f"is {self.kind!r} for {self.instrument}", remedy)
            return
        needed = ["elevation_deg_per_s"]
        needed += ["azimuth_deg_per_s"] if self.kind == "steerable" else []
        for name in needed:
            if getattr(self, name) is None:
                raise SettingProblem(name, "is missing", "give the rate of the drive")
        if self.field_deg is None and self.beam_fwhm_deg is None:
            raise SettingProblem("field_deg", "is missing", "give it, or beam_fwhm_deg")


@dataclass(frozen=True)
class RegionSettings:
    """The part of the sky to be covered.

    Attributes
    ----------
    kind : str
        A box in Galactic coordinates, a HEALPix mask, a MOC, or cones about targets.
    l_deg, b_deg : (float, float), optional
        Of the box; longitudes may go through 0, as in [350, 10].
    file : Path, optional
        FITS of the mask or the MOC; ECSV or CSV of the targets.
    frame : str, optional
        Of the mask or the targets, "icrs" or "galactic"; of the file without.
    least : float
        Of the mask: pixels with so much or more belong to the region.
    radius_deg : float
        Of the cones where the table has no column of that name.
    nside : int
        HEALPix of the region in this plan; a power of 2.
    """

    kind: Literal["galactic", "mask", "moc", "targets"]
    l_deg: tuple[float, float] | None = None
    b_deg: tuple[float, float] | None = None
    file: Path | None = None
    frame: str | None = None
    least: float = 0.5
    radius_deg: float = 0.5
    nside: int = 256

    def __post_init__(self) -> None:
        check_ranges(self, {"radius_deg": (0.001, 90.0), "nside": (16, 2048)})
        if self.nside & (self.nside - 1):
            raise SettingProblem("nside", f"is {self.nside}", "give a power of 2")
        if self.frame is not None and self.frame not in FRAMES:
            error = unknown("", "frame", self.frame, FRAMES)
            raise SettingProblem("frame", error.problem, error.remedy)
        box = self.kind == "galactic"
        for name in ("l_deg", "b_deg"):
            if (getattr(self, name) is not None) != box:
                problem = "is missing" if box else f"means nothing for a {self.kind}"
                remedy = "give two numbers" if box else "leave it out"
                raise SettingProblem(name, problem, remedy)
        if (self.file is None) != box:
            problem = "means nothing for a box" if box else "is missing"
            raise SettingProblem("file", problem, "leave it out" if box else "give its path")
        if self.b_deg is not None:
            _rising("b_deg", self.b_deg, -90.0, 90.0)
        if self.l_deg is not None and (
            self.l_deg[0] == self.l_deg[1] or max(map(abs, self.l_deg)) > 360
        ):
            remedy = "give two longitudes of -360 to 360"
            raise SettingProblem("l_deg", f"is {list(self.l_deg)}", remedy)


@dataclass(frozen=True)
class TimeSettings:
    """When is observed.

    Attributes
    ----------
    start, end : str
        UTC, as in "2026-12-01T00:00:00".
    night_only : bool
        Whether the Sun must be down.
    sun_altitude_deg : float
        Night is when it is lower than this.
    sun_deg : float
        No nearer to the Sun than this.
    """

    start: str
    end: str
    night_only: bool = False
    sun_altitude_deg: float = -12.0
    sun_deg: float = 10.0

    def __post_init__(self) -> None:
        check_ranges(self, {"sun_altitude_deg": (-90.0, 90.0), "sun_deg": (0.0, 180.0)})
        first, last = (self._mjd(name) for name in ("start", "end"))
        if not first < last:
            raise SettingProblem("end", f"{self.end} is not after {self.start}", "give a later one")
        for name, mjd in (("start", first), ("end", last)):
            if not _FIRST_MJD <= mjd <= _LAST_MJD:
                remedy = "give a time from 1960 to 2099: beyond, no ephemeris or UTC is known"
                raise SettingProblem(name, f"is {getattr(self, name)}", remedy)
        if last - first > 400:
            raise SettingProblem("end", f"is {last - first:.0f} d later", "plan 400 days or less")

    def _mjd(self, name: str) -> float:
        text = getattr(self, name)
        try:
            with warnings.catch_warnings():
                # Of years without UTC, or whose leap seconds nobody knows.
                warnings.simplefilter("ignore", ErfaWarning)
                return float(Time(text, scale="utc").mjd)
        except ValueError as error:
            remedy = 'give UTC as in "2026-12-01T00:00:00"'
            raise SettingProblem(name, f"{text!r} is no time", remedy) from error

    @property
    def mjd(self) -> tuple[float, float]:
        """Start and end, UTC."""
        return self._mjd("start"), self._mjd("end")


@dataclass(frozen=True)
class TileSettings:
    """How the sky is cut into fields.

    Attributes
    ----------
    grid : str
        Rows of declination, or pixels of HEALPix; a transit instrument has rows.
    overlap : float
        Share of the side of a field that the next one has as well.
    least_share : float
        Tiles with less of the region, as a share of their area, are left out.
    """

    grid: Literal["rows", "healpix"] = "rows"
    overlap: float = 0.05
    least_share: float = 0.02

    def __post_init__(self) -> None:
        check_ranges(self, {"overlap": (0.01, 0.9), "least_share": (0.0, 1.0)})


@dataclass(frozen=True)
class CalibratorSettings:
    """Visits of calibrators.

    Attributes
    ----------
    every_h : float, optional
        No longer than this without one, where one is up; none are visited without.
    duration_s : float
        Of a visit.
    file : Path, optional
        Table with name, ra and dec (degrees, ICRS); four well-known ones without.
    names : tuple of str
        Those to take; all without.
    """

    every_h: float | None = None
    duration_s: float = 600.0
    file: Path | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_ranges(self, {"every_h": (0.1, 1000.0), "duration_s": (1.0, 36_000.0)})


@dataclass(frozen=True)
class ScheduleSettings:
    """How the time is used.

    Attributes
    ----------
    method : str
        That of the schedule that is written; both are made and compared.
    exposure_s : float
        Of a visit of a steerable telescope to a tile.
    dwell_s : float
        Least time of a transit instrument at an elevation.
    repeat : float
        What a further visit is worth, as a share of the one before: 0 for new area alone, 1
        for area times time.
    step_s : float
        Of the grid of times.
    passes : int
        Of the optimised schedule over all days.
    tries : int
        Of the optimised schedule of a steerable telescope, a day and a pass.
    seed : int
        Of these.
    """

    method: Literal["optimised", "greedy"] = "optimised"
    exposure_s: float = 900.0
    dwell_s: float = 600.0
    repeat: float = 0.2
    step_s: float = 60.0
    passes: int = 2
    tries: int = 60
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            {
                "exposure_s": (1.0, 43_200.0),
                "dwell_s": (1.0, 43_200.0),
                "repeat": (0.0, 1.0),
                "step_s": (5.0, 600.0),
                "passes": (1, 20),
                "tries": (1, 10_000),
                "seed": (0, (1 << 63) - 1),
            },
        )


@dataclass(frozen=True)
class NoiseSettings:
    """What a sample of the search has; all of it goes to pointings.ecsv.

    Attributes
    ----------
    tsamp_s : float
        Sampling interval.
    noise_jy : float, optional
        Of one sample in the middle of the beam.
    sefd_jy : float, optional
        Or that of an antenna, and the next.
    n_antennas, n_polarisations : int
    bandwidth_mhz, efficiency : float
        As of the radiometer equation.
    threshold : float
        S/N of the search.
    max_width_s : float
        Widest pulse that is searched for.
    """

    tsamp_s: float
    noise_jy: float | None = None
    sefd_jy: float | None = None
    n_antennas: int = 2
    bandwidth_mhz: float = 100.0
    n_polarisations: int = 2
    efficiency: float = 1.0
    threshold: float = 7.0
    max_width_s: float = 160.8

    def __post_init__(self) -> None:
        check_ranges(
            self,
            {
                "tsamp_s": POSITIVE,
                "noise_jy": POSITIVE,
                "sefd_jy": POSITIVE,
                "n_antennas": (2, 100_000),
                "bandwidth_mhz": POSITIVE,
                "n_polarisations": (1, 2),
                "efficiency": (math.ulp(0.0), 1.0),
                "threshold": POSITIVE,
                "max_width_s": POSITIVE,
            },
        )
        if (self.noise_jy is None) == (self.sefd_jy is None):
            problem = "is missing" if self.noise_jy is None else "is given beside sefd_jy"
            raise SettingProblem("noise_jy", problem, "give noise_jy or sefd_jy")


@dataclass(frozen=True)
class PlanSettings:
    """The whole file.

    Attributes
    ----------
    telescope : TelescopeSettings
    region : RegionSettings
    time : TimeSettings
    tiles : TileSettings
    calibrators : CalibratorSettings
    schedule : ScheduleSettings
    noise : NoiseSettings, optional
        Without, pointings.ecsv has no noise and cannot be used for limits.
    """

    telescope: TelescopeSettings
    region: RegionSettings
    time: TimeSettings
    tiles: TileSettings = field(default_factory=TileSettings)
    calibrators: CalibratorSettings = field(default_factory=CalibratorSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    noise: NoiseSettings | None = None

    def __post_init__(self) -> None:
        if self.telescope.kind == "transit" and self.tiles.grid != "rows":
            raise SettingProblem("tiles.grid", "is no grid of a transit instrument", "give 'rows'")


def _rising(name: str, pair: tuple[float, float], least: float, most: float) -> None:
    if not least <= pair[0] < pair[1] <= most:
        remedy = f"give two rising numbers of {least:g} to {most:g}"
        raise SettingProblem(name, f"is {list(pair)}", remedy)
