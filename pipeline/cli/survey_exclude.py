"""``slowburst survey exclude``: models of transients that a search without a detection rejects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def exclude(
    coverage: Annotated[Path, typer.Argument(help="Folder of `slowburst survey coverage`.")],
    config: Annotated[Path, typer.Argument(help="TOML file of a model and its parameters.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Models of long-period transients that a search without a detection rejects.

    Writes exclusion.ecsv, cells.ecsv, rejected.fits, summary.json and figures.

    Example: slowburst survey exclude coverage examples/survey/exclude_white_dwarf.toml --out out
    """
    from pipeline.cli.progress import progress_bar
    from pipeline.cli.survey_exclude_results import said, write_results
    from pipeline.config import input_error, load_config
    from pipeline.sinks.atomic import check_folder
    from surveys.errors import SettingProblem
    from surveys.transients.exclusion import exclude as computed
    from surveys.transients.region import read_region
    from surveys.transients.settings import ExcludeSettings

    settings = load_config(config, ExcludeSettings)
    check_folder(out)
    try:
        region, search = read_region(coverage, settings.search, str(config))
        with progress_bar("models") as tell:
            found = computed(settings, region, search, str(config), tell)
    except SettingProblem as error:
        raise input_error(error, str(config)) from error
    summary = write_results(out, found, coverage)
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    for line in said(summary):
        typer.echo(line)
    typer.echo(f"results: {out}")
