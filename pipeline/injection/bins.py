"""What a campaign says: completeness, bias and errors, in bins of the pulses."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pipeline.injection.completeness import (
    CLASSIFIED,
    binned,
    binomial_interval,
    stage_counts,
    thresholds,
)

STAGES = ("detected", "grouped", CLASSIFIED)
"""What a pulse may come to: a detection at its place, a candidate, and one taken for real."""

_SNR_EDGES = np.array([0, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 50, 100, np.inf])
_PER_OCTAVE = 1.0
BRIGHT = 9.0
"""S/N from which pulses ought to be found."""


def width_edges(table: Table) -> NDArray[np.float64]:
    """Octaves of the width, from the narrowest pulse to the widest."""
    low, high = float(np.min(table["width"])), float(np.max(table["width"]))
    n = max(1, round(_PER_OCTAVE * np.log2(high / low))) if high > low else 1
    edges = np.geomspace(low, high, n + 1) if high > low else np.array([low, low])
    edges[0], edges[-1] = 0.999 * low, 1.001 * high
    return edges


def dm_edges(table: Table) -> NDArray[np.float64]:
    """Four equal ranges of the DM, the first from 0."""
    top = float(np.max(table["dm"]))
    return np.linspace(0, 1.001 * top, 5) if top > 0 else np.array([0.0, 1.0])


def used(table: Table) -> Table:
    """Injections that tell: some of them was recorded, and nothing else is at their places."""
    return table[(table["snr"] > 0) & ~np.asarray(table["confused"], bool)]


def completeness(table: Table) -> Table:
    """Shares that are found in bins of width, S/N and DM."""
    edges = {"width": width_edges(table), "snr": _SNR_EDGES, "dm": dm_edges(table)}
    return binned(table, edges, STAGES)


def by_width(table: Table) -> Table:
    """Of each octave of width: completeness of bright pulses, thresholds, and bias.

    ``fluence_50`` and ``fluence_90`` are those of a pulse in the middle of the octave, of a DM
    and place as drawn.
    """
    edges, rows = width_edges(table), []
    for low, high in pairwise(edges.tolist()):
        here = table[(table["width"] >= low) & (table["width"] < high)]
        if len(here):
            rows.append({"width_low": low, "width_high": high, **_of_width(here, low, high)})
    return Table(rows)


def _of_width(table: Table, low: float, high: float) -> dict[str, float]:
    bright = table[table["snr"] >= BRIGHT]
    n, k = len(bright), int(np.sum(bright["grouped"]))
    interval = binomial_interval(k, n)
    out: dict[str, float] = {"n": len(table), "n_bright": n, "n_bright_found": k}
    out |= {"found": k / n if n else np.nan}
    out |= {"found_low": float(interval[0]), "found_high": float(interval[1])}
    # Of an S/N the fluence goes as the square root of the width.
    scale = np.sqrt(np.sqrt(low * high) / table["width"])
    per_snr = float(np.median(table["fluence"] * table["gain"] / table["snr"] * scale))
    for name, at in zip(("50", "90"), thresholds(table["snr"], table["grouped"]), strict=True):
        out |= {f"snr_{name}": at.at, f"snr_{name}_low": at.low, f"snr_{name}_high": at.high}
        out |= {f"fluence_{name}": at.at * per_snr}
    return out | _bias(bright, "snr_found", "bias") | _bias(bright, "snr_fit", "bias_fit")


def _bias(table: Table, column: str, name: str) -> dict[str, float]:
    """Mean of the S/N found over that put in, its error, and the scatter in S/N."""
    found = np.asarray(table[column], float)
    there = np.isfinite(found)
    n = int(there.sum())
    if n < 2:
        return {name: np.nan, f"{name}_error": np.nan, f"{name}_scatter": np.nan}
    put = np.asarray(table["snr"], float)[there]
    ratio = found[there] / put
    return {
        name: float(ratio.mean()),
        f"{name}_error": float(ratio.std(ddof=1) / np.sqrt(n)),
        f"{name}_scatter": float((found[there] - ratio.mean() * put).std(ddof=1)),
    }


def overall(table: Table) -> dict[str, Any]:
    """Numbers of the whole campaign."""
    bright = table[table["snr"] >= BRIGHT]
    n, out = len(bright), {"n": len(table), "n_bright": len(bright), "bright_snr": BRIGHT}
    for stage in STAGES:
        k, of = (float(a[0]) for a in stage_counts(bright, stage, np.zeros(n, int), 1))
        low, high = binomial_interval(k, of)
        share = k / of if of else np.nan
        out[stage] = {"n": int(k), "share": share, "low": float(low), "high": float(high)}
    out |= _bias(bright, "snr_found", "bias") | _bias(bright, "snr_fit", "bias_fit")
    for name, at in zip(("50", "90"), thresholds(table["snr"], table["grouped"]), strict=True):
        out[f"snr_{name}"] = at.at
    errors = {
        "x_px": table["x_error"],
        "y_px": table["y_error"],
        "time_widths": table["time_error"] / table["width"],
        "width_ratio": table["width_found"] / table["width"],
        "dm_pc_cm3": table["dm_found"] - table["dm"],
        "fluence_ratio": table["fluence_found"] / (table["fluence"]),
    }
    out["errors"] = {name: _spread(np.asarray(v, float)) for name, v in errors.items()}
    return out


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    values = values[np.isfinite(values)]
    if not len(values):
        return {"n": 0, "median": np.nan, "scatter": np.nan}
    low, middle, high = np.percentile(values, [15.865, 50, 84.135])
    return {"n": len(values), "median": float(middle), "scatter": float((high - low) / 2)}
