r"""Band powers: means of angular power spectra over bands of multipoles.

A band power is :math:`C_b = \sum_\ell W_{b\ell} C_\ell` over every multipole of the band, with
weights that add up to 1. What was computed at a few multipoles only is interpolated first. Cubic
splines are linear in their values, so both steps together are one matrix, which works for spectra
of either sign and is differentiable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from cosmo.ell_table import check_within

Array = NDArray[np.float64]
Weighting = Literal["uniform", "l(l+1)", "2l+1"]
"""Of the multipoles of a band: none is better; as for a mean of l (l + 1) C; by number of modes."""


@dataclass(frozen=True)
class BandWindows:
    """How multipoles make up band powers.

    Attributes
    ----------
    ell : (ell,) int
        Every multipole from the first band's first to the last band's last.
    weights : (band, ell)
        W; each row adds up to 1.
    """

    ell: NDArray[np.int64]
    weights: Array

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or self.weights.shape[1:] != self.ell.shape:
            raise ValueError(f"weights {self.weights.shape} do not fit {len(self.ell)} multipoles")
        if not np.allclose(self.weights.sum(1), 1, rtol=0, atol=1e-10):
            raise ValueError("weights of each band have to add up to 1")

    @property
    def effective_ell(self) -> Array:
        """Mean multipole of each band, by its weights."""
        return self.weights @ self.ell

    def bin(self, cl: Any) -> Any:
        """Band powers (..., band) of spectra (..., ell) at every multipole."""
        weights = self.weights.T.astype(cl.dtype)
        if isinstance(cl, jax.Array):
            return jnp.matmul(cl, weights, precision=jax.lax.Precision.HIGHEST)
        return cl @ weights

    def of_samples(self, ell: Any, power: float = 1.0) -> Array:
        """Matrix (band, sample) that makes band powers of spectra at sampled multipoles.

        Parameters
        ----------
        ell, power
            See :func:`interpolation_matrix`.
        """
        return self.weights @ interpolation_matrix(ell, self.ell, power)


def linear_edges(ell_min: int, ell_max: int, width: int) -> NDArray[np.int64]:
    """Edges of bands of one width; the last band is left out where it would pass ell_max.

    Band b holds the multipoles from ``edges[b]`` to ``edges[b + 1] - 1``.
    """
    if width < 1 or ell_max + 1 - ell_min < width:
        raise ValueError(f"width = {width} makes no band between {ell_min} and {ell_max}")
    return np.arange(ell_min, ell_max + 2, width)


def log_edges(ell_min: int, ell_max: int, n_band: int) -> NDArray[np.int64]:
    """Edges of bands from ell_min to ell_max with one ratio, rounded to integers.

    Bands that would be narrower than a multipole are made one multipole wide, and the ratio of
    the others is chosen anew.
    """
    if n_band < 1 or ell_min < 1 or ell_max + 1 - ell_min < n_band:
        raise ValueError(f"n_band = {n_band} bands do not fit between {ell_min} and {ell_max}")
    edges = [ell_min]
    for left in range(n_band, 0, -1):
        ratio = ((ell_max + 1) / edges[-1]) ** (1 / left)
        edges.append(max(edges[-1] + 1, round(edges[-1] * ratio)))
    return np.asarray(edges)


def band_windows(edges: Any, weighting: Weighting = "uniform") -> BandWindows:
    """Windows of bands that touch.

    Parameters
    ----------
    edges : (band + 1,)
        Rising integers; band b holds the multipoles from ``edges[b]`` to ``edges[b + 1] - 1``.
    weighting : {"uniform", "l(l+1)", "2l+1"}
    """
    edges = np.asarray(edges)
    if edges.ndim != 1 or edges.size < 2 or (edges % 1 != 0).any() or edges[0] < 0:
        raise ValueError(f"edges = {edges.tolist()} are no two or more multipoles")
    if not (np.diff(edges) > 0).all():
        raise ValueError(f"edges = {edges.tolist()} do not rise")
    if weighting not in get_args(Weighting):
        known = " or ".join(repr(name) for name in get_args(Weighting))
        raise ValueError(f"weighting = {weighting!r} is not {known}")
    ell = np.arange(int(edges[0]), int(edges[-1]))
    each = {"uniform": np.ones(ell.size), "l(l+1)": ell * (ell + 1.0), "2l+1": 2 * ell + 1.0}
    inside = (ell >= edges[:-1, None]) & (ell < edges[1:, None])
    weights = inside * each[weighting]
    total = weights.sum(1, keepdims=True)
    if not (total > 0).all():
        raise ValueError(f"edges = {edges.tolist()}: a band of ell = 0 alone has no weight l(l+1)")
    return BandWindows(ell, weights / total)


def interpolation_matrix(ell: Any, wanted: Any, power: float = 1.0) -> Array:
    """Matrix (wanted, sample) that interpolates spectra: ``matrix @ cl``.

    A cubic spline of (ell + 1/2)^power C in ln(ell + 1/2). Logarithms of spectra, which may change
    sign, are not taken.

    Parameters
    ----------
    ell : (sample,)
        Rising, 2 or more of them, 0 or above; real numbers are allowed.
    wanted : (wanted,)
        Multipoles between the first sample and the last.
    power : float
        That makes the spectra flattest.
    """
    ell, wanted = np.asarray(ell, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    if ell.ndim != 1 or ell.size < 2 or not (np.diff(ell) > 0).all() or ell[0] < 0:
        raise ValueError("ell has to be 2 or more rising multipoles, 0 or above")
    check_within(wanted, ell, "the samples")
    spline = CubicSpline(np.log(ell + 0.5), np.diag((ell + 0.5) ** power))
    return spline(np.log(wanted + 0.5)) / (wanted[:, None] + 0.5) ** power
