"""Files of the limits of a survey."""

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

from pipeline.cli.survey_limits_figures import figures
from pipeline.report.style import to_png
from pipeline.sinks.atomic import write_bytes
from pipeline.sinks.files import write_summary, write_table
from pipeline.sinks.hdf5 import write_hdf5
from pipeline.sinks.healpix import sky_map
from pipeline.versions import versions
from surveys.rates.published import published
from surveys.rates.run import Limits, PeriodicLimits
from surveys.rates.tables import cells_table, limits_table, periodic_table

FORMAT = "slowburst-periodic-limits/1"
CELLS_FORMAT = "slowburst-cell-limits/1"
_SOMETIMES = ("periodic.ecsv", "periodic.h5", "periodic.png", "limits.fits")


def write_results(out: Path, limits: Limits) -> dict[str, Any]:
    """Write tables, map, summary and figures; each file as a whole.

    Returns
    -------
    dict
        The contents of ``summary.json``.
    """
    summary = _summary(limits)
    about = json.loads(json.dumps({k: summary[k] for k in ("versions", "config")}, default=str))
    tables = {"limits": limits_table(limits), "cells": cells_table(limits)}
    if limits.periodic is not None:
        confidence = limits.settings.counts.confidence
        tables["periodic"] = periodic_table(limits.periodic, confidence)
    for name, table in tables.items():
        table.meta.update(about)
        write_table(out / f"{name}.ecsv", table)
    written = {f"{name}.ecsv" for name in tables}
    if np.isfinite(limits.map_rate).any():
        write_bytes(out / "limits.fits", _map(limits))
        written.add("limits.fits")
    write_hdf5(out / "cells.h5", partial(_fill_cells, limits=limits))
    if limits.periodic is not None:
        write_hdf5(out / "periodic.h5", partial(_fill_periodic, limits=limits))
        written.add("periodic.h5")
    for name, figure in figures(limits, published()).items():
        write_bytes(out / name, to_png(figure))
        written.add(name)
    for name in set(_SOMETIMES) - written:
        # Of an earlier run: it would be taken for that of this one.
        with contextlib.suppress(OSError):
            (out / name).unlink()
    write_summary(out / "summary.json", summary)
    return summary


def said(summary: Mapping[str, Any]) -> Iterator[str]:
    """What the command prints."""
    found = summary["detections"]
    bursts = "1 burst" if found == 1 else f"{found} bursts"
    yield (
        f"{summary['area_deg2']:.4g} deg2 and {summary['exposure_deg2_h']:.4g} deg2 h were "
        f"searched; {bursts} found: fewer than {summary['upper']:.4g} expected "
        f"({100 * summary['confidence']:.4g} %)"
    )
    at = summary["map"]
    where = f"of {at['flux_jy']:g} Jy and {at['width_s']:g} s"
    if at["limit"] is None:
        yield f"bursts {where}: no limit, the search is not sensitive to them"
    else:
        yield f"bursts {where}: below {at['limit']:.3g} per hour and square degree"
    cells = summary["cells"]
    if cells["median_limit"] is not None:
        yield (
            f"{cells['n']} cells: below {cells['median_limit']:.3g} per hour and square degree, "
            f"{cells['median_limit_cell']:.3g} per hour and cell (medians)"
        )
    for one in summary["periodic"]:
        if one["least_limit"] is not None:
            yield (
                f"sources with pulses of {one['flux_jy']:g} Jy: below {one['least_limit']:.3g} per "
                f"square degree at best ({one['period_s']:.3g} s, pulses of {one['width_s']:.3g} s)"
            )
    yield from (f"note: {note}" for note in summary["notes"])


def _summary(limits: Limits) -> dict[str, Any]:
    coverage, counts, settings = limits.coverage, limits.counts, limits.settings
    bursts, cells = settings.bursts, limits.cells
    total = float(coverage.total_s.sum() * coverage.pixel_deg2 / 3600)
    exposure = float(cells.exposure.sum())
    known = np.isfinite(cells.limit)
    return {
        "coverage": coverage.where,
        "completeness": limits.completeness.name,
        "area_deg2": float((coverage.total_s > 0).sum() * coverage.pixel_deg2),
        "exposure_deg2_h": total,
        "detections": counts.k,
        "confidence": settings.counts.confidence,
        "kind": settings.counts.kind,
        "background": settings.counts.background,
        "upper": counts.upper,
        "interval": [counts.low, counts.high],
        "map": {
            "flux_jy": bursts.map_flux_jy,
            "width_s": bursts.map_width_s,
            "exposure_deg2_h": exposure,
            "limit": counts.upper / exposure if exposure > 1e-6 * total else None,
        },
        "cells": {
            "n": len(cells.cells),
            "without_limit": int((~known).sum()),
            "median_limit": _median(cells.limit),
            "median_limit_cell": _median(cells.limit * cells.area_deg2),
        },
        "pixels_without_limit": int((~np.isfinite(limits.map_rate)).sum()),
        "periodic": [] if limits.periodic is None else list(_best(limits.periodic)),
        "notes": list(_notes(limits)),
        "config": json.loads(json.dumps(asdict(settings), default=str)),
        "versions": versions(),
    }


