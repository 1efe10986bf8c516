"""Gains of antennas from visibilities of a known sky.

The gains minimise ``sum_ij W_ij |V_ij - g_i conj(g_j)|^2``, V being visibilities over those
of the sky. Each gain in turn follows from all others by linear least squares; the mean of
every second step with the one before makes this converge (StEFCal, Salvini & Wijnholds
2014). Weights are then lowered where the residuals are large, first as Huber's, which bring
any outlier within reach, then as Tukey's, which take it out (iteratively reweighted least squares).
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

N_HUBER, N_TUKEY = 5, 5
_HUBER, _TUKEY = 2.0, 6.0
"""Standard deviations of either part of a residual."""

_WINSOR = 3.0
"""Visibilities are held to so many times their median before the first weights are known."""

_MOST_STEPS, _TOLERANCE = 300, 2e-6
_MEDIAN = math.sqrt(2 * math.log(2))
"""Median modulus of complex noise whose parts have a standard deviation of 1."""

_LARGEST = 0x7F7FFFFF
"""Bits of the largest number of single precision."""

_AT_ONCE = 16
_State = tuple[jax.Array, jax.Array, jax.Array]
"""Gains, steps done, and how far the last one went."""


class Solutions(NamedTuple):
    """Gains of independent problems: channels, polarisations.

    Attributes
    ----------
    gain : (problem, antenna) complex64
        The phase of each problem as a whole is arbitrary.
    error : (problem, antenna) float32
        Standard deviation of either part of a gain, 0 where it is not determined.
    sigma : (problem,) float32
        Standard deviation of either part of a visibility of weight 1.
    outliers : (problem,) float32
        Share of visibilities that were given no weight.
    """

    gain: NDArray[np.complex64]
    error: NDArray[np.float32]
    sigma: NDArray[np.float32]
    outliers: NDArray[np.float32]


def solve_gains(
    vis: NDArray, weights: NDArray, ends: NDArray[np.int64], n_antennas: int
) -> Solutions:
    """Solve for the gains of every problem, a few at a time.

    Parameters
    ----------
    vis : (problem, piece, baseline) complex64
        Visibilities over those of the sky, in some pieces of time.
    weights : (problem, piece, baseline) float32
        Relative inverse variances; 0 where flagged.
    ends : (baseline, 2) int
        Antennas of each baseline, from 0.
    n_antennas : int

    Returns
    -------
    Solutions
    """
    parts = []
    for first in range(0, len(vis), _AT_ONCE):
        here = slice(first, first + _AT_ONCE)
        spare = _AT_ONCE - len(vis[here])
        # However many there are, one program solves them.
        vis_here, weights_here = (
            np.pad(a[here], ((0, spare), (0, 0), (0, 0))) for a in (vis, weights)
        )
        found = _solve_some(vis_here, weights_here, ends, n_antennas)
        parts.append([np.asarray(a)[: len(vis[here])] for a in found])
    return Solutions(*(np.concatenate(a) for a in zip(*parts, strict=True)))


@partial(jax.jit, static_argnames="n_antennas")
@jax.default_matmul_precision("highest")
def _solve_some(
    vis: jax.Array, weights: jax.Array, ends: jax.Array, n_antennas: int
) -> tuple[jax.Array, ...]:
    """As :func:`solve_gains`, of problems that fit into memory."""
    return jax.vmap(partial(_solve_one, ends=ends, n_antennas=n_antennas))(vis, weights)


def _solve_one(
    vis: jax.Array, weights: jax.Array, ends: jax.Array, n_antennas: int
) -> tuple[jax.Array, ...]:
    """One problem, (piece, baseline)."""
    first, second = ends.T
    good = weights > 0
    vis = jnp.where(good, vis, 0)
    size = jnp.abs(vis)
    usual = _median(size, good)
    held = vis * jnp.minimum(1, _WINSOR * usual / jnp.maximum(size, 1e-30))
    step = partial(_stefcal, ends=ends)
    gain = step(held, weights, jnp.full(n_antennas, jnp.sqrt(usual), jnp.complex64))

    # Without noise rounding is left.
    least = 1e-6 * usual * jnp.sqrt(_median(weights, good)) + 1e-30

    def scaled(gain: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Residuals in standard deviations, and the standard deviation."""
        residual = jnp.abs(vis - gain[first] * gain[second].conj()) * jnp.sqrt(weights)
        sigma = jnp.maximum(_median(residual, good) / _MEDIAN, least)
        return residual / sigma, sigma

    def reweighted(i: int, gain: jax.Array) -> jax.Array:
        x, _ = scaled(gain)
        kept = jnp.where(i < N_HUBER, _huber(x), _tukey(x))
        return step(vis, weights * kept, gain)

    gain = lax.fori_loop(0, N_HUBER + N_TUKEY, reweighted, gain)
    x, sigma = scaled(gain)
    kept = weights * _tukey(x)
    used = kept > 0
    sigma = jnp.maximum(sigma * _median(x, used) / _MEDIAN, least)
    power = _by_antenna(kept.sum(0) * jnp.abs(gain[second]) ** 2, first, n_antennas)
    power += _by_antenna(kept.sum(0) * jnp.abs(gain[first]) ** 2, second, n_antennas)
    # Two parts of each visibility, two of each gain, and one phase that nothing depends on.
    known = power > 0
    free = 2 * used.sum() - jnp.maximum(2 * known.sum() - 1, 0)
    sigma *= jnp.sqrt(2 * used.sum() / jnp.maximum(free, 1))
    links = _by_antenna(used.any(0), first, n_antennas) + _by_antenna(
        used.any(0), second, n_antennas
    )
    # Amplitudes need triangles.
    known &= (links >= 2) & (free > 0)
    error = jnp.where(known, sigma / jnp.sqrt(jnp.where(known, power, 1)), 0)
    lost = 1 - used.sum() / jnp.maximum(good.sum(), 1)
    return jnp.where(known, gain, 0), error, sigma, lost


