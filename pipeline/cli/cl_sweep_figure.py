"""The figure of a sweep of ``slowburst cl``."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.report.style import COLOUR_MAP, LINE, MUTED, log_ticks, new_figure, nothing, tidy
from surveys.spectra.cosmologies import Cosmologies
from surveys.spectra.spectra import Spectra

_PANELS, _LINES = 4, 150


def sweep_figure(spectra: Spectra, rows: Cosmologies, cl: NDArray[np.float64]) -> Figure:
    """Spectra of all rows away from those of the settings, by the parameter that tells most."""
    good = np.nonzero(np.isfinite(cl).all((1, 2)))[0]
    own = [i for i, (a, b) in enumerate(spectra.pairs) if a == b]
    shown = (own + [i for i in range(len(spectra.pairs)) if i not in own])[:_PANELS]
    n_column = min(2, len(shown))
    n_row = -(-len(shown) // n_column)
    figure = new_figure(1.5 + 3.9 * n_column, 1.0 + 2.7 * n_row)
    panels = figure.subplots(n_row, n_column, sharex=True, squeeze=False).ravel()
    off = (cl - spectra.cl) / spectra.amplitude
    name, values = _telling(rows, off, good)
    scale = Normalize(values.min(), values.max())
    every = good[np.unique(np.linspace(0, good.size - 1, min(good.size, _LINES)).astype(int))]
    marker = "o" if len(spectra.ells) == 1 else ""
    for axes, i in zip(panels, shown, strict=False):
        if not good.size:
            nothing(axes, "no row could be computed")
            continue
        for row in every:
            colour = colormaps[COLOUR_MAP](scale(values[row]))
            axes.plot(spectra.ells, off[row, i], color=colour, lw=0.7, marker=marker, ms=3)
        axes.axhline(0, color=LINE, lw=1)
        tidy(axes, spectra.labels[i], grid=True)
        axes.set_xlim(spectra.ells[0] * 0.95, spectra.ells[-1] * 1.05)
        log_ticks(axes)
        axes.set_ylabel("ΔC / √(C_aa C_bb)")
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    for axes in panels[max(len(shown) - n_column, 0) : len(shown)]:
        axes.set_xlabel("multipole ℓ")
        axes.tick_params(labelbottom=True)
    figure.tight_layout(rect=(0, 0, 0.87, 0.95))
    title = f"{good.size} of {len(rows)} cosmologies, away from that of the settings"
    figure.text(0.02, 0.97, title, size=9, color=MUTED, va="top")
    place = figure.add_axes((0.895, 0.25, 0.02, 0.5))
    bar = figure.colorbar(ScalarMappable(scale, COLOUR_MAP), cax=place)
    bar.set_label(name, size=8.5)
    bar.ax.tick_params(labelsize=8, colors=MUTED)
    return figure


def _telling(
    rows: Cosmologies, off: NDArray[np.float64], good: NDArray[np.int64]
) -> tuple[str, NDArray[np.float64]]:
    """The parameter that goes most with the mean of what spectra are off by."""
    if good.size < 3:
        return rows.names[0], rows.values[:, 0]
    mean = off[good].mean((1, 2))
    spread = rows.values[good].std(0) > 0
    related = [
        abs(np.corrcoef(mean, rows.values[good, i])[0, 1]) if spread[i] else 0.0
        for i in range(len(rows.names))
    ]
    best = int(np.argmax(related))
    return rows.names[best], rows.values[:, best]
