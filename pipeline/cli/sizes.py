"""``slowburst sizes``: galaxies as instruments would see them, and how large they would look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def sizes(
    config: Annotated[Path, typer.Argument(help="TOML file of galaxies and instruments.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", min=0, max=(1 << 63) - 1, help="Of everything random. [of the file]"
        ),
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Mock observations of galaxies with NIRCam and ALMA, and their sizes.

    Writes sizes.ecsv, observations.ecsv, ratios.ecsv, relations.ecsv, summary.json and figures.

    Example: slowburst sizes examples/sizes/flares.toml --out sizes
    """
    from dataclasses import replace

    from pipeline.cli.progress import progress_bar
    from pipeline.cli.sizes_results import said, write_results
    from pipeline.config import input_error, load_config
    from pipeline.device import prepare
    from pipeline.sinks.atomic import check_folder
    from surveys.errors import SettingProblem
    from surveys.mock_sizes.run import run
    from surveys.mock_sizes.settings import SizesSettings

    settings = load_config(config, SizesSettings)
    check_folder(out)
    if seed is not None:
        settings = replace(settings, run=replace(settings.run, seed=seed))
    prepare()
    try:
        with progress_bar("measuring sizes") as tell:
            sample = run(settings, config, tell)
    except SettingProblem as error:
        raise input_error(error, str(config)) from error
    summary = write_results(out, sample)
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    for line in said(summary):
        typer.echo(line)
    typer.echo(f"results: {out}")
