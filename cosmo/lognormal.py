r"""The sum of two lognormal quantities, such as the DM of the IGM and that of a host.

The density of the sum at :math:`r` is an integral over its first part, :math:`x`. With
:math:`x = r / (1 + e^{-t})`

.. math:: p(r) = \frac1r \int N(\ln x; m_1, s_1) N(\ln(r - x); m_2, s_2) dt

for N the normal density: smooth, without ends, and falling to nothing on both sides, so that
the trapezoid rule on fixed nodes errs by ``2 exp(-2 pi^2 s^2 / step^2)`` only, s the narrower
of the two widths.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

_HALF_RANGE = 14.0
"""In t: a part below 1e-6 of the sum is left out."""

_WIDEST_STEP = 0.4
SMALLEST = 1e-3
"""Sum below which the logarithm of the density goes on as a straight line, in the unit of r."""


class Lognormal(NamedTuple):
    """A quantity whose logarithm is normal.

    Attributes
    ----------
    log_median : array
        Natural.
    width : array
        Standard deviation of the natural logarithm.
    """

    log_median: ArrayLike
    width: ArrayLike


def nodes(least_width: float) -> NDArray[np.float64]:
    """Nodes in t for widths of this and more; 3e-9 of the density is missed at most."""
    if not least_width > 0:
        raise ValueError(f"least_width = {least_width} has to be above 0")
    n = math.ceil(2 * _HALF_RANGE / min(least_width, _WIDEST_STEP)) + 1
    return np.linspace(-_HALF_RANGE, _HALF_RANGE, n)


def log_terms(total: ArrayLike, first: Lognormal, second: Lognormal, t: ArrayLike) -> Array:
    """Logarithms of the integrand at the nodes, (..., node): how likely the parts of a sum are.

    Parameters
    ----------
    total : array
        Positive.
    first, second : Lognormal
        All shapes are broadcast.
    t : (node,)
        :func:`nodes`; the first part is ``total / (1 + exp(-t))``.
    """
    log_total = jnp.log(jnp.asarray(total))[..., None]
    one = _log_normal(log_total - jax.nn.softplus(-jnp.asarray(t)), first)
    other = _log_normal(log_total - jax.nn.softplus(jnp.asarray(t)), second)
    return one + other - log_total


def log_density_of_sum(
    total: ArrayLike, first: Lognormal, second: Lognormal, t: ArrayLike
) -> Array:
    """Natural logarithm of the density of the sum; differentiable everywhere.

    Sums below :data:`SMALLEST`, and negative ones, have no density to speak of. For a sampler
    to find its way back from them, the logarithm falls there by 1 for each unit.
    """
    total, t = jnp.asarray(total), jnp.asarray(t)
    within = log_terms(jnp.maximum(total, SMALLEST), first, second, t)
    inside = jax.nn.logsumexp(within, axis=-1) + jnp.log(t[1] - t[0])
    return inside + jnp.minimum(total - SMALLEST, 0.0)


def _log_normal(x: Array, of: Lognormal) -> Array:
    width = jnp.asarray(of.width)[..., None]
    z = (x - jnp.asarray(of.log_median)[..., None]) / width
    return -0.5 * z**2 - jnp.log(width) - 0.5 * math.log(2 * math.pi)
