"""The streaming search: one kernel for recorded, streamed and injected data.

``step`` re-cuts whatever it is given into internal frames, so the result does not depend
on the blocks. Each frame is learned from, then searched:

1. moments of the new samples update baseline and noise of every pixel (``learning``);
2. samples less the pedestal, weighted by inverse variance, are dedispersed and matched
   with the full-rate boxcars, tile by tile of pixels (``tiles``);
3. sums for the decimated levels enter their rings (``levels``), with the baseline added
   back: a wide boxcar is measured against a window around it, not against a running
   baseline that has already followed the pulse;
4. local maxima leave the device (``peaks``).

Decimated levels are searched by batches, once the window around one is complete. Levels
whose batches are longer than a frame take turns: at most one of them is due in a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from numpy.typing import NDArray

from .calibration import calibrated
from .detections import Detections, none_found
from .kernels.spatial import matched_filter
from .learning import after_frame, learn, prime
from .levels import search_levels
from .peaks import PeakSource, report
from .plan import BATCH, SearchPlan
from .rings import enter
from .state import Margin, SearchState, init
from .tiles import TileSums, frame_weights, no_sums, search_tiles


def _full_rate_source(plan: SearchPlan) -> PeakSource:
    level = plan.levels[0]
    dm_rows = np.zeros((len(level.rungs), len(level.dm_rows)), np.int64)
    for i, rung in enumerate(level.rungs):
        dm_rows[i, : rung.n_rows] = level.dm_rows[:: rung.stride]
    return PeakSource(np.asarray([r.width for r in level.rungs]), dm_rows, ends=True)


def _frame(
    plan: SearchPlan, state: SearchState, x: jax.Array, w: jax.Array
) -> tuple[SearchState, Detections]:
    """Search one internal frame.

    Parameters
    ----------
    x : (frame, channel, padded pixel) float32
    w : (frame, channel) float32
    """
    w = jnp.where(w > 0, w, 0)
    if plan.config.template is not None:
        x = _filtered(plan, plan.config.template, x, w)
    state = state._replace(statistics=prime(plan, state.statistics, x, w))
    learned = learn(plan, state, x, w)
    pixels = learned.statistics.pixels

    def search() -> tuple[Margin, Detections, TileSums, jax.Array]:
        shared = frame_weights(plan, state, w)
        maps, sums = search_tiles(plan, state, shared, learned, x)
        begun = (state.frame * plan.frame - plan.max_delay, jnp.asarray(1))
        source = _full_rate_source(plan)
        margin, found = report(plan, source, state.margin, maps, begun)
        return margin, found, sums, shared.entries

    def gap() -> tuple[Margin, Detections, TileSums, jax.Array]:
        nothing, sums = jax.tree.map(jnp.zeros_like, state.margin), no_sums(plan)
        return nothing, none_found(plan.config.max_detections), sums, sums.entries[0, :, :1]

    waiting = jnp.max(state.margin.snr) >= plan.config.threshold
    busy = waiting | jnp.any(state.tail_weight > 0) | jnp.any(w > 0)
    margin, found, sums, weights = lax.cond(busy, search, gap)
    # The tail is written over in place once the search has read it: XLA would copy it, if
    # nothing said what comes first. A gap has nothing to keep.
    after = jnp.where(busy, jnp.minimum(found.n_found, 0), plan.n_tiles)
    found = jax.tree.map(lambda a: a[None], found)
    levels = state.levels
    if len(plan.levels) > 1:
        noise = jnp.sqrt(pixels.noise + pixels.flicker)
        levels = enter(plan, levels, state.frame, sums, (weights, noise))
        levels, more, moments = search_levels(
            plan, levels, learned.flagged, pixels.alive, state.frame
        )
        levels = levels._replace(calibration=calibrated(levels.calibration, moments, plan))
        found = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), found, more)
    state = state._replace(
        frame=state.frame + 1,
        tail=_replace_tail(plan, state.tail, x, after),
        tail_weight=_newest(state.tail_weight, w),
        statistics=after_frame(learned),
        flagged=learned.flagged,
        levels=levels,
        calibration=calibrated(state.calibration, sums.moments, plan),
        margin=margin,
    )
    return state, found


def _filtered(
    plan: SearchPlan, template: NDArray[np.floating], x: jax.Array, w: jax.Array
) -> jax.Array:
    """Matched filter of a frame of flat, padded images; empty samples are left out."""
    ny, nx = plan.config.shape
    images = jnp.where((w > 0)[:, :, None], x[:, :, : plan.n_pixels], 0)
    images = images.reshape(*x.shape[:2], ny, nx)
    flat = matched_filter(images, template)
    spare = plan.n_padded - plan.n_pixels
    flat = flat.reshape(*x.shape[:2], plan.n_pixels)
    return jnp.pad(flat, ((0, 0), (0, 0), (0, spare)), constant_values=jnp.nan)


def _newest(tail: jax.Array, x: jax.Array) -> jax.Array:
    """As many of the newest samples as the tail holds, (time, channel, ...)."""
    keep = tail.shape[0]
    if keep <= x.shape[0]:
        return x[x.shape[0] - keep :]
    return jnp.concatenate([tail[x.shape[0] :], x])


def _replace_tail(plan: SearchPlan, tail: jax.Array, x: jax.Array, begin: jax.Array) -> jax.Array:
    """:func:`_newest` of all pixels, tile by tile in the memory of the tail."""

    def one(i: jax.Array, tail: jax.Array) -> jax.Array:
        parts = (lax.dynamic_slice_in_dim(a, i * plan.tile, plan.tile, 2) for a in (tail, x))
        return lax.dynamic_update_slice_in_dim(tail, _newest(*parts), i * plan.tile, 2)

    return lax.fori_loop(begin, plan.n_tiles, one, tail)


def _recut(
    plan: SearchPlan, state: SearchState, data: jax.Array, weights: jax.Array
) -> tuple[SearchState, Detections]:
    """Search every full frame that the pending samples and a block make."""
    n, frame = data.shape[0], plan.frame
    aligned = state.pending.shape[0] == 0
    if aligned and n % frame:
        raise ValueError(
            f"data: an aligned state takes whole frames of {frame} samples, got {n} samples"
        )
    if aligned and n == frame:
        state, found = _frame(plan, state, data, weights)
        return state, jax.tree.map(lambda a: a[None], found)
    stream = jnp.concatenate([state.pending, data])
    stream_weight = jnp.concatenate([state.pending_weight, weights])
    first = stream.shape[0] - n - state.n_pending
    n_frames = (state.n_pending + n) // frame
    shapes = jax.eval_shape(lambda s: _frame(plan, s, stream[:frame], stream_weight[:frame]), state)
    n_max = (n + frame - 1) // frame
    found = jax.tree.map(lambda a: jnp.zeros((n_max, *a.shape), a.dtype), shapes[1])

    def body(i: jax.Array, carry: tuple[SearchState, Detections]) -> tuple[SearchState, Detections]:
        state, found = carry
        at = first + i * frame
        x = lax.dynamic_slice_in_dim(stream, at, frame)
        w = lax.dynamic_slice_in_dim(stream_weight, at, frame)
        state, detections = _frame(plan, state, x, w)
        return state, jax.tree.map(lambda a, d: a.at[i].set(d), found, detections)

    held = stream.shape[0] - n
    rest = state._replace(pending=stream[:0], pending_weight=stream_weight[:0])
    state, found = lax.fori_loop(0, n_frames, body, (rest, found))
    state = state._replace(
        n_pending=(state.n_pending + n) % frame,
        pending=stream[stream.shape[0] - held :],
        pending_weight=stream_weight[stream.shape[0] - held :],
    )
    return state, found


@partial(jax.jit, static_argnums=0, donate_argnums=1)
@jax.default_matmul_precision("highest")
def step(
    plan: SearchPlan, state: SearchState, data: jax.Array, weights: jax.Array
) -> tuple[SearchState, Detections]:
    """Search the next block of a stream.

    Parameters
    ----------
    plan : SearchPlan
    state : SearchState
        From :func:`init` or the step before; its buffers are reused.
    data : (time, channel, y, x) or (time, channel, pixel) float32
        Any number of samples (whole frames for an aligned state). NaN has weight 0.
        Pixels already padded with NaN to ``plan.n_padded`` are not copied.
    weights : (time, channel) float32
        Relative weights; 0 where data are flagged or missing. The noise variance of a
        sample is taken to go as the inverse of its weight.

    Returns
    -------
    state : SearchState
    detections : Detections
        With leading axes (frame, map): full rate first, then the decimated levels.
    """
    data = data.reshape(*data.shape[:2], -1)
    spare = plan.n_padded - data.shape[2]
    if spare:
        data = jnp.pad(data, ((0, 0), (0, 0), (0, spare)), constant_values=jnp.nan)
    return _recut(plan, state, data, weights.astype(jnp.float32))


Step = Callable[[SearchState, ArrayLike, ArrayLike], tuple[SearchState, Detections]]


@lru_cache(maxsize=1)
def compile_step(plan: SearchPlan) -> Step:
    """:func:`step` of one frame for aligned states, compiled before any memory is taken.

    The last is kept: a plan may search many recordings.
    """
    state = jax.eval_shape(lambda: init(plan, aligned=True))
    shape = (plan.frame, plan.n_channels, plan.n_padded)
    data = jax.ShapeDtypeStruct(shape, jnp.float32)
    weights = jax.ShapeDtypeStruct(shape[:2], jnp.float32)
    return step.lower(plan, state, data, weights).compile()


def finish(
    plan: SearchPlan, state: SearchState, compiled: Step | None = None
) -> tuple[SearchState, Detections]:
    """Search what is still pending: the stream goes on without data until all is reported.

    Parameters
    ----------
    plan : SearchPlan
    state : SearchState
    compiled : callable, optional
        From :func:`compile_step`, for an aligned state.

    Returns
    -------
    state : SearchState
    detections : Detections
        With leading axes (frame, map).
    """
    x = jnp.full((plan.frame, plan.n_channels, plan.n_padded), jnp.nan, jnp.float32)
    w = jnp.zeros((plan.frame, plan.n_channels), jnp.float32)
    one = compiled or partial(step, plan)
    found = []
    for _ in range(n_flush_frames(plan)):
        state, detections = one(state, x, w)
        found.append(detections)
    return state, jax.tree.map(lambda *a: jnp.concatenate(a), *found)


def n_flush_frames(plan: SearchPlan) -> int:
    """Frames without data after which every sample has been reported."""
    entries = (plan.lag + 3 * BATCH) * plan.levels[-1].decimation if plan.ring_rows else 0
    return -(-(max(entries, plan.peak_margin) + plan.max_delay) // plan.frame) + 2


__all__ = ["compile_step", "finish", "init", "n_flush_frames", "step"]
