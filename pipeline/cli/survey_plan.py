"""``slowburst survey plan``: which fields, when, and in which order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def plan(
    config: Annotated[Path, typer.Argument(help="TOML file of telescope, region and times.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Tiles of a region, windows, and a schedule of elevations or pointings against time.

    Writes pointings.ecsv, schedule.ecsv, .csv and .json, tiles.ecsv, windows.ecsv, summary.json
    and figures.

    Example: slowburst survey plan examples/survey/plan_dsa110.toml --out plan
    """
    from pipeline.cli.progress import progress_bar
    from pipeline.cli.survey_plan_results import said, write_results
    from pipeline.config import input_error, load_config
    from pipeline.sinks.atomic import check_folder
    from surveys.errors import SettingProblem
    from surveys.planning.plan import make_plan
    from surveys.planning.settings import PlanSettings

    settings = load_config(config, PlanSettings)
    check_folder(out)
    try:
        with progress_bar("planning") as tell:
            made = make_plan(settings, config, tell)
    except SettingProblem as error:
        raise input_error(error, str(config)) from error
    summary = write_results(out, made)
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    for line in said(summary):
        typer.echo(line)
    typer.echo(f"results: {out}")
