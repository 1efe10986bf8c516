"""Who computes the tasks of a large sample: threads, processes or a cluster, by Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dask
from dask.callbacks import Callback

from surveys.errors import InputError, SettingProblem, check_ranges

LOCAL = ("threads", "processes", "synchronous")
"""Schedulers of Dask that need no cluster."""

Tell = Callable[[int, int], object]
"""Called with the tasks that are done and those there are."""


@dataclass(frozen=True)
class Workers:
    """Who computes.

    Attributes
    ----------
    scheduler : str
        "threads", "processes" or "synchronous" of Dask, or the address of a cluster.
    workers : int, optional
        As many as processors without.
    """

    scheduler: str = "threads"
    workers: int | None = None

    def __post_init__(self) -> None:
        check_ranges(self, {"workers": (1, 1024)})
        if self.scheduler not in LOCAL and "://" not in self.scheduler:
            known = ", ".join(repr(name) for name in LOCAL)
            remedy = f'give {known}, or an address such as "tcp://host:8786"'
            raise SettingProblem("scheduler", f"is {self.scheduler!r}", remedy)


def compute(
    tasks: Sequence[Any], who: Workers, where: tuple[str, str], tell: Tell, before: int = 0
) -> list[Any]:
    """Results of delayed tasks, in their order.

    Parameters
    ----------
    tasks : sequence of dask.delayed
    who : Workers
    where : (str, str)
        The file and the field of the scheduler, for errors.
    tell : callable
    before : int
        Tasks that were done already.

    Raises
    ------
    InputError
        There is no cluster at the address.
    """
    with _scheduler(who, where) as how, _Told(tell, before, len(tasks)):
        return list(dask.compute(*tasks, **how))  # type: ignore[attr-defined]


@contextmanager
def _scheduler(who: Workers, where: tuple[str, str]) -> Iterator[dict[str, Any]]:
    """What `dask.compute` is told."""
    if who.scheduler in LOCAL:
        yield {"scheduler": who.scheduler, "num_workers": who.workers, "chunksize": 1}
        return
    remedy = "start a scheduler there, or give 'threads'"
    try:
        from dask.distributed import Client  # type: ignore[attr-defined]
    except ImportError as error:
        problem = f"is {who.scheduler!r}, and distributed is not installed"
        raise InputError(*where, problem, "pip install 'slowburst[cluster]'") from error
    try:
        client = Client(who.scheduler, timeout=10)
    except (OSError, ValueError) as error:
        problem = f"is {who.scheduler!r}, where nothing answers"
        raise InputError(*where, problem, remedy) from error
    with client:
        yield {"scheduler": client}


class _Told(Callback):
    """Tells how many tasks are done."""

    def __init__(self, tell: Tell, before: int, n: int) -> None:
        super().__init__(posttask=self._count)
        self.tell, self.n_done, self.n = tell, before, before + n
        tell(before, self.n)

    def _count(self, key: Any, result: Any, dsk: Any, state: Any, worker: Any) -> None:
        self.n_done += 1
        self.tell(self.n_done, self.n)
