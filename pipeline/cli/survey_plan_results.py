"""Files of a plan of a survey."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from astropy.table import Table

from pipeline.cli.survey_plan_figures import figures
from pipeline.report.style import to_png
from pipeline.sinks.atomic import write_bytes, write_text
from pipeline.sinks.files import write_summary, write_table
from pipeline.versions import versions
from surveys.planning.plan import Plan
from surveys.planning.tables import (
    pointings_table,
    schedule_table,
    tiles_table,
    windows_table,
)

FORMAT = "slowburst-schedule/1"


def write_results(out: Path, plan: Plan) -> dict[str, Any]:
    """Write tables, the schedule in three formats, summary and figures; each file as a whole.

    Returns
    -------
    dict
        The contents of ``summary.json``.
    """
    summary = _summary(plan)
    about = {k: summary[k] for k in ("versions", "config")}
    schedule = schedule_table(plan, plan.chosen)
    tables = {
        "pointings": pointings_table(plan),
        "schedule": schedule,
        "tiles": tiles_table(plan),
        "windows": windows_table(plan),
    }
    for name, table in tables.items():
        table.meta.update(about)
        write_table(out / f"{name}.ecsv", table)
    text = io.StringIO()
    schedule.write(text, format="ascii.csv")
    write_text(out / "schedule.csv", text.getvalue())
    write_text(out / "schedule.json", _schedule_json(plan, schedule, about))
    for name, figure in figures(plan, schedule).items():
        write_bytes(out / name, to_png(figure))
    write_summary(out / "summary.json", summary)
    return summary


def said(summary: Mapping[str, Any]) -> Iterator[str]:
    """What the command prints."""
    n_never = summary["n_tiles"] - summary["n_tiles_observable"]
    never = f", {n_never} of them never observable" if n_never else ""
    yield f"{summary['area_deg2']:.1f} square degrees in {summary['n_tiles']} tiles{never}"
    for method, numbers in summary["schedules"].items():
        chosen = " (written)" if method == summary["method"] else ""
        yield (
            f"{method}{chosen}: {numbers['covered_deg2']:.1f} square degrees covered, "
            f"{numbers['area_time_deg2_h']:.1f} deg2 h; {numbers['observing_h']:.1f} h of "
            f"observing and {numbers['slew_h']:.1f} h of slewing in {numbers['n_visits']} visits, "
            f"and {numbers['n_calibrator_visits']} of calibrators"
        )
    yield from (f"note: {note}" for note in summary["notes"])


def _summary(plan: Plan) -> dict[str, Any]:
    settings, pixel_deg2 = plan.settings, plan.region.pixel_deg2
    schedules = {
        name: {
            **schedule.numbers(pixel_deg2),
            "worth_deg2": schedule.worth_deg2(pixel_deg2, settings.schedule.repeat),
        }
        for name, schedule in plan.schedules.items()
    }
    site = plan.telescope.site
    return {
        "method": settings.schedule.method,
        "start_mjd": settings.time.mjd[0],
        "end_mjd": settings.time.mjd[1],
        "site": {
            "lon_deg": float(site.lon.deg),
            "lat_deg": float(site.lat.deg),
            "height_m": float(site.height.to_value("m")),
        },
        "field_deg": plan.telescope.field_deg,
        "area_deg2": plan.region.area_deg2,
        "n_tiles": len(plan.tiles),
        "n_tiles_observable": int(plan.is_up.sum()),
        "schedules": schedules,
        "notes": plan.notes,
        "config": json.loads(json.dumps(asdict(settings), default=str)),
        "versions": versions(),
    }


def _schedule_json(plan: Plan, schedule: Table, about: Mapping[str, Any]) -> str:
    """Visits as a list of objects whose keys are the columns of the table."""
    visits = [
        dict(zip(schedule.colnames, (v.item() for v in row), strict=True)) for row in schedule
    ]
    content = {"format": FORMAT, "method": plan.chosen.method, "visits": visits, **about}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
