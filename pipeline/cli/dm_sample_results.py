"""Files of what many bursts say of the gas together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.cli.dm_sample_figures import figures
from pipeline.report.style import to_png
from pipeline.sinks.atomic import write_bytes
from pipeline.sinks.files import write_summary, write_table
from pipeline.sinks.hdf5 import write_hdf5
from pipeline.versions import versions
from surveys.ensembles.ensemble import Ensemble
from surveys.ensembles.sampling import Posterior, burst_table, notes_on, parameter_table

FORMAT = "slowburst-dm-sample/1"


def write_results(out: Path, ensemble: Ensemble, posterior: Posterior) -> dict[str, Any]:
    """Write tables, draws, summary and figures; each file as a whole.

    Returns
    -------
    dict
        The contents of ``summary.json``.
    """
    table = parameter_table(posterior)
    summary = {
        "parameters": {
            row["name"]: {name: float(row[name]) for name in table.colnames[1:]} for row in table
        },
        "n_bursts": len(ensemble.names),
        "n_halos": ensemble.n_halos,
        "n_draws": int(posterior.diverging.size),
        "n_diverging": int(posterior.diverging.sum()),
        "mean_steps": float(posterior.n_steps.mean()),
        "mean_accepted": float(posterior.accepted.mean()),
        "notes": [*ensemble.notes, *notes_on(posterior)],
        "frame": "DMs end in _obs (as observed) or _rest (of the host), pc cm^-3",
        "config": json.loads(json.dumps(asdict(ensemble.settings), default=str)),
        "versions": versions(),
    }
    write_table(out / "parameters.ecsv", table)
    write_table(out / "bursts.ecsv", burst_table(ensemble, posterior))
    write_hdf5(out / "posterior.h5", lambda file: _write_draws(file, ensemble, posterior, summary))
    for name, figure in figures(ensemble, posterior).items():
        write_bytes(out / name, to_png(figure))
    write_summary(out / "summary.json", summary)
    return summary


def said(summary: Mapping[str, Any]) -> Iterator[str]:
    """What the command prints."""
    yield from (f"note: {note}" for note in summary["notes"])
    yield f"{summary['n_bursts']} bursts, {summary['n_halos']} halos, {summary['n_draws']} draws"
    for name, found in summary["parameters"].items():
        middle, above, below = (
            float(v)
            for v in (found["p50"], found["p84"] - found["p50"], found["p50"] - found["p16"])
        )
        yield (
            f"{name} = {middle:.3g} +{above:.2g} -{below:.2g}   "
            f"r_hat {found['r_hat']:.4f}, {found['n_effective']:.0f} effective draws"
        )


def _write_draws(
    file: h5py.File, ensemble: Ensemble, posterior: Posterior, summary: Mapping[str, Any]
) -> None:
    """Datasets (chain, draw), and of the bursts (chain, draw, burst)."""
    file.attrs["format"] = FORMAT
    for name in ("config", "versions"):
        file.attrs[name] = json.dumps(summary[name])
    file["names"] = np.array(ensemble.names, dtype=h5py.string_dtype())
    for group, terms in (("parameters", posterior.parameters), ("bursts", posterior.bursts)):
        for name, draws in terms.items():
            file.create_dataset(f"{group}/{name}", data=draws.astype(np.float32), compression="lzf")
    file["diverging"] = posterior.diverging
    file["n_steps"] = posterior.n_steps
