"""Columns of the files that settings of angular power spectra name."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo.power.tables import read_columns
from surveys.errors import InputError, SettingProblem

Columns = dict[str, NDArray[Any]]
MEND = "mend the table"


@contextmanager
def blamed(where: str | Path, field: str, remedy: str) -> Iterator[None]:
    """Say of which file and field the problem is that `cosmo` finds."""
    try:
        yield
    except (InputError, SettingProblem):
        raise
    except ValueError as error:
        raise InputError(str(where), field, str(error), remedy) from error


def read(path: Path, text: bool = False) -> Columns:
    """Arrays by name, of an NPZ or ECSV, or of text without names.

    Parameters
    ----------
    path : Path
    text : bool
        Whether two columns of text will do: they are called ``0`` and ``1``.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    endings = "an .npz, .ecsv or text of two columns" if text else "an .npz or .ecsv"
    try:
        if not text or path.suffix in (".npz", ".ecsv"):
            return read_columns(path)
        with path.open(encoding="utf-8") as file, warnings.catch_warnings():
            # Of no rows, which are an error here.
            warnings.simplefilter("ignore")
            rows = np.loadtxt(file, ndmin=2)
        if not rows.size or rows.shape[1] < 2:
            raise ValueError(f"has {rows.shape[1]} columns in {rows.shape[0]} rows")
        return {"0": rows[:, 0], "1": rows[:, 1]}
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise InputError(str(path), "file", problem, f"give {endings}") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(str(path), "file", str(error), f"give {endings}") from error


def column(columns: Columns, path: Path, key: str | None, known: Sequence[str]) -> tuple[str, Any]:
    """The column of a name that is given, or of the first known one that is there.

    Returns
    -------
    name : str
    values : array of float64
    """
    wanted = (key,) if key is not None else (*known, *("0", "1"))
    for name in wanted:
        if name in columns:
            try:
                return name, np.asarray(columns[name], np.float64)
            except (TypeError, ValueError):
                problem = "is not an array of numbers"
                raise InputError(str(path), name, problem, MEND) from None
    there = ", ".join(columns) or "nothing"
    raise InputError(str(path), key or known[0], f"is missing; there is {there}", "name the column")


def finite(values: NDArray[np.float64], path: Path, name: str) -> NDArray[np.float64]:
    """The values, all of which have to be numbers."""
    good = np.isfinite(values)
    if not good.all():
        problem = f"is not finite in {int((~good).sum())} of {good.size} places"
        raise InputError(str(path), name, problem, MEND)
    return values


def one_of_many(
    values: NDArray[np.float64], path: Path, name: str, setting: str, index: int | None, n: int
) -> NDArray[np.float64]:
    """One column of n values of an array that may have many, as rows or columns."""
    if values.ndim == 1:
        if index is not None:
            raise InputError(str(path), name, f"is one column; {setting} asks for one of many",
                             f"leave {setting} out")  # fmt: skip
        return values
    if values.ndim == 2 and n in values.shape:
        rows = values if values.shape[1] == n else values.T
        if index is None:
            problem = f"has {len(rows)} columns"
            raise InputError(str(path), name, problem, f"say which with {setting}, from 0")
        if not 0 <= index < len(rows):
            problem = f"has {len(rows)} columns, and {setting} is {index}"
            raise InputError(str(path), name, problem, f"give 0 to {len(rows) - 1}")
        return rows[index]
    problem = f"has the shape {values.shape}, beside {n} rows"
    raise InputError(str(path), name, problem, MEND)
