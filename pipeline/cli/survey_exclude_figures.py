"""Figures of models that a search rejects."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipeline.report.style import (
    ACCENT,
    BLUE,
    COLOUR_MAP,
    INK,
    LINE,
    MUTED,
    edges,
    log_ticks,
    new_figure,
    nothing,
    tidy,
)
from surveys.known_sources.read import SHIPPED, read_known
from surveys.transients.exclusion import Exclusion
from surveys.transients.settings import Axis

_WHITE = "#ffffff"
_NAMES = {
    "magnetar_rics": "magnetars, RICS",
    "magnetar_curvature": "magnetars, curvature radiation",
    "white_dwarf": "white dwarfs and companions",
    "empirical": "like known sources",
    "power_law": "a model of powers",
}
_DUTIES = (0.003, 0.03, 0.3)


def figures(found: Exclusion) -> dict[str, Figure]:
    """Figures by the names of their files."""
    return {
        "exclusion.png": exclusion_figure(found),
        "period_flux.png": period_flux_figure(found),
        "sky.png": sky_figure(found),
    }


def exclusion_figure(found: Exclusion) -> Figure:
    """Share of the region that rejects one source, and the limit on the density, on the grid."""
    figure = new_figure(10.4, 4.6)
    left, right = figure.subplots(1, 2)
    confidence = f"{100 * found.settings.population.confidence:.4g} %"
    mesh = _mesh(left, found, found.grid.rejected_share, Normalize(0, 1))
    _bar(figure, left, mesh, f"share of the area that rejects one source at {confidence}")
    distance = found.settings.population.distance_kpc
    where = f" at {distance:g} kpc" if distance else ""
    tidy(left, f"One source whose beam passes us{where}")
    limit = found.density_limit_pc3
    known = limit[np.isfinite(limit)]
    if known.size:
        low = float(known.min())
        norm = LogNorm(low, min(max(float(known.max()), 10 * low), 1e6 * low))
        mesh = _mesh(right, found, np.where(np.isfinite(limit), limit, np.nan), norm, "_r")
        _bar(
            figure, right, mesh, f"limit on the density at the Sun, {confidence} (pc⁻³); grey: none"
        )
        _outline(right, found, found.rejected, ACCENT, "-")
        density = f"{found.settings.population.density_pc3:.3g} pc⁻³"
        tidy(right, f"A population of the disc; line: {density}")
    else:
        nothing(tidy(right, "A population of the disc"), "nothing would be seen")
    hatched = "" if found.emission.possible.all() else "; hatched: physics does not allow it"
    _heading(figure, found, "Rejected parameters", hatched)
    return figure


def _mesh(
    axes: Axes, found: Exclusion, values: NDArray, norm: Normalize, reverse: str = ""
) -> object:
    """Values on the grid, hatched where physics does not allow them."""
    first, second = found.settings.axis
    x, y = _cell_edges(first), _cell_edges(second)
    mesh = axes.pcolormesh(x, y, values, norm=norm, cmap=COLOUR_MAP + reverse, rasterized=True)
    possible = found.emission.possible
    if not possible.all():
        # Contours of the whole plane: the middles of cells, and the rims beyond them.
        shown = np.pad(~possible, 1, mode="edge").astype(float)
        hatched = axes.contourf(
            _rims(first), _rims(second), shown, [0.5, 1.5], colors="none", hatches=["//"]
        )
        hatched.set(edgecolor="#ffffff99", linewidth=0.0)
        _outline(axes, found, possible, _WHITE, "--")
    axes.set_facecolor(MUTED)
    for axis, which in ((first, "x"), (second, "y")):
        _scale(axes, found, axis, which)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    return mesh


def _outline(axes: Axes, found: Exclusion, where: NDArray, colour: str, style: str) -> None:
    if where.any() and not where.all():
        first, second = found.settings.axis
        shown = np.pad(where, 1, mode="edge").astype(float)
        axes.contour(_rims(first), _rims(second), shown, [0.5], colors=colour, linewidths=1.6,
                     linestyles=style)  # fmt: skip


def _cell_edges(axis: Axis) -> NDArray[np.float64]:
    if axis.scale == "log":
        return np.exp(edges(np.log(axis.values)))
    return edges(axis.values)


def _rims(axis: Axis) -> NDArray[np.float64]:
    """Middles of the cells between the outer edges."""
    rims = _cell_edges(axis)
    return np.concatenate([rims[:1], axis.values, rims[-1:]])


def _label(found: Exclusion, name: str) -> str:
    parameter = found.model.known[name]
    unit = parameter.unit.lower().translate(str.maketrans("/ ²", "__2"))
    words = name.removesuffix(f"_{unit}").replace("_", " ")
    return f"{words} ({parameter.unit})" if parameter.unit else words


def _scale(axes: Axes, found: Exclusion, axis: Axis, which: str) -> None:
    label = _label(found, axis.name)
    if which == "x":
        axes.set(xscale=axis.scale, xlabel=label)
    else:
        axes.set(yscale=axis.scale, ylabel=label)
    if axis.scale == "log" and axis.low >= 1e-3 and axis.high <= 1e5:
        log_ticks(axes, "x" if which == "x" else "y")


def _bar(figure: Figure, axes: Axes, mesh: object, label: str) -> None:
    bar = figure.colorbar(mesh, ax=axes, pad=0.02)  # type: ignore[arg-type]
    bar.set_label(label, fontsize=8.5, color=INK)
    bar.ax.tick_params(which="both", labelsize=8, colors=MUTED)
    bar.outline.set_edgecolor(LINE)  # type: ignore[operator]


def _heading(figure: Figure, found: Exclusion, text: str, more: str = "") -> None:
    derived = " (formulae derived)" if found.model.derived else ""
    height = figure.get_figheight()
    words = figure.suptitle(
        f"{text} — {_NAMES[found.settings.model]}{derived}{more}",
        x=0.01, y=1 - 0.1 / height, ha="left", va="top", fontsize=10.5, color=INK,
        fontweight="bold",
    )  # fmt: skip
    words.set_in_layout(False)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.4 / height), pad=0.5)


def period_flux_figure(found: Exclusion) -> Figure:
    """Known sources in the plane of period and flux density, and what the search could see."""
    figure = new_figure(7.2, 4.9)
    axes = figure.subplots()
    known = read_known(SHIPPED)
    flux = np.where(np.isfinite(known.flux_hi_jy), known.flux_hi_jy, known.flux_lo_jy)
    period = known.period_s
    has = np.isfinite(flux) & np.isfinite(period)
    grid = np.geomspace(min(5.0, found.emission.period_s.min()), 4e4, 300)
    for duty, style in zip(_DUTIES, ("-", "--", ":"), strict=True):
        threshold = threshold_jy(found, grid, duty)
        axes.plot(grid, threshold, style, color=BLUE, lw=1.4,
                  label=f"half found, duty cycle {duty:g}")  # fmt: skip
    low = known.flux_lo_jy[has]
    low = np.where(np.isfinite(low), low, flux[has])
    axes.vlines(period[has], low, flux[has], color=ACCENT, lw=1.0, alpha=0.6)
    axes.plot(period[has], flux[has], "o", color=ACCENT, ms=4.5, label="brightest pulses, known")
    for i in np.flatnonzero(has):
        # Below its point where another name would be in the way.
        near = (np.abs(np.log(period / period[i])) < 0.8) & (flux > flux[i]) & (flux < 2 * flux[i])
        axes.annotate(_short(str(known.name[i])), (period[i], flux[i]),
                      xytext=(4, -9 if near.any() else 3), textcoords="offset points",
                      fontsize=6.5, color=MUTED)  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="period (s)", ylabel="peak flux density (Jy)")
    bottom, top = axes.get_ylim()
    without = ~has & np.isfinite(period)
    axes.vlines(period[without], bottom, bottom * (top / bottom) ** 0.04, color=ACCENT, lw=1.2,
                label="known, without a flux density")  # fmt: skip
    axes.set_ylim(bottom, top)
    log_ticks(axes, "x")
    log_ticks(axes, "y")
    tidy(axes, f"Known sources at their own frequencies, the search at "
               f"{found.settings.search.frequency_mhz:g} MHz", grid=True)  # fmt: skip
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.tight_layout(pad=0.6)
    return figure


def _short(name: str) -> str:
    """The part of a designation that tells sources apart."""
    return name.split()[-1].split(".")[0]


def threshold_jy(found: Exclusion, period_s: NDArray, duty: float) -> NDArray[np.float64]:
    """Flux density of which half of the pulses are found in the middle one of all visits."""
    search = found.search
    width = duty * period_s
    out = np.full(len(period_s), np.nan)
    for i, w in enumerate(width):
        snr = float(np.median(search.snr_per_jy(float(w))))
        if snr > 0:
            out[i] = float(np.median(search.stays.threshold)) / snr
    return out


def sky_figure(found: Exclusion) -> Figure:
    """Share of the allowed grid, and of all of it, that is rejected in each cell."""
    region = found.region
    figure = new_figure(9.6, 5.6)
    panels = figure.subplots(2, 1, sharex=True)
    shares = (
        (found.rejected_points, "of the parameters that physics allows"),
        (found.rejected_points_all, "of all parameters"),
    )
    corners = _corners(found)
    for axes, (share, words) in zip(panels, shares, strict=True):
        cells = PolyCollection(
            list(corners), array=share, norm=Normalize(0, float(share.max()) or 1.0),
            cmap=COLOUR_MAP, edgecolor="face", linewidth=0.2,
        )  # fmt: skip
        axes.add_collection(cells)
        axes.set(xlim=(corners[..., 0].max(), corners[..., 0].min()),
                 ylim=(corners[..., 1].min(), corners[..., 1].max()))  # fmt: skip
        axes.set_ylabel("b (deg)")
        axes.yaxis.set_major_locator(MaxNLocator(6))
        _bar(figure, axes, cells, "rejected share")
        none = "" if share.any() else ": none is rejected"
        tidy(axes, f"{words}, {len(region.pixel)} cells{none}")
    panels[-1].set_xlabel("Galactic longitude (deg)")
    panels[-1].xaxis.set_major_formatter(lambda value, _: f"{value % 360:g}")
    _heading(figure, found, "Where one source is rejected")
    return figure


def _corners(found: Exclusion) -> NDArray[np.float64]:
    """Galactic corners of the cells, (n, 4, 2), of longitudes that do not jump within the map."""
    import healpy

    from surveys.coverage.coverage import turned_to

    region = found.region
    vectors = healpy.boundaries(region.nside, region.pixel, step=1, nest=True)
    vectors = np.moveaxis(vectors, 1, 2).reshape(-1, 3)
    l, b = healpy.vec2ang(turned_to(vectors, region.frame, "galactic"), lonlat=True)
    sines = np.exp(1j * np.radians(region.l_deg)).sum()
    middle = math.degrees(math.atan2(sines.imag, sines.real)) % 360 if abs(sines) > 1e-9 else 180.0
    centre = (region.l_deg - middle + 180) % 360 - 180 + middle
    l = np.asarray(l).reshape(-1, 4)
    l = (l - centre[:, None] + 180) % 360 - 180 + centre[:, None]
    return np.stack([l, np.asarray(b).reshape(-1, 4)], axis=-1)
