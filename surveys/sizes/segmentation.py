"""Which pixels are the source: a threshold on a smoothed image, and connected pixels above it.

Connected pixels are labelled by SciPy for a whole batch at once, on the host: a tenth of a
millisecond an image, where labels that spread through arrays of a fixed shape take several.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from scipy import ndimage

from surveys.errors import check_ranges
from surveys.sizes.flags import Flag

_FWHM_PER_SIGMA = float(np.sqrt(8 * np.log(2)))
# Of the smoothing, in its standard deviations.
_REACH = 3.0
# A neighbour is another source where a smoothed pixel of it is so significant. What is less is
# mostly noise, found where it is positive: to leave that out would make the image darker.
_SIGNIFICANT = 5.0
# With a larger part of the source's light it is flagged.
_BRIGHT_NEIGHBOUR = 0.1
# Noise alone goes beyond that in one stamp of a hundred or fewer.
_CERTAIN = 4.0


@dataclass(frozen=True)
class DetectionSettings:
    """How sources are found.

    Attributes
    ----------
    threshold : float
        In standard deviations of the noise of the smoothed image.
    n_pixels : int
        Connected pixels, corners included, that a source has at least.
    fwhm_pixels : float, optional
        Of the Gaussian that smooths; that of the PSF without, 0 for none.
    search_radius : float
        How far from the middle of the stamp the source may be, as a part of the side.
    """

    threshold: float = 1.5
    n_pixels: int = 5
    fwhm_pixels: float | None = None
    search_radius: float = 0.25

    def __post_init__(self) -> None:
        check_ranges(
            self,
            {
                "threshold": (0.0, 100.0),
                "n_pixels": (1, 10_000),
                "fwhm_pixels": (0.0, 30.0),
                "search_radius": (0.01, 1.0),
            },
        )


@dataclass(frozen=True)
class Segments:
    """The pixels of the sources of many images.

    Attributes
    ----------
    source : NDArray
        (image, y, x), bool: the brightest source near the middle.
    others : NDArray
        (image, y, x), bool: all other sources, as far as they cannot be noise.
    flags : NDArray
        (image,) of `Flag`.
    """

    source: NDArray[np.bool_]
    others: NDArray[np.bool_]
    flags: NDArray[np.int64]


def smoothing_taps(fwhm_pixels: float) -> NDArray[np.float32]:
    """A Gaussian along one axis, of sum 1 and an odd number of taps."""
    sigma = fwhm_pixels / _FWHM_PER_SIGMA
    reach = int(np.ceil(_REACH * sigma))
    at = np.arange(-reach, reach + 1)
    taps = np.exp(-0.5 * (at / sigma) ** 2) if reach else np.ones(1)
    return (taps / taps.sum()).astype(np.float32)


def smoothed(images: Array, taps: NDArray[np.float32]) -> Array:
    """Images (..., y, x) smoothed along both axes; beyond their edges there is nothing."""
    for axis in (-2, -1):
        images = _along(images, taps, axis)
    return images


def find_sources(images: NDArray, significance: NDArray, settings: DetectionSettings) -> Segments:
    """The source of each image.

    Parameters
    ----------
    images : NDArray
        (image, y, x).
    significance : NDArray
        (image, y, x): the smoothed images over their noise.

    Returns
    -------
    Segments
        Of the segments whose centroid is within the search radius, the one with the most light.
    """
    n_images, n_y, n_x = images.shape
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[1] = True
    labels, n_labels = ndimage.label(significance > settings.threshold, structure=in_plane)
    flat = np.flatnonzero(labels)
    label = labels.ravel()[flat]
    light = images.ravel()[flat]
    image, pixel = np.divmod(flat, n_y * n_x)
    y, x = np.divmod(pixel, n_x)

    def total(weights: NDArray | None) -> NDArray:
        return np.bincount(label, weights, minlength=n_labels + 1)

    flux = total(light)
    count = total(None)
    kept = (count >= settings.n_pixels) & (flux > 0)
    weight = np.maximum(light, 0.0)
    safe = np.maximum(total(weight), np.finfo(float).tiny)
    off = np.hypot(
        total(weight * y) / safe - (n_y - 1) / 2, total(weight * x) / safe - (n_x - 1) / 2
    )
    near = kept & (off <= settings.search_radius * max(n_y, n_x))
    of_image = np.zeros(n_labels + 1, np.int64)
    of_image[label] = image
    # The last of an image in order of light is the brightest.
    order = np.flatnonzero(near)
    order = order[np.argsort(flux[order], kind="stable")]
    chosen = np.zeros(n_images, np.int64)
    chosen[of_image[order]] = order

    peak = np.zeros(n_labels + 1)
    np.maximum.at(peak, label, significance.ravel()[flat])
    source = (labels == chosen[:, None, None]) & (labels > 0)
    certain = kept & (peak > _SIGNIFICANT)
    others = certain[labels] & ~source
    flags = np.where(chosen == 0, int(Flag.NOT_DETECTED), 0)
    at_edge = (y == 0) | (x == 0) | (y == n_y - 1) | (x == n_x - 1)
    touched = total(at_edge.astype(float)) > 0
    flags |= np.where((chosen > 0) & touched[chosen], int(Flag.EDGE), 0)
    flags |= np.where((chosen > 0) & (peak[chosen] < _CERTAIN), int(Flag.FAINT), 0)
    rival = np.zeros(n_images)
    rest = np.flatnonzero(certain)
    rest = rest[rest != chosen[of_image[rest]]]
    np.maximum.at(rival, of_image[rest], flux[rest])
    crowded = (chosen > 0) & (rival > _BRIGHT_NEIGHBOUR * flux[chosen])
    flags |= np.where(crowded, int(Flag.NEIGHBOUR), 0)
    return Segments(source, others, flags)


def _along(images: Array, taps: NDArray[np.float32], axis: int) -> Array:
    reach = len(taps) // 2
    if not reach:
        return images
    n = images.shape[axis]
    pad = [(0, 0)] * images.ndim
    pad[axis] = (reach, reach)
    padded = jnp.pad(images, pad)
    index = [slice(None)] * images.ndim
    total = jnp.zeros_like(images)
    for i, tap in enumerate(taps):
        index[axis] = slice(i, i + n)
        total = total + tap * padded[tuple(index)]
    return total
