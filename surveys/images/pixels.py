"""Pixels of files: all have to be numbers, and images have to be square."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from surveys.errors import InputError

OnNan = Literal["error", "zero"]

LARGEST = 16384
"""Pixels along a side."""


def clean(flux: NDArray[Any], where: str, name: str, nan: OnNan) -> NDArray[np.float32]:
    """Pixels in single precision, with what is no number as an error or as no light.

    Raises
    ------
    InputError
        Pixels are not finite, or there is no light at all.
    """
    with np.errstate(over="ignore"):
        flux = np.asarray(flux, np.float32)
    good = np.isfinite(flux)
    if not good.all():
        if nan == "error":
            problem = f"has {int((~good).sum())} of {good.size} pixels that are not finite"
            raise InputError(where, name, problem, 'mend them, or set nan = "zero"')
        flux = np.where(good, flux, np.float32(0.0))
    if not flux.any():
        raise InputError(where, name, "has no light in any pixel", "leave it out")
    return flux


def check_side(side: int, where: str, name: str) -> None:
    """Raise InputError unless images of so many pixels can be worked with."""
    if not 4 <= side <= LARGEST:
        problem = f"has {side} pixels along a side"
        raise InputError(where, name, problem, f"give images of 4 to {LARGEST}")


def square(flux: NDArray[Any], side: int) -> NDArray[Any]:
    """Images (..., y, x) in the middle of square ones of `side` pixels; what is new is 0.

    The middle of the image stays the middle where an even number of pixels is added; otherwise
    it moves by half a pixel.
    """
    ny, nx = flux.shape[-2:]
    if (ny, nx) == (side, side):
        return flux
    y, x = (side - ny) // 2, (side - nx) // 2
    padded = np.zeros((*flux.shape[:-2], side, side), flux.dtype)
    padded[..., y : y + ny, x : x + nx] = flux
    return padded
