"""A progress bar on the error stream that appears after two seconds, on terminals only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

_PATIENCE_S = 2.0


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[..., None]]:
    """Yield ``update(done, total, note="")``."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(title, note="")
    begun = time.monotonic()

    def update(done: int, total: int, note: str = "") -> None:
        if not bar.live.is_started and time.monotonic() - begun > _PATIENCE_S:
            bar.start()
        bar.update(task, completed=done, total=total, note=note)

    bar.disable = not bar.console.is_terminal
    try:
        yield update
    finally:
        bar.stop()
