"""``slowburst train``: a classifier of candidates, from simulations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import with_options
from pipeline.cli.progress import progress_bar


def train(
    out: Annotated[Path, typer.Option("--out", help="Folder for the examples and the results.")],
    seed: Annotated[int | None, typer.Option("--seed", help="Of everything random. [0]")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes that make examples. [2]")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with these and more settings.")
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Train a classifier of candidates on simulated recordings, and judge it by others.

    Goes on where it was interrupted. Writes classifier.npz, card.json, summary.json, roc.png and
    reliability.png to the folder.

    Example: slowburst train --out classifier --seed 1
    """
    from pipeline.classifier.run import MODEL, run
    from pipeline.classifier.settings import TrainSettings
    from pipeline.config import load_config

    settings = load_config(config, TrainSettings) if config else TrainSettings()
    settings = with_options(settings, {"seed": seed, "workers": workers})
    with progress_bar("training") as tell:
        summary = run(settings, out, tell)
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    found = summary["metrics"]["held_out"]
    typer.echo(
        f"held out: {found['n_real']} real, {found['n_bogus']} bogus; AUC {found['auc']:.4f}, "
        f"{100 * found['real_kept']:.1f} % of real ones kept at 2 % of bogus"
    )
    typer.echo(f"classifier: {out / MODEL}")
