"""``slowburst dm-sample``: gas between halos, in halos and in hosts, by many bursts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer


def dm_sample(
    bursts: Annotated[Path, typer.Argument(help="TOML list of bursts and their catalogs.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    n_draws: Annotated[
        int | None, typer.Option("--n-draws", help="Draws of each chain. [of the list]")
    ] = None,
    n_warmup: Annotated[
        int | None, typer.Option("--n-warmup", help="Steps before them. [of the list]")
    ] = None,
    n_chains: Annotated[
        int | None, typer.Option("--n-chains", help="Chains. [of the list]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of everything random. [of the list]")
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Gas between halos, in halos and in hosts, from many bursts in one likelihood.

    Writes parameters.ecsv, bursts.ecsv, posterior.h5, summary.json and figures to the folder.

    Example: slowburst dm-sample bursts.toml --out sample
    """
    from pipeline.cli.dm_sample_results import said, write_results
    from pipeline.cli.options import with_options
    from pipeline.cli.progress import progress_bar
    from pipeline.config import input_error, load_config
    from surveys.ensembles.building import ensemble_of
    from surveys.ensembles.sampling import sample
    from surveys.ensembles.settings import EnsembleSettings
    from surveys.errors import SettingProblem

    settings = load_config(bursts, EnsembleSettings)
    given = {"n_draws": n_draws, "n_warmup": n_warmup, "n_chains": n_chains, "seed": seed}
    settings = replace(settings, sampling=with_options(settings.sampling, given))
    try:
        ensemble = ensemble_of(settings, _read(bursts, settings))
    except SettingProblem as error:
        raise input_error(error, str(bursts)) from error
    with progress_bar("drawing") as tell:
        posterior = sample(ensemble, tell)
    summary = write_results(out, ensemble, posterior)
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    for line in said(summary):
        typer.echo(line)
    typer.echo(f"results: {out}")


def _read(path: Path, settings: Any) -> list[tuple[Any, Any]]:
    """Settings and halos of each burst."""
    from cosmo.background import cosmology_named
    from pipeline.cli.dm_host import halos_of
    from pipeline.config import load_config
    from surveys.sightlines.settings import SightlineSettings

    found = []
    for files in settings.sightlines:
        sightline = load_config(path.parent / files.frb, SightlineSettings)
        catalogs, maps = (
            [path.parent / name for name in names] for names in (files.catalogs, files.columns)
        )
        found.append((sightline, halos_of(catalogs, maps, cosmology_named(sightline.cosmology))))
    return found
