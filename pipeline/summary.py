"""What a search says of itself: its summary, and how the recording looked to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from cerberus.efficiency import efficiency_table
from cerberus.false_alarms import expected_false_alarms
from cerberus.plan import SearchPlan
from pipeline import device
from pipeline.block import StreamHeader
from pipeline.engine import History, Progress
from pipeline.flagging.tally import Tally
from pipeline.sinks.results import FlagHistory, Overview
from pipeline.sky import sky_of
from pipeline.versions import versions


def summary_of(
    plan: SearchPlan,
    header: StreamHeader,
    progress: Progress,
    wall_s: float,
) -> dict[str, Any]:
    """What ``summary.json`` says of the recording and the run."""
    seconds = progress.n_samples * header.tsamp_s
    return {
        "source": header.source,
        "notes": list(header.notes),
        "start_mjd": float(header.start.utc.mjd),
        "sky": sky_of(header),
        "n_samples": progress.n_samples,
        "data_seconds": seconds,
        "wall_seconds": wall_s,
        "realtime_factor": seconds / max(wall_s, 1e-9),
        "peak_rss_mb": device.peak_rss_mb(),
        "n_dm": len(plan.dm_pc_cm3),
        "n_width": len(plan.widths),
        "n_trials": plan.n_trials,
        "dm_max": float(plan.dm_pc_cm3[-1]),
        "max_width_s": max(plan.widths) * header.tsamp_s,
        "threshold": plan.config.threshold,
        "false_alarms_expected": expected_false_alarms(plan, progress.n_samples),
        "n_detections": progress.n_detections,
        "dropped_detections": progress.n_dropped,
        "dropped_samples": header.n_samples - progress.n_samples,
        "device": device.describe(),
        "versions": versions(),
    }


def stages_of(busy: dict[str, float], wall_s: float) -> dict[str, Any]:
    """Time that each stage was busy."""
    return {"stages": {k: {"seconds": s, "share": s / wall_s} for k, s in busy.items()}}


def efficiencies_of(overview: Overview) -> dict[str, float]:
    """Share of the ideal S/N that the trials keep: the mean, and the least."""
    curves = [v for k, v in overview.efficiency.items() if k != "width_s"]
    return {
        "efficiency_mean": float(np.mean(curves)),
        "efficiency_worst": float(np.min(curves)),
    }


def counts_of(candidates: Table) -> dict[str, int]:
    """Candidates of the sky, those of what was put in, and all near known sources."""
    n_injected = int(np.sum(candidates["injected"]))
    n_known = int(np.sum(np.isfinite(candidates["known_sep"])))
    n = len(candidates) - n_injected
    return {"n_candidates": n, "n_injected": n_injected, "n_known": n_known}


def overview_of(
    plan: SearchPlan, header: StreamHeader, history: History, tallies: dict[str, Tally]
) -> Overview:
    """How a recording looked to the search."""
    seconds = history.sample * header.tsamp_s
    return Overview(
        noise_map=history.noise_map,
        noise_time_s=seconds,
        noise=history.noise,
        quality_time_s=seconds,
        quality=history.quality,
        live=history.live,
        efficiency=_efficiency(plan),
        flagged={
            name: FlagHistory(
                tally.sample * header.tsamp_s,
                tally.share_by_time,
                tally.freq_mhz,
                tally.share_of_channel,
            )
            for name, tally in tallies.items()
        },
    )


def _efficiency(plan: SearchPlan) -> dict[str, NDArray[np.floating]]:
    """Mean efficiency over start phases against width, at a few DMs."""
    widths = np.geomspace(1, max(plan.widths), 40)
    top = plan.dm_pc_cm3[-1]
    dms = np.unique([0.0, 0.137 * top, 0.41 * top, min(top, 0.97 * top)])
    table = efficiency_table(plan, widths, dms).mean(axis=2)
    out: dict[str, NDArray[np.floating]] = {"width_s": widths * plan.config.tsamp_s}
    out.update({f"DM {dm:.4g}": table[:, i] for i, dm in enumerate(dms)})
    return out
