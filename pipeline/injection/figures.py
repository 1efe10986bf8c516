"""Figures of a campaign."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from pipeline.injection.bins import BRIGHT, by_width, dm_edges, width_edges
from pipeline.injection.completeness import CLASSIFIED, binned
from pipeline.report.style import (
    ACCENT,
    BLUE,
    COLOUR_MAP,
    INK,
    MUTED,
    SOFT,
    log_ticks,
    new_figure,
    tidy,
)


def figures(table: Table) -> dict[str, Figure]:
    """Figures by the names of their files."""
    return {
        "completeness.png": completeness_figure(table),
        "surface.png": surface_figure(table),
        "recovery.png": recovery_figure(table),
        "errors.png": errors_figure(table),
    }


def completeness_figure(table: Table) -> Figure:
    """Share found against S/N, and of bright pulses against width."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    edges = np.geomspace(max(table["snr"].min(), 1), table["snr"].max() * 1.001, 15)
    # Side by side: the three are often the same.
    for stage, colour, label, shift in (
        ("detected", BLUE, "detected", 0.985),
        ("grouped", ACCENT, "candidate of its own", 1.0),
        (CLASSIFIED, MUTED, "classified as real", 1.015),
    ):
        rows = binned(table, {"snr": edges}, (stage,))
        middle = np.sqrt(rows["snr_low"] * rows["snr_high"]) * shift
        error = [rows[stage] - rows[f"{stage}_low"], rows[f"{stage}_high"] - rows[stage]]
        style = {"color": colour, "fmt": "o-", "ms": 4, "lw": 1.2, "capsize": 2}
        left.errorbar(middle, rows[stage], np.abs(error), label=label, **style)
    left.set(xlabel="S/N put in (best that could be had)", ylabel="share found", ylim=(-0.03, 1.05))
    log_ticks(tidy(left, "Completeness", grid=True))
    left.legend(frameon=False, fontsize=8, loc="lower right")
    rows = by_width(table)
    middle = np.sqrt(rows["width_low"] * rows["width_high"])
    error = [rows["found"] - rows["found_low"], rows["found_high"] - rows["found"]]
    right.errorbar(middle, rows["found"], np.abs(error), color=ACCENT, fmt="o", ms=4, capsize=2)
    right.axhline(0.95, color=MUTED, lw=1, ls="--")
    right.set(xlabel="width (s)", ylabel=f"share found of S/N ≥ {BRIGHT:g}")
    right.set_ylim(min(0.85, float(np.nanmin(rows["found_low"])) - 0.02), 1.005)
    log_ticks(tidy(right, f"Pulses of S/N ≥ {BRIGHT:g} (dashed: 95 %)", grid=True))
    figure.tight_layout()
    return figure


