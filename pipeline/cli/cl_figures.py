"""Figures of angular power spectra."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from cosmo.expansion import comoving, redshift
from pipeline.report.style import (
    ACCENT,
    BLUE,
    COLOUR_MAP,
    INK,
    LINE,
    MUTED,
    log_ticks,
    new_figure,
    tidy,
)
from surveys.spectra.products import Covariance
from surveys.spectra.spectra import Spectra, Verified, limber

_MOST = 8
"""Spectra in one figure."""

_COLOURS = (BLUE, ACCENT, "#5f7f4f", "#8a5a9c", "#b58b1f", "#3a8f8f", "#a03c5a", MUTED)
_STYLES = {
    "density": "-",
    "lensing": "--",
    "rsd": ":",
    "potential": "-.",
    "primordial": (0, (1, 3)),
}
_ROUND = (0.1, 0.2, 0.5, 1, 1.5, 2, 3, 5, 10, 50, 1000)
_WINDOW = 1e-4


def figures(
    spectra: Spectra, verified: Verified | None, covariance: Covariance | None
) -> dict[str, Figure]:
    """Figures by the names of their files."""
    more = (
        {} if covariance is None else {"correlation.png": correlation_figure(spectra, covariance)}
    )
    return {
        "spectra.png": spectra_figure(spectra, verified),
        "windows.png": windows_figure(spectra),
        **more,
    }


def _shown(spectra: Spectra) -> list[int]:
    """Rows of what is drawn: tracers with themselves first, then those that correlate most."""
    rows = range(len(spectra.pairs))
    strength = np.abs(spectra.cl / spectra.amplitude).max(1)
    own = [i for i in rows if spectra.pairs[i][0] == spectra.pairs[i][1]]
    if len(own) > _MOST // 2 and len(spectra.pairs) > _MOST:
        own = [own[i] for i in np.unique(np.linspace(0, len(own) - 1, _MOST // 2).astype(int))]
    others = sorted(set(rows) - {i for i in rows if spectra.pairs[i][0] == spectra.pairs[i][1]},
                    key=lambda i: -strength[i])  # fmt: skip
    return (own + others)[:_MOST]


def spectra_figure(spectra: Spectra, verified: Verified | None) -> Figure:
    """Spectra, and what Limber's approximation and the full sky differ by."""
    rows, ells = _shown(spectra), spectra.ells
    approximate = limber(spectra, [spectra.pairs[i] for i in rows])
    figure = new_figure(8.2, 7.2)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    marker = "o" if len(ells) == 1 else ""
    for k, i in enumerate(rows):
        colour, values = _COLOURS[k], spectra.cl[i]
        for sign, style in ((1, "-"), (-1, "--")):
            part = np.where(sign * values > 0, sign * values, np.nan)
            above.plot(ells, part, style, color=colour, lw=1.5, marker=marker, ms=4)
        above.plot(ells, np.abs(approximate[k]), ":", color=colour, lw=1)
        scale = spectra.amplitude[i]
        below.plot(ells, np.abs(approximate[k] - values) / scale, ":", color=colour, lw=1)
        below.plot(ells, spectra.error[i], "-", color=colour, lw=1, alpha=0.6)
        if verified is not None:
            above.plot(verified.ells, np.abs(verified.cl[i]), "o", color=colour, ms=4, mfc="white")
            below.plot(verified.ells, np.abs(verified.deviation[i]), "o", color=colour, ms=4,
                       mfc="white")  # fmt: skip
    tidy(above, "Angular power spectra", grid=True)
    tidy(below, "Away from them, over √(C_aa C_bb)", grid=True)
    for axes in (above, below):
        axes.set_yscale("log")
        axes.set_xlim(ells[0] * 0.95, ells[-1] * 1.05)
    log_ticks(below)
    largest = np.abs(spectra.cl[rows]).max()
    least = np.nanpercentile(np.abs(spectra.cl[rows]), 3)
    # A spectrum that is much fainter than the others is seen too.
    faintest = np.abs(spectra.cl[rows]).max(1).min()
    above.set_ylim(max(least / 3, min(1e-9 * largest, 1e-6 * faintest)), 3 * largest)
    below.set_ylim(1e-7, 3)
    below.axhline(spectra.settings.accuracy.tolerance, color=LINE, lw=1.2)
    above.set_ylabel("|C_ℓ|")
    below.set(xlabel="multipole ℓ", ylabel="share")
    _legends(figure, above, [spectra.labels[i] for i in rows], verified is not None)
    left_out = len(spectra.pairs) - len(rows)
    if left_out:
        above.text(0.99, 0.97, f"{left_out} more are in cl.ecsv", transform=above.transAxes,
                   ha="right", va="top", size=8, color=MUTED)  # fmt: skip
    return figure


def _legends(figure: Figure, axes: Axes, labels: list[str], verified: bool) -> None:
    names = [Line2D([], [], color=c, lw=1.5) for c in _COLOURS[: len(labels)]]
    figure.tight_layout(rect=(0, 0, 0.8, 1))
    axes.legend(names, labels, frameon=False, fontsize=8, loc="upper left",
                bbox_to_anchor=(1.01, 1.0))  # fmt: skip
    kinds = [
        ("-", "", "flat or full sky"),
        ("--", "", "where negative"),
        (":", "", "Limber"),
    ] + ([("", "o", "full sky, brute force")] if verified else [])
    styles = [Line2D([], [], color=INK, ls=ls, marker=m, mfc="white", ms=4) for ls, m, _ in kinds]
    styles.append(Line2D([], [], color=INK, alpha=0.6, lw=1))
    words = [word for _, _, word in kinds] + ["below: estimated error"]
    figure.axes[1].legend(styles, words, frameon=False, fontsize=8, loc="upper left",
                          bbox_to_anchor=(1.01, 1.0))  # fmt: skip


