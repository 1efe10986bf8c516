"""Correlated random maps with given angular power spectra, and the spectra of maps.

The spherical-harmonic coefficients of T tracers are Gaussian and independent between multipoles
and orders; their covariance at a multipole is the matrix of spectra, so a root of it makes them
from white noise. Tracers of spin 0 become one map; those of spin 2 (the shear; no B modes are put
in) two, the components in healpy's convention. Lognormal maps are made from Gaussian ones whose
spectra are such that those of the result are right (:mod:`cosmo.correlation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import healpy
import numpy as np
from numpy.typing import NDArray

from cosmo.correlation import gaussian_spectra

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

_ROUNDING = 1e-8
"""A negative eigenvalue of a correlation matrix, of which rounding is no explanation."""


@dataclass(frozen=True)
class SpectraRoots:
    """Matrices whose products with their transposes are spectra.

    Attributes
    ----------
    roots : (ell, T, T)
    clipped : float
        The largest negative eigenvalue, in size, of a correlation matrix that was set to 0.
    """

    roots: Array
    clipped: float


def spectra_roots(cl: Any, tolerance: float = _ROUNDING) -> SpectraRoots:
    """Roots of matrices of spectra.

    Parameters
    ----------
    cl : (T, T, ell)
        At every multipole from 0.
    tolerance : float
        Negative eigenvalues of correlation matrices down to this are set to 0. What was computed
        with limited accuracy may need more.

    Raises
    ------
    ValueError
        The matrix of a multipole is not symmetric, or no covariance of anything.
    """
    cl = np.asarray(cl, dtype=np.float64)
    if cl.ndim != 3 or cl.shape[0] != cl.shape[1] or not np.isfinite(cl).all():
        raise ValueError(f"cl {cl.shape} has to be (T, T, ell) and finite")
    if not np.allclose(cl, cl.swapaxes(0, 1), rtol=1e-8, atol=0):
        raise ValueError("cl is not symmetric")
    matrices = np.moveaxis((cl + cl.swapaxes(0, 1)) / 2, -1, 0)
    power = np.diagonal(matrices, axis1=1, axis2=2)
    if (bad := np.argwhere(power < 0)).size:
        ell, tracer = bad[0]
        raise ValueError(f"cl of tracer {tracer} at ell = {ell} is {power[ell, tracer]:g}, below 0")
    scale = np.sqrt(power)
    # A tracer without power is correlated with nothing.
    product = scale[:, :, None] * scale[:, None]
    if (bad := np.argwhere((product == 0) & (matrices != 0))).size:
        ell, i, j = bad[0]
        raise ValueError(f"cl of tracers {i} and {j} at ell = {ell}: one of them has no power")
    correlation = np.divide(matrices, product, out=np.zeros_like(matrices), where=product > 0)
    values, vectors = np.linalg.eigh(correlation)
    least = values.min(1)
    if (least < -tolerance).any():
        ell = int(np.argmin(least))
        raise ValueError(
            f"cl at ell = {ell} is no covariance: its correlation matrix has the eigenvalue"
            f" {least[ell]:.3g} (tolerance {tolerance:g})"
        )
    roots = scale[:, :, None] * vectors * np.sqrt(np.clip(values, 0, None))[:, None]
    return SpectraRoots(roots, float(max(0.0, -least.min())))


def draw_coefficients(roots: SpectraRoots, seed: int) -> Complex:
    """Spherical-harmonic coefficients (T, alm), in healpy's order, of one random sky."""
    n_ell, n_tracers, _ = roots.roots.shape
    ell, m = healpy.Alm.getlm(n_ell - 1)
    rng = np.random.default_rng(seed)
    parts = rng.standard_normal((2, n_tracers, ell.size))
    # The coefficients of order 0 are real.
    white = np.where(m == 0, parts[0], (parts[0] + 1j * parts[1]) / np.sqrt(2))
    drawn = np.zeros_like(white)
    for k in range(n_tracers):
        drawn += roots.roots[ell, :, k].T * white[k]
    return drawn


def gaussian_maps(
    cl: Any, nside: int, seed: int, spins: Sequence[int] | None = None, tolerance: float = _ROUNDING
) -> list[Array]:
    """Gaussian maps of T tracers with given spectra.

    Parameters
    ----------
    cl : (T, T, ell)
        At every multipole from 0 to the last, which is 3 nside - 1 at most. Of spin 2 it is the
        spectrum of E, and multipoles 0 and 1 are not used.
    nside : int
    seed : int
    spins : sequence of {0, 2}
        Of each tracer; all 0 if not given.
    tolerance : float
        See :func:`spectra_roots`.

    Returns
    -------
    maps : list of (pixel,) or, of spin 2, (2, pixel)
        In ring order. Neither beam nor pixel window is put in: multiply cl by them.
    """
    cl = np.asarray(cl, dtype=np.float64)
    ell_max = cl.shape[-1] - 1
    spins = _spins(spins, len(cl))
    _check_resolution(nside, ell_max)
    coefficients = draw_coefficients(spectra_roots(cl, tolerance), seed)
    return [
        _synthesise(alm, spin, nside, ell_max)
        for alm, spin in zip(coefficients, spins, strict=True)
    ]


