"""``slowburst search``: a recording in, candidates and a report out."""

from __future__ import annotations

import importlib.metadata
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerberus.config import SearchConfig
from cerberus.efficiency import efficiency_table
from cerberus.false_alarms import expected_false_alarms
from cerberus.plan import SearchPlan, make_plan
from pipeline import device
from pipeline.block import Reader, StreamHeader
from pipeline.candidates import DetectionTable, build_candidates, summarise_groups
from pipeline.config import ConfigProblem
from pipeline.cutouts import Cutout, make_cutout
from pipeline.engine import History, Progress, search_recording
from pipeline.errors import InputError
from pipeline.sinks.files import write_results
from pipeline.sinks.log import CandidateLog
from pipeline.sinks.results import Overview, SearchResults

_POSITIVE = ("threshold", "max_width", "max_loss")


@dataclass(frozen=True)
class SearchSettings:
    """What a user can ask of a search; a TOML file has the same names.

    Attributes
    ----------
    threshold : float
        S/N from which a peak is a candidate.
    dm_max : float
        Largest trial DM, pc cm^-3.
    max_width : float
        Widest pulse, seconds.
    max_loss : float
        Largest loss of S/N between neighbouring trials on each axis.
    block : int
        Samples per internal frame; 0 lets the plan choose.
    max_detections : int
        Most peaks that a ladder level reports a frame.
    pixel_weights : bool
        Keep weights per pixel, for single pixels that are flagged part of the time.
    max_cutouts : int
        Candidates, best first, that get a cut-out.
    """

    threshold: float = 7.0
    dm_max: float = 4000.0
    max_width: float = 160.8
    max_loss: float = 0.0625
    block: int = 0
    max_detections: int = 256
    pixel_weights: bool = True
    max_cutouts: int = 100

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ConfigProblem(name, f"is {getattr(self, name)}", "give a positive number")
        if not self.dm_max >= 0:
            raise ConfigProblem("dm_max", f"is {self.dm_max}", "give 0 or more pc/cc")
        if self.block < 0 or self.max_cutouts < 0:
            raise ConfigProblem("block", "is negative", "give 0 or more")


def plan_for(header: StreamHeader, settings: SearchSettings) -> SearchPlan:
    """The plan of a search of one recording.

    Raises
    ------
    InputError
        If the recording cannot be searched that way.
    """
    width = max(settings.max_width, header.tsamp_s)
    try:
        return make_plan(
            SearchConfig(
                freq_mhz=tuple(float(f) for f in header.freq_mhz),
                tsamp_s=header.tsamp_s,
                shape=header.shape,
                dm_max=settings.dm_max,
                max_width_s=width,
                threshold=settings.threshold,
                max_loss=settings.max_loss,
                beam_fwhm_px=header.beam_fwhm_px,
                n_samples=header.n_samples,
                max_detections=settings.max_detections,
                pixel_weights=settings.pixel_weights,
                frame=settings.block or None,
            )
        )
    except ValueError as error:
        field, _, problem = str(error).partition(": ")
        raise InputError(header.source, field, problem, "change that option or the file") from error


def plan_efficiency(plan: SearchPlan) -> dict[str, NDArray[np.floating]]:
    """Mean efficiency over start phases against width, at a few DMs."""
    widths = np.geomspace(1, max(plan.widths), 40)
    top = plan.dm_pc_cm3[-1]
    dms = np.unique([0.0, 0.137 * top, 0.41 * top, min(top, 0.97 * top)])
    table = efficiency_table(plan, widths, dms).mean(axis=2)
    out: dict[str, NDArray[np.floating]] = {"width_s": widths * plan.config.tsamp_s}
    out.update({f"DM {dm:.4g}": table[:, i] for i, dm in enumerate(dms)})
    return out


