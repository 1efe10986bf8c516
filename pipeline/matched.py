"""The matched filter for point sources: its template, and a recording seen through it."""

from __future__ import annotations

import math
from dataclasses import replace

import jax
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from cerberus.kernels.spatial import matched_filter
from pipeline.block import Reader, StreamHeader, pixel_bounds
from pipeline.errors import InputError
from pipeline.readers.base import BaseReader, CroppedReader

_REACH_FWHM = 1.2

CORRELATION = math.sqrt(2)
"""FWHM of a point source and of the noise in filtered images, over that of the beam."""


def point_template(header: StreamHeader) -> NDArray[np.float32]:
    """The main lobe of the PSF, with its peak in the middle of an odd number of pixels.

    Sidelobes are left out: they hold the flux of other sources.

    Raises
    ------
    InputError
        If the recording has no PSF.
    """
    if header.psf is None:
        remedy = "write the PSF to the recording, or leave the matched filter out"
        raise InputError(header.source, "/psf", "is not there for the matched filter", remedy)
    reach = math.ceil(_REACH_FWHM * header.beam_fwhm_px)
    psf = np.pad(header.psf, reach)
    y, x = np.unravel_index(int(psf.argmax()), psf.shape)
    return psf[y - reach : y + reach + 1, x - reach : x + reach + 1]


def as_searched(reader: Reader, template: NDArray[np.float32] | None) -> Reader:
    """The images that a search with this template, or without one, looks at."""
    return reader if template is None else MatchedReader(reader, template)


def header_as_searched(header: StreamHeader, template: NDArray[np.float32] | None) -> StreamHeader:
    """The header with the PSF and the beam that sources have in those images."""
    if template is None or header.psf is None:
        return header
    psf = fftconvolve(header.psf, template[::-1, ::-1], mode="same")
    fwhm = header.beam_fwhm_px * CORRELATION
    return replace(header, psf=(psf / psf.max()).astype(np.float32), beam_fwhm_px=fwhm)


class MatchedReader(BaseReader):
    """A recording whose images went through the matched filter.

    Parameters
    ----------
    reader : Reader
        Closed with this one.
    template : (ky, kx) float32
    """

    stage = "filter"

    def __init__(self, reader: Reader, template: NDArray[np.float32]) -> None:
        self.header, self._reader, self._template = reader.header, reader, template
        self._filter = jax.jit(lambda data: matched_filter(data, template))

    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        block = self._reader.read(start, stop)
        return np.asarray(self._filter(block.data)), block.weights

    @property
    def reads_whole(self) -> bool:
        return self._reader.reads_whole

    def gain(self, sample: int) -> NDArray[np.float32] | None:
        return self._reader.gain(sample)

    def cropped(self, rows: slice, columns: slice) -> Reader:
        """Some of the pixels, filtered with what is around them."""
        high, wide = np.array(self._template.shape) // 2
        top, bottom, left, right = pixel_bounds(rows, columns, self.header.shape)
        above, before = min(top, high), min(left, wide)
        around = self._reader.cropped(
            slice(top - above, bottom + high), slice(left - before, right + wide)
        )
        inner = slice(above, above + bottom - top), slice(before, before + right - left)
        return CroppedReader(MatchedReader(around, self._template), *inner)

    def close(self) -> None:
        self._reader.close()
