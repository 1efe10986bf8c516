"""Masses of groups: from a relation with richness, from a mock survey, or from dispersions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.cosmology import FLRW, Planck18
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from surveys.catalogs.columns import RichnessRelation
from surveys.catalogs.halo_catalog import Floats
from surveys.catalogs.masses import Masses
from surveys.catalogs.tables import numbers, open_table
from surveys.errors import InputError
from surveys.groups.find import Groups

# Evrard et al. 2008 (ApJ 672, 122): the dispersion of dark matter in halos of 1e15 Msun/h(z)
# in 200 times the critical density, and its slope with mass.
_SIGMA_15_KMS = 1082.9
_SIGMA_SLOPE = 0.3361


def masses_by_richness(groups: Groups, relation: RichnessRelation) -> Masses:
    """Masses from the number of members; the relation's scatter is the error."""
    n = groups.n_members.astype(float)
    log, dex = relation.log_mass(n, np.zeros(len(n)))
    return Masses(log, dex, dex)


def masses_by_dispersion(groups: Groups, cosmology: FLRW | None = None) -> Masses:
    """Masses in 200 times the critical density (200c) from the velocity dispersion.

    Evrard et al. 2008: sigma = 1082.9 km/s (h(z) M / 1e15 Msun)^0.3361, for galaxies that move
    as the dark matter does. The error is that of a dispersion of n Gaussian velocities,
    1/sqrt(2 (n - 1)); no mass where the dispersion is 0.
    """
    h = (cosmology or Planck18).H(groups.z).value / 100
    sigma = np.where(groups.dispersion_kms > 0, groups.dispersion_kms, np.nan)
    log = 15 + np.log10(sigma / _SIGMA_15_KMS) / _SIGMA_SLOPE - np.log10(h)
    share = 1 / np.sqrt(2 * (groups.n_members - 1.0))
    dex = np.where(np.isfinite(log), share / np.log(10) / _SIGMA_SLOPE, 0.0)
    return Masses(log, dex, dex)


@dataclass(frozen=True)
class MockGroups:
    """Groups of a mock survey with the selection of the real one, and their true masses.

    Attributes
    ----------
    n_members, z, log_mass : (mock,) float64
        log10 of Msun.
    n_nearest : int
        Mock groups that a mass is taken from.
    log_n_scale, z_scale : float
        Differences in log10(n_members) and z that count alike as far.
    reach : float
        In units of these: a group whose mock groups are farther away than this gets no mass.
    """

    n_members: Floats
    z: Floats
    log_mass: Floats
    n_nearest: int = 100
    log_n_scale: float = 0.05
    z_scale: float = 0.02
    reach: float = 5.0

    def __post_init__(self) -> None:
        if len({len(self.n_members), len(self.z), len(self.log_mass)}) > 1:
            raise ValueError("n_members, z and log_mass are not equally long")
        if not 1 <= self.n_nearest <= len(self.z):
            raise ValueError(f"n_nearest is {self.n_nearest}, the mock has {len(self.z)} groups")

    def masses(self, groups: Groups) -> Masses:
        """Median and 16/84 % of the masses of the mock groups most alike; NaN if none are."""
        tree = cKDTree(self._scaled(self.n_members, self.z))
        found = tree.query(
            self._scaled(groups.n_members, groups.z), k=[*range(1, 1 + self.n_nearest)]
        )
        distance, rows = np.asarray(found[0]), np.asarray(found[1])
        low, middle, high = np.percentile(self.log_mass[rows], [15.865, 50, 84.135], axis=1)
        near = distance[:, -1] <= self.reach
        return Masses(
            np.where(near, middle, np.nan),
            np.where(near, middle - low, 0.0),
            np.where(near, high - middle, 0.0),
        )

    def _scaled(self, n_members: NDArray[Any], z: Floats) -> Floats:
        return np.stack([np.log10(n_members) / self.log_n_scale, z / self.z_scale], axis=-1)


def read_mock_groups(path: str | Path, n_nearest: int = 100) -> MockGroups:
    """Read a mock's groups: columns ``n_members``, ``z`` and ``log_mass`` (log10 of Msun).

    A small mock gives all its groups to `n_nearest`.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, or has a value that cannot be.
    """
    where = str(path)
    table = open_table(path, None, lambda names: {"n_members", "z", "log_mass"} <= set(names))
    columns: dict[str, Floats] = {}
    for name, low, high in (("n_members", 1, 1e6), ("z", 0, 20), ("log_mass", 8, 16.5)):
        if name not in table.colnames:
            problem = f"is not there (the table has {', '.join(table.colnames)})"
            raise InputError(where, name, problem, "give n_members, z and log_mass")
        try:
            values = numbers(table[name])
        except ValueError as error:
            raise InputError(where, name, "holds text", "give numbers") from error
        if not np.all((values >= low) & (values <= high)):
            row = int(np.flatnonzero(~((values >= low) & (values <= high)))[0])
            problem = f"is {values[row]:g} in row {row + 1}"
            raise InputError(where, name, problem, f"give numbers from {low:g} to {high:g}")
        columns[name] = values
    n_members, z, log_mass = columns.values()
    return MockGroups(n_members, z, log_mass, min(n_nearest, len(table)))
