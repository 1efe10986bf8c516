"""``slowburst inject``: what a search finds of pulses that are put into a recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import with_options
from pipeline.cli.progress import progress_bar


def inject(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="Cube, FITS images, filterbank, visibilities."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    n: Annotated[int | None, typer.Option("--n", help="Pulses, at least. [1000]")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of the pulses. [0]")] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="S/N. [7]")] = None,
    dm_max: Annotated[float | None, typer.Option("--dm-max", help="pc/cc. [4000]")] = None,
    max_width: Annotated[
        float | None, typer.Option("--max-width", help="Widest pulse in seconds. [160.8]")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with [injection] and [search].")
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Put pulses into a recording, search it, and measure what is found of them.

    Goes on where it was interrupted. Writes injections.ecsv, completeness.ecsv, widths.ecsv,
    summary.json and figures to the folder.

    Example: slowburst inject recording.h5 --out completeness --n 2000
    """
    from pipeline.config import load_config
    from pipeline.injection.campaign import Campaign, CampaignSettings
    from pipeline.injection.recording import Recording
    from pipeline.injection.results import write_injections

    settings = load_config(config, CampaignSettings) if config else CampaignSettings()
    search = with_options(
        settings.search, {"threshold": threshold, "dm_max": dm_max, "max_width": max_width}
    )
    injection = with_options(settings.injection, {"n": n, "seed": seed})

    with progress_bar("injecting") as tell:
        recording = Recording(inputs, search, injection.level)
        campaign = Campaign(recording, out, CampaignSettings(injection, search), tell)
        table = campaign.run()
        summary = write_injections(out, table, campaign.summary)
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    grouped = summary["grouped"]
    typer.echo(
        f"{summary['n']} pulses; of S/N ≥ {summary['bright_snr']:g} "
        f"{_percent(grouped['share'])} are found ({_percent(grouped['low'])} to "
        f"{_percent(grouped['high'])}), half of all at S/N {_number(summary['snr_50'])}; "
        f"S/N found / put in {_number(summary['bias'])}"
    )
    typer.echo(f"results: {out}")


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:.1f} %"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"
