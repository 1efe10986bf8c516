"""Medians of a value in groups of rows: observed over intrinsic sizes against anything.

One function serves all: what is grouped by are columns, taken as they are (an SNR, a band, an
estimator) or in bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.stats import binom_conf_interval
from astropy.table import Table
from numpy.ma import MaskedArray
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from surveys.errors import SettingProblem

PERCENTILES = 15.865, 50.0, 84.135
Columns = Mapping[str, ArrayLike] | Table


def grouped(
    columns: Columns,
    value: str,
    by: Sequence[str] | Mapping[str, ArrayLike | None],
    keep: ArrayLike | None = None,
    detected: ArrayLike | None = None,
) -> Table:
    """Median, spread and fraction detected in each group of rows.

    Parameters
    ----------
    columns : mapping of str to (n,), or Table
    value : str
        The column that medians are of.
    by : list of str, or mapping of str to edges
        Columns that groups are of. With edges (rising) a column is taken in bins, each with its
        lower edge, the last with both; rows outside are left out, and so is one whose column is
        NaN or masked.
    keep : (n,) bool, optional
        Rows with a value that can be trusted; see :func:`unflagged`.
    detected : (n,) bool, optional
        Without it those with a finite value.

    Returns
    -------
    groups : Table
        Sorted by the columns of `by` (in bins: ``NAME_low`` and ``NAME_high``), then

        ``n, n_detected, n_used``
            Rows; those detected; those detected, kept and of a finite value.
        ``fraction_detected, fraction_low, fraction_high``
            n_detected / n and its interval of 68 % (Wilson 1927).
        ``median, median_err, p16, p84``
            Of the n_used values; NaN without any. For the error see :func:`median_error`.

    Raises
    ------
    SettingProblem
        A column is not there, is not as long as the others, or edges do not rise.
    """
    names = list(by)
    edges = dict(by) if isinstance(by, Mapping) else dict.fromkeys(names)
    if not names:
        raise SettingProblem("by", "is empty", "name a column")
    values = _numbers(value, _column(columns, value, None))
    n = len(values)
    finite = np.isfinite(values)
    found = finite if detected is None else _mask("detected", detected, n)
    used = found & finite & (True if keep is None else _mask("keep", keep, n))
    codes, labels = [], []
    for name in names:
        code, label = _codes(name, _column(columns, name, n), edges[name])
        codes.append(code)
        labels.append(label)
    inside = np.flatnonzero(np.all([code >= 0 for code in codes], axis=0))
    sizes = [len(next(iter(label.values()))) for label in labels]
    whole = np.zeros(len(inside), np.int64)
    for code, size in zip(codes, sizes, strict=True):
        whole = whole * size + code[inside]
    order = np.argsort(whole, kind="stable")
    first = np.unique(whole[order], return_index=True)[1]
    rows = np.split(inside[order], first[1:]) if len(first) else []
    one_of_each = inside[order][first]
    table = Table()
    for label, code in zip(labels, codes, strict=True):
        for name, ends in label.items():
            table[name] = ends[code[one_of_each]]
    summary = [_summary(values, found, used, row) for row in rows]
    for name, kind in _SUMMARY.items():
        table[name] = np.array([s[name] for s in summary], kind)
    return table


def unflagged(flags: ArrayLike, bad: int) -> NDArray[np.bool_]:
    """Rows (n,) with none of the bits of `bad` in their flags."""
    return (np.asarray(flags, np.int64) & bad) == 0


def median_error(values: NDArray[np.float64]) -> float:
    """Standard error of the median by order statistics (Maritz & Jarrett 1978); no random draws.

    It is what a bootstrap of infinitely many draws gives, for an odd number exactly. NaN of less
    than three values.
    """
    n = len(values)
    if n < 3:
        return float("nan")
    # The chance of each value to be the median of n that are drawn from them.
    middle = (n + 1) / 2
    weight = np.diff(betainc(middle, middle, np.arange(n + 1) / n))
    away = np.sort(values) - np.median(values)
    return float(np.sqrt(max(weight @ away**2 - (weight @ away) ** 2, 0.0)))


_SUMMARY = {
    "n": int,
    "n_detected": int,
    "n_used": int,
    "fraction_detected": float,
    "fraction_low": float,
    "fraction_high": float,
    "median": float,
    "median_err": float,
    "p16": float,
    "p84": float,
}


def _summary(
    values: NDArray[np.float64],
    found: NDArray[np.bool_],
    used: NDArray[np.bool_],
    rows: NDArray[np.int64],
) -> dict[str, float]:
    n, n_detected = len(rows), int(found[rows].sum())
    low, high = binom_conf_interval(n_detected, n, interval="wilson")
    here = values[rows[used[rows]]]
    p16, median, p84 = np.percentile(here, PERCENTILES) if len(here) else (np.nan,) * 3
    return {
        "n": n,
        "n_detected": n_detected,
        "n_used": len(here),
        "fraction_detected": n_detected / n,
        "fraction_low": float(low),
        "fraction_high": float(high),
        "median": median,
        "median_err": median_error(here),
        "p16": p16,
        "p84": p84,
    }


def _codes(
    name: str, column: MaskedArray, edges: ArrayLike | None
) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
    """Number of the group of each row, -1 of those in none, and what the groups are called."""
    if edges is None:
        plain = np.asarray(column.data)
        known = ~np.ma.getmaskarray(column) & (plain == plain)  # NaN is not
        labels, codes = np.unique(plain[known], return_inverse=True)
        whole = np.full(len(column), -1)
        whole[known] = codes
        return whole, {name: labels}
    try:
        ends = np.asarray(edges, np.float64)
    except ValueError:
        raise SettingProblem(f"by.{name}", "has edges of text", "give numbers") from None
    if ends.ndim != 1 or len(ends) < 2 or not (np.diff(ends) > 0).all():
        raise SettingProblem(f"by.{name}", "has edges that do not rise", "give two or more, sorted")
    numbers = _numbers(name, column)
    codes = np.searchsorted(ends, numbers, side="right") - 1
    codes[numbers == ends[-1]] = len(ends) - 2
    codes[~((numbers >= ends[0]) & (numbers <= ends[-1]))] = -1
    return codes, {f"{name}_low": ends[:-1], f"{name}_high": ends[1:]}


def _column(columns: Columns, name: str, n: int | None) -> MaskedArray:
    known = list(columns.keys())
    if name not in known:
        raise SettingProblem(name, "is no column", f"there are {', '.join(map(str, known))}")
    column = np.ma.asarray(columns[name])
    if column.ndim != 1 or (n is not None and len(column) != n):
        problem = f"has shape {column.shape}" + (f", the values {(n,)}" if n is not None else "")
        raise SettingProblem(name, problem, "give one value for each row")
    if column.dtype.kind not in "biufSU":
        problem = f"holds {column.dtype.name}"
        raise SettingProblem(name, problem, "give numbers or text, without empty ones")
    return column


def _numbers(name: str, column: MaskedArray) -> NDArray[np.float64]:
    if column.dtype.kind in "SU":
        raise SettingProblem(name, "holds text", "give numbers")
    return np.asarray(np.ma.filled(column.astype(np.float64), np.nan))


def _mask(name: str, mask: ArrayLike, n: int) -> NDArray[np.bool_]:
    array = np.asarray(mask)
    if array.dtype != bool or array.shape != (n,):
        problem = f"is {array.dtype} of shape {array.shape}"
        raise SettingProblem(name, problem, f"give {n} of true and false")
    return array
