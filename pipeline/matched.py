"""The matched filter for point sources: its template, and a recording seen through it."""

from __future__ import annotations

import math
from typing import Self

import jax
import numpy as np
from numpy.typing import NDArray

from cerberus.kernels.spatial import matched_filter
from pipeline.block import Block, Reader, StreamHeader
from pipeline.errors import InputError
from pipeline.readers.base import CroppedReader
from pipeline.stages import Stages

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


class MatchedReader:
    """A recording whose images went through the matched filter.

    Parameters
    ----------
    reader : Reader
    template : (ky, kx) float32
    """

    def __init__(self, reader: Reader, template: NDArray[np.float32]) -> None:
        self.header, self._reader, self._template = reader.header, reader, template
        self._filter = jax.jit(lambda data: matched_filter(data, template))

    @property
    def stages(self) -> Stages:
        return self._reader.stages

    def read(self, start: int, stop: int) -> Block:
        block = self._reader.read(start, stop)
        flux = self._filter(block.data)
        return Block(block.start, np.asarray(flux), block.weights)

    def gain(self, sample: int) -> NDArray[np.float32] | None:
        return self._reader.gain(sample)

    def cropped(self, rows: slice, columns: slice) -> Reader:
        """Some of the pixels, filtered with what is around them."""
        reach = np.array(self._template.shape) // 2
        (top, bottom, _), (left, right, _) = (
            s.indices(n) for s, n in zip((rows, columns), self.header.shape, strict=True)
        )
        above, before = min(top, reach[0]), min(left, reach[1])
        wide = self._reader.cropped(
            slice(top - above, bottom + reach[0]), slice(left - before, right + reach[1])
        )
        inner = slice(above, above + bottom - top), slice(before, before + right - left)
        return CroppedReader(MatchedReader(wide, self._template), *inner)

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
