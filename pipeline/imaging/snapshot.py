"""Images of everything that the dishes see, for the places of bright sources.

The field that is searched is a small part of the primary beam. Antennas that stand in a plane
see all of it at once in a plain Fourier transform, if the pixels are regular in the direction
cosines along that plane: the third dimension is then that of the heights of antennas alone,
however far from its normal the dishes look. The plane turns with the Earth, so that every such
image is of a few seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import erfa
import jax
import jax.numpy as jnp
import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from pipeline.imaging.beam import beam_fwhm
from pipeline.imaging.geometry import LIGHT_M_S, sky_axes
from pipeline.imaging.gridding import Grid, Gridder, make_gridder
from pipeline.imaging.imager import averaging_of, group_images, mean_uvw, widest_share
from pipeline.imaging.turning import Band, band_of, phasors, turns_at
from pipeline.visibilities.block import VisReader

LEAST_GAIN = 0.01
"""Of the primary beam, where sources are looked for."""
_LARGEST_SIDE = 4096
_LOSS = 0.1
"""At the edge, from averaging channels."""
_ERROR = 1e-2
_BEAM_PX = 2.1
"""FWHM of the beam of the longest baselines, in pixels of a third of their fringe."""
_FARTHEST = 0.99
"""Direction cosine along the plane, at most."""

Uses = Callable[[NDArray[np.floating]], NDArray[np.bool_]]


@dataclass(frozen=True)
class Snapshot:
    """A dirty image of the primary beam.

    Attributes
    ----------
    image : (y, x) float32
        Fluxes through the beam; 0 where it sees too little.
    noise : float
        Standard deviation, sidelobes included.
    grid : Grid
        Of direction cosines along the axes.
    axes : (3, 3)
        ICRS; the rows are the axes.
    """

    image: NDArray[np.float32]
    noise: float
    grid: Grid
    axes: NDArray[np.float64]
    fwhm_px: float = _BEAM_PX

    def place(self, x: float, y: float) -> SkyCoord:
        """The place of a pixel."""
        columns, rows = self.grid.direction_cosines()
        l, m = columns[int(x)], rows[int(y)]
        ra, dec = erfa.c2s(np.array([l, m, math.sqrt(1 - l**2 - m**2)]) @ self.axes)
        return SkyCoord(ra, dec, unit="rad")


def reach_rad(vis: VisReader) -> float:
    """Radius in which the primary beam has at least :data:`LEAST_GAIN`."""
    fwhm = float(beam_fwhm(vis.header.freq_mhz.min(), vis.header.dish_m))
    return fwhm * math.sqrt(math.log(1 / LEAST_GAIN) / (4 * math.log(2)))


def snapshot(vis: VisReader, start: int, stop: int, uses: Uses) -> Snapshot | None:
    """Image what the dishes see in some samples.

    Parameters
    ----------
    vis : VisReader
        Of dishes of a known diameter.
    start, stop : int
        A few seconds.
    uses : callable
        Which of the baselines (..., 3), in metres, there are to be.

    Returns
    -------
    Snapshot or None
        None if there is nothing, or if the antennas are too far from a plane.
    """
    header = vis.header
    block = vis.read(start, stop)
    uvw, path = vis.uvw(start, start + len(block.data), header.centre)
    if not len(uvw):
        return None
    middle = mean_uvw(uvw)
    used = np.isfinite(middle).all(-1) & uses(middle)
    if not (block.weights[:, used] > 0).any():
        return None
    towards = vis.pointing(start, stop, header.centre)[len(uvw) // 2]
    axes = _axes_of_plane(middle[used], towards)
    baselines = np.where(used[:, None], middle, 0) @ axes.T
    made = _grid_of(baselines, axes @ towards, header.freq_mhz.max() * 1e6, reach_rad(vis))
    if made is None:
        return None
    grid, gridder, reach = made
    l, m, below = (float(a) for a in gridder.middle)
    to_middle = path + uvw @ (np.array([l, m, 1 + below]) @ axes - [0, 0, 1])
    # What the third dimension adds in the middle is in the phase, its slope in u and v.
    baselines[:, :2] -= baselines[:, 2:] * np.array([l, m]) / (1 + below)
    longest = np.linalg.norm(baselines, axis=1).max() * header.freq_mhz.max() * 1e6 / LIGHT_M_S
    share = widest_share(_LOSS, 0.7 / longest, reach) * header.freq_mhz.min()
    averaging, band = averaging_of(header.freq_mhz, 1, share), band_of(header.freq_mhz)
    turn = turns_at(band, np.nan_to_num(to_middle) / LIGHT_M_S)
    data, weights = _mean_at(block.data, block.weights, *turn, band)
    still = np.zeros((1, len(used)), np.float32)
    images, _ = group_images(
        gridder,
        (averaging.members, averaging.in_group),
        (band, averaging.relative),
        (data, weights),
        (still, still),
        (
            (baselines * (averaging.freq_hz[..., None, None] / LIGHT_M_S)).astype(np.float32),
            np.broadcast_to(used, (*averaging.freq_hz.shape, len(used))).astype(np.float32),
        ),
    )
    image, there = np.asarray(images)[0, 0], _within(grid, axes @ towards, reach)
    noise = 1.4826 * float(np.median(np.abs(image[there] - np.median(image[there]))))
    return Snapshot(np.where(there, image, 0), noise, grid, axes @ sky_axes(header.centre))


@jax.jit
def _mean_at(
    data: jax.Array, weights: jax.Array, cycles: jax.Array, delay_s: jax.Array, band: Band
) -> tuple[jax.Array, jax.Array]:
    """Mean over time of visibilities that are turned first, and the sum of their weights."""
    good = jnp.where(weights > 0, data * weights, 0) * phasors(cycles, delay_s, band)
    total = jnp.sum(weights, 0, keepdims=True)
    return jnp.sum(good, 0, keepdims=True) / jnp.where(total > 0, total, 1), total


def _axes_of_plane(uvw: NDArray[np.floating], towards: NDArray[np.floating]) -> NDArray[np.float64]:
    """Axes of the plane that antennas stand in, the last its normal; rows, as baselines are.

    The second lies below where the dishes look.
    """
    scatter, directions = np.linalg.eigh(uvw.T @ uvw)
    # Antennas in a line stand in many planes.
    flat = directions[:, scatter < 1e-6 * scatter[-1]]
    normal = directions[:, 0] if flat.shape[1] < 2 else flat @ (flat.T @ towards)
    normal = normal / np.linalg.norm(normal)
    normal *= 1 if normal @ towards > 0 else -1
    north = towards - (towards @ normal) * normal
    if np.linalg.norm(north) < 1e-6:
        north = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    north /= np.linalg.norm(north)
    return np.asarray(np.stack([np.cross(north, normal), north, normal]), np.float64)


def _grid_of(
    baselines: NDArray[np.floating], towards: NDArray[np.floating], top_hz: float, reach: float
) -> tuple[Grid, Gridder, float] | None:
    """Pixels of the primary beam, and how far from its middle they reach in radians."""
    longest = np.abs(baselines).max(0) * top_hz / LIGHT_M_S
    pixel = 1 / (3 * np.linalg.norm(baselines, axis=1).max() * top_hz / LIGHT_M_S)
    reach = min(reach, _LARGEST_SIDE // 2 * pixel)
    away = math.asin(min(float(towards[1]), 1.0))
    # Not beyond the horizon of the plane.
    farthest = _FARTHEST * math.cos(reach)
    top = min(math.sin(min(away + reach, math.pi / 2)), farthest)
    rows = min(max(top - towards[1], towards[1] - math.sin(away - reach)), farthest - towards[1])
    if rows < pixel:
        return None
    shape = 2 * math.ceil(rows / pixel) + 1, 2 * math.ceil(math.sin(reach) / pixel) + 1
    grid = Grid(shape, pixel, (round(float(towards[1]) / pixel), 0))
    try:
        gridder = make_gridder(grid, longest, _ERROR)
    except ValueError:
        return None
    return grid, replace(gridder, aside=False), reach


def _within(grid: Grid, towards: NDArray[np.floating], reach: float) -> NDArray[np.bool_]:
    """Pixels no further than that from where the dishes look."""
    l, m = grid.direction_cosines()
    n = 1 + grid.height()
    chord2 = (l - towards[0]) ** 2 + (m[:, None] - towards[1]) ** 2 + (n - towards[2]) ** 2
    return chord2 <= (2 * math.sin(reach / 2)) ** 2
