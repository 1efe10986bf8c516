"""Text tables over multipoles: noise spectra, such as those of CMB lensing maps, and beams."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError

Array = NDArray[np.float64]


def read_ell_table(path: Path, field: str, column: int = 1) -> tuple[Array, Array]:
    """Multipoles and what a column has for them.

    Parameters
    ----------
    path : Path
        Text: a row for each multipole, which stands first; columns are set apart by blanks or
        commas, and what follows a # is a comment.
    field : str
        The setting that names the file, for errors.
    column : int
        Wanted; the multipoles are column 0.

    Returns
    -------
    ell, values : (row,)
        Both finite, ell rising from 0 or above.

    Raises
    ------
    InputError
        The file cannot be read, has no such column, or no rising multipoles.
    """
    remedy = "give a text file with a row for each multipole: ell, and the numbers for it"
    try:
        text = path.read_text(encoding="utf-8").replace(",", " ")
        with warnings.catch_warnings():
            # An empty file is found below.
            warnings.simplefilter("ignore", UserWarning)
            table = np.loadtxt(io.StringIO(text), ndmin=2)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise InputError(str(path), field, problem, remedy) from error
    except ValueError as error:
        raise InputError(str(path), field, f"is no table ({error})", remedy) from error
    if table.size == 0 or not 1 <= column < table.shape[1]:
        problem = f"has {table.shape[1]} columns of {len(table)} rows, and no column {column}"
        if table.size == 0:
            problem = "is empty"
        raise InputError(str(path), field, problem, remedy)
    ell, values = table[:, 0], table[:, column]
    bad = ~np.isfinite(ell) | ~np.isfinite(values) | (ell < 0)
    bad[1:] |= ~(np.diff(ell) > 0)
    if bad.any():
        row = int(np.argmax(bad))
        problem = f"row {row + 1} has ell = {ell[row]:g} and {values[row]:g}"
        raise InputError(str(path), field, problem, "let ell rise, and all numbers be finite")
    return ell, values
