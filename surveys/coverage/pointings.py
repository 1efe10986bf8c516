"""Where a telescope looked, when, and how deep: one row for each stretch of one state.

The file is a table, ECSV if written here, with the columns of :class:`Pointings`. Units of columns
are heeded; without one a number has the unit that the name says.

The noise is meant as white: a top-hat of the flux density F and the width W has the S/N
``F gain sqrt(W) / (noise_jy sqrt(tsamp_s))`` in the middle of the band, and ``W / sqrt(tsamp_s)``
in place of the root where it is shorter than a sample.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.table import Table
from astropy.time import Time
from numpy.typing import ArrayLike, NDArray

from surveys.catalogs.tables import numbers, open_table, texts
from surveys.coverage.motion import angles_deg, drifted, unit_vectors
from surveys.errors import InputError, unknown

_Array = NDArray[np.float64]
_ABOVE_0 = np.nextafter(0, 1)
MEMORY = "pointings"
"""Stands for the file of pointings that were not read from one."""


@dataclass(frozen=True)
class _Column:
    """Unit, default (None: required), and the least and largest number."""

    unit: str
    default: float | None
    least: float
    most: float


_COLUMNS = {
    "start_mjd": _Column("d", None, 15_000, 120_000),
    "duration_s": _Column("s", None, _ABOVE_0, 1e9),
    "searched_s": _Column("s", np.nan, 0, 1e9),
    "ra": _Column("deg", None, -360, 360),
    "dec": _Column("deg", None, -90, 90),
    "noise_jy": _Column("Jy", None, _ABOVE_0, 1e12),
    "tsamp_s": _Column("s", None, _ABOVE_0, 1e6),
    "beam_fwhm_deg": _Column("deg", np.inf, _ABOVE_0, np.inf),
    "field_deg": _Column("deg", np.inf, _ABOVE_0, np.inf),
    "field_ra": _Column("deg", np.nan, -360, 360),
    "field_dec": _Column("deg", np.nan, -90, 90),
    "threshold": _Column("", None, _ABOVE_0, 1e6),
    "max_width_s": _Column("s", np.inf, _ABOVE_0, np.inf),
}
_WIDEST_FIELD_DEG = 90.0


@dataclass(frozen=True)
class Pointings:
    """Stretches of a search, or of a plan, each with one state of the telescope.

    Attributes
    ----------
    start_mjd : (n,), UTC
    duration_s : (n,)
    searched_s : (n,)
        Part of it that was not flagged; all of it without. It counts as spread evenly.
    ra, dec : (n,), deg, ICRS
        The middle of the beam at the start.
    drift : (n,) bool
        The telescope is at rest, and its middle moves along right ascension of date at the sidereal
        rate; otherwise it follows the sky. False without.
    noise_jy : (n,)
        Standard deviation of one sample of all channels in the middle of the beam.
    tsamp_s : (n,)
    beam_fwhm_deg : (n,)
        Of a Gaussian power beam; infinite, and without: there is none.
    field_deg : (n,)
        Side of the square image that was searched, along right ascension and declination (of
        ICRS, or of date if it moves), in orthographic projection; infinite, and without: no limit.
    field_ra, field_dec : (n,), deg, ICRS
        The middle of the image, where it stays on the sky while the beam drifts over it (as that
        of `slowburst search`). NaN, and without: the middle of the beam, and moves with it.
    threshold : (n,)
        S/N of the search.
    max_width_s : (n,)
        The widest pulse that was searched for; no limit without.
    name : (n,) str
        Number of the row without.
    where : str
        The file, for errors.
    """

    start_mjd: _Array
    duration_s: _Array
    searched_s: _Array
    ra: _Array
    dec: _Array
    drift: NDArray[np.bool_]
    noise_jy: _Array
    tsamp_s: _Array
    beam_fwhm_deg: _Array
    field_deg: _Array
    field_ra: _Array
    field_dec: _Array
    threshold: _Array
    max_width_s: _Array
    name: NDArray[np.str_]
    where: str = MEMORY

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, name)) for name in NAMES}
        if len(lengths) != 1:
            raise ValueError(f"columns of pointings have different lengths {sorted(lengths)}")
        for name, column in _COLUMNS.items():
            values = getattr(self, name)
            bad = ~((values >= column.least) & (values <= column.most))
            if name in ("field_ra", "field_dec"):
                bad &= ~np.isnan(values)
            self._refuse(bad, name, "is {}", _remedy(column))
        more = self.searched_s > self.duration_s * (1 + 1e-9)
        self._refuse(more, "searched_s", "is {}, more than duration_s", "give no more than that")
        wide = (self.field_deg > _WIDEST_FIELD_DEG) & np.isfinite(self.field_deg)
        most = f"give up to {_WIDEST_FIELD_DEG:g} deg, or inf and a beam"
        self._refuse(wide, "field_deg", "is {}", most)
        endless = np.isinf(self.beam_fwhm_deg) & np.isinf(self.field_deg)
        self._refuse(endless, "beam_fwhm_deg", "is {}, and so is field_deg", "give one of them")
        half = np.isnan(self.field_ra) != np.isnan(self.field_dec)
        self._refuse(half, "field_ra", "is {}, field_dec alone is not", "give both or neither")

    def _refuse(self, bad: NDArray[np.bool_], field: str, problem: str, remedy: str) -> None:
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            value = f"{getattr(self, field)[i]:g}"
            row = f"{field} of row {i + 1} ({self.name[i]})"
            raise InputError(self.where, row, problem.format(value), remedy)

    def __len__(self) -> int:
        return len(self.start_mjd)

    @classmethod
    def of(cls, where: str = MEMORY, **columns: ArrayLike) -> Pointings:
        """Make pointings of columns; a number stands for all rows.

        Raises
        ------
        InputError
            A column is unknown, missing, or has an impossible value.
        """
        for key in columns:
            if key not in NAMES:
                raise unknown(where, "column", key, NAMES)
        n = max((np.size(v) for v in columns.values()), default=0)
        out: dict[str, Any] = {}
        for name, column in _COLUMNS.items():
            if name not in columns and column.default is None:
                raise InputError(where, name, "is missing", f"add the column {name!r}")
            values = np.asarray(columns.get(name, column.default), np.float64)
            out[name] = np.array(np.broadcast_to(values, n))
        out["searched_s"] = np.where(
            np.isnan(out["searched_s"]), out["duration_s"], out["searched_s"]
        )
        out["drift"] = np.array(np.broadcast_to(columns.get("drift", False), n), bool)
        names = columns.get("name", np.arange(1, n + 1).astype(str))
        out["name"] = np.array(np.broadcast_to(np.asarray(names, str), n))
        return cls(**out, where=where)

    def chosen(self, which: ArrayLike) -> Pointings:
        """Some of the rows, by a mask or by their numbers."""
        return replace(self, **{name: getattr(self, name)[which] for name in NAMES})

    @classmethod
    def joined(cls, parts: Iterable[Pointings], where: str = MEMORY) -> Pointings:
        """Rows of several, one after another."""
        parts = list(parts)
        columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in NAMES}
        return cls(**columns, where=where)

    @property
    def end_mjd(self) -> _Array:
        return self.start_mjd + self.duration_s / 86400

    @property
    def sigma_1s(self) -> _Array:
        """Noise of one second in the middle of the beam, (n,), in Jy s^1/2."""
        return self.noise_jy * np.sqrt(self.tsamp_s)

    def at(self, after_s: ArrayLike) -> tuple[_Array, _Array]:
        """Middle of the beam some time after the start of each pointing.

        Parameters
        ----------
        after_s : float, (n,) or (n, k)
            Seconds.

        Returns
        -------
        ra, dec : deg, ICRS
            Of the shape of ``after_s``, but (n,) of a number.
        """
        after = np.asarray(after_s, float)
        after = np.broadcast_to(after, (len(self), *after.shape[1:]))
        shape = (len(self),) + (1,) * (after.ndim - 1)
        start = unit_vectors(self.ra, self.dec).reshape(*shape, 3)
        ra, dec = angles_deg(np.broadcast_to(start, (*after.shape, 3)))
        moves = self.drift & (after.reshape(len(self), -1) != 0).any(-1)
        if moves.any():
            mjd = self.start_mjd.reshape(shape)[moves]
            ra[moves], dec[moves] = angles_deg(drifted(start[moves], mjd, after[moves]))
        return ra, dec

    def table(self) -> Table:
        """The table that is written, with units."""
        out = Table({name: getattr(self, name) for name in NAMES})
        for name, column in _COLUMNS.items():
            if column.unit:
                out[name].unit = column.unit
        return out

    def write(self, path: str | Path) -> None:
        """Write an ECSV file."""
        self.table().write(path, format="ascii.ecsv", overwrite=True)

    @classmethod
    def read(cls, path: str | Path) -> Pointings:
        """Read a table of pointings: ECSV, FITS, VOTable or CSV.

        Raises
        ------
        InputError
            The file cannot be read, a column is missing, has another unit, or an impossible value.
        """
        where = str(path)
        table = open_table(path, None, lambda names: "start_mjd" in names)
        columns: dict[str, Any] = {}
        for name in NAMES:
            if name in table.colnames:
                columns[name] = _values(table[name], name, where)
        return cls.of(where, **columns)


NAMES = tuple(f.name for f in fields(Pointings) if f.name != "where")
"""Columns of pointings."""


def _remedy(column: _Column) -> str:
    unit = f" {column.unit}" if column.unit else ""
    least = "above 0" if column.least == _ABOVE_0 else f"of {column.least:g} or more"
    most = f", up to {column.most:g}{unit}" if np.isfinite(column.most) else ""
    return f"give a number {least}{most}"


def _values(column: Any, name: str, where: str) -> Any:
    """A column of a file in the unit that it is to have."""
    if name == "name":
        return texts(column)
    if name == "drift":
        return _truths(column, where)
    if isinstance(column, Time):
        return column.utc.mjd
    try:
        values = numbers(column)
    except ValueError:
        raise InputError(where, name, "is text", "give numbers") from None
    unit, wanted = getattr(column, "unit", None), units.Unit(_COLUMNS[name].unit)
    if unit is None or unit == wanted:
        return values
    try:
        return (values * units.Unit(unit)).to_value(wanted)
    except (units.UnitConversionError, TypeError, ValueError):
        problem = f"has the unit {str(unit)!r}"
        raise InputError(where, name, problem, f"give it in {wanted or 'no unit'}") from None


def _truths(column: Any, where: str) -> NDArray[np.bool_]:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    words = [word.lower().removesuffix(".0") for word in texts(column)]
    for i, word in enumerate(words):
        if word not in known:
            problem = f"is {word!r} in row {i + 1}"
            raise InputError(where, "drift", problem, "give True or False")
    return np.array([known[word] for word in words], bool)
