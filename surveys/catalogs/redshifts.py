"""Redshifts of a table: as they are, from velocities or distances, or as densities P(z)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import constants
from astropy import units as u

from surveys.catalogs.columns import Column
from surveys.catalogs.conversion import Source
from surveys.catalogs.halo_catalog import Floats, normalised
from surveys.errors import InputError

_C_KMS = constants.c.to_value(u.km / u.s)
_HIGHEST_Z = 20.0
_MOST_GRID_POINTS = 2000


@dataclass(frozen=True)
class Redshifts:
    """Redshifts of a table: `z` (NaN where there is none), `z_err`, and `pz` on `grid`."""

    z: Floats
    z_err: Floats
    pz: Floats | None
    grid: Floats | None


def redshifts(source: Source) -> Redshifts:
    """Redshifts: as they are, or from velocities cz, distances, or the median of P(z).

    A spectroscopic redshift goes before all of them. A velocity or distance stands in where z
    is missing or not positive, as it is for galaxies that fall towards us.

    Raises
    ------
    InputError
        There is no column of redshifts, one is negative, or they look like velocities.
    """
    n_rows = len(source.table)
    found = source.find("z")
    z = np.full(n_rows, np.nan) if found is None else _plain_z(source, *found)
    others = [source.in_unit("velocity", u.km / u.s), _from_distance(source)]
    if others[0] is not None:
        others[0] = others[0] / _C_KMS
    for other in others:
        if other is not None:
            z = np.where(~(z > 0) & (other > 0), other, z)
    z_err = source.numbers("z_err")
    z_err = np.zeros(n_rows) if z_err is None else np.maximum(np.nan_to_num(z_err), 0.0)
    spectroscopic = source.numbers("z_spec")
    if spectroscopic is not None:
        z_err = np.where(spectroscopic > 0, 0.0, z_err)
        z = np.where(spectroscopic > 0, spectroscopic, z)
    pz, grid = _densities(source)
    if pz is not None and grid is not None:
        if spectroscopic is not None:
            pz = np.where((spectroscopic > 0)[:, None], 0.0, pz)
        z = np.where(np.isfinite(z), z, _medians(pz, grid))
    if found is None and pz is None and spectroscopic is None and all(o is None for o in others):
        entry = source.map.columns.get("z")
        raise source.missing("z", entry.names if entry else ())
    _check_redshifts(z, source.where)
    return Redshifts(z, z_err, pz, grid)


def _plain_z(source: Source, entry: Column, column: Any) -> Floats:
    unit = source.unit("z", entry, column)
    if unit is not None and unit.is_equivalent(u.km / u.s):
        return source.as_numbers("z", column) * unit.to(u.km / u.s) / _C_KMS
    return source.as_numbers("z", column)


def _check_redshifts(z: Floats, where: str) -> None:
    bad = np.flatnonzero(z < 0)
    if len(bad):
        problem = f"is {z[bad[0]]:g} in row {bad[0] + 1} ({len(bad)} rows are negative)"
        remedy = "mend it, map a distance beside it, or name it as [errors] sentinel"
        raise InputError(where, "z", problem, remedy)
    if np.any(z > _HIGHEST_Z):
        highest = np.nanmax(z)
        problem = f"goes up to {highest:g}"
        remedy = "if it is a velocity in km/s, map it as velocity"
        raise InputError(where, "z", problem, remedy)


def _from_distance(source: Source) -> Floats | None:
    distance = source.in_unit("distance", u.Mpc)
    if distance is None:
        return None
    entry = source.map.columns["distance"]
    distance = distance / source.per_h("distance", entry)
    grid = np.concatenate([[0.0], np.geomspace(1e-6, _HIGHEST_Z, 4_000)])
    luminosity = entry.kind != "comoving"
    cosmology = source.flrw()
    reach = (cosmology.luminosity_distance if luminosity else cosmology.comoving_distance)(grid)
    return np.interp(distance, reach.to_value(u.Mpc), grid, right=np.nan)


def _densities(source: Source) -> tuple[Floats | None, Floats | None]:
    found = source.find("pz")
    if found is None:
        return None, None
    entry, column = found
    pz = np.nan_to_num(source.as_numbers("pz", column))
    if pz.ndim != 2:
        raise InputError(source.where, "pz", "has one value a row", "name a column of vectors")
    if np.any(pz < 0):
        raise InputError(source.where, "pz", "is negative somewhere", "give probability densities")
    if entry.grid is None:
        remedy = 'say it as pz = {column = "PZ", grid = "ZGRID"} or grid = [start, end, number]'
        raise InputError(source.where, "pz", "has no redshifts of its values", remedy)
    if isinstance(entry.grid, str):
        if entry.grid not in source.table.colnames:
            raise source.missing("pz.grid", (entry.grid,))
        grids = source.as_numbers("pz.grid", source.table[entry.grid])
    else:
        grids = np.broadcast_to(np.array(entry.grid), (len(pz), len(entry.grid)))
    if grids.shape != pz.shape:
        problem = f"has {pz.shape[-1]} values a row, its grid has {grids.shape[-1]}"
        raise InputError(source.where, "pz", problem, "give a redshift for every value")
    if np.any(np.diff(grids, axis=1) <= 0):
        raise InputError(source.where, "pz.grid", "does not rise", "give rising redshifts")
    return _on_one_grid(pz, grids)


def _on_one_grid(pz: Floats, grids: Floats) -> tuple[Floats, Floats]:
    if np.all(grids == grids[0]):
        return normalised(pz, grids[0]), grids[0].copy()
    low, high = grids.min(), grids.max()
    n_points = 1 + int(np.ceil((high - low) / np.diff(grids, axis=1).min()))
    grid = np.linspace(low, high, min(n_points, _MOST_GRID_POINTS))
    rows = [np.interp(grid, g, p, left=0, right=0) for g, p in zip(grids, pz, strict=True)]
    return normalised(np.array(rows), grid), grid


def _medians(pz: Floats, grid: Floats) -> Floats:
    """Medians of densities on a grid; NaN for rows of zeros."""
    steps = (pz[:, 1:] + pz[:, :-1]) / 2 * np.diff(grid)
    total = np.concatenate([np.zeros((len(pz), 1)), np.cumsum(steps, axis=1)], axis=1)
    half = total[:, -1] / 2
    i = np.clip((total <= half[:, None]).sum(axis=1) - 1, 0, len(grid) - 2)
    rows = np.arange(len(pz))
    step = steps[rows, i]
    share = (half - total[rows, i]) / np.where(step > 0, step, 1.0)
    return np.where(half > 0, grid[i] + share * (grid[i + 1] - grid[i]), np.nan)
