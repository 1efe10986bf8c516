"""Figures of a budget of dispersion measures."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from cosmo.background import cosmology_named
from cosmo.dispersion import mean_dm_cosmic
from pipeline.cli.dm_host_consistency import consistency_figure
from pipeline.report.style import (
    ACCENT,
    BLUE,
    COLOUR_MAP,
    INK,
    LINE,
    MUTED,
    SOFT,
    new_figure,
    nothing,
    tidy,
)
from surveys.sightlines.budget import PERCENTILES, TERMS, Run, Sightline
from surveys.sightlines.tables import halo_names

_NAMES = {
    "mw_ism": "Milky Way, disc",
    "mw_halo": "Milky Way, halo",
    "igm": "IGM",
    "halos": "halos",
    "halos_unseen": "halos in no catalog",
    "host": "host",
}
_COLOURS = dict(zip(TERMS, ("#9db8cc", "#c9d8e3", BLUE, ACCENT, SOFT, "#5f7f4f"), strict=True))
_UNIT = "pc cm⁻³, observed"
_MOST_HALOS = 6
_FEW = 8
"""Halos with a circle for each edge on the map."""
_NEAR = 0.01
"""Share of the draws on both sides of a quantile of an input."""


def figures(sightline: Sightline) -> dict[str, Figure]:
    """Figures by the names of their files."""
    consistency = consistency_figure(sightline)
    more = {} if consistency is None else {"consistency.png": consistency}
    return {
        "budget.png": budget_figure(sightline),
        "sightline.png": map_figure(sightline),
        "cumulative.png": cumulative_figure(sightline),
        "posterior.png": posterior_figure(sightline),
        "errors.png": tornado_figure(sightline),
        **more,
    }


def _title(run: Run) -> str:
    return f"gas to {run.r_max:g} radi{'us' if run.r_max == 1 else 'i'}"


def budget_figure(sightline: Sightline) -> Figure:
    """Medians of the terms, one after the other, with their errors."""
    runs, frb = sightline.runs, sightline.settings.frb
    figure = new_figure(9, 1.5 + 0.95 * len(runs))
    axes = figure.subplots()
    end = max(frb.dm, *(_budget_bar(axes, i, run) for i, run in enumerate(runs)))
    axes.axvline(frb.dm, color=INK, lw=1, ls="--")
    axes.text(frb.dm + 0.01 * end, len(runs) - 0.42, "measured", size=8, color=INK, va="bottom")
    axes.set_yticks(range(len(runs)), [_title(run) for run in runs])
    axes.set(ylim=(-0.5, len(runs) - 0.3), xlabel=f"DM ({_UNIT}); lines: 68 % of each term")
    axes.set_xlim(0, 1.1 * end)
    tidy(axes, f"{frb.name}: where its DM comes from", grid=True)
    axes.grid(False, axis="y")
    figure.legend(*axes.get_legend_handles_labels(), loc="lower center", ncols=6, frameon=False,
                  fontsize=8)  # fmt: skip
    figure.tight_layout(rect=(0, 0.09 if len(runs) > 1 else 0.12, 1, 1))
    return figure


def _budget_bar(axes: Axes, i: int, run: Run) -> float:
    """One run; the DM that it reaches to."""
    left = end = 0.0
    for k, name in enumerate(TERMS):
        low, middle, high = np.percentile(run.draws[name], PERCENTILES)
        if not run.draws[name].any():
            continue
        label = _NAMES[name] if i == 0 else None
        bar = axes.barh(i, middle, left=left, height=0.55, color=_COLOURS[name], label=label)
        if middle < 0:
            # A host below zero is what the others have too much.
            bar[0].set(fill=False, hatch="///", ec=_COLOURS[name])
        left += middle
        where = i + (0.36 if k % 2 else 0.44)
        axes.plot([left - (middle - low), left + high - middle], [where] * 2, color=INK, lw=1.2)
        axes.plot(left, where, "|", color=INK, ms=5)
        end = max(end, left + high - middle)
    return end


def map_figure(sightline: Sightline) -> Figure:
    """Halos on the sky, each as wide as its gas."""
    figure = new_figure(6.4, 5.6)
    axes = figure.subplots()
    frb, catalog = sightline.settings.frb, sightline.catalog
    edge = max(run.r_max for run in sightline.runs)
    tidy(axes, f"Halos before {frb.name}, to {edge:g} of their radii")
    axes.set(xlabel="offset in RA (arcmin, east is left)", ylabel="offset in Dec (arcmin)")
    if not len(catalog):
        nothing(axes, "no halo is crossed")
        return figure
    cosmology = cosmology_named(sightline.settings.cosmology)
    arcmin_per_kpc = 60 * np.rad2deg(
        1 / cosmology.angular_diameter_distance(np.maximum(catalog.z, 1e-5)).to_value("kpc")
    )
    radius = sightline.radius_kpc * arcmin_per_kpc
    east = (catalog.ra_deg - frb.ra + 180) % 360 - 180
    x, y = 60 * east * np.cos(np.deg2rad(frb.dec)), 60 * (catalog.dec_deg - frb.dec)
    colours, scale = _by_redshift(catalog.z, frb.z)
    # Of many halos two circles each cannot be told apart.
    factors = sorted({run.r_max for run in sightline.runs})
    few = len(catalog) <= _FEW
    for i in np.argsort(-radius):
        place = float(x[i]), float(y[i])
        for factor in factors if few else factors[-1:]:
            style = "-" if factor == factors[0] or not few else ":"
            axes.add_patch(Circle(place, factor * float(radius[i]), fill=False, ls=style,
                                  lw=1.2 if few else 0.8, color=colours[i]))  # fmt: skip
        axes.plot(*place, "+", color=colours[i], ms=6)
    axes.plot(0, 0, "*", color=ACCENT, ms=13, mec="white", mew=0.6, label=frb.name)
    reach = float(np.max(np.hypot(x, y) + edge * radius)) * 1.05
    axes.set(xlim=(reach, -reach), ylim=(-reach, reach), aspect="equal")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    bar = figure.colorbar(scale, ax=axes, pad=0.02, shrink=0.85)
    bar.set_label("redshift", size=8.5, color=INK)
    bar.ax.tick_params(labelsize=8, colors=MUTED)
    figure.tight_layout()
    return figure


def _by_redshift(z: NDArray[np.floating], last: float) -> tuple[NDArray, ScalarMappable]:
    scale = ScalarMappable(Normalize(0, last), colormaps[COLOUR_MAP])
    return np.asarray(scale.to_rgba(z)), scale


def cumulative_figure(sightline: Sightline) -> Figure:
    """How the DM grows with redshift: the Milky Way, the IGM, and each halo."""
    runs, frb = sightline.runs, sightline.settings.frb
    figure = new_figure(5.4 * len(runs), 4.2)
    panels = np.atleast_1d(figure.subplots(1, len(runs), sharey=True))
    cosmology = cosmology_named(sightline.settings.cosmology)
    at = np.clip(sightline.catalog.z, 0, frb.z)
    # Just before each halo, and at it.
    z = np.sort(np.concatenate([np.linspace(0, frb.z, 300), at, np.nextafter(at, 0)]))
    mean = mean_dm_cosmic(z, cosmology)
    top = 0.0
    for axes, run in zip(panels, runs, strict=True):
        galaxy = run.draws["mw_ism"] + run.draws["mw_halo"]
        bands = [
            np.percentile(galaxy, PERCENTILES)[:, None]
            + np.percentile(run.draws["igm"] + run.draws["halos_unseen"], PERCENTILES)[:, None]
            * mean
            / mean[-1]
        ]
        smooth = bands[0][1]
        each = run.halos_observed[:, 1]
        # Medians do not add up: each halo has its share of the median of all.
        share = np.median(run.draws["halos"]) / each.sum() if each.any() else 0.0
        total = smooth + share * (each[:, None] * (at[:, None] <= z)).sum(axis=0)
        axes.fill_between(z, *bands[0][[0, 2]], color=BLUE, alpha=0.25, lw=0)
        axes.plot(z, smooth, color=BLUE, lw=1.4, label="Milky Way and IGM")
        axes.plot(z, total, color=ACCENT, lw=1.6, label="and halos")
        axes.plot(z, np.median(galaxy) + mean, color=MUTED, lw=1, ls=":",
                  label="Milky Way and the cosmic mean")  # fmt: skip
        low, middle, high = np.percentile(run.draws["dm"] - run.draws["host"], PERCENTILES)
        axes.errorbar(frb.z, middle, [[middle - low], [high - middle]], color=ACCENT, fmt="o",
                      ms=4, capsize=3, label="all before the host, 68 %")  # fmt: skip
        top = max(top, high, frb.dm)
        axes.plot([frb.z] * 2, [middle, frb.dm], color="#5f7f4f", lw=2, label="host")
        axes.plot(frb.z, frb.dm, "*", color=INK, ms=11, label="measured")
        axes.set(xlabel="redshift", xlim=(0, frb.z * 1.06))
        tidy(axes, _title(run), grid=True)
    panels[0].set_ylim(0, 1.08 * top)
    panels[0].set_ylabel(f"DM to there ({_UNIT})")
    panels[0].legend(frameon=False, fontsize=8, loc="upper left")
    figure.tight_layout()
    return figure


def posterior_figure(sightline: Sightline) -> Figure:
    """DM of the host."""
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    z = sightline.settings.frb.z
    everything = np.concatenate([run.draws["host"] for run in sightline.runs])
    low, high = np.percentile(everything, [0.3, 99.7])
    edges = np.linspace(low, max(high, low + 1), 90)
    for run, colour in zip(sightline.runs, (BLUE, ACCENT, "#5f7f4f", MUTED) * 9, strict=False):
        p16, p50, p84 = np.percentile(run.draws["host"], PERCENTILES)
        counts, _ = np.histogram(run.draws["host"], edges, density=True)
        said = f"{_title(run)}: {p50:.0f} +{p84 - p50:.0f} −{p50 - p16:.0f}"
        axes.stairs(counts, edges, color=colour, lw=1.6, label=said)
        inside = (edges[:-1] >= p16) & (edges[1:] <= p84)
        axes.stairs(np.where(inside, counts, 0), edges, color=colour, fill=True, alpha=0.18)
    axes.axvline(0, color=LINE, lw=1)
    axes.set(xlabel=f"DM of the host ({_UNIT})", ylabel="probability density", ylim=(0, None))
    axes.set_yticks([])
    tidy(axes, f"What is left for the host of {sightline.settings.frb.name}", grid=True)
    axes.legend(frameon=False, fontsize=8)
    frames = lambda v: np.asarray(v) * (1 + z), lambda v: np.asarray(v) / (1 + z)
    above = axes.secondary_xaxis("top", functions=frames)
    above.set_xlabel("in its rest frame", size=8, color=MUTED)
    above.tick_params(labelsize=7.5, colors=MUTED)
    figure.tight_layout()
    return figure


def tornado_figure(sightline: Sightline) -> Figure:
    """By how much each input alone moves the DM of the host."""
    runs = sightline.runs
    rows = {run.r_max: _moves(sightline, run) for run in runs}
    n = max(len(r) for r in rows.values())
    figure = new_figure(5.6 * len(runs), 1.4 + 0.32 * n)
    panels = np.atleast_1d(figure.subplots(1, len(runs)))
    for axes, run in zip(panels, runs, strict=True):
        _tornado(axes, rows[run.r_max])
        tidy(axes, f"What the error is of: {_title(run)}", grid=True)
        axes.set_xlabel("change of the DM of the host (pc cm⁻³, observed)")
    figure.tight_layout()
    return figure


def _tornado(axes: Axes, rows: list[tuple[str, float, float]]) -> None:
    rows = sorted(rows, key=lambda row: abs(row[2] - row[1]))
    for i, (_, at_low, at_high) in enumerate(rows):
        axes.barh(i, at_low, color=SOFT, height=0.6, label="input at its 16 %" if not i else None)
        axes.barh(i, at_high, color=BLUE, height=0.6, label="at its 84 %" if not i else None)
    axes.axvline(0, color=INK, lw=0.8)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _moves(sightline: Sightline, run: Run) -> list[tuple[str, float, float]]:
    """Names of inputs, and the host's change where each is at its 16 and 84 %."""
    host = run.draws["host"]
    middle = float(np.median(host))
    rows = []
    for name, label in (("dm", "measured DM"), *((t, _NAMES[t]) for t in TERMS[:-1])):
        sign = 1 if name == "dm" else -1
        low, centre, high = np.percentile(run.draws[name], PERCENTILES)
        if high > low and name != "halos":
            rows.append((label, sign * (low - centre), sign * (high - centre)))
    for name, label in (
        ("f_hot", "hot gas of all halos"),
        ("mass_dex", "calibration of masses"),
        ("concentration_dex", "calibration of concentrations"),
    ):
        values = getattr(sightline.shared, name)
        if np.ptp(values) > 0:
            rows.append((label, *(_given(host, values, q) - middle for q in (0.16, 0.84))))
    spread = run.halos_observed[:, 2] - run.halos_observed[:, 0]
    names = halo_names(sightline.catalog)
    for i in np.argsort(-spread)[:_MOST_HALOS]:
        low, centre, high = run.halos_observed[i]
        if high > low:
            rows.append((f"halo {names[i]}", centre - low, centre - high))
    return rows


def _given(host: NDArray, values: NDArray, quantile: float) -> float:
    """Median of the host where an input is near one of its quantiles."""
    low, high = np.quantile(values, [quantile - _NEAR, quantile + _NEAR])
    return float(np.median(host[(values >= low) & (values <= high)]))
