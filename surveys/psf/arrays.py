"""What arrays of all point spread functions share."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surveys.errors import SettingProblem


def check_array(pixel_arcsec: float, n_pixels: int) -> None:
    """Raise SettingProblem for a pixel or a side that cannot be."""
    if not (math.isfinite(pixel_arcsec) and pixel_arcsec > 0.0):
        raise SettingProblem("pixel_arcsec", f"is {pixel_arcsec:g}", "give arcseconds above 0")
    if n_pixels < 1 or n_pixels % 2 == 0:
        problem = f"is {n_pixels}"
        raise SettingProblem("n_pixels", problem, "give an odd number, so that it has a middle")
    if n_pixels > 16_384:
        raise SettingProblem("n_pixels", f"is {n_pixels}", "give 16383 or less")


def offsets(n_pixels: int) -> NDArray[np.float64]:
    """Centres of pixels from the middle of an array, in pixels."""
    return np.arange(n_pixels, dtype=np.float64) - (n_pixels - 1) / 2
