"""``slowburst survey limits``: what a search that found k bursts says of their rate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def limits(
    coverage: Annotated[
        Path, typer.Argument(help="Folder or file of `slowburst survey coverage`.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    config: Annotated[Path | None, typer.Option("--config", help="TOML file of settings.")] = None,
    completeness: Annotated[
        Path | None, typer.Option("--completeness", help="Folder of `slowburst inject`.")
    ] = None,
    detections: Annotated[
        int | None, typer.Option("--detections", help="How many were found. (of the file, or 0)")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option("--events", help="Or a table of them with ra and dec: candidates.ecsv."),
    ] = None,
    confidence: Annotated[
        float | None, typer.Option("--confidence", help="Of limits. (of the file, or 0.95)")
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Limits on the rate of bursts and on the number of sources that pulse with a period.

    Writes limits.ecsv, cells.ecsv, cells.h5, limits.fits (HEALPix), periodic.ecsv, periodic.h5,
    summary.json and figures.

    Example: slowburst survey limits coverage --out limits --completeness completeness
    """
    from dataclasses import replace

    from pipeline.cli.options import with_options
    from pipeline.cli.progress import progress_bar
    from pipeline.cli.survey_limits_results import said, write_results
    from pipeline.config import input_error, load_config
    from pipeline.device import prepare
    from pipeline.sinks.atomic import check_folder
    from surveys.coverage.coverage_file import read_coverage
    from surveys.errors import SettingProblem
    from surveys.rates.run import run
    from surveys.rates.settings import LimitsSettings

    settings = LimitsSettings()
    if config is not None:
        settings = load_config(config, LimitsSettings).found_from(config.parent)
    given = {"detections": detections, "events": events, "confidence": confidence}
    counts = with_options(settings.counts, given)
    found = with_options(
        settings.completeness, {"folder": completeness}, {"folder": "completeness"}
    )
    settings = replace(settings, counts=counts, completeness=found)
    check_folder(out)
    prepare()
    try:
        with progress_bar("computing limits") as tell:
            results = run(read_coverage(coverage), settings, tell)
    except SettingProblem as error:
        raise input_error(error, str(config or "settings")) from error
    summary = write_results(out, results)
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    for line in said(summary):
        typer.echo(line)
    typer.echo(f"results: {out}")
