"""Figures of mock observations and sizes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from pipeline.report.style import (
    ACCENT,
    BLUE,
    COLOUR_MAP,
    INK,
    LINE,
    MUTED,
    log_ticks,
    new_figure,
    nothing,
    tidy,
)
from surveys.mock_sizes.run import Sample
from surveys.mock_sizes.science import Relation
from surveys.scaling.relations import SizeRelation

_KINDS = {
    "aperture": "S/N in the half-light circle",
    "peak": "S/N of the brightest pixel",
    "pixel": "mean S/N of a pixel",
    "depth": "depth",
    "rms": "noise of a pixel",
    "exposure": "time (s)",
}
_RADIUS = "half-light radius (kpc)"
_TITLE_IN = 0.4
_LEAST_WIDTH_IN = 5.6
_STATE = {"": "as measured", "corrected_": "corrected"}
_COLOURS = {"intrinsic": INK, "observed": BLUE, "corrected": ACCENT}


def figures(
    sample: Sample, ratios: Table, relations: list[Relation], wavelengths: Table | None
) -> dict[str, Figure]:
    """Figures by the names of their files."""
    found = {
        "ratios.png": ratios_figure(sample, ratios),
        "estimators.png": estimators_figure(sample, ratios),
    }
    luminosity = [r for r in relations if np.isfinite(r.z)]
    evolution = [r for r in relations if np.isnan(r.z)]
    if luminosity:
        found["size_luminosity.png"] = luminosity_figure(sample, luminosity)
    if evolution:
        found["evolution.png"] = evolution_figure(sample, evolution)
    if wavelengths is not None:
        found["wavelengths.png"] = wavelengths_figure(sample, wavelengths)
    return found


def _colours(values: NDArray) -> dict[float, tuple[float, ...]]:
    unique = np.unique(values)
    return {
        float(z): colormaps[COLOUR_MAP](0.9 * i / max(len(unique) - 1, 1))
        for i, z in enumerate(unique)
    }


def count_galaxies(n: int, synthetic: bool) -> str:
    """So many galaxies, in words."""
    return f"{n} {'synthetic ' if synthetic else ''}{'galaxy' if n == 1 else 'galaxies'}"


def title(figure: Figure, sample: Sample, text: str) -> None:
    """A title, and the room below it to the panels."""
    of = count_galaxies(len(sample.names), sample.synthetic)
    height = figure.get_figheight()
    words = figure.suptitle(
        f"{text} — {of}", x=0.01, y=1 - 0.1 / height, ha="left", va="top", fontsize=10.5,
        color=INK, fontweight="bold",
    )  # fmt: skip
    words.set_in_layout(False)
    figure.tight_layout(rect=(0, 0, 1, 1 - _TITLE_IN / height), pad=0.5)


def plain(text: str) -> str:
    """Names as they are: no mathematics between two dollars."""
    return text.replace("$", r"\$")


def _log_axis(axis: Axes) -> None:
    """Makes y logarithmic, with some numbers at it however little it spans."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    middle, half = np.sqrt(low * high), max(np.sqrt(high / low), 1.6)
    axis.set_ylim(middle / half, middle * half)
    log_ticks(axis, "y")
    if half < 3:
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)))
        axis.yaxis.set_minor_locator(NullLocator())


def _room_above(axis: Axes, share: float) -> None:
    """Room for a legend above all lines of a logarithmic axis, as a share of what y spans."""
    low, high = axis.get_ylim()
    axis.set_ylim(low, high * (high / low) ** share)


def _with_error(fit: SizeRelation, name: str) -> str:
    """A parameter of a relation; no zero is below zero."""
    return f"{round(fit.value(name), 2) + 0.0:.2f} ± {fit.error(name):.2f}".replace("-", "−")


