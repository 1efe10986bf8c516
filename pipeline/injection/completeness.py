"""Completeness of a search: shares of pulses that are found, and their intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtri
from scipy.stats import beta

ONE_SIGMA = 0.6826894921370859
CLASSIFIED = "classified"
"""The stage that is known of some pulses alone."""
_STEEPNESS = (-5.0, 2.0)


def binomial_interval(
    found: ArrayLike, of: ArrayLike, confidence: float = ONE_SIGMA
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Jeffreys interval of a share, as recommended by Brown, Cai & DasGupta (2001).

    Parameters
    ----------
    found, of : int
        Broadcast against each other.
    confidence : float

    Returns
    -------
    low, high
        0 and 1 at the ends where nothing or everything was found, NaN where there was nothing.
    """
    k, n = np.broadcast_arrays(np.asarray(found, float), np.asarray(of, float))
    tail = (1 - confidence) / 2
    low = np.where(k > 0, beta.ppf(tail, k + 0.5, n - k + 0.5), 0.0)
    high = np.where(k < n, beta.ppf(1 - tail, k + 0.5, n - k + 0.5), 1.0)
    nothing = n <= 0
    return np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)


def stage_counts(
    table: Table, stage: str, place: NDArray[np.integer], n_bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many pulses of each bin came to a stage, and of how many that is known.

    Only a candidate with a cut-out is classified, and these are chosen at random among
    those of pulses: where some share of them has none, it is as if that share of the pulses had
    not been put in.

    Parameters
    ----------
    table : Table
        One row an injection.
    stage : str
        A column of it, of bool.
    place : (injection,) int
        Its bin.
    n_bins : int

    Returns
    -------
    found, of : (bin,)
    """

    def count(which: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(np.bincount(place, np.asarray(which, float), n_bins), np.float64)

    n, found = count(np.ones(len(place))), count(table[stage])
    if stage != CLASSIFIED:
        return found, n
    known, grouped = np.isfinite(np.asarray(table["p_real"], float)), np.asarray(table["grouped"])
    if not known.any():
        return found, np.zeros(n_bins)
    candidates, judged = count(grouped), count(grouped & known)
    return found, n * np.where(candidates > 0, judged / np.maximum(candidates, 1), 1.0)


def binned(table: Table, edges: dict[str, NDArray[np.float64]], stages: tuple[str, ...]) -> Table:
    """Counts and shares of every stage in bins of some columns of the table of injections.

    Parameters
    ----------
    table : Table
        One row an injection; columns ``stages`` are bool.
    edges : dict
        Edges of the bins of each column.
    stages : tuple of str

    Returns
    -------
    Table
        A row for each bin that holds an injection: ``NAME_low``, ``NAME_high`` of each column,
        ``n``, and of each stage the number, its share and the interval of one standard deviation.
    """
    shape = tuple(len(e) - 1 for e in edges.values())
    places = [np.searchsorted(e, table[name], side="right") - 1 for name, e in edges.items()]
    inside = np.all([(p >= 0) & (p < n) for p, n in zip(places, shape, strict=True)], axis=0)
    flat = np.asarray(np.ravel_multi_index([p[inside] for p in places], shape))
    n = np.bincount(flat, minlength=int(np.prod(shape)))
    there = np.flatnonzero(n)
    out, index = Table(), np.unravel_index(there, shape)
    for (name, e), i in zip(edges.items(), index, strict=True):
        out[f"{name}_low"], out[f"{name}_high"] = e[i], e[i + 1]
    out["n"] = n[there]
    for stage in stages:
        k, of = (a[there] for a in stage_counts(table[inside], stage, flat, len(n)))
        low, high = binomial_interval(k, of)
        share = np.divide(k, of, where=of > 0, out=np.full(len(k), np.nan))
        out[f"n_{stage}"], out[f"{stage}"] = k.astype(int), share
        out[f"{stage}_low"], out[f"{stage}_high"] = low, high
    return out


@dataclass(frozen=True)
class Threshold:
    """Where the share that is found passes a level.

    Attributes
    ----------
    at : float
        In the unit of what was asked.
    low, high : float
        Interval of one standard deviation.
    """

    at: float
    low: float
    high: float


def thresholds(
    brightness: ArrayLike, found: ArrayLike, levels: tuple[float, ...] = (0.5, 0.9)
) -> list[Threshold]:
    """Brightness at which shares of the pulses are found, from a probit in its logarithm.

    The share is ``Phi((ln b - m) / s)``; m and s have the highest likelihood, and errors from its
    curvature. NaN where the pulses do not tell: fewer than ten, or all or none of them found.
    """
    x, k = np.log(np.asarray(brightness, float)), np.asarray(found, bool)
    nothing = [Threshold(np.nan, np.nan, np.nan)] * len(levels)
    if len(x) < 10 or k.all() or not k.any():
        return nothing

    def loss(p: NDArray[np.float64]) -> float:
        # Where no pulse lies between those found and those not, any steepness would do.
        z = (x - p[0]) * np.exp(-np.clip(p[1], *_STEEPNESS))
        return -float(np.sum(np.where(k, log_ndtr(z), log_ndtr(-z))))

    begin = np.array([np.median(x), np.log(0.1)])
    fit = minimize(loss, begin, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-7})
    covariance = _covariance(loss, fit.x)
    out = []
    for level in levels:
        z = float(ndtri(level))
        scale = np.exp(np.clip(fit.x[1], *_STEEPNESS))
        middle, slope = fit.x[0] + z * scale, np.array([1, z * scale])
        error = float(np.sqrt(max(slope @ covariance @ slope, 0)))
        at, low, high = (float(np.exp(v)) for v in (middle, middle - error, middle + error))
        out.append(Threshold(at, low, high))
    return out


def _covariance(
    loss: Callable[[NDArray[np.float64]], float], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Inverse of the second derivatives of a loss, by differences."""
    step, hessian = 1e-3, np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            di, dj = step * np.eye(2)[i], step * np.eye(2)[j]
            corners = loss(at + di + dj) - loss(at + di - dj) - loss(at - di + dj)
            hessian[i, j] = (corners + loss(at - di - dj)) / (4 * step**2)
    try:
        return np.asarray(np.linalg.inv(hessian), np.float64)
    except np.linalg.LinAlgError:
        return np.full((2, 2), np.nan)
