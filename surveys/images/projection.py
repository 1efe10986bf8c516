"""Images of particles that are smeared with their kernels.

A particle whose kernel is small on the image puts weights into the pixels around it, of which the
sum is made 1, or is a point between four pixels: its light is all there, however narrow it is.
Large ones are put, each as a point, into one image for each size of a ladder, which is convolved
with that kernel; a size between two rungs is shared by them so that its second moment is right. A
pixel holds the light that falls into it, which adds 1/12 of a pixel squared to the variance along
each axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from surveys.images.kernel import SECOND_MOMENT, look_up

SMALL = 4.0
"""Pixels: kernels that end nearer are put in one by one."""

_POINT = 1.0
"""Pixels: kernels that end nearer are points, shared by four pixels."""

_RUNG = 2.0**0.25
_SPREAD = 1 / 6
"""Mean variance along an axis, in pixels squared, of light that is shared by four pixels."""

_FINE, _LESS_FINE, _FINE_TO = 4, 3, 3
"""Points along a pixel at which kernels are looked up: 4, or 3 in stencils wider than 3 + 1 + 3."""

_PIXEL = 1 / 12
"""Variance along an axis that a pixel adds."""

_AT_ONCE = 2_000_000
"""Weights that are computed together."""


@dataclass(frozen=True)
class Grid:
    """A square image.

    Attributes
    ----------
    n_pixels : int
    pixel_kpc : float
    """

    n_pixels: int
    pixel_kpc: float

    def __post_init__(self) -> None:
        if not (self.n_pixels >= 1 and self.pixel_kpc > 0):
            raise ValueError(f"n_pixels, pixel_kpc: are {self.n_pixels}, {self.pixel_kpc}")


def project(
    position_kpc: ArrayLike, smoothing_kpc: ArrayLike, light: ArrayLike, grid: Grid
) -> NDArray[np.float32]:
    """Image of particles, seen along the third axis.

    Parameters
    ----------
    position_kpc : array, (particle, 2 or more)
        x and y from the middle of the image.
    smoothing_kpc : array, (particle,)
        Radius at which the kernel ends.
    light : array, (particle,) or (particle, plane)
    grid : Grid

    Returns
    -------
    array, (y, x) or (plane, y, x)
        What falls outside of the image is lost.
    """
    light = np.asarray(light, np.float64)
    planes = light.reshape(len(light), int(np.prod(light.shape[1:])))
    # In pixels of an image with a margin on every side.
    size = np.asarray(smoothing_kpc, np.float64) / grid.pixel_kpc
    place = np.asarray(position_kpc, np.float64)[:, :2] / grid.pixel_kpc + (grid.n_pixels - 1) / 2
    reach = size + 1
    near = np.all((place > -1 - reach[:, None]) & (place < grid.n_pixels + reach[:, None]), axis=1)
    place, size, planes = place[near], size[near], planes[near]
    image = np.zeros((planes.shape[1], grid.n_pixels, grid.n_pixels))
    small = size <= SMALL
    _put_small(place[small], size[small], planes[small], image)
    if not small.all():
        _put_large(place[~small], size[~small], planes[~small], image)
    shape = (grid.n_pixels, grid.n_pixels)
    return image.reshape(light.shape[1:] + shape).astype(np.float32)


def _put_small(place: Any, size: Any, planes: Any, image: Any) -> None:
    """Add particles whose kernels end within SMALL pixels."""
    half = np.ceil(size + 0.5).astype(int)
    # A stencil would lose the middle of the narrowest.
    half[size <= _POINT] = 0
    for k in np.unique(half):
        chosen = np.flatnonzero(half == k)
        if k == 0:
            _put_points(place[chosen], planes[chosen], image)
            continue
        step = max(1, _AT_ONCE // ((2 * k + 1) * _fine(int(k))) ** 2)
        for start in range(0, len(chosen), step):
            part = chosen[start : start + step]
            _put_stencils(place[part], size[part], planes[part], int(k), image)


def _put_stencils(place: Any, size: Any, planes: Any, k: int, image: Any) -> None:
    """Add particles to the (2 k + 1)^2 pixels around each."""
    middle = np.round(place).astype(np.int64)
    offset = np.arange(-k, k + 1)
    away = (place - middle).astype(np.float32)
    scale = (1 / size).astype(np.float32)
    # Kernels change within a pixel, which has their mean.
    fine, m = _fine(k), len(offset)
    within = ((np.arange(fine) + 0.5) / fine - 0.5).astype(np.float32)
    points = (offset[:, None] + within).reshape(-1).astype(np.float32)
    dx = ((points - away[:, :1]) * scale[:, None]) ** 2
    dy = ((points - away[:, 1:]) * scale[:, None]) ** 2
    weights = look_up(dy[:, :, None] + dx[:, None, :])
    weights = weights.reshape(len(place), m, fine, m, fine).sum((2, 4)).astype(np.float64)
    weights /= weights.sum((1, 2), keepdims=True)
    x, y = (middle[:, i, None] + offset for i in (0, 1))
    _scatter(y[:, :, None], x[:, None, :], weights, planes, image)


def _fine(k: int) -> int:
    return _FINE if k <= _FINE_TO else _LESS_FINE


def _put_points(place: Any, planes: Any, image: Any) -> None:
    """Add particles, each shared by four pixels so that its middle is kept."""
    low = np.floor(place).astype(np.int64)
    far = place - low
    wx, wy = (np.stack([1 - far[:, i], far[:, i]], axis=1) for i in (0, 1))
    two = np.arange(2)
    x, y = low[:, :1] + two, low[:, 1:] + two
    _scatter(y[:, :, None], x[:, None, :], wy[:, :, None] * wx[:, None, :], planes, image)


def _scatter(y: Any, x: Any, weights: Any, planes: Any, image: Any) -> None:
    n_y, n_x = image.shape[1:]
    inside = (y >= 0) & (y < n_y) & (x >= 0) & (x < n_x)
    target = np.where(inside, y * n_x + x, n_y * n_x).reshape(-1)
    for plane, light in zip(image, planes.T, strict=True):
        values = (weights * light[:, None, None]).reshape(-1)
        sums = np.bincount(target, values, minlength=n_y * n_x + 1)
        plane += sums[:-1].reshape(n_y, n_x)


def _put_large(place: Any, size: Any, planes: Any, image: Any) -> None:
    """Add particles whose kernels are wider, by convolution with a ladder of sizes."""
    n = image.shape[1]
    rung = np.maximum(np.log(size / SMALL) / np.log(_RUNG), 0.0)
    low = np.floor(rung).astype(int)
    most = SMALL * _RUNG ** (low.max() + 1)
    margin = int(np.ceil(most)) + 2
    side = fft.next_fast_len(n + 2 * margin, real=True)
    inner, outer = (SMALL * _RUNG ** (low + i) for i in (0, 1))
    outward = (size**2 - inner**2) / (outer**2 - inner**2)
    shifted = place + margin
    total = np.zeros((len(planes.T), side, side // 2 + 1), complex)
    for i in np.unique(np.concatenate([low, low + 1])):
        share = np.where(low == i, 1 - outward, np.where(low + 1 == i, outward, 0.0))
        chosen = share > 0
        if not chosen.any():
            continue
        points = np.zeros((len(total), side, side))
        _put_points(shifted[chosen], share[chosen, None] * planes[chosen], points)
        total += fft.rfft2(points) * _transform(SMALL * _RUNG ** int(i), side)
    whole = fft.irfft2(total, s=(side, side))
    image += whole[:, margin : margin + n, margin : margin + n]


def _transform(size: float, side: int) -> NDArray[np.complexfloating]:
    """Transform of a kernel, narrower by what sharing by four pixels adds and a pixel does not."""
    narrow = np.sqrt(size**2 - (_SPREAD - _PIXEL) / (SECOND_MOMENT / 2))
    x = fft.fftfreq(side, 1 / side)
    drawn = look_up((x[:, None] ** 2 + x**2) / narrow**2).astype(np.float64)
    return fft.rfft2(drawn / drawn.sum())
