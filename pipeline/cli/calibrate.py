"""``slowburst calibrate``: gains of antennas from a source that is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.progress import progress_bar


def calibrate(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="UVH5, UVFITS, Measurement Set, NSFRB files."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The file of gains to write.")],
    ra: Annotated[
        float | None, typer.Option("--ra", help="Of the source, degrees. [the phase centre]")
    ] = None,
    dec: Annotated[float | None, typer.Option("--dec", help="Degrees.")] = None,
    flux: Annotated[
        float | None,
        typer.Option("--flux", help="Jy, in the middle of the band. [unknown: taken for 1]"),
    ] = None,
    spectral_index: Annotated[float, typer.Option("--spectral-index", help="Of the source.")] = 0.0,
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", help="ECSV table of the sky instead: ra, dec, flux_jy, name."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="The only source of the catalog to use.")
    ] = None,
    start: Annotated[float, typer.Option("--start", help="First sample used, seconds.")] = 0.0,
    stop: Annotated[
        float | None, typer.Option("--stop", help="Last sample used, seconds. [the end]")
    ] = None,
    average: Annotated[
        int, typer.Option("--average", help="Channels that share a gain. [by their S/N]")
    ] = 0,
    reference: Annotated[
        int | None, typer.Option("--reference", help="Antenna whose phase is 0. [the best]")
    ] = None,
    min_snr: Annotated[float, typer.Option("--min-snr", help="Least S/N of a gain.")] = 5.0,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="TOML file of imaging: its flags and uv range are heeded."),
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Solve for the gains of antennas, per channel and polarisation, on known sources.

    Writes the gains, and beside them a figure and a summary in JSON.

    Example: slowburst calibrate calibrator.uvh5 --out gains.h5 --flux 14.5
    """
    from pipeline.calibration.calibrate import CalibrationSettings
    from pipeline.calibration.calibrate import calibrate as solve
    from pipeline.calibration.figure import gains_figure
    from pipeline.calibration.gains import write_gains
    from pipeline.cli.search import imaging_options, keep_recording, tell_notes
    from pipeline.readers import open_visibilities
    from pipeline.report.style import to_png
    from pipeline.sinks.atomic import write_bytes
    from pipeline.sinks.files import write_summary

    keep_recording(out, inputs)
    settings = CalibrationSettings(
        start_s=start,
        stop_s=float("inf") if stop is None else stop,
        reference=reference,
        average=average,
        min_snr=min_snr,
        imaging=imaging_options(config, {}),
    )
    vis = open_visibilities(inputs)
    try:
        tell_notes(vis.header)
        place = {"ra": ra, "dec": dec, "flux": flux, "spectral_index": spectral_index}
        sky = _sky(vis.header, place, catalog, source)
        known = catalog is not None or flux is not None
        with progress_bar("reading") as progress:
            found = solve(vis, sky, settings, flux_known=known, progress=progress)
    finally:
        vis.close()
    write_gains(out, found.gains)
    write_bytes(out.with_suffix(".png"), to_png(gains_figure(found.gains)))
    write_summary(out.with_suffix(".json"), found.summary)
    if json_summary:
        typer.echo(json.dumps(found.summary))
        return
    typer.echo(_text(found.summary))
    typer.echo(f"gains: {out}, figure: {out.with_suffix('.png')}")


def _sky(header: Any, place: dict[str, Any], catalog: Path | None, source: str | None) -> Any:
    """The sources that the user means, as a catalog."""
    import difflib

    from astropy.coordinates import SkyCoord

    from pipeline.catalog import one_source, read_catalog
    from pipeline.errors import InputError

    where = "command line"
    if catalog is not None:
        if any(place[name] is not None for name in ("ra", "dec", "flux")):
            problem = "is given together with --ra, --dec or --flux"
            raise InputError(where, "--catalog", problem, "give the one or the other")
        known = read_catalog(catalog)
        if source is None:
            return known
        rows = [i for i, name in enumerate(known.names) if name == source]
        if not rows:
            near = difflib.get_close_matches(source, known.names, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else "give a name of the column name"
            raise InputError(str(catalog), "name", f"{source!r} is not there", remedy)
        return known.chosen(rows)
    if source is not None:
        raise InputError(where, "--source", "needs a catalog", "give --catalog, or --ra and --dec")
    if (place["ra"] is None) != (place["dec"] is None):
        raise InputError(where, "--ra", "is given without --dec, or the reverse", "give both")
    if place["flux"] is not None and not 0 < place["flux"] < 1e9:
        raise InputError(where, "--flux", f"is {place['flux']:g}", "give Jy, above 0")
    centre = header.centre
    if place["ra"] is not None:
        if not (-180 <= place["ra"] <= 360 and -90 <= place["dec"] <= 90):
            problem = f"is {place['ra']:g}, --dec is {place['dec']:g}"
            raise InputError(where, "--ra", problem, "give degrees: 0 to 360, and -90 to 90")
        centre = SkyCoord(place["ra"], place["dec"], unit="deg")
    elif not header.tracked:
        remedy = "give --ra and --dec, or --catalog"
        problem = "is not known: there is no phase centre"
        raise InputError(header.source, "source", problem, remedy)
    return one_source(centre, place["flux"] or 1.0, place["spectral_index"])


def _text(summary: dict[str, Any]) -> str:
    bad = summary["bad_antennas"]
    lines = [
        f"{summary['n_antennas'] - len(bad)} of {summary['n_antennas']} antennas have gains, from "
        f"{summary['n_samples']} samples on {summary['model']}",
        f"{summary['n_channels']} channels of {summary['average']} of the recording; error of a "
        f"gain {100 * summary['gain_error']:.2g} %, "
        f"{summary['phase_error_deg']:.2g} degrees; {100 * summary['outliers']:.2g} % outliers; "
        f"reference: antenna {summary['reference']}",
    ]
    if bad:
        lines.append(f"without gains: antennas {', '.join(map(str, bad))}")
    if summary["bad_polarisations"]:
        lines.append(f"without gains in part: {', '.join(summary['bad_polarisations'])}")
    if summary["channels_without_gains"]:
        n = summary["channels_without_gains"]
        lines.append(f"without gains: {n} of {summary['n_channels']} channels")
    if "sefd_jy" in summary:
        lines.append(f"SEFD of an antenna and polarisation: {summary['sefd_jy']:.4g} Jy (median)")
    return "\n".join(lines)
