"""``slowburst dm-host``: the budget of the dispersion measure of a burst."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer


def dm_host(
    frb: Annotated[Path, typer.Option("--frb", help="TOML file of the burst and of the budget.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    catalog: Annotated[
        list[Path] | None,
        typer.Option("--catalog", help="Halos, groups, clusters or galaxies; may be repeated."),
    ] = None,
    columns: Annotated[
        list[Path] | None,
        typer.Option("--columns", help="TOML map of the columns of each --catalog, in order."),
    ] = None,
    r_max: Annotated[
        list[float] | None,
        typer.Option("--r-max", help="Edge of the gas in radii; may be repeated. [of --frb]"),
    ] = None,
    draws: Annotated[
        int | None, typer.Option("--draws", "--n-draws", help="Draws of the budget. [of --frb]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of everything random. [of --frb]")
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """DM of the host of a burst: the measured DM less all that lies before it, with errors.

    Writes halos.ecsv, budget.ecsv, posterior.h5, summary.json and figures to the folder.

    Example: slowburst dm-host --frb frb.toml --catalog clusters.ecsv --r-max 2 --out budget
    """
    from cosmo.background import cosmology_named
    from pipeline.cli.dm_host_results import said, write_results
    from pipeline.cli.options import with_options
    from pipeline.cli.progress import progress_bar
    from pipeline.config import load_config
    from surveys.sightlines.budget import budget
    from surveys.sightlines.settings import SightlineSettings

    settings = load_config(frb, SightlineSettings)
    mc = with_options(settings.mc, {"n_draws": draws, "seed": seed}, {"n_draws": "draws"})
    settings = replace(settings, mc=mc)
    edges = tuple(dict.fromkeys(r_max or [settings.gas.r_max]))
    for edge in edges:
        with_options(settings.gas, {"r_max": edge})
    halos = halos_of(catalog or [], columns or [], cosmology_named(settings.cosmology))
    with progress_bar("drawing halos") as tell:
        sightline = budget(settings, halos, edges, tell=tell)
    summary = write_results(out, sightline, [str(p) for p in catalog or []])
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    for line in said(summary):
        typer.echo(line)
    typer.echo(f"results: {out}")


def halos_of(catalogs: list[Path], maps: list[Path], cosmology: Any) -> Any:
    """All catalogs in one, without what is in it twice."""
    from pipeline.errors import InputError
    from surveys.catalogs.halo_catalog import HaloCatalog
    from surveys.catalogs.read import concatenate, read_catalog, without_duplicates, without_members

    if len(maps) not in (0, len(catalogs)):
        problem = f"is given {len(maps)} times for {len(catalogs)} catalogs"
        raise InputError("command line", "--columns", problem, "give one for each, or none")
    if not catalogs:
        return HaloCatalog.of(ra_deg=[], dec_deg=[], z=[])
    pairs = zip(catalogs, maps or [None] * len(catalogs), strict=True)
    read = [read_catalog(path, columns, cosmology) for path, columns in pairs]
    return without_duplicates(without_members(concatenate(read)))