def _stefcal(vis: jax.Array, weights: jax.Array, start: jax.Array, ends: jax.Array) -> jax.Array:
    """Gains (antenna,) of visibilities (piece, baseline) of given weights."""
    first, second = ends.T
    blank = jnp.zeros((len(start), len(start)))
    weighted = jnp.sum(vis * weights, 0)
    total = jnp.sum(weights, 0)
    matrix = blank.astype(vis.dtype).at[first, second].add(weighted)
    matrix = matrix.at[second, first].add(weighted.conj())
    total = blank.at[first, second].add(total).at[second, first].add(total)

    def step(state: _State) -> _State:
        gain, i, _ = state
        power = total @ jnp.abs(gain) ** 2
        new = jnp.where(power > 0, (matrix @ gain) / jnp.where(power > 0, power, 1), 0)
        new = jnp.where(i % 2 == 1, (new + gain) / 2, new)
        change = jnp.linalg.norm(new - gain) / jnp.maximum(jnp.linalg.norm(new), 1e-30)
        return new, i + 1, change

    def goes_on(state: _State) -> jax.Array:
        return (state[1] < _MOST_STEPS) & (state[2] > _TOLERANCE)

    return lax.while_loop(goes_on, step, (start, jnp.int32(0), jnp.float32(1)))[0]


def _by_antenna(values: jax.Array, antenna: jax.Array, n_antennas: int) -> jax.Array:
    """Sums of what baselines have, (antenna,)."""
    return jnp.zeros(n_antennas, jnp.float32).at[antenna].add(values)


def _median(values: jax.Array, good: jax.Array) -> jax.Array:
    """Median of what is good, of values that are not negative; 0 where nothing is.

    Bits of such numbers are in their order: halving intervals of them is exact, and takes a
    fraction of the time of sorting.
    """
    bits = jnp.where(good, lax.bitcast_convert_type(values, jnp.int32), jnp.int32(_LARGEST))
    half = (good.sum() + 1) // 2

    def halved(_: int, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = ends
        middle = low + (high - low) // 2
        enough = jnp.sum(bits <= middle) >= half
        return jnp.where(enough, low, middle + 1), jnp.where(enough, middle, high)

    high = lax.fori_loop(0, 31, halved, (jnp.int32(0), jnp.int32(_LARGEST)))[1]
    return lax.bitcast_convert_type(high, jnp.float32)


def _huber(x: jax.Array) -> jax.Array:
    return jnp.minimum(1, _HUBER / jnp.maximum(x, 1e-30))


def _tukey(x: jax.Array) -> jax.Array:
    return jnp.square(jnp.maximum(1 - jnp.square(x / _TUKEY), 0))
