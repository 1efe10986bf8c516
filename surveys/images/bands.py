"""The image of a galaxy in a band, from its planes of wavelength.

Between planes, flux per frequency is a straight line against ln(lambda). The image in a band is
the mean of that over ln(lambda) in the band's top-hat: with several planes inside, they share it;
with none, it is the interpolation between the neighbours. Both are a weight for each plane, so
that light is neither made nor lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveys.errors import InputError
from surveys.images.galaxies import GalaxyImages

FARTHEST = 4.0
"""Neighbours further apart than this, as a ratio, say nothing of what lies between."""

NEAR = 0.02
"""Of a band with no plane inside, a plane so near to its pivot (in ln lambda) is the image."""

_ON_THE_EDGE = 1e-6


@dataclass(frozen=True)
class Band:
    """A top-hat filter.

    Attributes
    ----------
    name : str
    pivot_um, width_um : float
        Observed wavelength in its middle, and from end to end.
    """

    name: str
    pivot_um: float
    width_um: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.pivot_um < np.inf:
            raise ValueError(f"pivot_um: is {self.pivot_um}; give a number above 0")
        if not 0 <= self.width_um < 2 * self.pivot_um:
            raise ValueError(f"width_um: is {self.width_um}; give 0 to less than twice the pivot")


def band_weights(
    rest_um: NDArray[Any], redshift: float, band: Band, where: str
) -> NDArray[np.float64]:
    """The share of each plane in a band at a redshift; the sum is 1.

    Parameters
    ----------
    rest_um : array, (wavelength,)
        Rising.
    redshift : float
    band : Band
    where : str
        Whose planes they are, for errors.

    Raises
    ------
    InputError
        The band lies outside of the planes, or between two that are far apart.
    """
    x = np.log(np.asarray(rest_um, np.float64))
    stretch = 1 + float(redshift)
    middle = np.log(band.pivot_um / stretch)
    half = band.width_um / (2 * band.pivot_um)
    low, high = middle + np.log1p(-half), middle + np.log1p(half)
    inside = (x >= low - _ON_THE_EDGE) & (x <= high + _ON_THE_EDGE)
    nearest = int(np.argmin(np.abs(x - middle)))
    if not inside.any():
        if abs(x[nearest] - middle) <= NEAR and not _between(x, middle):
            return np.asarray(np.arange(len(x)) == nearest, np.float64)
        _check_between(rest_um, x, middle, band, (float(redshift), where))
    low, high = np.clip([low, high], x[0], x[-1])
    if high - low < _ON_THE_EDGE:
        at, share = np.array([(low + high) / 2]), np.ones(1)
    else:
        at = np.concatenate([[low], x[(x > low) & (x < high)], [high]])
        step = np.diff(at)
        share = np.zeros(len(at))
        share[:-1] += step / 2
        share[1:] += step / 2
        share /= share.sum()
    planes = np.array([np.interp(at, x, one) for one in np.eye(len(x))])
    return planes @ share


def _between(x: NDArray[np.float64], middle: float) -> bool:
    """Whether there are planes on both sides that are near to each other."""
    i = int(np.searchsorted(x, middle))
    return 0 < i < len(x) and bool(x[i] - x[i - 1] <= np.log(FARTHEST))


def _check_between(
    rest_um: NDArray[Any], x: NDArray[np.float64], middle: float, band: Band, at: tuple[float, str]
) -> None:
    redshift, where = at
    field = f"band {band.name}"
    rest = band.pivot_um / (1 + redshift)
    asks = f"is {rest:.4g} um at rest (z = {redshift:g})"
    if not x[0] <= middle <= x[-1]:
        problem = f"{asks}, outside the planes from {rest_um[0]:.4g} to {rest_um[-1]:.4g} um"
        raise InputError(where, field, problem, "give planes on both sides, or another band")
    i = int(np.searchsorted(x, middle))
    if x[i] - x[i - 1] > np.log(FARTHEST):
        problem = f"{asks}, between planes at {rest_um[i - 1]:.4g} and {rest_um[i]:.4g} um"
        raise InputError(where, field, problem, f"give planes that are nearer than {FARTHEST:g}x")


def band_images(images: GalaxyImages, band: Band) -> NDArray[np.float32]:
    """Images in a band, (galaxy, y, x), in the unit of the planes.

    Raises
    ------
    InputError
        As :func:`band_weights`.
    """
    rows = [band_weights(images.rest_um, z, band, images.source) for z in images.redshift]
    seen = np.empty((len(rows), *np.shape(images.flux)[2:]), np.float32)
    for i, weights in enumerate(rows):
        used = np.flatnonzero(weights)
        shares = weights[used].astype(np.float32)
        seen[i] = np.tensordot(shares, np.asarray(images.flux[i])[used], axes=1)
    return seen
