"""``slowburst sizes``: galaxies as instruments would see them, and how large they would look."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from surveys.mock_sizes.settings import SizesSettings


def sizes(
    config: Annotated[Path, typer.Argument(help="TOML file of galaxies and instruments.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the results.")] = None,
    make_corrections: Annotated[
        Path | None,
        typer.Option(
            help="Instead of results: the table that corrects sizes, made for these instruments."
        ),
    ] = None,
    galaxies: Annotated[
        int | None,
        typer.Option(help="Simulated for each instrument of --make-corrections. [16000]"),
    ] = None,
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

    from pipeline.cli.sizes_corrections import check_options, write_corrections
    from pipeline.config import input_error, load_config
    from pipeline.device import prepare
    from surveys.errors import SettingProblem
    from surveys.mock_sizes.settings import SizesSettings

    check_options(out, make_corrections, galaxies)
    settings = load_config(config, SizesSettings)
    if seed is not None:
        settings = replace(settings, run=replace(settings.run, seed=seed))
    prepare()
    try:
        if make_corrections is not None:
            summary, lines = write_corrections(settings, config, make_corrections, galaxies)
        else:
            assert out is not None
            summary, lines = _observed(settings, config, out)
    except SettingProblem as error:
        raise input_error(error, str(config)) from error
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    for line in lines:
        typer.echo(line)


def _observed(
    settings: SizesSettings, config: Path, out: Path
) -> tuple[dict[str, Any], Iterable[str]]:
    """Results in a folder; their summary, and in lines."""
    from pipeline.cli.progress import progress_bar
    from pipeline.cli.sizes_results import said, write_results
    from surveys.mock_sizes.run import run

    with progress_bar("measuring sizes") as tell:
        sample = run(settings, config, tell)
    summary = write_results(out, sample)
    return summary, [*said(summary), f"results: {out}"]
