"""Sizes in other bands over that in the ultraviolet, galaxy by galaxy."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike

from surveys.errors import SettingProblem
from surveys.scaling.grouped import grouped


def size_ratios(
    size_kpc: ArrayLike, rest_um: ArrayLike, z: ArrayLike, reference_um: float = 0.15
) -> Table:
    """Size in each band over that at the reference wavelength, by redshift.

    Parameters
    ----------
    size_kpc : (galaxy, band)
        NaN where there is none; a galaxy without a size in the reference band is in no ratio.
    rest_um : (band,)
        Wavelengths in the frame of the galaxies.
    z : (galaxy,)
        Each value is a group of its own.
    reference_um : float
        The band nearest to it, in ratio, is the reference.

    Returns
    -------
    ratios : Table
        ``z, rest_um``, the columns of :func:`surveys.scaling.grouped.grouped` of the ratio
        (``n`` counts galaxies with a size in the reference band, ``n_detected`` those with one in
        this band too), and ``scatter_dex``, half of what is between the percentiles of log10 of
        the ratio. In the reference band itself the ratio is 1.

    Raises
    ------
    SettingProblem
        Shapes do not fit, a size is not above 0, or no galaxy has one in the reference band.
    """
    size, wavelength = np.asarray(size_kpc, np.float64), np.asarray(rest_um, np.float64)
    redshift = np.asarray(z, np.float64)
    if size.ndim != 2 or wavelength.shape != size.shape[1:] or redshift.shape != size.shape[:1]:
        problem = (
            f"has shape {size.shape} for {wavelength.size} bands and {redshift.size} redshifts"
        )
        raise SettingProblem("size_kpc", problem, "give (galaxy, band)")
    if not ((wavelength > 0) & np.isfinite(wavelength)).all() or not reference_um > 0:
        raise SettingProblem("rest_um", "has a wavelength not above 0", "give micrometres")
    if len(np.unique(wavelength)) < len(wavelength):
        raise SettingProblem("rest_um", "has one wavelength twice", "give each band once")
    if (size <= 0).any() or np.isinf(size).any():
        raise SettingProblem("size_kpc", "has one that is not above 0", "give NaN for none")
    reference = int(np.argmin(np.abs(np.log(wavelength / reference_um))))
    with_one = np.isfinite(size[:, reference])
    if not with_one.any():
        problem = f"has none at {wavelength[reference]:g} um, which others are compared with"
        raise SettingProblem("size_kpc", problem, "choose another reference_um")
    ratio = size[with_one] / size[with_one, reference, None]
    columns = {
        "ratio": ratio.ravel(),
        "rest_um": np.tile(wavelength, len(ratio)),
        "z": np.repeat(redshift[with_one], len(wavelength)),
    }
    table = grouped(columns, "ratio", ["z", "rest_um"])
    table["scatter_dex"] = np.log10(table["p84"] / table["p16"]) / 2
    table.meta["reference_um"] = float(wavelength[reference])
    return table
