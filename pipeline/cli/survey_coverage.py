"""``slowburst survey coverage``: where searches looked, how long, and how deep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def coverage(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT...",
            help="Folders of searches, tables of pointings, other coverage.h5.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the map; it is added to.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with these and more settings.")
    ] = None,
    nside: Annotated[
        int | None, typer.Option("--nside", help="Of HEALPix. [as there is, or 256]")
    ] = None,
    frame: Annotated[
        str | None, typer.Option("--frame", help="icrs or galactic. [as there is, or icrs]")
    ] = None,
    flux: Annotated[
        list[float] | None,
        typer.Option("--flux", help="Jy, of pulses whose exposure is mapped; may be repeated."),
    ] = None,
    width: Annotated[
        list[float] | None,
        typer.Option("--width", help="Seconds, of these pulses; may be repeated."),
    ] = None,
    completeness: Annotated[
        Path | None,
        typer.Option("--completeness", help="Folder of slowburst inject. [Gaussian noise]"),
    ] = None,
    figures: Annotated[bool, typer.Option(help="Draw figures.")] = True,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Map what was searched: time of each pixel of the sky at each noise.

    Writes coverage.h5, maps of exposure and sensitivity, outlines, area.ecsv, summary.json and
    figures. Sources that the folder's coverage.h5 has already are left out.

    Example: slowburst survey coverage results --out coverage --flux 0.3 --width 2
    """
    from pipeline.cli.options import with_options
    from pipeline.cli.progress import progress_bar
    from pipeline.cli.survey_coverage_results import begun, said, save, write_results
    from pipeline.config import load_config
    from pipeline.sinks.atomic import check_folder
    from surveys.coverage.completeness import IdealCompleteness, read_completeness
    from surveys.coverage.run import cover
    from surveys.coverage.settings import CoverageSettings

    settings = load_config(config, CoverageSettings) if config else CoverageSettings()
    given = {"nside": nside, "frame": frame, "completeness": completeness}
    given |= {"flux_jy": flux, "width_s": width}
    settings = with_options(settings, given, {"flux_jy": "flux", "width_s": "width"})
    check_folder(out)
    share = IdealCompleteness(efficiency=settings.efficiency)
    found = read_completeness(settings.completeness) if settings.completeness else share
    with progress_bar("mapping") as tell:
        run = cover(inputs, settings, begun(out), save(out, settings), tell)
    summary = write_results(out, run, settings, found, figures)
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    for line in said(summary):
        typer.echo(line)
    typer.echo(f"results: {out}")
