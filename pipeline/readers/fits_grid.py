"""The regular time grid behind the times of a series of snapshots."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.readers.fits_header import Snapshot

_SAME_TIME_S = 1e-5
_MAX_OFF_GRID = 0.25
_MAX_REFINEMENT = 0.1
_NAME_RESOLUTION_S = 0.06
_INTERVAL = re.compile(r"-t(\d{4,})-")
_DAY_S = 86400.0
_MAX_GAP_S = _DAY_S


@dataclass(frozen=True)
class TimeGrid:
    """Times ``start + n * tsamp_s`` and the number n of every snapshot.

    Attributes
    ----------
    start : (float, float)
        UTC MJD of the centre of sample 0, day and fraction.
    tsamp_s : float
    n_samples : int
        Up to the last snapshot, gaps included.
    samples : (snapshot,) int
    """

    start: tuple[float, float]
    tsamp_s: float
    n_samples: int
    samples: NDArray[np.int64]


def time_grid(snapshots: Sequence[Snapshot]) -> TimeGrid:
    """Number the snapshots on a regular grid.

    The sampling interval is the median distance of consecutive times, refined by a
    straight line through all of them; over half of the intervals must be there.
    WSClean writes dates to a tenth of a second only, which can be worse than the
    sampling: when the names carry the interval (``-t0012-``), and the times agree
    with it to within that resolution, the names count.

    Raises
    ------
    InputError
        The times fit no regular grid, two of them are more than a day apart, or there is
        one time and no duration.
    """
    day = snapshots[0].time[0]
    seconds = np.array([(s.time[0] - day + s.time[1]) * _DAY_S for s in snapshots])
    numbers = _numbers_in_names(snapshots)
    grids = [] if numbers is None else [(numbers, _NAME_RESOLUTION_S)]
    by_time = _numbers_from_times(seconds)
    if by_time is not None:
        grids.append((by_time, 0.0))
    for samples, resolution_s in grids:
        fitted = _fit(samples, seconds, resolution_s)
        if fitted is not None:
            start_s, tsamp_s = fitted
            _check_gaps(snapshots, samples, tsamp_s)
            return TimeGrid((day, start_s / _DAY_S), tsamp_s, int(samples.max()) + 1, samples)
    return _single_or_error(snapshots, seconds, day)


def _numbers_in_names(snapshots: Sequence[Snapshot]) -> NDArray[np.int64] | None:
    found = [_INTERVAL.search(s.path.name) for s in snapshots]
    if any(m is None for m in found):
        return None
    numbers = np.array([int(m[1]) for m in found if m is not None])
    return numbers - numbers.min()


def _numbers_from_times(seconds: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Nearest numbers for a spacing that is refined as the line gets longer."""
    times = _distinct(seconds)
    if len(times) < 2:
        return None
    median_s = float(np.median(np.diff(times)))
    tsamp_s = _refine(times, median_s)
    if abs(tsamp_s / median_s - 1) > _MAX_REFINEMENT:
        return None
    return np.rint((seconds - times[0]) / tsamp_s).astype(np.int64)


def _distinct(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sorted times; those that differ by rounding only are one."""
    times = np.sort(seconds)
    return times[np.r_[True, np.diff(times) > _SAME_TIME_S]]


def _refine(times: NDArray[np.float64], tsamp_s: float) -> float:
    """Fit the spacing over ever longer stretches, so that no number is miscounted."""
    n = 8
    while True:
        part = times[: min(n, len(times))] - times[0]
        numbers = np.rint(part / tsamp_s)
        if numbers[-1] > 0:
            tsamp_s = float(part @ numbers / (numbers @ numbers))
        if n >= len(times):
            return tsamp_s
        n *= 2


def _fit(
    samples: NDArray[np.int64], seconds: NDArray[np.float64], resolution_s: float
) -> tuple[float, float] | None:
    """Straight line time = start + n tsamp; None when the times do not follow it."""
    if np.ptp(samples) == 0:
        return None
    tsamp_s, start_s = np.polyfit(samples - samples.mean(), seconds, 1)
    start_s -= tsamp_s * samples.mean()
    off = np.abs(seconds - (start_s + tsamp_s * samples))
    if tsamp_s <= 0 or off.max() > max(_MAX_OFF_GRID * tsamp_s, resolution_s):
        return None
    return float(start_s), float(tsamp_s)


def _check_gaps(snapshots: Sequence[Snapshot], samples: NDArray[np.int64], tsamp_s: float) -> None:
    order = np.argsort(samples, kind="stable")
    gaps = np.diff(samples[order])
    if gaps.max(initial=0) * tsamp_s > _MAX_GAP_S:
        i = int(gaps.argmax())
        late, early = snapshots[order[i + 1]].path, snapshots[order[i]].path
        problem = f"is more than a day after {early.name}"
        raise InputError(str(late), "DATE-OBS", problem, "search each day by itself")


def _single_or_error(
    snapshots: Sequence[Snapshot],
    seconds: NDArray[np.float64],
    day: float,
) -> TimeGrid:
    times = _distinct(seconds)
    if len(times) < 2:
        duration_s = snapshots[0].duration_s
        if not np.isfinite(duration_s):
            problem = "all images have the same time and none has a duration"
            remedy = "give two intervals or more, or write EXPTIME"
            raise InputError(str(snapshots[0].path), "DATE-OBS", problem, remedy)
        samples = np.zeros(len(snapshots), np.int64)
        return TimeGrid((day, float(seconds[0]) / _DAY_S), duration_s, 1, samples)
    gaps = np.diff(times)
    tsamp_s = float(np.median(gaps))
    off = np.abs(gaps / tsamp_s - np.rint(gaps / tsamp_s))
    worst = int(np.flatnonzero(off > 0.99 * off.max())[0])
    late = snapshots[int(np.abs(seconds - times[worst + 1]).argmin())]
    problem = f"the times are on no regular grid: {gaps[worst]:.6g} s after its predecessor, "
    problem += f"the median is {tsamp_s:.6g} s"
    remedy = "image equal intervals (gaps of whole intervals are fine)"
    raise InputError(str(late.path), "DATE-OBS", problem, remedy)
