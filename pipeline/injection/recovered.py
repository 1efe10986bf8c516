"""The table of injections: what was put in, and what was found of it."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
from astropy import units as u
from astropy.table import Column, Table
from astropy.time import TimeDelta
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.candidates import sky_positions
from pipeline.injection.pulses import Injection

_UNITS = {
    "time_s": u.s,
    "mjd": u.day,
    "ra": u.deg,
    "dec": u.deg,
    "x": u.pix,
    "y": u.pix,
    "dm": u.pc / u.cm**3,
    "width": u.s,
    "dm_found": u.pc / u.cm**3,
    "width_found": u.s,
    "time_error": u.s,
    "x_error": u.pix,
    "y_error": u.pix,
}
_FLUENCE = ("fluence_found", "fluence_error")
_FOUND = (
    "snr_found",
    "snr_fit",
    "dm_found",
    "width_found",
    "time_error",
    "x_error",
    "y_error",
    "p_real",
    *_FLUENCE,
)
_MEANING = {
    "pass": "number of the pass over the recording",
    "time_s": "centre at the highest channel centre, since the centre of sample 0",
    "fluence": "unit of the data times ms, at the band centre, before the primary beam",
    "gain": "of the primary beam",
    "snr": "best that any estimate could have",
    "detected": "a detection has its place, time, DM and width",
    "grouped": "the best detection of a candidate has",
    "classified": "the candidate is rather real than not",
    "p_real": "probability of the candidate to be real, of those with a cut-out",
    "confused": "something is there without the pulse",
    "snr_found": "of the candidate, or of the best detection",
    "snr_fit": "of what fits the pulse, between trials, samples and pixels",
    "time_error": "found less true",
}


def put_in(
    number: int, injections: Sequence[Injection], header: StreamHeader, snr: NDArray[np.float64]
) -> Table:
    """A row for every injection.

    Parameters
    ----------
    number : int
        Of the pass.
    snr : (injection,)
        Best that any estimate could have.
    """
    x, y = (np.array([getattr(one, a) for one in injections]) for a in "xy")
    ra, dec = sky_positions(header, x, y)
    time_s = np.array([one.pulse.time_s for one in injections])
    mjd = (header.start.utc + TimeDelta(time_s, format="sec")).mjd if len(time_s) else time_s
    columns = {
        "pass": np.full(len(injections), number),
        "time_s": time_s,
        "mjd": np.asarray(mjd, float),
        "ra": ra,
        "dec": dec,
        "x": x,
        "y": y,
        "dm": np.array([one.pulse.dm for one in injections]),
        "width": np.array([one.pulse.width_s for one in injections]),
        "spectral_index": np.array([one.pulse.spectral_index for one in injections]),
        "fluence": np.array([one.fluence for one in injections]),
        "gain": np.array([one.gain for one in injections]),
        "snr": snr,
    }
    return Table([Column(values, name) for name, values in columns.items()])


def add_found(
    table: Table,
    snr_detected: NDArray[np.float64],
    candidates: Table,
    best: NDArray[np.int64],
    fitted: Container[int],
) -> None:
    """What was found of the injections; NaN of those that were not.

    Parameters
    ----------
    snr_detected : (injection,)
        Of the best detection of each.
    best : (injection,)
        Rows of the table of candidates, or -1.
    fitted : container of int
        Which ``id`` of the candidates have positions and fluences that were fitted.
    """
    out = {name: np.full(len(table), np.nan) for name in _FOUND}
    out["snr_found"] = snr_detected
    for i in np.flatnonzero(best >= 0):
        row, true = candidates[int(best[i])], table[int(i)]
        found = {"snr_found": row["snr"], "dm_found": row["dm"], "width_found": row["width"]}
        found["time_error"] = (row["mjd"] - true["mjd"]) * 86400
        if int(row["id"]) in fitted:
            found |= {"x_error": row["x"] - true["x"], "y_error": row["y"] - true["y"]}
            found |= {name: row[name.removesuffix("_found")] for name in _FLUENCE}
            found |= {name: row[name] for name in ("snr_fit", "p_real")}
        for name, value in found.items():
            out[name][i] = value
    for name, values in out.items():
        table[name] = values


def describe(table: Table) -> None:
    """Give the columns of a table of injections their units and meanings."""
    for name, unit in _UNITS.items():
        if name in table.colnames:
            table[name].unit = unit
    for name, text in _MEANING.items():
        if name in table.colnames:
            table[name].description = text
