"""The next visibilities are read while the last are imaged."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from pipeline.stages import IDLE, Stages
from pipeline.visibilities.block import VisBlock, VisReader, VisWrapper


class AheadReader(VisWrapper):
    """A recording of visibilities of which a thread reads the next block in advance.

    The next is as long as the last. One block waits at a time; one that is not asked for is
    dropped.

    Parameters
    ----------
    vis : VisReader
        Closed with this reader. It is used by one thread at a time.
    stages : Stages
    """

    def __init__(self, vis: VisReader, stages: Stages) -> None:
        super().__init__(vis)
        self._stages = stages
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="visibilities")
        self._next: tuple[tuple[int, int], Future[VisBlock]] | None = None

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        start, stop = self.header.clipped(start, stop)
        waiting, self._next = self._next, None
        if waiting is None or waiting[0] != (start, stop):
            waiting = (start, stop), self._pool.submit(self._read, start, stop)
        with self._stages(IDLE):
            block = waiting[1].result()
        following = self.header.clipped(stop, 2 * stop - start)
        if following[0] < following[1]:
            self._next = following, self._pool.submit(self._read, *following)
        return block

    def _read(self, start: int, stop: int) -> VisBlock:
        with self._stages("read"):
            return self._vis.read(start, stop)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        super().close()
