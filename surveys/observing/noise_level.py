r"""What "S/N" means.

Of one and the same image the four meanings differ by factors of 3 to 6, so that one has to be
named. With F the noise-free image as observed, :math:`\sigma` the noise of a pixel, and A the
circle about the centroid that has half of the light:

aperture
    :math:`\sum_A F` over the noise of that sum, the correlation of the noise included.
peak
    The brightest pixel over :math:`\sigma`.
pixel
    The mean of F in A over :math:`\sigma`.
depth
    No ratio: the noise itself. For a camera the AB magnitude that has 5 times the noise in a
    circle of 0.15 arcsec; for an interferometer the rms in uJy a beam.
rms
    No ratio: the noise of a pixel, in the unit of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from surveys.instruments.nircam import AB_ZERO_JY
from surveys.observing.instrument import Instrument, Response
from surveys.sizes.growth import circular_growth
from surveys.sizes.source import source_of

SnrKind = Literal["aperture", "peak", "pixel", "depth", "rms"]
KINDS: tuple[SnrKind, ...] = get_args(SnrKind)
DEPTH_RADIUS_ARCSEC = 0.15
DEPTH_SIGMAS = 5.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Brightness:
    """What the kinds of S/N are made from; times 1 / sigma each is an S/N.

    Attributes
    ----------
    aperture, peak, pixel : Array
        In the unit of the image.
    radius_pixels : Array
        Of the circle with half of the light.
    """

    aperture: Array
    peak: Array
    pixel: Array
    radius_pixels: Array


def brightness_of(image: Array, response: Response) -> Brightness:
    """What the S/N of a noise-free image (y, x) is counted from."""
    source = source_of(image, image > 0)
    growth = circular_growth(source, source.centre)
    # Half of the light within the largest circle that the stamp has whole.
    radius = growth.radius_with(0.5 * growth.inside(jnp.asarray(0.5 * min(image.shape) - 1.0)))
    y, x = (jnp.arange(n, dtype=image.dtype) for n in image.shape)
    far = jnp.hypot((y - source.centre[0])[:, None], (x - source.centre[1])[None])
    inside = jnp.clip(radius + 0.5 - far, 0.0, 1.0)
    light, area = jnp.sum(inside * image), jnp.sum(inside)
    return Brightness(light / response.noise_factor(inside), jnp.max(image), light / area, radius)


def sigma_for(snr: Array, kind: SnrKind, brightness: Brightness, instrument: Instrument) -> Array:
    """Noise of a pixel, in the unit of the image.

    Parameters
    ----------
    snr : Array
        S/N of the kind, or the depth.
    kind : str
    brightness : Brightness
        Of the noise-free image, of any shape that goes with that of ``snr``.
    """
    if kind == "rms":
        return jnp.asarray(snr)
    if kind == "depth":
        return depth_sigma(snr, instrument)
    return getattr(brightness, kind) / snr


def snr_of(sigma: Array, kind: SnrKind, brightness: Brightness, instrument: Instrument) -> Array:
    """S/N of a kind, or the depth, that a noise of a pixel is: the inverse of `sigma_for`."""
    if kind == "rms":
        return sigma
    if kind != "depth":
        return getattr(brightness, kind) / sigma
    if instrument.unit == "nJy":
        limit = DEPTH_SIGMAS * sigma * _depth_factor(instrument)
        return -2.5 * jnp.log10(limit / (1e9 * AB_ZERO_JY))
    return sigma * 1e6


def convert_snr(
    snr: Array, kind: SnrKind, to: SnrKind, brightness: Brightness, instrument: Instrument
) -> Array:
    """An S/N of one kind, or a depth, as one of another kind."""
    sigma = sigma_for(snr, kind, brightness, instrument)
    return snr_of(sigma, to, brightness, instrument)


def depth_sigma(depth: Array, instrument: Instrument) -> Array:
    """Noise of a pixel of an image of a depth."""
    if instrument.unit == "nJy":
        limit = 1e9 * AB_ZERO_JY * 10 ** (-0.4 * jnp.asarray(depth))
        return limit / (DEPTH_SIGMAS * _depth_factor(instrument))
    return jnp.asarray(depth) * 1e-6


def _depth_factor(instrument: Instrument) -> Array:
    radius = DEPTH_RADIUS_ARCSEC / instrument.pixel_arcsec
    side = 2 * int(np.ceil(radius)) + 3
    at = np.arange(side) - side // 2
    inside = np.clip(radius + 0.5 - np.hypot(at[:, None], at[None]), 0.0, 1.0)
    return instrument.response.noise_factor(jnp.asarray(inside, jnp.float32))
