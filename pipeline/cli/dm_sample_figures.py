"""Figures of what many bursts say of the gas together."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.report.style import ACCENT, BLUE, INK, MUTED, SOFT, new_figure, tidy
from surveys.ensembles.ensemble import Ensemble
from surveys.ensembles.sampling import PERCENTILES, Posterior

_LABELS = {
    "f_igm": "f_igm",
    "f_hot": "f_hot",
    "host_median": "host, median\n(pc cm⁻³, rest)",
    "host_width": "host, width\nof ln DM",
    "mw_halo": "Milky Way halo\n(pc cm⁻³)",
    "mass_dex": "masses\n(dex)",
    "concentration_dex": "concentrations\n(dex)",
}
_N_BINS = 30
_SMOOTH = 1.0
"""Bins by which the contours are smoothed."""

_MOST_NAMES = 60


def figures(ensemble: Ensemble, posterior: Posterior) -> dict[str, Figure]:
    """Figures by the names of their files."""
    return {
        "corner.png": corner_figure(posterior),
        "bursts.png": bursts_figure(ensemble, posterior),
    }


def corner_figure(posterior: Posterior) -> Figure:
    """Each parameter, and each two of them."""
    flat = {name: draws.ravel() for name, draws in posterior.parameters.items()}
    names, n = list(flat), len(flat)
    figure = new_figure(1.4 + 1.55 * n, 1.1 + 1.55 * n)
    panels = figure.subplots(n, n, squeeze=False)
    edges = {name: np.linspace(*_range(draws), _N_BINS + 1) for name, draws in flat.items()}
    for i, below in enumerate(names):
        for j, left in enumerate(names):
            axes = panels[i, j]
            if j > i:
                axes.set_axis_off()
            elif i == j:
                _one(axes, flat[left], edges[left])
            else:
                _two(axes, (flat[left], flat[below]), (edges[left], edges[below]))
            if j <= i:
                _corner_axes(axes, (left, below), j == 0 < i, i == n - 1)
    figure.tight_layout(h_pad=0.4, w_pad=0.4)
    return figure


def _range(draws: NDArray[np.floating]) -> tuple[float, float]:
    low, high = (float(v) for v in np.percentile(draws, [0.2, 99.8]))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _one(axes: Axes, draws: NDArray[np.floating], edges: NDArray[np.floating]) -> None:
    counts, _ = np.histogram(draws, edges)
    low, middle, high = np.percentile(draws, PERCENTILES)
    axes.stairs(counts, edges, color=BLUE, lw=1.4)
    inside = (edges[:-1] >= low) & (edges[1:] <= high)
    axes.stairs(np.where(inside, counts, 0), edges, color=BLUE, fill=True, alpha=0.2)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, None))
    axes.set_yticks([])
    said = f"{middle:.3g} +{high - middle:.2g} −{middle - low:.2g}"
    tidy(axes)
    axes.set_title(said, fontsize=8, color=INK)


def _two(
    axes: Axes,
    draws: tuple[NDArray[np.floating], NDArray[np.floating]],
    edges: tuple[NDArray[np.floating], NDArray[np.floating]],
) -> None:
    counts, _, _ = np.histogram2d(*draws, bins=edges)
    counts = gaussian_filter(counts, _SMOOTH, mode="nearest")
    axes.pcolormesh(*edges, counts.T, cmap="Blues", rasterized=True)
    # Where 39 and 86 % of the draws are inside: one and two standard deviations of a plane.
    order = np.sort(counts.ravel())[::-1]
    share = np.cumsum(order) / max(order.sum(), 1)
    levels = sorted({float(order[np.searchsorted(share, level)]) for level in (0.39, 0.86)})
    centres = [(e[1:] + e[:-1]) / 2 for e in edges]
    if counts.max() > levels[0] > 0:
        axes.contour(*centres, counts.T, levels=levels, colors=[INK], linewidths=0.7)
    tidy(axes)


def _corner_axes(axes: Axes, names: tuple[str, str], first: bool, last: bool) -> None:
    x, y = names
    axes.xaxis.set_major_locator(MaxNLocator(3))
    if x != y:
        axes.yaxis.set_major_locator(MaxNLocator(3))
    if last:
        axes.set_xlabel(_LABELS.get(x, x))
    else:
        axes.set_xticklabels([])
    if first:
        axes.set_ylabel(_LABELS.get(y, y))
    else:
        axes.set_yticklabels([])


def bursts_figure(ensemble: Ensemble, posterior: Posterior) -> Figure:
    """The DM of each burst beside what the ensemble predicts for its sightline."""
    n = len(ensemble.names)
    order = np.argsort(ensemble.bursts.dm)
    draws = posterior.bursts["predicted_obs"].reshape(-1, n)[:, order]
    wide = np.percentile(draws, [2.5, 97.5], axis=0)
    low, middle, high = np.percentile(draws, PERCENTILES, axis=0)
    figure = new_figure(7.0, 1.6 + 0.2 * min(max(n, 6), _MOST_NAMES))
    axes = figure.subplots()
    y = np.arange(n)
    axes.hlines(y, *wide, color=SOFT, lw=2.5, label="predicted, 95 %")
    axes.hlines(y, low, high, color=BLUE, lw=4, label="68 %")
    axes.plot(middle, y, "|", color="white", ms=5)
    axes.errorbar(ensemble.bursts.dm[order], y, xerr=ensemble.bursts.dm_err[order], fmt="D",
                  ms=4, color=ACCENT, mec="white", mew=0.5, label="measured")  # fmt: skip
    if n <= _MOST_NAMES:
        axes.set_yticks(y, [ensemble.names[i] for i in order])
    else:
        axes.set_yticks([])
    axes.set(ylim=(-0.7, n - 0.3), xlabel="DM (pc cm⁻³, observed)", xlim=(0, None))
    tidy(axes, "Each burst, and what would be measured of another behind the same halos", grid=True)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", labelsize=7, colors=MUTED)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.tight_layout()
    return figure
