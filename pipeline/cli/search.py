"""``slowburst search``: find bursts in a recording."""

from __future__ import annotations

import importlib
import json
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli import known as known_option
from pipeline.cli.options import with_options
from pipeline.cli.progress import progress_bar


def search(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="Cube, FITS images, filterbank, visibilities."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    threshold: Annotated[float | None, typer.Option("--threshold", help="S/N. [7]")] = None,
    dm_max: Annotated[float | None, typer.Option("--dm-max", help="pc/cc. [4000]")] = None,
    max_width: Annotated[
        float | None, typer.Option("--max-width", help="Widest pulse in seconds. [160.8]")
    ] = None,
    block: Annotated[
        int | None, typer.Option("--block", min=2, help="Samples a frame. [by the plan]")
    ] = None,
    gains: Annotated[
        Path | None,
        typer.Option("--gains", help="Of visibilities: what slowburst calibrate wrote."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with these and more settings.")
    ] = None,
    matched_filter: Annotated[
        bool | None,
        typer.Option(
            "--matched-filter/--no-matched-filter",
            help="Filter images with their PSF, where noise is independent between pixels.",
        ),
    ] = None,
    inject: Annotated[
        Path | None,
        typer.Option("--inject", help="TOML file of pulses to put in; theirs are marked."),
    ] = None,
    known: Annotated[
        list[str] | None, typer.Option("--known", metavar="CATALOG", help=known_option.HELP)
    ] = None,
    known_radius: Annotated[
        float | None,
        typer.Option("--known-radius", help="Arcsec beyond the beam that count as near. [0]"),
    ] = None,
    report: Annotated[bool, typer.Option(help="Make report.html.")] = True,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Search a recording for bursts, from one sample to minutes wide.

    Writes candidates.ecsv, candidates.h5, summary.json and report.html to the folder. Candidates
    near a known source are marked.

    Example: slowburst search recording.h5 --out results --threshold 7 --dm-max 1000
    """
    from pipeline.config import load_config
    from pipeline.readers import open_recording
    from pipeline.search import SearchSettings

    settings = load_config(config, SearchSettings) if config else SearchSettings()
    given = {"threshold": threshold, "dm_max": dm_max, "max_width": max_width, "block": block}
    given |= {"matched_filter": matched_filter, "known_radius": known_radius}
    given["imaging"] = with_options(settings.imaging, {"gains": gains})
    settings = with_options(settings, given)
    places = known_option.known_places(known)
    with progress_bar("looking for steady sources") as update:
        if inject is None:
            live, sources = None, settings.max_sources
            reader = open_recording(inputs, settings.imaging, sources, progress=update)
        else:
            live = with_pulses(inputs, settings, inject, update)
            reader = live.reader
    with reader:
        tell_notes(reader.header)
        summary = run(reader, out, settings, live and live.mark, places)
    if live is not None:
        tell_injected(live, out, summary["n_injected"])
    page = None
    if report:
        from pipeline.report import make_report

        page = make_report(out, settings.max_cutouts)
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    n, seconds = summary["n_candidates"], summary["data_seconds"]
    typer.echo(
        f"{n} candidate{'' if n == 1 else 's'} above S/N {settings.threshold:g} in "
        f"{seconds:.{0 if seconds >= 10 else 2}f} s of data "
        f"({summary['realtime_factor']:.1f} times real time, "
        f"{summary['false_alarms_expected']:.2g} false alarms expected)"
    )
    tell_known(out, summary["n_known"])
    typer.echo(f"report: {page}" if page else f"results: {out}")


def tell_notes(header: Any) -> None:
    """Say what a user should know about a recording."""
    for note in header.notes:
        typer.echo(f"note: {note}", err=True)


_NEEDED_LATER = ("sklearn.cluster", "pipeline.report")


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        importlib.import_module(name)


def imaging_options(config: Path | None, given: dict[str, Any]) -> Any:
    """Settings of imaging from a file, with what was given on the command line."""
    from pipeline.config import load_config
    from pipeline.imaging.settings import ImagingSettings

    settings = load_config(config, ImagingSettings) if config else ImagingSettings()
    return with_options(settings, given)


def keep_recording(out: Path, inputs: list[Path]) -> None:
    """Raise InputError if a file that is to be written is one of the recording."""
    from pipeline.errors import InputError

    target = out.resolve()
    # A new file in the folder of a recording is no harm.
    if out.exists() and {path.resolve() for path in inputs} & {target, *target.parents}:
        remedy = "give another --out"
        raise InputError(str(out), "--out", "is a part of the recording", remedy)


def with_pulses(inputs: list[Path], settings: Any, config: Path, progress: Any) -> Any:
    """A recording with the pulses in it that a file of settings describes."""
    from pipeline.config import load_config
    from pipeline.injection.live import LiveInjection
    from pipeline.injection.recording import Recording
    from pipeline.injection.settings import InjectionSettings

    injection = load_config(config, InjectionSettings)
    return LiveInjection(Recording(inputs, settings, injection.level, progress), injection)


def tell_injected(live: Any, out: Path, n_marked: int) -> None:
    """Write what was put in, and say what was found of it."""
    from pipeline.sinks.files import read_results

    table = live.write(out, read_results(out).candidates)
    typer.echo(
        f"{len(table)} pulses were put in, {int(table['grouped'].sum())} of them found; "
        f"{n_marked} candidates are marked",
        err=True,
    )


def tell_known(out: Path, n_known: int) -> None:
    """Say which candidates are near known sources."""
    if not n_known:
        return
    from pipeline.sinks.files import read_results

    table = read_results(out).candidates
    near = table[table["known"] != ""]
    names = [f"{row['known']} ({row['known_sep']:.1f} arcsec)" for row in near[:3]]
    more = [f"{n_known - 3} more"] if n_known > 3 else []
    typer.echo(f"near known sources: {', '.join(names + more)}")


def run(
    reader: Any, out: Path, settings: Any, injected: Any = None, known: Any = None
) -> dict[str, Any]:
    """Search with a progress bar."""
    from pipeline.engine import Progress
    from pipeline.search import search as search_reader

    header, begun = reader.header, time.monotonic()
    # What candidates and pictures need takes a second to import: the device is busy meanwhile.
    later = threading.Thread(target=_import, args=(_NEEDED_LATER,), daemon=True)
    with progress_bar("searching") as update:

        def tell(progress: Progress, n_candidates: int) -> None:
            if later.ident is None:
                later.start()
            seconds = progress.n_samples * header.tsamp_s
            factor = seconds / max(time.monotonic() - begun, 1e-9)
            note = (
                "learning the noise"
                if progress.warming_up
                else (
                    f"{seconds:.0f} s of data, {factor:.1f}x real time, {n_candidates} candidates"
                )
            )
            update(progress.n_samples, header.n_samples, note)

        return search_reader(reader, out, settings, tell, injected, known)
