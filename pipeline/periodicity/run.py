"""``slowburst periods``: recordings and candidates in, a table of periods out."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerberus.fold import FoldPlan, make_fold_plan
from pipeline import device
from pipeline.block import Reader, StreamHeader
from pipeline.errors import InputError, NoDataError
from pipeline.periodicity.arrivals import Candidates, Source, sources
from pipeline.periodicity.light_curves import read_light_curves, whiten
from pipeline.periodicity.profile import Curve
from pipeline.periodicity.search import Periodicity, find_periods
from pipeline.periodicity.settings import PeriodSettings
from pipeline.periodicity.timing import Timing, find_timing

_LIKELY = 0.05
"""Probability of an accident up to which a period of arrival times is listed."""

_DAY_S = 86400.0
_BEAMS = 1.5
"""Distance within which pixels see the same source."""

Tell = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Folded:
    """A period that was found by folding a pixel.

    Attributes
    ----------
    x, y : int
    dm : float
    candidate : int
        Its ``id``, 0 for none.
    found : Periodicity
    curve : Curve
        The light curve, whitened.
    cells : (cell,) float32
        Its periodogram.
    n_pixels : int
        That have the period too.
    """

    x: int
    y: int
    dm: float
    candidate: int
    found: Periodicity
    curve: Curve = field(repr=False)
    cells: NDArray[np.float32] = field(repr=False)
    n_pixels: int = 1


@dataclass(frozen=True)
class Timed:
    """A period that was found from times of arrival."""

    source: Source
    timing: Timing
    first_mjd: float


@dataclass(frozen=True)
class Periods:
    """All that was found.

    Attributes
    ----------
    folded : list of Folded
        Highest S/N first.
    timed : list of Timed
        Least likely accident first.
    plan : FoldPlan or None
    header : StreamHeader or None
    n_curves : float
        Independent light curves that were folded.
    candidates : Candidates or None
    summary : dict
    """

    folded: list[Folded]
    timed: list[Timed]
    plan: FoldPlan | None
    header: StreamHeader | None
    n_curves: float
    candidates: Candidates | None
    summary: dict[str, Any]


def find(
    reader: Reader | None,
    candidates: Candidates | None,
    settings: PeriodSettings,
    tell: Tell | None = None,
) -> Periods:
    """Fold light curves of a recording, and fit periods to the times of candidates.

    Parameters
    ----------
    reader : Reader or None
        None: only times of arrival.
    candidates : Candidates or None
        Whose pixels are folded; every pixel without.
    settings : PeriodSettings
    tell : callable, optional
        Called with work done, all work, and what it is.

    Raises
    ------
    InputError
        If the recording is too short for the periods asked for, has other pixels than the
        candidates, or holds no noise.
    """
    begun = time.monotonic()
    tell = tell or (lambda *_: None)
    device.prepare()
    folded: list[Folded] = []
    plan, n_curves, header = None, 0.0, None
    if reader is not None:
        header = reader.header
        plan = _plan(header, settings)
        folded, n_pixels = _fold_all(reader, candidates, plan, settings, tell)
        area = np.pi / 4 * max(header.beam_fwhm_px, 1.0) ** 2
        n_curves = float(n_pixels) if candidates is not None else max(1.0, n_pixels / area)
    timed = [] if candidates is None else _time_all(candidates, settings, tell)
    summary = {
        "source": None if header is None else header.source,
        "candidates": None if candidates is None else candidates.source,
        "n_samples": 0 if header is None else header.n_samples,
        "data_seconds": 0.0 if header is None else header.n_samples * header.tsamp_s,
        "n_light_curves": n_curves,
        "n_trial_periods": 0 if plan is None else plan.n_trials,
        "n_folded": len(folded),
        "n_timed": len(timed),
        "wall_seconds": time.monotonic() - begun,
        "config": asdict(settings),
        "device": device.describe(),
        "versions": {n: importlib.metadata.version(n) for n in ("slowburst", "jax", "numpy")},
    }
    return Periods(folded, timed, plan, header, n_curves, candidates, summary)


def _plan(header: StreamHeader, settings: PeriodSettings) -> FoldPlan:
    low = settings.min_period / header.tsamp_s or 2.0
    high = settings.max_period / header.tsamp_s or None
    try:
        if header.n_samples < 8:
            raise ValueError(f"n_samples: is {header.n_samples}, 8 are the least")
        return make_fold_plan(header.n_samples, low, high, settings.bins, settings.max_duty)
    except ValueError as error:
        name, _, problem = str(error).partition(": ")
        problem += f" of {header.tsamp_s:.6g} s"
        raise InputError(header.source, name, problem, "change that setting or the file") from error


def _fold_all(
    reader: Reader,
    candidates: Candidates | None,
    plan: FoldPlan,
    settings: PeriodSettings,
    tell: Tell,
) -> tuple[list[Folded], int]:
    """Fold what is to be folded; with it the number of light curves that had noise."""
    header, out, n_pixels = reader.header, [], 0
    parts = list(_parts(header, candidates, settings))
    for i, (x, y, dm, ids) in enumerate(parts):

        def reading(done: int, of: int, i: int = i) -> None:
            tell(i * of + done, len(parts) * of, "reading light curves and folding")

        curves = whiten(*read_light_curves(reader, x, y, dm, reading), _longest(plan))
        signal, weight = curves
        n_pixels += int(np.any(signal != 0, axis=0).sum())
        found, cells = find_periods(plan, signal, weight, settings.threshold)
        for one in found:
            p = one.pixel
            curve = Curve(signal[:, p], weight[:, p if weight.shape[1] > 1 else 0])
            where = int(x[p]), int(y[p]), float(dm[p]), int(ids[p])
            out.append(Folded(*where, one, curve, cells[:, p]))
        if candidates is None:
            out = _one_each(out, header)
    if not n_pixels:
        problem = "holds no noise: every sample is NaN, flagged or the same"
        raise NoDataError(header.source, "data", problem, "check the recording, flags and unit")
    return _one_each(out, header), n_pixels


def _longest(plan: FoldPlan) -> float:
    return float(plan.period_high.max())


def _parts(
    header: StreamHeader, candidates: Candidates | None, settings: PeriodSettings
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]]:
    """x, y, DM and candidate of pixels that are read at a time."""
    ny, nx = header.shape
    if candidates is None:
        # Two arrays as they are read, two as they are folded.
        most = max(1, int(settings.memory_mb * 2**20 / (16 * header.n_samples)))
        rows = max(1, most // nx)
        for first in range(0, ny, rows):
            y, x = np.mgrid[first : min(ny, first + rows), 0:nx].reshape(2, -1)
            yield x, y, np.full(len(x), settings.dm), np.zeros(len(x), int)
        return
    table = candidates.table[: settings.max_candidates]
    x, y = (np.round(np.asarray(table[n], float)).astype(int) for n in ("x", "y"))
    outside = np.flatnonzero((x < 0) | (x >= nx) | (y < 0) | (y >= ny))
    if len(outside):
        problem = f"({x[outside[0]]}, {y[outside[0]]}) is outside the {nx} x {ny} pixels"
        remedy = "give the recording that was searched"
        raise InputError(candidates.source, "x, y", problem, remedy)
    dm, ids = np.asarray(table["dm"], float), np.asarray(table["id"], int)
    # Pulses of one source share a pixel, more or less: each is folded once.
    _, once = np.unique(np.stack([x, y]), axis=1, return_index=True)
    once = np.sort(once)
    if len(once):
        yield x[once], y[once], dm[once], ids[once]


def _one_each(found: list[Folded], header: StreamHeader) -> list[Folded]:
    """The best pixel of every source and period; what has the same period elsewhere joins it."""
    left = sorted(found, key=lambda one: -one.found.pulse.snr)
    out: list[Folded] = []
    for one in left:
        for i, best in enumerate(out):
            if _same(one, best, header):
                n = best.n_pixels + one.n_pixels
                out[i] = Folded(
                    best.x, best.y, best.dm, best.candidate, best.found, best.curve, best.cells, n
                )
                break
        else:
            out.append(one)
    return out


def _same(one: Folded, best: Folded, header: StreamHeader) -> bool:
    """Whether a period is that of a brighter pulse: its beam, its sidelobe or its harmonic."""
    near = np.hypot(one.x - best.x, one.y - best.y) <= _BEAMS * header.beam_fwhm_px
    faint = one.found.pulse.snr < best.found.pulse.snr / 2
    if (one.x, one.y) == (best.x, best.y) or not (near or faint):
        return False
    a, b = one.found.pulse, best.found.pulse
    for p in range(1, 9):
        for q in range(1, 9):
            drift = abs(p / a.period - q / b.period) * header.n_samples
            if drift <= max(p * a.width, q * b.width) + 0.5:
                return True
    return False


def _time_all(candidates: Candidates, settings: PeriodSettings, tell: Tell) -> list[Timed]:
    """Periods of the sources that have three pulses or more."""
    out = []
    several = [source for source in sources(candidates) if len(source.rows) >= 3]
    for i, source in enumerate(several):
        tell(i, len(several), "fitting times of arrival")
        first = float(source.mjd.min())
        timing = find_timing(
            (source.mjd - first) * _DAY_S,
            source.error_s,
            settings.min_period,
            settings.max_period or np.inf,
        )
        if timing is not None and timing.fap <= _LIKELY:
            out.append(Timed(source, timing, first))
    return sorted(out, key=lambda one: one.timing.fap)
