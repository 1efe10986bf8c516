r"""Angular power spectra, correlation functions, and those of lognormal fields.

.. math:: \xi(\theta) = \sum_\ell \frac{2\ell + 1}{4\pi} C_\ell P_\ell(\cos\theta), \qquad
   C_\ell = 2\pi \int \xi(\theta) P_\ell(\cos\theta) d\cos\theta

A lognormal field :math:`X = \lambda (e^{g - \sigma^2/2} - 1)` of a Gaussian one g has mean 0, never
falls below :math:`-\lambda`, and its correlations are exactly (Coles & Jones 1991, MNRAS 248 1)

.. math:: \xi_X^{ij} = \lambda_i \lambda_j (e^{\xi_g^{ij}} - 1), \qquad
   \xi_X^{ij} = \lambda_i \xi_g^{ij}

the second with a Gaussian field j.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_legendre

Array = NDArray[np.float64]

_BLOCK = 128
"""Multipoles whose Legendre polynomials are in memory at one time."""
_NODES_PER_MULTIPOLE = 2
"""The exponential of a band-limited correlation is not band-limited."""


def gaussian_spectra(cl: Any, shifts: Any) -> Array:
    """Spectra of the Gaussian fields that lognormal fields of given spectra are made from.

    Parameters
    ----------
    cl : (T, T, ell)
        At every multipole from 0.
    shifts : (T,)
        lambda of each field; infinite for one that is Gaussian.

    Returns
    -------
    gaussian : (T, T, ell)
        0 where cl has nothing for any pair, as usual at ell = 0 and 1. No lognormal field has
        nothing there; how little it has, :func:`lognormal_spectra` says.

    Raises
    ------
    ValueError
        No lognormal field with that shift is that strongly anticorrelated.
    """

    def inverse(xi: Array, scale: float, pair: tuple[int, int]) -> Array:
        if not (xi > -scale).all():
            raise ValueError(
                f"shifts of tracers {pair} allow no correlation below {-scale:g}, and cl has"
                f" {xi.min():g}: give larger shifts"
            )
        return scale * np.log1p(xi / scale)

    scales = _scales(shifts)[..., None]
    gaussian = _transformed(cl, shifts, inverse) / scales
    return np.where((np.asarray(cl) == 0).all((0, 1)), 0.0, gaussian)


def lognormal_spectra(gaussian: Any, shifts: Any) -> Array:
    """Spectra of lognormal fields made from Gaussian ones: the inverse of `gaussian_spectra`.

    Multipoles that were cut off count: the spectra of what is drawn from ``gaussian_spectra(cl)``
    up to some multipole are these, and cl but for the cut.

    Parameters
    ----------
    gaussian : (T, T, ell)
        At every multipole from 0.
    shifts : (T,)
    """

    def forward(xi: Array, scale: float, pair: tuple[int, int]) -> Array:
        return scale * np.expm1(xi / scale)

    scaled = np.asarray(gaussian, dtype=np.float64) * _scales(shifts)[..., None]
    return _transformed(scaled, shifts, forward)


def correlation_function(cl: Any, cosines: Any) -> Array:
    """Correlations (..., angle) of spectra (..., ell) at every multipole from 0."""
    cl, cosines = np.asarray(cl, dtype=np.float64), np.asarray(cosines, dtype=np.float64)
    weighted = cl * ((2 * np.arange(cl.shape[-1]) + 1) / (4 * np.pi))
    total = np.zeros((*cl.shape[:-1], *cosines.shape))
    for first, block in _legendre(cosines, cl.shape[-1]):
        total += weighted[..., first : first + len(block)] @ block
    return total


def spectrum(xi: Any, n_ell: int) -> Array:
    """Spectra (..., n_ell) of correlations (..., node) at the nodes of `nodes(n_node)`."""
    xi = np.asarray(xi, dtype=np.float64)
    cosines, weights = nodes(xi.shape[-1])
    parts = [
        2 * np.pi * (xi * weights) @ block.T for _, block in _legendre(cosines, n_ell)
    ]  # fmt: skip
    return np.concatenate(parts, axis=-1)


@lru_cache(maxsize=4)
def nodes(n: int) -> tuple[Array, Array]:
    """Cosines of angles, and weights, of Gauss and Legendre."""
    cosines, weights = roots_legendre(n)
    return cosines, weights


def _transformed(cl: Any, shifts: Any, function: Any) -> Array:
    """Spectra whose correlations of lognormal pairs went through a function."""
    cl, shifts = np.array(cl, dtype=np.float64), np.asarray(shifts, dtype=np.float64)
    n_ell = cl.shape[-1]
    if cl.shape != (len(shifts), len(shifts), n_ell):
        raise ValueError(f"cl {cl.shape} are not the spectra of {len(shifts)} shifts")
    cosines, _ = nodes(_NODES_PER_MULTIPOLE * n_ell)
    lognormal = np.flatnonzero(np.isfinite(shifts))
    for i in lognormal:
        for j in lognormal[lognormal >= i]:
            xi = correlation_function(cl[i, j], cosines)
            scale = float(shifts[i] * shifts[j])
            changed = function(xi, scale, (int(i), int(j)))
            cl[i, j] = cl[j, i] = spectrum(changed, n_ell)
    return cl


def _scales(shifts: Any) -> Array:
    """lambda_i lambda_j (T, T), with 1 for Gaussian fields."""
    shifts = np.asarray(shifts, dtype=np.float64)
    if not (shifts > 0).all():
        raise ValueError(f"shifts = {shifts.tolist()} have to be above 0")
    each = np.where(np.isfinite(shifts), shifts, 1.0)
    return each[:, None] * each


def _legendre(cosines: Array, n_ell: int) -> Iterator[tuple[int, Array]]:
    """Legendre polynomials (multipole, angle) by blocks of multipoles, with the first of each."""
    before, current = np.zeros_like(cosines), np.ones_like(cosines)
    for first in range(0, n_ell, _BLOCK):
        block = np.empty((min(_BLOCK, n_ell - first), *cosines.shape))
        for row in range(len(block)):
            block[row], ell = current, first + row
            following = ((2 * ell + 1) * cosines * current - ell * before) / (ell + 1)
            before, current = current, following
        yield first, block
