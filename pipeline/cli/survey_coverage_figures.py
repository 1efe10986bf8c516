"""Figures of ``slowburst survey coverage``: the sky, the part that was seen, areas."""

from __future__ import annotations

import healpy
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.report.style import COLOUR_MAP, INK, LINE, MUTED, log_ticks, new_figure, nothing, tidy
from surveys.coverage.coverage import Coverage, Frame, turned_to
from surveys.coverage.products import HOUR_S, Exposure

_NAMES = {
    "icrs": ("right ascension", "declination", "ICRS"),
    "galactic": ("longitude", "latitude", "Galactic"),
}
_ALL_SKY = 240.0
"""Degrees of longitude from which all of them are shown."""


def sky_figure(coverage: Coverage, values: NDArray[np.floating], title: str, label: str) -> Figure:
    """A map on all of the sky, and the part of it that was seen.

    Parameters
    ----------
    coverage : Coverage
    values : (n,)
        Of its pixels; those that are not above 0 are not drawn.
    title, label : str
        The second is that of the values, with their unit.
    """
    values = np.where(values > 0, values, np.nan)
    figure = new_figure(9.6, 8.4)
    norm = _norm(values)
    sky = figure.add_axes((0.05, 0.52, 0.83, 0.42), projection="mollweide")
    _draw_sky(sky, coverage, values, norm)
    longitude, _, frame = _NAMES[coverage.frame]
    other = _NAMES[_other(coverage.frame)][2]
    about = f"{frame}, {longitude} 0 in the middle; dotted: {other}"
    figure.text(0.03, 0.965, title, color=INK, fontsize=11, fontweight="bold")
    figure.text(0.03, 0.94, about, color=MUTED, fontsize=8.5)
    part = figure.add_axes((0.09, 0.07, 0.79, 0.38))
    _draw_part(part, coverage, values, norm)
    if not np.isfinite(values).any():
        nothing(tidy(part), "no such pulse would have been found")
        return figure
    bar = figure.colorbar(
        ScalarMappable(norm, COLOUR_MAP), cax=figure.add_axes((0.91, 0.12, 0.018, 0.74))
    )
    if isinstance(norm, LogNorm):
        log_ticks(bar.ax, "y")
    bar.set_label(label, color=INK, fontsize=9)
    bar.ax.tick_params(labelsize=8, colors=MUTED)
    bar.outline.set_edgecolor(LINE)  # type: ignore[operator]
    return figure


def _norm(values: NDArray[np.floating]) -> Normalize:
    seen = values[np.isfinite(values)]
    if not len(seen):
        return Normalize(0, 1)
    low, high = np.percentile(seen, [2, 100])
    # Less than a thousandth of the most is as good as nothing.
    low = max(low, high / 1e3)
    return LogNorm(low, high) if high > 1.5 * low else Normalize(0, high)


def _looked_up(coverage: Coverage, values: NDArray, lon: NDArray, lat: NDArray) -> NDArray:
    """Values at places of the map's own frame, NaN where nothing was seen."""
    number = healpy.ang2pix(coverage.nside, lon % 360, lat, nest=True, lonlat=True)
    row = np.minimum(np.searchsorted(coverage.pixel, number), len(coverage.pixel) - 1)
    return np.where(coverage.pixel[row] == number, values[row], np.nan)


def _draw_sky(axes: Axes, coverage: Coverage, values: NDArray, norm: Normalize) -> None:
    """The whole sky; east is on the left."""
    lon = np.linspace(-180, 180, 721)
    lat = np.linspace(-90, 90, 361)
    x, y = (lon[1:] + lon[:-1]) / 2, (lat[1:] + lat[:-1]) / 2
    # A pixel of the picture is as good as the largest value below it.
    fine = coverage.degraded(min(coverage.nside, 64))
    parents, first = np.unique(coverage.pixel // (coverage.nside // fine.nside) ** 2,
                               return_index=True)  # fmt: skip
    most = np.fmax.reduceat(values, first)
    grid = (
        _looked_up(fine, most, *np.meshgrid(x, y)) if len(parents) else np.full((360, 720), np.nan)
    )
    axes.pcolormesh(-np.radians(lon), np.radians(lat), grid, norm=norm, cmap=COLOUR_MAP,
                    rasterized=True)  # fmt: skip
    axes.grid(True, color=LINE, linewidth=0.6)
    hours = np.arange(-150, 180, 30)
    axes.set_xticks(np.radians(hours), [f"{-h % 360}°" for h in hours])
    axes.set_yticks(np.radians(np.arange(-60, 61, 30)))
    axes.tick_params(labelsize=7.5, colors=MUTED)
    for spine in axes.spines.values():
        spine.set(color=MUTED, linewidth=0.8)
    for line in _other_frame(coverage.frame, 30):
        around = (line[:, 0] + 180) % 360 - 180
        broken = np.where(np.abs(np.diff(around, prepend=around[0])) > 180, np.nan, around)
        axes.plot(-np.radians(broken), np.radians(line[:, 1]), ":", color=MUTED, linewidth=0.6)


