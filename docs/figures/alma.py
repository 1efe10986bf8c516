"""What ALMA makes of a simple source at two resolutions: ``images/alma.png``.

Run it from anywhere: ``python docs/figures/alma.py``. Ten seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from pipeline.report.style import ACCENT, BLUE, COLOUR_MAP, new_figure, tidy, to_png
from surveys.instruments import alma
from surveys.interferometer.clean import CleanSettings, clean, make_clean_plan
from surveys.interferometer.imaging import beam_image, draw_visibilities, observe_visibilities
from surveys.interferometer.imaging import dirty_image as image_of
from surveys.interferometer.setups import AlmaSetup, Interferometer, cii_ghz, make_alma
from surveys.interferometer.tracks import Track, uv_coverage
from surveys.interferometer.uv_fit import fit_visibilities
from surveys.interferometer.uv_sizes import FitSettings

OUT = Path(__file__).resolve().parents[1] / "images" / "alma.png"
Z, N, R_ARCSEC, PEAK_SIGMA = 7.0, 151, 0.15, 20.0
SHOWN = (("C-4", 0.04), ("C-8", 0.008))


def disc(pixel_arcsec: float) -> NDArray[np.float64]:
    """An exponential disc of unit flux."""
    at = (np.arange(N) - (N - 1) / 2) * pixel_arcsec
    y, x = np.meshgrid(at, at, indexing="ij")
    sky = np.exp(-1.678 * np.hypot(x, y / 0.7) / R_ARCSEC)
    return sky / sky.sum()


def show(axes: Axes, image: NDArray[np.floating], array: Interferometer, title: str) -> None:
    """An image in arcseconds, east to the left, with the beam in its corner."""
    half = N / 2 * array.synthesis.pixel_arcsec
    axes.imshow(
        image, origin="lower", cmap=COLOUR_MAP, extent=(half, -half, -half, half), vmin=-0.2, vmax=1
    )
    beam = array.synthesis.beam
    corner = (0.8 * half, -0.8 * half)
    # Angles are counted from x, which grows to the left.
    axes.add_patch(
        Ellipse(corner, beam.minor_arcsec, beam.major_arcsec, angle=-beam.pa_deg, fc="white", lw=0)
    )
    tidy(axes, title).set(xlabel="east (arcsec)")


def row(panels: list[Axes], name: str, pixel_arcsec: float) -> None:
    """Coverage, beam, dirty and cleaned image of one configuration."""
    setup = AlmaSetup(name, cii_ghz(Z))
    array = make_alma(setup, N, pixel_arcsec)
    synthesis, transfer = array.synthesis, jnp.asarray(array.synthesis.transfer)
    sky = jnp.asarray(disc(pixel_arcsec), jnp.float32)
    seen = observe_visibilities(sky, array.samples)
    flux_jy = PEAK_SIGMA * synthesis.rms_jy / image_of(seen, array.samples, transfer, N).max()
    seen = flux_jy * seen + draw_visibilities(jax.random.key(1), array.samples)
    dirty = image_of(seen, array.samples, transfer, N)
    plan = make_clean_plan(synthesis, N, CleanSettings(scales_beams=(0.0, 1.0, 2.0, 4.0)))
    cleaned = clean(plan, dirty, synthesis.rms_jy)
    size = fit_visibilities(seen, array.samples, FitSettings(index=1.0))
    track = uv_coverage(
        alma.configuration(name).enu_m, alma.LATITUDE_DEG, Track(-30.0), cii_ghz(Z), alma.DISH_M
    )
    for sign, colour in ((1, BLUE), (-1, ACCENT)):
        panels[0].plot(sign * track.u / 1e3, sign * track.v / 1e3, ".", color=colour, ms=0.6)
    tidy(panels[0], f"{name}: coverage of 1 h", grid=True)
    panels[0].set(xlabel="u (kilowavelengths)", ylabel="v (kilowavelengths)", aspect="equal")
    panels[0].invert_xaxis()
    show(panels[1], np.asarray(beam_image(transfer, N)), array, "Dirty beam")
    panels[1].set_ylabel("north (arcsec)")
    top = float(dirty.max())
    show(
        panels[2], np.asarray(dirty) / top, array, f"Dirty image, S/N {top / synthesis.rms_jy:.0f}"
    )
    show(panels[3], np.asarray(cleaned.image / cleaned.image.max()), array, "Cleaned")
    true_r = R_ARCSEC * np.sqrt(0.7)
    panels[3].text(
        0.03, 0.97,
        f"true half-light radius {true_r:.3f}″\nfrom visibilities {float(size.r_half_arcsec):.3f} "
        f"± {float(size.r_half_err_arcsec):.3f}″",
        transform=panels[3].transAxes, va="top", color="white", size=7.5,
    )  # fmt: skip


def main() -> int:
    """Draw the figure."""
    figure = new_figure(12.5, 6.4)
    panels = figure.subplots(2, 4)
    for line, (name, pixel_arcsec) in zip(panels, SHOWN, strict=True):
        row(list(line), name, pixel_arcsec)
    figure.tight_layout()
    OUT.write_bytes(to_png(figure))
    return 0


if __name__ == "__main__":
    sys.exit(main())