def search(
    reader: Reader,
    out_dir: Path,
    settings: SearchSettings | None = None,
    on_progress: Callable[[Progress, int], None] | None = None,
) -> dict[str, Any]:
    """Search a recording and write everything that a user gets, but the report.

    Parameters
    ----------
    reader : Reader
    out_dir : Path
    settings : SearchSettings, optional
    on_progress : callable, optional
        Called with the progress and the number of candidates after every frame.

    Returns
    -------
    dict
        The contents of ``summary.json``.

    Raises
    ------
    InputError
        If the recording or the folder cannot be used.
    KeyboardInterrupt
        After what was found so far has been written.
    """
    settings = settings or SearchSettings()
    begun = time.monotonic()
    device.prepare()
    header = reader.header
    plan = plan_for(header, settings)
    history, progress, interrupted = History(), Progress(), False
    log = CandidateLog(out_dir, header)

    def tell(now: Progress) -> None:
        nonlocal progress
        progress = now
        if on_progress is not None:
            on_progress(now, log.n_candidates)

    try:
        with log:
            try:
                progress = search_recording(reader, plan, log, tell, history)
            except KeyboardInterrupt:
                interrupted = True
            table, labels = log.detections(), log.labels()
            cutouts = {} if interrupted else _cutouts(reader, plan, table, labels, settings)
            candidates = _candidates(table, labels, header, cutouts)
            overview = _overview(plan, header, history)
            summary = _summary(plan, settings, header, progress, time.monotonic() - begun)
            efficiency = [v for k, v in overview.efficiency.items() if k != "width_s"]
            summary["efficiency_mean"] = float(np.mean(efficiency))
            summary["efficiency_worst"] = float(np.min(efficiency))
            summary["n_candidates"] = len(candidates)
            summary["interrupted"] = interrupted
            results = SearchResults(
                header=header,
                candidates=candidates,
                cutouts=cutouts,
                detections=table,
                overview=overview,
                summary=summary,
                config={"search": asdict(settings)},
            )
            write_results(out_dir, results)
        log.discard()
    finally:
        log.close()
    if interrupted:
        raise KeyboardInterrupt
    if not np.isfinite(history.noise_map).any():
        problem = "holds no noise: every sample is NaN, flagged or the same"
        raise InputError(header.source, "data", problem, "check the recording and its flags")
    return summary


def _cutouts(
    reader: Reader,
    plan: SearchPlan,
    table: DetectionTable,
    labels: NDArray[np.int64],
    settings: SearchSettings,
) -> dict[int, Cutout]:
    best = summarise_groups(table, labels).best[: settings.max_cutouts]
    widths = np.asarray(plan.widths)
    return {
        i: make_cutout(reader, table.row(int(row)), plan.dm_pc_cm3, widths)
        for i, row in enumerate(best, start=1)
    }


def _candidates(
    table: DetectionTable,
    labels: NDArray[np.int64],
    header: StreamHeader,
    cutouts: dict[int, Cutout],
) -> Any:
    n = len(summarise_groups(table, labels).best)
    positions = np.full((n, 2), np.nan)
    for i, cutout in cutouts.items():
        positions[i - 1] = cutout.peak_px
    return build_candidates(table, labels, header, positions)


def _overview(plan: SearchPlan, header: StreamHeader, history: History) -> Overview:
    seconds = np.asarray(history.sample) * header.tsamp_s
    return Overview(
        noise_map=history.noise_map,
        noise_time_s=seconds,
        noise=np.asarray(history.noise),
        quality_time_s=seconds,
        quality=np.asarray(history.quality),
        efficiency=plan_efficiency(plan),
    )


def _summary(
    plan: SearchPlan,
    settings: SearchSettings,
    header: StreamHeader,
    progress: Progress,
    wall_s: float,
) -> dict[str, Any]:
    seconds = progress.n_samples * header.tsamp_s
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    return {
        "source": header.source,
        "start_mjd": float(header.start.utc.mjd),
        "n_samples": progress.n_samples,
        "data_seconds": seconds,
        "wall_seconds": wall_s,
        "realtime_factor": seconds / max(wall_s, 1e-9),
        "peak_rss_mb": peak,
        "n_dm": len(plan.dm_pc_cm3),
        "n_width": len(plan.widths),
        "n_trials": plan.n_trials,
        "dm_max": float(plan.dm_pc_cm3[-1]),
        "max_width_s": max(plan.widths) * header.tsamp_s,
        "threshold": settings.threshold,
        "false_alarms_expected": expected_false_alarms(plan, progress.n_samples),
        "n_detections": progress.n_detections,
        "dropped_detections": progress.n_dropped,
        "dropped_samples": header.n_samples - progress.n_samples,
        "device": device.describe(),
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("slowburst", "jax", "numpy", "astropy")
        },
    }
