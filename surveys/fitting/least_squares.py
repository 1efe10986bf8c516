"""Levenberg and Marquardt's least squares with bounds, for small numbers of parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
    """The best parameters so far, and those that are tried next."""

    parameters: Array
    residuals: Array
    curvature: Array
    downhill: Array
    trial: Array
    promised: Array
    damping: Array
    n_tried: Array
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
    # Some GPUs would round to 10 bits.
    product = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
    return residuals, product(slopes, slopes.T), product(slopes, residuals)


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

    def free_of(p: Array, down: Array) -> Array:
        outwards = ((p <= bounds.least) & (down < 0)) | ((p >= bounds.most) & (down > 0))
        return (bounds.reach > 0) & ~outwards

    # The model stands in one place of the program only, as it is most of what there is to compile.
    def step(state: _State) -> _State:
        residuals, curvature, downhill = _evaluate(model, state.trial)
        is_first = state.n_tried == 0
        # The difference of two sums would be lost in their rounding.
        fell = jnp.vdot(residuals - state.residuals, residuals + state.residuals) <= 0
        better = is_first | fell
        new = (state.trial, residuals, curvature, downhill)
        p, residuals, curvature, downhill = (
            jnp.where(better, n, old) for n, old in zip(new, state[:4], strict=True)
        )
        damping = jnp.where(better, state.damping / 10, state.damping * 5)
        damping = jnp.clip(damping, _LEAST_DAMPING, _MOST_DAMPING)
        damping = jnp.where(is_first, state.damping, damping)
        spectrum = Spectrum.of(curvature, free_of(p, downhill))
        change = jnp.clip(spectrum.step(downhill, damping), -bounds.reach, bounds.reach)
        return _State(
            p,
            residuals,
            curvature,
            downhill,
            jnp.clip(p + change, bounds.least, bounds.most),
            jnp.vdot(spectrum.step(downhill), downhill),
            damping,
            state.n_tried + 1,
            state.promised < _SMALL_GAIN,
        )

    def unfinished(state: _State) -> Array:
        return ~state.converged & (state.n_tried <= most_steps)

    shapes = jax.eval_shape(lambda p: _evaluate(model, p), start)
    residuals, curvature, downhill = (jnp.zeros(s.shape, s.dtype) for s in shapes)
    first = _State(
        parameters=start,
        residuals=residuals,
        curvature=curvature,
        downhill=downhill,
        trial=start,
        promised=jnp.float32(jnp.inf),
        damping=jnp.float32(1e-3),
        n_tried=jnp.int32(0),
        converged=jnp.bool_(False),
    )
    last = jax.lax.while_loop(unfinished, step, first)
    chi2 = jnp.vdot(last.residuals, last.residuals)
    return Fitted(last.parameters, chi2, last.curvature, last.n_tried - 1, last.converged)
