"""Masses of a table, and their errors, as log10 of Msun and dex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.units.function import FunctionUnitBase

from surveys.catalogs.columns import Column
from surveys.catalogs.conversion import Source
from surveys.catalogs.halo_catalog import Floats
from surveys.errors import InputError

RANGES = {"log_mass": (8.0, 16.5), "log_mstar": (4.0, 13.5)}
"""log10 of the masses in Msun that a halo and a galaxy can have."""

_TYPICAL = {"log_mass": (11.5, 15.5), "log_mstar": (7.0, 12.5)}
"""Where the middle of a catalog is likely to be: for saying what may be wrong."""

_STRAYS = 0.1
_LARGEST_ERROR_DEX = 3.0
_COMMON_UNITS = ("1e9 Msun", "1e10 Msun", "1e12 Msun", "1e13 Msun", "1e14 Msun", "Msun")


@dataclass(frozen=True)
class Masses:
    """log10 of masses in Msun (NaN: none), and their lower and upper errors in dex."""

    log: Floats
    err_lo: Floats
    err_hi: Floats


@dataclass(frozen=True)
class _Scale:
    """How numbers become masses: log10(M/Msun) is ``offset`` plus them or their log10."""

    log: bool
    offset: float

    def __call__(self, values: Floats) -> Floats:
        if self.log:
            return values + self.offset
        return np.log10(np.where(values > 0, values, np.nan)) + self.offset


def masses(source: Source, field: str) -> Masses:
    """Masses of a field, ``log_mass`` or ``log_mstar``.

    An error of a linear mass is turned into dex on its own side: log10(1 + e/M) above and
    -log10(1 - e/M) below; a lower error as large as the mass is taken as e/(M ln 10).
    Errors that are missing are 0.

    Raises
    ------
    InputError
        Most masses are impossible: the message says which unit, log or h would mend it. Or an
        error is negative, on the wrong side, or above 3 dex.
    """
    n_rows = len(source.table)
    found = source.find(field)
    if found is None:
        return Masses(np.full(n_rows, np.nan), np.zeros(n_rows), np.zeros(n_rows))
    entry, column = found
    raw = source.as_numbers(field, column)
    scale = _scale(source, field, entry, column)
    log = scale(raw)
    _check_range(source, field, raw, log, scale)
    low = _error(source, field, "lo", raw, scale)
    high = _error(source, field, "hi", raw, scale)
    if field == "log_mass" and source.map.default_dex:
        none = (low == 0) & (high == 0)
        default = np.interp(log, *np.transpose(source.map.default_dex))
        low, high = (np.where(none & np.isfinite(log), default, e) for e in (low, high))
    return Masses(log, low, high)


def _scale(source: Source, field: str, entry: Column, column: Any) -> _Scale:
    unit = source.unit(field, entry, column)
    log = entry.log
    if _is_dex(unit):
        log = True if log is None else log
        unit = getattr(unit, "physical_unit", None)
    if log is None:
        log = unit is None
    size = 1.0 if unit is None else source.factor(field, unit, u.Msun)
    return _Scale(log, float(np.log10(size / source.per_h(field, entry))))


def _is_dex(unit: u.UnitBase | None) -> bool:
    return isinstance(unit, FunctionUnitBase) or unit == u.dex


def _error(source: Source, field: str, side: str, raw: Floats, scale: _Scale) -> Floats:
    """Errors of one side in dex, 0 where there is none."""
    for name in (f"{field}_err_{side}", f"{field}_err"):
        found = source.find(name)
        if found is not None:
            break
    else:
        return np.zeros(len(raw))
    entry, column = found
    values = source.as_numbers(name, column)
    unit = source.unit(name, entry, column)
    kind = entry.kind or ("dex" if _is_dex(unit) else "error")
    if kind == "bound":
        dex = _from_bound(source, name, values, scale(raw), _scale_of_error(source, name, scale))
    else:
        if side == "lo":
            values = np.abs(values)
        if np.any(values < 0):
            problem = f"is negative in {np.sum(values < 0)} rows"
            remedy = "if a number there means none, name it as [errors] sentinel"
            raise InputError(source.where, name, problem, remedy)
        if kind == "dex" or (kind == "error" and scale.log):
            dex = values
        else:
            own = _scale_of_error(source, name, scale).offset - scale.offset
            share = values if kind == "relative" else values * 10**own / raw
            dex = _dex(share, side)
    dex = np.where(np.isfinite(dex), dex, 0.0)
    if np.any(dex > _LARGEST_ERROR_DEX):
        problem = f"is up to {dex.max():.4g} dex"
        remedy = 'say its kind ("error", "bound", "relative" or "dex"), or the [errors] sentinel'
        raise InputError(source.where, name, problem, remedy)
    return dex


def _scale_of_error(source: Source, name: str, scale: _Scale) -> _Scale:
    """The scale of an error or bound: that of its mass, unless it has a unit of its own.

    A unit in the header counts only where the mass has its unit from there too.
    """
    field = name[: name.index("_err")]
    mass = source.map.columns[field]
    found = source.find(name)
    if found is None or scale.log or (found[0].unit is None and mass.unit is not None):
        return scale
    unit = source.unit(name, *found)
    if unit is None or _is_dex(unit):
        return scale
    size = source.factor(name, unit, u.Msun) / source.per_h(field, mass)
    return _Scale(False, float(np.log10(size)))


def _from_bound(source: Source, name: str, bound: Floats, log: Floats, scale: _Scale) -> Floats:
    ends = scale(bound)
    dex = ends - log if name.endswith("_hi") else log - ends
    wrong = dex < -1e-6
    if np.any(wrong):
        row = int(np.flatnonzero(wrong)[0])
        problem = (
            f"is {10 ** ends[row]:.3g} Msun in row {row + 1} for a mass of {10 ** log[row]:.3g}"
        )
        remedy = (
            f'if these are errors and not bounds, say {name} = {{column = "NAME", kind = "error"}}'
        )
        raise InputError(source.where, name, problem, remedy)
    return np.maximum(dex, 0.0)


def _dex(share: Floats, side: str) -> Floats:
    """An error that is a share of a mass, in dex of its side."""
    if side == "hi":
        return np.log10(1 + share)
    below = np.where(share < 1, share, 0.0)
    return np.where(share < 1, -np.log10(1 - below), share / np.log(10))


def possible(field: str, log: Floats) -> np.ndarray:
    """Where a mass is one that can be, or there is none."""
    low, high = RANGES[field]
    return ~((log < low) | (log > high))


def _check_range(source: Source, field: str, raw: Floats, log: Floats, scale: _Scale) -> None:
    """Refuse masses of which more than a tenth cannot be: the map is wrong, not the rows."""
    good = np.isfinite(log)
    n_good = int(good.sum())
    given = np.isfinite(raw)
    if np.any(given) and n_good < (1 - _STRAYS) * given.sum() and not scale.log:
        problem = f"{given.sum() - n_good} of {given.sum()} masses are not positive"
        raise InputError(source.where, field, problem, "if they are log10, say log = true")
    bad = good & ~possible(field, log)
    if bad.sum() <= _STRAYS * n_good:
        return
    low, high = RANGES[field]
    middle = float(np.median(log[good]))
    problem = (
        f"log10 of the mass in Msun would be {log[good].min():.4g} to {log[good].max():.4g}, "
        f"outside {low:g}..{high:g} in {bad.sum()} of {n_good} rows"
    )
    raise InputError(
        source.where, field, problem, _remedy(float(np.median(raw[good])), middle, field, scale)
    )


def _remedy(raw: float, middle: float, field: str, scale: _Scale) -> str:
    """What would bring the middle of the masses into the range, in the words of a map."""
    inside = _TYPICAL[field]
    if not scale.log and inside[0] <= raw <= inside[1]:
        return f"they look like log10 (middle {raw:.4g}): say log = true, and h if they are per h"
    if scale.log and raw > 0 and inside[0] <= np.log10(raw) <= inside[1]:
        linear = np.log10(raw)
        return (
            f"they look linear (middle 10^{linear:.4g}): say log = false, and h if they are per h"
        )
    if raw > 0:
        fitting = [
            unit
            for unit in _COMMON_UNITS
            if inside[0] <= np.log10(raw * u.Unit(unit).to(u.Msun)) <= inside[1]
        ]
        if fitting:
            units = " or ".join(fitting)
            return (
                f"as linear masses (middle {raw:.4g}) in {units} they could be right: say "
                f'unit = "{fitting[0]}" or which it is, log = false, and h if they are per h'
            )
    return f"check unit, log and h of {field} (the middle is {middle:.4g})"
