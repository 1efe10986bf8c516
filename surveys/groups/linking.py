r"""Anisotropic friends-of-friends: which galaxies of a redshift survey are linked.

Two galaxies are friends if both the angle and the distance between them along the line of
sight are short (Huchra & Geller 1982; in the form of Eke et al. 2004, MNRAS 348, 866, sec. 2):

.. math::

    \theta_{12} \le \tfrac12 (\ell_{\perp,1}/d_1 + \ell_{\perp,2}/d_2), \qquad
    |d_1 - d_2| \le \tfrac12 (\ell_{\parallel,1} + \ell_{\parallel,2})

with comoving distances d and comoving linking lengths, which are functions of the redshift.
Redshift-space distortion stretches groups along the line of sight, hence the two lengths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy import constants
from astropy import units as u
from astropy.cosmology import FLRW
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from surveys.catalogs.halo_catalog import Floats, unit_vectors

C_KMS = constants.c.to_value(u.km / u.s)

Density = Callable[[Floats], Floats]
"""Comoving density, Mpc^-3, of the galaxies that a survey has at a redshift."""

_GRID_POINTS = 1000
_MOST_PAIRS = 100_000_000
_FEW = 5000


@dataclass(frozen=True)
class Linking:
    """Linking lengths across and along the line of sight.

    Attributes
    ----------
    transverse, line_of_sight : float
        Lengths in their units.
    transverse_unit : str
        ``Mpc`` (comoving, no h), or ``separation``: the mean separation of galaxies n^(-1/3).
    line_of_sight_unit : str
        As that, or ``km/s``.
    density : function or None
        n(z) of the galaxies that the survey has: needed for lengths in separations and for
        `reference_z`. See :mod:`surveys.groups.selection`.
    reference_z : float or None
        Lengths in Mpc and km/s hold at this redshift, and elsewhere are scaled by
        (n(z)/n(reference_z))^(-1/3): the faint galaxies that a survey misses at a distance
        would have been links (Huchra & Geller 1982, eq. 4). None: they are the same
        everywhere.
    longest_mpc : float
        Limit of the transverse length in proper Mpc; the other is cut in the same ratio
        (Eke et al. 2004), so that groups do not grow where galaxies are few.

    Raises
    ------
    ValueError
        A length is not positive, a unit unknown, or the density missing.
    """

    transverse: float
    line_of_sight: float
    transverse_unit: str = "Mpc"
    line_of_sight_unit: str = "Mpc"
    density: Density | None = None
    reference_z: float | None = None
    longest_mpc: float = np.inf

    def __post_init__(self) -> None:
        for name in ("transverse", "line_of_sight", "longest_mpc"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, not positive")
        for name, units in (
            ("transverse_unit", ("Mpc", "separation")),
            ("line_of_sight_unit", ("Mpc", "separation", "km/s")),
        ):
            if getattr(self, name) not in units:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {units}")
        if self.density is None and (self.reference_z is not None or self._has("separation")):
            raise ValueError("density is None, but the linking lengths are to depend on it")

    def _has(self, unit: str) -> bool:
        return unit in (self.transverse_unit, self.line_of_sight_unit)

    def lengths_mpc(self, z: Floats, distances: Distances) -> tuple[Floats, Floats]:
        """Comoving lengths across and along the line of sight at each redshift."""
        across = self._length(self.transverse, self.transverse_unit, z, distances)
        along = self._length(self.line_of_sight, self.line_of_sight_unit, z, distances)
        cut = np.minimum(1.0, self.longest_mpc * (1 + z) / across)
        return across * cut, along * cut

    def _length(self, length: float, unit: str, z: Floats, distances: Distances) -> Floats:
        if unit == "separation":
            return length * self._separation(z)
        comoving = np.full(len(z), float(length))
        if unit == "km/s":
            comoving *= (1 + z) * distances.per_z(z) / C_KMS
        if self.reference_z is not None:
            at_reference = self._separation(np.array([self.reference_z]))
            comoving *= self._separation(z) / at_reference
        return comoving

    def _separation(self, z: Floats) -> Floats:
        if self.density is None:
            raise ValueError("density is None")
        density = np.asarray(self.density(z), float)
        if not np.all(density > 0):
            raise ValueError(f"density is not positive at z = {z[~(density > 0)][0]:g}")
        return density ** (-1 / 3)


class Distances:
    """Comoving distances in Mpc of many redshifts, by a spline through a few.

    Parameters
    ----------
    cosmology : FLRW
        With flat space: an angle times the distance is the transverse separation.
    highest_z : float
    """

    def __init__(self, cosmology: FLRW, highest_z: float) -> None:
        if abs(cosmology.Ok0) > 1e-8:
            raise ValueError(f"cosmology has Ok0 = {cosmology.Ok0}, not flat space")
        grid = np.linspace(0, 1.01 * highest_z + 1e-3, _GRID_POINTS)
        self._spline = CubicSpline(grid, cosmology.comoving_distance(grid).to_value(u.Mpc))

    def __call__(self, z: ArrayLike) -> Floats:
        return self._spline(z)

    def per_z(self, z: ArrayLike) -> Floats:
        """Mpc per unit of redshift, c/H(z)."""
        return self._spline(z, 1)


def friends_of_friends(
    ra_deg: ArrayLike,
    dec_deg: ArrayLike,
    distance_mpc: ArrayLike,
    across_mpc: ArrayLike,
    along_mpc: ArrayLike,
) -> NDArray[np.int64]:
    """Label galaxies that are connected through friends alike.

    Parameters
    ----------
    ra_deg, dec_deg : (n,) float64
    distance_mpc : (n,) float64
        Comoving.
    across_mpc, along_mpc : (n,) float64
        Linking lengths of each galaxy, comoving; see the module for how two are combined.

    Returns
    -------
    (n,) int64
        Labels from 0 on, in no order.

    Raises
    ------
    ValueError
        The lengths are so long that almost everything is linked.
    """
    if not np.size(distance_mpc):
        return np.zeros(0, np.int64)
    order = np.argsort(distance_mpc, kind="stable")
    places = unit_vectors(ra_deg, dec_deg)[order]
    distance, across, along = (
        np.asarray(v, float)[order] for v in (distance_mpc, across_mpc, along_mpc)
    )
    angle = across / np.maximum(distance, 1e-12)
    pairs = [np.zeros((0, 2), np.int64)]
    for start, end, stop in _slabs(distance, along):
        near = _near(places[start:stop], float(angle[start:stop].max())) + start
        near = near[near[:, 0] < end]
        i, j = near.T
        chord = np.linalg.norm(places[i] - places[j], axis=1)
        linked = 2 * np.arcsin(np.minimum(chord / 2, 1.0)) <= (angle[i] + angle[j]) / 2
        linked &= distance[j] - distance[i] <= (along[i] + along[j]) / 2
        pairs.append(near[linked])
    i, j = np.concatenate(pairs).T
    links = coo_array((np.ones(len(i), bool), (i, j)), shape=(len(order),) * 2)
    label = np.empty(len(order), np.int64)
    label[order] = connected_components(links, directed=False)[1]
    return label


def _slabs(distance: Floats, along: Floats) -> list[tuple[int, int, int]]:
    """Cut galaxies sorted by distance: (start, end) of a slab, stop of what can link to it."""
    slabs = []
    longest = along.max()
    start, n = 0, len(distance)
    while start < n:
        first = distance[start]
        ahead = np.searchsorted(distance, first + 2 * longest, "right")
        depth = along[start:ahead].max()
        end = int(np.searchsorted(distance, first + depth, "right"))
        stop = int(np.searchsorted(distance, first + 2 * depth, "right"))
        slabs.append((start, end, stop))
        start = end
    return slabs


def _near(places: Floats, angle: float) -> NDArray[np.int64]:
    """Pairs (m, 2) of places closer than an angle, the lower number first."""
    tree = cKDTree(places)
    chord = 2 * np.sin(min(angle, np.pi) / 2) * (1 + 1e-12)
    if len(places) > _FEW and tree.count_neighbors(tree, chord) > 2 * _MOST_PAIRS:
        raise ValueError(
            f"the transverse linking length of {np.rad2deg(angle):.3g} deg joins more than "
            f"{_MOST_PAIRS} pairs; shorten it, or set longest_mpc"
        )
    return np.sort(tree.query_pairs(chord, output_type="ndarray"), axis=1).astype(np.int64)
