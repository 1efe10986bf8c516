"""Figures of checks: fluxes against those of a catalog, and offsets of positions."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from pipeline.checks.sources import Astrometry, FluxScale
from pipeline.report.style import (
    ACCENT,
    BLUE,
    LINE,
    MUTED,
    bunit_label,
    log_ticks,
    new_figure,
    tidy,
)

_FEW = 12


def flux_figure(table: Table, scale: FluxScale, bunit: str) -> Figure:
    """Measured against known flux, with the fitted ratio; sources not detected are open."""
    figure = new_figure(5.4, 4.8)
    figure.set_layout_engine("constrained")
    axes = tidy(figure.subplots(), "Flux scale", grid=True)
    for seen, face in ((True, BLUE), (False, "white")):
        part = table[np.asarray(table["detected"]) == seen]
        if len(part):
            label = "detected" if seen else "not detected"
            flux, error = np.asarray(part["flux"]), np.asarray(part["flux_error"])
            style = {"fmt": "o", "ms": 5, "mfc": face, "color": BLUE, "elinewidth": 1}
            axes.errorbar(np.asarray(part["flux_jy"]), flux, error, label=label, **style)
    known = np.asarray(table["flux_jy"])
    line = np.array([known.min() / 1.6, known.max() * 1.6])
    axes.plot(line, scale.ratio * line, color=ACCENT, label=f"ratio {_with_error(scale)}")
    axes.plot(line, line, color=MUTED, lw=1, ls=":", label="equal")
    axes.set(xlim=line, xlabel="flux density in the catalog (Jy)")
    positive = np.asarray(table["flux"])[np.asarray(table["flux"]) > 0]
    low, high = np.min([*positive, scale.ratio * line[0]]), np.max([*positive, line[1]])
    axes.set_ylim(low / 1.6, max(high, scale.ratio * line[1]) * 1.2)
    axes.set_ylabel(bunit_label("measured", bunit))
    log_ticks(axes, "x")
    log_ticks(axes, "y")
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    return figure


def offset_figure(detected: Table, places: Astrometry, beam_arcsec: float) -> Figure:
    """Offsets of detected sources, their median, and the beam."""
    figure = new_figure(5.2, 4.8)
    figure.set_layout_engine("constrained")
    axes = tidy(figure.subplots(), "Positions: found less catalog", grid=True)
    east, north = (np.asarray(detected[c]) for c in ("east_arcsec", "north_arcsec"))
    error = np.asarray(detected["offset_error_arcsec"])
    style = {"fmt": "o", "ms": 4, "color": BLUE, "ecolor": LINE, "elinewidth": 1}
    axes.errorbar(east, north, error, error, label="sources", **style)
    median = places.median_arcsec
    (de, dn), (se, sn) = places.error_arcsec, places.scatter_arcsec
    label = (
        f"median {median[0]:+.2g} ± {de:.1g}, {median[1]:+.2g} ± {dn:.1g}″\n"
        f"scatter {se:.2g}, {sn:.2g}″"
    )
    axes.errorbar(*median, dn, de, fmt="s", ms=6, color=ACCENT, label=label)
    if len(detected) <= _FEW:
        for row in detected:
            at = (row["east_arcsec"], row["north_arcsec"])
            axes.annotate(
                str(row["name"]), at, (5, 4), textcoords="offset points", size=7, color=MUTED
            )
    reach = 1.3 * max(np.abs([*east, *north]).max() + error.max(), 0.05 * beam_arcsec)
    if beam_arcsec / 2 < reach:
        style = {"fill": False, "color": MUTED, "ls": ":"}
        axes.add_patch(Circle((0, 0), beam_arcsec / 2, label="half the beam", **style))
    axes.set(xlim=(reach, -reach), ylim=(-reach, reach), aspect="equal")
    axes.axhline(0, color=LINE, lw=0.8, zorder=0)
    axes.axvline(0, color=LINE, lw=0.8, zorder=0)
    axes.set(xlabel="east (arcsec)", ylabel="north (arcsec)")
    axes.legend(fontsize=7.5, frameon=False, loc="upper right")
    return figure


def _with_error(scale: FluxScale) -> str:
    digits = int(np.clip(1 - np.floor(np.log10(max(scale.error, 1e-6))), 1, 6))
    return f"{scale.ratio:.{digits}f} ± {scale.error:.{digits}f}"
