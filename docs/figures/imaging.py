"""Dirty images against the direct Fourier sum and ducc0: ``images/imaging.png``.

Run it from anywhere: ``python docs/figures/imaging.py``. The baselines are those of DSA-110 at
declination -30, 23 degrees above the horizon, where images need several terms in w. Half
a minute on two cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import ducc0
import numpy as np
from astropy import units
from astropy.coordinates import EarthLocation
from astropy.time import Time
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pipeline.imaging.geometry import LIGHT_M_S, antenna_uvw, meridian_direction, place_on_sky
from pipeline.imaging.gridding import Grid, dirty_images, make_gridder
from surveys.instruments import dsa110

ROOT = Path(__file__).resolve().parents[2]

GRID = Grid((175, 175), float(np.radians(10.665 / 3600)))
DEC_DEG, FREQ_HZ = -30.0, 1405e6
LONGEST_M = 1400.0
"""Its fringe is three pixels; longer baselines are left out."""
FIELD = (
    (1.0, -9.3, 6.2),
    (0.7, 31.4, 40.8),
    (0.5, -52.6, -30.1),
    (0.4, 60.7, -61.3),
    (0.3, -66.2, 58.5),
)
"""Flux of each source, and pixels towards west and north of the centre."""
N_SINGLE = 24
"""Images of one source each, anywhere in the field, of which the largest error is shown."""
ERRORS = (1e-2, 1e-3, 1e-4, 1e-5)
SHOWN = 1e-3
INNER = 0.75
BLOCK = 128


@dataclass(frozen=True)
class Largest:
    """Largest errors for each setting, of the peak.

    Attributes
    ----------
    inner, whole : (setting,)
        In the inner part of the field, and anywhere.
    """

    inner: NDArray[np.float64]
    whole: NDArray[np.float64]


def wavelengths() -> NDArray[np.float64]:
    """Baselines as seen from the middle of the field, on the meridian, (baseline, 3)."""
    table = dsa110.stations()
    table = table[np.isfinite(np.asarray(table["height_m"], float))]
    lon, lat, height = (np.asarray(table[c], float) for c in ("lon_deg", "lat_deg", "height_m"))
    at = EarthLocation.from_geodetic(lon * units.deg, lat * units.deg, height * units.m)
    antennas = np.stack([a.to_value("m") for a in at.geocentric], axis=1)
    time, site = Time([60700.3], format="mjd"), dsa110.site()
    towards = meridian_direction(time, np.zeros(1), np.radians(DEC_DEG), site)[0]
    centre = place_on_sky(time[0], towards, site)
    seen = antenna_uvw(antennas - antennas.mean(axis=0), time, centre, site)[0]
    first, second = np.triu_indices(len(seen), 1)
    uvw = seen[first] - seen[second]
    return uvw[np.linalg.norm(uvw, axis=1) <= LONGEST_M] * (FREQ_HZ / LIGHT_M_S)


def visibilities(uvw: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Those of the field, and of single sources of 1 Jy, (baseline, image)."""
    flux, *field = np.array(FIELD).T
    half = GRID.shape[0] / 2 - 1
    anywhere = np.random.default_rng(1).uniform(-half, half, (2, N_SINGLE))
    west, north = np.concatenate([field, anywhere], axis=1) * GRID.pixel_rad
    height = np.sqrt(1 - west**2 - north**2) - 1
    each = np.exp(-2j * np.pi * (uvw @ np.stack([-west, north, height])))
    n = len(flux)
    return np.concatenate([each[:, :n] @ flux[:, None], each[:, n:]], axis=1)


def direct_sum(uvw: NDArray[np.float64], vis: NDArray[np.complex128]) -> NDArray[np.float64]:
    """The sum that an image is, pixel by pixel in double precision, (image, y, x)."""
    l, m = GRID.direction_cosines()
    pixels = np.stack([*np.meshgrid(l, m), GRID.height()]).reshape(3, -1)
    total = np.zeros((vis.shape[1], pixels.shape[1]))
    for start in range(0, len(uvw), BLOCK):
        some = slice(start, start + BLOCK)
        phase = 2 * np.pi * (uvw[some] @ pixels)
        total += vis[some].real.T @ np.cos(phase) - vis[some].imag.T @ np.sin(phase)
    return (total / len(uvw)).reshape(-1, *GRID.shape)


def ours(
    uvw: NDArray[np.float64], vis: NDArray[np.complex128], error: float
) -> NDArray[np.floating]:
    """Images of the program, (image, y, x)."""
    images, _ = dirty_images(
        make_gridder(GRID, uvw, error),
        np.asarray(uvw[None], np.float32),
        np.asarray(vis[None], np.complex64),
        np.ones((1, *vis.shape), np.float32),
    )
    return np.asarray(images)[:, 0]


