r"""Covariance of angular power spectra of Gaussian fields.

For tracers a, b, c, d with total spectra :math:`\tilde C = C + N` (signal and noise)

.. math:: \mathrm{Cov}(\hat C^{ab}_\ell, \hat C^{cd}_{\ell'}) = \delta_{\ell\ell'}
   \frac{\tilde C^{ac}_\ell \tilde C^{bd}_\ell + \tilde C^{ad}_\ell \tilde C^{bc}_\ell}{\nu_\ell},
   \qquad \nu_\ell = f_{sky} (2\ell + 1).

This is exact for the whole sky; a mask enters through the number of modes only. Spectra of T
tracers are symmetric arrays (T, T, ell). A list of pairs (i, j), i <= j, says which of them, and
in which order, a data vector holds. Nothing here chooses a precision: it is that of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

Pairs = Sequence[tuple[int, int]]


def all_pairs(n_tracers: int) -> tuple[tuple[int, int], ...]:
    """Every pair (i, j), i <= j, of tracers: (0, 0), (0, 1), ..., (1, 1), ..."""
    return tuple((i, j) for i in range(n_tracers) for j in range(i, n_tracers))


def tracers_by_tracers(cl: ArrayLike, pairs: Pairs, n_tracers: int) -> Array:
    """Symmetric spectra (T, T, ell) of the spectra (pair, ell) of all pairs.

    Raises
    ------
    ValueError
        A pair is missing, given twice, or of a tracer that is not there.
    """
    cl = jnp.asarray(cl)
    where = {(min(pair), max(pair)): row for row, pair in enumerate(pairs)}
    if len(where) != len(pairs) or len(pairs) != cl.shape[0]:
        raise ValueError(f"pairs has {len(where)} different pairs for {cl.shape[0]} spectra")
    wanted = all_pairs(n_tracers)
    if missing := set(wanted) - set(where):
        raise ValueError(f"pairs has no {min(missing)}; spectra of all pairs are needed")
    _check_pairs(pairs, n_tracers)
    index = np.empty((n_tracers, n_tracers), int)
    for i, j in wanted:
        index[i, j] = index[j, i] = where[i, j]
    return cl[index]


def pairs_of(spectra: ArrayLike, pairs: Pairs) -> Array:
    """Spectra (pair, ell) out of symmetric ones (T, T, ell)."""
    spectra = jnp.asarray(spectra)
    i, j = _check_pairs(pairs, spectra.shape[0])
    return spectra[i, j]


def with_noise(cl: ArrayLike, noise: ArrayLike) -> Array:
    """Total spectra: signal and noise.

    Parameters
    ----------
    cl : (T, T, ell)
    noise : (T,), (T, ell) or (T, T, ell)
        In the unit of cl: white noise of each tracer, noise spectra of each tracer, or those of
        all pairs (noise that tracers share).

    Returns
    -------
    total : (T, T, ell)
    """
    cl, noise = jnp.asarray(cl), jnp.asarray(noise)
    n_tracers, second, n_ell = cl.shape
    shapes = ((n_tracers,), (n_tracers, n_ell), (n_tracers, n_tracers, n_ell))
    if second != n_tracers or noise.shape not in shapes:
        raise ValueError(f"noise of shape {noise.shape} does not fit spectra {cl.shape}")
    if noise.ndim < 3:
        rows = noise[:, None] if noise.ndim == 1 else noise
        noise = jnp.eye(n_tracers, dtype=cl.dtype)[..., None] * rows[:, None]
    return cl + noise


def number_of_modes(ell: ArrayLike, f_sky: ArrayLike = 1.0, multipoles: ArrayLike = 1.0) -> Array:
    """Modes that a spectrum is the mean of, ``f_sky (2 ell + 1) multipoles``.

    Parameters
    ----------
    ell : (ell,)
    f_sky : float
        Fraction of the sky observed.
    multipoles : (ell,)
        How many multipoles a sample stands for, see :func:`multipoles_per_sample`.
    """
    return jnp.asarray(f_sky) * (2 * jnp.asarray(ell) + 1) * jnp.asarray(multipoles)


def multipoles_per_sample(ell: Any) -> np.ndarray:
    """How many integer multipoles each of the sampled ones stands for.

    Multipoles between two samples are shared as linear interpolation shares them, so that a sum
    over samples is the sum over every multipole from the first to the last of what is linear in
    between.

    Parameters
    ----------
    ell : (ell,)
        Rising integers.

    Returns
    -------
    multipoles : (ell,) float64
        They add up to ``ell[-1] - ell[0] + 1``.
    """
    ell = np.asarray(ell, dtype=np.float64)
    if ell.ndim != 1 or ell.size == 0 or (np.diff(ell) <= 0).any() or (ell % 1 != 0).any():
        raise ValueError("ell has to be rising integers")
    every = np.arange(ell[0], ell[-1] + 1)
    right = np.clip(np.searchsorted(ell, every), 1, max(ell.size - 1, 1))
    if ell.size == 1:
        return np.ones(1)
    part = (every - ell[right - 1]) / (ell[right] - ell[right - 1])
    counts = np.bincount(right, part, ell.size)
    return counts + np.bincount(right - 1, 1 - part, ell.size)


def gaussian_covariance(total: ArrayLike, pairs: Pairs, modes: ArrayLike) -> Array:
    """Covariance of spectra of pairs at each multipole.

    Parameters
    ----------
    total : (T, T, ell)
        Spectra with noise, see :func:`with_noise`.
    pairs : sequence of (int, int)
    modes : (ell,)
        See :func:`number_of_modes`.

    Returns
    -------
    covariance : (ell, pair, pair)
        Different multipoles are independent.
    """
    total = jnp.asarray(total)
    a, b = _check_pairs(pairs, total.shape[0])
    both = _products(total, a[:, None], b[:, None], a, b) / jnp.asarray(modes)
    return jnp.moveaxis(both, -1, 0)


def band_covariance(total: ArrayLike, pairs: Pairs, modes: ArrayLike, weights: ArrayLike) -> Array:
    r"""Covariance of band powers :math:`C_b = \sum_\ell W_{b\ell} C_\ell`, the exact sum.

    Parameters
    ----------
    total : (T, T, ell)
        Spectra with noise at every multipole of the bands.
    pairs : sequence of (int, int)
    modes : (ell,)
    weights : (band, ell)
        Bands may overlap.

    Returns
    -------
    covariance : (pair * band, pair * band)
        The bands of the first pair come first, then those of the second.
    """
    total, weights = jnp.asarray(total), jnp.asarray(weights)
    a, b = _check_pairs(pairs, total.shape[0])
    n_pairs, n_band = len(a), weights.shape[0]
    shared = weights[:, None] * weights / jnp.asarray(modes)
    shared = shared.reshape(n_band**2, -1)

    # A pair at a time: every pair with every other at every multipole can be gigabytes.
    def row(pair: tuple[Array, Array]) -> Array:
        # Graphics processors multiply single-precision matrices with 10 bits unless told.
        highest = jax.lax.Precision.HIGHEST
        return jnp.matmul(_products(total, *pair, a, b), shared.T, precision=highest)

    rows = jax.lax.map(row, (jnp.asarray(a), jnp.asarray(b)))
    rows = rows.reshape(n_pairs, n_pairs, n_band, n_band).transpose(0, 2, 1, 3)
    return rows.reshape(n_pairs * n_band, n_pairs * n_band)


def _products(total: Array, a: Any, b: Any, c: Any, d: Any) -> Array:
    return total[a, c] * total[b, d] + total[a, d] * total[b, c]


def _check_pairs(pairs: Pairs, n_tracers: int) -> tuple[np.ndarray, np.ndarray]:
    """First and second tracers of pairs."""
    for pair in pairs:
        if not all(0 <= i < n_tracers for i in pair):
            raise ValueError(f"pairs has {tuple(pair)}, and there are {n_tracers} tracers")
    table = np.asarray(pairs, dtype=int).reshape(-1, 2)
    return table[:, 0], table[:, 1]
