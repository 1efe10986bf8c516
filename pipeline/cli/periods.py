"""``slowburst periods``: periods of light curves and of pulses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.progress import progress_bar


def periods(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[INPUT]...", help="Recording; none to use arrival times alone."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = ...,  # type: ignore[assignment]
    candidates: Annotated[
        Path | None,
        typer.Option("--candidates", help="candidates.ecsv, or the folder of a search."),
    ] = None,
    min_period: Annotated[
        float | None, typer.Option("--min-period", help="Seconds. [2 samples]")
    ] = None,
    max_period: Annotated[
        float | None, typer.Option("--max-period", help="Seconds. [half of the recording]")
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="S/N. [8]")] = None,
    dm: Annotated[float | None, typer.Option("--dm", help="Of all pixels, pc/cc. [0]")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with these and more settings.")
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Find periods: fold light curves, and time the pulses of candidates.

    With candidates the pixels of these are folded, at their DM, and three pulses or more of
    one place are fitted; without, every pixel of the recording is folded.

    Example: slowburst periods recording.h5 --candidates results --out periods
    """
    from pipeline.cli.options import with_options
    from pipeline.cli.search import tell_notes
    from pipeline.config import load_config
    from pipeline.errors import InputError
    from pipeline.periodicity.arrivals import read_candidates
    from pipeline.periodicity.run import find
    from pipeline.periodicity.settings import PeriodSettings
    from pipeline.periodicity.table import write_periods
    from pipeline.readers import open_recording
    from pipeline.report.periods import write_figures

    settings = load_config(config, PeriodSettings) if config else PeriodSettings()
    given = {"min_period": min_period, "max_period": max_period, "threshold": threshold, "dm": dm}
    settings = with_options(settings, given)
    if not inputs and candidates is None:
        remedy = "give a recording, --candidates, or both"
        raise InputError("command line", "INPUT", "is missing", remedy)
    known = None if candidates is None else read_candidates(candidates)
    with progress_bar("looking for periods") as update:
        if inputs:
            with open_recording(inputs) as reader:
                tell_notes(reader.header)
                found = find(reader, known, settings, update)
        else:
            found = find(None, known, settings, update)
    table = write_periods(out, found)
    write_figures(out, found, settings.max_figures)
    if json_summary:
        typer.echo(json.dumps(found.summary))
        return
    own = table[table["harmonic_of"] == 0]
    for row in own[:10]:
        sure = (
            f"S/N {row['snr']:.1f}" if row["method"] == "folding" else f"{row['n_pulses']} pulses"
        )
        typer.echo(
            f"{row['period']:.9g} ± {row['period_error']:.2g} s  ({row['method']}, {sure}, "
            f"chance {row['fap']:.1g}, pixel {row['x']:.1f}, {row['y']:.1f})"
        )
    typer.echo(f"{len(own)} period{'' if len(own) == 1 else 's'} in {out / 'periods.ecsv'}")
