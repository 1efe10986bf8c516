"""What all figures of the report share: colours, axes, units, PNG output."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

DPI = 110
INK, MUTED, LINE = "#22303c", "#66737f", "#d5dbe1"
BLUE, ACCENT, SOFT = "#2b6591", "#c4501b", "#f4c9a8"
COLOUR_MAP = "viridis"


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure with its own canvas; no global state is touched."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def tidy(axes: Axes, title: str = "", grid: bool = False) -> Axes:
    """Quiet frame, small ticks, title on the left."""
    axes.set_title(title, loc="left", fontsize=9.5, color=INK, fontweight="bold", pad=5)
    axes.tick_params(labelsize=8, colors=MUTED, length=3, width=0.7)
    axes.xaxis.label.set(size=8.5, color=INK)
    axes.yaxis.label.set(size=8.5, color=INK)
    for spine in axes.spines.values():
        spine.set(color=LINE, linewidth=0.9)
    if grid:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(True, color=LINE, linewidth=0.6, alpha=0.7)
        axes.set_axisbelow(True)
    return axes


def nothing(axes: Axes, text: str) -> None:
    """Say why a panel is empty."""
    axes.set(xticks=[], yticks=[])
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", size=9, color=MUTED
    )


def time_unit(span_s: float) -> tuple[float, str]:
    """Factor from seconds and the name of the unit that suits a span."""
    if span_s < 1e-3:
        return 1e6, "µs"
    if span_s < 1.0:
        return 1e3, "ms"
    if span_s < 600.0:
        return 1.0, "s"
    if span_s < 3 * 3600.0:
        return 1 / 60.0, "min"
    return 1 / 3600.0, "h"


def format_duration(seconds: float) -> str:
    """A duration with three digits and a fitting unit."""
    factor, unit = time_unit(abs(seconds)) if seconds else (1.0, "s")
    value = seconds * factor
    return (
        f"{value:.0f} {unit}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".") + f" {unit}"
    )


def edges(centres: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cell edges around centres; one centre gets a cell of its own."""
    c = np.asarray(centres, float)
    if len(c) == 1:
        half = 0.5 * abs(c[0]) * 0.01 or 0.5
        return np.array([c[0] - half, c[0] + half])
    middle = (c[1:] + c[:-1]) / 2
    return np.concatenate([[2 * c[0] - middle[0]], middle, [2 * c[-1] - middle[-1]]])


def log_ticks(axes: Axes, which: Literal["x", "y"] = "x") -> None:
    """Logarithmic axis with plain numbers at powers of ten, at 1, 2, 5, or at every digit.

    As many as its range has room for; less than a factor of 5 has every digit.
    """
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    subs = (1.0,) if high >= 200 * low else (1.0, 2.0, 5.0)
    subs = subs if high >= 5 * low else tuple(np.arange(1.0, 10.0))
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def limits(
    values: NDArray[np.floating], low: float = 1.0, high: float = 99.8
) -> tuple[float, float]:
    """Colour limits from percentiles of what is finite."""
    finite = np.asarray(values)[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    a, b = (float(v) for v in np.percentile(finite, [low, high]))
    return (a, b) if b > a else (a - 0.5, a + 0.5)


def bunit_label(name: str, bunit: str) -> str:
    """Axis label with the unit of the data."""
    return f"{name} ({bunit})" if bunit else f"{name} (data units)"


def join(parts: Iterable[str]) -> str:
    """Parts of a line, empty ones left out."""
    return "   ·   ".join(p for p in parts if p)
