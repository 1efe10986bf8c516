"""Files of ``slowburst survey coverage``."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.cli.survey_coverage_figures import area_figure, sky_figure
from pipeline.device import peak_rss_mb
from pipeline.errors import NoDataError
from pipeline.report.style import to_png
from pipeline.sinks.atomic import write_bytes
from pipeline.sinks.files import write_summary, write_table
from pipeline.sinks.hdf5 import write_hdf5
from pipeline.sinks.healpix import fits_bytes, sky_map
from pipeline.versions import versions
from surveys.coverage.completeness import Completeness
from surveys.coverage.coverage import Coverage
from surveys.coverage.coverage_file import FILE_NAME, fill, read_coverage
from surveys.coverage.products import (
    HOUR_S,
    Exposure,
    area_table,
    exposures,
    moc,
    sensitivity_jy,
)
from surveys.coverage.run import Run
from surveys.coverage.settings import CoverageSettings

_FEW = 4
"""Pixels across a beam or an image, from which middles of pixels stand for it."""
_OURS = ("exposure_*", "sensitivity_*", "outline_*")


def begun(out: Path) -> Coverage | None:
    """The map that a folder has already."""
    return read_coverage(out / FILE_NAME) if (out / FILE_NAME).is_file() else None


def save(out: Path, settings: CoverageSettings) -> Callable[[Coverage], None]:
    """What writes a map to a folder."""
    about = {"config": _plain(settings), "versions": versions()}

    def write(coverage: Coverage) -> None:
        write_hdf5(out / FILE_NAME, partial(fill, coverage=replace(coverage, settings=about)))

    return write


def write_results(
    out: Path, run: Run, settings: CoverageSettings, completeness: Completeness, draw: bool
) -> dict[str, Any]:
    """Write maps, outlines, areas, summary and figures.

    Returns
    -------
    dict
        The contents of ``summary.json``.

    Raises
    ------
    NoDataError
        Nothing was searched.
    """
    coverage = run.coverage
    if not len(coverage.pixel):
        problem = "cover no pixel: nothing was searched"
        raise NoDataError("the inputs", "pointings", problem, "check them, nside and beam")
    made = exposures(coverage, settings.flux_jy, settings.width_s, completeness)
    depths = {
        width: sensitivity_jy(coverage, width, settings.share, completeness)
        for width in settings.width_s
    }
    maps = {f"exposure_{one.label}": (one.seconds / HOUR_S, "h") for one in made}
    maps |= {f"sensitivity_{width:g}s": (values, "Jy") for width, values in depths.items()}
    grid = coverage.nside, coverage.frame
    files = {
        f"{name}.fits": sky_map(grid, coverage.pixel, {name.partition("_")[0].upper(): one})
        for name, one in maps.items()
    }
    for one in made:
        above = one.seconds > settings.above_hours[0] * HOUR_S
        files[f"outline_{one.label}.fits"] = fits_bytes(moc(coverage, above))
    if draw:
        for name, (values, unit) in maps.items():
            label = f"{'exposure' if unit == 'h' else 'flux density'} ({unit})"
            figure = sky_figure(coverage, values, _title(name, settings), label)
            files[f"{name}.png"] = to_png(figure)
        files["area.png"] = to_png(area_figure(coverage, made))
    for name, content in files.items():
        write_bytes(out / name, content)
    _remove_others(out, set(files))
    areas = area_table(coverage, made, settings.above_hours)
    summary = _summary(run, settings, completeness, made, depths)
    areas.meta.update(json.loads(json.dumps({k: summary[k] for k in ("config", "versions")})))
    write_table(out / "area.ecsv", areas)
    write_summary(out / "summary.json", summary)
    return summary


def said(summary: Mapping[str, Any]) -> Iterator[str]:
    """What the command prints."""
    yield (
        f"{summary['n_added']} sources added, {summary['n_known']} known before: "
        f"{summary['n_pointings']} pointings, {summary['searched_hours']:.4g} h searched"
    )
    yield (
        f"{summary['area_deg2']:.4g} deg2 in pixels of {summary['pixel_deg2']:.3g} deg2, "
        f"{summary['deg2_hours']:.4g} deg2 h at any depth"
    )
    for one in summary["exposures"]:
        yield (
            f"{one['flux_jy']:g} Jy, {one['width_s']:g} s: {one['deg2_hours']:.4g} deg2 h, "
            f"at most {one['most_hours']:.3g} h in a pixel"
        )
    yield from (f"note: {note}" for note in summary["notes"])


def _summary(
    run: Run,
    settings: CoverageSettings,
    completeness: Completeness,
    made: list[Exposure],
    depths: Mapping[float, NDArray[np.float64]],
) -> dict[str, Any]:
    coverage, pointings = run.coverage, run.coverage.pointings
    n_masked = {f"{width:g}": int(np.isnan(v).sum()) for width, v in depths.items()}
    return {
        "n_sources": len(coverage.sources),
        "n_added": run.n_added,
        "n_known": run.n_known,
        "n_pointings": 0 if pointings is None else len(pointings),
        "n_below_horizon": run.n_below,
        "searched_hours": 0.0 if pointings is None else float(pointings.searched_s.sum()) / HOUR_S,
        "nside": coverage.nside,
        "ordering": "NESTED",
        "frame": coverage.frame,
        "pixel_deg2": coverage.pixel_deg2,
        "n_pixels": len(coverage.pixel),
        "area_deg2": coverage.area_deg2,
        "deg2_hours": float(coverage.total_s.sum() * coverage.pixel_deg2) / HOUR_S,
        "noise_1s_jy": [float(f(coverage.columns.sigma_1s)) for f in (np.min, np.max)],
        "completeness": completeness.name,
        "exposures": [
            {
                "flux_jy": one.flux_jy,
                "width_s": one.width_s,
                "deg2_hours": float(one.seconds.sum() * coverage.pixel_deg2) / HOUR_S,
                "most_hours": float(one.seconds.max()) / HOUR_S,
            }
            for one in made
        ],
        "sensitivity_jy": {
            f"{width:g}": float(np.nanmedian(v)) if np.isfinite(v).any() else None
            for width, v in depths.items()
        },
        "n_masked": n_masked,
        "notes": _notes(run, made, n_masked),
        "peak_rss_mb": peak_rss_mb(),
        "config": _plain(settings),
        "versions": versions(),
    }


def _notes(run: Run, made: list[Exposure], n_masked: Mapping[str, int]) -> list[str]:
    notes, pointings = [], run.coverage.pointings
    if run.n_below:
        notes.append(f"{run.n_below} pointings below the horizon are left out")
    if pointings is not None and np.isinf(pointings.beam_fwhm_deg).any():
        n = int(np.isinf(pointings.beam_fwhm_deg).sum())
        notes.append(f"{n} pointings have no primary beam: their images are as deep all over")
    if pointings is not None and len(pointings):
        size = float(np.minimum(pointings.beam_fwhm_deg, pointings.field_deg).min())
        pixel = float(np.sqrt(run.coverage.pixel_deg2))
        if size < _FEW * pixel:
            notes.append(
                f"a beam or image of {size:.3g} deg is less than {_FEW} pixels of {pixel:.3g} deg "
                "wide: its exposure is rough, or missing; a larger --nside is better"
            )
    widest = run.coverage.columns.max_width_s
    for width in sorted({one.width_s for one in made}):
        if (widest < width * (1 - 1e-6)).any():
            notes.append(f"pulses of {width:g} s are wider than the widest of some searches")
    for width, n in n_masked.items():
        if n:
            notes.append(f"{n} pixels have no sensitivity at {width} s")
    return notes


def _title(name: str, settings: CoverageSettings) -> str:
    what, _, which = name.partition("_")
    words = which.replace("Jy", " Jy").replace("_", ", ").removesuffix("s") + " s"
    if what == "exposure":
        return f"Exposure to pulses of {words}"
    return f"Flux density at which {settings.share:.0%} of the pulses of {words} are found"


def _plain(settings: CoverageSettings) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(settings), default=str))


def _remove_others(out: Path, written: set[str]) -> None:
    """Remove what an earlier run wrote and this one did not: it would be taken for its own."""
    for pattern in _OURS:
        for path in out.glob(pattern):
            if path.name not in written and path.suffix in (".fits", ".png"):
                with contextlib.suppress(OSError):
                    path.unlink()
