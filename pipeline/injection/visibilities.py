"""Pulses in visibilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord

from pipeline.block import StreamHeader
from pipeline.candidates import sky_positions
from pipeline.imaging.point_sources import channels_of, seen_by
from pipeline.imaging.subtraction import subtract
from pipeline.injection.pulses import Injection
from pipeline.simulation.pulses import delays_s, pulse_flux, sample_range
from pipeline.visibilities.block import VisBlock, VisReader, VisWrapper


class InjectedVisReader(VisWrapper):
    """A recording of visibilities with pulses in it: points of the sky, seen through the beam.

    Parameters
    ----------
    vis : VisReader
        Calibrated; closed with this reader.
    injections : sequence of Injection
    header : StreamHeader
        Of the images, whose pixels the places of the injections are.
    """

    def __init__(
        self, vis: VisReader, injections: Sequence[Injection], header: StreamHeader
    ) -> None:
        super().__init__(vis)
        self._channels = channels_of(vis.header)
        freq, top = vis.header.freq_mhz, float(vis.header.freq_mhz.max())
        self._pulses = []
        for one in injections:
            # The highest channel of the images is the mean of several.
            later = delays_s(one.pulse.dm, header.freq_mhz.max(), top)
            pulse = replace(one.pulse, time_s=one.pulse.time_s - float(later))
            span = sample_range(pulse, freq, vis.header.tsamp_s)
            ra, dec = sky_positions(header, np.array([one.x]), np.array([one.y]))
            place = SkyCoord(ra[0], dec[0], unit=units.deg)
            self._pulses.append((pulse, one.fluence, span, place))

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        block = self._vis.read(start, stop)
        start, stop = block.start, block.start + len(block.data)
        here = [p for p in self._pulses if max(start, p[2][0]) < min(stop, p[2][1])]
        if not here:
            return block
        seen = seen_by(self._vis, start, stop, tuple(place for *_, place in here))
        light = np.zeros_like(seen.beam)
        freq, tsamp_s = self.header.freq_mhz, self.header.tsamp_s
        for row, (pulse, fluence, (first, last), _) in zip(light, here, strict=True):
            low, high = max(start, first), min(stop, last)
            row[low - start : high - start] = pulse_flux(pulse, fluence, freq, tsamp_s, (low, high))
        light *= seen.beam
        data = subtract(block.data, seen.turn, seen.delay_s, -light, self._channels)
        return replace(block, data=np.asarray(data))
