"""Column maps in TOML: which column of a table is what, in which unit.

A map is a TOML file. What it does not say is taken from the map of a known catalog, where the
table is one (:mod:`surveys.catalogs.known_catalogs`), or from the native names; a whole one::

    mass_definition = "500c"      # vir, 200c, 500c or 200m: of log_mass
    extension = "CLUSTERS"        # name or number of the table in a FITS file
    frame = "icrs"                # or "galactic": then ra and dec are l and b
    h = 0.7                       # log_mass and distance are in Msun/h and Mpc/h

    [columns]
    name = "CLUSTER"
    ra = "RA_BCG"                             # degrees, or 12:34:56.7, or as the header says
    dec = "DEC_BCG"
    z = "Z_LAMBDA"                            # or velocity (km/s), or distance (Mpc)
    z_err = "Z_LAMBDA_E"
    z_spec = "Z_SPEC"                         # stands for z, without an error, where it is there
    log_mass = {column = "M500", unit = "1e13 Msun", log = false, h = 0.7}
    log_mass_err_lo = {column = "M500_LO", kind = "bound"}
    log_mass_err_hi = {column = "M500_HI", kind = "bound"}
    richness = ["LAMBDA", "LAMBDA_CHISQ"]     # the first that the table has
    pz = {column = "PZ", grid = "PZBINS"}     # or grid = [0.0, 1.0, 101]: start, end, number

    [richness]                    # log_mass = log_mass_at_pivot + slope log10(richness/pivot)
    pivot = 40.0
    log_mass_at_pivot = 14.49
    slope = 1.36
    scatter_dex = 0.2

    [errors]
    sentinel = [-999, -99]        # these numbers mean that there is no value
    default_dex = 0.3             # error of a log_mass that has none; it changes with the mass
                                  # as in [[12.5, 0.4], [13.5, 0.2]], straight lines between

A column is a name, a list of names, or a table with these keys:

``column``
    The name, or the names to look for.
``unit``
    As astropy writes units: ``deg``, ``hourangle``, ``1e13 Msun``, ``dex(Msun)``, ``Mpc``.
    Without it the header's counts, and where that has none: degrees, Msun, Mpc, km/s, kpc.
``log``
    Whether a mass is given as its log10. Without it ``dex`` units are, masses in Msun are
    not, and masses without a unit are.
``h``
    The value is in Msun/h or Mpc/h with this h = H0/100, and is divided by it;
    ``"cosmology"`` takes the h of the cosmology that is computed with.
``kind``
    Of an error: ``error`` (in the unit of its value, the default), ``bound`` (the value at
    its lower or upper end), ``relative`` (a fraction of a linear mass) or ``dex``. Of a
    distance: ``luminosity`` (the default) or ``comoving``.
``grid``
    Of ``pz``: the redshifts of its values.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from surveys.catalogs.columns import ERRORS, FIELDS, Column, ColumnMap, RichnessRelation
from surveys.catalogs.halo_catalog import MASS_DEFINITIONS
from surveys.errors import InputError, unknown

_KINDS = {"distance": ("luminosity", "comoving")}
_ERROR_KINDS = ("error", "bound", "relative", "dex")
_TOP = ("mass_definition", "extension", "frame", "h", "columns", "richness", "errors")


def read_column_map(path: str | Path) -> ColumnMap:
    """Read a map from a TOML file.

    Raises
    ------
    InputError
        It cannot be read, has an unknown key, or a value that cannot be.
    """
    where = str(path)
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise InputError(where, "file", problem, "give a readable TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(where, "file", f"is no valid TOML ({error})", "mend it") from error
    return parse_column_map(table, where)


def parse_column_map(table: Mapping[str, Any], where: str = "columns") -> ColumnMap:
    """Build a map from what a TOML file holds; `where` names it in errors."""
    _no_others(table, _TOP, where, "")
    for part in ("columns", "richness", "errors"):
        if not isinstance(table.get(part, {}), Mapping):
            raise InputError(where, part, "is not a table", f"write it below [{part}]")
    columns = {}
    for name, entry in table.get("columns", {}).items():
        if name not in FIELDS:
            raise unknown(where, f"columns.{name}", name, FIELDS)
        columns[name] = _column(name, entry, where)
    definition = _word(table, "mass_definition", ("", *MASS_DEFINITIONS), where)
    errors = table.get("errors", {})
    _no_others(errors, ("sentinel", "default_dex"), where, "errors.")
    sentinel = errors.get("sentinel", -999.0)
    sentinels = sentinel if isinstance(sentinel, list | tuple) else [sentinel]
    extension = table.get("extension")
    if extension is not None and (
        isinstance(extension, bool) or not isinstance(extension, str | int)
    ):
        raise InputError(where, "extension", f"is {extension!r}", "give a name or a number")
    return ColumnMap(
        columns=columns,
        mass_definition=definition,
        extension=extension,
        frame=_word(table, "frame", ("icrs", "galactic"), where),
        h=_h(table.get("h"), where, "h"),
        richness=_relation(table["richness"], where) if "richness" in table else None,
        sentinels=tuple(_number(s, where, "errors.sentinel") for s in sentinels),
        default_dex=_pairs(errors.get("default_dex", []), where, "errors.default_dex"),
        where=where,
    )


def _no_others(table: Mapping[str, Any], known: Iterable[str], where: str, prefix: str) -> None:
    names = tuple(known)
    for key in table:
        if key not in names:
            raise unknown(where, prefix + key, key, names)


def _column(name: str, entry: Any, where: str) -> Column:
    at = f"columns.{name}"
    table = entry if isinstance(entry, Mapping) else {"column": entry}
    _no_others(table, ("column", "unit", "log", "h", "kind", "grid"), where, f"{at}.")
    names = table.get("column")
    names = [names] if isinstance(names, str) else names
    if (
        not isinstance(names, list | tuple)
        or not names
        or not all(isinstance(n, str) for n in names)
    ):
        raise InputError(where, at, f"names no column ({entry!r})", 'write it as "NAME"')
    if not isinstance(table.get("log", False), bool):
        raise InputError(where, f"{at}.log", f"is {table['log']!r}", "give true or false")
    return Column(
        names=tuple(names),
        unit=_unit(table.get("unit"), where, f"{at}.unit"),
        log=table.get("log"),
        h=_h(table.get("h"), where, f"{at}.h"),
        kind=_kind(name, table, where, at),
        grid=_grid(table.get("grid"), where, f"{at}.grid"),
    )


def _kind(name: str, table: Mapping[str, Any], where: str, at: str) -> str | None:
    if "kind" not in table:
        return None
    kinds = _ERROR_KINDS if name in ERRORS else _KINDS.get(name, ())
    if not kinds:
        raise InputError(where, f"{at}.kind", f"means nothing for {name}", "leave it away")
    word = _word(table, "kind", kinds, where, f"{at}.")
    if word == "bound" and name.endswith("_err"):
        remedy = f"give {name}_lo and {name}_hi"
        raise InputError(where, f"{at}.kind", "one bound is not both errors", remedy)
    return word


def _word(
    table: Mapping[str, Any], key: str, known: tuple[str, ...], where: str, prefix: str = ""
) -> str:
    word = table.get(key, "")
    if key in table and word not in known:
        raise unknown(where, prefix + key, str(word), [k for k in known if k])
    return word


def _unit(text: Any, where: str, at: str) -> str | None:
    if text is None:
        return None
    try:
        u.Unit(text)
    except (ValueError, TypeError) as error:
        problem = f"{text!r} is no unit of astropy"
        remedy = 'write, for example, "deg", "1e13 Msun", "dex(Msun)" or "Mpc", and h apart'
        raise InputError(where, at, problem, remedy) from error
    return str(text)


def _h(value: Any, where: str, at: str) -> float | str | None:
    if value is None or value == "cosmology":
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.2 <= value <= 1.5:
        remedy = 'give H0 / (100 km/s/Mpc), such as 0.7, or "cosmology"'
        raise InputError(where, at, f"is {value!r}", remedy)
    return float(value)


def _number(value: Any, where: str, at: str, low: float = -np.inf, high: float = np.inf) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        between = "" if np.isinf(high) else f" from {low:g} to {high:g}"
        raise InputError(where, at, f"is {value!r}", f"give a number{between}")
    return float(value)


def _pairs(value: Any, where: str, at: str) -> tuple[tuple[float, float], ...]:
    """Pairs of a rising mass and its error; a single error holds for all masses."""
    if not isinstance(value, list | tuple):
        return ((0.0, _number(value, where, at, 0.0, 3.0)),)
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
        raise InputError(where, at, f"is {value!r}", "give a number, or pairs [log_mass, error]")
    pairs = [(_number(m, where, at), _number(e, where, at, 0.0, 3.0)) for m, e in value]
    if any(a[0] >= b[0] for a, b in pairwise(pairs)):
        raise InputError(where, at, f"is {value!r}", "give the pairs by rising mass")
    return tuple(pairs)


def _grid(value: Any, where: str, at: str) -> str | tuple[float, ...] | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and len(value) == 3:
        start, end, number = (_number(v, where, at) for v in value)
        if 0 <= start < end and number >= 2 and number == int(number):
            return tuple(np.linspace(start, end, int(number)).tolist())
    remedy = "give the name of a column, or [start, end, number]"
    raise InputError(where, at, f"is {value!r}", remedy)


def _relation(table: Mapping[str, Any], where: str) -> RichnessRelation:
    limits = {
        "pivot": (1e-3, 1e6),
        "log_mass_at_pivot": (8.0, 16.5),
        "slope": (0.05, 10.0),
        "scatter_dex": (0.0, 3.0),
    }
    _no_others(table, limits, where, "richness.")
    for key in limits:
        if key not in table and key != "scatter_dex":
            raise InputError(where, f"richness.{key}", "is missing", f"add the key {key!r}")
    values = {k: _number(v, where, f"richness.{k}", *limits[k]) for k, v in table.items()}
    return RichnessRelation(**values)
