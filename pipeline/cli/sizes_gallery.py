"""Stamps of mock observations with what was measured in them."""

from __future__ import annotations

import numpy as np
from astropy.visualization import AsinhStretch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke

from pipeline.cli.sizes_figures import plain, title
from pipeline.report.style import ACCENT, INK, MUTED, new_figure, nothing
from surveys.mock_sizes.run import Sample, Seen

_OUTLINE = [withStroke(linewidth=2.5, foreground=INK)]
_ON_STAMP = {"color": "white", "fontsize": 7, "path_effects": _OUTLINE}


def gallery_figure(sample: Sample) -> Figure:
    """Stamps of the first galaxies with their measured sizes, with most and least noise."""
    bands = sample.settings.observation
    shown = sorted({s.galaxy for s in sample.seen if s.stamps is not None})
    # Places of most and of least noise among the S/N; one where there is one.
    columns = [(0,) if len(b.snr) == 1 else (-1, 0) if b.deepest == 0 else (0, -1) for b in bands]
    first_column = np.cumsum([0, *(len(c) for c in columns)])
    figure = new_figure(max(0.4 + 1.7 * first_column[-1], 5.6), 0.75 + 1.85 * len(shown))
    axes = figure.subplots(len(shown), sum(len(c) for c in columns), squeeze=False)
    first = sample.settings.measure.estimators[0]
    for seen in sample.seen:
        if seen.stamps is None:
            continue
        for k, j in enumerate(columns[seen.band]):
            axis = axes[shown.index(seen.galaxy), first_column[seen.band] + k]
            wanted = bands[seen.band]
            _stamp(axis, seen, j, first)
            top = seen.galaxy == shown[0]
            text = f"{plain(wanted.label)}\n{wanted.level(wanted.snr[j])}" if top else ""
            axis.set_title(text, fontsize=7, color=INK, loc="left", pad=3)
            if seen.band == 0 and k == 0:
                label = (
                    f"{plain(sample.names[seen.galaxy])}\nz = {sample.redshift[seen.galaxy]:.2f}"
                )
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
    title(figure, sample, "Stamps")
    return figure


def _stamp(axis: Axes, seen: Seen, j: int, estimator: str) -> None:
    assert seen.stamps is not None
    n_draws = len(seen.measured.flags) // len(seen.stamps)
    draw = (j % len(seen.stamps)) * n_draws
    stamp, sigma = seen.stamps[j], seen.sigma[j]
    radius = seen.measured.radius[estimator][draw]
    truth = seen.intrinsic_kpc[0] / (seen.pixel_arcsec * seen.kpc_per_arcsec)
    n = len(stamp)
    top = max(float(np.nan_to_num(stamp).max()), 3 * sigma)
    if not top > 0:
        nothing(axis, "no light")
        return
    shown = AsinhStretch(0.1)(np.clip((stamp + 2 * sigma) / (top + 2 * sigma), 0, 1))
    axis.imshow(shown, origin="lower", cmap="magma", vmin=0, vmax=1)
    centre = seen.measured.centre[draw]
    if np.isfinite(radius):
        axis.add_patch(Circle((centre[1], centre[0]), radius, fill=False, ec=ACCENT, lw=1.2))
        axis.add_patch(
            Circle((centre[1], centre[0]), truth, fill=False, ec="white", lw=1.0, ls="--")
        )
    else:
        axis.text(0.05, 0.9, "not detected", transform=axis.transAxes, **_ON_STAMP)
    # What is shown is what matters: some radii around the middle.
    half = min(n / 2, max(6 * np.nan_to_num(truth), 3 * seen.fwhm_arcsec / seen.pixel_arcsec, 8))
    middle = (n - 1) / 2
    axis.set(xlim=(middle - half, middle + half), ylim=(middle - half, middle + half))
    axis.set(xticks=[], yticks=[])
    bar = _bar(2 * half * seen.pixel_arcsec)
    length = bar / seen.pixel_arcsec
    x, y = middle - 0.85 * half, middle - 0.85 * half
    axis.plot([x, x + length], [y, y], color="white", lw=1.5, path_effects=_OUTLINE)
    axis.text(x, y + 0.06 * half, f"{bar:g}″", **_ON_STAMP)


def _bar(side_arcsec: float) -> float:
    """A round length of a third of the side or less."""
    power = 10.0 ** np.floor(np.log10(side_arcsec / 3))
    return float(power * max(m for m in (1, 2, 5) if m * power <= side_arcsec / 3))
