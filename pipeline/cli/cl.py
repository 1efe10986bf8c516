"""``slowburst cl``: angular power spectra."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def cl(
    config: Annotated[Path, typer.Argument(help="TOML file of tracers and of what is wanted.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    check: Annotated[
        bool,
        typer.Option("--verify", help="Compare with the full sky, by brute force, at a few ell."),
    ] = False,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Angular power spectra of galaxies, lensing and the CMB, each with an error.

    Writes cl.ecsv, cl.sacc, summary.json and figures to the folder; covariances, maps and spectra
    of many cosmologies if the file asks for them.

    Example: slowburst cl examples/cl/bins.toml --out spectra --verify
    """
    import jax

    from pipeline.cli.cl_results import said, write_results
    from pipeline.cli.cl_sweep import run_sweep
    from pipeline.cli.progress import progress_bar
    from pipeline.config import load_config
    from pipeline.device import prepare
    from surveys.spectra.cosmologies import cosmologies_of
    from surveys.spectra.settings import SpectraSettings
    from surveys.spectra.spectra import calculate, verify

    settings = load_config(config, SpectraSettings)
    prepare()
    rows = cosmologies_of(settings, config) if settings.sweep is not None else None
    with jax.enable_x64(True):
        with progress_bar("computing spectra") as tell:
            spectra = calculate(settings, config, tell)
        verified = None
        if check:
            with progress_bar("the full sky") as tell:
                verified = verify(spectra, tell)
        swept = None
        if rows is not None:
            with progress_bar("many cosmologies") as tell:
                swept = run_sweep(out, spectra, rows, config, check, tell)
        summary = write_results(out, spectra, config, verified, swept)
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    for line in said(summary):
        typer.echo(line)
    typer.echo(f"results: {out}")
