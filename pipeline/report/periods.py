"""Figures of periods: the periodogram, the pulse folded, residuals of arrival times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipeline.periodicity.run import Folded, Periods, Timed
from pipeline.periodicity.table import folded_image
from pipeline.report.style import (
    ACCENT,
    BLUE,
    COLOUR_MAP,
    INK,
    MUTED,
    format_duration,
    join,
    limits,
    log_ticks,
    new_figure,
    tidy,
    to_png,
)
from pipeline.sinks.atomic import write_atomically

_MOST_BINS, _COLUMNS = 64, 700


def write_figures(out: Path, periods: Periods, most: int) -> list[Path]:
    """Write a PNG for each of the best periods; returns their paths."""
    made = []
    for i, one in enumerate(periods.folded[:most], start=1):
        made.append(_write(out / "figures" / f"folded_{i:03d}.png", _folded(one, periods)))
    for i, one in enumerate(periods.timed[:most], start=1):
        made.append(_write(out / "figures" / f"arrivals_{i:03d}.png", _arrivals(one)))
    return made


def _write(path: Path, png: bytes) -> Path:
    write_atomically(path, lambda temporary: _put(temporary, png))
    return path


def _put(path: Path, png: bytes) -> None:
    path.write_bytes(png)


def _folded(one: Folded, periods: Periods) -> bytes:
    header, plan, pulse = periods.header, periods.plan, one.found.pulse
    assert header is not None
    assert plan is not None
    figure = new_figure(10, 6.4)
    grid = figure.add_gridspec(
        2,
        2,
        height_ratios=(1, 1.25),
        left=0.075,
        right=0.975,
        top=0.86,
        bottom=0.085,
        hspace=0.42,
        wspace=0.2,
    )
    error = pulse.period_error * header.tsamp_s
    digits = max(0, 1 - int(np.floor(np.log10(error)))) if error > 0 else 3
    where = f"candidate {one.candidate}" if one.candidate else f"pixel {one.x}, {one.y}"
    figure.text(
        0.075,
        0.94,
        f"{pulse.period * header.tsamp_s:.{digits}f} ± {error:.{digits}f} s",
        size=14,
        color=INK,
        weight="bold",
    )
    facts = (
        f"S/N {pulse.snr:.1f}",
        f"{one.found.snr_rest:.1f} without the brightest cycle",
        f"pulse {format_duration(pulse.width * pulse.period * header.tsamp_s)}",
        f"DM {one.dm:.1f}",
        where,
    )
    figure.text(0.975, 0.945, join(facts), size=9, color=MUTED, ha="right")
    _periodogram(figure.add_subplot(grid[0, :]), one, periods)
    _profile(figure.add_subplot(grid[1, 0]), one, plan.bins)
    _cycles(figure.add_subplot(grid[1, 1]), one, plan.bins, header.n_samples * header.tsamp_s)
    return to_png(figure)


def _periodogram(axes: Axes, one: Folded, periods: Periods) -> None:
    header, plan = periods.header, periods.plan
    assert header is not None
    assert plan is not None
    middle = np.sqrt(plan.period_low * plan.period_high) * header.tsamp_s
    # Cells are of unequal size: the last of a base period may hold a trial or two.
    edge = np.geomspace(middle.min(), middle.max() * (1 + 1e-9), _COLUMNS + 1)
    column = np.searchsorted(edge, middle, side="right") - 1
    best = np.full(_COLUMNS, -np.inf)
    np.maximum.at(best, column, one.cells)
    shown = np.isfinite(best)
    tidy(axes, "Largest S/N of the trial periods", grid=True)
    axes.plot(np.sqrt(edge[1:] * edge[:-1])[shown], best[shown], color=BLUE, lw=0.7)
    period = one.found.pulse.period * header.tsamp_s
    axes.plot(period, one.found.pulse.snr, "v", color=ACCENT, ms=6, label="found")
    for ratio, at, snr in one.found.harmonics:
        axes.annotate(
            ratio,
            (at * header.tsamp_s, snr),
            (0, 6),
            textcoords="offset points",
            ha="center",
            size=7.5,
            color=ACCENT,
        )
    threshold = periods.summary["config"]["threshold"]
    axes.axhline(threshold, color=MUTED, lw=0.8, ls=(0, (4, 3)), label="threshold")
    axes.set(xlabel="period (s)", ylabel="S/N", xlim=(middle.min(), middle.max()))
    axes.set_ylim(0, 1.3 * max(float(one.cells.max()), one.found.pulse.snr, threshold))
    log_ticks(axes)
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper left")


def _bins(one: Folded, bins: int) -> int:
    return max(4, min(_MOST_BINS, bins, int(one.found.pulse.period)))


def _profile(axes: Axes, one: Folded, bins: int) -> None:
    n = _bins(one, bins)
    tidy(axes, "Folded", grid=True)
    profile = folded_image(one, n, 1)[0]
    phase = np.arange(2 * n + 1) / n
    axes.stairs(np.tile(profile, 2), phase, color=BLUE, lw=1.1, baseline=None)
    half = one.found.pulse.width / 2
    for turn in (0.5, 1.5):
        axes.axvspan(turn - half, turn + half, color=ACCENT, alpha=0.18, lw=0)
    axes.set(xlim=(0, 2), xlabel="phase (two turns)", ylabel="S/N in a bin")


def _cycles(axes: Axes, one: Folded, bins: int, seconds: float) -> None:
    image = folded_image(one, _bins(one, bins))
    tidy(axes, "Time against phase")
    low, high = limits(image, 5, 99.8)
    minutes = seconds / 60 if seconds >= 600 else seconds
    mesh = axes.imshow(
        np.tile(image, (1, 2)),
        origin="lower",
        aspect="auto",
        cmap=COLOUR_MAP,
        extent=(0, 2, 0, minutes),
        vmin=low,
        vmax=high,
        interpolation="nearest",
    )
    axes.set(xlabel="phase (two turns)", ylabel=f"time ({'min' if seconds >= 600 else 's'})")
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.set_label("S/N in a bin", size=8, color=INK)
    bar.ax.tick_params(labelsize=7.5, colors=MUTED)


def _arrivals(one: Timed) -> bytes:
    timing = one.timing
    figure = new_figure(8, 4.2)
    axes = figure.add_axes((0.11, 0.14, 0.86, 0.62))
    tidy(axes, "Times of arrival, less what the period says", grid=True)
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.errorbar(
        timing.number,
        timing.residual,
        one.source.error_s,
        fmt="o",
        ms=5,
        color=BLUE,
        ecolor=BLUE,
        elinewidth=1,
        capsize=2,
    )
    digits = max(0, 1 - int(np.floor(np.log10(timing.period_error))))
    figure.text(
        0.11,
        0.91,
        f"{timing.period:.{digits}f} ± {timing.period_error:.{digits}f} s",
        size=14,
        color=INK,
        weight="bold",
    )
    facts = (
        f"{len(timing.number)} pulses",
        f"rms {format_duration(timing.rms)}",
        f"chance {timing.fap:.2g}" + (" or less" if timing.fap < 0.005 else ""),
    )
    figure.text(0.97, 0.915, join(facts), size=9, color=MUTED, ha="right")
    axes.set(xlabel="cycle", ylabel="residual (s)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return to_png(figure)
