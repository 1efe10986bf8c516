"""A recording that is held in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Reader, StreamHeader
from pipeline.readers.base import BaseReader


class HeldReader(BaseReader):
    """Images of a recording in memory.

    Parameters
    ----------
    header : StreamHeader
    data : (time, channel, y, x) float32
    weights : (time, channel) float32
    """

    def __init__(
        self, header: StreamHeader, data: NDArray[np.float32], weights: NDArray[np.float32]
    ) -> None:
        self.header, self.data, self.weights = header, data, weights

    @classmethod
    def of(cls, reader: Reader, piece: int = 64) -> HeldReader:
        """What another reader reads, which is not closed."""
        header = reader.header
        data = np.empty((header.n_samples, header.n_channels, *header.shape), np.float32)
        weights = np.empty(data.shape[:2], np.float32)
        for start in range(0, header.n_samples, piece):
            block = reader.read(start, start + piece)
            here = slice(start, start + block.n_samples)
            data[here], weights[here] = block.data, block.weights
        return cls(header, data, weights)

    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.data[start:stop].copy(), self.weights[start:stop].copy()

    def cropped(self, rows: slice, columns: slice) -> HeldReader:
        """Some of the pixels, which are not copied."""
        part = self.data[:, :, rows, columns]
        return HeldReader(self.header.cropped(rows, columns), part, self.weights)

    def close(self) -> None:
        """Nothing is open."""
