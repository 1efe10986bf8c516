"""The next visibilities are read while the last are imaged."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pipeline.stages import IDLE, Stages
from pipeline.visibilities.block import VisBlock, VisReader, VisWrapper


@dataclass(frozen=True)
class _Asked:
    """Samples that are being read."""

    start: int
    stop: int
    block: Future[VisBlock]


class AheadReader(VisWrapper):
    """A recording of visibilities of which a thread reads the next samples in advance.

    As many as were asked for last. What is asked for out of order drops them.

    Parameters
    ----------
    vis : VisReader
        Closed with this reader. One thread reads it while others ask it for geometry.
    stages : Stages
    """

    def __init__(self, vis: VisReader, stages: Stages) -> None:
        super().__init__(vis)
        self._stages = stages
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="visibilities")
        self._asked: deque[_Asked] = deque()

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        start, stop = self.header.clipped(start, stop)
        asked = self._asked
        if asked and not asked[0].start <= start <= asked[-1].stop:
            self._drop()
        if start == stop:
            return self._vis.read(start, stop)
        self._ask(asked[-1].stop if asked else start, stop)
        parts = [self._part(a, start, stop) for a in asked if a.start < stop and a.stop > start]
        while asked and asked[0].stop <= stop:
            asked.popleft()
        if not asked:
            self._ask(stop, self.header.clipped(stop, 2 * stop - start)[1])
        if len(parts) == 1:
            return parts[0]
        data = np.concatenate([part.data for part in parts])
        return VisBlock(start, data, np.concatenate([part.weights for part in parts]))

    def _ask(self, start: int, stop: int) -> None:
        if start < stop:
            self._asked.append(_Asked(start, stop, self._pool.submit(self._read, start, stop)))

    def _part(self, asked: _Asked, start: int, stop: int) -> VisBlock:
        """What lies in a range of samples that were asked for."""
        with self._stages(IDLE):
            block = asked.block.result()
        low, high = max(start, asked.start), min(stop, asked.stop)
        part = slice(low - asked.start, high - asked.start)
        return VisBlock(low, block.data[part], block.weights[part])

    def _read(self, start: int, stop: int) -> VisBlock:
        with self._stages("read"):
            return self._vis.read(start, stop)

    def _drop(self) -> None:
        while self._asked:
            self._asked.popleft().block.cancel()

    def close(self) -> None:
        self._drop()
        self._pool.shutdown()
        super().close()
