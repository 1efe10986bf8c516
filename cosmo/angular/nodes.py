"""Where the projection integrals are evaluated.

The integrals over two distances are done in

    eta = ln(chi_2 / chi_1),    chi_e = sqrt((chi_2^2 - chi_1^2) / (2 eta)).

Kernels are sharp in eta, as narrow as 1 / l, and windows are smooth, so eta runs over a grid
uniform in its logarithm: a sum over equal steps in ln eta converges exponentially. chi_e runs
over a grid as fine as the windows ask for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]

# What a weight is worth dropping for, as a share of its maximum.
_FAINT = 1e-7
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

    @property
    def geometric(self) -> Real:
        """sqrt(chi_1 chi_2) over the distance of the node."""
        return np.sqrt(self.lower * self.upper)

    @property
    def effective(self) -> Real:
        """chi_e over the distance of the node."""
        return self.geometric * np.sqrt(np.sinh(self.eta) / self.eta)


def logarithmic(low: float, high: float, step: float) -> tuple[Real, Real]:
    """Nodes low exp(step i) up to high, and their weights; the first stands for all below."""
    eta = low * np.exp(step * np.arange(int(np.ceil(np.log(high / low) / step)) + 1))
    weight = step * eta
    weight[0] /= -np.expm1(-step)
    return eta, weight


def symmetric(eta: Real, weight: Real) -> Columns:
    """Columns whose chi_e is the distance of the node."""
    half, size = np.exp(eta / 2), np.sqrt(eta / np.sinh(eta))
    return Columns(eta, weight, size / half, size * half)


def support(chi: Real, weight: Real) -> tuple[float, float]:
    """Distances between which a weight is worth anything."""
    seen = np.nonzero(np.abs(weight) > _FAINT * np.abs(weight).max())[0]
    low, high = max(seen[0] - 1, 0), min(seen[-1] + 1, chi.size - 1)
    return float(chi[low]), float(chi[high])


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

    @property
    def ends(self) -> tuple[float, float]:
        """Distances between which it is worth anything."""
        seen = np.nonzero(self.weight > _FAINT * self.weight.max())[0]
        low, high = max(seen[0] - 1, 0), min(seen[-1] + 1, self.chi.size - 1)
        return float(self.chi[low]), float(self.chi[high])

    def __call__(self, chi: Real) -> Real:
        first, weights = lagrange(self.chi, chi)
        near = self.weight[first[..., None] + np.arange(weights.shape[-1])]
        return (near * weights).sum(-1)


@dataclass(frozen=True)
class Distances:
    """Nodes in chi, as dense as 1 / spacing + 1 / (share chi), and d(ln chi) of each."""

    chi: Real
    weight: Real


def distances(low: float, high: float, spacing: float, share: float) -> Distances:
    """Nodes from low to high no farther apart than a spacing and a share of the distance."""

    def count(chi: Real) -> Real:
        return chi / spacing + np.log(chi) / share

    fine = np.geomspace(low, high, 4000)
    counts = count(fine)
    n = int(np.ceil(counts[-1] - counts[0])) + 1
    at = np.linspace(counts[0], counts[-1], n)
    chi = np.interp(at, counts, fine)
    for _ in range(3):
        slope = 1 / spacing + 1 / (share * chi)
        chi = np.clip(chi - (count(chi) - at) / slope, low, high)
    return Distances(chi, (at[1] - at[0]) / (chi * (1 / spacing + 1 / (share * chi))))


@dataclass(frozen=True)
class Grid:
    """Distances and columns of one group of pairs."""

    distances: Distances
    columns: Columns


def extent(a: Window, b: Window) -> tuple[float, float, float, float]:
    """The least and greatest eta and chi_e of a pair."""
    (low_a, high_a), (low_b, high_b) = a.ends, b.ends
    nearest = max(np.log(max(low_a / high_b, low_b / high_a)), 0.0)
    farthest = np.log(max(high_a / low_b, high_b / low_a))
    far = np.sqrt(np.sinh(farthest) / farthest)
    low, high = np.sqrt(low_a * low_b), np.sqrt(high_a * high_b) * far
    return nearest, farthest, max(low, min(low_a, low_b)), min(high, max(high_a, high_b))


def products(a: Window, b: Window, grid: Grid) -> Real:
    """Products of two windows at all nodes, both ways round, (n_node, n_eta)."""
    near = grid.distances.chi[:, None] * grid.columns.lower
    far = grid.distances.chi[:, None] * grid.columns.upper
    return a(near) * b(far) + a(far) * b(near)


def sharpness(windows: list[tuple[Window, Window]], grid: Grid) -> tuple[float, float]:
    """By how much sums over every other node differ from sums over all: in chi, and in eta."""
    chi_error, eta_error = 0.0, 0.0
    for a, b in windows:
        product = products(a, b, grid) * (grid.distances.weight / grid.distances.chi**2)[:, None]
        whole = product.sum(0) * grid.columns.weight
        size = np.abs(whole).sum()
        if size == 0:
            continue
        half = 2 * product[::2].sum(0) * grid.columns.weight
        chi_error = max(chi_error, float(np.abs(half - whole).sum() / size))
        # Weights are equal steps in the logarithm but for the first.
        every = 2 * whole[1::2].sum()
        eta_error = max(eta_error, float(abs(every - whole[1:].sum()) / size))
    return chi_error, eta_error
