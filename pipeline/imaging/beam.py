"""The primary beam of a dish."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.geometry import LIGHT_M_S

_EXPONENT = -4 * np.log(2)


def gaussian_beam(
    chord2: NDArray[np.floating], freq_mhz: NDArray[np.floating], dish_m: float
) -> NDArray[np.floating]:
    """Power gain relative to the middle: a Gaussian with a FWHM of 1.22 wavelengths a diameter.

    Parameters
    ----------
    chord2 : float
        Square of the chord between a direction and the middle of the beam, both as unit
        vectors; close to the square of the angle.
    freq_mhz : float
        Broadcast against ``chord2``.
    dish_m : float
        Diameter of the dish.
    """
    fwhm = 1.22 * LIGHT_M_S / (np.asarray(freq_mhz) * 1e6 * dish_m)
    return np.exp(_EXPONENT * chord2 / fwhm**2)
