"""What every reader shares: clipping, the context manager, the weights of NaN."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Block, Reader, StreamHeader
from pipeline.errors import InputError
from pipeline.flagging.tally import Tally
from pipeline.stages import Stages

LARGEST_SAMPLE = 1e15
"""Samples beyond it, of either sign, are rubbish: their squares overflow single precision."""

_PIECE_BYTES = 32 << 20
"""Whole images that are in memory while some of their pixels are read."""

_FREQ_MHZ = (1.0, 1e6)
_TSAMP_S = (1e-12, 86400.0)


class BaseReader(ABC):
    """Random access to a recording; subclasses say how samples are read.

    Attributes
    ----------
    header : StreamHeader
        Axes and units.
    stage : str
        What reading is among the stages.
    tally : Tally or None
        What was flagged of visibilities.
    """

    header: StreamHeader
    stage = "read"
    tally: Tally | None = None
    _stages: Stages | None = None

    @property
    def reads_whole(self) -> bool:
        """Whether images are read whole even where a part of them is asked for."""
        return True

    @property
    def stages(self) -> Stages:
        """What took how long."""
        if self._stages is None:
            self._stages = Stages()
        return self._stages

    def read(self, start: int, stop: int) -> Block:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording.

        Returns
        -------
        Block
            Empty when the range lies outside the recording.
        """
        start = min(max(start, 0), self.header.n_samples)
        stop = min(max(stop, start), self.header.n_samples)
        with self.stages(self.stage):
            data, weights = self._read(start, stop)
        return Block(start, data, weights)

    @abstractmethod
    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Data (time, channel, y, x) and weights (time, channel) of a legal range."""

    def gain(self, sample: int) -> NDArray[np.float32] | None:
        """Gain that the fluxes of images still have in them, (channel, y, x); None for 1."""
        return None

    def cropped(self, rows: slice, columns: slice) -> Reader:
        """Some of the pixels; it reads through this reader, which closes the file."""
        return CroppedReader(self, rows, columns)

    @abstractmethod
    def close(self) -> None:
        """Release the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class CroppedReader(BaseReader):
    """Some pixels of a recording.

    Parameters
    ----------
    reader : Reader
        Not closed with this one.
    rows, columns : slice
    """

    def __init__(self, reader: Reader, rows: slice, columns: slice) -> None:
        self._reader, self._pixels = reader, (..., rows, columns)
        self.header = reader.header.cropped(rows, columns)

    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        whole = self._reader.header
        at_once = max(1, _PIECE_BYTES // (4 * whole.n_channels * whole.shape[0] * whole.shape[1]))
        data = np.empty((stop - start, whole.n_channels, *self.header.shape), np.float32)
        weights = np.empty((stop - start, whole.n_channels), np.float32)
        for first in range(start, stop, at_once):
            block = self._reader.read(first, min(first + at_once, stop))
            here = slice(first - start, first - start + block.n_samples)
            data[here], weights[here] = block.data[self._pixels], block.weights
        return data, weights

    def gain(self, sample: int) -> NDArray[np.float32] | None:
        gain = self._reader.gain(sample)
        return None if gain is None else gain[self._pixels]

    def close(self) -> None:
        pass


def flag_unusable(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn infinities and what lies beyond `LARGEST_SAMPLE` into NaN; return the weights.

    Parameters
    ----------
    data : (time, channel, y, x) float32
        Changed in place.

    Returns
    -------
    (time, channel) float32
        1 where any pixel is usable, else 0.
    """
    weights = np.ones(data.shape[:2], np.float32)
    # A comparison with NaN is false.
    low, high = data.min(axis=(2, 3)), data.max(axis=(2, 3))
    good = (low >= -LARGEST_SAMPLE) & (high <= LARGEST_SAMPLE)
    for t, c in zip(*np.nonzero(~good), strict=True):
        plane = data[t, c]
        usable = np.abs(plane) <= LARGEST_SAMPLE
        plane[~usable] = np.nan
        weights[t, c] = usable.any()
    return weights


def check_channels(freq_mhz: NDArray[np.float64], where: str, field: str) -> None:
    """Raise InputError unless the channel centres are strictly monotonic, 1 MHz to 1 THz."""
    freq = np.asarray(freq_mhz)
    if freq.size == 0:
        raise InputError(where, field, "holds no channel", "write at least one channel")
    good = (freq >= _FREQ_MHZ[0]) & (freq <= _FREQ_MHZ[1])
    if not good.all():
        bad = int(np.flatnonzero(~good)[0])
        problem = f"channel {bad} is at {freq[bad]} MHz"
        raise InputError(where, field, problem, "give channel centres in MHz, from 1 to 1e6")
    step = np.diff(freq)
    if np.any(step == 0) or len(np.unique(freq)) < len(freq):
        values, counts = np.unique(freq, return_counts=True)
        problem = f"duplicated channel at {values[counts > 1][0]:.6f} MHz"
        raise InputError(where, field, problem, "keep one copy of each channel")
    if not (np.all(step > 0) or np.all(step < 0)):
        i = int(np.flatnonzero(np.sign(step) != np.sign(step[0]))[0])
        problem = f"unsorted channels ({freq[i]:.6f} MHz then {freq[i + 1]:.6f} MHz)"
        raise InputError(where, field, problem, "sort the channels, in either direction")


def check_tsamp(tsamp_s: float, where: str, field: str) -> None:
    """Raise InputError unless the sampling interval is positive and a day at most."""
    if not _TSAMP_S[0] <= tsamp_s <= _TSAMP_S[1]:
        problem = f"sampling interval is {tsamp_s} s"
        remedy = "give the sampling interval in seconds, above 0 and a day at most"
        raise InputError(where, field, problem, remedy)


def check_mjd(mjd: float, where: str, field: str, meaning: str) -> None:
    """Raise InputError unless a date is one; ``meaning`` says of what."""
    if not 0 <= mjd < 1e6:
        raise InputError(where, field, f"is {mjd}", f"give the UTC MJD of {meaning}")


def missing_block(
    n_samples: int, header: StreamHeader
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """NaN data and zero weights for samples that were never recorded."""
    data = np.full((n_samples, header.n_channels, *header.shape), np.nan, np.float32)
    return data, np.zeros((n_samples, header.n_channels), np.float32)
