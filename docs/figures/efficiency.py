"""S/N that the trials keep against pulse width, at several DMs: ``images/efficiency.png``.

Run it from anywhere: ``python docs/figures/efficiency.py``. It computes everything it shows
from the plan of a DSA-110-like search (16 channels, 134 ms, 175 x 175 pixels).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cerberus import SearchConfig, SearchPlan, make_plan
from cerberus.efficiency import efficiency_table

DMS = (0.0, 63.0, 500.0, 1540.0, 3990.0)
"""On a trial, midway between the first two, and three that lie anywhere."""


def dsa110_plan() -> SearchPlan:
    """Plan with the grids of the defaults: DM to 4000 pc cm^-3, widths to 160.8 s."""
    return make_plan(
        SearchConfig(
            freq_mhz=tuple(np.linspace(1492.90625, 1317.125, 16)),
            tsamp_s=0.1342182159,
            shape=(175, 175),
            beam_fwhm_px=3.0,
        )
    )


def _draw_widths(axes: Axes, plan: SearchPlan) -> None:
    """A tick for every boxcar, and a label for every level."""
    tsamp = plan.config.tsamp_s
    for i, level in enumerate(plan.levels):
        widths = np.array(level.widths) * tsamp
        shade = "0.45" if i % 2 else "0.7"
        axes.vlines(widths, 0.52, 0.54, color=shade, lw=1.2)
        middle = float(np.sqrt(widths[0] * widths[-1]))
        text = "full rate" if i == 0 else f"/{level.decimation}"
        axes.text(middle, 0.547, text, ha="center", va="bottom", size=7.5, color="0.35")


def draw(plan: SearchPlan) -> Figure:
    """Mean over start phases as lines, worst and best of all DMs as a band."""
    tsamp = plan.config.tsamp_s
    widths: NDArray[np.float64] = np.geomspace(0.5, max(plan.widths), 160)
    table = efficiency_table(plan, widths, np.array(DMS), n_phases=8)
    figure = Figure(figsize=(7.2, 4.2), dpi=150)
    axes = figure.add_axes((0.085, 0.125, 0.895, 0.79))
    shades = colormaps["viridis"](np.linspace(0.0, 0.85, len(DMS)))
    axes.fill_between(
        widths * tsamp,
        table.min(axis=(1, 2)),
        table.max(axis=(1, 2)),
        color="0.9",
        lw=0,
        label="all start times",
    )
    for i, (dm, shade) in enumerate(zip(DMS, shades, strict=True)):
        mean = table[:, i].mean(axis=1)
        axes.plot(widths * tsamp, mean, color=shade, lw=1.4, label=f"DM {dm:g}")
    loss = plan.config.max_loss
    axes.axhline(1 - loss, color="0.5", lw=0.9, ls="--")
    axes.text(widths[0] * tsamp * 1.03, 1 - loss + 0.004, "1 − L", size=8, color="0.4")
    axes.axvline(tsamp, color="0.5", lw=0.9, ls=":")
    axes.text(tsamp * 1.04, 0.565, "one sample", size=8, color="0.4")
    _draw_widths(axes, plan)
    axes.set_xscale("log")
    axes.set(
        xlim=(widths[0] * tsamp, widths[-1] * tsamp),
        ylim=(0.52, 1.005),
        xlabel="pulse width (s)",
        ylabel="S/N kept",
    )
    axes.set_xticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.set_title(
        "S/N of the best trial over that of a matched filter, top-hat pulses", size=10, loc="left"
    )
    axes.grid(color="0.92", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8.5, loc="lower right", bbox_to_anchor=(1.0, 0.12))
    return figure


def main() -> None:
    """Write the figure beside the documents."""
    images = Path(__file__).resolve().parents[1] / "images"
    images.mkdir(exist_ok=True)
    draw(dsa110_plan()).savefig(images / "efficiency.png")


if __name__ == "__main__":
    main()
