"""Gaussian noise that does not depend on how the recording is cut into blocks.

The recording is divided into chunks of a fixed number of samples; every chunk has
its own generator, seeded with (seed, chunk number).
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

_CHUNK_VALUES = 1 << 18


class NoiseSource:
    """Noise (time, channel, y, x) of any part of a recording.

    Parameters
    ----------
    seed : int
    sigma : (channel,)
        Standard deviation in each channel.
    shape : (ny, nx)
    psf : (y, x), optional
        Correlate the pixels of an image like this PSF; its peak may stand anywhere.
    """

    def __init__(
        self,
        seed: int,
        sigma: NDArray[np.float64],
        shape: tuple[int, int],
        psf: NDArray[np.float32] | None = None,
    ) -> None:
        self._seed, self._shape = seed, shape
        self._sigma = sigma.astype(np.float32)
        n_values = len(sigma) * shape[0] * shape[1]
        self.n_chunk = max(1, _CHUNK_VALUES // n_values)
        self._filter = None if psf is None else _correlating_filter(psf, shape)

    def chunk(self, number: int) -> NDArray[np.float32]:
        """The samples ``number * n_chunk`` to ``(number + 1) * n_chunk``."""
        rng = np.random.Generator(np.random.SFC64([self._seed, number]))
        noise = rng.standard_normal(
            (self.n_chunk, len(self._sigma), *self._shape), dtype=np.float32
        )
        if self._filter is not None:
            spectrum = scipy.fft.rfft2(noise)
            spectrum *= self._filter
            noise = scipy.fft.irfft2(spectrum, s=self._shape).astype(np.float32)
        noise *= self._sigma[:, None, None]
        return noise


def _correlating_filter(psf: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Fourier amplitudes that give white noise the correlation of the PSF and unit variance."""
    ny, nx = shape
    py, px = np.unravel_index(int(psf.argmax()), psf.shape)
    periodic = np.zeros(shape)
    y = (np.arange(psf.shape[0]) - int(py)) % ny
    x = (np.arange(psf.shape[1]) - int(px)) % nx
    np.add.at(periodic, (y[:, None], x[None, :]), psf)
    # the correlation of real noise has a positive spectrum; a PSF has nearly one
    power = np.maximum(scipy.fft.fft2(periodic).real, 0.0)
    power /= power.mean()
    return np.sqrt(power[:, : nx // 2 + 1]).astype(np.float32)
