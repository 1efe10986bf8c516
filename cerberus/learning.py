"""Baseline, noise and weights, learned from each frame before it is searched."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .kernels.baseline import FrameFacts, FrameMoments, coast, frame_moments, track
from .plan import SearchPlan
from .state import SearchState, Statistics

_TINY = 1e-30


class Learned(NamedTuple):
    """What a frame teaches.

    Attributes
    ----------
    statistics : Statistics
        Of the pixels after the frame; of the channels before it.
    channel_variance : (channel,)
        Mean over the image of the channels' variances in the frame.
    seen : (channel,) bool
        Channels with data in the frame.
    flagged : (tile,) int32
        As in the state, after the frame.
    good : () bool
        Whether the frame holds enough data to learn from.
    """

    statistics: Statistics
    channel_variance: jax.Array
    seen: jax.Array
    flagged: jax.Array
    good: jax.Array


def inverse_variance(stats: Statistics) -> jax.Array:
    """Weight of a sample of each channel; 0 for a channel never seen."""
    variance = stats.channel_variance
    return jnp.where(variance > 0, 1 / jnp.maximum(variance, _TINY), 0)


def prime(plan: SearchPlan, stats: Statistics, x: jax.Array, w: jax.Array) -> Statistics:
    """Pedestal and noise of channels that have data for the first time."""
    new = (stats.channel_count == 0) & jnp.any(w > 0, axis=0)

    def estimate(stats: Statistics) -> Statistics:
        def tile(i: jax.Array) -> tuple[jax.Array, jax.Array]:
            part = lax.dynamic_slice_in_dim(x, i * plan.tile, plan.tile, axis=2)
            ok = jnp.isfinite(part) & (w > 0)[:, :, None]
            n = jnp.sum(ok, 0)
            mean = jnp.sum(jnp.where(ok, part, 0), 0) / jnp.maximum(n, 1)
            square = jnp.where(ok, (part - mean) ** 2 * w[:, :, None], 0)
            variance = jnp.sum(square, 0) / jnp.maximum(n - 1, 1)
            return mean, jnp.where(n > 1, variance, jnp.nan)

        tiled, variance = lax.map(tile, jnp.arange(plan.n_tiles))
        typical = jnp.nan_to_num(jnp.nanmedian(variance, axis=(0, 2)))
        stats = stats._replace(channel_variance=jnp.where(new, typical, stats.channel_variance))
        pixels, inverse = stats.pixels, inverse_variance(stats)
        pedestal = jnp.where(new[:, None], tiled, pixels.pedestal)
        level = jnp.einsum("c,tcp->tp", inverse, pedestal) / jnp.maximum(jnp.sum(inverse), _TINY)
        baseline = jnp.where(pixels.alive, pixels.baseline, level)
        return stats._replace(pixels=pixels._replace(pedestal=pedestal, baseline=baseline))

    return lax.cond(jnp.any(new), estimate, lambda s: s, stats)


def _all_moments(
    plan: SearchPlan, stats: Statistics, x: jax.Array, w: jax.Array, inverse: jax.Array
) -> FrameMoments:
    """Moments of every pixel, tile by tile."""

    def moments(i: jax.Array) -> FrameMoments:
        part = lax.dynamic_slice_in_dim(x, i * plan.tile, plan.tile, axis=2)
        return frame_moments(part, stats.pixels.pedestal[i], w, inverse)

    return lax.map(moments, jnp.arange(plan.n_tiles))


def _flag_horizon(plan: SearchPlan) -> int:
    """Frames for which a flagged sample can still be under a boxcar or in a window."""
    samples = plan.n_stretches * plan.stretch * plan.levels[-1].decimation
    return (samples + plan.max_delay + plan.reach) // plan.frame + 4


def learn(plan: SearchPlan, state: SearchState, x: jax.Array, w: jax.Array) -> Learned:
    """Follow baseline and noise of every pixel through a frame.

    Parameters
    ----------
    x : (frame, channel, padded pixel) float32
    w : (frame, channel) float32
    """
    stats = state.statistics
    inverse = inverse_variance(stats)
    seen = jnp.sum((w > 0) * inverse)
    nominal = plan.frame * jnp.sum(inverse)
    good = (seen > 0) & ((seen >= 0.25 * nominal) | (stats.n_frames == 0))
    facts = FrameFacts.of((stats.n_frames, stats.channel_count), w, inverse, good)
    before = stats.pixels

    def follow(_: None) -> Learned:
        moments = _all_moments(plan, stats, x, w, inverse)
        pixels = jax.vmap(lambda old, m: track(old, m, facts, plan.frame))(before, moments)
        # Excess over four times the pooled variance is a pulse or interference.
        bound = 4 * stats.channel_variance[:, None]
        variance = jnp.where(moments.present, jnp.minimum(moments.variance, bound), 0)
        n = jnp.sum(moments.present, (0, 2))
        missing = pixels.alive & (moments.n_samples < jnp.sum(w > 0))
        # A pixel that comes to life was flagged before.
        missing |= pixels.alive & ~before.alive & jnp.any(state.tail_weight > 0)
        flagged = jnp.where(jnp.any(missing, 1), _flag_horizon(plan), state.flagged - 1)
        channels = jnp.sum(variance, (0, 2)) / jnp.maximum(n, 1)
        return Learned(stats._replace(pixels=pixels), channels, n > 0, flagged, good)

    def nothing(_: None) -> Learned:
        variance = stats.channel_variance
        seen = jnp.zeros(variance.shape, bool)
        pixels = coast(before, plan.frame)
        return Learned(stats._replace(pixels=pixels), variance, seen, state.flagged - 1, good)

    learned = lax.cond(jnp.any(w > 0), follow, nothing, None)
    return learned._replace(flagged=jnp.maximum(learned.flagged, 0))


def after_frame(learned: Learned) -> Statistics:
    """Statistics that the next frame is searched with."""
    stats, good, seen = learned.statistics, learned.good, learned.seen
    rate = 1 / jnp.clip(stats.channel_count + 1, 1, 64)
    # A frame's estimate lies about the truth by sqrt(2 / n); the first is the median.
    rate = jnp.where(good & seen & (stats.channel_count > 0), rate, 0)
    change = learned.channel_variance - stats.channel_variance
    return stats._replace(
        n_frames=stats.n_frames + good.astype(jnp.int32),
        channel_count=stats.channel_count + (good & seen).astype(jnp.int32),
        channel_variance=stats.channel_variance + rate * change,
    )
