"""The primary beam of a dish."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.geometry import LIGHT_M_S


def beam_fwhm(freq_mhz: NDArray[np.floating], dish_m: float) -> NDArray[np.floating]:
    """FWHM in radians, 1.22 wavelengths over the diameter of the dish."""
    return 1.22 * LIGHT_M_S / (np.asarray(freq_mhz) * 1e6 * dish_m)


def gaussian_gain(chord2: NDArray[np.floating], fwhm: NDArray[np.floating]) -> NDArray[np.floating]:
    """Power gain of a Gaussian beam relative to its middle.

    Parameters
    ----------
    chord2 : float
        Square of the chord between a direction and the middle of the beam, both as unit
        vectors; close to the square of the angle.
    fwhm : float, radians
        Broadcast against ``chord2``.
    """
    return np.exp(-4 * np.log(2) * chord2 / fwhm**2)
