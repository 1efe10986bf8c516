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

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


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
    whitened = _whiten(jnp.asarray(difference), _roots(total))
    return jnp.sum(0.5 * jnp.asarray(modes) * jnp.sum(whitened**2, (-2, -1)))


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
    measured, roots = jnp.asarray(measured), _roots(total)
    trace = jnp.trace(_whiten(measured, roots), axis1=-2, axis2=-1)
    log_ratio = _log_determinants(_roots(measured)) - _log_determinants(roots)
    excess = trace - log_ratio - measured.shape[0]
    return -0.5 * jnp.sum(jnp.asarray(modes) * excess)


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
    roots = _roots(total)
    whitened = jax.vmap(lambda one: _whiten(one, roots))(jnp.asarray(derivatives))
    weighted = whitened * jnp.sqrt(0.5 * jnp.asarray(modes))[:, None, None]
    rows = weighted.reshape(weighted.shape[0], -1)
    return rows @ rows.T


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


def parameter_covariance(fisher: ArrayLike) -> Array:
    """Inverse of a Fisher matrix; nan where it has none (parameters that nothing tells apart)."""
    fisher = jnp.asarray(fisher)
    scale = jnp.sqrt(jnp.diagonal(fisher))
    # Parameters have any unit; on one scale only true degeneracies are near-singular.
    root = jnp.linalg.cholesky(fisher / (scale[:, None] * scale))
    identity = jnp.eye(len(scale), dtype=fisher.dtype)
    inverse = jax.scipy.linalg.solve_triangular(root, identity, lower=True)
    return inverse.T @ inverse / (scale[:, None] * scale)


def marginalised_errors(fisher: ArrayLike) -> Array:
    """Standard errors (parameter,) with all other parameters free."""
    return jnp.sqrt(jnp.diagonal(parameter_covariance(fisher)))


def conditional_errors(fisher: ArrayLike) -> Array:
    """Standard errors (parameter,) with all other parameters known."""
    return 1 / jnp.sqrt(jnp.diagonal(jnp.asarray(fisher)))


def figure_of_merit(fisher: ArrayLike, parameters: tuple[int, ...]) -> Array:
    """One over the root of the determinant of the covariance of some parameters, others free.

    For two parameters it is pi over the area of the ellipse of one standard error
    (for w0 and wa: Albrecht et al. 2006, astro-ph/0609591, up to their factor).
    """
    chosen = jnp.asarray(parameters)
    covariance = parameter_covariance(fisher)[chosen[:, None], chosen]
    return 1 / jnp.sqrt(jnp.linalg.det(covariance))


def _roots(total: ArrayLike) -> tuple[Array, Array]:
    """Scales (ell, T) and Cholesky roots (ell, T, T) of spectra divided by them."""
    matrices = jnp.moveaxis(jnp.asarray(total), -1, 0)
    scale = jnp.sqrt(jnp.diagonal(matrices, axis1=-2, axis2=-1))
    # Spectra of different tracers differ by orders of magnitude, their correlations do not.
    return scale, jnp.linalg.cholesky(matrices / (scale[..., None] * scale[..., None, :]))


def _whiten(spectra: Array, roots: tuple[Array, Array]) -> Array:
    """L^-1 C L^-T at each multipole, (ell, T, T)."""
    scale, root = roots
    scaled = jnp.moveaxis(spectra, -1, 0) / (scale[..., None] * scale[..., None, :])
    half = jax.lax.linalg.triangular_solve(root, scaled, left_side=True, lower=True)
    return jax.lax.linalg.triangular_solve(
        root, half, left_side=False, lower=True, transpose_a=True
    )


def _log_determinants(roots: tuple[Array, Array]) -> Array:
    scale, root = roots
    diagonal = jnp.diagonal(root, axis1=-2, axis2=-1)
    return 2 * jnp.sum(jnp.log(diagonal) + jnp.log(scale), axis=-1)
