"""``slowburst simulate``: simulated recordings with the truth beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.progress import progress_bar


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
    with progress_bar("simulating") as progress:
        result = run(parsed, out, seed, overwrite=overwrite, progress=progress, where=str(config))
    if json_summary:
        typer.echo(json.dumps(result.summary))
        return
    typer.echo(
        f"{result.summary['data_seconds']:.0f} s of data in {out} "
        f"({result.summary['realtime_factor']:.0f} times real time)"
    )
