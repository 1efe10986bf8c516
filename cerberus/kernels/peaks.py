"""Local maxima of S/N in time and over the beam, compacted on the device."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax


class Peaks(NamedTuple):
    """The largest local maxima of one map; ``index`` is -1 in unused slots.

    Attributes
    ----------
    index : (n,) int32
        Position in the flattened (time, y, x) map.
    snr : (n,) float32
    n_found : () int32
        Local maxima above the threshold, reported or not.
    """

    index: jax.Array
    snr: jax.Array
    n_found: jax.Array


def _sliding_max(x: jax.Array, reach: int, axis: int) -> jax.Array:
    """Maximum over ``reach`` neighbours on each side, -inf beyond the edges."""
    if reach == 0 or x.shape[axis] == 1:
        return x
    pad = [(0, 0)] * x.ndim
    pad[axis] = (reach, reach)
    padded = jnp.pad(x, pad, constant_values=-jnp.inf)
    out, n = x, x.shape[axis]
    for shift in range(2 * reach + 1):
        if shift != reach:
            out = jnp.maximum(out, lax.slice_in_dim(padded, shift, shift + n, axis=axis))
    return out


def find_peaks(snr: jax.Array, threshold: float, margin: int, beam_reach: int, n_max: int) -> Peaks:
    """Local maxima of ``snr[margin:-margin]`` at or above a threshold.

    Parameters
    ----------
    snr : (margin + time + margin, y, x) float32
    threshold : float
    margin : int
        Reach of a local maximum in time, and the context at both ends.
    beam_reach : int
        Reach of a local maximum on the sky, in pixels.
    n_max : int
        Slots in the result; the largest peaks are kept.
    """
    n_time = snr.shape[0] - 2 * margin
    inner = snr[margin : margin + n_time]
    n_slots = min(n_max, inner.size)

    def search(_: None) -> Peaks:
        neighbourhood = _sliding_max(snr, margin, 0)[margin : margin + n_time]
        neighbourhood = _sliding_max(_sliding_max(neighbourhood, beam_reach, 1), beam_reach, 2)
        is_peak = (inner >= threshold) & (inner == neighbourhood)
        height, index = lax.top_k(jnp.where(is_peak, inner, -jnp.inf).ravel(), n_slots)
        found = jnp.sum(is_peak, dtype=jnp.int32)
        used = jnp.isfinite(height)
        return Peaks(jnp.where(used, index, -1).astype(jnp.int32), height, found)

    def nothing(_: None) -> Peaks:
        empty = jnp.full(n_slots, -1, jnp.int32)
        return Peaks(empty, jnp.full(n_slots, -jnp.inf, snr.dtype), jnp.zeros((), jnp.int32))

    return lax.cond(jnp.max(inner) >= threshold, search, nothing, None)