def lognormal_maps(
    cl: Any,
    nside: int,
    seed: int,
    shifts: Any,
    spins: Sequence[int] | None = None,
    tolerance: float = _ROUNDING,
) -> list[Array]:
    """Maps of T tracers with given spectra, some of them lognormal.

    Parameters
    ----------
    cl, nside, seed, spins, tolerance
        As of :func:`gaussian_maps`. For few multipoles the sky is coarse: see
        :func:`cosmo.correlation.lognormal_spectra` for what cutting off does.
    shifts : (T,)
        No value of tracer i lies below ``-shifts[i]`` (1 for a density contrast). Infinite for a
        Gaussian tracer, as those of spin 2 have to be.
    """
    shifts, gaussian_cl = np.asarray(shifts, dtype=np.float64), gaussian_spectra(cl, shifts)
    for tracer, (shift, spin) in enumerate(zip(shifts, _spins(spins, len(shifts)), strict=True)):
        if spin and np.isfinite(shift):
            raise ValueError(f"shifts of tracer {tracer}: of spin 2, it cannot be lognormal")
    maps = gaussian_maps(gaussian_cl, nside, seed, spins, tolerance)
    modes = (2 * np.arange(gaussian_cl.shape[-1]) + 1) / (4 * np.pi)
    for i in np.flatnonzero(np.isfinite(shifts)):
        variance = gaussian_cl[i, i] @ modes
        maps[i] = shifts[i] * np.expm1(maps[i] - variance / 2)
    return maps


def measure(maps: Sequence[Array], ell_max: int, mask: Any = None, iterations: int = 3) -> Array:
    """Spectra of maps.

    Parameters
    ----------
    maps : sequence of (pixel,) or (2, pixel)
        Ring order; of the second kind, spin 2, E is measured.
    ell_max : int
    mask : (pixel,), optional
        Weights; maps are multiplied by them, and spectra divided by their mean square. This is
        the mean spectrum of what a mask mixes: right on average for spectra that are flat over
        the multipoles that the mask mixes, and for E of a cut sky only without B.
    iterations : int
        Of healpy's transform.

    Returns
    -------
    cl : (T, T, ell_max + 1)
        Noise and pixel window are not taken out.
    """
    n_pixel = np.shape(maps[0])[-1]
    weights = np.ones(n_pixel) if mask is None else np.asarray(mask, dtype=np.float64)
    if weights.shape != (n_pixel,) or not (weights**2).sum() > 0:
        raise ValueError(f"mask {weights.shape} has to be above 0 somewhere in {n_pixel} pixels")
    _check_resolution(healpy.npix2nside(n_pixel), ell_max)
    # What is masked may be no number.
    masked = [np.where(weights == 0, 0, one) * weights for one in maps]
    alms = [_analyse(one, ell_max, iterations) for one in masked]
    covered = float((weights**2).mean())
    cl = np.empty((len(maps), len(maps), ell_max + 1))
    for i, first in enumerate(alms):
        for j, second in enumerate(alms[i:], i):
            cl[i, j] = cl[j, i] = healpy.alm2cl(first, second, lmax=ell_max) / covered
    return cl


def _synthesise(alm: Complex, spin: int, nside: int, ell_max: int) -> Array:
    if spin == 0:
        return healpy.alm2map(alm, nside, lmax=ell_max)
    return np.stack(healpy.alm2map_spin([alm, np.zeros_like(alm)], nside, 2, ell_max))


def _analyse(sky: Array, ell_max: int, iterations: int) -> Complex:
    if sky.ndim == 1:
        return healpy.map2alm(sky, lmax=ell_max, iter=iterations)
    nside = healpy.npix2nside(sky.shape[-1])
    e, b = healpy.map2alm_spin(sky, 2, ell_max)
    # healpy does not iterate on spin 2.
    for _ in range(iterations):
        rest = sky - np.stack(healpy.alm2map_spin([e, b], nside, 2, ell_max))
        more_e, more_b = healpy.map2alm_spin(rest, 2, ell_max)
        e, b = e + more_e, b + more_b
    return e


def _spins(spins: Sequence[int] | None, n_tracers: int) -> Sequence[int]:
    spins = (0,) * n_tracers if spins is None else spins
    if len(spins) != n_tracers or not set(spins) <= {0, 2}:
        raise ValueError(f"spins = {list(spins)} have to be 0 or 2, for {n_tracers} tracers")
    return spins


def _check_resolution(nside: int, ell_max: int) -> None:
    if not healpy.isnsideok(nside, nest=True):
        raise ValueError(f"nside = {nside} is no power of 2")
    if not 0 <= ell_max <= 3 * nside - 1:
        raise ValueError(f"ell_max = {ell_max} is not between 0 and 3 nside - 1 = {3 * nside - 1}")
