"""Tables of corrections that a user has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table

from surveys.errors import InputError
from surveys.sizes.correction import COLUMNS, FORMAT, Corrections, corrections_of

_REMEDY = "give a table of slowburst sizes --make-corrections"


def read_corrections(path: Path) -> Corrections:
    """Read a table of corrections.

    Raises
    ------
    InputError
        It cannot be read, is no such table, or not all of one.
    """
    where = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise InputError(where, "file", problem, _REMEDY) from error
    except UnicodeDecodeError as error:
        raise InputError(where, "file", "is no text", _REMEDY) from error
    try:
        table = Table.read(text.splitlines(), format="ascii.ecsv")
    except Exception as error:  # astropy and yaml have many
        raise InputError(where, "file", "is no whole table in ECSV", _REMEDY) from error
    found = table.meta.get("format")
    if found != FORMAT:
        problem = "is missing" if found is None else f"is {found!r}, not {FORMAT!r}"
        raise InputError(where, "format", problem, _REMEDY)
    rows = table.meta.get("rows")
    if rows != len(table):
        problem = f"has {len(table)} of {rows} rows"
        raise InputError(where, "file", problem, "give a whole one, or make it anew")
    _check_columns(table, where)
    return corrections_of(table)


def _check_columns(table: Table, where: str) -> None:
    for name in COLUMNS:
        if name not in table.colnames:
            raise InputError(where, name, "is missing", _REMEDY)
        if name in ("family", "estimator"):
            continue
        column = table[name]
        if column.dtype.kind not in "fiu" or not np.isfinite(np.ma.filled(column, np.nan)).all():
            raise InputError(where, name, "has what is no finite number", _REMEDY)
        if name in ("fwhm_pixels", "radius_fwhm", "snr") and not np.all(column > 0):
            raise InputError(where, name, "has values that are not above 0", _REMEDY)
