"""`slowburst report`: remake the report of a search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The --out folder of a finished search.")
    ],
    most_figures: Annotated[
        int,
        typer.Option("--most-figures", min=0, help="Candidates, best first, that get a figure."),
    ] = 100,
) -> None:
    """Remake report.html and its figures from candidates.h5.

    Example: slowburst report results/
    """
    from pipeline.report import make_report

    page = make_report(folder, most_figures)
    typer.echo(f"report: {page}")
