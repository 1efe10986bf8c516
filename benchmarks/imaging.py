"""Imaging of a gulp of DSA-110 beside ducc0: 25 samples, 4560 baselines, 128 channels, 175^2.

Both make 16 images of each sample, on two threads. The peer grids all 128 channels. Ours
averages them as far as the edge of the field keeps 98 % of a source, as it does by default,
and once with each channel gridded. Ours also turns each visibility to the centre of the field,
which is not asked of the peer.
"""

from __future__ import annotations

import argparse
import time

import ducc0
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time
from numpy.typing import NDArray

from pipeline.imaging.geometry import LIGHT_M_S
from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.settings import ImagingSettings
from pipeline.visibilities.block import VisBlock, VisHeader

SAMPLES, CHANNELS, SIZE, TSAMP_S = 25, 128, 175, 0.1342182159423828
PIXEL_ARCSEC = 10.665


class Gulp:
    """Noise on the baselines of a flat array of 96 antennas that tracks its zenith."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        place = rng.uniform(-450, 450, (96, 2))
        first, second = np.triu_indices(96, 1)
        self._flat = place[first] - place[second]
        freq_mhz = np.linspace(1311.4, 1498.7, CHANNELS)
        pairs = np.stack([first, second], axis=1)
        centre, start = SkyCoord(120.0, 37.0, unit="deg"), Time("2025-01-01")
        width = float(freq_mhz[1] - freq_mhz[0])
        self.header = VisHeader(
            "gulp", freq_mhz, width, TSAMP_S, start, SAMPLES, pairs, centre, "Jy"
        )
        shape = (SAMPLES, len(pairs), CHANNELS)
        self.data = rng.standard_normal((*shape, 2), np.float32).view(np.complex64)[..., 0]
        self.weights = np.ones(shape, np.float32)

    def uvw(self, start: int, stop: int, centre: SkyCoord) -> tuple[NDArray, NDArray]:
        angle = 7.3e-5 * TSAMP_S * np.arange(start, min(stop, SAMPLES))[:, None]
        (x, y), c, s = self._flat.T, np.cos(angle), np.sin(angle)
        uvw = np.stack([x * c - y * s, x * s + y * c, 0.02 * (x * c - y * s)], axis=-1)
        return uvw, uvw[..., 2]

    def read(self, start: int, stop: int) -> VisBlock:
        return VisBlock(start, self.data[start:stop], self.weights[start:stop])

    def pointing(self, start: int, stop: int, centre: SkyCoord) -> NDArray[np.float64]:
        return np.tile([0.0, 0.0, 1.0], (min(stop, SAMPLES) - start, 1))

    def close(self) -> None:
        pass


def ours(gulp: Gulp, max_smearing: float, repeats: int) -> tuple[float, ImagedReader]:
    """Median seconds, and the reader that took them."""
    settings = ImagingSettings(SIZE, PIXEL_ARCSEC, channels=16, max_smearing=max_smearing)
    reader = ImagedReader(gulp, settings)
    reader.read(0, SAMPLES)
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        reader.read(0, SAMPLES)
        times.append(time.perf_counter() - begun)
    return float(np.median(times)), reader


def peer(gulp: Gulp, w_term: bool, repeats: int) -> float:
    """Median seconds of ducc0, at 1e-3 without and 1e-4 with the w-term; its sizes are even."""
    uvw = gulp.uvw(0, SAMPLES, gulp.header.centre)[0] * [-1, 1, -1]
    freq_hz = gulp.header.freq_mhz.reshape(16, -1) * 1e6
    pixel = np.radians(PIXEL_ARCSEC / 3600)
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        for t in range(SAMPLES):
            for c in range(16):
                vis = np.ascontiguousarray(gulp.data[t, :, 8 * c : 8 * c + 8])
                ducc0.wgridder.vis2dirty(
                    uvw=uvw[t],
                    freq=freq_hz[c],
                    vis=vis,
                    npix_x=SIZE + 1,
                    npix_y=SIZE + 1,
                    pixsize_x=pixel,
                    pixsize_y=pixel,
                    epsilon=1e-4 if w_term else 1e-3,
                    do_wgridding=w_term,
                    nthreads=2,
                )
        times.append(time.perf_counter() - begun)
    return float(np.median(times))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    gulp = Gulp()
    flat = peer(gulp, False, repeats)
    deep = peer(gulp, True, max(1, repeats // 3))
    print("seconds for a gulp of 3.36 s")
    print(f"ducc0, 2-D, 1e-3            {flat:6.2f}")
    print(f"ducc0, w-gridding, 1e-4     {deep:6.2f}")
    for name, smearing in (("averaged to 2 %", 0.02), ("every channel", 0.0)):
        seconds, reader = ours(gulp, smearing, repeats)
        groups, terms = reader.n_groups, reader.n_terms
        print(
            f"ours, {name:16s}      {seconds:6.2f}   ducc0 / ours {flat / seconds:5.2f}, "
            f"{deep / seconds:5.2f}   ({groups} of 8 channels gridded, {terms} terms in w)"
        )
    longest = np.linalg.norm(gulp.uvw(0, 1, gulp.header.centre)[0], axis=-1).max()
    print(f"longest baseline {longest:.0f} m, {longest * 1.4987e9 / LIGHT_M_S:.0f} wavelengths")


if __name__ == "__main__":
    main()
