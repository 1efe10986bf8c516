"""Catalogs of known sources from files: the one that ships, ``psrcat``'s, and other tables."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
from astropy.table import Column as TableColumn
from astropy.table import Table
from numpy.typing import NDArray

from surveys.catalogs import tables
from surveys.catalogs.columns import ColumnMap
from surveys.catalogs.conversion import Source, positions
from surveys.errors import InputError
from surveys.known_sources.checks import RowProblem, check_galactic, check_names
from surveys.known_sources.columns import UNITS, columns_of, pad_angles
from surveys.known_sources.psrcat import is_psrcat, parse_psrcat
from surveys.known_sources.sources import Floats, KnownSources

SHIPPED = "lpt"
"""What users call the catalog that ships, of long-period radio transients."""

_AT_LEAST_ARCSEC, _SIGMAS = 2.0, 3.0
_MOST_TOLD = 3


def read_known(path: Path | str) -> KnownSources:
    """Read a catalog of known sources.

    Parameters
    ----------
    path : path
        ``lpt`` is the catalog that ships. A file is what ``psrcat`` prints (short and long, as
        CSV or not), or a FITS, ECSV, VOTable, CDS or CSV table. Names of columns are those of
        :data:`surveys.known_sources.columns.NAMES`, in any case; the unit is that of the header
        or of the end of the name (``flux_mjy``).

    Returns
    -------
    KnownSources
        The rows that have a position. Those that do not agree with their name, or with their
        own Galactic coordinates, are in ``notes``.

    Raises
    ------
    InputError
        The file or a value in it cannot be used; the message has the column and the row.
    """
    if str(path) == SHIPPED:
        with resources.as_file(resources.files("surveys.known_sources") / "lpt.ecsv") as shipped:
            return _known(Table.read(shipped, format="ascii.ecsv"), SHIPPED)
    return _known(_open(Path(path)), str(path))


def _open(path: Path) -> Table:
    """The table of a file, with stars taken for what is not there."""
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError):
        raw = b""  # what is wrong is said below
    head = raw.decode("utf-8-sig", "replace")
    if is_psrcat(head[:4096]):
        return parse_psrcat(head, str(path))
    table = tables.open_table(path, None, _has_positions)
    for name in table.colnames:
        if np.ma.asarray(table[name]).dtype.kind in "OSU":
            words = tables.texts(table[name])
            words = np.where(words == "*", "", words)
            table.replace_column(name, TableColumn(words, name, unit=table[name].unit))
    return table


def _has_positions(names: Sequence[str]) -> bool:
    return {"ra", "dec"} <= set(columns_of(Table(names=list(names))))


def _known(table: Table, where: str) -> KnownSources:
    columns = columns_of(table)
    equatorial = {"ra", "dec"} <= set(columns)
    if not equatorial and {"l", "b"} <= set(columns):
        columns |= {"ra": columns["l"], "dec": columns["b"]}
    if not {"ra", "dec"} <= set(columns):
        field = "dec" if "ra" in columns else "ra"
        has = ", ".join(table.colnames[:20])
        problem = f"is missing; there are {has}"
        raise InputError(
            where, field, problem, "add the columns ra and dec, in degrees or hh:mm:ss"
        )
    digits = pad_angles(table, columns) if equatorial else np.full(len(table), np.nan)
    frame = "icrs" if equatorial else "galactic"
    source = Source(table, ColumnMap(columns, frame=frame), where)
    ra, dec = positions(source)
    names = _words(source, "name")
    values = _values(source, digits, dec)
    allowed = np.fmax(_SIGMAS * values["position_error_arcsec"], _AT_LEAST_ARCSEC)
    problems = check_names(names, ra, dec, allowed)
    if equatorial and {"l", "b"} <= set(columns):
        l, b = (source.as_numbers(c, table[columns[c].names[0]]) for c in ("l", "b"))
        problems += check_galactic(ra, dec, l, b, names)
    words = {field: _words(source, field) for field in ("indicative", "reference")}
    notes = _notes(where, problems)
    whole = KnownSources.of(names, ra, dec, **values, **words, source=where, notes=notes)
    _check_values(whole, where)
    return _placed(whole)


def _values(source: Source, digits: Floats, dec_deg: Floats) -> dict[str, Floats]:
    """Columns of numbers; `digits` are errors of positions that give none."""
    given = {field: _numbers(source, field) for field in UNITS}
    error = given["position_error"]
    for other in (_psrcat_error(source, dec_deg), digits):
        error = np.where(np.isfinite(error), error, other)
    spin = np.where(given["frequency"] > 0, given["frequency"], np.nan)
    period = np.where(np.isfinite(given["period"]), given["period"], 1 / spin)
    width, flux, freq = _pulsar_pulses(given, period)
    return {
        "position_error_arcsec": error,
        "period_s": period,
        "period_error_s": given["period_error"],
        "dm_pc_cm3": given["dm"],
        "dm_error_pc_cm3": given["dm_error"],
        "width_lo_s": given["width_lo"],
        "width_hi_s": width,
        "flux_lo_jy": given["flux_lo"],
        "flux_hi_jy": flux,
        "freq_mhz": freq,
        "spectral_index": given["spectral_index"],
        "epoch_mjd": given["epoch"],
    }


def _placed(catalog: KnownSources) -> KnownSources:
    """The rows that have a position."""
    there = np.isfinite(catalog.ra_deg) & np.isfinite(catalog.dec_deg)
    if there.all():
        return catalog
    if not there.any():
        raise InputError(
            catalog.source, "ra", "no row has a position", "check the columns ra and dec"
        )
    n = int(np.sum(~there))
    note = f"{catalog.source}: {n} row{'s' if n > 1 else ''} without a position left out"
    return replace(catalog.chosen(there), notes=(note, *catalog.notes))


def _psrcat_error(source: Source, dec_deg: Floats) -> Floats:
    """Position errors that psrcat gives in seconds of time and arcsec; 0 is none."""
    both = [source.numbers(field) for field in ("ra_error", "dec_error")]
    if both[0] is None or both[1] is None:
        return np.full(len(dec_deg), np.nan)
    error = np.hypot(15 * both[0] * np.cos(np.radians(dec_deg)), both[1])
    return np.where(error > 0, error, np.nan)


def _pulsar_pulses(values: dict[str, Floats], period: Floats) -> tuple[Floats, Floats, Floats]:
    """Widths, flux densities of pulses, and their frequency, also from psrcat's W50 and S1400.

    S1400 is the mean over a period: what is in a pulse is larger by the period over its width.
    """
    w50_s = values["w50"] * 1e-3
    width = np.where(np.isfinite(values["width_hi"]), values["width_hi"], w50_s)
    of_pulse = values["s1400"] * 1e-3 * period / w50_s
    given = np.isfinite(values["flux_hi"])
    flux = np.where(given, values["flux_hi"], of_pulse)
    freq = np.where(given | ~np.isfinite(of_pulse), values["freq"], 1400.0)
    return width, flux, freq


def _words(source: Source, field: str) -> NDArray[np.str_]:
    words = source.texts(field)
    return np.full(len(source.table), "") if words is None else words


def _numbers(source: Source, field: str) -> Floats:
    found = source.in_unit(field, UNITS[field])
    return np.full(len(source.table), np.nan) if found is None else found


def _check_values(catalog: KnownSources, where: str) -> None:
    """Raise InputError for the first value that cannot be."""
    for field, least in (
        ("position_error_arcsec", 0.0),
        ("period_s", 1e-9),
        ("period_error_s", 0.0),
        ("width_lo_s", 1e-12),
        ("width_hi_s", 1e-12),
        ("flux_lo_jy", 0.0),
        ("flux_hi_jy", 0.0),
        ("freq_mhz", 1e-3),
    ):
        values = getattr(catalog, field)
        bad = np.flatnonzero(values < least)
        if len(bad):
            problem = f"is {values[bad[0]]:g} in row {bad[0] + 1} ({catalog.name[bad[0]]})"
            remedy = "give a number above 0, or leave it empty where it is not known"
            raise InputError(where, field, problem, remedy)


def _notes(where: str, problems: list[RowProblem]) -> tuple[str, ...]:
    told = [f"{where}: {problem.text}" for problem in problems[:_MOST_TOLD]]
    more = len(problems) - len(told)
    return (*told, f"{where}: {more} more rows like these") if more > 0 else tuple(told)
