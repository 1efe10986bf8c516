"""Sizes of many stamps at once: find the source of each, then measure it in every way asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from surveys.sizes.estimators import ESTIMATORS
from surveys.sizes.flags import Flag
from surveys.sizes.segmentation import (
    DetectionSettings,
    Segments,
    find_sources,
    smoothed,
    smoothing_taps,
)
from surveys.sizes.source import source_of
from surveys.sizes.structure import Structure, structure_of

# A centroid so much farther from the middle, as a part of the search radius, is flagged.
_OFF_CENTRE = 0.5


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Measured:
    """What was measured in stamps; NaN where there is nothing.

    Attributes
    ----------
    radius : dict of str to NDArray
        By estimator, (stamp,) half-light radii in pixels.
    structure : Structure, optional
        Of arrays (stamp,).
    flux, n_pixels : NDArray
        (stamp,) of the segments.
    centre : NDArray
        (stamp, 2), y and x.
    axis_ratio, angle : NDArray
        (stamp,), the angle in radians from x to y.
    flags : NDArray
        (stamp,) of `Flag`, but for those of single estimators.
    """

    radius: dict[str, NDArray]
    structure: Structure | None
    flux: NDArray
    n_pixels: NDArray
    centre: NDArray
    axis_ratio: NDArray
    angle: NDArray
    flags: NDArray[np.int64]


@dataclass(frozen=True)
class Detection:
    """How sources are found in stamps of one instrument.

    Attributes
    ----------
    settings : DetectionSettings
    taps : NDArray
        Of the smoothing, along one axis.
    noise_factor : float
        Noise of a smoothed pixel over that of a pixel.
    """

    settings: DetectionSettings
    taps: NDArray[np.float32]
    noise_factor: float

    @classmethod
    def of(
        cls,
        settings: DetectionSettings,
        fwhm_pixels: float,
        noise_factor: Callable[[Array], Array],
    ) -> Detection:
        """Detection in the stamps of an instrument.

        Parameters
        ----------
        settings : DetectionSettings
        fwhm_pixels : float
            Of the PSF, which is the width of the smoothing unless the settings have one.
        noise_factor : callable
            Weights (y, x) to the noise of the weighted sum of pixels, over that of a pixel.
        """
        fwhm = settings.fwhm_pixels if settings.fwhm_pixels is not None else fwhm_pixels
        taps = smoothing_taps(fwhm)
        return cls(settings, taps, float(noise_factor(jnp.asarray(np.outer(taps, taps)))))

    def segments(self, images: Array, sigma: Array) -> Segments:
        """The sources of images (stamp, y, x) with noise (stamp,)."""
        noise = sigma * self.noise_factor
        significance = _significance(images, noise, tuple(self.taps.tolist()))
        return find_sources(np.asarray(images), np.asarray(significance), self.settings)


def measure(
    images: Array,
    segments: Segments,
    estimators: tuple[str, ...] = tuple(ESTIMATORS),
    with_structure: bool = False,
    search_radius: float = DetectionSettings.search_radius,
) -> Measured:
    """Sizes of the sources of stamps.

    Parameters
    ----------
    images : Array
        (stamp, y, x), less the background.
    segments : Segments
    estimators : tuple of str
        Of `ESTIMATORS`.
    with_structure : bool
        Whether concentration, asymmetry, Gini and M20 are wanted.
    search_radius : float
        Of the detection: half of it from the middle is off centre.
    """
    n_y, n_x = images.shape[-2:]
    values = _measured(images, segments.source, segments.others, estimators, with_structure)
    found = (segments.flags & Flag.NOT_DETECTED) == 0

    def of_found(array: Array) -> NDArray:
        numbers = np.asarray(array, np.float64)
        return np.where(found.reshape(-1, *[1] * (numbers.ndim - 1)), numbers, np.nan)

    n_pixels = np.asarray(values.pop("n_pixels"))
    values = jax.tree.map(of_found, values)
    y, x = values["centre"].T
    off = np.hypot(y - (n_y - 1) / 2, x - (n_x - 1) / 2)
    far = off > _OFF_CENTRE * search_radius * max(n_y, n_x)
    flags = segments.flags | np.where(far, int(Flag.OFF_CENTRE), 0)
    return Measured(n_pixels=n_pixels, flags=flags, **values)


@partial(jax.jit, static_argnames=("taps",))
def _significance(images: Array, noise: Array, taps: tuple[float, ...]) -> Array:
    return smoothed(images, np.asarray(taps, np.float32)) / noise[:, None, None]


@partial(jax.jit, static_argnames=("estimators", "with_structure"))
def _measured(
    images: Array, source: Array, others: Array, estimators: tuple[str, ...], with_structure: bool
) -> dict[str, Any]:
    def one(image: Array, segment: Array, others: Array) -> dict[str, Any]:
        it = source_of(image, segment, others)
        return {
            "radius": {name: ESTIMATORS[name](it) for name in estimators},
            "structure": structure_of(it, ~(segment | others)) if with_structure else None,
            "flux": jnp.sum(jnp.where(segment, image, 0.0)),
            "n_pixels": jnp.sum(segment),
            "centre": it.centre,
            "axis_ratio": it.axis_ratio,
            "angle": it.angle,
        }

    return jax.vmap(one)(images, source, others)
