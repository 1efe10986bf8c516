r"""What an instrument does to the sky: blur it, and add noise that may be correlated.

An image of the sky in pixels of the instrument, or of whole parts of them, is multiplied with an
attenuation, convolved, and binned; noise of a power spectrum is added. A camera's convolution is
its PSF; that of an interferometer is its dirty beam, and the plane of the convolution is then the
plane of its visibilities, in which its noise is white: the same two products of Fourier transforms
are both. What an interferometer's images go through afterwards is CLEAN.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from surveys.interferometer.cells import column_multiplicity
from surveys.interferometer.clean import CleanPlan, clean
from surveys.interferometer.imaging import UvSamples

Unit = Literal["nJy", "Jy/beam"]
_AT_ONCE = 8


def _box(side: int, width: int) -> NDArray[np.complex64]:
    """Transform (side, 1) of the mean over a pixel and those after it."""
    k = np.arange(side)[:, None]
    return np.exp(2j * np.pi / side * k * np.arange(width)).mean(
        -1, keepdims=True, dtype=np.complex64
    )


def columns_above(transfer: NDArray[np.inexact], share: float = 0.0) -> int:
    """Columns of a transfer function up to the last with more than a share of its largest value.

    No optics let finer waves through than the aperture has, and no array than its longest baseline.
    """
    largest = np.abs(transfer).max(axis=0)
    return int(np.flatnonzero(largest > share * largest.max())[-1]) + 1


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Response:
    """What becomes of the sky: the part of an instrument that programs are compiled for.

    Attributes
    ----------
    transfer : Array
        Of the fine pixels, on the plane of `jnp.fft.rfft2` of a padded square.
    noise_amplitude : Array, optional
        On the plane of the padded square of whole pixels; white noise of variance 1 times it is
        noise of variance 1 a pixel. White without.
    attenuation : Array, optional
        (y, x) of the fine pixels of a stamp.
    cleaning : CleanPlan, optional
        For images that are cleaned.
    n_pixels : int
        Side of a stamp.
    oversampling : int
        Fine pixels along a pixel.
    n_columns : int
        Of the transfer function, from 0 up, that any light comes through; see `columns_above`.
    """

    transfer: Array
    noise_amplitude: Array | None
    attenuation: Array | None
    cleaning: CleanPlan | None
    n_pixels: int = field(metadata={"static": True})
    oversampling: int = field(metadata={"static": True})
    n_columns: int = field(metadata={"static": True})

    @property
    def grid(self) -> int:
        """Side of the padded square, in whole pixels."""
        return self.transfer.shape[-2] // self.oversampling

    def seen(self, sky: Array, whole: bool = False) -> Array:
        """Images without noise.

        Parameters
        ----------
        sky : Array
            (..., y, x) flux in each fine pixel of a stamp.
        whole : bool
            Of all pixels of the padded square, the stamp being the first.

        Returns
        -------
        Array
            (..., y, x) of whole pixels.
        """
        stack = sky.reshape(-1, *sky.shape[-2:])
        # A few at a time stay in the caches: three times as fast on a CPU as all at once.
        images = jax.lax.map(lambda one: self._seen(one, whole), stack, batch_size=_AT_ONCE)
        return images.reshape(*sky.shape[:-2], *images.shape[-2:])

    def _seen(self, sky: Array, whole: bool) -> Array:
        if self.attenuation is not None:
            sky = sky * self.attenuation
        s, n = self.oversampling, self.grid if whole else self.n_pixels
        side = self.grid * s
        # Fine pixels are summed to whole ones along y before their way back: as a product with the
        # transform of a box, and a sum of the frequencies that whole pixels cannot tell apart.
        columns = jnp.swapaxes(jnp.fft.rfft(sky, n=side)[..., : self.n_columns], -1, -2)
        transfer = self.transfer[:, : self.n_columns] * _box(side, s)
        seen = jnp.fft.fft(columns, n=side) * transfer.T
        seen = seen.reshape(*seen.shape[:-1], s, self.grid).sum(-2)
        rows = jnp.swapaxes(jnp.fft.ifft(seen)[..., :n], -1, -2)
        image = jnp.fft.irfft(rows, n=side)[..., : n * s]
        return image.reshape(*image.shape[:-1], n, s).sum(-1)

    def noise(self, key: Array, whole: bool = False) -> Array:
        """Noise with variance 1, (y, x), of a stamp or of the whole padded square."""
        n = self.grid if whole else self.n_pixels
        if self.noise_amplitude is None:
            return jax.random.normal(key, (n, n), jnp.float32)
        white = jax.random.normal(key, (self.grid, self.grid), jnp.float32)
        plane = jnp.fft.rfft2(white) * self.noise_amplitude
        return jnp.fft.irfft2(plane, s=(self.grid, self.grid))[:n, :n]

    def finished(self, noisy: Array, sigma: Array) -> Array:
        """What is made of noisy images (..., y, x), given the noise (...) of a pixel."""
        return noisy if self.cleaning is None else clean(self.cleaning, noisy, sigma).image

    def noise_factor(self, weights: Array) -> Array:
        """Standard deviation of a weighted sum of pixels of a stamp, over that of a pixel.

        Parameters
        ----------
        weights : Array
            (..., y, x), no larger than the padded square.
        """
        if self.noise_amplitude is None:
            return jnp.sqrt(jnp.sum(weights**2, axis=(-2, -1)))
        grid = self.grid
        power = jnp.abs(jnp.fft.rfft2(weights, s=(grid, grid)) * self.noise_amplitude) ** 2
        times = jnp.asarray(column_multiplicity(grid), jnp.float32)
        return jnp.sqrt(jnp.sum(power * times, axis=(-2, -1))) / grid


@dataclass(frozen=True)
class Instrument:
    """An instrument and its stamps.

    Attributes
    ----------
    response : Response
    name : str
    wavelength_um, width_um : float
        Of the band, observed.
    pixel_arcsec : float
    fwhm_arcsec : float
        Of the PSF or the restoring beam.
    beam_pixels : float
        Pixels in a beam, for images in flux a beam; 1 for flux a pixel.
    rms : float
        Noise of a pixel that the observation itself has; 0 if it is not known.
    unit : str
        Of the images; the sky is in nJy, or Jy, a pixel.
    samples : UvSamples, optional
        Of an interferometer.
    """

    response: Response
    name: str
    wavelength_um: float
    width_um: float
    pixel_arcsec: float
    fwhm_arcsec: float
    beam_pixels: float
    rms: float
    unit: Unit
    samples: UvSamples | None = None

    @property
    def fwhm_pixels(self) -> float:
        """Of the PSF or the restoring beam."""
        return self.fwhm_arcsec / self.pixel_arcsec
