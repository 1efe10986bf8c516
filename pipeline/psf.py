"""The point-spread function of a recording, between the pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from pipeline.block import StreamHeader


def psf_at(header: StreamHeader, dy: NDArray[Any], dx: NDArray[Any]) -> NDArray[np.floating]:
    """The PSF at displacements in pixels from its peak; 0 beyond it."""
    if header.psf is None:
        return np.exp(-4 * math.log(2) * (dy**2 + dx**2) / max(header.beam_fwhm_px, 1.0) ** 2)
    row, column = np.unravel_index(int(header.psf.argmax()), header.psf.shape)
    # The part that is needed: splines of the whole take longer than all else.
    reach = math.ceil(max(np.abs(dy).max(), np.abs(dx).max())) + 8
    top, left = max(0, row - reach), max(0, column - reach)
    part = np.asarray(header.psf[top : row + reach + 1, left : column + reach + 1], float)
    at = np.stack([dy + (row - top), dx + (column - left)])
    return map_coordinates(part, at, order=3, mode="constant")
