"""Figures of the limits of a survey."""

from __future__ import annotations

import numpy as np
from astropy.table import Row, Table
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from pipeline.report.style import (
    ACCENT,
    COLOUR_MAP,
    INK,
    MUTED,
    edges,
    format_duration,
    new_figure,
    nothing,
    tidy,
)
from surveys.rates.cells import cell_numbers
from surveys.rates.run import Limits, PeriodicLimits

_MOST_PANELS = 3
_ROWS = 300
"""Of the picture of cells."""
_RANGE = 1000.0
"""Of its colours."""


def figures(limits: Limits, published: Table) -> dict[str, Figure]:
    """Figures by the names of their files."""
    out = {"rates.png": rates_figure(limits, published), "cells.png": cells_figure(limits)}
    if limits.periodic is not None:
        confidence = limits.settings.counts.confidence
        out["periodic.png"] = periodic_figure(limits.periodic, confidence)
    return out


def rates_figure(limits: Limits, published: Table) -> Figure:
    """Limits against flux and against fluence, for each width, and those of others."""
    figure = new_figure(11.0, 4.7)
    axes = figure.subplots(1, 2, sharey=True)
    bursts = limits.settings.bursts
    flux, mark = np.array(bursts.flux_jy), "-" if len(bursts.flux_jy) > 1 else "D"
    for i, width in enumerate(bursts.width_s):
        colour = colormaps[COLOUR_MAP](0.92 * i / max(len(bursts.width_s) - 1, 1))
        for axis, scale in zip(axes, (1.0, 1e3 * width), strict=True):
            label = format_duration(width) if axis is axes[0] else None
            axis.plot(flux * scale, limits.rate[i], mark, color=colour, lw=1.6, label=label)
            if limits.power_law_rate is not None:
                axis.plot(flux * scale, limits.power_law_rate[i], color=colour, lw=1, ls=":")
    for axis, name in zip(axes, ("flux_jy", "fluence_jy_ms"), strict=True):
        for i, row in enumerate(published):
            if not np.ma.is_masked(row[name]):
                _draw_published(axis, row, name, above=i % 2 == 0)
        axis.set(xscale="log", yscale="log")
        axis.margins(0.2, 0.12)
        tidy(axis, grid=True)
    axes[0].set(xlabel="flux density (Jy)", ylabel="bursts per hour and square degree")
    axes[1].set(xlabel="fluence (Jy ms)")
    axes[1].tick_params(labelleft=False)
    percent = f"{100 * limits.settings.counts.confidence:g} %"
    tidy(axes[0], f"Limits on bursts above a flux, {percent}, k = {limits.counts.k}", grid=True)
    tidy(axes[1], "The same above a fluence", grid=True)
    title = "width"
    if bursts.slope is not None:
        title = f"width; dotted:\nN(>F) ~ F$^{{-{bursts.slope:g}}}$"
    axes[0].legend(fontsize=7.5, frameon=False, title=title, title_fontsize=7.5)
    figure.tight_layout()
    return figure


def _draw_published(axis: Axes, row: Row, name: str, above: bool) -> None:
    """A survey: an arrow down from a limit, a bar for a rate with an error."""
    x, y = float(row[name]), float(row["rate"])
    if row["kind"] == "limit":
        axis.annotate(
            "", xy=(x, y / 5), xytext=(x, y), arrowprops={"arrowstyle": "->", "color": MUTED}
        )
    else:
        spread = [[y - float(row["rate_low"])], [float(row["rate_high"]) - y]]
        axis.errorbar([x], [y], spread, color=MUTED, lw=1.2, capsize=2)
    axis.plot([x], [y], marker="o", ms=4, color=INK, zorder=5)
    words = axis.annotate(
        row["name"], (x, y), xytext=(5, 4 if above else -11), textcoords="offset points",
        fontsize=7.5, color=INK, zorder=6,
    )  # fmt: skip
    words.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def cells_figure(limits: Limits) -> Figure:
    """The limit of each cell where it lies."""
    figure = new_figure(8.0, 4.2)
    figure.set_layout_engine("constrained")
    axis = figure.subplots()
    found, wanted = limits.cells, limits.settings.cells
    bursts = limits.settings.bursts
    title = (
        f"Limits of cells, bursts of {bursts.map_flux_jy:g} Jy and "
        f"{format_duration(bursts.map_width_s)}, {100 * limits.settings.counts.confidence:g} %"
    )
    tidy(axis, title)
    known = np.isfinite(found.limit)
    if not known.any():
        nothing(axis, "no cell has a limit")
        return figure
    lon, lat = _frame_around(found.cells.lon, found.cells.lat, wanted.side_deg)
    numbers = cell_numbers(*np.meshgrid(lon, lat), wanted)
    values = np.full(numbers.shape, np.nan)
    at = np.minimum(np.searchsorted(found.cells.number, numbers), len(known) - 1)
    inside = found.cells.number[at] == numbers
    values[inside] = found.limit[at[inside]]
    low, high = np.nanmin(values), np.nanmax(values)
    # Of slivers at the edge the limits are worse without end.
    top = min(max(high, 1.01 * low), _RANGE * low)
    picture = axis.pcolormesh(
        lon, lat, np.ma.masked_invalid(values), cmap=COLOUR_MAP + "_r", shading="nearest",
        norm=LogNorm(low, top), rasterized=True,
    )  # fmt: skip
    axis.set_xlim(lon[-1], lon[0])
    names = ("l", "b") if wanted.frame == "galactic" else ("RA", "Dec")
    axis.set(xlabel=f"{names[0]} (deg)", ylabel=f"{names[1]} (deg)")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value % 360:g}")
    if np.ptp(lat) * 3 > np.ptp(lon):
        axis.set_aspect(1 / max(np.cos(np.radians(lat.mean())), 0.1))
    bar = figure.colorbar(picture, ax=axis, pad=0.02, extend="max" if high > top else "neither")
    bar.set_label("bursts per hour and square degree", size=8.5, color=INK)
    bar.ax.tick_params(which="both", labelsize=8, colors=MUTED)
    return figure


