"""Tables from files: FITS, ECSV, VOTable, CDS/MRT, CSV and tab-separated text, by content."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits, votable
from astropy.io.fits.verify import VerifyWarning
from astropy.table import Column, Table
from astropy.units import UnitsWarning

from surveys.errors import InputError

Recognised = Callable[[Sequence[str]], bool]
"""Whether a table with these column names is one that can be used."""

_BLANK = ("", "--", "null", "NULL", "None", "...")
_HEADING_LINES = 6
_SEXAGESIMAL = ("RAh", "RAm", "RAs", "DEd", "DEm", "DEs")


def open_table(path: str | Path, extension: str | int | None, recognised: Recognised) -> Table:
    """Read the table of a file, whatever its format.

    Parameters
    ----------
    path : path
        May be compressed with gzip.
    extension : str or int or None
        Name or number of the table in a FITS file; None: the first one that is `recognised`,
        or the first.
    recognised : function
        Of the names of columns.

    Raises
    ------
    InputError
        The file is not there, empty, truncated, of no known format, or has no rows.
    """
    where = str(path)
    head = _head(Path(path))
    try:
        with warnings.catch_warnings():
            # Units that astropy does not know are those of a column map, or of no column used.
            for category in (UnitsWarning, VerifyWarning, votable.exceptions.VOWarning):
                warnings.simplefilter("ignore", category)
            warnings.filterwarnings("error", message=".*truncated.*")
            table = _read(Path(path), head, extension, recognised)
    except InputError:
        raise
    except Exception as error:  # astropy's readers raise many kinds
        # What follows the first line of a message are whole rows of the file.
        words = str(error).strip().partition("\n")[0] or type(error).__name__
        problem = f"cannot be read ({words})"
        remedy = "give a whole FITS, ECSV, VOTable, CDS/MRT or CSV table"
        raise InputError(where, "file", problem, remedy) from error
    if len(table) == 0:
        raise InputError(where, "file", "has no rows", "give a table with at least one")
    return _with_degrees(table)


def _head(path: Path) -> bytes:
    where = str(path)
    try:
        with path.open("rb") as file:
            head = file.read(65536)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                head = file.read(65536)
    except FileNotFoundError as error:
        raise InputError(where, "file", "does not exist", "check the path") from error
    except (OSError, EOFError) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
        raise InputError(where, "file", problem, "give a readable table") from error
    if not head.strip():
        raise InputError(where, "file", "is empty", "give a table with columns and rows")
    return head


def _read(path: Path, head: bytes, extension: str | int | None, recognised: Recognised) -> Table:
    if head.startswith(b"SIMPLE"):
        return _read_fits(path, extension, recognised)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"<?xml", b"<VOTABLE")):
        return _read_votable(path)
    if start.startswith(b"# %ECSV"):
        return Table.read(path, format="ascii.ecsv")
    if b"Byte-by-byte Description" in head:
        return Table.read(path, format="ascii.mrt" if b"Title:" in head[:200] else "ascii.cds")
    if b"\0" in head:
        raise InputError(
            str(path), "file", "is of no known format", "give FITS, ECSV, VOTable, CDS/MRT or CSV"
        )
    readme = path.with_name("ReadMe")
    if path.suffix == ".dat" and readme.exists():
        return Table.read(path, format="ascii.cds", readme=str(readme))
    return _read_text(path)


def _read_fits(path: Path, extension: str | int | None, recognised: Recognised) -> Table:
    with fits.open(path) as units:
        tables = {
            i: unit.columns.names
            for i, unit in enumerate(units)
            if isinstance(unit, fits.BinTableHDU | fits.TableHDU)
        }
        names = {units[i].name: i for i in tables}
    where = str(path)
    if not tables:
        raise InputError(where, "file", "has no table, only images", "give a FITS table")
    if extension is None:
        usable = [i for i, columns in tables.items() if recognised(columns)]
        return Table.read(path, format="fits", hdu=usable[0] if usable else min(tables))
    wanted = names.get(extension) if isinstance(extension, str) else extension
    if wanted not in tables:
        has = ", ".join(f"{i} ({name or 'no name'})" for name, i in names.items())
        raise InputError(where, "extension", f"no table {extension!r}", f"it has {has}")
    return Table.read(path, format="fits", hdu=wanted)


def _read_votable(path: Path) -> Table:
    """The first table, with the values of its PARAMs in ``meta``."""
    first = votable.parse(str(path)).get_first_table()
    table = first.to_table(use_names_over_ids=True)
    for param in first.params:
        table.meta[param.name] = param.value
    return table


def _read_text(path: Path) -> Table:
    """Text below comments: the names of columns, perhaps their units and dashes, and rows.

    Cells are separated by tabs, commas, semicolons or blanks: by the first of them that is in
    the line of names. That line may be the last of the comments.
    """
    opened = gzip.open if path.read_bytes()[:2] == b"\x1f\x8b" else open
    with opened(path, "rt", encoding="utf-8-sig") as file:
        lines = file.read().splitlines()
    comments = [line.lstrip("# ") for line in lines if line.startswith("#")]
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    if not lines:
        return Table()
    if comments and all(_is_number(cell) for cell in _cells(lines[0])):
        lines.insert(0, comments[-1])
    n_heading = 1
    for line in lines[1:_HEADING_LINES]:
        if any(_is_number(cell) for cell in _cells(line)):
            break
        n_heading += 1
    n_heading = n_heading if n_heading < min(len(lines), _HEADING_LINES) else 1
    table = Table.read(
        [lines[0], *lines[n_heading:]],
        format="ascii.basic",
        delimiter=_separator(lines[0]) or " ",
        guess=False,
        fill_values=[(blank, "0") for blank in _BLANK],
    )
    for line in comments:
        key, _, value = line.replace("=", ":", 1).partition(":")
        if value:
            table.meta[key.strip()] = value.strip().strip("\"'")
    return table


def _separator(line: str) -> str | None:
    return next((mark for mark in "\t,;" if mark in line), None)


def _cells(line: str) -> list[str]:
    return line.split(_separator(line))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _with_degrees(table: Table) -> Table:
    """Put RAdeg and DEdeg beside the hours, minutes and seconds of CDS tables."""
    if not set(_SEXAGESIMAL) <= set(table.colnames) or "RAdeg" in table.colnames:
        return table
    h, m, s, d, arcmin, arcsec = (numbers(table[name]) for name in _SEXAGESIMAL)
    sign = np.ones(len(table))
    if "DE-" in table.colnames:
        sign = np.where(texts(table["DE-"]) == "-", -1.0, 1.0)
    table["RAdeg"] = Column(15 * (h + m / 60 + s / 3600), unit="deg")
    table["DEdeg"] = Column(sign * (d + arcmin / 60 + arcsec / 3600), unit="deg")
    return table


def numbers(column: Any) -> np.ndarray:
    """A column as float64, NaN where it is masked; ValueError where it is text."""
    values = np.ma.asarray(column)
    if values.dtype.kind in "OSU":
        values = np.ma.array(texts(column), mask=np.ma.getmaskarray(values))
        values = np.ma.where(np.isin(values, _BLANK), "nan", values)
    return np.ma.filled(np.ma.asarray(values, np.float64), np.nan)


def first_text(column: Any) -> tuple[int, str]:
    """The first cell of a column that is no number, and its row, from 1; (0, "") if all are."""
    words = texts(column)
    return next(
        ((i, str(w)) for i, w in enumerate(words, 1) if w not in _BLANK and not _is_number(w)),
        (0, ""),
    )


def texts(column: Any) -> np.ndarray:
    """A column as text without blanks around it, empty where it is masked."""
    values = np.ma.asarray(column)
    hidden = np.ma.getmaskarray(values)
    data = np.asarray(values.data)
    if data.dtype.kind == "S":
        data = np.char.decode(data, "utf-8", "replace")
    out = np.char.strip(data.astype(str)) if data.dtype.kind in "OSU" else data.astype(str)
    out[hidden] = ""
    return out
