r"""What angular power spectra of Gaussian fields say: likelihood, distance, Fisher matrix.

With the matrix of spectra :math:`\tilde C_\ell` (signal and noise, tracer by tracer) and
:math:`\nu_\ell` modes at a multipole, measured spectra :math:`\hat C_\ell` follow a Wishart
distribution, and up to a constant

.. math:: -2 \ln L = \sum_\ell \nu_\ell \left[\mathrm{Tr}(\hat C \tilde C^{-1})
   - \ln\det(\hat C \tilde C^{-1}) - T\right].

For a small difference :math:`\Delta` this is the distance

.. math:: \Delta\chi^2 = \sum_\ell \frac{\nu_\ell}{2}
   \mathrm{Tr}\left[(\Delta_\ell \tilde C_\ell^{-1})^2\right],

which is also what the covariance of all pairs gives, and its second derivatives are the Fisher
matrix. All of these are written with the Cholesky root L of :math:`\tilde C`, as squares of
:math:`L^{-1} \Delta L^{-T}`: they cannot become negative by rounding.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

_PRECISION = jax.lax.Precision.HIGHEST
"""Graphics processors multiply single-precision matrices with 10 bits unless told."""


@jax.jit
def delta_chi2(difference: ArrayLike, total: ArrayLike, modes: ArrayLike) -> Array:
    """Distance between two sets of spectra, in squared standard errors.

    Parameters
    ----------
    difference : (T, T, ell)
        One set less the other.
    total : (T, T, ell)
        Spectra with noise, see :func:`cosmo.covariance.with_noise`.
    modes : (ell,)
        See :func:`cosmo.covariance.number_of_modes`; with how many multipoles a sample stands for.

    Returns
    -------
    chi2 : scalar
        nan where total has no inverse.
    """
    whitened = _whiten(difference, _whitening(total))
    return jnp.sum(0.5 * jnp.asarray(modes) * jnp.sum(whitened**2, (-2, -1)))


@jax.jit
def log_likelihood(measured: ArrayLike, total: ArrayLike, modes: ArrayLike) -> Array:
    """Logarithm of the likelihood of measured spectra, 0 where they are what is expected.

    Parameters
    ----------
    measured : (T, T, ell)
        With noise; positive definite at each multipole, which takes as many modes as tracers.
    total : (T, T, ell)
        Expected, with noise.
    modes : (ell,)

    Returns
    -------
    log_likelihood : scalar
        nan where one of the two has no inverse.
    """
    whitening = _whitening(total)
    trace = jnp.trace(_whiten(measured, whitening), axis1=-2, axis2=-1)
    log_ratio = _log_determinants(_whitening(measured)) - _log_determinants(whitening)
    excess = trace - log_ratio - whitening.shape[-1]
    return -0.5 * jnp.sum(jnp.asarray(modes) * excess)


@jax.jit
def fisher_matrix(derivatives: ArrayLike, total: ArrayLike, modes: ArrayLike) -> Array:
    r"""Fisher matrix :math:`\sum_\ell (\nu/2) Tr[C^{-1} C_{,i} C^{-1} C_{,j}]`.

    Parameters
    ----------
    derivatives : (parameter, T, T, ell)
        Of the spectra, such as `jax.jacfwd` gives with its last axis moved to the front.
    total : (T, T, ell)
        Spectra with noise.
    modes : (ell,)

    Returns
    -------
    fisher : (parameter, parameter)
    """
    whitened = _whiten(derivatives, _whitening(total))
    weighted = whitened * jnp.sqrt(0.5 * jnp.asarray(modes))[:, None, None]
    rows = weighted.reshape(weighted.shape[0], -1)
    return jnp.matmul(rows, rows.T, precision=_PRECISION)


def with_priors(fisher: ArrayLike, sigma: ArrayLike) -> Array:
    """Fisher matrix with Gaussian priors.

    Parameters
    ----------
    fisher : (parameter, parameter)
    sigma : (parameter,)
        Standard deviations of the priors; infinite where there is none.
    """
    fisher = jnp.asarray(fisher)
    return fisher + jnp.diag(jnp.asarray(sigma, fisher.dtype) ** -2)


@jax.jit
def parameter_covariance(fisher: ArrayLike) -> Array:
    """Inverse of a Fisher matrix; nan where it has none (parameters that nothing tells apart)."""
    fisher = jnp.asarray(fisher)
    scale = jnp.sqrt(jnp.diagonal(fisher))
    # Parameters have any unit; on one scale only true degeneracies are near-singular.
    root = jnp.linalg.cholesky(fisher / (scale[:, None] * scale))
    identity = jnp.eye(len(scale), dtype=fisher.dtype)
    inverse = jax.scipy.linalg.solve_triangular(root, identity, lower=True)
    product = jnp.matmul(inverse.T, inverse, precision=_PRECISION)
    return product / (scale[:, None] * scale)


@jax.jit
def marginalised_errors(fisher: ArrayLike) -> Array:
    """Standard errors (parameter,) with all other parameters free."""
    return jnp.sqrt(jnp.diagonal(parameter_covariance(fisher)))


@jax.jit
def conditional_errors(fisher: ArrayLike) -> Array:
    """Standard errors (parameter,) with all other parameters known."""
    return 1 / jnp.sqrt(jnp.diagonal(jnp.asarray(fisher)))


@partial(jax.jit, static_argnames="parameters")
def figure_of_merit(fisher: ArrayLike, parameters: tuple[int, ...]) -> Array:
    """One over the root of the determinant of the covariance of some parameters, others free.

    For two parameters it is pi over the area of the ellipse of one standard error
    (for w0 and wa: Albrecht et al. 2006, astro-ph/0609591, up to their factor).
    """
    chosen = jnp.asarray(parameters)
    covariance = parameter_covariance(fisher)[chosen[:, None], chosen]
    return 1 / jnp.sqrt(jnp.linalg.det(covariance))


def _whitening(total: ArrayLike) -> Array:
    """L^-1 (ell, T, T) of matrices of spectra, from that of their correlations."""
    matrices = jnp.moveaxis(jnp.asarray(total), -1, 0)
    scale = jnp.sqrt(jnp.diagonal(matrices, axis1=-2, axis2=-1))
    # Spectra of different tracers differ by orders of magnitude, their correlations do not.
    root = jnp.linalg.cholesky(matrices / (scale[..., None] * scale[..., None, :]))
    identity = jnp.broadcast_to(jnp.eye(root.shape[-1], dtype=root.dtype), root.shape)
    inverse = jax.lax.linalg.triangular_solve(root, identity, left_side=True, lower=True)
    return inverse / scale[..., None, :]


def _whiten(spectra: ArrayLike, whitening: Array) -> Array:
    """L^-1 C L^-T (..., ell, T, T) of spectra (..., T, T, ell)."""
    matrices = jnp.moveaxis(jnp.asarray(spectra), -1, -3)
    half = jnp.matmul(whitening, matrices, precision=_PRECISION)
    return jnp.matmul(half, jnp.swapaxes(whitening, -2, -1), precision=_PRECISION)


def _log_determinants(whitening: Array) -> Array:
    return -2 * jnp.sum(jnp.log(jnp.diagonal(whitening, axis1=-2, axis2=-1)), axis=-1)
