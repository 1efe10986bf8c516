"""Mock observations: images of the sky as an instrument would show them, at a stated S/N."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from surveys.observing.instrument import Instrument, Response
from surveys.observing.noise_level import Brightness, SnrKind, brightness_of, sigma_for
from surveys.observing.resampling import resampled


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Observation:
    """Images with noise, and what they are of.

    Attributes
    ----------
    image : Array
        (..., draw, y, x), in the unit of the instrument.
    noise_free : Array
        (..., y, x).
    sigma : Array
        (...,): standard deviation of the noise of a pixel.
    brightness : Brightness
        Of the noise-free images, (...,).
    """

    image: Array
    noise_free: Array
    sigma: Array
    brightness: Brightness


def on_instrument(
    image: Array,
    pixel_ratio: Array | float,
    response: Response,
    offset: Array | None = None,
    whole: bool = False,
) -> Array:
    """An image of the sky as the instrument sees it, without noise.

    Parameters
    ----------
    image : Array
        (..., y, x) flux in each pixel.
    pixel_ratio : Array
        Side of a pixel of the instrument over that of the image; one number.
    response : Response
    offset : Array, optional
        By how many pixels of the instrument the light is moved along y and x.
    whole : bool
        Of all pixels of the padded square.
    """
    s = response.oversampling
    offset = None if offset is None else offset * s
    ratio = jnp.asarray(pixel_ratio) / s
    return response.seen(resampled(image, response.n_pixels * s, ratio, offset), whole)


def observe(  # noqa: PLR0913 - all but the first two by name
    image: Array,
    instrument: Instrument,
    *,
    pixel_arcsec: float,
    snr: float,
    snr_kind: SnrKind,
    key: Array,
    n_draws: int = 1,
) -> Observation:
    """Mock observations of images of the sky.

    Parameters
    ----------
    image : Array
        (..., y, x) flux in each pixel, of any unit for the kinds of S/N that are ratios; nJy for
        a camera and Jy for an interferometer where the depth is given.
    instrument : Instrument
    pixel_arcsec : float
        Side of the image's pixels.
    snr : float
        S/N, or the depth.
    snr_kind : {"aperture", "peak", "pixel", "depth", "rms"}
        What it means: see `surveys.observing.noise_level`.
    key : Array
        Of JAX. Each image and draw has noise of its own.
    n_draws : int
        Noise realisations of each image.
    """
    image = jnp.asarray(image, jnp.float32)
    shape = image.shape[:-2]
    stack = image.reshape(-1, *image.shape[-2:])
    response = instrument.response
    noise_free, brightness = seen_and_brightness(
        stack, jnp.float32(instrument.pixel_arcsec / pixel_arcsec), response
    )
    sigma = sigma_for(jnp.float32(snr), snr_kind, brightness, instrument)
    sigma = jnp.broadcast_to(sigma, noise_free.shape[:1])
    keys = jax.random.split(key, (len(stack), n_draws))
    noisy = with_noise(noise_free[:, None], sigma[:, None], keys, response)

    def unstacked(array: Array) -> Array:
        return array.reshape(*shape, *array.shape[1:])

    return jax.tree.map(unstacked, Observation(noisy, noise_free, sigma, brightness))


@jax.jit
def seen_and_brightness(
    images: Array, pixel_ratio: Array, response: Response, offset: Array | None = None
) -> tuple[Array, Brightness]:
    """Noise-free images (image, y, x) and what their S/N is counted from."""
    noise_free = on_instrument(images, pixel_ratio, response, offset)
    return noise_free, jax.vmap(lambda image: brightness_of(image, response))(noise_free)


@jax.jit
def with_noise(
    noise_free: Array,
    sigma: Array,
    keys: Array,
    response: Response,
    flux_per_electron: Array | float = 0.0,
) -> Array:
    """Images with noise, finished as those of the instrument are.

    Parameters
    ----------
    noise_free : Array
        (..., y, x); its leading axes go with those of the next two.
    sigma : Array
        (...,).
    keys : Array
        (...,) of keys, one for each image.
    flux_per_electron : Array
        (...,) of a camera whose source's own photons are counted.
    """
    drawn = jax.vmap(response.noise)(keys.reshape(-1))
    noise = drawn.reshape(*keys.shape, *drawn.shape[-2:])
    per_electron = jnp.asarray(flux_per_electron)[..., None, None]
    photons = per_electron * jnp.maximum(noise_free, 0.0)
    level = jnp.sqrt(sigma[..., None, None] ** 2 + photons)
    return response.finished(noise_free + level * noise, jnp.broadcast_to(sigma, keys.shape))
