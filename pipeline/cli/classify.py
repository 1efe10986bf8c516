"""``slowburst classify``: the probability that candidates of a search are real."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def classify(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="The --out folders of searches.")
    ],
    model: Annotated[
        Path | None,
        typer.Option("--model", help="What slowburst train wrote. [that of the program]"),
    ] = None,
    prior: Annotated[
        float | None, typer.Option("--prior", help="Share of candidates that are real. [0.5]")
    ] = None,
    report: Annotated[bool, typer.Option(help="Remake report.html.")] = True,
) -> None:
    """Give the candidates of earlier searches the probability that they are real.

    Fills the column p_real of candidates.ecsv and candidates.h5; nothing is dropped.

    Example: slowburst classify results --model classifier/classifier.npz
    """
    from pipeline.classifier.classify import classify_folder
    from pipeline.classifier.model import load
    from pipeline.classifier.settings import ClassifierSettings
    from pipeline.cli.options import with_options

    settings = with_options(ClassifierSettings(), {"model": model, "prior": prior})
    classifier = load(settings.model)
    for folder in folders:
        found = classify_folder(folder, classifier, settings.prior)
        if report:
            from pipeline.report import make_report

            make_report(folder)
        typer.echo(
            f"{folder}: {found['n_classified']} of {found['n_candidates']} candidates classified, "
            f"{found['n_likely_real']} rather real than not"
        )
