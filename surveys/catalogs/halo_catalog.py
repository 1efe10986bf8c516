"""Halos, galaxies and groups on the sky, in the units that everything else computes with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

MASS_DEFINITIONS = ("vir", "200c", "500c", "200m")
"""Bryan & Norman (1998), 200 and 500 times the critical, 200 times the mean density."""

Floats = NDArray[np.float64]

_TEXT = ("name", "group", "mass_definition")
_NONE = ("log_mass", "log_mstar", "richness", "concentration", "centring_kpc", "magnitude")
_PER_CATALOG = ("pz", "pz_z", "source", "notes")

_SAME_PLACE_RAD = np.deg2rad(1 / 3600)
_SAME_Z = 1e-4


@dataclass(frozen=True)
class HaloCatalog:
    """Equally long columns, a row for each halo or galaxy; build it with :meth:`of`.

    Attributes
    ----------
    name : (n,) str
    ra_deg, dec_deg : (n,) float64
        ICRS.
    z, z_err : (n,) float64
    log_mass, log_mass_err_lo, log_mass_err_hi : (n,) float64
        log10 of the halo mass in Msun (no h), and its errors in dex, both positive; NaN is
        no mass, an error of 0 is none.
    mass_definition : (n,) str
        One of `MASS_DEFINITIONS` where there is a mass, else empty. It stands in every row,
        so that catalogs of different definitions can be put together.
    log_mstar, log_mstar_err_lo, log_mstar_err_hi : (n,) float64
        log10 of the stellar mass in Msun, and its errors in dex; NaN is none.
    richness, richness_err : (n,) float64
        NaN is none.
    concentration : (n,) float64
        For the row's mass definition; NaN is none.
    group : (n,) str
        Name of the group that the galaxy belongs to, or empty.
    centring_kpc : (n,) float64
        Scatter of the centre on each axis of the sky, proper kpc; NaN is none.
    magnitude : (n,) float64
        Apparent, in any one band: what members of a group are weighted by; NaN is none.
    pz : (n, k) float64 or None
        Probability density of z on `pz_z`; a row of zeros has none.
    pz_z : (k,) float64 or None
    source : str
        The file or files.
    notes : tuple of str
        What was left out, with its number, and why.

    Raises
    ------
    ValueError
        Columns are not one-dimensional and equally long.
    """

    name: NDArray[np.str_]
    ra_deg: Floats
    dec_deg: Floats
    z: Floats
    z_err: Floats
    log_mass: Floats
    log_mass_err_lo: Floats
    log_mass_err_hi: Floats
    mass_definition: NDArray[np.str_]
    log_mstar: Floats
    log_mstar_err_lo: Floats
    log_mstar_err_hi: Floats
    richness: Floats
    richness_err: Floats
    concentration: Floats
    group: NDArray[np.str_]
    centring_kpc: Floats
    magnitude: Floats
    pz: Floats | None = None
    pz_z: Floats | None = None
    source: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for column in COLUMNS:
            values = np.asarray(getattr(self, column), str if column in _TEXT else np.float64)
            if values.shape != self.shape:
                raise ValueError(f"{column} has shape {values.shape}, z has {self.shape}")
            object.__setattr__(self, column, values)
        if (self.pz is None) != (self.pz_z is None):
            raise ValueError("pz and pz_z must be given together")
        if self.pz is not None and self.pz_z is not None:
            wanted = (len(self), len(self.pz_z))
            if np.shape(self.pz) != wanted:
                raise ValueError(f"pz has shape {np.shape(self.pz)}, not {wanted}")

    @classmethod
    def of(cls, **columns: Any) -> Self:
        """Build a catalog from some of its columns; the others say that there is nothing.

        ``ra_deg``, ``dec_deg`` and ``z`` are needed. A single value stands for all rows.
        """
        n_rows = np.size(columns["z"])
        for column in COLUMNS:
            default = "" if column in _TEXT else np.nan if column in _NONE else 0.0
            values = np.asarray(columns.get(column, default))
            columns[column] = np.broadcast_to(values, n_rows) if values.ndim == 0 else values
        return cls(**columns)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of every column, ``(n,)``."""
        return (np.size(self.z),)

    def __len__(self) -> int:
        return np.size(self.z)

    def select(self, rows: ArrayLike | slice) -> Self:
        """The catalog of some rows: a boolean mask, row numbers, or a slice."""
        which = rows if isinstance(rows, slice) else np.asarray(rows)
        chosen = {column: getattr(self, column)[which] for column in COLUMNS}
        pz = None if self.pz is None else self.pz[which]
        return replace(self, **chosen, pz=pz)

    @property
    def has_halo(self) -> NDArray[np.bool_]:
        """Rows with a halo mass or a richness: halos themselves, not galaxies inside them."""
        return np.isfinite(self.log_mass) | np.isfinite(self.richness)

    @property
    def has_mass(self) -> NDArray[np.bool_]:
        """Rows with a halo mass, a richness or a stellar mass."""
        return self.has_halo | np.isfinite(self.log_mstar)

    def noted(self, *notes: str) -> Self:
        """The same rows with more notes."""
        return replace(self, notes=self.notes + tuple(notes))