def _best(periodic: PeriodicLimits) -> Iterator[dict[str, Any]]:
    for flux, density in zip(periodic.flux_jy, periodic.density, strict=True):
        known = np.isfinite(density)
        p, w = np.unravel_index(np.argmin(np.where(known, density, np.inf)), density.shape)
        some = bool(known.any())
        yield {
            "flux_jy": float(flux),
            "n_places": len(periodic.pixel),
            "least_limit": float(density[p, w]) if some else None,
            "period_s": float(periodic.period_s[p]) if some else None,
            "width_s": float(periodic.width_s[w]) if some else None,
        }


def _notes(limits: Limits) -> Iterator[str]:
    unknown = int((~np.isfinite(limits.rate)).sum())
    if unknown:
        yield f"{unknown} of {limits.rate.size} fluxes and widths have no limit: masked"
    counts, candidates = limits.settings.counts, limits.coverage.n_candidates
    if candidates and not counts.detections and counts.events is None:
        yield (
            f"the searches of this coverage have {candidates} candidates, of which none is "
            "counted: give --events or --detections if some are real"
        )
    if limits.counts.k and limits.counts.ra is None:
        yield "places of detections are not known: each cell counts all of them"
    outside = 0 if limits.counts.ra is None else limits.counts.k - int(limits.cells.k.sum())
    if outside:
        yield f"{outside} events lie in no cell that was searched"
    if counts.kind != "classical":
        yield "limits of cells are classical: what they count is taken for real"


def _median(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else None


def _map(limits: Limits) -> bytes:
    there, bursts = limits.map, limits.settings.bursts
    return sky_map(
        (there.nside, there.frame),
        there.pixel,
        {"LIMIT": (limits.map_rate, "h-1 deg-2"), "EXPOSURE": (limits.map_hours, "h")},
        cards=[
            ("FLUX", bursts.map_flux_jy, "Jy"),
            ("WIDTH", bursts.map_width_s, "s"),
            ("CONFID", limits.settings.counts.confidence, "confidence of the limits"),
            ("NFOUND", limits.counts.k, "counted in the whole survey"),
        ],
    )


def _fill_cells(file: h5py.File, limits: Limits) -> None:
    found, bursts = limits.cells, limits.settings.bursts
    file.attrs.update(
        format=CELLS_FORMAT,
        frame=limits.settings.cells.frame,
        axes="cell, width, flux",
        config=json.dumps(asdict(limits.settings), default=str),
    )
    file["cell"], file["lon_deg"], file["lat_deg"] = (
        getattr(found.cells, name) for name in ("number", "lon", "lat")
    )
    file["area_deg2"], file["detections"] = found.area_deg2, found.k
    file["width_s"], file["flux_jy"] = np.array(bursts.width_s), np.array(bursts.flux_jy)
    file["exposure_deg2_h"] = found.grid_exposure
    file["limit"] = np.where(np.isfinite(found.grid_limit), found.grid_limit, -1.0)
    file["limit"].attrs["no_value"] = -1.0
    file["limit"].attrs["unit"] = "h-1 deg-2"


def _fill_periodic(file: h5py.File, limits: Limits) -> None:
    periodic = limits.periodic
    assert periodic is not None
    file.attrs.update(
        format=FORMAT,
        nside=periodic.nside,
        ordering="NESTED",
        frame=limits.coverage.frame,
        upper=periodic.upper,
        axes="flux, pixel, period, width",
        config=json.dumps(asdict(limits.settings), default=str),
    )
    for name in ("flux_jy", "period_s", "width_s", "pixel"):
        file[name] = getattr(periodic, name)
    # A pulse as long as the period is none.
    seen = np.where(np.isnan(periodic.seen), np.float32(-1), periodic.seen)
    data = file.create_dataset("p_seen", data=seen, compression="gzip", compression_opts=1)
    data.attrs["no_value"] = -1.0
