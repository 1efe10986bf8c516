"""Where the projection integrals are evaluated.

The integrals over two distances are done in

    eta = ln(chi_2 / chi_1),    chi_e = sqrt((chi_2^2 - chi_1^2) / (2 eta)).

Kernels are sharp in eta, as narrow as 1 / l, and windows are smooth, so steps in eta grow with
eta, and sums converge exponentially. chi_e runs over a grid as fine as the windows ask for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]

# Share of a weight's integral that may be lost at either end.
_FAINT = 1e-7
# Step in ln chi of the distances at which P(k) is taken, down to a share of the farthest.
_SPARSE = 0.055
_NEAR = 0.02
# Points that one interpolation of a weight takes.
POINTS = 6


@dataclass(frozen=True)
class Columns:
    """Pairs of distances at one node of eta each, as multiples of a node's distance.

    Parameters
    ----------
    eta, weight : array, (n_eta,)
        Positive, rising; and d(eta).
    lower, upper : array, (n_eta,)
        chi_1 and chi_2 over the distance of the node.
    """

    eta: Real
    weight: Real
    lower: Real
    upper: Real

    def first(self, n: int) -> Columns:
        """The n nearest, or all."""
        return Columns(self.eta[:n], self.weight[:n], self.lower[:n], self.upper[:n])

    @property
    def geometric(self) -> Real:
        """sqrt(chi_1 chi_2) over the distance of the node."""
        return np.sqrt(self.lower * self.upper)

    @property
    def effective(self) -> Real:
        """chi_e over the distance of the node."""
        return self.geometric * np.sqrt(np.sinh(self.eta) / self.eta)


def separations(
    nearest: float, farthest: float, scale: float, step: float, rounded: Callable[[int], int] = int
) -> tuple[Real, Real]:
    """Nodes of eta and their weights, how many being rounded.

    Equal steps in ln eta where windows are apart. Where they meet, equal steps t of
    eta = scale sinh t: what is integrated is even in eta, and so in t, and sums of equal steps
    over all t converge exponentially.
    """
    if nearest > 0:
        n = rounded(int(np.ceil(np.log(farthest / nearest) / step)) + 1)
        eta = farthest * np.exp(step * np.arange(1 - n, 1))
        return eta, step * eta
    n = rounded(int(np.ceil(np.arcsinh(farthest / scale) / step)) + 1)
    t = step * np.arange(n)
    eta, weight = scale * np.sinh(t), step * scale * np.cosh(t)
    # Kernels are constant so near to zero, but not each of their powers.
    eta[0], weight[0] = 0.01 * scale, weight[0] / 2
    return eta, weight


def columns(eta: Real, weight: Real, anchor: str) -> Columns:
    """Columns around the distance of a node.

    Parameters
    ----------
    eta, weight : array, (n_eta,)
    anchor : str
        What that distance is: ``chi_e``, or the ``nearer`` or ``farther`` of the two.
    """
    half = {"chi_e": np.sqrt(np.sinh(eta) / eta), "nearer": np.exp(-eta / 2)}
    half["farther"] = 1 / half["nearer"]
    geometric = 1 / half[anchor]
    return Columns(eta, weight, geometric * np.exp(-eta / 2), geometric * np.exp(eta / 2))


def lagrange(grid: Real, x: Real, points: int = POINTS) -> tuple[NDArray[np.int64], Real]:
    """Indices and weights that interpolate values on a grid at x.

    Parameters
    ----------
    grid : array, (n,)
        Rising, not necessarily uniform.
    x : array, any shape
        Weights are zero beyond the grid.

    Returns
    -------
    first : array, shape of x
        The first of ``POINTS`` neighbours.
    weights : array, shape of x and (POINTS,)
    """
    points = min(points, grid.size)
    first = np.clip(np.searchsorted(grid, x) - points // 2, 0, grid.size - points)
    near = grid[first[..., None] + np.arange(points)]
    weights = np.ones_like(near)
    for j in range(points):
        for i in range(points):
            if i != j:
                weights[..., j] *= (x - near[..., i]) / (near[..., j] - near[..., i])
    inside = (x >= grid[0]) & (x <= grid[-1])
    return first, weights * inside[..., None]


@dataclass(frozen=True)
class Window:
    """A tracer's weights, as far as the choice of nodes is concerned.

    Parameters
    ----------
    chi, weight : array, (n,)
        The weight is the sum of the sizes of all terms.
    """

    chi: Real
    weight: Real

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Distances between which it is worth anything."""
        # Grids may be coarse where weights are small.
        parts = np.geomspace(self.chi[:-1], self.chi[1:], 8, endpoint=False, axis=1).ravel()
        chi = np.r_[parts, self.chi[-1]]
        weight = np.interp(chi, self.chi, self.weight)
        steps = np.diff(chi) * (weight[1:] + weight[:-1])
        below = np.r_[0, np.cumsum(steps)]
        above = np.r_[np.cumsum(steps[::-1])[::-1], 0]
        low = np.nonzero(below <= _FAINT * below[-1])[0][-1]
        high = np.nonzero(above <= _FAINT * above[0])[0][0]
        return float(chi[low]), float(chi[high])

    @cached_property
    def middle(self) -> float:
        """The mean distance."""
        return float(np.average(self.chi, weights=self.weight))


