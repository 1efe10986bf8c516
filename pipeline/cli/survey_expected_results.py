"""Files and lines of ``slowburst survey expected``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from pipeline.cli.survey_expected_field import Field
from pipeline.sinks.files import write_summary, write_table
from pipeline.versions import versions
from surveys.known_sources.expected import ExpectedSettings
from surveys.known_sources.sources import KnownSources

_MOST_LINES = 20


def write_results(
    out: Path,
    table: Table,
    arriving: Table,
    field: Field,
    settings: ExpectedSettings,
    sources: KnownSources,
) -> dict[str, Any]:
    """Write the tables and the summary, which is given back."""
    write_table(out / "expected.ecsv", table)
    write_table(out / "arrivals.ecsv", arriving)
    seen = field.observation
    summary = {
        "source": field.header.source,
        "start_mjd": seen.start_mjd,
        "seconds": seen.duration_s,
        "searched_share": field.searched_share,
        "freq_mhz": seen.middle_mhz,
        "catalogs": sources.source,
        "n_known": len(sources),
        "n_inside": len(table),
        "n_arrivals": len(arriving),
        "notes": list(field.notes),
        "settings": asdict(settings),
        "versions": versions(),
    }
    write_summary(out / "summary.json", summary)
    return summary


def said(table: Table, summary: Mapping[str, Any]) -> Iterator[str]:
    """What the command prints, a line for each source."""
    n, of = summary["n_inside"], summary["n_known"]
    yield f"{n} of {of} known sources {'is' if n == 1 else 'are'} in the field"
    for row in table[:_MOST_LINES]:
        yield f"{row['name']}: {'; '.join(_parts(row))}"
    if n > _MOST_LINES:
        yield f"{n - _MOST_LINES} more are in expected.ecsv"


def _parts(row: Any) -> Iterator[str]:
    if np.isfinite(row["period"]):
        least, most = (f"{row[name]:.0f}" for name in ("pulses_least", "pulses_most"))
        count = least if least == most else f"{least} or {most}"
        yield f"{count} pulses in {row['seconds']:.4g} s, any with probability {row['p_pulse']:.3g}"
    else:
        yield "period not known"
    low, high = row["snr_lo"], row["snr_hi"]
    if np.isfinite(high):
        yield f"S/N {low:.3g} to {high:.3g}" if np.isfinite(low) else f"S/N up to {high:.3g}"
    if np.isfinite(row["delay"]):
        yield f"delay {row['delay']:.3g} s"
    if row["note"]:
        yield str(row["note"])
