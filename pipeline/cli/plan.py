"""``slowburst plan``: the trials of a search before it is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

DSA110_FREQ = "1492.90625:1317.125:16"


def plan(
    recording: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[INPUT]...", help="Take band, sampling and image from files."),
    ] = None,
    freq: Annotated[
        str, typer.Option("--freq", help="First and last channel centre in MHz, and channels.")
    ] = DSA110_FREQ,
    tsamp: Annotated[float, typer.Option("--tsamp", help="Sampling in seconds.")] = 0.1342182159,
    size: Annotated[int, typer.Option("--size", min=1, help="Image side in pixels.")] = 175,
    beam: Annotated[float, typer.Option("--beam", help="Beam FWHM in pixels.")] = 3.0,
    dm_max: Annotated[float, typer.Option("--dm-max", help="pc/cc.")] = 4000.0,
    max_width: Annotated[float, typer.Option("--max-width", help="Seconds.")] = 160.8,
    max_loss: Annotated[float, typer.Option("--max-loss", help="Of S/N on each axis.")] = 0.0625,
    measure: Annotated[bool, typer.Option(help="Time the search on this machine.")] = True,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for plan.json.")] = None,
    json_summary: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Show trial grids, efficiency, memory and speed of a search.

    Example: slowburst plan --freq 1465:1130:336 --tsamp 0.00126646 --size 1 --dm-max 1000
    """
    from pipeline import device
    from pipeline.cli.options import with_options
    from pipeline.planning import describe_plan, header_for
    from pipeline.readers import open_recording
    from pipeline.search import SearchSettings, plan_for
    from pipeline.sinks.files import write_summary

    device.prepare()
    given = {"dm_max": dm_max, "max_width": max_width, "max_loss": max_loss}
    settings = with_options(SearchSettings(), given)
    if recording:
        with open_recording(recording) as reader:
            header = reader.header
    else:
        header = header_for(freq, tsamp, size, beam)
    facts = describe_plan(plan_for(header, settings), measure=measure)
    if out is not None:
        write_summary(out / "plan.json", facts)
    typer.echo(json.dumps(facts) if json_summary else _text(facts))


def _text(facts: dict[str, Any]) -> str:
    lines = [
        f"DM      0 to {facts['dm_max']:.1f} pc/cc: {facts['n_dm']} trials, "
        f"{facts['dm_step']:.2f} pc/cc apart ({facts['max_delay_samples']} samples in all)",
        f"widths  {facts['widths_s'][0]:.4g} to {facts['widths_s'][-1]:.4g} s: "
        f"{len(facts['widths_s'])} boxcars, {facts['n_trials']} pairs of DM and width",
        "level  samples  DMs  latency (s)  widths (s)",
    ]
    for level in facts["levels"]:
        widths = " ".join(f"{w:.3g}" for w in level["widths_s"])
        lines.append(
            f"{level['level']:>5}  {level['decimation']:>7}  {level['n_dm']:>3}  "
            f"{level['latency_s']:>11.0f}  {widths}"
        )
    lines.append(
        f"efficiency of a top-hat pulse: mean {facts['efficiency_mean']:.3f}, "
        f"worst {facts['efficiency_worst']:.3f} (from 2 samples up: "
        f"mean {facts['efficiency_mean_resolved']:.3f}, "
        f"worst {facts['efficiency_worst_resolved']:.3f})"
    )
    lines.append(
        f"state   {facts['state_mb']:.0f} MB, block {facts['block_mb']:.0f} MB "
        f"of {facts['frame']} samples"
    )
    if "realtime_factor" in facts:
        lines.append(f"speed   {facts['realtime_factor']:.1f} times real time on {facts['device']}")
    return "\n".join(lines)