def surface_figure(table: Table) -> Figure:
    """Share found over width and fluence, in ranges of the DM."""
    dms = dm_edges(table)
    dms = dms[[0, len(dms) // 2, len(dms) - 1]] if len(dms) > 2 else dms
    figure = new_figure(5.6 * (len(dms) - 1), 4.4)
    panels = np.atleast_1d(figure.subplots(1, len(dms) - 1, sharey=True))
    fluence = np.asarray(table["fluence"] * table["gain"], float)
    low, high = fluence.min(), fluence.max()
    edges = np.geomspace(low * 0.999, high * 1.001, 17), width_edges(table)
    mesh = None
    for axes, first, last in zip(panels, dms[:-1], dms[1:], strict=True):
        here = (table["dm"] >= first) & (table["dm"] < last)
        counts = [
            np.histogram2d(fluence[rows], table["width"][rows], edges)[0]
            for rows in (here, here & table["grouped"])
        ]
        share = np.divide(
            counts[1], counts[0], where=counts[0] > 0, out=np.full_like(counts[0], np.nan)
        )
        mesh = axes.pcolormesh(edges[1], edges[0], share, cmap=COLOUR_MAP, vmin=0, vmax=1)
        axes.set_yscale("log")
        axes.set(xlabel="width (s)")
        log_ticks(tidy(axes, f"DM {first:.0f} to {last:.0f} pc cm⁻³"))
    rows = by_width(table)
    middle = np.sqrt(rows["width_low"] * rows["width_high"])
    for axes in panels:
        for name, style in (("fluence_50", "--"), ("fluence_90", "-")):
            axes.plot(middle, rows[name], color="white", lw=1.4, ls=style)
            axes.plot(middle, rows[name], color=ACCENT, lw=0.9, ls=style, label=f"{name[-2:]} %")
    panels[0].set_ylabel("fluence through the beam (data unit × ms)")
    panels[0].legend(frameon=False, fontsize=8, labelcolor=INK, loc="upper left")
    figure.tight_layout()
    if mesh is not None:
        bar = figure.colorbar(mesh, ax=list(panels), pad=0.02)
        bar.set_label("share found", size=8.5, color=INK)
        bar.ax.tick_params(labelsize=8, colors=MUTED)
    return figure


def recovery_figure(table: Table) -> Figure:
    """S/N found against that put in, and their ratio against width."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    found = np.isfinite(np.asarray(table["snr_found"], float))
    rows = table[found]
    left.loglog(rows["snr"], rows["snr_found"], ".", color=BLUE, ms=2.5, alpha=0.5)
    ends = np.array([rows["snr"].min(), rows["snr"].max()]) if len(rows) else np.array([1.0, 10])
    left.plot(ends, ends, color=ACCENT, lw=1)
    left.set(xlabel="S/N put in", ylabel="S/N found")
    log_ticks(tidy(left, "S/N of candidates", grid=True))
    log_ticks(left, "y")
    rows = by_width(table)
    middle = np.sqrt(rows["width_low"] * rows["width_high"])
    style = {"fmt": "o", "ms": 4, "capsize": 2}
    right.axhspan(0.97, 1.03, color=SOFT, alpha=0.5, lw=0)
    for name, colour, label in (
        ("bias", BLUE, "of the candidate"),
        ("bias_fit", ACCENT, "of what fits the pulse"),
    ):
        right.errorbar(
            middle, rows[name], rows[f"{name}_error"], color=colour, label=label, **style
        )
    right.set(xlabel="width (s)", ylabel=f"mean of S/N found / put in, S/N ≥ {BRIGHT:g}")
    log_ticks(tidy(right, "Bias of S/N (shaded: 3 %)", grid=True))
    right.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


def errors_figure(table: Table) -> Figure:
    """Errors of position, time, width, DM and fluence of what was found."""
    figure = new_figure(11, 6.2)
    panels = figure.subplots(2, 3).ravel()
    found = table[np.asarray(table["grouped"], bool)]
    offsets = np.concatenate([found["x_error"], found["y_error"]])
    values = (
        (offsets, "position, x and y (pixels)"),
        (found["time_error"] / found["width"], "time (widths)"),
        (np.log2(found["width_found"] / found["width"]), "width (log₂ of found / true)"),
        (found["dm_found"] - found["dm"], "DM (pc cm⁻³)"),
        (found["fluence_found"] / found["fluence"], "fluence (found / true)"),
        (
            (found["fluence_found"] - found["fluence"]) / found["fluence_error"],
            "fluence (found less true, in its error)",
        ),
    )
    for axes, (value, label) in zip(panels, values, strict=True):
        value = np.asarray(value, float)
        value = value[np.isfinite(value)]
        if len(value):
            low, high = np.percentile(value, [0.5, 99.5])
            spread = (high - low) or 1.0
            bins = np.linspace(low - 0.1 * spread, high + 0.1 * spread, 41)
            axes.hist(value, bins, color=BLUE)
            axes.axvline(float(np.median(value)), color=ACCENT, lw=1)
        axes.set(xlabel=label)
        tidy(axes, f"{len(value)} pulses", grid=True)
    panels[0].set_ylabel("number")
    panels[3].set_ylabel("number")
    figure.tight_layout()
    return figure
