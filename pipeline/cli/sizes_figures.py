"""Figures of mock observations and sizes."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from astropy.visualization import AsinhStretch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
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
from surveys.mock_sizes.seeing import Seen

_KINDS = {
    "aperture": "S/N in the half-light circle",
    "peak": "S/N of the brightest pixel",
    "pixel": "mean S/N of a pixel",
    "depth": "depth",
    "rms": "noise of a pixel",
    "exposure": "time (s)",
}


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
    if sample.settings.output.gallery:
        found["gallery.png"] = gallery_figure(sample)
    return found


def _colours(values: NDArray) -> dict[float, tuple[float, ...]]:
    unique = np.unique(values)
    return {
        float(z): colormaps[COLOUR_MAP](0.9 * i / max(len(unique) - 1, 1))
        for i, z in enumerate(unique)
    }


def _title(figure: Figure, sample: Sample, text: str) -> None:
    kind = "synthetic galaxies" if sample.synthetic else "galaxies"
    figure.suptitle(
        f"{text} — {len(sample.names)} {kind}", x=0.01, ha="left", fontsize=10.5, color=INK,
        fontweight="bold",
    )  # fmt: skip


def ratios_figure(sample: Sample, ratios: Table) -> Figure:
    """Observed over intrinsic size against S/N, by redshift, of the first estimator."""
    bands = sample.settings.observation
    first = sample.settings.measure.estimators[0]
    figure = new_figure(1.0 + 3.1 * len(bands), 3.6)
    colours = _colours(np.asarray(ratios["z"]))
    axes = figure.subplots(1, len(bands), squeeze=False)[0]
    for axis, band in zip(axes, bands, strict=True):
        rows = ratios[(ratios["band"] == band.label) & (ratios["estimator"] == first)]
        for i, (z, colour) in enumerate(colours.items()):
            at = rows[rows["z"] == z]
            shift = 1 + 0.015 * (i - len(colours) / 2)
            median = np.asarray(at["median"], float)
            spread = np.abs([median - at["p16"], at["p84"] - median])
            axis.errorbar(
                np.asarray(at["snr"]) * shift, median, spread, color=colour, marker="o", ms=3.5,
                lw=1.1, elinewidth=0.6, label=f"z = {z:g}",
            )  # fmt: skip
        axis.axhline(1.0, color=LINE, lw=1, zorder=0)
        axis.set_xlabel(_KINDS[band.snr_kind])
        _snr_axis(axis, band.snr)
        tidy(axis, band.label, grid=True)
    axes[0].set_ylabel(f"observed / intrinsic size ({first})")
    axes[-1].legend(fontsize=7, frameon=False, loc="best")
    _title(figure, sample, "What PSF and noise make of sizes")
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    return figure


def _snr_axis(axis: Axes, snr: tuple[float, ...]) -> None:
    """Ticks at the S/N there are, from one end to the other whatever was measured."""
    if snr[-1] > 3 * snr[0]:
        axis.set_xscale("log")
    axis.set_xlim(snr[0] / 1.15, snr[-1] * 1.15)
    axis.set_xticks(snr, [f"{value:g}" for value in snr])
    axis.xaxis.minorticks_off()


def estimators_figure(sample: Sample, ratios: Table) -> Figure:
    """Median ratio over all redshifts of each estimator, as measured and corrected."""
    bands = sample.settings.observation
    names = sample.settings.measure.estimators
    figure = new_figure(1.0 + 3.1 * len(bands), 6.2)
    axes = figure.subplots(2, len(bands), squeeze=False, sharey="col")
    colours = (BLUE, ACCENT, "#5f7f4f", "#8a5a9c", "#b58b1f", "#3a8f8f", "#a03c5a", MUTED)
    for j, band in enumerate(bands):
        for i, prefix in enumerate(("", "corrected_")):
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
            axis.axhline(1.0, color=LINE, lw=1, zorder=0)
            axis.set_yscale("log")
            log_ticks(axis, "y")
            _snr_axis(axis, band.snr)
            tidy(axis, f"{band.label}, {'corrected' if prefix else 'as measured'}", grid=True)
        axes[1, j].set_xlabel(_KINDS[band.snr_kind])
    for axis in axes[:, 0]:
        axis.set_ylabel("measured / intrinsic size")
    axes[0, -1].legend(fontsize=7, frameon=False, loc="best")
    _title(figure, sample, "Estimators")
    figure.tight_layout(rect=(0, 0, 1, 0.98))
    return figure


def luminosity_figure(sample: Sample, relations: list[Relation]) -> Figure:
    """Sizes against luminosity and the fits, one panel for each band and kind."""
    panels = list(dict.fromkeys((r.band, r.what) for r in relations))
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(1.0 + 3.2 * columns, 0.6 + 2.9 * rows)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    colours = _colours(np.array([r.z for r in relations]))
    known = sample.unit != ""
    for axis, (band, what) in zip(axes, panels, strict=False):
        for r in (r for r in relations if (r.band, r.what) == (band, what)):
            light = np.log10(r.luminosity / (1 if known else r.fit.l_star))
            axis.plot(light, r.size_kpc, ".", color=colours[r.z], ms=2.5, alpha=0.5)
            grid = np.geomspace(r.luminosity.min(), r.luminosity.max(), 50)
            middle, low, high = r.fit.size_kpc(grid)
            grid = np.log10(grid / (1 if known else r.fit.l_star))
            axis.plot(
                grid, middle, color=colours[r.z], lw=1.4,
                label=f"z = {r.z:g}: β = {r.fit.value('beta'):.2f} ± {r.fit.error('beta'):.2f}",
            )  # fmt: skip
            axis.fill_between(grid, low, high, color=colours[r.z], alpha=0.2, lw=0)
        axis.set(yscale="log", ylabel="half-light radius (kpc)")
        axis.set_xlabel("log L (erg s⁻¹ Hz⁻¹)" if known else "log L / median")
        log_ticks(axis, "y")
        tidy(axis, f"{band}, {what}", grid=True)
        axis.legend(fontsize=6.3, frameon=False, loc="best")
    for axis in axes[len(panels) :]:
        axis.remove()
    _title(figure, sample, "Size and luminosity")
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    return figure


def evolution_figure(sample: Sample, relations: list[Relation]) -> Figure:
    """Median sizes against redshift, and (1 + z)^-m."""
    bands = list(dict.fromkeys(r.band for r in relations))
    figure = new_figure(1.0 + 3.3 * len(bands), 3.6)
    axes = figure.subplots(1, len(bands), squeeze=False)[0]
    colours = {"intrinsic": INK, "observed": BLUE, "corrected": ACCENT}
    for axis, band in zip(axes, bands, strict=True):
        for r in (r for r in relations if r.band == band):
            groups = np.round(r.redshift) if len(np.unique(r.redshift)) > 12 else r.redshift
            z = np.unique(groups)
            parts = [np.percentile(r.size_kpc[groups == one], [16, 50, 84]) for one in z]
            low, middle, high = np.array(parts).T
            colour = colours[r.what]
            axis.errorbar(z, middle, [middle - low, high - middle], fmt="o", ms=3.5, color=colour,
                          elinewidth=0.6)  # fmt: skip
            grid = np.linspace(z[0], z[-1], 50)
            label = f"{r.what}: m = {r.fit.value('m'):.2f} ± {r.fit.error('m'):.2f}"
            axis.plot(grid, r.fit.size_kpc(z=grid)[0], color=colour, lw=1.3, label=label)
        axis.set(xlabel="redshift", ylabel="half-light radius (kpc)", yscale="log")
        log_ticks(axis, "y")
        tidy(axis, band, grid=True)
        axis.legend(fontsize=7, frameon=False)
    _title(figure, sample, "Size and redshift")
    figure.tight_layout(rect=(0, 0, 1, 0.96))
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
    _title(figure, sample, "Intrinsic sizes and wavelength")
    figure.tight_layout(rect=(0, 0, 1, 0.96))
    return figure


def gallery_figure(sample: Sample) -> Figure:
    """Stamps of the first galaxies with their measured sizes, at the lowest and highest S/N."""
    bands = sample.settings.observation
    shown = sorted({s.galaxy for s in sample.seen if s.stamps is not None})
    figure = new_figure(0.4 + 3.4 * len(bands), 0.7 + 1.85 * len(shown))
    axes = figure.subplots(len(shown), 2 * len(bands), squeeze=False)
    first = sample.settings.measure.estimators[0]
    for seen in sample.seen:
        if seen.stamps is None:
            continue
        for k, j in enumerate((0, -1)):
            axis = axes[shown.index(seen.galaxy), 2 * seen.band + k]
            wanted = bands[seen.band]
            _stamp(axis, seen, j, first)
            top = seen.galaxy == shown[0]
            text = f"{wanted.label}, {wanted.snr_kind} {wanted.snr[j]:g}" if top else ""
            axis.set_title(text, fontsize=7, color=INK, loc="left", pad=3)
            if seen.band == 0 and k == 0:
                label = f"{sample.names[seen.galaxy]}\nz = {sample.redshift[seen.galaxy]:.2f}"
                axis.set_ylabel(label, fontsize=7, color=INK)
    handles = [
        Line2D([], [], color=ACCENT, lw=1.2, label=f"measured ({first})"),
        Line2D([], [], color="white", lw=1.2, ls="--", label="intrinsic",
),
    ]  # fmt: skip
    legend = figure.legend(handles=handles, fontsize=7, loc="upper right", ncols=2, frameon=True)
    legend.get_frame().set(facecolor=MUTED, edgecolor="none")
    for text in legend.get_texts():
        text.set_color("white")
    _title(figure, sample, "Stamps")
    figure.tight_layout(rect=(0, 0, 1, 0.97 - 0.02 / max(len(shown), 1)), pad=0.5)
    return figure


def _stamp(axis: Axes, seen: Seen, j: int, estimator: str) -> None:
    assert seen.stamps is not None
    n_draws = len(seen.measured.flags) // len(seen.stamps)
    draw = (j % len(seen.stamps)) * n_draws
    stamp, sigma = seen.stamps[j], seen.sigma[j]
    radius = seen.measured.radius[estimator][draw]
    truth = seen.intrinsic_kpc[0] / (seen.pixel_arcsec * seen.kpc_per_arcsec)
    n = len(stamp)
    top = max(float(np.nanmax(stamp)), 3 * sigma)
    shown = AsinhStretch(0.1)(np.clip((stamp + 2 * sigma) / (top + 2 * sigma), 0, 1))
    axis.imshow(shown, origin="lower", cmap="magma", vmin=0, vmax=1)
    centre = seen.measured.centre[draw]
    if np.isfinite(radius):
        axis.add_patch(Circle((centre[1], centre[0]), radius, fill=False, ec=ACCENT, lw=1.2))
        axis.add_patch(
            Circle((centre[1], centre[0]), truth, fill=False, ec="white", lw=1.0, ls="--")
        )
    else:
        nothing(axis, "not detected")
    # What is shown is what matters: some radii around the middle.
    half = min(n / 2, max(6 * truth, 3 * seen.fwhm_arcsec / seen.pixel_arcsec, 8))
    middle = (n - 1) / 2
    axis.set(xlim=(middle - half, middle + half), ylim=(middle - half, middle + half))
    axis.set(xticks=[], yticks=[])
    bar = _bar(2 * half * seen.pixel_arcsec)
    length = bar / seen.pixel_arcsec
    x, y = middle - 0.85 * half, middle - 0.85 * half
    axis.plot([x, x + length], [y, y], color="white", lw=1.5)
    axis.text(x, y + 0.06 * half, f"{bar:g}″", color="white", fontsize=6.5)


def _bar(side_arcsec: float) -> float:
    """A round length of a third of the side or less."""
    power = 10.0 ** np.floor(np.log10(side_arcsec / 3))
    return float(power * max(m for m in (1, 2, 5) if m * power <= side_arcsec / 3))