def peer(
    uvw: NDArray[np.float64], vis: NDArray[np.complex128], error: float
) -> NDArray[np.floating]:
    """Images of ducc0 in double precision, (image, y, x); its sizes are even."""
    ny, nx = (n + n % 2 for n in GRID.shape)
    images = [
        ducc0.wgridder.vis2dirty(
            uvw=uvw * [-1, 1, -1],  # its x grows towards east, its w away from the source
            freq=np.array([LIGHT_M_S]),
            vis=np.ascontiguousarray(one[:, None]),
            npix_x=nx,
            npix_y=ny,
            pixsize_x=GRID.pixel_rad,
            pixsize_y=GRID.pixel_rad,
            epsilon=error,
            do_wgridding=True,
            divide_by_n=False,
            nthreads=2,
        ).T
        for one in vis.T
    ]
    # Both have the centre in pixel n // 2.
    return np.stack(images)[:, ny - GRID.shape[0] :, nx - GRID.shape[1] :] / len(uvw)


def largest(images: list[NDArray[np.floating]], truth: NDArray[np.float64]) -> Largest:
    """Errors of the images of single sources, a stack of them for each setting."""
    y, x = (np.abs(np.arange(n) - n // 2) <= INNER / 2 * n for n in GRID.shape)
    wrong = [np.abs(some[1:] - truth[1:]).max(axis=0) for some in images]
    return Largest(
        np.array([w[np.ix_(y, x)].max() for w in wrong]), np.array([w.max() for w in wrong])
    )


def _draw_image(axes: Axes, image: NDArray[np.floating], norm: Normalize, cmap: str) -> AxesImage:
    """An image of the field, east to the left."""
    half = np.array(GRID.shape) / 2 * np.degrees(GRID.pixel_rad) * 60
    extent = (half[1], -half[1], -half[0], half[0])
    axes.set(xlabel="east of the centre (arcmin)")
    axes.set_xticks([10, 0, -10])
    axes.set_yticks([-10, 0, 10])
    return axes.imshow(image, norm=norm, cmap=cmap, origin="lower", extent=extent)


def _draw_errors(axes: Axes, found: dict[str, tuple[str, Largest]]) -> None:
    """Largest errors against the setting."""
    axes.plot(ERRORS, ERRORS, color="0.5", lw=0.9, ls="--", label="error = setting")
    for name, (colour, errors) in found.items():
        axes.plot(ERRORS, errors.whole, ":s", ms=6, mfc="none", color=colour)
        axes.plot(ERRORS, errors.inner, "-o", ms=4, color=colour, label=name)
    axes.plot([], [], "-o", ms=4, color="0.4", label="inner 75 % of the field")
    axes.plot([], [], ":s", ms=6, mfc="none", color="0.4", label="whole field")
    axes.set(xscale="log", yscale="log", xlim=(1.5e-2, 7e-6), ylim=(5e-7, 2e-2))
    axes.set(xlabel="setting: error, or epsilon of ducc0", ylabel="largest error (of the peak)")
    axes.grid(color="0.92", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8.5)


def draw(
    image: NDArray[np.floating], truth: NDArray[np.float64], found: dict[str, tuple[str, Largest]]
) -> Figure:
    """The image and its errors side by side, errors against the setting below."""
    figure = Figure(figsize=(7.2, 8.0), dpi=150, layout="constrained")
    axes = figure.subplot_mosaic([["image", "wrong"], ["errors", "errors"]], height_ratios=(5, 4))
    peak = float(truth.max())
    image_bar, wrong_bar = ({"ax": axes[k], "location": "bottom"} for k in ("image", "wrong"))
    shown = _draw_image(axes["image"], image / peak, Normalize(-0.2, 1), "viridis")
    figure.colorbar(shown, **image_bar, label="of the peak")
    _, west, north = np.array(FIELD).T * np.degrees(GRID.pixel_rad) * 60
    axes["image"].plot(-west, north, "o", ms=13, mfc="none", mec="w", mew=0.9)
    axes["image"].set_title("dirty image, its sources circled", size=10, loc="left")
    axes["image"].set_ylabel("north of the centre (arcmin)")
    wrong = (image - truth) / peak * 1e3
    shown = _draw_image(axes["wrong"], wrong, Normalize(-0.5, 0.5), "RdBu_r")
    figure.colorbar(shown, **wrong_bar, extend="both", label="10⁻³ of the peak")
    axes["wrong"].set_title("less the direct sum, error = 10⁻³", size=10, loc="left")
    side = INNER * GRID.shape[0] * np.degrees(GRID.pixel_rad) * 60
    outline = Rectangle((-side / 2, -side / 2), side, side, fill=False, ec="0.2", lw=0.9, ls="--")
    axes["wrong"].add_patch(outline)
    _draw_errors(axes["errors"], found)
    title = f"largest error in {N_SINGLE} images of one source each, anywhere in the field"
    axes["errors"].set_title(title, size=10, loc="left")
    return figure


def main() -> None:
    """Write the figure beside the documents."""
    uvw = wavelengths()
    vis = visibilities(uvw)
    truth = direct_sum(uvw, vis)
    images = {error: ours(uvw, vis, error) for error in ERRORS}
    found = {
        "slowburst": ("#3b528b", largest(list(images.values()), truth)),
        "ducc0": ("#c8553d", largest([peer(uvw, vis, error) for error in ERRORS], truth)),
    }
    draw(images[SHOWN][0], truth[0], found).savefig(ROOT / "docs" / "images" / "imaging.png")


if __name__ == "__main__":
    main()