def _frame_around(lon: NDArray, lat: NDArray, margin: float) -> tuple[NDArray, NDArray]:
    """Longitudes and latitudes of a picture of cells, cut where no cell is."""
    rising = np.sort(lon)
    gaps = np.diff(np.append(rising, rising[0] + 360))
    cut = int(np.argmax(gaps))
    first = rising[(cut + 1) % len(rising)]
    length = min(360.0, 360 - gaps[cut] + 2 * margin)
    south, north = max(lat.min() - margin, -90), min(lat.max() + margin, 90)
    step = max((north - south) / _ROWS, length / (4 * _ROWS))
    return first - margin + np.arange(0, length, step), np.arange(south, north, step)


def _log_edges(middles: NDArray) -> NDArray:
    """Edges of cells of a logarithmic axis; a single one is of a factor of 4."""
    if len(middles) == 1:
        return middles[0] * np.array([0.5, 2.0])
    return np.exp(edges(np.log(middles)))


def periodic_figure(periodic: PeriodicLimits, confidence: float) -> Figure:
    """Limits on the number of sources against period and width, for each flux."""
    shown = np.unique(np.linspace(0, len(periodic.flux_jy) - 1, _MOST_PANELS).round().astype(int))
    figure = new_figure(1.6 + 3.6 * len(shown) if len(shown) > 1 else 6.0, 4.2)
    figure.set_layout_engine("constrained")
    axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    density, rejected = periodic.density[shown], periodic.rejected(confidence)[shown]
    some = density[np.isfinite(density)]
    norm = LogNorm(some.min(), max(some.max(), 1.01 * some.min())) if len(some) else None
    picture = None
    for axis, i, values, share in zip(axes, shown, density, rejected, strict=True):
        tidy(axis, f"pulses of {periodic.flux_jy[i]:g} Jy")
        axis.set(xscale="log", yscale="log", xlabel="period (s)")
        if not np.isfinite(values).any():
            nothing(axis, "not seen")
            continue
        picture = axis.pcolormesh(
            _log_edges(periodic.period_s), _log_edges(periodic.width_s),
            np.ma.masked_invalid(values.T), cmap=COLOUR_MAP + "_r", norm=norm, rasterized=True,
        )  # fmt: skip
        if min(values.shape) > 1 and np.nanmin(share) < 0.5 < np.nanmax(share):
            axis.contour(
                periodic.period_s, periodic.width_s, np.ma.masked_invalid(share.T), [0.5, 0.95],
                colors=ACCENT, linewidths=1.2, linestyles=["--", "-"],
            )  # fmt: skip
    axes[0].set_ylabel("width of pulses (s)")
    if picture is not None:
        bar = figure.colorbar(picture, ax=list(axes), pad=0.02)
        bar.set_label(f"sources per square degree, {100 * confidence:g} %", size=8.5, color=INK)
        bar.ax.tick_params(which="both", labelsize=8, colors=MUTED)
    words = (
        f"line: one source would have been seen with {100 * confidence:g} % in 95 % of the area, "
        "dashed: in half of it"
    )
    figure.supxlabel(words, x=0.02, ha="left", fontsize=7.5, color=MUTED)
    return figure