def windows_figure(spectra: Spectra) -> Figure:
    """Weights of tracers along the line of sight, growth included."""
    figure = new_figure(8.2, 4.4)
    axes = figure.subplots()
    ends, kinds = [], set()
    many = len(spectra.settings.tracer) > _MOST
    scale = colormaps[COLOUR_MAP]
    for i, (settings, tracer) in enumerate(
        zip(spectra.settings.tracer, spectra.found.work.tracers, strict=True)
    ):
        chi = np.asarray(tracer.chi)
        largest = max(np.abs(np.asarray(w)).max() for w in tracer.terms.values())
        colour = scale(i / len(spectra.settings.tracer)) if many else _COLOURS[i]
        for kind, weight in tracer.terms.items():
            if not np.any(weight):
                continue
            share = np.asarray(_comparable(kind, chi, np.asarray(weight)))
            own = np.abs(share).max()
            if kind not in ("potential", "primordial"):
                own = largest
            label = settings.name if kind == next(iter(tracer.terms)) else None
            axes.plot(chi, share / own, ls=_STYLES[kind], lw=1.4, color=colour, label=label)
            seen = np.abs(share) > _WINDOW * np.abs(share).max()
            ends.append((chi[seen][0], chi[seen][-1]))
            kinds.add(kind)
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    narrowest = min(e[1] - e[0] for e in ends)
    axes.axhline(0, color=LINE, lw=0.8)
    axes.set(xlabel="comoving distance (Mpc/h)", ylabel="weight over its maximum")
    if high > 30 * narrowest:
        axes.set_xscale("log")
        low = max(low, 0.01 * high)
    margin = 0.02 * (high - low)
    axes.set_xlim(max(low - margin, 0.9 * low), high + margin)
    tidy(axes, "What tracers see", grid=True)
    _redshift_axis(axes, spectra, low, high)
    if len(kinds) > 1:
        styles = [Line2D([], [], color=INK, ls=_STYLES[kind]) for kind in sorted(kinds)]
        figure.legend(styles, sorted(kinds), frameon=False, fontsize=8, loc="lower right")
    figure.tight_layout(rect=(0, 0, 0.84, 1))
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0),
                ncols=1)  # fmt: skip
    return figure


def _comparable(kind: str, chi: NDArray, weight: NDArray) -> NDArray:
    """Weights of the density: those of potentials stand with chi^2."""
    return weight * chi**2 if kind in ("potential", "primordial") else weight


def _redshift_axis(axes: Axes, spectra: Spectra, low: float, high: float) -> None:
    background = spectra.universe.background
    end = float(np.asarray(redshift(background, min(high, float(background.chi[-1])))))
    first = float(np.asarray(redshift(background, max(low, 0.0))))
    marks = [z for z in _ROUND if first <= z <= end]
    if not marks:
        marks = [round((first + end) / 2, 3)]
    above = axes.secondary_xaxis("top")
    places: dict[float, float] = {}
    for z in marks:
        chi = float(comoving(background, z))
        share = axes.transAxes.inverted().transform(axes.transData.transform((chi, 0)))[0]
        # Words need room.
        if not places or share - max(places) > 0.05:
            places[share] = z
    distances = [float(comoving(background, z)) for z in places.values()]
    above.set_xticks(distances, [f"{z:g}" for z in places.values()])
    above.minorticks_off()
    above.spines["top"].set_visible(False)
    above.set_xlabel("redshift", size=8, color=MUTED)
    above.tick_params(labelsize=7.5, colors=MUTED)


def correlation_figure(spectra: Spectra, covariance: Covariance) -> Figure:
    """Correlation of spectra: of all bands, or at three of the multipoles."""
    n_pair, n_point = covariance.cl.shape
    if covariance.windows is not None:
        figure = new_figure(7.0, 6.2)
        panels = [(figure.subplots(), covariance.correlation, "of band powers")]
    else:
        chosen = np.unique([0, n_point // 2, n_point - 1])
        figure = new_figure(1.4 + 4.2 * len(chosen), 5.0)
        together = np.atleast_1d(figure.subplots(1, len(chosen)))
        panels = []
        for axes, i in zip(together, chosen, strict=True):
            sigma = np.sqrt(np.diagonal(covariance.covariance[i]))
            matrix = covariance.covariance[i] / np.outer(sigma, sigma)
            panels.append((axes, matrix, f"at ℓ = {covariance.ell[i]:g}"))
    image = None
    for axes, matrix, title in panels:
        image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        size = len(matrix) // n_pair
        every = max(1, n_pair // 30)
        places = (np.arange(n_pair) + 0.5) * size - 0.5
        names = spectra.labels
        axes.set_xticks(places[::every], names[::every], rotation=90)
        axes.set_yticks(places[::every], names[::every])
        tidy(axes, f"Correlation {title}")
        axes.tick_params(length=0, labelsize=7)
        if size > 1 and n_pair <= 30:
            for edge in np.arange(1, n_pair) * size - 0.5:
                axes.axhline(edge, color=LINE, lw=0.5)
                axes.axvline(edge, color=LINE, lw=0.5)
    figure.tight_layout(rect=(0, 0, 0.9, 1))
    assert image is not None
    bar = figure.colorbar(image, cax=figure.add_axes((0.92, 0.25, 0.018, 0.5)))
    bar.ax.tick_params(labelsize=8, colors=MUTED)
    return figure
