"""What comes next is computed while the last is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def computed_ahead(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    n_threads: int = 1,
    n_ahead: int = 1,
) -> Iterator[Result]:
    """Results of a function, in the order of what it is called with.

    Parameters
    ----------
    function : callable
    items : iterable
    n_threads : int
        That compute.
    n_ahead : int
        Results that may wait beside the one that is handed out.
    """
    with ThreadPoolExecutor(n_threads) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > n_ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
