"""Coverages in HDF5: ``coverage.h5``.

Root attributes: ``format``, ``nside``, ``ordering`` (NESTED), ``frame``, ``least_gain``,
``settings`` (JSON). Datasets: ``pixel`` (n,), ``seconds`` (n, m); groups ``columns`` (m,),
``pointings`` and ``sources`` with a dataset a column.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.table import Table

from surveys.coverage.coverage import FRAMES, SOURCES, Columns, Coverage
from surveys.coverage.pointings import NAMES, Pointings
from surveys.errors import InputError

FORMAT = "slowburst-coverage/2"
FILE_NAME = "coverage.h5"
_COLUMNS = ("noise_bin", "tsamp_s", "max_width_s", "threshold", "sigma_1s")
_REMEDY = "give what `slowburst survey coverage` wrote"


def fill(file: h5py.File, coverage: Coverage) -> None:
    """Write a coverage to an open file."""
    file.attrs.update(
        format=FORMAT,
        nside=coverage.nside,
        ordering="NESTED",
        frame=coverage.frame,
        least_gain=coverage.least_gain,
        settings=json.dumps(coverage.settings),
    )
    file["pixel"] = coverage.pixel
    # Most of it is zero.
    compressed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    file.create_dataset(
        "seconds", data=coverage.seconds, **(compressed if coverage.seconds.size else {})
    )
    _put(file, "columns", {name: getattr(coverage.columns, name) for name in _COLUMNS})
    file["columns/noise_edges"] = coverage.columns.noise_edges
    _put(file, "sources", {name: np.asarray(coverage.sources[name]) for name in SOURCES})
    if coverage.pointings is not None:
        _put(file, "pointings", {name: getattr(coverage.pointings, name) for name in NAMES})


def _put(file: h5py.File, group: str, columns: dict[str, Any]) -> None:
    for name, values in columns.items():
        text = values.dtype.kind in "UO"
        file[f"{group}/{name}"] = (
            np.asarray(values, object).astype(h5py.string_dtype()) if text else values
        )


def read_coverage(path: str | Path) -> Coverage:
    """Read a coverage, or that in a folder.

    Raises
    ------
    InputError
        There is none, or it is damaged or of another version.
    """
    path = Path(path)
    path = path / FILE_NAME if path.is_dir() else path
    where = str(path)
    if not path.is_file():
        raise InputError(where, "file", "does not exist", _REMEDY)
    try:
        with h5py.File(path, "r") as file:
            attrs = dict(file.attrs)
            if attrs.get("format") != FORMAT:
                problem = f"is {attrs.get('format')!r}, not {FORMAT!r}"
                raise InputError(where, "format", problem, _REMEDY)
            if attrs["ordering"] != "NESTED" or attrs["frame"] not in FRAMES:
                field = "ordering" if attrs["ordering"] != "NESTED" else "frame"
                raise InputError(where, field, f"is {attrs[field]!r}", _REMEDY)
            return _read(file, attrs, where)
    except InputError:
        raise
    except Exception as error:  # h5py raises many kinds on a damaged file
        raise InputError(where, "file", f"cannot be read ({error})", _REMEDY) from error


def _read(file: h5py.File, attrs: dict[str, Any], where: str) -> Coverage:
    columns = Columns(**{name: file["columns"][name][()] for name in _COLUMNS})
    pixel, seconds = file["pixel"][()], file["seconds"][()]
    nside = int(attrs["nside"])
    if seconds.shape != (len(pixel), len(columns)):
        raise ValueError(f"seconds are {seconds.shape}, not {(len(pixel), len(columns))}")
    inside = (pixel >= 0) & (pixel < 12 * nside**2)
    is_time = np.isfinite(seconds) & (seconds >= 0)
    if not inside.all() or not (np.diff(pixel) > 0).all() or not is_time.all():
        raise ValueError("pixels or seconds are impossible")
    for name in ("sigma_1s", "tsamp_s", "threshold", "max_width_s"):
        values = getattr(columns, name)
        if not ((values > 0) & (np.isfinite(values) | (name == "max_width_s"))).all():
            raise ValueError(f"columns/{name} has numbers that are not above 0")
    pointings = None
    if "pointings" in file:
        pointings = Pointings(**_got(file["pointings"], NAMES), where=where)
    return Coverage(
        nside,
        attrs["frame"],
        pixel,
        seconds,
        columns,
        pointings,
        float(attrs["least_gain"]),
        Table(_got(file["sources"], SOURCES)),
        json.loads(attrs["settings"]),
        where,
    )


def _got(group: h5py.Group, names: tuple[str, ...]) -> dict[str, Any]:
    out = {}
    for name in names:
        data = group[name]
        text = h5py.check_string_dtype(data.dtype) is not None
        out[name] = np.asarray(data.asstr()[()], str) if text else data[()]
    return out
