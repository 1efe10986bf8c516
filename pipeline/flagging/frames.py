"""Flags of fixed frames of a recording.

Statistics need neighbours, and must not depend on how samples are asked for: a cut-out reads
again what a search has read. The frames are therefore those of the recording. Each is judged
when one of its samples is first asked for, and what was flagged is remembered: about a
kilobyte a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Block
from pipeline.visibilities.block import VisBlock

Data = TypeVar("Data", VisBlock, Block)


class Flags(NamedTuple):
    """What is flagged of some samples.

    Attributes
    ----------
    cells : (time, channel) bool
    baselines : (baseline,) bool
        Of the whole frame; empty for images.
    """

    cells: NDArray[np.bool_]
    baselines: NDArray[np.bool_]


class FramedReads(Generic[Data]):
    """Reads samples, and whole frames where these are not yet judged.

    Samples that are asked for in order are read once, and those of a frame beyond what was
    asked for are kept for the next time.

    Parameters
    ----------
    read : callable
        ``read(start, stop)``: samples as they were recorded.
    n_samples, length : int
        Of the recording, and of a frame. The last frame may be half as long again.
    judge : callable
        What is flagged of a whole frame.
    """

    def __init__(
        self,
        read: Callable[[int, int], Data],
        n_samples: int,
        length: int,
        judge: Callable[[Data], Flags],
    ) -> None:
        self._read, self._judge = read, judge
        self._n_samples, self._length = n_samples, length
        self._n_frames = max(1, round(n_samples / length))
        self._judged: dict[int, tuple[NDArray[np.uint8], tuple[int, ...], NDArray[np.uint8]]] = {}
        self._n_baselines = 0
        self._spare: Data | None = None

    def _bounds(self, i: int) -> tuple[int, int]:
        last = i == self._n_frames - 1
        return i * self._length, self._n_samples if last else (i + 1) * self._length

    def _frames(self, start: int, stop: int) -> range:
        most = self._n_frames - 1
        return range(min(start // self._length, most), min((stop - 1) // self._length, most) + 1)

    def read(self, start: int, stop: int) -> tuple[Data, list[Flags]]:
        """Samples ``start`` to ``stop`` of the recording, and what is flagged in each frame."""
        if stop <= start:
            return self._read(start, stop), []
        new = [i for i in self._frames(start, stop) if i not in self._judged]
        low = min([start, *(self._bounds(i)[0] for i in new)])
        high = max([stop, *(self._bounds(i)[1] for i in new)])
        block = self._with_spare(low, high)
        for i in new:
            self._keep(i, self._judge(_cut(block, *self._bounds(i))))
        end = block.start + len(block.data)
        self._spare = _cut(block, stop, end) if end > stop else None
        return _cut(block, start, stop), self._known(start, stop)

    def judge(self, start: int, stop: int) -> Flags:
        """What is flagged of samples, which are read if need be; baselines of the first frame."""
        for i in self._frames(start, stop):
            if i not in self._judged:
                self._keep(i, self._judge(self._read(*self._bounds(i))))
        parts = self._known(start, stop)
        return Flags(np.concatenate([p.cells for p in parts]), parts[0].baselines)

    def _with_spare(self, low: int, high: int) -> Data:
        """Samples ``low`` to ``high``, or more of them where they are at hand."""
        spare, self._spare = self._spare, None
        if spare is None or spare.start != low:
            return self._read(low, high)
        end = spare.start + len(spare.data)
        if end >= high:
            return spare
        more = self._read(end, high)
        data = np.concatenate([spare.data, more.data])
        return replace(spare, data=data, weights=np.concatenate([spare.weights, more.weights]))

    def _keep(self, i: int, flags: Flags) -> None:
        self._n_baselines = len(flags.baselines)
        cells = np.packbits(flags.cells)
        self._judged[i] = cells, flags.cells.shape, np.packbits(flags.baselines)

    def _unpacked(self, i: int) -> Flags:
        cells, shape, baselines = self._judged[i]
        n = int(np.prod(shape))
        return Flags(
            np.unpackbits(cells, count=n).astype(bool).reshape(shape),
            np.unpackbits(baselines, count=self._n_baselines).astype(bool),
        )

    def _known(self, start: int, stop: int) -> list[Flags]:
        """What is flagged, frame by frame."""
        parts = []
        for i in self._frames(start, stop):
            first, last = self._bounds(i)
            flags = self._unpacked(i)
            part = slice(max(start, first) - first, min(stop, last) - first)
            parts.append(Flags(flags.cells[part], flags.baselines))
        return parts


def flagged_weights(weights: NDArray[np.float32], flags: list[Flags]) -> NDArray[np.float32]:
    """Weights of consecutive samples, 0 for what is flagged in each frame."""
    weights, first = weights.copy(), 0
    for cells, baselines in flags:
        part = weights[first : first + len(cells)]
        if part.ndim == 3:
            part[:, baselines] = 0
            cells = np.broadcast_to(cells[:, None], part.shape)
        part[cells] = 0
        first += len(cells)
    return weights


def _cut(block: Data, start: int, stop: int) -> Data:
    part = slice(start - block.start, stop - block.start)
    return replace(block, start=start, data=block.data[part], weights=block.weights[part])


def frame_length(sample_bytes: int, least: int = 16, most: int = 64) -> int:
    """Samples of a frame: a power of two, of some 64 MiB at most unless it is the least."""
    length = most
    while length > least and length * sample_bytes > 64 << 20:
        length //= 2
    return length