def ratios_figure(sample: Sample, ratios: Table) -> Figure:
    """Observed over intrinsic size against S/N, by redshift, of the first estimator."""
    bands = sample.settings.observation
    first = sample.settings.measure.estimators[0]
    figure = new_figure(max(1.3 + 3.1 * len(bands), _LEAST_WIDTH_IN), 3.6)
    colours = _colours(np.asarray(ratios["z"]))
    axes = figure.subplots(1, len(bands), squeeze=False)[0]
    for axis, band in zip(axes, bands, strict=True):
        rows = ratios[(ratios["band"] == band.label) & (ratios["estimator"] == first)]
        for i, (z, colour) in enumerate(colours.items()):
            at = rows[rows["z"] == z]
            median = np.asarray(at["median"], float)
            spread = np.abs([median - at["p16"], at["p84"] - median])
            snr = _beside(at["snr"], band.snr, i - len(colours) / 2)
            axis.errorbar(
                snr, median, spread, color=colour, marker="o", ms=3.5, lw=1.1, elinewidth=0.6,
                label=f"z = {z:g}",
            )  # fmt: skip
        axis.set_xlabel(_KINDS[band.snr_kind])
        _snr_axis(axis, band.snr)
        if np.isfinite(np.asarray(rows["median"], float)).any():
            axis.axhline(1.0, color=LINE, lw=1, zorder=0)
        else:
            nothing(axis, "no sizes without a flag")
        tidy(axis, plain(band.label), grid=True)
    axes[0].set_ylabel(f"observed / intrinsic size ({first})")
    _legend_beside(axes[-1])
    title(figure, sample, "What PSF and noise make of sizes")
    return figure


def _legend_beside(axis: Axes) -> None:
    """A legend right of the last panel, where nothing is below it."""
    axis.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _is_long(snr: tuple[float, ...]) -> bool:
    """Whether the axis is logarithmic."""
    return snr[-1] > 3 * snr[0]


def _beside(values: Any, snr: tuple[float, ...], place: float) -> NDArray:
    """S/N moved a little, so that the bars of several redshifts are seen."""
    values = np.asarray(values, float)
    if _is_long(snr):
        return values * (snr[-1] / snr[0]) ** (0.006 * place)
    return values + 0.006 * place * (snr[-1] - snr[0])


def _snr_axis(axis: Axes, snr: tuple[float, ...]) -> None:
    """Ticks at the S/N there are, from one end to the other whatever was measured."""
    if _is_long(snr):
        axis.set_xscale("log")
        axis.set_xlim(snr[0] / 1.15, snr[-1] * 1.15)
    else:
        beyond = 0.1 * (snr[-1] - snr[0]) or 0.1 * snr[0]
        axis.set_xlim(snr[0] - beyond, snr[-1] + beyond)
    axis.set_xticks(snr, [f"{value:g}" for value in snr])
    axis.xaxis.minorticks_off()


def estimators_figure(sample: Sample, ratios: Table) -> Figure:
    """Median ratio over all redshifts of each estimator, as measured and corrected."""
    bands = sample.settings.observation
    names = sample.settings.measure.estimators
    figure = new_figure(max(1.5 + 3.1 * len(bands), _LEAST_WIDTH_IN), 6.2)
    axes = figure.subplots(2, len(bands), squeeze=False, sharey="col")
    colours = (BLUE, ACCENT, "#5f7f4f", "#8a5a9c", "#b58b1f", "#3a8f8f", "#a03c5a", MUTED)
    for j, band in enumerate(bands):
        for i, prefix in enumerate(_STATE):
            axis = axes[i, j]
            for name, colour in zip(names, colours, strict=False):
                rows = ratios[(ratios["band"] == band.label) & (ratios["estimator"] == name)]
                snr = np.unique(np.asarray(rows["snr"]))
                middle = [
                    np.nanmedian(np.append(rows[f"{prefix}median"][rows["snr"] == s], np.nan))
                    if np.isfinite(rows[f"{prefix}median"][rows["snr"] == s]).any()
                    else np.nan
                    for s in snr
                ]
                axis.plot(snr, middle, color=colour, marker="o", ms=3.5, lw=1.1, label=name)
            if not any(np.isfinite(line.get_ydata()).any() for line in axis.lines):
                _say(axis, "no sizes without a flag")
            axis.axhline(1.0, color=LINE, lw=1, zorder=0)
            _log_axis(axis)
            _snr_axis(axis, band.snr)
            tidy(axis, f"{plain(band.label)}\n{_STATE[prefix]}", grid=True)
        axes[1, j].set_xlabel(_KINDS[band.snr_kind])
    for axis in axes[:, 0]:
        axis.set_ylabel("measured / intrinsic size")
    _legend_beside(axes[0, -1])
    title(figure, sample, "Estimators")
    return figure


