"""What a telescope does, one thing after the other, and what it has seen in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surveys.planning.windows import DAY_S

Kind = Literal["tile", "calibrator"]
METHODS = ("greedy", "optimised")


@dataclass(frozen=True)
class Visit:
    """A stretch of observing.

    Attributes
    ----------
    kind : str
    name : str
        Of the tile, the strip or the calibrator.
    start_mjd, end_mjd : float
        UTC.
    slew_s : float
        Needed before the start, settling included.
    altitude_deg, azimuth_deg : float
        At the start; from north through east, of the mount.
    ra_deg, dec_deg : float
        ICRS, of the middle of the field at the start.
    """

    kind: Kind
    name: str
    start_mjd: float
    end_mjd: float
    slew_s: float
    altitude_deg: float
    azimuth_deg: float
    ra_deg: float
    dec_deg: float

    @property
    def duration_s(self) -> float:
        return (self.end_mjd - self.start_mjd) * DAY_S


@dataclass(frozen=True)
class Schedule:
    """A way to use the time.

    Attributes
    ----------
    method : str
    visits : tuple of Visit
        In the order of time.
    exposure_s : (pixel,)
        Time for which each pixel of the region is in the field.
    full_s : (pixel,)
        That of one whole visit.
    wait_h : float
        Longest time of observing without a calibrator.
    """

    method: str
    visits: tuple[Visit, ...]
    exposure_s: NDArray[np.float64]
    full_s: NDArray[np.float64]
    wait_h: float

    @property
    def is_covered(self) -> NDArray[np.bool_]:
        """Whether pixels are seen for half of a visit or longer."""
        return self.exposure_s >= 0.5 * self.full_s

    def worth_deg2(self, pixel_deg2: float, repeat: float) -> float:
        """What schedules are made to enlarge: see :func:`worth`."""
        return float(worth(self.exposure_s / self.full_s, repeat).sum() * pixel_deg2)

    def numbers(self, pixel_deg2: float) -> dict[str, float]:
        """What two schedules are compared by."""
        tiles = [v for v in self.visits if v.kind == "tile"]
        seen = self.exposure_s[self.exposure_s > 0]
        return {
            "covered_deg2": float(self.is_covered.sum() * pixel_deg2),
            "touched_deg2": float(len(seen) * pixel_deg2),
            "area_time_deg2_h": float(self.exposure_s.sum() * pixel_deg2 / 3600),
            "median_exposure_s": float(np.median(seen)) if len(seen) else 0.0,
            "observing_h": sum(v.duration_s for v in tiles) / 3600,
            "slew_h": sum(v.slew_s for v in self.visits) / 3600,
            "longest_wait_h": self.wait_h,
            "n_visits": len(tiles),
            "n_calibrator_visits": len(self.visits) - len(tiles),
        }


def worth(visits: NDArray, repeat: float) -> NDArray[np.float64]:
    """What a number of visits to a place is worth, in units of the first one.

    The sum of ``repeat^i`` over visits i = 0, 1, ..., linear between whole numbers: concave, so
    that a visit is never worth more than one before.
    """
    whole = np.floor(visits)
    if repeat == 1:
        return np.asarray(visits, float)
    return (1 - repeat**whole) / (1 - repeat) + (visits - whole) * repeat**whole


def longest_wait(visits: Sequence[Visit], runs_mjd: list[tuple[float, float]]) -> float:
    """Hours of a stretch of observing without a calibrator at most."""
    mjd = np.array([(v.start_mjd + v.end_mjd) / 2 for v in visits if v.kind == "calibrator"])
    longest = 0.0
    for start, end in runs_mjd:
        own = mjd[(mjd >= start) & (mjd <= end)]
        longest = max(longest, float(np.diff(np.concatenate([[start], own, [end]])).max()))
    return longest * 24
