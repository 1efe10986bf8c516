"""``slowburst demo``: the whole way, on a small recording of its own."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything.")] = Path(
        "slowburst-demo"
    ),
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Simulate three minutes of DSA-110's visibilities, image and search them, and report.

    Example: slowburst demo --out demo
    """
    from astropy.table import Table

    from pipeline.cli.progress import progress_bar
    from pipeline.cli.search import run, tell_notes
    from pipeline.imaging.settings import ImagingSettings
    from pipeline.readers import open_recording
    from pipeline.report import make_report
    from pipeline.search import SearchSettings
    from pipeline.simulation import demo_config, simulate

    begun = time.monotonic()
    with progress_bar("simulating") as progress:
        made = simulate(demo_config(), out / "recording", overwrite=True, progress=progress)
    settings = SearchSettings(imaging=ImagingSettings(size=96, primary_beam=True))
    with open_recording(made.recordings, settings.imaging, settings.max_sources) as reader:
        tell_notes(reader.header)
        summary = run(reader, out / "results", settings)
    page = make_report(out / "results")
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    truth = Table.read(made.truth, format="ascii.ecsv")
    typer.echo("put in: " + _pulses(truth[truth["kind"] == "pulse"], "snr_ideal"))
    found = Table.read(out / "results" / "candidates.ecsv", format="ascii.ecsv")
    typer.echo("found:  " + _pulses(found[:10], "snr"))
    typer.echo(f"report: {page.resolve()}  ({time.monotonic() - begun:.0f} s in all)")


def _pulses(table, snr: str) -> str:  # noqa: ANN001 - a table of either kind
    order = table[table["mjd"].argsort()]
    pulses = (
        f"{row['width']:.2f} s at DM {row['dm']:.0f}, {row['fluence']:.0f} Jy ms, "
        f"S/N {row[snr]:.1f}"
        for row in order
    )
    return "; ".join(pulses)
