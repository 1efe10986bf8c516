"""A recording in memory."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.time import Time

from pipeline.block import StreamHeader
from pipeline.readers.base import BaseReader
from pipeline.simulation.config import Image
from pipeline.simulation.sky import image_wcs

TSAMP = 0.134


class Memory(BaseReader):
    """Noise of given strength, with weights."""

    def __init__(self, n=600, shape=(12, 14), sigma=(1.0, 2.0, 1.5), seed=1, fwhm=3.0):
        rng = np.random.default_rng(seed)
        self.sigma = np.asarray(sigma, float)
        size = (n, len(sigma), *shape)
        self.data = rng.standard_normal(size).astype(np.float32)
        self.data *= self.sigma[:, None, None].astype(np.float32)
        self.weights = np.ones(size[:2], np.float32)
        y, x = np.mgrid[-9:10, -9:10]
        psf = np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm**2).astype(np.float32)
        self.header = StreamHeader(
            source="memory",
            freq_mhz=np.linspace(1490.0, 1320.0, len(sigma)),
            tsamp_s=TSAMP,
            start=Time(60500.0, format="mjd", scale="utc"),
            n_samples=n,
            shape=shape,
            wcs=image_wcs(Image(shape=shape)),
            bunit="Jy/beam",
            psf=psf,
            beam_fwhm_px=fwhm,
        )

    def _read(self, start, stop):
        return self.data[start:stop].copy(), self.weights[start:stop].copy()

    def close(self):
        pass


@pytest.fixture(scope="session")
def memory():
    return Memory
