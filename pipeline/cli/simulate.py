"""``slowburst simulate``: simulated recordings with the truth beside them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

_PATIENCE_S = 2.0


def simulate(
    config: Annotated[Path, typer.Argument(help="TOML file: what to simulate.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Instead of the configuration's.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier simulation in the folder.")
    ] = False,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Simulate an image cube or filterbank: noise, sources, pulses, RFI and gaps.

    Writes the recording, truth.ecsv, config.toml and summary.json to the folder.

    Example: slowburst simulate burst.toml --out sim --seed 1, where burst.toml holds

    image.shape = [64, 64]

    pulses = [{time_s = 30, width_s = 0.27, dm = 500, snr = 20, x = 20.5, y = 40}]
    """
    from pipeline.config import load_config
    from pipeline.simulation import SimulationConfig
    from pipeline.simulation import simulate as run

    parsed = load_config(config, SimulationConfig)
    with progress_bar() as progress:
        result = run(parsed, out, seed, overwrite=overwrite, progress=progress, where=str(config))
    if json_summary:
        typer.echo(json.dumps(result.summary))
        return
    typer.echo(
        f"{result.summary['data_seconds']:.0f} s of data in {out} "
        f"({result.summary['realtime_factor']:.0f} times real time)"
    )


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar on the error stream that appears after two seconds, on terminals only."""
    columns = (TextColumn("simulating"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("simulating")
    begun = time.monotonic()

    def update(done: int, total: int) -> None:
        if not bar.live.is_started and time.monotonic() - begun > _PATIENCE_S:
            bar.start()
        bar.update(task, completed=done, total=total)

    bar.disable = not bar.console.is_terminal
    try:
        yield update
    finally:
        bar.stop()
