"""Figures of a plan of a survey."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from pipeline.report.style import (
    ACCENT,
    BLUE,
    COLOUR_MAP,
    INK,
    LINE,
    MUTED,
    SOFT,
    new_figure,
    tidy,
    time_unit,
)
from surveys.coverage.motion import ROTATION_RAD_S
from surveys.planning.earth import horizontal, meridian_ra, utc
from surveys.planning.plan import Plan
from surveys.planning.windows import meridian_elevation

_DAYS = 4
_DEG_PER_HOUR = np.degrees(ROTATION_RAD_S) * 3600
_ZOOM_DEG, _STRIP_DEG = 150.0, 30.0
_SKY_IN = 9.4, 6.0
_SUN, _NIGHT = "#d9a400", "#e7ebf2"


def figures(plan: Plan, schedule: Table) -> dict[str, Figure]:
    """Figures by the names of their files."""
    return {"sky.png": sky_figure(plan), "elevation.png": elevation_figure(plan, schedule)}


def sky_figure(plan: Plan) -> Figure:
    """Tiles in Galactic coordinates by their exposure."""
    outlines = _outlines(plan)
    exposure = plan.per_tile(plan.chosen.exposure_s)
    seen = exposure[exposure > 0]
    most = float(np.percentile(seen, 98)) if len(seen) else 1.0
    factor, unit = time_unit(most)
    norm = Normalize(0.0, most * factor)
    colours = colormaps[COLOUR_MAP](norm(exposure * factor))
    colours[exposure <= 0] = (1, 1, 1, 1)
    colours[~plan.is_up] = (0.85, 0.85, 0.85, 1)
    span_l, span_b = np.ptp(outlines.reshape(-1, 2), axis=0) + 2
    is_zoomed = (span_l < _ZOOM_DEG and span_b < _ZOOM_DEG / 2) or span_b < _STRIP_DEG
    room = min(_SKY_IN[0], _SKY_IN[1] * span_l / span_b)
    width, height = (room, room * span_b / span_l) if is_zoomed else (9.4, 4.7)
    # Rims of small tiles would cover them.
    rim = 0.08 * plan.telescope.field_deg * 72 * width / (span_l if is_zoomed else 360.0)
    figure = new_figure(10.4, height + 1.85)
    place = _inches(figure, 0.5 + (9.4 - width) / 2 + 0.2, 1.4, width, height)
    if is_zoomed:
        _zoomed(figure.add_axes(place), outlines, colours, min(rim, 0.7))
    else:
        sky = figure.add_axes(place, projection="mollweide")
        _mollweide(sky, outlines, colours, min(rim, 0.3))
    axes = figure.add_axes(_inches(figure, 2.2, 0.6, 5.0, 0.16))
    bar = figure.colorbar(
        ScalarMappable(norm, colormaps[COLOUR_MAP]), cax=axes, orientation="horizontal",
        extend="max" if exposure.max() > most else "neither",
    )  # fmt: skip
    bar.set_label(f"mean exposure of a tile ({unit})", size=8.5, color=INK)
    axes.tick_params(labelsize=8, colors=MUTED)
    keys = {
        "not visited": ("white", plan.is_up & (exposure <= 0)),
        "never observable": ("0.85", ~plan.is_up),
    }
    patches = [
        Patch(facecolor=colour, edgecolor=MUTED, label=label)
        for label, (colour, which) in keys.items()
        if which.any()
    ]
    axes.legend(
        handles=patches, fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.1, 0.5)
    )
    covered = plan.chosen.numbers(plan.region.pixel_deg2)["covered_deg2"]
    of = f"{covered:.0f} of {plan.region.area_deg2:.0f} deg² covered"
    _title(figure, f"{of}, {plan.chosen.method} schedule")
    return figure


def _inches(
    figure: Figure, left: float, bottom: float, width: float, height: float
) -> tuple[float, float, float, float]:
    """A place in a figure, given in inches."""
    across, up = figure.get_size_inches()
    return left / across, bottom / up, width / across, height / up


def _outlines(plan: Plan) -> NDArray[np.float64]:
    """Corners of tiles without their overlaps, (tile, corner, l and b) in degrees.

    Longitudes run on from the middle of all.
    """
    half = plan.telescope.field_deg * (1 - plan.settings.tiles.overlap) / 2
    ra, dec = (np.asarray(x)[:, None] for x in plan.tile_deg)
    centre = SkyCoord(ra, dec, unit="deg")
    x, y = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]).T * half
    angle = np.degrees(np.arctan2(x, y))
    corner = centre.directional_offset_by(angle * centre.ra.unit, np.hypot(x, y) * centre.ra.unit)
    l, b = corner.galactic.l.deg, corner.galactic.b.deg
    own = centre.galactic.l.deg[:, 0]
    middle = np.degrees(np.angle(np.exp(1j * np.radians(own)).mean())) % 360
    own = middle + (own - middle + 180) % 360 - 180
    l = own[:, None] + (l - own[:, None] + 180) % 360 - 180
    return np.stack([l, b], axis=-1)


def _zoomed(axes: Axes, outlines: NDArray, colours: NDArray, rim: float) -> None:
    axes.add_collection(PolyCollection(list(outlines), facecolors=colours, edgecolors=LINE, lw=rim))
    low, high = outlines.reshape(-1, 2).min(axis=0) - 1, outlines.reshape(-1, 2).max(axis=0) + 1
    axes.set(xlim=(high[0], low[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set(xlabel="Galactic longitude l (deg)", ylabel="b (deg)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value % 360:g}"))
    axes.axhline(0, color=MUTED, lw=0.6, ls=":")
    tidy(axes)


def _mollweide(axes: Axes, outlines: NDArray, colours: NDArray, rim: float) -> None:
    """All the sky; longitude rises to the left, and its zero is in the middle."""
    l, b = np.radians(outlines[..., 0]), np.radians(outlines[..., 1])
    own = l.mean(axis=1, keepdims=True)
    l = l - own + (own + np.pi) % (2 * np.pi) - np.pi
    for shift in (-2 * np.pi, 0.0, 2 * np.pi):
        moved = np.stack([-(l + shift), b], axis=-1)
        here = (np.abs(moved[..., 0]) <= np.pi).any(axis=1)
        moved[..., 0] = np.clip(moved[..., 0], -np.pi, np.pi)
        axes.add_collection(
            PolyCollection(list(moved[here]), facecolors=colours[here], edgecolors=LINE, lw=rim)
        )
    ticks = np.arange(-150, 151, 30)
    axes.set_xticks(np.radians(ticks), [f"{-t % 360}°" for t in ticks])
    axes.grid(True, color=LINE, lw=0.5)
    axes.tick_params(labelsize=7.5, colors=INK)
    for label in axes.get_xticklabels():
        label.set_path_effects([withStroke(linewidth=2, foreground="white")])


def elevation_figure(plan: Plan, schedule: Table) -> Figure:
    """Elevation against time on the first days that have visits, with limits and the Sun."""
    start = np.asarray(schedule["start_mjd"], float)
    first = plan.settings.time.mjd[0]
    days = np.unique(np.floor(start - first)).astype(int)[:_DAYS]
    days = days if len(days) else np.array([0])
    n_all = len(np.unique(np.floor(start - first)))
    figure = new_figure(10.4, 1.1 + 2.15 * len(days))
    panels = figure.subplots(len(days), 1, squeeze=False)[:, 0]
    for axes, day in zip(panels, days, strict=True):
        _day(axes, plan, schedule, first + day)
    panels[-1].set_xlabel("UTC (h)")
    figure.legend(
        handles=list(_keys(plan)), fontsize=8, frameon=False, ncols=6, loc="upper left",
        bbox_to_anchor=(0.005, 1 - 0.28 / figure.get_figheight()),
    )  # fmt: skip
    more = f", first {len(days)} of {n_all} days" if n_all > len(days) else ""
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.62 / figure.get_figheight()), pad=0.5)
    _title(figure, f"Elevation and time, {plan.chosen.method} schedule{more}")
    return figure


def _keys(plan: Plan) -> Iterator[object]:
    yield Line2D([], [], color=BLUE, lw=3, label="tiles")
    if plan.settings.calibrators.every_h is not None:
        yield Line2D([], [], color=ACCENT, lw=3, label="calibrators")
    yield Line2D([], [], color=_SUN, lw=1.3, label="Sun")
    yield Line2D([], [], color=INK, lw=0.9, ls="--", label="limits")
    yield Patch(facecolor=_NIGHT, label="night" if plan.settings.time.night_only else "Sun down")
    if plan.telescope.transit:
        yield Patch(facecolor=SOFT, label="region on the meridian")


def _day(axes: Axes, plan: Plan, schedule: Table, first: float) -> None:
    is_transit = plan.telescope.transit
    mjd = first + np.linspace(0, 1, 721)
    midnight = np.floor(first)
    hour = (mjd - midnight) * 24
    sun_altitude, sun_azimuth = plan.limits.sun(mjd)
    limit = plan.settings.time.sun_altitude_deg if plan.settings.time.night_only else 0.0
    top = 180.0 if is_transit else 90.0
    axes.fill_between(
        hour, 0, top, where=sun_altitude < limit, color=_NIGHT, lw=0, zorder=0, step="mid"
    )
    sun = meridian_elevation(sun_altitude, sun_azimuth) if is_transit else sun_altitude
    axes.plot(hour, np.where(sun_altitude > 0, sun, np.nan), color=_SUN, lw=1.3)
    if is_transit:
        _region(axes, plan, float(mjd[0]), float(hour[0]))
    for value in plan.telescope.elevation_deg:
        axes.axhline(value, color=INK, lw=0.9, ls="--")
    rows = schedule[(schedule["start_mjd"] >= first) & (schedule["start_mjd"] < first + 1)]
    if len(rows):
        _visits(axes, plan, rows, midnight)
    axes.set(xlim=(hour[0], hour[-1]), ylim=(0, top))
    axes.set_ylabel("elevation (deg)")
    axes.xaxis.set_major_locator(MultipleLocator(3))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value % 24:g}"))
    axes.yaxis.set_major_locator(MultipleLocator(30))
    tidy(axes, str(utc(first).isot)[:10], grid=True)


def _visits(axes: Axes, plan: Plan, rows: Table, midnight: float) -> None:
    """Visits as bars, and slews between those that follow soon."""
    start, end = (np.asarray(rows[n], float) for n in ("start_mjd", "end_mjd"))
    begin, leave = (start - midnight) * 24, (end - midnight) * 24
    if plan.telescope.transit:
        up = down = np.asarray(rows["elevation_deg"], float)
    else:
        up = np.asarray(rows["altitude_deg"], float)
        down = horizontal(rows["ra"], rows["dec"], end, plan.telescope.site)[0]
    kind = np.asarray(rows["kind"])
    for name, colour in (("tile", BLUE), ("calibrator", ACCENT)):
        of = kind == name
        bars = np.stack([begin, up, leave, down], axis=1)[of].reshape(-1, 2, 2)
        axes.add_collection(
            LineCollection(list(bars), colors=colour, lw=3, capstyle="butt", zorder=4)
        )
    soon = begin[1:] - leave[:-1] < 0.5
    slews = np.stack([leave[:-1], down[:-1], begin[1:], up[1:]], axis=1)[soon].reshape(-1, 2, 2)
    axes.add_collection(LineCollection(list(slews), colors=BLUE, lw=0.6, alpha=0.7, zorder=3))


def _region(axes: Axes, plan: Plan, mjd: float, hour: float) -> None:
    """Elevations at which tiles of the region pass the meridian, from a time and its hour on."""
    site, half = plan.telescope.site, plan.telescope.field_deg / 2
    up = 90 + plan.tiles.lat_deg - site.lat.deg
    width = np.minimum(half / np.maximum(np.cos(np.radians(plan.tiles.lat_deg)), 0.02), 180)
    first = (plan.tiles.lon_deg - meridian_ra(np.array([mjd]), site)) % 360
    # A tile whose middle has passed may still be there, and one day has two passages.
    across = np.concatenate([first - 360, first, first + 360])
    up, width = np.tile(up, 3), np.tile(width, 3)
    left, right = (hour + (across + side * width) / _DEG_PER_HOUR for side in (-1, 1))
    x, y = [left, right, right, left], [up - half, up - half, up + half, up + half]
    outlines = np.stack([np.stack(x, 1), np.stack(y, 1)], axis=-1)
    axes.add_collection(PolyCollection(list(outlines), facecolors=SOFT, lw=0, zorder=1))


def _title(figure: Figure, text: str) -> None:
    height = figure.get_figheight()
    figure.suptitle(
        text, x=0.01, y=1 - 0.1 / height, ha="left", va="top", fontsize=10.5, color=INK,
        fontweight="bold",
    )  # fmt: skip
