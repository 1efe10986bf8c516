"""Figures of a classifier: how it tells apart, and whether its probabilities are ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from pipeline.classifier.metrics import BOGUS_KEPT, reliability
from pipeline.report.style import ACCENT, BLUE, MUTED, log_ticks, new_figure, tidy

Scores = Mapping[str, tuple[NDArray[np.floating], NDArray[np.bool_]]]
"""Probabilities and truth, by the name of the set."""

_COLOURS = (BLUE, ACCENT)


def roc_figure(scores: Scores) -> Figure:
    """Share of real ones that are kept against that of bogus ones."""
    figure = new_figure(5.6, 4.4)
    axes = figure.subplots()
    lowest = 1.0
    for (name, (p_real, real)), colour in zip(scores.items(), _COLOURS, strict=False):
        bogus, kept, _ = roc_curve(real, p_real, drop_intermediate=False)
        label = f"{name}: AUC {roc_auc_score(real, p_real):.4f}"
        # What no bogus one passes is drawn at half a candidate.
        least = 0.5 / max(int((~real).sum()), 1)
        lowest = min(lowest, least)
        axes.step(np.maximum(bogus, least), kept, where="post", color=colour, lw=1.4, label=label)
    axes.axvline(BOGUS_KEPT, color=MUTED, lw=1, ls="--")
    axes.axhline(0.98, color=MUTED, lw=1, ls="--")
    axes.set(xlabel="share of bogus candidates kept", ylabel="share of real candidates kept")
    axes.set(xlim=(lowest, 1), ylim=(0.8, 1.005))
    log_ticks(tidy(axes, "Dashed: 98 % at 2 %", grid=True))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.tight_layout()
    return figure


def reliability_figure(scores: Scores) -> Figure:
    """Share that is real against the probability, and how many have it."""
    figure = new_figure(5.6, 5.4)
    top, bottom = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    top.plot([0, 1], [0, 1], color=MUTED, lw=1, ls="--")
    edges = np.linspace(0, 1, 21)
    for (name, (p_real, real)), colour in zip(scores.items(), _COLOURS, strict=False):
        rows = reliability(p_real, real)
        error = np.abs([rows["share"] - rows["low"], rows["high"] - rows["share"]])
        style = {"color": colour, "fmt": "o", "ms": 4, "lw": 1.2, "capsize": 2, "label": name}
        top.errorbar(rows["mean"], rows["share"], error, **style)
        bottom.hist(p_real, edges, color=colour, histtype="step", lw=1.3)
    top.set(ylabel="share that is real", ylim=(-0.03, 1.03))
    tidy(top, "Reliability, both classes counting alike", grid=True)
    top.legend(frameon=False, fontsize=8, loc="upper left")
    bottom.set(xlabel="p(real)", ylabel="candidates", yscale="log", xlim=(-0.02, 1.02))
    tidy(bottom, grid=True)
    figure.tight_layout()
    return figure
