"""The pupil of JWST: eighteen hexagons less what stands before them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveys.errors import check_ranges

EXTENT_M = 6.65
"""Side of a square that holds the pupil: 6.64 m across, 6.6 m up."""


@dataclass(frozen=True)
class PupilGeometry:
    """Sizes in metres.

    Attributes
    ----------
    flat_m : float
        From flat to flat of a segment.
    gap_m : float
        Between segments.
    strut_m : float
        Width of the shadow of the struts that hold the secondary mirror.
    """

    flat_m: float = 1.32
    gap_m: float = 0.007
    strut_m: float = 0.11

    def __post_init__(self) -> None:
        check_ranges(self, {"flat_m": (0.1, 1.32), "gap_m": (0.0, 0.01), "strut_m": (0.0, 1.0)})


# Away from the vertical; the lower ones are a mirror image of each other.
_STRUTS_DEG = (0.0, 150.0, 210.0)


def segment_centres(geometry: PupilGeometry) -> NDArray[np.float64]:
    """Centres of the segments, (18, 2) in x and y.

    Two rings with flat sides up; the middle is left out.
    """
    pitch = geometry.flat_m + geometry.gap_m
    centres = [
        (math.sqrt(3) / 2 * q, r + q / 2)
        for q in range(-2, 3)
        for r in range(max(-2, -q - 2), min(2, 2 - q) + 1)
        if (q, r) != (0, 0)
    ]
    return pitch * np.asarray(centres)


def pupil_amplitude(
    n_pixels: int, spacing_m: float, geometry: PupilGeometry | None = None
) -> NDArray[np.float64]:
    """The share of each pixel of a square grid that light comes through.

    Parameters
    ----------
    n_pixels : int
        Of a side; pixel ``n_pixels // 2`` is the axis.
    spacing_m : float
    geometry : PupilGeometry, optional

    Returns
    -------
    (y, x) float64
        From 0 to 1; its sum times the square of the spacing is the area.
    """
    geometry = geometry or PupilGeometry()
    axis = spacing_m * (np.arange(n_pixels, dtype=np.float64) - n_pixels // 2)
    box = slice(*np.searchsorted(axis, (-EXTENT_M / 2 - spacing_m, EXTENT_M / 2 + spacing_m)))
    amplitude = np.zeros((n_pixels, n_pixels))
    amplitude[box, box] = _segments(axis[box], spacing_m, geometry)
    amplitude[box, box] *= 1.0 - _struts(axis[box], spacing_m, geometry.strut_m)
    return amplitude


def _segments(
    axis: NDArray[np.float64], spacing_m: float, geometry: PupilGeometry
) -> NDArray[np.float64]:
    """Share of each pixel that the segments cover."""
    amplitude = np.zeros((axis.size, axis.size))
    apothem = geometry.flat_m / 2
    reach = geometry.flat_m / math.sqrt(3) + spacing_m
    for x0, y0 in segment_centres(geometry):
        columns = slice(*np.searchsorted(axis, (x0 - reach, x0 + reach)))
        rows = slice(*np.searchsorted(axis, (y0 - reach, y0 + reach)))
        x, y = np.abs(axis[columns] - x0), np.abs(axis[rows, None] - y0)
        inside = apothem - np.maximum(y, math.sqrt(3) / 2 * x + y / 2)
        amplitude[rows, columns] += np.clip(inside / spacing_m + 0.5, 0.0, 1.0)
    return np.minimum(amplitude, 1.0)


def _struts(axis: NDArray[np.float64], spacing_m: float, width_m: float) -> NDArray[np.float64]:
    """Share of each pixel that the struts cover."""
    x, y = axis, axis[:, None]
    covered = np.zeros((axis.size, axis.size))
    for angle in np.radians(_STRUTS_DEG):
        across = x * math.cos(angle) - y * math.sin(angle)
        along = x * math.sin(angle) + y * math.cos(angle)
        # The convolution of a band of that width with a pixel.
        edges = [np.clip((across + s * width_m / 2) / spacing_m + 0.5, 0.0, 1.0) for s in (1, -1)]
        covered = np.maximum(covered, (edges[0] - edges[1]) * (along > 0.0))
    return covered