COLUMNS = tuple(f.name for f in fields(HaloCatalog) if f.name not in _PER_CATALOG)
"""Names of the columns that have a value in each row."""


def left_out(n_rows: int, why: str) -> str:
    """The note on rows that a catalog is without."""
    return f"{n_rows} row{'s' if n_rows != 1 else ''} left out: {why}"


def concatenate(catalogs: Sequence[HaloCatalog]) -> HaloCatalog:
    """One catalog below the other; notes are kept, each with its source where there are several.

    Probability densities of redshifts are interpolated on one grid, as fine as the finest
    of them. Nothing is left out: see :func:`without_duplicates` and :func:`without_members`.
    """
    if not catalogs:
        raise ValueError("catalogs is empty")
    if len(catalogs) == 1:
        return catalogs[0]
    columns = {c: np.concatenate([getattr(part, c) for part in catalogs]) for c in COLUMNS}
    sources = tuple(dict.fromkeys(part.source for part in catalogs if part.source))
    named = len(sources) > 1
    notes = tuple(
        f"{part.source}: {note}" if named else note for part in catalogs for note in part.notes
    )
    pz, grid = _joined_pz(catalogs)
    return HaloCatalog(**columns, pz=pz, pz_z=grid, source=", ".join(sources), notes=notes)


def _joined_pz(catalogs: Sequence[HaloCatalog]) -> tuple[Floats | None, Floats | None]:
    grids = [part.pz_z for part in catalogs if part.pz_z is not None]
    if not grids:
        return None, None
    if all(np.array_equal(g, grids[0]) for g in grids):
        grid = grids[0]
    else:
        low, high = min(g[0] for g in grids), max(g[-1] for g in grids)
        grid = np.linspace(low, high, 1 + int(np.ceil((high - low) / min(_step(g) for g in grids))))
    parts = []
    for part in catalogs:
        if part.pz is None or part.pz_z is None:
            parts.append(np.zeros((len(part), len(grid))))
        elif np.array_equal(part.pz_z, grid):
            parts.append(part.pz)
        else:
            rows = [np.interp(grid, part.pz_z, row, left=0, right=0) for row in part.pz]
            parts.append(normalised(np.array(rows).reshape(-1, len(grid)), grid))
    return np.concatenate(parts), grid


def _step(grid: Floats) -> float:
    return float(np.min(np.diff(grid)))


def normalised(pz: Floats, grid: Floats) -> Floats:
    """Densities (n, k) that integrate to 1 over the grid; rows of zeros stay so."""
    area = np.trapezoid(pz, grid, axis=1)
    return pz / np.where(area > 0, area, 1.0)[:, None]


def unit_vectors(ra_deg: ArrayLike, dec_deg: ArrayLike) -> Floats:
    """Directions (n, 3) on the unit sphere."""
    ra, dec = np.deg2rad(ra_deg), np.deg2rad(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def without_duplicates(catalog: HaloCatalog) -> HaloCatalog:
    """Keep the first of rows that are the same object, and note how many were not kept.

    Rows are the same where they lie within 1 arcsec of each other and differ by less than
    1e-4 in z or have the same name. A galaxy and the group around it are never the same:
    both must have a halo mass or a richness, or neither.
    """
    places = unit_vectors(catalog.ra_deg, catalog.dec_deg)
    tree = cKDTree(places, balanced_tree=False, compact_nodes=False)
    i, j = tree.query_pairs(2 * np.sin(_SAME_PLACE_RAD / 2), output_type="ndarray").T
    halo = catalog.has_halo
    alike = np.abs(catalog.z[i] - catalog.z[j]) < _SAME_Z
    alike |= (catalog.name[i] == catalog.name[j]) & (catalog.name[i] != "")
    alike &= halo[i] == halo[j]
    if not alike.any():
        return catalog
    i, j = i[alike], j[alike]
    links = coo_array((np.ones(len(i), bool), (i, j)), shape=(len(catalog), len(catalog)))
    _, label = connected_components(links, directed=False)
    first = np.unique(label, return_index=True)[1]
    kept = catalog.select(np.sort(first))
    return kept.noted(left_out(len(catalog) - len(kept), "duplicates of another row"))


def without_members(catalog: HaloCatalog) -> HaloCatalog:
    """Leave out galaxies whose group is a row of the catalog and has a mass.

    The halo of the group holds the gas of its satellites: counted singly they would be
    counted again.
    """
    groups = np.unique(catalog.name[catalog.has_halo & (catalog.name != "")])
    member = (catalog.group != "") & (catalog.group != catalog.name)
    member &= np.isin(catalog.group, groups)
    if not member.any():
        return catalog
    kept = catalog.select(~member)
    return kept.noted(left_out(int(member.sum()), "members of a group in the catalog"))
