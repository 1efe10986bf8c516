"""Files of models that a search rejects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pipeline.cli.survey_exclude_figures import figures
from pipeline.report.style import to_png
from pipeline.sinks.atomic import write_bytes
from pipeline.sinks.files import write_summary, write_table
from pipeline.sinks.healpix import sky_map
from pipeline.versions import versions
from surveys.transients.exclusion import Exclusion
from surveys.transients.roche import COMPANIONS, least_period_s

GRID_COLUMNS = tuple(
    "luminosity peak_flux_1kpc seen_share active_share p_none_of_one rejected_share expected "
    "p_none rejected density_limit possible impossible_by".split()
)
"""Of exclusion.ecsv, after the two parameters."""
CELL_COLUMNS = tuple(
    "pixel ra dec l b area seconds sources median_distance p_none_of_one expected density_limit "
    "rejected_points rejected_points_all".split()
)
_NOTHING = "nothing"
"""An empty word would be read back as one that is masked."""


def write_results(out: Path, found: Exclusion, coverage: Path) -> dict[str, Any]:
    """Write tables, map, summary and figures; each file as a whole.

    Returns
    -------
    dict
        The contents of ``summary.json``.
    """
    summary = _summary(found, coverage)
    about = json.loads(json.dumps({k: summary[k] for k in ("derived", "versions", "config")}))
    for name, table in (("exclusion", grid_table(found)), ("cells", cells_table(found))):
        table.meta.update(about)
        write_table(out / f"{name}.ecsv", table)
    region = found.region
    shares = {
        "REJECTED": (found.rejected_points, ""),
        "REJECTED_ALL": (found.rejected_points_all, ""),
    }
    rejected = sky_map((region.nside, region.frame), region.pixel, shares)
    write_bytes(out / "rejected.fits", rejected)
    for name, figure in figures(found).items():
        write_bytes(out / name, to_png(figure))
    write_summary(out / "summary.json", summary)
    return summary


def grid_table(found: Exclusion) -> Table:
    """One row for each pair of parameters."""
    first, second = found.settings.axis
    x, y = (a.ravel() for a in np.meshgrid(first.values, second.values))
    emission, grid = found.emission, found.grid
    known = found.model.known
    table = Table()
    for axis, values in ((first, x), (second, y)):
        table[axis.name] = values
        table[axis.name].description = known[axis.name].about
    table["luminosity"] = emission.luminosity_erg_s.ravel()
    table["luminosity"].unit = "erg / s"
    table["peak_flux_1kpc"] = emission.jy_kpc2.ravel()
    table["peak_flux_1kpc"].unit = "Jy"
    table["seen_share"] = grid.seen_share.ravel()
    table["active_share"] = emission.active_share.ravel()
    table["p_none_of_one"] = 1 - grid.chance.ravel()
    table["rejected_share"] = grid.rejected_share.ravel()
    table["expected"] = found.expected.ravel()
    table["p_none"] = np.exp(-found.expected.ravel())
    table["rejected"] = found.rejected.ravel()
    # There is no limit where nothing would be seen.
    table["density_limit"] = np.where(
        np.isfinite(found.density_limit_pc3), found.density_limit_pc3, np.nan
    ).ravel()
    table["density_limit"].unit = "pc-3"
    table["possible"] = emission.possible.ravel()
    table["impossible_by"] = _reasons(found)
    return table


def _reasons(found: Exclusion) -> list[str]:
    limits = found.emission.limits
    columns = np.array([allowed.ravel() for allowed in limits.values()])
    if not len(columns):
        return [_NOTHING] * found.emission.period_s.size
    names = np.array(list(limits))
    return [", ".join(names[~allowed]) or _NOTHING for allowed in columns.T]


def cells_table(found: Exclusion) -> Table:
    """One row for each cell, with the numbers of the reference parameters."""
    region = found.region
    least = found.settings.population.least_events
    per_density = found.reference_per_density
    density = found.settings.population.density_pc3
    limit = np.full(len(per_density), np.nan)
    np.divide(least, per_density, out=limit, where=per_density > 0)
    columns: dict[str, tuple[Any, str]] = {
        "pixel": (region.pixel, ""),
        "ra": (region.ra_deg, "deg"),
        "dec": (region.dec_deg, "deg"),
        "l": (region.l_deg, "deg"),
        "b": (region.b_deg, "deg"),
        "area": (region.area_deg2, "deg2"),
        "seconds": (region.seconds, "s"),
        "sources": (density * found.sources_per_density, ""),
        "median_distance": (found.median_pc / 1e3, "kpc"),
        "p_none_of_one": (1 - found.reference_chance, ""),
        "expected": (density * per_density, ""),
        "density_limit": (limit, "pc-3"),
        "rejected_points": (found.rejected_points, ""),
        "rejected_points_all": (found.rejected_points_all, ""),
    }
    table = Table()
    for name, (values, unit) in columns.items():
        table[name] = values
        table[name].unit = unit or None
    table.meta.update(nside=region.nside, frame=region.frame, ordering="NESTED",
                      reference=found.reference)  # fmt: skip
    return table


def _summary(found: Exclusion, coverage: Path) -> dict[str, Any]:
    settings, grid, possible = found.settings, found.grid, found.emission.possible
    area = found.region.area_deg2
    limit = found.density_limit_pc3
    return {
        "model": settings.model,
        "source": found.model.source,
        "derived": found.model.derived,
        "coverage": str(coverage),
        "n_cells": len(found.region.pixel),
        "area_deg2": float(area.sum()),
        "lost_deg2": found.region.lost_deg2,
        "n_candidates": found.region.n_candidates,
        "seconds": float(found.region.seconds @ area / area.sum()),
        "sources": float(settings.population.density_pc3 * found.sources_per_density.sum()),
        "n_points": int(possible.size),
        "possible_share": float(possible.mean()),
        "impossible_by": {
            name: float(1 - allowed.mean()) for name, allowed in found.emission.limits.items()
        },
        "least_orbital_period_s": _least_orbits(found),
        "one_source": _shares(grid.rejected_share, possible),
        "population": {
            "rejected_share": float(found.rejected.mean()),
            "rejected_share_possible": _mean(found.rejected[possible]),
            "least_density_limit_pc3": _least(limit),
            "least_density_limit_possible_pc3": _least(limit[possible]),
        },
        "axes": {axis.name: _ranges(found, i) for i, axis in enumerate(settings.axis)},
        "reference": found.reference,
        "assumed": [
            p.name
            for p in found.model.parameters
            if p.assumed
            and p.name not in {f.name for f in settings.parameter}
            and p.name not in {a.name for a in settings.axis}
        ],
        "config": json.loads(json.dumps(asdict(settings), default=str)),
        "versions": versions(),
    }


def _least_orbits(found: Exclusion) -> dict[str, float] | None:
    """Shortest orbits of companions of each kind around the white dwarf of the model."""
    if found.settings.model != "white_dwarf":
        return None
    return {kind: least_period_s(kind, found.reference["mass_sun"])[0] for kind in COMPANIONS}


def _shares(rejected: np.ndarray, possible: np.ndarray) -> dict[str, Any]:
    """Points at which most of the region rejects one source; by physics possible ones."""
    most = rejected >= 0.95
    return {
        "rejected_share": float(most.mean()),
        "rejected_share_possible": _mean(most[possible]),
    }


def _ranges(found: Exclusion, i: int) -> dict[str, Any]:
    """From where to where one source is rejected in 95 % of the region, at any other value."""
    values, along = found.settings.axis[i].values, 1 - i
    most = found.grid.rejected_share >= 0.95
    out = {}
    for name, where in (("all", most), ("possible", most & found.emission.possible)):
        some = np.flatnonzero(where.any(axis=1 - along))
        out[name] = [float(values[some[0]]), float(values[some[-1]])] if len(some) else None
    return out


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None


def _least(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return float(values.min()) if values.size else None


def said(summary: Mapping[str, Any]) -> Iterator[str]:
    """What the command prints."""
    cells = "1 cell" if summary["n_cells"] == 1 else f"{summary['n_cells']} cells"
    yield f"{summary['model']}: {cells}, {summary['area_deg2']:.4g} square degrees"
    if summary["lost_deg2"] > 0:
        yield f"note: {summary['lost_deg2']:.3g} square degrees are in cells without a visit"
    if summary["n_candidates"]:
        yield (
            f"note: the searches of this coverage have {summary['n_candidates']} candidates: "
            "nothing is rejected by a search that found a source"
        )
    if summary["derived"]:
        yield "note: the formulae of this model are derived, not those of its paper"
    one, population = summary["one_source"], summary["population"]
    yield (
        f"one source, where 95 % of the area rejects it: {one['rejected_share']:.1%} of the grid, "
        f"{_share(one['rejected_share_possible'])} of what physics allows "
        f"({summary['possible_share']:.1%})"
    )
    for name, ranges in summary["axes"].items():
        for which, of in (("all", "of all"), ("possible", "of what is allowed")):
            if ranges[which]:
                low, high = ranges[which]
                yield f"  {name} {of}: {low:.4g} to {high:.4g}"
    for name, share in summary["impossible_by"].items():
        yield f"  not allowed by {name}: {share:.1%} of the grid"
    yield (
        f"population: rejected at {population['rejected_share']:.1%} of the grid, "
        f"{_share(population['rejected_share_possible'])} of what is allowed"
    )
    for which, words in (("", "any"), ("_possible", "allowed")):
        limit = population[f"least_density_limit{which}_pc3"]
        if limit is not None:
            yield f"  lowest limit on the density, {words} parameters: {limit:.3g} pc^-3"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"
