"""Visibilities of round sources of unit flux and half-light radius.

That of a Sérsic profile ``exp(-b r^(1/n))`` is its Hankel transform. With the Mellin transforms of
the profile and of the Bessel function, both known, it is an integral along a line,

    H(s) = (1 / 2 pi i) int s^-z pi^-z Gamma(z/2) / (2 Gamma(1 - z/2)) F(2 - z) dz ,
    F(t) = n b^(-n t) Gamma(n t) ,

over Re z = 1, whose integrand falls so fast that equal steps give it to the last digits. It is
tabulated once over ln s and ln n and interpolated by cubic splines.
"""

from __future__ import annotations

import math
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv, loggamma

LEAST_INDEX, MOST_INDEX = 0.3, 8.0
GAUSSIAN_INDEX = 0.5

_LN_S = np.linspace(-14.0, 7.0, 526)
_LN_N = np.linspace(math.log(LEAST_INDEX) - 0.12, math.log(MOST_INDEX) + 0.12, 61)
_STEP, _LAST = 0.2, 140.0


def sersic_visibility(s: ArrayLike, index: ArrayLike) -> NDArray[np.float64]:
    """Visibilities of Sérsic profiles of unit flux and half-light radius, by the integral.

    Parameters
    ----------
    s : (frequency,)
        Spatial frequencies in cycles per half-light radius, above 0.
    index : (...)
        Of Sérsic; 0.5 is a Gaussian.

    Returns
    -------
    array (..., frequency)
    """
    n = np.asarray(index, np.float64)[..., None]
    z = 1 + 1j * np.arange(0, _LAST, _STEP)
    logarithm = loggamma(z / 2) - loggamma(1 - z / 2) - z * math.log(math.pi) - math.log(2)
    # Over F(2), the whole flux.
    logarithm = logarithm + loggamma(n * (2 - z)) - loggamma(2 * n)
    terms = np.exp(logarithm + n * z * np.log(gammaincinv(2 * n, 0.5)))
    # The other half of the line is the complex conjugate of this one.
    terms[..., 1:] *= 2
    powers = np.exp(-np.multiply.outer(z, np.log(np.asarray(s, np.float64))))
    return (terms @ powers).real * (_STEP / (2 * math.pi))


@lru_cache
def visibility_table() -> NDArray[np.float32]:
    """Visibilities over ln n and ln s, (index, frequency)."""
    return sersic_visibility(np.exp(_LN_S), np.exp(_LN_N)).astype(np.float32)


def _cubic(position: Array, n: int) -> tuple[Array, Array, Array]:
    """First node (...) of the cubic through four neighbours, weights and slopes (..., 4)."""
    first = jnp.clip(jnp.floor(position).astype(jnp.int32) - 1, 0, n - 4)
    f = position - first - 1
    weights = (
        -f * (f - 1) * (f - 2) / 6,
        (f + 1) * (f - 1) * (f - 2) / 2,
        -(f + 1) * f * (f - 2) / 2,
        (f + 1) * f * (f - 1) / 6,
    )
    slopes = (
        -(3 * f * f - 6 * f + 2) / 6,
        (3 * f * f - 4 * f - 1) / 2,
        -(3 * f * f - 2 * f - 2) / 2,
        (3 * f * f - 1) / 6,
    )
    return first, jnp.stack(weights, -1), jnp.stack(slopes, -1)


@jax.default_matmul_precision("highest")
def profile_row(table: Array, ln_index: Array) -> tuple[Array, Array]:
    """The row of a table for one index, and its slope with ln n, (frequency,) each."""
    step = _LN_N[1] - _LN_N[0]
    first, weights, slopes = _cubic((ln_index - _LN_N[0]) / step, len(_LN_N))
    rows = table[first + jnp.arange(4)]
    return weights @ rows, (slopes / step) @ rows


def at_frequency(row: Array, s_squared: Array) -> tuple[Array, Array]:
    """Visibility from a row, and its slope with ln s.

    Parameters
    ----------
    row : (frequency,)
    s_squared : (...)
        Squares of the frequency in cycles per half-light radius.
    """
    step = _LN_S[1] - _LN_S[0]
    ln_s = 0.5 * jnp.log(jnp.maximum(s_squared, math.exp(2 * _LN_S[0])))
    position = jnp.minimum((ln_s - _LN_S[0]) / step, len(_LN_S) - 1.0)
    first, weights, slopes = _cubic(position, len(_LN_S))
    near = row[first[..., None] + jnp.arange(4)]
    return (near * weights).sum(-1), (near * slopes).sum(-1) / step
