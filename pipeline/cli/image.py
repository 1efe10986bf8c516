"""``slowburst image``: image cubes of visibilities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.progress import progress_bar


def image(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="UVH5, UVFITS, Measurement Set, NSFRB files."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The cube to write.")],
    size: Annotated[int | None, typer.Option("--size", help="Pixels a side. [175]")] = None,
    pixel: Annotated[
        float | None, typer.Option("--pixel", help="Arcsec. [a third of the finest fringe]")
    ] = None,
    channels: Annotated[
        int | None, typer.Option("--channels", help="Channels of the cube, at most. [16]")
    ] = None,
    gains: Annotated[
        Path | None, typer.Option("--gains", help="What slowburst calibrate wrote.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with these and more settings.")
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Make an image cube of visibilities, on a grid that is fixed on the sky.

    Example: slowburst image recording.uvh5 --out cube.h5 --size 301
    """
    from pipeline.cli.search import imaging_options, keep_recording, tell_notes
    from pipeline.errors import InputError
    from pipeline.imaging.cube import write_cube
    from pipeline.imaging.imager import ImagedReader
    from pipeline.readers import open_recording

    given = {"size": size, "pixel_arcsec": pixel, "channels": channels, "gains": gains}
    settings = imaging_options(config, given)
    keep_recording(out, inputs)
    with open_recording(inputs, settings) as reader, progress_bar("imaging") as progress:
        if not isinstance(reader, ImagedReader):
            remedy = "give UVH5, UVFITS, a Measurement Set or files of DSA-110"
            raise InputError(str(inputs[0]), "format", "holds no visibilities", remedy)
        tell_notes(reader.header)
        summary = write_cube(reader, out, progress)
    if json_summary:
        typer.echo(json.dumps(summary))
        return
    ny, nx = summary["shape"]
    typer.echo(
        f"{summary['n_samples']} images of {ny} × {nx} pixels and {summary['n_channels']} channels "
        f"in {out} ({summary['realtime_factor']:.1f} times real time, unit {summary['bunit']})"
    )
