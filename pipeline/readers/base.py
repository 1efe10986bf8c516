"""What every reader shares: clipping, the context manager, the weights of NaN."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Block, StreamHeader
from pipeline.errors import InputError


class BaseReader(ABC):
    """Random access to a recording; subclasses say how samples are read.

    Attributes
    ----------
    header : StreamHeader
        Axes and units.
    """

    header: StreamHeader

    def read(self, start: int, stop: int) -> Block:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording.

        Returns
        -------
        Block
            Empty when the range lies outside the recording.
        """
        start = min(max(start, 0), self.header.n_samples)
        stop = min(max(stop, start), self.header.n_samples)
        data, weights = self._read(start, stop)
        return Block(start, data, weights)

    @abstractmethod
    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Data (time, channel, y, x) and weights (time, channel) of a legal range."""

    @abstractmethod
    def close(self) -> None:
        """Release the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def flag_nonfinite(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn infinities into NaN in place and return the weights.

    Parameters
    ----------
    data : (time, channel, y, x) float32
        Changed in place.

    Returns
    -------
    (time, channel) float32
        1 where any pixel is finite, else 0.
    """
    weights = np.ones(data.shape[:2], np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        suspect = ~np.isfinite(data.sum(axis=(2, 3)))
    for t, c in zip(*np.nonzero(suspect), strict=True):
        plane = data[t, c]
        finite = np.isfinite(plane)
        plane[~finite] = np.nan
        weights[t, c] = finite.any()
    return weights


def check_channels(freq_mhz: NDArray[np.float64], where: str, field: str) -> None:
    """Raise InputError unless the channel centres are positive and strictly monotonic."""
    freq = np.asarray(freq_mhz)
    if freq.size == 0:
        raise InputError(where, field, "holds no channel", "write at least one channel")
    if not np.all(np.isfinite(freq)) or np.any(freq <= 0):
        bad = int(np.flatnonzero(~(np.isfinite(freq) & (freq > 0)))[0])
        problem = f"channel {bad} is at {freq[bad]} MHz"
        raise InputError(where, field, problem, "give channel centres in MHz, all above 0")
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
    """Raise InputError unless the sampling interval is a positive number."""
    if not (np.isfinite(tsamp_s) and tsamp_s > 0):
        problem = f"sampling interval is {tsamp_s} s"
        raise InputError(where, field, problem, "give the sampling interval in seconds, above 0")


def missing_block(
    n_samples: int, header: StreamHeader
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """NaN data and zero weights for samples that were never recorded."""
    data = np.full((n_samples, header.n_channels, *header.shape), np.nan, np.float32)
    return data, np.zeros((n_samples, header.n_channels), np.float32)
