"""S/N kept of simulated pulses against width, DM and start: ``images/snr_kept.png``.

Run it from anywhere: ``python docs/figures/snr_kept.py``. It searches forty minutes of
noise of a DSA-110-like band (16 channels, 134 ms), with a pulse in every fourth or so of
9216 pixels; two minutes on two cores.
"""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cerberus import SearchConfig, SearchPlan, make_plan
from cerberus.efficiency import efficiency_table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from pulses import Pulse, search_pulses  # noqa: E402

SIDE = 96
N_SAMPLES = 17_882
SNR = 15.0
N_EACH = 25
"""Pulses of each width in the first panel."""
N_ALONG = 240
"""Pulses of each width along DM and along time."""
DM_WIDTHS = (1, 2, 8, 64)
START_WIDTHS = (1, 16, 128, 1198)


def plan_of_pulses() -> SearchPlan:
    """The grids of the defaults, for a small image whose pixels are apart."""
    return make_plan(
        SearchConfig(
            freq_mhz=tuple(np.linspace(1492.90625, 1317.125, 16)),
            tsamp_s=0.1342182159,
            shape=(SIDE, SIDE),
            threshold=5.0,
            beam_fwhm_px=0.1,
            n_samples=N_SAMPLES,
            max_detections=2048,
            pixel_weights=False,
        )
    )


def make_pulses(plan: SearchPlan, seed: int = 5) -> list[list[Pulse]]:
    """Pulses for each panel: of all widths, at all DMs, and all through the recording."""
    rng = np.random.default_rng(seed)
    pixels = iter(rng.permutation(SIDE * SIDE))

    def pulse(width: float, dm: float, place: float) -> Pulse:
        y, x = divmod(int(next(pixels)), SIDE)
        room = N_SAMPLES - width - dm * plan.delay_per_dm
        return Pulse(place * room, width, dm, y, x)

    widths = np.geomspace(0.5, max(plan.widths), 30).repeat(N_EACH)
    along = (np.arange(N_ALONG) + 0.5) / N_ALONG
    return [
        [pulse(w, rng.uniform(0, 4000), rng.uniform()) for w in widths],
        [pulse(w, 4000 * s, rng.uniform()) for w in DM_WIDTHS for s in along],
        [pulse(w, rng.uniform(0, 4000), s) for w in START_WIDTHS for s in along],
    ]


def _medians(values: NDArray[np.float64], n_bins: int) -> tuple[NDArray, NDArray]:
    """Medians of equal parts, in order, and their standard errors."""
    parts = values.reshape(n_bins, -1)
    return np.median(parts, axis=1), 1.25 * parts.std(axis=1) / parts.shape[1] ** 0.5


def _draw_width(axes: Axes, plan: SearchPlan, pulses: list[Pulse], kept: NDArray) -> None:
    widths = np.array([p.width for p in pulses]).reshape(-1, N_EACH)[:, 0]
    seconds = widths * plan.config.tsamp_s
    axes.plot(seconds.repeat(N_EACH), kept, ".", ms=2.5, color="0.75", label="pulses")
    dms = np.linspace(60, 3940, 12)
    expected = efficiency_table(plan, widths, dms, n_phases=8).mean(axis=(1, 2))
    # The rest of the recording is the baseline.
    limit = np.sqrt(1 - widths / N_SAMPLES)
    axes.plot(seconds, limit * expected, color="0.35", lw=1.1, label="expected")
    median, error = _medians(kept, len(widths))
    axes.errorbar(seconds, median, error, fmt="o", ms=3.5, color="#3b528b", label="median")
    axes.set(xscale="log", xlabel="pulse width (s), any DM and start")
    axes.set_xticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])


def _draw_along(axes: Axes, labels: list[str], x: NDArray, kept: NDArray) -> None:
    """Each width's pulses and the medians of 16 parts of them, over ``x``."""
    shades = colormaps["viridis"](np.linspace(0.0, 0.85, len(labels)))
    columns = x.reshape(len(labels), -1), kept.reshape(len(labels), -1)
    for label, shade, where, values in zip(labels, shades, *columns, strict=True):
        axes.plot(where, values, ".", ms=2, color=shade, alpha=0.25)
        median, _ = _medians(values, 16)
        axes.plot(where.reshape(16, -1).mean(axis=1), median, "-o", ms=3, color=shade, label=label)


def draw(plan: SearchPlan, pulses: list[list[Pulse]], kept: list[NDArray]) -> Figure:
    """Three panels, one above the other."""
    tsamp = plan.config.tsamp_s
    figure = Figure(figsize=(7.2, 8.4), dpi=150, layout="constrained")
    width, dm, start = figure.subplots(3, 1, sharey=True)
    _draw_width(width, plan, pulses[0], kept[0])
    names = [f"{w * tsamp:.2g} s" for w in DM_WIDTHS]
    _draw_along(dm, names, np.array([p.dm for p in pulses[1]]), kept[1])
    dm.set(xlabel="DM (pc cm⁻³)", xlim=(0, 4000))
    names = [f"{w * tsamp:.3g} s" for w in START_WIDTHS]
    minutes = np.array([p.start for p in pulses[2]]) * tsamp / 60
    _draw_along(start, names, minutes, kept[2])
    start.set(xlabel="start of the pulse (min), any DM", xlim=(0, N_SAMPLES * tsamp / 60))
    for axes in (width, dm, start):
        axes.set(ylim=(0.5, 1.09), ylabel="S/N kept")
        axes.axhline(1, color="0.5", lw=0.9, ls="--")
        axes.grid(color="0.92", lw=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8.5, loc="lower right", ncols=4)
    width.set_title(
        "S/N found of 15, less the noise under each pulse; top-hats in 40 minutes of noise",
        size=10,
        loc="left",
    )
    return figure


def main() -> None:
    """Write the figure beside the documents."""
    plan = plan_of_pulses()
    pulses = make_pulses(plan)
    everything = list(chain.from_iterable(pulses))
    found = search_pulses(plan, everything, N_SAMPLES, SNR).without_noise / SNR
    kept = np.split(found, np.cumsum([len(p) for p in pulses])[:-1])
    draw(plan, pulses, list(kept)).savefig(ROOT / "docs" / "images" / "snr_kept.png")


if __name__ == "__main__":
    main()
