"""The figure of gains: amplitude and phase of every antenna against frequency."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipeline.calibration.gains import JY, Gains
from pipeline.report.style import COLOUR_MAP, LINE, edges, limits, new_figure, tidy

_ROW_IN, _MOST_LABELS = 0.16, 40


def gains_figure(gains: Gains) -> Figure:
    """Amplitudes above, phases below; a column for each polarisation, a row for each antenna.

    What has no solution is hatched.
    """
    n_hands = len(gains.polarisations)
    height = 2.3 + 2 * min(max(_ROW_IN * len(gains.antennas), 1.4), 5.0)
    figure = new_figure(2.2 + 4.2 * n_hands, height)
    figure.set_layout_engine("constrained")
    axes = figure.subplots(2, n_hands, squeeze=False, sharex=True, sharey=True)
    good = gains.weight > 0
    amplitude = np.where(good, np.abs(gains.gain), np.nan)
    phase = np.where(good, np.degrees(np.angle(gains.gain)), np.nan)
    unit = "Jy$^{-1/2}$" if gains.unit == JY else "calibrator$^{-1/2}$"
    rows = (
        (amplitude, f"amplitude ({unit})", COLOUR_MAP, limits(amplitude, 1.0, 99.0)),
        (phase, "phase (degrees)", "twilight", (-180.0, 180.0)),
    )
    for row, (values, label, colours, (low, high)) in zip(axes, rows, strict=True):
        for i, hand in enumerate(gains.polarisations):
            tidy(row[i], hand)
            drawn = _draw(row[i], gains, values[..., i])
            drawn.set(cmap=colours, clim=(low, high))
        bar = figure.colorbar(drawn, ax=list(row), pad=0.02)
        bar.set_label(label, fontsize=8.5)
        bar.ax.tick_params(labelsize=8)
        bar.outline.set_visible(False)
        row[0].set_ylabel("antenna")
    for axis in axes[1]:
        axis.set_xlabel("frequency (MHz)")
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    return figure


def _draw(axes: Axes, gains: Gains, values: NDArray[np.floating]):  # noqa: ANN202 - a QuadMesh
    """Values (antenna, channel) as cells; antennas in their order, frequencies rising."""
    order = np.argsort(gains.freq_mhz)
    x = edges(gains.freq_mhz[order])
    if len(order) == 1:
        half = gains.channel_width_mhz / 2
        x = np.array([gains.freq_mhz[0] - half, gains.freq_mhz[0] + half])
    n = len(gains.antennas)
    nothing = {"hatch": "////", "facecolor": "white", "edgecolor": LINE, "linewidth": 0}
    axes.axhspan(-0.5, n - 0.5, **nothing)
    drawn = axes.pcolormesh(x, np.arange(n + 1) - 0.5, values[:, order], rasterized=True)
    shown = np.arange(0, n, -(-n // _MOST_LABELS))
    axes.set_yticks(shown, [str(gains.antennas[i]) for i in shown])
    axes.tick_params(axis="y", labelsize=6.5)
    return drawn
