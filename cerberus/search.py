"""The streaming search: one kernel for recorded, streamed and injected data.

``step`` re-cuts whatever it is given into internal frames, so the result does not depend
on the blocks. A frame is searched tile by tile of pixels:

1. moments of the new samples update baseline and noise of every pixel (``baseline``);
2. samples less the pedestal, weighted by inverse variance, are dedispersed (``dedisperse``);
3. boxcars of the full-rate level give the best S/N at each time and pixel (``boxcar``);
4. sums for the decimated levels enter their rings (``levels``), with the baseline added
   back: a wide boxcar is measured against a window centred on it, not against a running
   baseline that has already followed the pulse;
5. local maxima leave the device (``peaks``).

Every decimated level is searched when the centre of its window has a full batch, so at
most one besides the first is due in a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from .calibration import calibrated, second_moment
from .detections import Detections
from .kernels.baseline import FrameFacts, Tracker, frame_moments, track
from .kernels.boxcar import best_trial, boxcar_sums, locate_trial
from .kernels.dedisperse import dedisperse
from .levels import TileEntries, add_entries, open_entries, put_entries, search_levels
from .peaks import PeakSource, report
from .plan import BATCH, SearchPlan, history_stride
from .state import Levels, Maps, SearchState, Statistics, init

_TINY = 1e-30


class _Shared(NamedTuple):
    """What all tiles of a frame have in common."""

    weight: jax.Array  # (time, channel) of the tail and the frame, inverse variance
    frame_weight: jax.Array  # (time, channel) of the frame, as given
    channel_weight: jax.Array  # (channel,)
    trial_weight: jax.Array  # (dm, time, 1)
    history: jax.Array  # (row, history + time, 1)
    sums: tuple[jax.Array, ...]  # weight under every full-rate boxcar
    scales: tuple[jax.Array, ...]  # what makes S/N of them
    good: jax.Array


def _full_rate_sums(plan: SearchPlan, z: jax.Array, extended: jax.Array) -> list[jax.Array]:
    """Sums under the full-rate boxcars that end at each sample of the frame.

    Parameters
    ----------
    z : (dm, time, pixel)
        Dedispersed samples of the frame, for one-sample boxcars.
    extended : (row, history + time, pixel)
        The rows that wider boxcars use, with the samples before the frame.
    """
    rungs, stride = plan.levels[0].rungs, history_stride(plan.levels[0])
    keep = rungs[-1].width - 1
    if len(rungs) == 1:
        return [z]
    wide = [replace(r, stride=r.stride // stride) for r in rungs[1:]]
    sums = [z]
    for rung, total in zip(wide, boxcar_sums(extended, wide), strict=True):
        first = keep + 1 - rung.width
        sums.append(total[:, first : first + z.shape[1]])
    return sums


def _column(values: np.ndarray) -> jax.Array:
    return jnp.asarray(values, jnp.float32)[:, None]


def _rung_variances(plan: SearchPlan, variance: jax.Array) -> list[jax.Array]:
    """Variances of the full-rate trials, (n_rows, 1, 1) for each rung."""
    bounds = np.cumsum([r.n_rows for r in plan.levels[0].rungs])
    return [v[:, None, None] for v in jnp.split(variance, bounds[:-1])]


def _extend(plan: SearchPlan, history: jax.Array, z: jax.Array) -> jax.Array:
    return jnp.concatenate([history, z[:: history_stride(plan.levels[0])]], axis=1)


def _prime(plan: SearchPlan, stats: Statistics, x: jax.Array, w: jax.Array) -> Statistics:
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
        channel_variance = jnp.where(new, typical, stats.channel_variance)
        pedestal = jnp.where(new[:, None], tiled, stats.pedestal)
        inverse = jnp.where(channel_variance > 0, 1 / jnp.maximum(channel_variance, _TINY), 0)
        level = jnp.einsum("c,tcp->tp", inverse, pedestal) / jnp.maximum(jnp.sum(inverse), _TINY)
        return stats._replace(
            channel_variance=channel_variance,
            pedestal=pedestal,
            baseline=jnp.where(stats.alive, stats.baseline, level),
        )

    return lax.cond(jnp.any(new), estimate, lambda s: s, stats)


def _shared(plan: SearchPlan, state: SearchState, w: jax.Array) -> _Shared:
    stats = state.statistics
    variance = stats.channel_variance
    channel_weight = jnp.where(variance > 0, 1 / jnp.maximum(variance, _TINY), 0)
    weight = jnp.concatenate([state.tail_weight, w]) * channel_weight
    # The sums over channels differ between trials only where flags come and go.
    trial_weight = lax.cond(
        jnp.all(weight == weight[0]),
        lambda w: jnp.full((plan.tree.n_trials, plan.frame, 1), jnp.sum(w[0]), w.dtype),
        lambda w: dedisperse(plan.tree, w.T[:, :, None], plan.frame),
        weight,
    )
    history = _extend(plan, state.history_weight[:, :, None], trial_weight)
    sums = _full_rate_sums(plan, trial_weight, history)
    n = stats.n_frames
    seen = jnp.sum((w > 0) * channel_weight)
    nominal = plan.frame * jnp.sum(channel_weight)
    good = (seen > 0) & ((seen >= 0.25 * nominal) | (n == 0))
    scales = []
    for total, v in zip(sums, _rung_variances(plan, state.calibration[0]), strict=True):
        # Variance of a boxcar less its baseline: part of the mean for the first frames,
        # apart from it (and 1.3 times noisier than a mean) once medians are used.
        # Only the part of the boxcar that holds data counts.
        width = total / jnp.maximum(jnp.max(trial_weight), _TINY)
        early = 1 - width / ((n + 1.0) * plan.frame)
        late = 1 + 1.3 * width / (jnp.clip(n // 8, 1, 8) * 8.0 * plan.frame)
        factor = jnp.where(n < 8, early, late)
        usable = (total > 0) & (factor > 0.5)
        variance = jnp.maximum(v * total * factor, _TINY)
        scales.append(jnp.where(usable, lax.rsqrt(variance), 0))
    return _Shared(
        weight=weight,
        frame_weight=w,
        channel_weight=channel_weight,
        trial_weight=trial_weight,
        history=history,
        sums=tuple(sums),
        scales=tuple(scales),
        good=good,
    )


class _TileSearch(NamedTuple):
    """Results of a tile that both kinds of weights give."""

    maps: Maps
    moments: jax.Array
    history: jax.Array
    history_deficit: jax.Array
    entries: tuple[jax.Array, ...]
    deficits: tuple[jax.Array | None, ...]


class _Trials(NamedTuple):
    """What turns the sums of the full-rate trials into S/N and flux.

    Attributes
    ----------
    scales, weights : list of (n_rows, time, pixel or 1)
        For each rung.
    noise : (dm, 1, pixel)
    """

    scales: list[jax.Array]
    weights: list[jax.Array]
    noise: jax.Array


def _score(
    plan: SearchPlan,
    z: jax.Array,
    extended: jax.Array,
    trials: _Trials,
) -> tuple[Maps, jax.Array]:
    """Best S/N of the full-rate level, located where it passes the threshold.

    Parameters
    ----------
    z : (dm, time, pixel)
        Dedispersed samples over the noise of their pixel and trial.
    extended : (row, history + time, pixel)
    """
    sums, scales = _full_rate_sums(plan, z, extended), trials.scales
    best, rung = best_trial(sums, scales)

    def located(_: None) -> tuple[jax.Array, jax.Array]:
        weights = [
            w / jnp.maximum(trials.noise[:: r.stride], _TINY)
            for r, w in zip(plan.levels[0].rungs, trials.weights, strict=True)
        ]
        row, flux = locate_trial(sums, scales, weights, best, rung)
        return (rung << 16) | row, flux

    def unlocated(_: None) -> tuple[jax.Array, jax.Array]:
        return jnp.zeros(best.shape, jnp.int32), jnp.zeros(best.shape, best.dtype)

    found = jnp.max(best) >= plan.config.threshold
    trial, flux = lax.cond(found, located, unlocated, None)
    moments = [
        second_moment(plan, total * scale, (scale > 0) & (total != 0), rung.width)
        for rung, total, scale in zip(plan.levels[0].rungs, sums, scales, strict=True)
    ]
    return Maps(best, trial, flux), jnp.concatenate(moments, axis=1)


class _Past(NamedTuple):
    """A tile's share of the history.

    Attributes
    ----------
    history, deficit : (row, time, pixel)
    flagged : () bool
        Whether pixels of the tile have flags of their own, now or under a boxcar.
    """

    history: jax.Array
    deficit: jax.Array
    flagged: jax.Array


def _search_tile(
    plan: SearchPlan,
    shared: _Shared,
    x: jax.Array,
    tracker: Tracker,
    past: _Past,
) -> _TileSearch:
    """Dedisperse and match one tile; ``x`` is tail and frame, (time, channel, pixel)."""
    history, history_deficit, flagged = past
    ok = jnp.isfinite(x) & (shared.weight > 0)[:, :, None]
    residual = jnp.where(ok, x - tracker.pedestal, 0) * shared.weight[:, :, None]
    z = dedisperse(plan.tree, residual.transpose(1, 0, 2), plan.frame)
    noise = jnp.sqrt(tracker.noise + tracker.flicker * _column(plan.coherence))[:, None]
    in_noise = z * jnp.where(tracker.alive & (noise > 0), 1 / jnp.maximum(noise, _TINY), 0)
    extended = _extend(plan, history, in_noise)
    keep = history.shape[1]
    baseline = tracker.baseline
    no_deficits = (None,) * (len(plan.levels) - 1)

    def plain(_: None) -> _TileSearch:
        trials = _Trials(list(shared.scales), list(shared.sums), noise)
        maps, moments = _score(plan, in_noise, extended, trials)
        entries = tuple(
            add_entries(level, z + shared.trial_weight * baseline) for level in plan.levels[1:]
        )
        deficits = (
            tuple(jnp.zeros_like(e) for e in entries) if plan.config.pixel_weights else no_deficits
        )
        return _TileSearch(
            maps,
            moments,
            extended[:, extended.shape[1] - keep :],
            jnp.zeros_like(history_deficit),
            entries,
            deficits,
        )

    def with_flags(_: None) -> _TileSearch:
        w = jnp.where(ok, shared.weight[:, :, None], 0)
        trial_weight = dedisperse(plan.tree, w.transpose(1, 0, 2), plan.frame)
        before = shared.history[:, :keep] - history_deficit
        extended_weight = _extend(plan, before, trial_weight)
        sums = _full_rate_sums(plan, trial_weight, extended_weight)
        scales = []
        for own, total, scale in zip(sums, shared.sums, shared.scales, strict=True):
            # Less weight, less signal: the scale of the shared sums, renormalised.
            # A sum of what is left after cancellation is no weight.
            present = own > 1e-4 * total
            ratio = jnp.sqrt(total / jnp.where(present, own, 1))
            scales.append(jnp.where(present, scale * ratio, 0))
        maps, moments = _score(plan, in_noise, extended, _Trials(scales, sums, noise))
        entries = tuple(
            add_entries(level, z + trial_weight * baseline) for level in plan.levels[1:]
        )
        missing = shared.trial_weight - trial_weight
        deficits = tuple(add_entries(level, missing) for level in plan.levels[1:])
        n = extended.shape[1] - keep
        return _TileSearch(
            maps,
            moments,
            extended[:, n:],
            (shared.history - extended_weight)[:, n:],
            entries,
            deficits,
        )

    if not plan.config.pixel_weights:
        return plain(None)
    return lax.cond(flagged, with_flags, plain, None)


def _tracker(stats: Statistics, i: jax.Array) -> Tracker:
    return Tracker(
        *(lax.dynamic_index_in_dim(getattr(stats, f), i, 0, False) for f in Tracker._fields)
    )


def _flag_horizon(plan: SearchPlan) -> int:
    """Frames for which a flagged sample can still be under a boxcar or in a window."""
    samples = plan.ring_length * plan.levels[-1].decimation
    return (samples + plan.max_delay) // plan.frame + 4


def _put(array: jax.Array, tile: jax.Array, i: jax.Array) -> jax.Array:
    return lax.dynamic_update_index_in_dim(array, tile.astype(array.dtype), i, 0)


class _Learned(NamedTuple):
    """What a pass over the tiles learns before anything is searched.

    Attributes
    ----------
    statistics : Statistics
    variance : (2, channel)
        Sum over pixels of the channels' variances, and how many.
    """

    statistics: Statistics
    variance: jax.Array


def _learn(
    plan: SearchPlan, stats: Statistics, shared: _Shared, x: jax.Array, n_tiles: jax.Array
) -> _Learned:
    """Update baseline and noise of every pixel with a frame.

    A loop of its own: fused into the search, XLA would work out a pixel's statistics
    again for each of its samples.
    """
    weight = shared.frame_weight
    facts = FrameFacts(stats.n_frames, stats.channel_count, shared.channel_weight, shared.good)

    def body(i: jax.Array, c: _Learned) -> _Learned:
        new = lax.dynamic_slice_in_dim(x, i * plan.tile, plan.tile, axis=2)
        tracker = _tracker(c.statistics, i)
        ok = jnp.isfinite(new) & (weight > 0)[:, :, None]
        residual = jnp.where(ok, new - tracker.pedestal, 0)
        moments = frame_moments(residual, ok, weight, shared.channel_weight)
        tracker = track(tracker, moments, facts, plan.frame)
        # Excess over four times the pooled variance is a pulse or interference.
        bound = 4 * stats.channel_variance[:, None]
        variance = jnp.where(moments.present, jnp.minimum(moments.variance, bound), 0)
        pooled = jnp.stack([jnp.sum(variance, 1), jnp.sum(moments.present, 1)])
        arrays = {
            f: _put(getattr(c.statistics, f), getattr(tracker, f), i) for f in Tracker._fields
        }
        return _Learned(c.statistics._replace(**arrays), c.variance + pooled)

    start = _Learned(stats, jnp.zeros((2, plan.n_channels), jnp.float32))
    return lax.fori_loop(0, n_tiles, body, start)


class _Carry(NamedTuple):
    """What the search of the tiles changes in place."""

    history: jax.Array
    history_deficit: jax.Array
    flagged: jax.Array
    levels: Levels
    maps: Maps
    moments: jax.Array


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
    state = state._replace(statistics=_prime(plan, state.statistics, x, w))
    shared = _shared(plan, state, w)
    # A gap has nothing to search: its tiles are not visited.
    n_tiles = jnp.where(jnp.any(shared.weight > 0), plan.n_tiles, 0)
    learned = _learn(plan, state.statistics, shared, x, n_tiles)
    carry = _search_tiles(plan, state, shared, learned.statistics, x, n_tiles)
    state, found = _finish_frame(plan, state, shared, learned, carry)
    state = state._replace(
        tail=_newest(state.tail, x),
        tail_weight=_newest(state.tail_weight, w),
    )
    return state, found


def _newest(tail: jax.Array, x: jax.Array) -> jax.Array:
    """As many of the newest samples as the tail holds."""
    keep = tail.shape[0]
    if keep <= x.shape[0]:
        return x[x.shape[0] - keep :]
    return jnp.concatenate([tail[x.shape[0] :], x])


def _search_tiles(
    plan: SearchPlan,
    state: SearchState,
    shared: _Shared,
    stats: Statistics,
    x: jax.Array,
    n_tiles: jax.Array,
) -> _Carry:
    """Search every tile at full rate and enter its sums in the rings."""
    decimated = plan.levels[1:]
    entry_weights = [add_entries(level, shared.trial_weight) for level in decimated]
    levels, held = open_entries(plan, state.levels, state.frame, entry_weights)

    def body(i: jax.Array, c: _Carry) -> _Carry:
        first = i * plan.tile
        new = lax.dynamic_slice_in_dim(x, first, plan.tile, axis=2)
        tail = lax.dynamic_slice_in_dim(state.tail, first, plan.tile, axis=2)
        tracker = _tracker(stats, i)
        samples = jnp.concatenate([tail, new])
        missing = ~jnp.isfinite(samples) & (shared.weight > 0)[:, :, None] & tracker.alive
        flagged = jnp.where(jnp.any(missing), _flag_horizon(plan), c.flagged[i] - 1)
        flagged = jnp.maximum(flagged, 0)
        past = _Past(c.history[i], c.history_deficit[i], flagged > 0)
        result = _search_tile(plan, shared, samples, tracker, past)
        entries = [
            TileEntries(*parts)
            for parts in zip(result.entries, result.deficits, entry_weights, held, strict=True)
        ]
        noise = jnp.sqrt(tracker.noise + tracker.flicker)
        return _Carry(
            history=_put(c.history, result.history, i),
            history_deficit=_put(c.history_deficit, result.history_deficit, i),
            flagged=c.flagged.at[i].set(flagged),
            levels=put_entries(plan, c.levels, i, state.frame, entries, noise),
            maps=Maps(*(_put(m, t, i) for m, t in zip(c.maps, result.maps, strict=True))),
            moments=c.moments + result.moments,
        )

    shape = (plan.n_tiles, plan.frame, plan.tile)
    carry = _Carry(
        history=state.history,
        history_deficit=state.history_deficit,
        flagged=state.flagged,
        levels=levels,
        maps=Maps(
            snr=jnp.zeros(shape, jnp.float32),
            trial=jnp.zeros(shape, jnp.int32),
            flux=jnp.zeros(shape, jnp.float32),
        ),
        moments=jnp.zeros((2, plan.levels[0].n_trials), jnp.float32),
    )
    return lax.fori_loop(0, n_tiles, body, carry)


def _finish_frame(
    plan: SearchPlan,
    state: SearchState,
    shared: _Shared,
    learned: _Learned,
    c: _Carry,
) -> tuple[SearchState, Detections]:
    """Decimated levels, peaks and what the tiles learned together."""
    stats = learned.statistics
    keep = state.history.shape[2]
    full_rate = Maps(*(m.transpose(1, 0, 2).reshape(plan.frame, -1) for m in c.maps))
    start = state.frame * plan.frame - plan.max_delay
    margin, found = report(
        plan, _full_rate_source(plan), state.margin, full_rate, (start, jnp.asarray(1))
    )
    found = jax.tree.map(lambda a: a[None], found)
    levels = c.levels
    if len(plan.levels) > 1:
        levels, more, moments = search_levels(plan, levels, c.flagged, stats.alive, state.frame)
        levels = levels._replace(calibration=calibrated(levels.calibration, moments, plan))
        found = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), found, more)

    seen = learned.variance[1] > 0
    estimate = learned.variance[0] / jnp.maximum(learned.variance[1], 1)
    rate = 1 / jnp.clip(stats.channel_count + 1, 1, 64)
    # A frame's estimate lies about the truth by sqrt(2 / n); the first is the median.
    rate = jnp.where(shared.good & seen & (stats.channel_count > 0), rate, 0)
    variance = stats.channel_variance + rate * (estimate - stats.channel_variance)
    stats = stats._replace(
        n_frames=stats.n_frames + shared.good.astype(jnp.int32),
        channel_count=stats.channel_count + (shared.good & seen).astype(jnp.int32),
        channel_variance=variance,
    )
    empty = ~jnp.any(shared.weight > 0)
    new_state = state._replace(
        frame=state.frame + 1,
        statistics=stats,
        history=jnp.where(empty, 0, c.history),
        history_weight=shared.history[:, shared.history.shape[1] - keep :, 0],
        history_deficit=jnp.where(empty, 0, c.history_deficit),
        flagged=jnp.where(empty, jnp.maximum(c.flagged - 1, 0), c.flagged),
        levels=levels,
        calibration=calibrated(state.calibration, c.moments, plan),
        margin=margin,
    )
    return new_state, found


def _full_rate_source(plan: SearchPlan) -> PeakSource:
    level = plan.levels[0]
    dm_rows = np.zeros((len(level.rungs), len(level.dm_rows)), np.int64)
    for i, rung in enumerate(level.rungs):
        dm_rows[i, : rung.n_rows] = level.dm_rows[:: rung.stride]
    return PeakSource(np.asarray([r.width for r in level.rungs]), dm_rows, ends=True)


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


def compile_step(plan: SearchPlan) -> Step:
    """:func:`step` of one frame for aligned states, compiled before any memory is taken."""
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
    x = np.full((plan.frame, plan.n_channels, plan.n_padded), np.nan, np.float32)
    w = np.zeros((plan.frame, plan.n_channels), np.float32)
    x, w = jnp.asarray(x), jnp.asarray(w)
    one = compiled or partial(step, plan)
    found = []
    for _ in range(n_flush_frames(plan)):
        state, detections = one(state, x, w)
        found.append(detections)
    return state, jax.tree.map(lambda *a: jnp.concatenate(a), *found)


def n_flush_frames(plan: SearchPlan) -> int:
    """Frames without data after which every sample has been reported."""
    entries = (plan.window // 2 + 3 * BATCH) * plan.levels[-1].decimation if plan.ring_rows else 0
    return -(-(max(entries, plan.peak_margin) + plan.max_delay) // plan.frame) + 2


__all__ = ["compile_step", "finish", "init", "n_flush_frames", "step"]
