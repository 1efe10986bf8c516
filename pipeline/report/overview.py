"""Figures about the whole recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from astropy.time import Time
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from scipy.special import erfc

from pipeline.report.style import (
    ACCENT,
    BLUE,
    COLOUR_MAP,
    INK,
    LINE,
    MUTED,
    bunit_label,
    limits,
    log_ticks,
    new_figure,
    nothing,
    tidy,
    time_unit,
)
from pipeline.sinks.results import SearchResults

_N_LABELS = 8


def overview_figures(results: SearchResults) -> dict[str, tuple[str, Figure]]:
    """Title and figure of everything known about the recording, by file name.

    Parameters
    ----------
    results : SearchResults
        A search; figures without data are left out, except the two of the candidates.
    """
    overview = results.overview
    wanted: list[tuple[str, str, bool, Callable[[Axes, SearchResults], None]]] = [
        ("snr_time", "S/N against time", True, _snr_time),
        ("dm_time", "DM against time", True, _dm_time),
        ("noise_map", "Noise map", min(overview.noise_map.shape, default=0) > 1, _noise_map),
        ("noise_history", "Noise history", len(overview.noise) > 0, _noise_history),
        ("flagged_time", "Flagged against time", bool(overview.flagged), _flagged_time),
        ("flagged_channel", "Flagged by channel", bool(overview.flagged), _flagged_channel),
        ("efficiency", "Efficiency of the trials", len(overview.efficiency) > 1, _efficiency),
        ("histogram", "Distribution of S/N", len(overview.snr_counts) > 0, _histogram),
    ]
    figures = {}
    for name, title, known, draw in wanted:
        if known:
            figure = new_figure(6.4, 3.9)
            axes = figure.add_axes((0.11, 0.135, 0.86, 0.775))
            draw(axes, results)
            figures[name] = (title, figure)
    return figures


def _seconds(results: SearchResults) -> NDArray[np.float64]:
    """Seconds of the candidates after the start of the recording."""
    if len(results.candidates) == 0:
        return np.zeros(0)
    mjd = np.asarray(results.candidates["mjd"], float)
    return np.asarray((Time(mjd, format="mjd", scale="utc") - results.header.start).sec)


def _time_axis(axes: Axes, results: SearchResults) -> float:
    length = results.header.n_samples * results.header.tsamp_s
    factor, unit = time_unit(length)
    axes.set_xlim(-0.01 * length * factor, 1.01 * length * factor)
    axes.set_xlabel(f"time from the start ({unit})")
    return factor


def _candidate_points(
    axes: Axes, time: NDArray[np.float64], value: NDArray[np.float64], snr: NDArray[np.float64]
) -> None:
    if len(time) == 0:
        return
    size = np.clip(snr, 5, 60) * 1.6
    axes.scatter(time, value, s=size, facecolor="none", edgecolor=ACCENT, linewidth=1.4, zorder=3)
    for i in range(min(len(time), _N_LABELS)):
        axes.annotate(
            str(i + 1),
            (time[i], value[i]),
            (6, 4),
            textcoords="offset points",
            size=8,
            color=ACCENT,
        )


def _snr_time(axes: Axes, results: SearchResults) -> None:
    tidy(axes, "S/N against time", grid=True)
    factor = _time_axis(axes, results)
    detections, table = results.detections, results.candidates
    if len(detections) == 0 and len(table) == 0:
        nothing(axes, "nothing above the threshold")
        return
    axes.plot(
        detections.centre * results.header.tsamp_s * factor,
        detections.snr,
        ".",
        ms=5,
        color=BLUE,
        alpha=0.45,
        mew=0,
    )
    snr = np.asarray(table["snr"], float)
    _candidate_points(axes, _seconds(results) * factor, snr, snr)
    threshold = results.summary.get("threshold")
    if threshold is not None:
        axes.axhline(float(threshold), color=MUTED, lw=0.9, ls="--")
    brightest = max(snr.max(initial=0.0), float(detections.snr.max(initial=0.0)))
    if brightest > 60:
        axes.set_yscale("log")
    axes.set_ylabel("S/N")
    _legend(axes, "dots: detections    circles: candidates")


def _dm_time(axes: Axes, results: SearchResults) -> None:
    tidy(axes, "DM against time", grid=True)
    factor = _time_axis(axes, results)
    detections, table = results.detections, results.candidates
    if len(detections) == 0 and len(table) == 0:
        nothing(axes, "nothing above the threshold")
        return
    if len(detections):
        order = np.argsort(detections.snr)
        points = axes.scatter(
            (detections.centre * results.header.tsamp_s * factor)[order],
            detections.dm[order],
            c=np.log2(detections.width[order] * results.header.tsamp_s),
            s=np.clip(detections.snr[order], 4, 40) * 0.7,
            cmap=COLOUR_MAP,
            linewidth=0,
            alpha=0.75,
        )
        axes.set_position((0.11, 0.135, 0.77, 0.775))
        bar = axes.figure.colorbar(points, cax=axes.inset_axes((1.02, 0, 0.025, 1)))
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=7.5, colors=MUTED, length=2)
        bar.set_label("log$_2$ width (s)", size=8, color=MUTED)
    snr = np.asarray(table["snr"], float)
    _candidate_points(axes, _seconds(results) * factor, np.asarray(table["dm"], float), snr)
    axes.set_ylabel("DM (pc cm$^{-3}$)")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))


def _legend(axes: Axes, text: str) -> None:
    axes.text(0.995, 1.015, text, transform=axes.transAxes, ha="right", size=7.5, color=MUTED)


def _noise_map(axes: Axes, results: SearchResults) -> None:
    noise = results.overview.noise_map
    tidy(axes, "Noise of one sample, per pixel")
    low, high = limits(noise, 0.5, 99.5)
    mesh = axes.imshow(noise, origin="lower", cmap=COLOUR_MAP, vmin=low, vmax=high)
    axes.set(xlabel="x (pixel)", ylabel="y (pixel)")
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7.5, colors=MUTED, length=2)
    bar.set_label(bunit_label("noise", results.header.bunit), size=8, color=MUTED)
    for i, row in enumerate(results.candidates[:_N_LABELS]):
        axes.plot(row["x"], row["y"], "o", ms=10, mfc="none", mec=INK, mew=3.0)
        axes.plot(row["x"], row["y"], "o", ms=10, mfc="none", mec="white", mew=1.3)
        axes.annotate(
            str(i + 1),
            (row["x"], row["y"]),
            (7, 5),
            textcoords="offset points",
            size=9,
            color="white",
            path_effects=[withStroke(linewidth=2.5, foreground=INK)],
        )


def _noise_history(axes: Axes, results: SearchResults) -> None:
    overview = results.overview
    tidy(axes, "Median noise and share of good data", grid=True)
    factor = _time_axis(axes, results)
    axes.plot(overview.noise_time_s * factor, overview.noise, color=BLUE, lw=1.3)
    axes.set_ylabel(bunit_label("noise", results.header.bunit))
    finite = overview.noise[np.isfinite(overview.noise)]
    if len(finite):
        axes.set_ylim(0, 1.25 * float(finite.max()) or 1.0)
    if len(overview.quality):
        right = axes.twinx()
        tidy(right)
        right.spines[["top", "left", "bottom"]].set_visible(False)
        right.fill_between(
            overview.quality_time_s * factor, 0, overview.quality, color=LINE, alpha=0.45, lw=0
        )
        right.set(ylim=(0, 1.04), ylabel="share of good data")
        axes.set_zorder(right.get_zorder() + 1)
        axes.patch.set_visible(False)
        axes.figure.subplots_adjust(right=0.9)
        right.yaxis.label.set(size=8.5, color=MUTED)
        axes.set_position((0.11, 0.135, 0.79, 0.775))
        right.set_position((0.11, 0.135, 0.79, 0.775))


def _flagged_time(axes: Axes, results: SearchResults) -> None:
    tidy(axes, "Share of the data that was flagged", grid=True)
    factor = _time_axis(axes, results)
    curves = [
        (f"{kind}: {name}", history.time_s * factor, share)
        for kind, history in results.overview.flagged.items()
        for name, share in history.shares.items()
    ]
    # What flagged nothing would fill the legend alone.
    curves = [c for c in curves if np.any(c[2] > 0)]
    if not curves:
        nothing(axes, "nothing was flagged")
        return
    for (label, time, share), shade in zip(curves, _shades(len(curves)), strict=True):
        axes.plot(time, share, ".-", ms=4, lw=1.2, color=shade, label=label)
    axes.set(ylim=(0, 1.1 * max(float(c[2].max()) for c in curves)), ylabel="share flagged")
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="best")


def _shades(n: int) -> list[Any]:
    return [colormaps[COLOUR_MAP](shade) for shade in np.linspace(0.0, 0.85, max(n, 2))][:n]


def _flagged_channel(axes: Axes, results: SearchResults) -> None:
    tidy(axes, "Share of each channel that was flagged", grid=True)
    kinds = results.overview.flagged
    for (kind, history), shade in zip(kinds.items(), _shades(len(kinds)), strict=True):
        order = np.argsort(history.freq_mhz)
        share = history.share_of_channel[order]
        axes.plot(history.freq_mhz[order], share, ".-", ms=4, lw=1.2, color=shade, label=kind)
    most = max(float(np.nan_to_num(h.share_of_channel).max(initial=0)) for h in kinds.values())
    axes.set(ylim=(0, 1.1 * most or 1.0), xlabel="frequency (MHz)", ylabel="share flagged")
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="best")


def _efficiency(axes: Axes, results: SearchResults) -> None:
    curves = dict(results.overview.efficiency)
    width_s = curves.pop("width_s")
    tidy(axes, "Share of the ideal S/N that the trials keep", grid=True)
    factor, unit = time_unit(float(np.min(width_s)) * 10)
    for (name, values), shade in zip(curves.items(), _shades(len(curves)), strict=True):
        axes.plot(width_s * factor, values, lw=1.4, color=shade, label=name)
    log_ticks(axes)
    axes.set(ylim=(0, 1.03), xlabel=f"pulse width ({unit})", ylabel="efficiency")
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="lower right")


def _histogram(axes: Axes, results: SearchResults) -> None:
    edges, counts = results.overview.snr_edges, np.asarray(results.overview.snr_counts, float)
    tidy(axes, "S/N of all trials", grid=True)
    axes.stairs(counts, edges, color=BLUE, fill=True, alpha=0.35)
    above = 0.5 * erfc(edges / np.sqrt(2))
    inside = counts.sum() / max(above[0] - above[-1], 1e-300)
    axes.stairs(inside * -np.diff(above), edges, color=ACCENT, lw=1.2)
    axes.set(xlabel="S/N", ylabel="trials", yscale="log")
    axes.set_ylim(0.5, max(counts.max(initial=1.0) * 3, 10))
    _legend(axes, "line: Gaussian of the same size")
