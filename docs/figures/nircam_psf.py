"""NIRCam's point spread function in six filters, as docs/sizes_psf.md shows and tabulates it.

Run from the root of the repository, with a JSON file of published numbers
(``filters.<name>.fwhm_arcsec, ee50_arcsec, ee80_arcsec``, ``encircled_energy.radius_arcsec`` and
``.<name>``): python docs/figures/nircam_psf.py FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm

from pipeline.report.style import COLOUR_MAP, INK, MUTED, new_figure, tidy, to_png
from surveys.instruments.nircam import filter_named
from surveys.psf.measures import RadialTransfer, fwhm_of_mean_profile, radius_of_energy
from surveys.psf.nircam import nircam_psf
from surveys.psf.optics import frequencies

NAMES = ("F115W", "F150W", "F200W", "F277W", "F356W", "F444W")
COLOURS = ("#30358c", "#2b6591", "#2a9d8f", "#8ab17d", "#e9a23b", "#c4501b")
IMAGE = Path(__file__).parents[1] / "images" / "nircam_psf.png"
HALF_ARCSEC, FINE_ARCSEC = 1.5, 0.01


def draw(published: dict[str, Any]) -> bytes:
    """Six stamps, and light in circles beside the published points."""
    figure = new_figure(11.6, 4.9)
    grid = figure.add_gridspec(
        2, 5, width_ratios=[1, 1, 1, 0.72, 2.3], left=0.02, right=0.985, top=0.93, bottom=0.1,
        wspace=0.06, hspace=0.14,
    )  # fmt: skip
    n = 2 * int(HALF_ARCSEC / FINE_ARCSEC) + 1
    shown = None
    for i, name in enumerate(NAMES):
        axes = tidy(figure.add_subplot(grid[i // 3, i % 3]), name)
        psf = nircam_psf(name, FINE_ARCSEC, n)
        shown = axes.imshow(
            psf / psf.max(), cmap=COLOUR_MAP, norm=LogNorm(1e-5, 1.0), origin="lower",
            extent=(-HALF_ARCSEC, HALF_ARCSEC, -HALF_ARCSEC, HALF_ARCSEC),
        )  # fmt: skip
        axes.set(xticks=[], yticks=[])
        axes.plot([-1.3, -0.8], [-1.3, -1.3], color="white", lw=2, solid_capstyle="butt")
        axes.text(-1.05, -1.22, '0.5"', color="white", size=8, ha="center", va="bottom")
    bar = figure.add_axes((0.525, 0.1, 0.009, 0.83))
    figure.colorbar(shown, cax=bar)
    bar.tick_params(labelsize=7.5, colors=MUTED)
    bar.set_title("of peak", fontsize=7.5, color=MUTED)
    _draw_energies(figure.add_subplot(grid[:, 4]), published)
    return to_png(figure)


def _draw_energies(axes: Any, published: dict[str, Any]) -> None:
    radius = np.geomspace(0.015, 3.0, 120)
    points = published["encircled_energy"]
    for name, colour in zip(NAMES, COLOURS, strict=True):
        axes.plot(radius, _wide(name).encircled(radius), color=colour, lw=1.5, label=name)
        axes.plot(
            points["radius_arcsec"], points[name], "o", ms=4, mfc="white", mec=colour, mew=1.2
        )
    tidy(axes, "Light within a circle", grid=True)
    axes.set(xscale="log", xlabel="radius (arcsec)", ylabel="share of the light", ylim=(0, 1.02))
    ticks = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.plot([], [], "o", ms=4, mfc="white", mec=INK, label="published")
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _wide(name: str) -> RadialTransfer:
    """Over 8"."""
    pixel = filter_named(name).pixel_arcsec / 2
    return RadialTransfer.of(nircam_psf(name, pixel, int(8 / pixel) // 2 * 2 + 1), pixel)


def _in_pixels(psf: np.ndarray, fine_arcsec: float, pixel_arcsec: float) -> np.ndarray:
    """What pixels of the detector see, as a function of where the star is in them."""
    fy, fx = frequencies(len(psf), fine_arcsec)
    box = np.sinc(fy * pixel_arcsec) * np.sinc(fx * pixel_arcsec)
    return np.fft.irfft2(np.fft.rfft2(psf) * box, psf.shape)


def _row(name: str, published: dict[str, Any]) -> str:
    pixel = filter_named(name).pixel_arcsec / (3 if name == "F090W" else 2)
    psf = nircam_psf(name, pixel, 121)
    core = psf[30:91, 30:91]
    known = published["filters"][name]
    width = fwhm_of_mean_profile(core, pixel)
    seen = fwhm_of_mean_profile(_in_pixels(core, pixel, filter_named(name).pixel_arcsec), pixel)
    half, most = (radius_of_energy(psf, pixel, share) for share in (0.5, 0.8))
    return (
        f"| {name} | {width:.4f} | {known['fwhm_arcsec']:.3f} | "
        f"{100 * (width / known['fwhm_arcsec'] - 1):+.1f} % | {seen:.3f} | "
        f"{half:.3f} ({known['ee50_arcsec']:.3f}) | {most:.3f} ({known['ee80_arcsec']:.3f}) |"
    )


def main() -> None:
    """Write the figure and print the tables of the page."""
    published = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    IMAGE.write_bytes(draw(published))
    radius = published["encircled_energy"]["radius_arcsec"]
    for name in published["filters"]:
        sys.stdout.write(_row(name, published) + "\n")
    for name in NAMES:
        light = _wide(name).encircled(radius)
        known = published["encircled_energy"][name]
        cells = [f"{a:.3f} ({a - b:+.3f})" for a, b in zip(light, known, strict=True)]
        sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main()
