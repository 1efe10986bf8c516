"""Made-up galaxies by redshift and wavelength: ``images/synthetic_galaxies.png``.

Run it from anywhere: ``python docs/figures/synthetic_galaxies.py``. With ``--measure N`` it prints
the trends of N galaxies at each redshift instead, as docs/sizes_galaxies.md has them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.report.style import COLOUR_MAP, INK, MUTED, new_figure, tidy
from surveys.images.galaxies import batches
from surveys.images.synthetic import SyntheticGalaxies
from surveys.images.synthetic_settings import LOG_L_STAR, SyntheticSettings

REDSHIFTS = 5.0, 7.0, 10.0
PLANES = {0.15: "UV, 0.15 µm", 0.4: "optical, 0.4 µm", 50.0: "far infrared, 50 µm"}
SEED, DEPTH = 4, 1e-3
HALF_KPC = 4.0


def half_light_kpc(image: NDArray[np.floating], pixel_kpc: float) -> float:
    """Radius of a circle as large as the brightest pixels with half of the light."""
    total = np.append(0.0, np.cumsum(np.sort(image, axis=None)[::-1], dtype=np.float64))
    n = np.interp(total[-1] / 2, total, np.arange(len(total)))
    return float(np.sqrt(n / np.pi) * pixel_kpc)


def draw() -> Figure:
    """A galaxy of about L* at each redshift, in each plane."""
    settings = SyntheticSettings(
        redshifts=REDSHIFTS,
        number=1,
        seed=SEED,
        rest_um=tuple(PLANES),
        log_luminosity=(LOG_L_STAR, LOG_L_STAR),
        n_pixels=320,
        pixel_kpc=0.05,
    )
    source = SyntheticGalaxies(settings)
    images = source.read(0, len(source))
    figure = new_figure(7.2, 7.6)
    grid = figure.subplots(len(REDSHIFTS), len(PLANES))
    for row, z in enumerate(REDSHIFTS):
        for column, name in enumerate(PLANES.values()):
            axes = tidy(grid[row, column], name if row == 0 else "")
            _draw_one(axes, images.flux[row, column], float(images.pixel_kpc[row]))
            if column == 0:
                axes.set_ylabel(f"z = {z:g}", fontweight="bold")
    title = "Synthetic galaxies of L*, made up by no simulation"
    figure.text(0.07, 0.972, title, size=11, weight="bold", color=INK, va="center")
    below = "logarithmic over three decades; the area of a circle is that of half the light"
    figure.text(0.07, 0.947, below, size=8, color=MUTED, va="center")
    figure.subplots_adjust(0.07, 0.03, 0.97, 0.905, 0.05, 0.05)
    return figure


def _draw_one(axes: Axes, image: NDArray[np.floating], pixel_kpc: float) -> None:
    side = image.shape[0] * pixel_kpc / 2
    top = float(image.max())
    axes.imshow(
        np.maximum(image, DEPTH * top),
        norm=LogNorm(DEPTH * top, top),
        cmap=COLOUR_MAP,
        origin="lower",
        extent=(-side, side, -side, side),
    )
    radius = half_light_kpc(image, pixel_kpc)
    turn = np.linspace(0, 2 * np.pi, 200)
    axes.plot(radius * np.cos(turn), radius * np.sin(turn), color="white", lw=1.0)
    axes.text(-3.7, 3.5, f"{radius:.2f} kpc", color="white", size=8, va="center")
    axes.plot([1.8, 3.8], [-3.6, -3.6], color="white", lw=1.5)
    axes.text(2.8, -3.4, "2 kpc", color="white", size=7.5, ha="center", va="bottom")
    axes.set(xlim=(-HALF_KPC, HALF_KPC), ylim=(-HALF_KPC, HALF_KPC), xticks=[], yticks=[])


def measure(number: int) -> list[str]:
    """Lines of a table: sizes of many galaxies at each redshift."""
    settings = SyntheticSettings(number=number, rest_um=(0.15, 0.4, 50.0), faint_slope=-1.2)
    source = SyntheticGalaxies(settings)
    radii = np.array(
        [
            [half_light_kpc(plane, pixel) for plane in planes]
            for batch in batches(source, 16)
            for planes, pixel in zip(batch.flux, batch.pixel_kpc, strict=True)
        ]
    )
    log_l, log_r = np.log10(source.luminosities()) - LOG_L_STAR, np.log10(radii[:, 0])
    lines = [
        "| z | R0 UV | beta | scatter dex | r(0.4)/r(UV) | r FIR |",
        "|---|---|---|---|---|---|",
    ]
    for z in settings.redshifts:
        at = source.redshift == z
        slope, zero = np.polyfit(log_l[at], log_r[at], 1)
        scatter = np.std(log_r[at] - zero - slope * log_l[at])
        ratio, far = np.median(radii[at, 1] / radii[at, 0]), np.median(radii[at, 2])
        lines.append(
            f"| {z:g} | {10**zero:.2f} | {slope:.2f} | {scatter:.2f} | {ratio:.2f} | {far:.2f} |"
        )
    for low, high in ((-9.0, 9.0), (np.log10(0.3), 0.0), (np.log10(0.3), 9.0)):
        at = (log_l > low) & (log_l <= high)
        columns = np.stack([np.ones(at.sum()), log_l[at], -np.log10(1 + source.redshift[at])], 1)
        fit = np.linalg.lstsq(columns, log_r[at], rcond=None)[0]
        lines.append(f"log L/L* {low:.2f} to {high:.2f}: beta {fit[1]:.3f}, m {fit[2]:.3f}")
    return lines


def main() -> None:
    """Write the figure beside the documents, or print the trends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", type=int, metavar="N", help="print trends of N at each z")
    number = parser.parse_args().measure
    if number:
        parser.exit(0, "\n".join(measure(number)) + "\n")
    images = Path(__file__).resolve().parents[1] / "images"
    images.mkdir(exist_ok=True)
    draw().savefig(images / "synthetic_galaxies.png")


if __name__ == "__main__":
    main()
