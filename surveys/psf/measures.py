"""Encircled energy and width of a point spread function.

An array of samples is taken as what it samples: a function limited to the frequencies that its
pixels carry, zero outside the array. Light in a circle and azimuthal means are then sums over
frequencies with Bessel functions, without pixels cut by circles. Of an array that is sampled more
coarsely than its frequencies ask, or integrated over its pixels, they are those of that array.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import diric, j0, j1


@dataclass(frozen=True)
class RadialTransfer:
    """Transfer function of an array, summed over rings.

    Attributes
    ----------
    frequency : (ring,)
        Cycles per arcsecond; those of equal length are one ring.
    power : (ring,)
        Sum over the ring, per square arcsecond: the value at the middle is their sum.
    """

    frequency: NDArray[np.float64]
    power: NDArray[np.float64]

    @staticmethod
    def of(psf: ArrayLike, pixel_arcsec: float) -> RadialTransfer:
        """Of a square array with its centre in the middle, padded to twice its size."""
        image = np.asarray(psf, dtype=float)
        if image.ndim != 2 or image.shape[0] != image.shape[1] or not np.isfinite(image).all():
            raise ValueError(f"an array of shape {image.shape} is no square of finite numbers")
        n = image.shape[0]
        n_grid = 2 * n
        middle = -(n - 1) / 2 / n_grid
        k = np.rint(np.fft.fftfreq(n_grid, 1 / n_grid)).astype(int)
        turn = np.exp(-2j * math.pi * middle * k)
        plane = np.fft.rfft2(image, (n_grid, n_grid)) * turn[:, None] * turn[: n + 1]
        plane[:, 1:-1] *= 2.0
        ring = (k[:, None] ** 2 + np.arange(n + 1) ** 2).ravel()
        power = np.bincount(ring, plane.real.ravel())
        used = np.flatnonzero(np.bincount(ring))
        side = n_grid * pixel_arcsec
        return RadialTransfer(np.sqrt(used) / side, power[used] / side**2)

    def mean_profile(self, radius_arcsec: ArrayLike) -> NDArray[np.float64]:
        """Azimuthal mean of the surface brightness, per square arcsecond."""
        radius = np.asarray(radius_arcsec, dtype=float)
        values = [j0(2 * math.pi * self.frequency * r) @ self.power for r in radius.ravel()]
        return np.reshape(values, radius.shape)

    def encircled(self, radius_arcsec: ArrayLike) -> NDArray[np.float64]:
        """Light within circles, in the unit of the array."""
        radius = np.asarray(radius_arcsec, dtype=float)
        values = [self._within(r) for r in radius.ravel()]
        return np.reshape(values, radius.shape)

    def _within(self, radius: float) -> float:
        x = 2 * math.pi * self.frequency * radius
        with np.errstate(invalid="ignore", divide="ignore"):
            disc = np.where(x > 1e-8, 2 * j1(x) / x, 1.0)
        return float(math.pi * radius**2 * (disc @ self.power))


def encircled_energy(
    psf: ArrayLike, pixel_arcsec: float, radius_arcsec: ArrayLike
) -> NDArray[np.float64]:
    """Light within circles about the middle of an array.

    Parameters
    ----------
    psf : (y, x)
        Square.
    pixel_arcsec : float
    radius_arcsec : (...)
        Up to half of the side.

    Returns
    -------
    (...)
        In the unit of the array.
    """
    return RadialTransfer.of(psf, pixel_arcsec).encircled(radius_arcsec)


def radius_of_energy(psf: ArrayLike, pixel_arcsec: float, share: float) -> float:
    """Radius of the circle that holds a share of the light, 0 to 1 of unit flux.

    Raises
    ------
    ValueError
        No circle on the array holds it.
    """
    rings = RadialTransfer.of(psf, pixel_arcsec)
    most = np.asarray(psf).shape[0] / 2 * pixel_arcsec
    radius = np.linspace(0.0, most, 65)
    light = rings.encircled(radius)
    above = np.flatnonzero(light >= share)
    if share <= 0.0 or not above.size:
        problem = f"no circle of {most:g} arcsec or less holds {share:g}"
        raise ValueError(f"{problem}; the largest has {light[-1]:.3f}")
    first = int(above[0])
    found = brentq(lambda r: float(rings.encircled(r)) - share, radius[first - 1], radius[first])
    return float(found)


def fwhm_of_mean_profile(psf: ArrayLike, pixel_arcsec: float) -> float:
    """Twice the radius at which the azimuthal mean falls to half of the middle, in arcsec."""
    rings = RadialTransfer.of(psf, pixel_arcsec)
    half = float(rings.mean_profile(0.0)) / 2
    radius = np.arange(0, np.asarray(psf).shape[0]) * pixel_arcsec / 2
    for inner, outer in pairwise(radius):
        if float(rings.mean_profile(outer)) < half:
            return 2 * brentq(lambda r: float(rings.mean_profile(r)) - half, inner, outer)
    raise ValueError("the array does not reach half of its maximum")


def fwhm_of_area(psf: ArrayLike, pixel_arcsec: float, finer: int = 16) -> float:
    """Diameter of the circle with the area that is above half of the maximum, in arcsec.

    Parameters
    ----------
    psf : (y, x)
        Square.
    pixel_arcsec : float
    finer : int
        Pixels are interpolated by the frequencies of the array, so many for each.
    """
    image = np.asarray(psf, dtype=float)
    # What is above half lies close to pixels that nearly are.
    bright = image > 0.4 * image.max()
    rows, columns = (_interpolation(bright.any(axis), finer) for axis in (1, 0))
    values = rows @ image @ columns.T
    above = float((values > values.max() / 2).sum())
    return 2 * math.sqrt(above / math.pi) * pixel_arcsec / finer


def _interpolation(bright: NDArray[np.bool_], finer: int) -> NDArray[np.float64]:
    """Weights (fine pixel, pixel) around the bright ones, by the frequencies of all."""
    first, last = np.flatnonzero(bright)[[0, -1]]
    n = bright.size
    angle = (np.arange((first - 2) * finer, (last + 2) * finer + 1) / finer)[:, None] - np.arange(n)
    angle *= 2 * math.pi / n
    return diric(angle, n) * (1.0 if n % 2 else np.cos(angle / 2))
