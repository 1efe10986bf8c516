"""What must not be in a map: the same time twice, and places below the horizon."""

from __future__ import annotations

import erfa
import numpy as np
from numpy.typing import NDArray

from surveys.coverage.motion import Epoch, unit_vectors
from surveys.coverage.pointings import Pointings
from surveys.errors import InputError

SAME_BEAM = 0.1
"""Two middles that are no further apart than this share of the beam, or of the image, are one."""

_DAY_S = 86400.0


def check_overlaps(pointings: Pointings) -> None:
    """Raise InputError where two pointings are of the same beam at the same time.

    Beams are the same if their middles are within a tenth of the smaller FWHM, and their images
    within a tenth of their sides. They may overlap in time by a sample.
    """
    order = np.argsort(pointings.start_mjd, kind="stable")
    start = pointings.start_mjd[order]
    # Microseconds of a date are lost in rounding.
    end = start + (pointings.duration_s - pointings.tsamp_s - 1e-4)[order] / _DAY_S
    last = np.maximum.accumulate(end)
    for lag in range(1, len(order)):
        if not (start[lag:] < last[:-lag]).any():
            return
        at_once = np.flatnonzero(start[lag:] < end[:-lag])
        first, second = order[at_once], order[at_once + lag]
        same = _same_beam(pointings, first, second)
        if same.any():
            i, j = int(first[same][0]), int(second[same][0])
            raise InputError(pointings.where, *_told(pointings, i, j))


def _told(pointings: Pointings, i: int, j: int) -> tuple[str, str, str]:
    ends = pointings.end_mjd
    seconds = (min(ends[i], ends[j]) - pointings.start_mjd[j]) * _DAY_S
    field = f"pointing {pointings.name[j]}"
    problem = f"overlaps pointing {pointings.name[i]} for {seconds:.4g} s, in the same beam"
    return field, problem, "leave one of them out: time would count twice"


def _same_beam(
    pointings: Pointings, first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.bool_]:
    if not len(first):
        return np.zeros(0, bool)
    a, b = pointings.chosen(first), pointings.chosen(second)
    after = np.maximum((b.start_mjd - a.start_mjd) * _DAY_S, 0)
    apart = _apart_deg(a.at(after), (b.ra, b.dec))
    beam = np.minimum(a.beam_fwhm_deg, b.beam_fwhm_deg)
    image = np.minimum(a.field_deg, b.field_deg)
    fixed = np.isfinite(a.field_ra) & np.isfinite(b.field_ra)
    images_apart = np.where(
        fixed, _apart_deg((a.field_ra, a.field_dec), (b.field_ra, b.field_dec)), apart
    )
    return (apart <= SAME_BEAM * beam) & (images_apart <= SAME_BEAM * image)


def _apart_deg(a: tuple[NDArray, NDArray], b: tuple[NDArray, NDArray]) -> NDArray[np.float64]:
    chord = np.linalg.norm(unit_vectors(*a) - unit_vectors(*b), axis=-1)
    return np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1)))


def altitudes_deg(pointings: Pointings, lon_deg: float, lat_deg: float) -> NDArray[np.float64]:
    """Lowest altitude of the middle of each beam, at its start, middle and end; without air.

    Universal time is taken for UTC, which is half an arcminute at most.
    """
    after = pointings.duration_s[:, None] * np.array([0.0, 0.5, 1.0])
    mjd = pointings.start_mjd[:, None] + after / _DAY_S
    apparent = Epoch.of(mjd).apparent(unit_vectors(*pointings.at(after)))
    zenith_ra = erfa.era00(2400000.5, mjd) + np.radians(lon_deg)
    zenith = erfa.s2c(zenith_ra, np.full(mjd.shape, np.radians(lat_deg)))
    sine = np.clip(np.sum(apparent * zenith, -1), -1, 1)
    return np.degrees(np.arcsin(sine)).min(1)


def above_horizon(
    pointings: Pointings, place_deg: tuple[float, float], least_deg: float, leave_out: bool
) -> Pointings:
    """Pointings whose beam does not go below an altitude.

    Parameters
    ----------
    pointings : Pointings
    place_deg : (float, float)
        Longitude, east, and latitude.
    least_deg : float
    leave_out : bool
        Otherwise one that is below raises.

    Raises
    ------
    InputError
    """
    altitude = altitudes_deg(pointings, *place_deg)
    below = altitude < least_deg
    if below.any() and not leave_out:
        i = int(np.flatnonzero(below)[0])
        field = f"pointing {pointings.name[i]}"
        problem = f"is at an altitude of {altitude[i]:.2f} deg, below {least_deg:g}"
        remedy = "mend its time or place, or set site.leave_out = true"
        raise InputError(pointings.where, field, problem, remedy)
    return pointings.chosen(~below) if below.any() else pointings