def _other(frame: Frame) -> Frame:
    return "galactic" if frame == "icrs" else "icrs"


def _other_frame(frame: Frame, step: int) -> list[NDArray[np.float64]]:
    """Meridians and parallels of the other frame, each (point, 2) of longitude and latitude."""
    other = _other(frame)
    fine, lines = np.linspace(-180, 180, 721), []
    for lat in range(-90 + step, 90, step):
        lines.append((fine, np.full_like(fine, lat)))
    for lon in range(0, 360, step):
        lines.append((np.full_like(fine, lon), fine / 2 * (1 - 1e-9)))
    out = []
    for lon, lat in lines:
        at = turned_to(healpy.ang2vec(lon, lat, lonlat=True), other, frame)
        out.append(np.stack(healpy.vec2ang(at, lonlat=True), axis=1))
    return out


def _draw_part(axes: Axes, coverage: Coverage, values: NDArray, norm: Normalize) -> None:
    """The part of the sky that was seen, as close as the picture allows."""
    lon, lat = coverage.centres()
    seen = np.isfinite(values)
    if not seen.any():
        return
    start, span = _narrowest(lon[seen])
    low, high = lat[seen].min(), lat[seen].max()
    edge = max(0.08 * (high - low), 2 * np.sqrt(coverage.pixel_deg2))
    low, high = max(low - edge, -90), min(high + edge, 90)
    middle = np.cos(np.radians((low + high) / 2))
    side = edge / max(middle, 0.05)
    left, right = start - side, start + span + side
    if right - left > _ALL_SKY:
        left, right = 0.0, 360.0
    x = left + (right - left) * (np.arange(900) + 0.5) / 900
    y = low + (high - low) * (np.arange(500) + 0.5) / 500
    grid = _looked_up(coverage, values, *np.meshgrid(x, y))
    axes.imshow(grid, norm=norm, cmap=COLOUR_MAP, extent=(left, right, low, high), origin="lower",
                aspect="auto", interpolation="nearest")  # fmt: skip
    longitude, latitude, _ = _NAMES[coverage.frame]
    step = 30 if right - left > 60 else 10 if right - left > 15 else 5
    for line in _other_frame(coverage.frame, step):
        around = (line[:, 0] - left) % 360 + left
        broken = np.where(np.abs(np.diff(around, prepend=around[0])) > 180, np.nan, around)
        axes.plot(broken, line[:, 1], ":", color=MUTED, linewidth=0.7)
    axes.set(xlim=(right, left), ylim=(low, high), xlabel=f"{longitude} (deg)",
             ylabel=f"{latitude} (deg)")  # fmt: skip
    if right - left > _ALL_SKY:
        axes.set_xticks(np.arange(0, 361, 30))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value % 360:g}")
    tidy(axes, "The part that was searched")
    axes.grid(True, color=LINE, linewidth=0.6)
    if (right - left) * middle < 4 * (high - low):
        axes.set_aspect(1 / max(middle, 0.05), adjustable="box")


def _narrowest(lon: NDArray[np.float64]) -> tuple[float, float]:
    """Start and length of the shortest arc that holds all longitudes."""
    sorted_lon = np.sort(lon % 360)
    gaps = np.diff(np.append(sorted_lon, sorted_lon[0] + 360))
    widest = int(np.argmax(gaps))
    start = float(sorted_lon[(widest + 1) % len(sorted_lon)])
    return start, 360.0 - float(gaps[widest])


def area_figure(coverage: Coverage, made: list[Exposure]) -> Figure:
    """Area of the sky with more than an exposure."""
    figure = new_figure(7.2, 4.6)
    axes = tidy(figure.add_axes((0.11, 0.13, 0.85, 0.78)), "Area with more than an exposure", True)
    widths = sorted({one.width_s for one in made})
    fluxes = sorted({one.flux_jy for one in made})
    colours = [f"C{i}" for i in range(len(fluxes))]
    styles = ["-", "--", ":", "-."]
    most = max((one.seconds.max() for one in made), default=0.0) / HOUR_S
    for one in made:
        hours = np.sort(one.seconds[one.seconds > 1e-3 * most * HOUR_S])[::-1] / HOUR_S
        if len(hours):
            area = np.arange(1, len(hours) + 1) * coverage.pixel_deg2
            thin = np.unique(np.linspace(0, len(hours) - 1, 2000).astype(int))
            axes.plot(hours[thin], area[thin], linewidth=1.4, drawstyle="steps-pre",
                      color=colours[fluxes.index(one.flux_jy)],
                      linestyle=styles[widths.index(one.width_s) % len(styles)],
                      label=f"{one.flux_jy:g} Jy, {one.width_s:g} s")  # fmt: skip
    axes.set(xlabel="exposure (h)", ylabel="area (deg²)")
    if axes.lines:
        # Of a map of one exposure there is more to see than the digits in which its pixels differ.
        axes.set_xlim(left=min(axes.get_xlim()[0], most / 10))
        log_ticks(axes, "x")
        log_ticks(axes, "y")
        axes.legend(fontsize=8, frameon=False, labelcolor=INK)
    return figure
