"""Levenberg and Marquardt's least squares with bounds, for small numbers of parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

_LEAST_DAMPING, _MOST_DAMPING = 1e-6, 1e8
_SMALL_GAIN = 1e-3
"""Of chi^2, that a step has to promise: a thirtieth of a standard deviation."""

Model = Callable[[Array], tuple[Array, Array]]
"""Parameters (p,) to residuals (d,) over their errors, and minus their slopes (p, d)."""


class Bounds(NamedTuple):
    """Least and largest values, and how far one step may go, (p,) each; 0 keeps a value fixed."""

    least: Array
    most: Array
    reach: Array


class Fitted(NamedTuple):
    """The end of a fit.

    Attributes
    ----------
    parameters : (p,)
    chi2 : ()
    curvature : (p, p)
        Fisher matrix of all parameters, fixed ones too.
    n_steps : ()
    converged : () bool
    """

    parameters: Array
    chi2: Array
    curvature: Array
    n_steps: Array
    converged: Array


class _State(NamedTuple):
    parameters: Array
    residuals: Array
    curvature: Array
    downhill: Array
    damping: Array
    i: Array
    converged: Array


class Spectrum(NamedTuple):
    """A curvature matrix by its eigenvectors, in units in which its diagonal is 1.

    One decomposition gives steps of any damping and the covariance.

    Attributes
    ----------
    values, vectors : (p,), (p, p)
    scale : (p,)
        Of the parameters.
    free : (p,) bool
    """

    values: Array
    vectors: Array
    scale: Array
    free: Array

    @classmethod
    def of(cls, curvature: Array, free: Array) -> Spectrum:
        """That of the parameters that are free."""
        scale = jnp.sqrt(jnp.maximum(jnp.diagonal(curvature), 1e-30))
        both = free[:, None] & free
        matrix = jnp.where(both, curvature / scale[:, None] / scale, jnp.eye(len(free)))
        values, vectors = jnp.linalg.eigh(matrix)
        return cls(jnp.maximum(values, _LEAST_DAMPING), vectors, scale, free)

    def step(self, downhill: Array, damping: Array | float = 0.0) -> Array:
        """Change (p,) of the parameters, with the diagonal raised by ``1 + damping``."""
        right = jnp.where(self.free, downhill / self.scale, 0.0)
        along = (self.vectors.T @ right) / (self.values + damping)
        return self.vectors @ along / self.scale

    @property
    def inverse(self) -> Array:
        """Covariance (p, p), 0 for what is not free; never negative."""
        both = self.free[:, None] & self.free
        inverse = (self.vectors / self.values) @ self.vectors.T
        return jnp.where(both, inverse / self.scale[:, None] / self.scale, 0.0)


def _evaluate(model: Model, parameters: Array) -> tuple[Array, Array, Array]:
    residuals, slopes = model(parameters)
    return residuals, slopes @ slopes.T, slopes @ residuals


def least_squares(model: Model, start: Array, bounds: Bounds, most_steps: Array) -> Fitted:
    """Minimise the sum of squares of a model's residuals.

    Parameters that stand at a bound and would go beyond stay there for a step. Converged is what
    promises to gain less than 0.001 of chi^2.

    Parameters
    ----------
    model : callable
        See :data:`Model`.
    start : (p,)
    bounds : Bounds
    most_steps : ()
    """

    def free_of(state: _State) -> Array:
        p, down = state.parameters, state.downhill
        outwards = ((p <= bounds.least) & (down < 0)) | ((p >= bounds.most) & (down > 0))
        return (bounds.reach > 0) & ~outwards

    def step(state: _State) -> _State:
        free = free_of(state)
        spectrum = Spectrum.of(state.curvature, free)
        change = jnp.clip(spectrum.step(state.downhill, state.damping), -bounds.reach, bounds.reach)
        trial = jnp.clip(state.parameters + change, bounds.least, bounds.most)
        residuals, curvature, downhill = _evaluate(model, trial)
        # The difference of two sums would be lost in their rounding.
        better = jnp.vdot(residuals - state.residuals, residuals + state.residuals) <= 0
        damping = jnp.where(better, state.damping / 10, state.damping * 5)
        promised = jnp.vdot(spectrum.step(state.downhill), state.downhill)

        def chosen(new: Array, old: Array) -> Array:
            return jnp.where(better, new, old)

        return _State(
            chosen(trial, state.parameters),
            chosen(residuals, state.residuals),
            chosen(curvature, state.curvature),
            chosen(downhill, state.downhill),
            jnp.clip(damping, _LEAST_DAMPING, _MOST_DAMPING),
            state.i + 1,
            promised < _SMALL_GAIN,
        )

    def unfinished(state: _State) -> Array:
        return ~state.converged & (state.i < most_steps)

    values = _evaluate(model, start)
    first = _State(start, *values, jnp.float32(1e-3), jnp.int32(0), jnp.bool_(False))
    last = jax.lax.while_loop(unfinished, step, first)
    chi2 = jnp.vdot(last.residuals, last.residuals)
    return Fitted(last.parameters, chi2, last.curvature, last.i, last.converged)
