"""Point spread functions by formula, for any telescope."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from surveys.errors import SettingProblem
from surveys.psf.arrays import check_array, offsets

_NODES = 8


def gaussian_psf(
    fwhm_arcsec: float, pixel_arcsec: float, n_pixels: int, *, integrate: bool = False
) -> NDArray[np.float64]:
    """A circular Gaussian of unit flux.

    Parameters
    ----------
    fwhm_arcsec, pixel_arcsec : float
    n_pixels : int
        Of a side; odd.
    integrate : bool
        Whether the light of a pixel is integrated over it, or that in its middle taken times the
        area.

    Returns
    -------
    (n_pixels, n_pixels) float64
    """
    _check_width("fwhm_arcsec", fwhm_arcsec)
    sigma = fwhm_arcsec / math.sqrt(8 * math.log(2))

    def profile(r2: NDArray) -> NDArray:
        return np.exp(-r2 / (2 * sigma**2)) / (2 * math.pi * sigma**2)

    return _sampled(profile, pixel_arcsec, n_pixels, integrate)


def moffat_psf(
    fwhm_arcsec: float,
    beta: float,
    pixel_arcsec: float,
    n_pixels: int,
    *,
    integrate: bool = False,
) -> NDArray[np.float64]:
    """A circular Moffat profile of unit flux, ``(1 + (r / a)^2)^-beta``.

    Parameters
    ----------
    fwhm_arcsec : float
    beta : float
        Above 1; wings grow as it falls.
    pixel_arcsec, n_pixels, integrate
        As in `gaussian_psf`.

    Returns
    -------
    (n_pixels, n_pixels) float64
        Its sum is below 1: the wings go on beyond the array.
    """
    _check_width("fwhm_arcsec", fwhm_arcsec)
    if not (math.isfinite(beta) and beta > 1.0):
        raise SettingProblem("beta", f"is {beta:g}", "give more than 1, or the flux has no end")
    a2 = (fwhm_arcsec / 2) ** 2 / (2 ** (1 / beta) - 1)

    def profile(r2: NDArray) -> NDArray:
        return (beta - 1) / (math.pi * a2) * (1 + r2 / a2) ** -beta

    return _sampled(profile, pixel_arcsec, n_pixels, integrate)


def _check_width(name: str, width: float) -> None:
    if not (math.isfinite(width) and width > 0.0):
        raise SettingProblem(name, f"is {width:g}", "give arcseconds above 0")


def _sampled(
    profile: Callable[[NDArray], NDArray], pixel_arcsec: float, n_pixels: int, integrate: bool
) -> NDArray[np.float64]:
    """Light of pixels, of a profile of the squared radius."""
    check_array(pixel_arcsec, n_pixels)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES) if integrate else (np.zeros(1), [2.0])
    middle = offsets(n_pixels)
    light = np.zeros((n_pixels, n_pixels))
    for dy, wy in zip(nodes, weights, strict=True):
        for dx, wx in zip(nodes, weights, strict=True):
            y, x = middle[:, None] + dy / 2, middle + dx / 2
            light += wy * wx / 4 * profile((y * y + x * x) * pixel_arcsec**2)
    return light * pixel_arcsec**2
