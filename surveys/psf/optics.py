"""From a pupil to the transfer function of an image.

The transfer function at spatial frequency f is the autocorrelation of the pupil over the shift
``lambda f``. If the pupil is sampled every ``lambda / field``, shifts of whole pixels fall on the
frequencies of a grid of that field, so those of several wavelengths add up, and one transform gives
the image. Small errors of the wavefront of which only the statistics are known multiply it by
``exp(-D / 2)``, D the structure function of their phase: a diffraction core of less light, and a
halo that holds the rest.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

ARCSEC = math.pi / 180 / 3600


@jax.jit
def monochromatic(amplitude: jax.Array, wavefront_um: ArrayLike, wavelength_um: float) -> jax.Array:
    """Transfer function of a pupil at one wavelength; it can be differentiated.

    Parameters
    ----------
    amplitude : (n, n)
        Of the pupil, from 0 to 1, with zeros around it to twice its size.
    wavefront_um : (n, n) or 0
        Delay of the wavefront; a smooth phase over the edges of the pupil is meant.
    wavelength_um : float

    Returns
    -------
    (n, n // 2 + 1) complex
        Of an image in pixels, on the frequencies of ``rfft2`` and of an image whose pixel (0, 0) is
        the middle. Its value at 0 is the light that falls in the field: what the soft edges of
        the sampled pupil lack is light beyond it.
    """
    phase = 2.0 * jnp.pi * jnp.asarray(wavefront_um) / wavelength_um
    field = jnp.fft.fft2(amplitude * jnp.exp(1j * phase))
    image = field.real**2 + field.imag**2
    return jnp.fft.rfft2(image) / (amplitude.sum() * amplitude.size)


def frequencies(n_pixels: int, pixel_arcsec: float) -> tuple[NDArray, NDArray]:
    """Frequencies of ``rfft2`` along y (n, 1) and x (n // 2 + 1), in cycles per arcsecond."""
    fy = np.fft.fftfreq(n_pixels, pixel_arcsec)[:, None]
    return fy, np.fft.rfftfreq(n_pixels, pixel_arcsec)


@jax.jit
def scattering(
    frequency: ArrayLike, wavelength_um: float, rms_um: ArrayLike, length_m: float
) -> jax.Array:
    """What errors of the wavefront with a Gaussian correlation leave of a transfer function.

    Parameters
    ----------
    frequency : (...)
        Cycles per arcsecond.
    wavelength_um : float
    rms_um : float
        Of the wavefront.
    length_m : float
        Over which the correlation falls to 1/e.

    Returns
    -------
    (...)
        1 at 0, and ``exp(-(2 pi rms / lambda)^2)`` far out, the Strehl ratio.
    """
    shift_m = 1e-6 * wavelength_um / ARCSEC * jnp.asarray(frequency)
    variance = (2.0 * jnp.pi * jnp.asarray(rms_um) / wavelength_um) ** 2
    return jnp.exp(variance * jnp.expm1(-((shift_m / length_m) ** 2)))


@jax.jit
def gaussian_transfer(frequency: ArrayLike, sigma_arcsec: float) -> jax.Array:
    """Transfer function of a Gaussian blur."""
    return jnp.exp(-2.0 * (jnp.pi * sigma_arcsec * jnp.asarray(frequency)) ** 2)


def zernike(index: int, x_m: NDArray, y_m: NDArray, radius_m: float) -> NDArray[np.float64]:
    """Zernike polynomial of unit rms on a disc, by Noll's index from 1 (Noll 1976).

    Beyond the disc it is continued as the polynomial that it is.
    """
    order = int((math.sqrt(8 * index - 7) - 1) / 2)
    place = index - order * (order + 1) // 2 - 1
    m = 2 * ((place + 1) // 2) if order % 2 == 0 else 2 * (place // 2) + 1
    radius, angle = np.hypot(x_m, y_m) / radius_m, np.arctan2(y_m, x_m)
    radial = np.zeros(np.broadcast(x_m, y_m).shape)
    for s in range((order - m) // 2 + 1):
        parts = (s, (order + m) // 2 - s, (order - m) // 2 - s)
        factor = (-1) ** s * math.factorial(order - s) / math.prod(map(math.factorial, parts))
        radial = radial + factor * radius ** (order - 2 * s)
    if m == 0:
        return math.sqrt(order + 1) * radial
    wave = np.cos(m * angle) if index % 2 == 0 else np.sin(m * angle)
    return math.sqrt(2 * (order + 1)) * radial * wave
