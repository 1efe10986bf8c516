"""``slowburst check``: known sources in a recording, and its noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.progress import progress_bar


def check(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="Visibilities, or images with positions."),
    ],
    catalog: Annotated[
        Path, typer.Option("--catalog", help="ECSV table: ra, dec (degrees), flux_jy, name.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    gains: Annotated[
        Path | None,
        typer.Option("--gains", help="Of visibilities: what slowburst calibrate wrote."),
    ] = None,
    sefd: Annotated[
        float | None,
        typer.Option("--sefd", help="Jy, of an antenna: compare the noise with what it gives."),
    ] = None,
    min_snr: Annotated[float, typer.Option("--min-snr", help="Of a source to count.")] = 7.0,
    radius: Annotated[
        float, typer.Option("--radius", help="How far off sources are looked for, beams.")
    ] = 2.0,
    primary_beam: Annotated[
        bool, typer.Option(help="Divide fluxes of visibilities by the primary beam.")
    ] = True,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file of imaging, for visibilities.")
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Check flux scale, positions and noise of a recording with a catalog of its field.

    Writes sources.ecsv, summary.json, flux.png and offsets.png to the folder.

    Example: slowburst check recording/ --catalog nvss.ecsv --gains gains.h5 --out check
    """
    from pipeline.catalog import read_catalog
    from pipeline.checks.check import CheckSettings
    from pipeline.checks.check import check as run
    from pipeline.cli.search import imaging_options, tell_notes
    from pipeline.errors import InputError
    from pipeline.readers import open_recording

    for name, value, least in (("--min-snr", min_snr, 1.0), ("--radius", radius, 0.1)):
        if not least <= value <= 1e6:
            remedy = f"give {least:g} or more"
            raise InputError("command line", name, f"is {value:g}", remedy)
    sources = read_catalog(catalog)
    settings = imaging_options(config, {"gains": gains, "primary_beam": primary_beam})
    with open_recording(inputs, settings) as reader, progress_bar("averaging") as progress:
        tell_notes(reader.header)
        summary = run(reader, sources, out, CheckSettings(radius, min_snr, sefd), progress)
    typer.echo(json.dumps(summary) if json_summary else f"{_text(summary)}\nresults: {out}")


def _text(summary: dict[str, Any]) -> str:
    east, north = zip(
        summary["median_arcsec"],
        summary["error_arcsec"],
        summary["scatter_arcsec"],
        summary["median_beams"],
        strict=True,
    )
    unit = summary["bunit"].removesuffix("/beam")
    lines = [
        f"{summary['n_detected']} of {summary['n_inside']} sources in the image are detected "
        f"({summary['n_catalog']} in the catalog)",
        f"flux: measured / catalog = {summary['flux_ratio']:.4g} "
        f"± {summary['flux_ratio_error']:.2g} {unit}/Jy",
        *(
            f"{name}: {median:+.3g} ± {error:.2g} arcsec ({beams:+.2g} beams), scatter "
            f"{scatter:.2g} arcsec"
            for name, (median, error, scatter, beams) in (("east ", east), ("north", north))
        ),
        f"noise of a sample {summary['noise']:.4g} {unit}; 6 sigma: "
        f"{summary['flux_6_sigma']:.4g} {unit}, {summary['fluence_6_sigma']:.4g} {unit} ms",
    ]
    if "noise_predicted" in summary:
        lines.append(
            f"predicted with {summary['sefd_jy']:g} Jy: {summary['noise_predicted']:.4g} Jy; "
            f"6 sigma: {summary['flux_6_sigma_predicted']:.4g} Jy, "
            f"{summary['fluence_6_sigma_predicted']:.4g} Jy ms; measured / predicted = "
            f"{summary['noise_over_predicted']:.3f}"
        )
    return "\n".join(lines)
