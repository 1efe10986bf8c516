"""What taking steady sources out costs pulses: `python benchmarks/steady_cost.py`.

A drift scan of 24 antennas sees 50 and 2 Jy in the images and 30 Jy beside them. Pulses of
one width after the other are added to its visibilities, on the sources and away from them,
the sources are found anew, and images of what is left are compared with those of the same
noise without the pulse: what is left of its flux above the rest of the recording is the S/N
kept. Without sources taken out all of it is.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord

from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.point_sources import channels_of, seen_by
from pipeline.imaging.settings import ImagingSettings
from pipeline.imaging.steady import find_steady_sources
from pipeline.imaging.subtraction import SubtractedReader, subtract
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Array, Image, Recording, Source
from pipeline.visibilities.block import VisBlock, VisReader, VisWrapper
from pipeline.visibilities.nsfrb import NsfrbReader

SIZE, PIXEL_ARCSEC = 48, 16.0
WIDTHS_S = (0.27, 3.4, 27.0, 120.0)
PLACES = {"off": (30, 12), "on 2 Jy": (14, 34), "on 50 Jy": (36, 31)}
SNR = 20.0
N_LOOKS = 40


class PulsedReader(VisWrapper):
    """A recording with a top-hat at DM 0 added, of a flux through the beam."""

    def __init__(self, vis: VisReader, place: SkyCoord, span: tuple[int, int], jy: float) -> None:
        super().__init__(vis)
        self._place, self._span, self._jy = place, span, jy

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples with the pulse."""
        block = self._vis.read(start, stop)
        sample = block.start + np.arange(len(block.data))
        on = (sample >= self._span[0]) & (sample < self._span[1])
        if not on.any():
            return block
        seen = seen_by(self._vis, block.start, block.start + len(sample), (self._place,))
        light = np.zeros(seen.beam.shape, np.float32)
        light[0] = -self._jy * on[:, None]
        channels = channels_of(self.header)
        data = subtract(block.data, seen.turn, seen.delay_s, light, channels)
        return replace(block, data=np.asarray(data))


def flux_at(vis: VisReader, settings: ImagingSettings, at: tuple[int, int], looks: list) -> float:
    """Mean of a pixel over samples."""
    x, y = at
    reader = ImagedReader(vis, settings).cropped(slice(y, y + 1), slice(x, x + 1))
    return float(np.mean([reader.read(t, t + 1).data.mean() for t in looks]))


def kept(
    readers: tuple[VisReader, VisReader],
    settings: ImagingSettings,
    at: tuple[int, int],
    width_s: float,
) -> float:
    """Share of the flux of a pulse in the middle of a recording that is left.

    Parameters
    ----------
    readers
        The recording without the pulse, and the same without its sources.
    """
    (vis, base), header = readers, readers[0].header
    imager = ImagedReader(base, settings)
    width = max(1, round(width_s / header.tsamp_s))
    begin = header.n_samples // 2 - width // 2
    assert imager.header.wcs is not None
    place = SkyCoord(*imager.header.wcs.wcs_pix2world([at], 0)[0], unit=units.deg)
    data = imager.read(0, 50).data.mean(1)
    noise = float(np.median(np.std(np.diff(data, axis=0), axis=0)) / np.sqrt(2))
    jy = SNR * noise / np.sqrt(width)
    pulsed = PulsedReader(vis, place, (begin, begin + width), jy)
    left = SubtractedReader(pulsed, find_steady_sources(pulsed, settings, 8))
    inside = np.unique(np.linspace(begin, begin + width - 1, N_LOOKS).astype(int))
    every = np.linspace(0, header.n_samples - 1, 2 * N_LOOKS).astype(int)
    outside = every[(every < begin) | (every >= begin + width)]
    on, off = (
        flux_at(left, settings, at, list(t)) - flux_at(base, settings, at, list(t))
        for t in (inside, outside)
    )
    return (on - off) / jy


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    minutes = parser.parse_args().minutes
    config = SimulationConfig(
        recording=Recording(duration_s=60 * minutes, format="nsfrb", mjd0=60700.3),
        image=Image(shape=(SIZE, SIZE), pixel_arcsec=PIXEL_ARCSEC),
        array=Array(n_antennas=24, channels=1),
        sources=(
            Source(50.0, x=36.2, y=30.7),
            Source(2.0, x=13.8, y=34.1),
            Source(30.0, x=-150.0, y=300.0),
        ),
    )
    settings = ImagingSettings(size=SIZE, pixel_arcsec=PIXEL_ARCSEC)
    with tempfile.TemporaryDirectory() as folder:
        vis = NsfrbReader(simulate(config, Path(folder), seed=3).recordings)
        base = SubtractedReader(vis, find_steady_sources(vis, settings, 8))
        print(f"S/N kept of pulses of S/N {SNR:g}, {minutes:g} minutes")
        print("width (s) " + "".join(f"{name:>10}" for name in PLACES))
        for width_s in WIDTHS_S:
            shares = [kept((vis, base), settings, at, width_s) for at in PLACES.values()]
            print(f"{width_s:9.2f} " + "".join(f"{s:10.3f}" for s in shares), flush=True)


if __name__ == "__main__":
    main()
