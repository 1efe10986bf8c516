"""Catalogs of halos, groups, clusters and galaxies, from the files that surveys publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.cosmology import FLRW, Planck18

from surveys.catalogs.column_files import parse_column_map, read_column_map
from surveys.catalogs.columns import ColumnMap
from surveys.catalogs.conversion import Source, positions
from surveys.catalogs.halo_catalog import (
    MASS_DEFINITIONS,
    Floats,
    HaloCatalog,
    concatenate,
    left_out,
    without_duplicates,
    without_members,
)
from surveys.catalogs.known_catalogs import NATIVE, recognise
from surveys.catalogs.masses import Masses, masses, possible
from surveys.catalogs.redshifts import redshifts
from surveys.catalogs.tables import open_table
from surveys.errors import InputError, unknown

__all__ = [
    "MASS_DEFINITIONS",
    "HaloCatalog",
    "concatenate",
    "read_catalog",
    "read_column_map",
    "without_duplicates",
    "without_members",
]

_DEFINITION_KEYS = ("mass_definition", "massdefinition", "mass_def", "massdef")


def read_catalog(
    path: str | Path,
    columns: ColumnMap | Mapping[str, Any] | str | Path | None = None,
    cosmology: FLRW | None = None,
    need_mass: bool = True,
) -> HaloCatalog:
    """Read a catalog of halos or galaxies.

    Parameters
    ----------
    path : path
        A FITS, ECSV, VOTable, CDS/MRT, CSV or tab-separated table. Its columns are the native
        ones (``name, ra, dec, z, log_mass, log_mass_err_lo, log_mass_err_hi, ...`` with
        ``mass_definition`` in the metadata, a CSV has it as ``# mass_definition = 200c``),
        those of a known catalog (:mod:`surveys.catalogs.known_catalogs`), or what `columns` says.
    columns : ColumnMap, dict or path, optional
        A column map, what a TOML file of one holds, or such a file
        (:mod:`surveys.catalogs.column_files`). It goes before what the table is recognised as.
    cosmology : FLRW, optional
        For distances, and for masses for h = 1 of known catalogs. Default: Planck18.
    need_mass : bool
        False keeps galaxies without any mass: they can be members of groups
        (:func:`surveys.groups.find.find_groups`), and give groups their richness.

    Returns
    -------
    HaloCatalog
        The rows that have a position, a redshift, and a halo mass, stellar mass or richness;
        each once. ``notes`` say which known catalog the columns are of, how many other rows
        there were, and why they were left out.

    Raises
    ------
    InputError
        The file or a column of it cannot be used.
    """
    given = _column_map(columns)
    where = str(path)

    def recognised(names: Sequence[str]) -> bool:
        if given.columns:
            return all(set(c.names) & set(names) for c in given.columns.values())
        return recognise(names) is not None

    table = open_table(path, given.extension, recognised)
    known = recognise(table.colnames) or NATIVE
    notes = () if known is NATIVE else (f"columns are those of {known.title}",)
    source = Source(table, given.over(known.map()), where, cosmology or Planck18)
    ra, dec = positions(source)
    shifts = redshifts(source)
    halo, stellar = masses(source, "log_mass"), masses(source, "log_mstar")
    richness, richness_err = _richness(source)
    halo = _by_richness(source, halo, richness, richness_err)
    if need_mass and not any(np.isfinite(v).any() for v in (halo.log, stellar.log, richness)):
        _refuse_without_mass(source)
    catalog = HaloCatalog.of(
        name=_words(source, "name"),
        ra_deg=ra,
        dec_deg=dec,
        z=shifts.z,
        z_err=shifts.z_err,
        log_mass=halo.log,
        log_mass_err_lo=halo.err_lo,
        log_mass_err_hi=halo.err_hi,
        mass_definition=_definitions(source, halo.log),
        log_mstar=stellar.log,
        log_mstar_err_lo=stellar.err_lo,
        log_mstar_err_hi=stellar.err_hi,
        richness=richness,
        richness_err=richness_err,
        concentration=_positive(source.numbers("concentration"), len(table)),
        group=_words(source, "group"),
        centring_kpc=_positive(source.in_unit("centring", u.kpc), len(table)),
        magnitude=_or_nan(source.numbers("magnitude"), len(table)),
        pz=shifts.pz,
        pz_z=shifts.grid,
        source=where,
        notes=notes,
    )
    return without_duplicates(_usable(catalog, need_mass))


def _column_map(columns: ColumnMap | Mapping[str, Any] | str | Path | None) -> ColumnMap:
    if isinstance(columns, ColumnMap):
        return columns
    if isinstance(columns, str | Path):
        return read_column_map(columns)
    return parse_column_map(columns or {})


def _usable(catalog: HaloCatalog, need_mass: bool) -> HaloCatalog:
    """Leave out rows that say nothing about a halo, and note why."""
    left = np.ones(len(catalog), bool)
    notes = []
    for good, why in (
        (np.isfinite(catalog.ra_deg) & np.isfinite(catalog.dec_deg), "no position"),
        (np.isfinite(catalog.z), "no redshift"),
        (catalog.z != 0, "a redshift of zero"),
        (catalog.has_mass | (not need_mass), "no mass and no richness"),
        (possible("log_mass", catalog.log_mass), "an impossible halo mass"),
        (possible("log_mstar", catalog.log_mstar), "an impossible stellar mass"),
    ):
        if np.any(left & ~good):
            notes.append(left_out(int(np.sum(left & ~good)), why))
            left &= good
    if not left.any():
        remedy = "check the columns and [errors] sentinel of its column map"
        raise InputError(catalog.source, "rows", f"none can be used ({'; '.join(notes)})", remedy)
    return (catalog if left.all() else catalog.select(left)).noted(*notes)


def _words(source: Source, field: str) -> np.ndarray | str:
    words = source.texts(field)
    return "" if words is None else words


def _or_nan(values: Floats | None, n_rows: int) -> Floats:
    return np.full(n_rows, np.nan) if values is None else values


def _positive(values: Floats | None, n_rows: int) -> Floats:
    given = _or_nan(values, n_rows)
    return np.where(given > 0, given, np.nan)


def _richness(source: Source) -> tuple[Floats, Floats]:
    richness = _positive(source.numbers("richness"), len(source.table))
    err = source.numbers("richness_err")
    return richness, np.zeros(len(richness)) if err is None else np.nan_to_num(err).clip(0)


def _by_richness(source: Source, halo: Masses, richness: Floats, err: Floats) -> Masses:
    """Masses from the user's relation where the catalog has none."""
    relation = source.map.richness
    if relation is None:
        return halo
    if not np.isfinite(richness).any():
        problem = "a relation is given, but the table has no richness"
        remedy = 'name its column, as richness = "NAME" below [columns]'
        raise InputError(source.where, "richness", problem, remedy)
    log, dex = relation.log_mass(richness, err)
    use = ~np.isfinite(halo.log) & np.isfinite(log)
    return Masses(
        np.where(use, log, halo.log),
        np.where(use, dex, halo.err_lo),
        np.where(use, dex, halo.err_hi),
    )


def _definitions(source: Source, log_mass: Floats) -> np.ndarray:
    """The mass definition of each row that has a halo mass."""
    has = np.isfinite(log_mass)
    rows = source.texts("mass_definition")
    meta = {str(k).lower(): v for k, v in source.table.meta.items()}
    said = source.map.mass_definition or next((meta[k] for k in _DEFINITION_KEYS if k in meta), "")
    words = np.full(len(log_mass), str(said).strip()) if rows is None else rows
    if not has.any():
        return np.full(len(log_mass), "")
    for word in np.unique(words[has]):
        if word == "":
            problem = "is not said for masses that are there"
            remedy = (
                f'write mass_definition = "200c" (or {", ".join(MASS_DEFINITIONS)}) in the '
                "table's metadata or in a column map"
            )
            raise InputError(source.where, "mass_definition", problem, remedy)
        if word not in MASS_DEFINITIONS:
            raise unknown(source.where, "mass_definition", str(word), MASS_DEFINITIONS)
    return np.where(has, words, "")


def _refuse_without_mass(source: Source) -> None:
    fields = ("log_mass", "log_mstar", "richness")
    if any(source.find(field) is not None for field in fields):
        problem = "no row has a halo mass, stellar mass or richness"
        remedy = "check the column map and its [errors] sentinel"
        raise InputError(source.where, "log_mass", problem, remedy)
    looked = [n for f in fields if f in source.map.columns for n in source.map.columns[f].names]
    raise source.missing("log_mass", tuple(looked))
