"""Noise spectra of galaxies and of maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo.ell_table import table_and_wanted

Array = NDArray[np.float64]

ARCMIN2_PER_SR = (180 * 60 / np.pi) ** 2
"""Square arcminutes in a steradian."""


def shot_noise(per_arcmin2: Any) -> Array:
    """Shot noise of galaxy counts, 1/n, in sr; n is in galaxies per square arcminute."""
    return 1 / (_positive(per_arcmin2, "per_arcmin2") * ARCMIN2_PER_SR)


def shape_noise(sigma_e: Any, per_arcmin2: Any) -> Array:
    """Noise of E (and of B) of the shear, sigma_e^2 / n, in sr.

    Parameters
    ----------
    sigma_e : float
        Scatter of *one* component of the ellipticity, in the unit of the shear.
    per_arcmin2 : float
        Galaxies per square arcminute.
    """
    return _positive(sigma_e, "sigma_e") ** 2 * shot_noise(per_arcmin2)


def white_noise(depth_arcmin: Any) -> Array:
    """Noise spectrum of a map with white noise.

    Parameters
    ----------
    depth_arcmin : float
        Scatter of the mean of a square arcminute, in (unit of the map) times arcmin.

    Returns
    -------
    noise : array
        In (unit of the map)^2 sr. Where the beam is taken out of the map, divide by its square.
    """
    return _positive(depth_arcmin, "depth_arcmin") ** 2 / ARCMIN2_PER_SR


def tabulated_noise(ell: Any, table_ell: Any, table: Any) -> Array:
    """A noise spectrum between the multipoles of a table, such as that of a CMB lensing map.

    Between two entries the logarithm of the noise is a straight line in the logarithm of ell.

    Parameters
    ----------
    ell : (ell,)
        Wanted.
    table_ell, table : (entry,)
        Rising multipoles above 0, and the noise there.

    Raises
    ------
    ValueError
        The table has no positive noise, is not rising, or does not reach a wanted multipole.
    """
    what = "the table of the noise"
    ell, table_ell, table = table_and_wanted(ell, table_ell, _positive(table, "table"), what)
    if not table_ell[0] > 0:
        raise ValueError(f"table_ell = {table_ell[0]:g} has to be above 0")
    return np.exp(np.interp(np.log(ell), np.log(table_ell), np.log(table)))


def _positive(value: Any, name: str) -> Array:
    values = np.asarray(value, dtype=np.float64)
    wrong = ~(np.isfinite(values) & (values > 0))
    if wrong.any():
        raise ValueError(f"{name} = {values[wrong].flat[0]} has to be above 0")
    return values
