"""Several recordings, consecutive in time, as one; what lies between them is a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from pipeline.block import Reader, StreamHeader
from pipeline.errors import InputError
from pipeline.readers.base import BaseReader, missing_block

_MAX_OFF_GRID = 0.25
_MAX_GAP_S = 86400.0


class ConcatReader(BaseReader):
    """Reads several recordings as one.

    Parameters
    ----------
    readers : sequence of Reader
        In any order; closed with this reader.

    Raises
    ------
    InputError
        Axes, units or WCS differ; two recordings overlap; one begins off the
        sampling grid of the first (by over a quarter of a sample) or more than a
        day after its predecessor.
    """

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = sorted(readers, key=lambda r: r.header.start.mjd)
        first = self._readers[0].header
        self._starts = [0]
        for before, reader in zip(self._readers, self._readers[1:], strict=False):
            check_same_axes(first, reader.header)
            end = self._starts[-1] + before.header.n_samples
            self._starts.append(_first_sample(first, before.header, reader.header, end))
        n_samples = self._starts[-1] + self._readers[-1].header.n_samples
        self.header = replace(first, n_samples=n_samples)

    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        data, weights = missing_block(stop - start, self.header)
        for reader, first in zip(self._readers, self._starts, strict=True):
            lo, hi = max(start, first), min(stop, first + reader.header.n_samples)
            if lo < hi:
                block = reader.read(lo - first, hi - first)
                data[lo - start : hi - start] = block.data
                weights[lo - start : hi - start] = block.weights
        return data, weights

    def close(self) -> None:
        for reader in self._readers:
            reader.close()


def _first_sample(first: StreamHeader, before: StreamHeader, header: StreamHeader, end: int) -> int:
    """Sample number at which ``header`` begins; ``end`` is the end of the one before."""
    position = float((header.start - first.start).to_value("s")) / first.tsamp_s
    sample = round(position)
    if sample < end:
        problem = f"begins {(end - position) * first.tsamp_s:.6g} s before {before.source} ends"
        remedy = "remove one of the overlapping recordings"
        raise InputError(header.source, "start time", problem, remedy)
    if abs(position - sample) > _MAX_OFF_GRID:
        problem = f"begins {position - sample:+.2f} samples off the sampling grid of {first.source}"
        raise InputError(header.source, "start time", problem, "search the recordings one by one")
    if (sample - end) * first.tsamp_s > _MAX_GAP_S:
        problem = f"begins more than a day after {before.source} ends"
        raise InputError(header.source, "start time", problem, "search the recordings one by one")
    return sample


def check_same_axes(first: StreamHeader, other: StreamHeader) -> None:
    """Raise InputError unless two recordings may stand in one stream."""
    where, name, remedy = other.source, first.source, "search the recordings one by one"
    if other.shape != first.shape:
        problem = f"images of {other.shape} pixels, {name} has {first.shape}"
        raise InputError(where, "shape", problem, remedy)
    if other.n_channels != first.n_channels:
        problem = f"{other.n_channels} channels, {name} has {first.n_channels}"
        raise InputError(where, "channels", problem, remedy)
    if not np.allclose(other.freq_mhz, first.freq_mhz, rtol=1e-6, atol=0):
        i = int(np.abs(other.freq_mhz - first.freq_mhz).argmax())
        problem = f"channel {i} at {other.freq_mhz[i]} MHz, {name} has {first.freq_mhz[i]} MHz"
        raise InputError(where, "channels", problem, remedy)
    drift = abs(other.tsamp_s / first.tsamp_s - 1) * other.n_samples
    if drift > 0.1:
        problem = f"sampled every {other.tsamp_s} s, {name} every {first.tsamp_s} s"
        raise InputError(where, "tsamp", problem, remedy)
    if other.bunit != first.bunit:
        raise InputError(where, "bunit", f"{other.bunit!r}, {name} has {first.bunit!r}", remedy)
    if not _same_wcs(first.wcs, other.wcs, first.shape):
        raise InputError(where, "wcs", f"shows another part of the sky than {name}", remedy)


def _same_wcs(a: WCS | None, b: WCS | None, shape: tuple[int, int]) -> bool:
    """Whether the corners of the image agree to a twentieth of a pixel."""
    if a is None or b is None:
        return a is b
    ny, nx = shape
    corners = np.array([[0, 0], [nx - 1, 0], [0, ny - 1], [nx - 1, ny - 1]], float)
    sky = a.wcs_pix2world(corners, 0)
    back = b.wcs_world2pix(sky, 0)
    return bool(np.all(np.abs(back - corners) < 0.05))