def luminosity_figure(sample: Sample, relations: list[Relation]) -> Figure:
    """Sizes against luminosity and the fits, a row for each band."""
    bands = list(dict.fromkeys(r.band for r in relations))
    figure = new_figure(10.6, 0.5 + 2.9 * len(bands))
    axes = figure.subplots(len(bands), 3, squeeze=False, sharex="row", sharey="row")
    colours = _colours(np.array([r.z for r in relations]))
    known = sample.unit != ""
    for axis, (band, what) in zip(axes.ravel(), product(bands, _COLOURS), strict=True):
        for r in (r for r in relations if (r.band, r.what) == (band, what)):
            light = np.log10(r.luminosity / (1 if known else r.fit.l_star))
            axis.plot(light, r.size_kpc, ".", color=colours[r.z], ms=2.5, alpha=0.5)
            grid = np.geomspace(r.luminosity.min(), r.luminosity.max(), 50)
            middle, low, high = r.fit.size_kpc(grid)
            grid = np.log10(grid / (1 if known else r.fit.l_star))
            axis.plot(
                grid, middle, color=colours[r.z], lw=1.4,
                label=f"z = {r.z:g}: β = {_with_error(r.fit, 'beta')}",
            )  # fmt: skip
            axis.fill_between(grid, low, high, color=colours[r.z], alpha=0.2, lw=0)
        axis.set_xlabel("log L (erg s⁻¹ Hz⁻¹)" if known else "log L / median")
        tidy(axis, f"{plain(band)}, {what}", grid=True)
        if axis.lines:
            axis.legend(fontsize=6.3, frameon=False, loc="upper left", ncols=2, columnspacing=1.0)
        else:
            _say(axis, "too few sizes for a fit")
    # Panels of a row have one axis of sizes.
    for axis in axes[:, 0]:
        axis.set_ylabel(_RADIUS)
        _log_axis(axis)
        _room_above(axis, 0.3)
    title(figure, sample, "Size and luminosity")
    return figure


def _say(axis: Axes, text: str) -> None:
    """Words in a panel whose axes are those of others."""
    axis.text(
        0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", size=9, color=MUTED
    )


def evolution_figure(sample: Sample, relations: list[Relation]) -> Figure:
    """Median sizes against redshift, and (1 + z)^-m."""
    bands = list(dict.fromkeys(r.band for r in relations))
    figure = new_figure(1.0 + 3.3 * len(bands), 3.9)
    axes = figure.subplots(1, len(bands), squeeze=False)[0]
    for axis, band in zip(axes, bands, strict=True):
        for r in (r for r in relations if r.band == band):
            groups = np.round(r.redshift) if len(np.unique(r.redshift)) > 12 else r.redshift
            z = np.unique(groups)
            parts = [np.percentile(r.size_kpc[groups == one], [16, 50, 84]) for one in z]
            low, middle, high = np.array(parts).T
            colour = _COLOURS[r.what]
            axis.errorbar(z, middle, [middle - low, high - middle], fmt="o", ms=3.5, color=colour,
                          elinewidth=0.6)  # fmt: skip
            grid = np.linspace(z[0], z[-1], 50)
            label = f"{r.what}: m = {_with_error(r.fit, 'm')}"
            axis.plot(grid, r.fit.size_kpc(z=grid)[0], color=colour, lw=1.3, label=label)
        axis.set_xlabel("redshift")
        axis.xaxis.set_major_locator(MaxNLocator(6))
        axis.set_ylabel(_RADIUS)
        _log_axis(axis)
        _room_above(axis, 0.3)
        tidy(axis, plain(band), grid=True)
        axis.legend(fontsize=7, frameon=False, loc="upper left")
    title(figure, sample, "Size and redshift")
    return figure


def wavelengths_figure(sample: Sample, table: Table) -> Figure:
    """Intrinsic sizes over those in the ultraviolet against wavelength."""
    figure = new_figure(5.6, 3.8)
    axis = figure.subplots()
    for z, colour in _colours(np.asarray(table["z"])).items():
        rows = table[table["z"] == z]
        axis.errorbar(
            rows["rest_um"], rows["median"],
            [rows["median"] - rows["p16"], rows["p84"] - rows["median"]],
            color=colour, marker="o", ms=3.5, lw=1.1, elinewidth=0.5, label=f"z = {z:g}",
        )  # fmt: skip
    axis.axhline(1.0, color=LINE, lw=1, zorder=0)
    axis.set(xscale="log", xlabel="wavelength at rest (µm)")
    axis.set_ylabel(f"size / size at {table.meta['reference_um']:g} µm")
    log_ticks(axis)
    tidy(axis, grid=True)
    axis.legend(fontsize=7, frameon=False)
    title(figure, sample, "Intrinsic sizes and wavelength")
    return figure
