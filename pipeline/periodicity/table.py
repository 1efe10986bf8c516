"""``periods.ecsv`` and ``periods.json``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray

from pipeline.candidates import sky_positions
from pipeline.periodicity.arrivals import Candidates
from pipeline.periodicity.run import Folded, Periods, Timed
from pipeline.periodicity.search import false_alarm_probability
from pipeline.sinks.atomic import write_text
from pipeline.sinks.files import write_summary

TABLE, SUMMARY = "periods.ecsv", "periods.json"

_UNITS = {
    "number": (None, "d"),
    "method": (None, "s"),
    "candidate": (None, "d"),
    "x": (u.pix, ".3f"),
    "y": (u.pix, ".3f"),
    "ra": (u.deg, ".7f"),
    "dec": (u.deg, ".7f"),
    "dm": (u.pc / u.cm**3, ".3f"),
    "period": (u.s, ".9g"),
    "period_error": (u.s, ".2g"),
    "epoch": (u.day, ".11f"),
    "width": (u.s, ".6g"),
    "duty_cycle": (None, ".4f"),
    "snr": (None, ".2f"),
    "snr_rest": (None, ".2f"),
    "n_periods": (None, ".2f"),
    "n_pulses": (None, "d"),
    "rms": (u.s, ".3g"),
    "chi2": (None, ".4g"),
    "fap": (None, ".3g"),
    "harmonic_of": (None, "d"),
    "ratio": (None, "s"),
}
COLUMNS = tuple(_UNITS)
"""Columns of ``periods.ecsv``, in order."""


def period_table(periods: Periods) -> Table:
    """One row a period: folded ones, each before its harmonics, then those of arrival times."""
    rows: list[dict[str, Any]] = []
    for one in periods.folded:
        _add_folded(rows, one, periods)
    rows += [
        _timed_row(len(rows) + i, one, periods.candidates)
        for i, one in enumerate(periods.timed, start=1)
        if periods.candidates is not None
    ]
    table = Table({name: [row[name] for row in rows] for name in COLUMNS} if rows else None)
    if not rows:
        table = Table(names=COLUMNS, dtype=[_dtype(form) for _, form in _UNITS.values()])
    for name, (unit, form) in _UNITS.items():
        table[name].unit = unit
        if form != "s":
            table[name].format = form
    return table


def _dtype(form: str) -> type:
    return {"d": int, "s": str}.get(form, float)


def _add_folded(rows: list[dict[str, Any]], one: Folded, periods: Periods) -> None:
    header, plan = periods.header, periods.plan
    assert header is not None
    assert plan is not None
    pulse, number = one.found.pulse, len(rows) + 1
    middle = round((header.n_samples / 2) / pulse.period - pulse.phase)
    ra, dec = sky_positions(header, np.array([float(one.x)]), np.array([float(one.y)]))
    common = {
        "method": "folding",
        "candidate": one.candidate,
        "x": float(one.x),
        "y": float(one.y),
        "ra": ra[0],
        "dec": dec[0],
        "dm": one.dm,
        "n_pulses": 0,
        "rms": np.nan,
        "chi2": np.nan,
        "epoch": np.nan,
    }
    rows.append(
        common
        | {
            "number": number,
            "period": pulse.period * header.tsamp_s,
            "period_error": pulse.period_error * header.tsamp_s,
            "epoch": header.time_of((middle + pulse.phase) * pulse.period).utc.mjd,
            "width": pulse.width * pulse.period * header.tsamp_s,
            "duty_cycle": pulse.width,
            "snr": pulse.snr,
            "snr_rest": one.found.snr_rest,
            "n_periods": header.n_samples / pulse.period,
            "fap": false_alarm_probability(plan, one.found.snr_trial, periods.n_curves),
            "harmonic_of": 0,
            "ratio": "",
        }
    )
    for ratio, period, snr in one.found.harmonics:
        rows.append(
            common
            | {
                "number": len(rows) + 1,
                "period": period * header.tsamp_s,
                "period_error": np.nan,
                "width": np.nan,
                "duty_cycle": np.nan,
                "snr": snr,
                "snr_rest": np.nan,
                "n_periods": header.n_samples / period,
                "fap": false_alarm_probability(plan, snr, periods.n_curves),
                "harmonic_of": number,
                "ratio": ratio,
            }
        )


def _timed_row(number: int, one: Timed, candidates: Candidates | None) -> dict[str, Any]:
    assert candidates is not None
    table, timing = candidates.table[one.source.rows], one.timing
    best = table[0]
    width = float(np.median(np.asarray(table["width"], float)))
    return {
        "number": number,
        "method": "arrivals",
        "candidate": int(best["id"]),
        **{name: float(best[name]) for name in ("x", "y", "ra", "dec", "dm")},
        "period": timing.period,
        "period_error": timing.period_error,
        "epoch": one.first_mjd + timing.epoch / 86400.0,
        "width": width,
        "duty_cycle": width / timing.period,
        "snr": float(np.sqrt(np.sum(np.asarray(table["snr"], float) ** 2))),
        "snr_rest": np.nan,
        "n_periods": float(np.ptp(timing.number)),
        "n_pulses": len(table),
        "rms": timing.rms,
        "chi2": timing.chi2,
        "fap": timing.fap,
        "harmonic_of": 0,
        "ratio": "",
    }


def write_periods(out: Path, periods: Periods) -> Table:
    """Write both files; returns the table."""
    table = period_table(periods)
    text = io.StringIO()
    table.write(text, format="ascii.ecsv")
    write_text(out / TABLE, text.getvalue())
    write_summary(out / SUMMARY, periods.summary)
    return table


def folded_image(one: Folded, n_bins: int, most_rows: int = 64) -> NDArray[np.float64]:
    """S/N of time against phase, (row, phase); NaN without data. Two turns, pulse at 0.5."""
    pulse, curve = one.found.pulse, one.curve
    n = len(curve.signal)
    turns = np.arange(n) / pulse.period - pulse.phase + 0.5
    phase = ((turns - np.floor(turns)) * n_bins).astype(int) % n_bins
    number = np.floor(turns).astype(int)
    number -= number[0]
    rows = min(most_rows, int(number[-1]) + 1)
    row = number * rows // (int(number[-1]) + 1)
    flat = row * n_bins + phase
    signal, weight = (
        np.bincount(flat, v, rows * n_bins).reshape(rows, n_bins)
        for v in (curve.signal, curve.weight)
    )
    return np.where(weight > 0, signal / np.sqrt(np.where(weight > 0, weight, 1)), np.nan)