@dataclass(frozen=True)
class Distances:
    """Nodes in chi, as dense as 1 / spacing + 1 / (share chi), and d(ln chi) of each."""

    chi: Real
    weight: Real


def distances(
    low: float, high: float, spacing: float, share: float, rounded: Callable[[int], int] = int
) -> Distances:
    """Nodes from low to high no farther apart than a spacing and a share of the distance."""

    def count(chi: Real) -> Real:
        return chi / spacing + np.log(chi) / share

    fine = np.geomspace(low, high, 4000)
    counts = count(fine)
    n = rounded(int(np.ceil(counts[-1] - counts[0])) + 1)
    at = np.linspace(counts[0], counts[-1], n)
    chi = np.interp(at, counts, fine)
    for _ in range(3):
        slope = 1 / spacing + 1 / (share * chi)
        chi = np.clip(chi - (count(chi) - at) / slope, low, high)
    return Distances(chi, (at[1] - at[0]) / (chi * (1 / spacing + 1 / (share * chi))))


def interpolation(grid: Real, wanted: Real, points: int = 8) -> Real:
    """A matrix that takes values on a grid to other places, (n_wanted, n_grid)."""
    first, weights = lagrange(grid, wanted, points)
    matrix = np.zeros((wanted.size, grid.size))
    np.put_along_axis(matrix, first[:, None] + np.arange(weights.shape[-1]), weights, axis=1)
    return matrix


def sparser(chi: Real) -> tuple[Real, Real | None]:
    """Distances that are enough for P(k), and what interpolates from there, (n_sparse, n_chi).

    The baryons' oscillations in P(l / chi) have a period of 0.2 or more in ln chi; windows are
    often narrower. Very near to us, where P(k) is smooth, few will do.
    """
    near = max(chi[0], _NEAR * chi[-1])
    n = int(np.ceil(np.log(chi[-1] / near) / _SPARSE)) + 1
    sparse = np.geomspace(near, chi[-1], n)
    if near > chi[0]:
        n = int(np.ceil(np.log(near / chi[0]) / (4 * _SPARSE))) + 1
        sparse = np.r_[np.geomspace(chi[0], near, n)[:-1], sparse]
    # Few are taken at the ends of a short range, where interpolation is worst.
    if sparse.size < 24 or 1.5 * sparse.size > chi.size:
        return chi, None
    return sparse, interpolation(np.log(sparse), np.log(chi)).T


@dataclass(frozen=True)
class Grid:
    """Distances and columns of one group of pairs."""

    distances: Distances
    columns: Columns

    def coarser(self, every: int, axis: str) -> Real:
        """What multiplies weights for sums over every few nodes in chi or eta only.

        Returns
        -------
        array, (n_eta, n_node)
        """
        n_eta, n_node = self.columns.eta.size, self.distances.chi.size
        index = np.arange(n_node) if axis == "chi" else np.arange(n_eta)[:, None]
        return np.broadcast_to(np.where(index % every == 0, float(every), 0.0), (n_eta, n_node))
