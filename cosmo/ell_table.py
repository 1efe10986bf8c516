"""What is given at some multipoles and wanted at others: checks of both."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def table_and_wanted(ell: Any, table_ell: Any, table: Any, what: str) -> tuple[Array, Array, Array]:
    """Wanted multipoles, and the two columns of a table, as float64.

    Raises
    ------
    ValueError
        The table is not two columns of finite numbers with rising multipoles, or a wanted
        multipole is outside it.
    """
    ell, table_ell, table = (np.asarray(v, dtype=np.float64) for v in (ell, table_ell, table))
    if table_ell.ndim != 1 or table_ell.shape != table.shape or not table_ell.size:
        raise ValueError(f"table_ell {table_ell.shape} and table {table.shape} are no two columns")
    if not ((np.diff(table_ell) > 0).all() and np.isfinite(table).all()):
        raise ValueError("table_ell has to rise, and table to be finite")
    check_within(ell, table_ell, what)
    return ell, table_ell, table


def check_within(ell: Array, given: Array, what: str) -> None:
    """Raise a ValueError that names the first multipole outside rising ones that are given."""
    outside = ~((ell >= given[0]) & (ell <= given[-1]))
    if outside.any():
        reach = f"{given[0]:g} to {given[-1]:g}"
        raise ValueError(f"ell = {ell[outside][0]:g} is outside {what} ({reach})")
