"""Files of mock observations and sizes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.table import Table

from pipeline.cli.sizes_figures import count_galaxies, figures
from pipeline.cli.sizes_gallery import gallery_figure
from pipeline.report.style import to_png
from pipeline.sinks.atomic import write_bytes
from pipeline.sinks.files import write_summary, write_table
from pipeline.sinks.hdf5 import write_hdf5
from pipeline.versions import versions
from surveys.mock_sizes.run import Sample
from surveys.mock_sizes.science import (
    Relation,
    ratios_table,
    relations_of,
    relations_table,
    wavelengths_table,
)
from surveys.mock_sizes.statements import Compared, compare_statements, statements_table
from surveys.mock_sizes.tables import observations_table, sizes_table, structure_table
from surveys.sizes.flags import Flag

FORMAT = "slowburst-size-draws/1"
# Shares of the light, off the stamp and below 0, that are told where they are larger.
_OUTSIDE, _BELOW = 0.1, 0.01
_SOMETIMES = {
    "structure.ecsv",
    "wavelengths.ecsv",
    "statements.ecsv",
    "draws.h5",
    "size_luminosity.png",
    "evolution.png",
    "wavelengths.png",
    "gallery.png",
}


def write_results(out: Path, sample: Sample) -> dict[str, Any]:
    """Write tables, draws, summary and figures; each file as a whole.

    Returns
    -------
    dict
        The contents of ``summary.json``.
    """
    settings, sizes = sample.settings, sizes_table(sample)
    ratios, relations = ratios_table(sizes), relations_of(sample, sizes)
    compared = compare_statements(sample, ratios)
    summary = _summary(sample, sizes, relations, compared)
    about = json.loads(json.dumps({k: summary[k] for k in ("versions", "config", "synthetic")}))
    tables: dict[str, Table | None] = {
        "sizes": sizes,
        "observations": observations_table(sample),
        "structure": structure_table(sample),
        "ratios": ratios,
        "wavelengths": wavelengths_table(sample),
        "relations": relations_table(relations),
        "statements": statements_table(compared) if compared else None,
    }
    for name, table in tables.items():
        if table is not None:
            table.meta.update(about)
            write_table(out / f"{name}.ecsv", table)
    if settings.output.draws:
        write_hdf5(out / "draws.h5", partial(_fill_draws, sample=sample))
    drawn = figures(sample, ratios, relations, tables["wavelengths"])
    if settings.output.gallery:
        drawn["gallery.png"] = gallery_figure(sample)
    for name, figure in drawn.items():
        write_bytes(out / name, to_png(figure))
    kept = {f"{name}.ecsv" for name, table in tables.items() if table is not None} | set(drawn)
    _remove_others(out, kept | ({"draws.h5"} if settings.output.draws else set()))
    write_summary(out / "summary.json", summary)
    return summary


def said(summary: Mapping[str, Any]) -> Iterator[str]:
    """What the command prints."""
    galaxies = count_galaxies(summary["n_galaxies"], summary["synthetic"])
    n_bands, n_stamps = len(summary["bands"]), summary["n_stamps"]
    bands = "1 band" if n_bands == 1 else f"{n_bands} bands"
    stamps = "1 stamp" if n_stamps == 1 else f"{n_stamps} stamps"
    yield f"{galaxies} in {bands}: {stamps}"
    for band, numbers in summary["ratios"].items():
        ratio, better = (
            "unknown" if numbers[name] is None else f"{numbers[name]:.2f}"
            for name in ("ratio", "corrected")
        )
        yield (
            f"{band}: observed over intrinsic size {ratio}, corrected {better} at "
            f"{numbers['level']} ({numbers['detected']:.0%} detected)"
        )
    yield from (f"note: {note}" for note in summary["notes"])


def _summary(
    sample: Sample, sizes: Table, relations: list[Relation], compared: list[Compared]
) -> dict[str, Any]:
    settings = sample.settings
    flags = np.asarray(sizes["flags"])
    first = settings.measure.estimators[0]
    by_band = {}
    for band in settings.observation:
        snr = band.snr[band.deepest]
        rows = sizes[
            (sizes["band"] == band.label) & (sizes["snr"] == snr) & (sizes["estimator"] == first)
        ]
        ratio = np.asarray(rows["ratio"], float)
        better = np.asarray(rows["r_corrected_kpc"], float) / np.asarray(rows["r_intrinsic_kpc"])
        found = (np.asarray(rows["flags"]) & int(Flag.NOT_DETECTED)) == 0
        by_band[band.label] = {
            "estimator": first,
            "snr": snr,
            "level": band.level(snr),
            "ratio": _median(ratio),
            "corrected": _median(better),
            "detected": float(found.mean()),
        }
    return {
        "synthetic": sample.synthetic,
        "source": sample.source,
        "n_galaxies": len(sample.names),
        "bands": [o.label for o in settings.observation],
        "estimators": list(settings.measure.estimators),
        "n_stamps": int(sum(s.measured.flags.size for s in sample.seen)),
        "ratios": by_band,
        "relations": [
            {
                "band": r.band,
                "what": r.what,
                "z": None if np.isnan(r.z) else r.z,
                **{name: _number(r.fit.value(name)) for name in r.fit.names},
            }
            for r in relations
        ],
        "statements": {c.statement.key: c.verdict.text for c in compared},
        "flags": {
            str(flag.name): int(((flags & int(flag)) > 0).sum())
            for flag in Flag
            if ((flags & int(flag)) > 0).any()
        },
        "notes": _notes(sample, sizes),
        "config": json.loads(json.dumps(asdict(settings), default=str)),
        "versions": versions(),
    }


def _notes(sample: Sample, sizes: Table) -> list[str]:
    notes = []
    if sample.synthetic:
        notes.append("the galaxies are made up: they follow published trends by construction")
    dark = {s.galaxy for s in sample.seen if not s.flux > 0}
    if dark:
        galaxies = count_galaxies(len(dark), False)
        notes.append(f"{galaxies} without light in a band: no S/N can be reached there")
    cut = {s.galaxy for s in sample.seen if s.outside > _OUTSIDE}
    if cut:
        galaxies = count_galaxies(len(cut), False)
        notes.append(f"{galaxies} with over a tenth of the light off the stamps: raise n_pixels")
    below = {s.galaxy for s in sample.seen if s.below > _BELOW}
    if below:
        galaxies = count_galaxies(len(below), False)
        notes.append(f"{galaxies} with pixels below 0: intrinsic sizes need images without noise")
    lost = (np.asarray(sizes["flags"]) & int(Flag.NOT_DETECTED)) > 0
    if lost.any():
        notes.append(f"{lost.sum()} of {len(sizes)} rows have no source: flag 1 of sizes.ecsv")
    return notes


def _median(values: Any) -> float | None:
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else None


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if np.isfinite(value) else None


def _remove_others(out: Path, written: set[str]) -> None:
    """Remove what an earlier run wrote and this one did not: it would be taken for its own."""
    for name in _SOMETIMES - written:
        with contextlib.suppress(OSError):
            (out / name).unlink()


def _fill_draws(file: h5py.File, sample: Sample) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["config"] = json.dumps(asdict(sample.settings), default=str)
    file["names"] = np.array(sample.names, dtype=h5py.string_dtype())
    file["redshift"] = sample.redshift
    for i, wanted in enumerate(sample.settings.observation):
        group = file.create_group(wanted.label)
        group.attrs["snr"], group.attrs["snr_kind"] = wanted.snr, wanted.snr_kind
        seen = [s for s in sample.seen if s.band == i]
        shape = len(seen), len(wanted.snr), wanted.n_noise
        group.attrs["axes"] = "galaxy, snr, draw"
        group["flags"] = np.array([s.measured.flags for s in seen]).reshape(shape)
        group["segment_snr"] = np.array([s.segment_snr for s in seen]).reshape(shape)
        group["kpc_per_pixel"] = [s.pixel_arcsec * s.kpc_per_arcsec for s in seen]
        for name in sample.settings.measure.estimators:
            if seen[0].radius(name) is None:
                continue
            group[f"r_pixel/{name}"] = np.array([s.radius(name) for s in seen]).reshape(shape)
            values = np.array([s.corrected[name][0] for s in seen]).reshape(shape)
            group[f"r_corrected_pixel/{name}"] = values
