"""A recording with pulses in it that were not there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Reader, StreamHeader, pixel_bounds
from pipeline.injection.pulses import Injection
from pipeline.readers.base import BaseReader
from pipeline.simulation.config import Psf
from pipeline.simulation.sky import PointSpread

_REACH_FWHM = 3.0

_Stamp = tuple[tuple[slice, slice], NDArray[np.float32]]


class InjectedReader(BaseReader):
    """Images of a recording with pulses in them.

    Parameters
    ----------
    reader : Reader
        Closed with this reader.
    injections : sequence of Injection

    Attributes
    ----------
    source : Reader
        What the pulses are put into.
    weights : (time, channel) float32
        Of the samples that were read so far, 0 elsewhere.
    """

    stage = "inject"

    def __init__(self, reader: Reader, injections: Sequence[Injection]) -> None:
        header = reader.header
        points = point_spread(header)
        self.header, self.source, self._owns = header, reader, True
        self._injections = [(one, points.stamp(one.x, one.y)) for one in injections]
        self.weights = np.zeros((header.n_samples, header.n_channels), np.float32)
        self._stages, self.tally = reader.stages, reader.tally

    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        block = self.source.read(start, stop)
        self.weights[start:stop] = block.weights
        for one, ((rows, columns), values) in self._injections:
            low, high = max(start, one.span[0]), min(stop, one.span[1])
            if low < high and values.size:
                flux = one.flux(self.header, (low, high)).astype(np.float32)
                here = block.data[low - start : high - start, :, rows, columns]
                here += flux[:, :, None, None] * values
        return block.data, block.weights

    @property
    def reads_whole(self) -> bool:
        return self.source.reads_whole

    def gain(self, sample: int) -> NDArray[np.float32] | None:
        return self.source.gain(sample)

    def cropped(self, rows: slice, columns: slice) -> Reader:
        """Some of the pixels, with the pulses that reach into them."""
        bounds = pixel_bounds(rows, columns, self.header.shape)
        part = InjectedReader(self.source.cropped(rows, columns), ())
        part._owns = False
        part._injections = [(one, _cut(stamp, bounds)) for one, stamp in self._injections]
        return part

    def close(self) -> None:
        if self._owns:
            self.source.close()


def point_spread(header: StreamHeader) -> PointSpread:
    """What a point looks like in images: the PSF to three beams from its peak, or a Gaussian.

    Sidelobes further out would be those of all pulses of a pass at once.
    """
    reach = int(np.ceil(_REACH_FWHM * header.beam_fwhm_px))
    if max(header.shape) == 1:
        return PointSpread(np.ones((1, 1), np.float32), header.shape)
    if header.psf is None:
        return PointSpread.of(Psf(fwhm_px=header.beam_fwhm_px), header.shape)
    row, column = np.unravel_index(int(header.psf.argmax()), header.psf.shape)
    top, left = max(int(row) - reach, 0), max(int(column) - reach, 0)
    psf = header.psf[top : int(row) + reach + 1, left : int(column) + reach + 1]
    return PointSpread(psf / psf.max(), header.shape)


def _cut(stamp: _Stamp, bounds: tuple[int, int, int, int]) -> _Stamp:
    """A stamp as seen in some of the pixels."""
    (rows, columns), values = stamp
    top, bottom, left, right = bounds
    first, last = max(rows.start, top), max(min(rows.stop, bottom), max(rows.start, top))
    begin, end = max(columns.start, left), max(min(columns.stop, right), max(columns.start, left))
    inner = values[
        first - rows.start : last - rows.start, begin - columns.start : end - columns.start
    ]
    return (slice(first - top, last - top), slice(begin - left, end - left)), inner
