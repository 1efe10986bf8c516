"""Values of a table, by its column map, in the units of a :class:`HaloCatalog`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from surveys.catalogs import tables
from surveys.catalogs.columns import Column, ColumnMap
from surveys.catalogs.halo_catalog import Floats
from surveys.errors import InputError

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

_TO_SENTINEL = 1e-6

_SEXAGESIMAL = re.compile(
    r"\s*([+-]?)(\d+)[hd:°\s]+(\d+)[m:'′\s]+(\d+(?:\.\d*)?)\s*[s\"″]?\s*"  # 12:34:56.7, 1h2m3s
)


@dataclass(frozen=True)
class Source:
    """A table and what its columns are.

    Attributes
    ----------
    table : Table
    map : ColumnMap
    where : str
        The file of the table, for errors.
    cosmology : FLRW, optional
        For distances, and for masses whose ``h`` is that of the cosmology.
    """

    table: Table
    map: ColumnMap
    where: str
    cosmology: FLRW | None = None

    def flrw(self) -> FLRW:
        """The cosmology, where one is needed."""
        if self.cosmology is None:
            raise ValueError(f"{self.where} needs a cosmology")
        return self.cosmology

    def find(self, field: str) -> tuple[Column, Any] | None:
        """The column map's entry for a field and the table's column, or None if it has none."""
        entry = self.map.columns.get(field)
        if entry is None:
            return None
        name = self._name(entry.names)
        if name is not None:
            return entry, self.table[name]
        if entry.needed:
            raise self.missing(field, entry.names)
        return None

    def _name(self, names: tuple[str, ...]) -> str | None:
        """The first of the names that the table has, as written or else in any case."""
        for name in names:
            if name in self.table.colnames:
                return name
        for name in names:
            near = [c for c in self.table.colnames if c.lower() == name.lower()]
            if len(near) == 1:
                return near[0]
        return None

    def missing(self, field: str, names: tuple[str, ...] = ()) -> InputError:
        """The error for a column that is not there, with those that are."""
        looked = ", ".join(names or (field,))
        has = ", ".join(self.table.colnames[:30]) + (
            ", ..." if len(self.table.colnames) > 30 else ""
        )
        problem = f"is not there (looked for {looked}; the table has {has})"
        remedy = f'name it in a column map, as {field} = "NAME" below [columns]'
        return InputError(self.where, field, problem, remedy)

    def numbers(self, field: str) -> Floats | None:
        """The values of a field, NaN where there is none; None if the table has no such column."""
        found = self.find(field)
        return None if found is None else self.as_numbers(field, found[1])

    def as_numbers(self, field: str, column: Any) -> Floats:
        try:
            values = tables.numbers(column)
        except (ValueError, TypeError) as error:
            row, word = tables.first_text(column)
            problem = f"column {column.name!r} holds text, not numbers ({word!r} in row {row})"
            raise InputError(self.where, field, problem, "name another column") from error
        values[~np.isfinite(values)] = np.nan
        for sentinel in self.map.sentinels:
            if field in ("ra", "dec") and abs(sentinel) <= 360.0:
                continue  # -1 and -99 are places on the sky
            values[np.abs(values - sentinel) < _TO_SENTINEL] = np.nan
        return values

    def texts(self, field: str) -> np.ndarray | None:
        found = self.find(field)
        return None if found is None else tables.texts(found[1])

    def unit(self, field: str, entry: Column, column: Any) -> u.UnitBase | None:
        """The unit of a column: the map's, else the header's, else None."""
        unit = u.Unit(entry.unit) if entry.unit is not None else column.unit
        if unit is None or isinstance(unit, u.UnrecognizedUnit):
            return None
        return None if unit == u.dimensionless_unscaled else unit

    def in_unit(self, field: str, default: u.UnitBase) -> Floats | None:
        """The values of a field in a unit; a column without one is taken to be in it."""
        found = self.find(field)
        if found is None:
            return None
        unit = self.unit(field, *found)
        return self.as_numbers(field, found[1]) * self.factor(field, unit or default, default)

    def factor(self, field: str, unit: u.UnitBase, wanted: u.UnitBase) -> float:
        try:
            return float(unit.to(wanted))
        except u.UnitConversionError as error:
            problem = f"is in {unit.to_string() or 'no unit'}, which is no {wanted.physical_type}"
            remedy = f'say the unit in a column map, as {field} = {{column = "NAME", unit = "..."}}'
            if (unit * u.hour).is_equivalent(wanted):  # "Msun/h" reads as Msun an hour
                remedy = f'if /h is for H0/100, map it with unit = "{wanted}" and h'
            raise InputError(self.where, field, problem, remedy) from error

    def per_h(self, field: str, entry: Column) -> float:
        """What a value is to be divided by for being given per h."""
        h = entry.h if entry.h is not None else (self.map.h if field != "log_mstar" else None)
        if h is None:
            return 1.0
        return float(self.flrw().h) if h == "cosmology" else float(h)


def positions(source: Source) -> tuple[Floats, Floats]:
    """Right ascension (0 to 360) and declination in degrees, ICRS; NaN where there is none.

    Raises
    ------
    InputError
        A column is missing, is no angle, or is outside -360..360 or -90..90 degrees.
    """
    galactic = source.map.frame == "galactic"
    first = _degrees(source, "ra", u.deg if galactic else u.hourangle)
    second = _degrees(source, "dec", u.deg)
    names = ("Galactic longitude", "Galactic latitude") if galactic else ("RA", "Dec")
    for field, values, limit, name in zip(
        ("ra", "dec"), (first, second), (360.0, 90.0), names, strict=True
    ):
        bad = np.flatnonzero(np.abs(values) > limit)
        if len(bad):
            problem = f"{name} is {values[bad[0]]:g} deg in row {bad[0] + 1} ({len(bad)} such rows)"
            remedy = f"give degrees from {-limit:g} to {limit:g}, or say the unit"
            raise InputError(source.where, field, problem, remedy)
    if galactic:
        good = np.isfinite(first) & np.isfinite(second)
        sky = SkyCoord(first[good], second[good], unit="deg", frame="galactic").icrs
        first[good], second[good] = sky.ra.deg, sky.dec.deg
    return first % 360.0, second


def _degrees(source: Source, field: str, sexagesimal: u.UnitBase) -> Floats:
    found = source.find(field)
    if found is None:
        entry = source.map.columns.get(field)
        raise source.missing(field, entry.names if entry else ())
    entry, column = found
    unit = source.unit(field, entry, column)
    if np.ma.asarray(column).dtype.kind in "OSU":
        words = tables.texts(column)
        shown = next((word for word in words if word), "")
        if _SEXAGESIMAL.fullmatch(shown):
            angles = np.array([_angle(word) for word in words])
            bad = np.flatnonzero(np.isnan(angles) & (words != ""))
            if len(bad):
                problem = f"{str(words[bad[0]])!r} in row {bad[0] + 1} is no angle"
                raise InputError(source.where, field, problem, "write it as 12:34:56.7")
            # A header may call a column of words degrees; those of RA are hours even so,
            # unless the map says that they are not.
            unit = u.Unit(entry.unit) if entry.unit is not None else sexagesimal
            return angles * source.factor(field, unit, u.deg)
    return source.as_numbers(field, column) * source.factor(field, unit or u.deg, u.deg)


def _angle(word: str) -> float:
    match = _SEXAGESIMAL.fullmatch(word)
    if match is None:
        return np.nan
    sign, first, minutes, seconds = match.groups()
    size = int(first) + int(minutes) / 60 + float(seconds) / 3600
    return -size if sign == "-" else size
