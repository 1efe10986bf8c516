"""``slowburst survey expected``: pulses that known sources should have in a recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import known as known_option


def expected(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="A recording, or a folder of slowburst search."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    known: Annotated[
        list[str] | None, typer.Option("--known", metavar="CATALOG", help=known_option.HELP)
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option("--noise", help="Jy, of one sample of all channels. [of the search]"),
    ] = None,
    spectral_index: Annotated[
        float | None,
        typer.Option("--spectral-index", help="Of sources whose own is not known. [-1.6]"),
    ] = None,
    activity: Annotated[
        float | None, typer.Option("--activity", help="Share of pulses that are emitted. [1]")
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Which known sources are in the field, and what they should show.

    Writes expected.ecsv, arrivals.ecsv for sources whose times are known, and summary.json.

    Example: slowburst survey expected results --out expected --known pulsars.csv
    """
    from pipeline.cli.options import with_options
    from pipeline.cli.survey_expected_field import look, seen_of
    from pipeline.cli.survey_expected_results import said, write_results
    from pipeline.errors import InputError
    from pipeline.sinks.atomic import check_folder
    from surveys.known_sources.arrivals import arrivals
    from surveys.known_sources.expected import ExpectedSettings, expected_pulses

    given = {"spectral_index": spectral_index, "activity": activity}
    settings = with_options(ExpectedSettings(), given)
    check_folder(out)
    sources = known_option.read_catalogs(known)
    if sources is None:
        raise InputError("command line", "--known", "is none", "give a catalog")
    field = look(inputs, noise)
    inside, stay = seen_of(field, sources)
    chosen = sources.chosen(inside)
    table = expected_pulses(chosen, stay, field.observation, settings)
    summary = write_results(
        out, table, arrivals(chosen, field.observation), field, settings, sources
    )
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    for note in field.notes:
        typer.echo(f"note: {note}", err=True)
    for line in said(table, summary):
        typer.echo(line)
    typer.echo(f"results: {out}")
