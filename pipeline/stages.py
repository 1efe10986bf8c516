"""How long each stage of the way from a recording to detections was at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

IDLE = ""
"""What a stage does while it waits for another."""

STEADY_SOURCES = "steady sources"
"""The only stage before the first sample is searched."""

Tell = Callable[..., None]
"""``tell(done, total, note="")``, of a stage that takes its time."""


class Stages:
    """Seconds that stages were at work, in any thread.

    A stage within another is not counted as part of that. Stages of different threads overlap.

    Attributes
    ----------
    seconds : dict
        Of each stage by its name, in the order in which they first were at work.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock, self._here = threading.Lock(), threading.local()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time what is done within, as a part of a stage; :data:`IDLE` is none."""
        inner: list[float] = getattr(self._here, "inner", [])
        self._here.inner = [*inner, 0.0]
        begun = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - begun
            own = took - self._here.inner[-1]
            if inner:
                inner[-1] += took
            self._here.inner = inner
            if name != IDLE:
                with self._lock:
                    self.seconds[name] = self.seconds.get(name, 0.0) + own
