"""Tables, numbers and figures of a campaign, in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astropy.table import Table

from pipeline.injection.bins import by_width, completeness, overall, used
from pipeline.injection.figures import figures
from pipeline.report.style import to_png
from pipeline.sinks.atomic import write_bytes
from pipeline.sinks.files import write_summary, write_table


def write_injections(out: Path, table: Table, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Write tables, numbers and figures of a campaign to a folder."""
    good = used(table)
    tables = {"injections.ecsv": table}
    if len(good):
        tables |= {"completeness.ecsv": completeness(good), "widths.ecsv": by_width(good)}
    for name, one in tables.items():
        write_table(out / name, one)
    for name, figure in figures(good).items() if len(good) else ():
        write_bytes(out / name, to_png(figure))
    result = {**summary, **overall(good)}
    write_summary(out / "summary.json", result)
    return result
