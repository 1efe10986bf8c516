"""Files of a budget of dispersion measures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.cli.dm_host_consistency import consistency, percentiles
from pipeline.cli.dm_host_figures import figures
from pipeline.report.style import to_png
from pipeline.sinks.atomic import write_bytes
from pipeline.sinks.files import write_summary, write_table
from pipeline.sinks.hdf5 import write_hdf5
from pipeline.versions import versions
from surveys.sightlines.budget import TERMS, Run, Sightline
from surveys.sightlines.tables import budget_table, halo_table

FORMAT = "slowburst-dm/1"


def write_results(out: Path, sightline: Sightline, catalogs: Sequence[str]) -> dict[str, Any]:
    """Write tables, draws, summary and figures; each file as a whole.

    Returns
    -------
    dict
        The contents of ``summary.json``.
    """
    settings = sightline.settings
    summary = {
        "frb": asdict(settings.frb),
        "runs": [_of_run(sightline, run) for run in sightline.runs],
        "n_halos": len(sightline.catalog),
        "catalogs": list(catalogs),
        "notes": list(sightline.notes),
        "frame": "DMs end in _obs (as observed) or _rest (of the host), pc cm^-3",
        "config": json.loads(json.dumps(asdict(settings), default=str)),
        "versions": versions(),
    }
    write_table(out / "halos.ecsv", halo_table(sightline))
    write_table(out / "budget.ecsv", budget_table(sightline))
    write_hdf5(out / "posterior.h5", lambda file: _write_draws(file, sightline, summary))
    for name, figure in figures(sightline).items():
        write_bytes(out / name, to_png(figure))
    write_summary(out / "summary.json", summary)
    return summary


def said(summary: Mapping[str, Any]) -> Iterator[str]:
    """What the command prints."""
    yield from (f"note: {note}" for note in summary["notes"])
    for run in summary["runs"]:
        host, rest = run["dm_host_obs"], run["dm_host_rest"]
        yield (
            f"r_max {run['r_max']:g}: {run['n_halos_crossed']} halos have "
            f"{_with_errors(run['dm_halos_obs'])}; host {_with_errors(host)} observed, "
            f"{_with_errors(rest)} rest (pc/cc)"
        )


def _with_errors(p: Mapping[str, float]) -> str:
    return f"{p['p50']:.0f} +{p['p84'] - p['p50']:.0f} -{p['p50'] - p['p16']:.0f}"


def terms_of(run: Run, z: float) -> Mapping[str, NDArray[np.floating]]:
    """The draws that a run is summed up by."""
    draws = run.draws
    terms = {
        "dm_host_obs": draws["host"],
        "dm_host_rest": draws["host"] * (1 + z),
        "dm_halos_obs": draws["halos"],
        "dm_halos_unseen_obs": draws["halos_unseen"],
        "dm_igm_obs": draws["igm"],
        "dm_mw": draws["mw_ism"] + draws["mw_halo"],
    }
    if run.host_halo is not None:
        terms["dm_host_halo_obs"] = run.host_halo
    return terms


def _of_run(sightline: Sightline, run: Run) -> dict[str, Any]:
    frb = sightline.settings.frb
    found: dict[str, Any] = {"r_max": run.r_max}
    found |= {name: percentiles(draws) for name, draws in terms_of(run, frb.z).items()}
    found["n_halos_crossed"] = int((run.crossed > 0).sum())
    found["share_of_draws_with_negative_host"] = float(np.mean(run.draws["host"] < 0))
    return found | consistency(sightline, run)


def _write_draws(file: h5py.File, sightline: Sightline, summary: Mapping[str, Any]) -> None:
    """A group for each edge, a dataset for each term; what is shared beside them."""
    file.attrs["format"] = FORMAT
    for name in ("config", "versions", "catalogs"):
        file.attrs[name] = json.dumps(summary[name])
    for name, values in sightline.shared._asdict().items():
        file[f"shared/{name}"] = values
    for run in sightline.runs:
        group = file.create_group(f"r_max_{run.r_max:g}")
        group.attrs["r_max"] = run.r_max
        terms = {**terms_of(run, sightline.settings.frb.z), "dm": run.draws["dm"]}
        terms |= {f"dm_{name}": run.draws[name] for name in TERMS[:2]}
        for name, values in terms.items():
            group.create_dataset(name, data=values.astype(np.float32), compression="lzf")
