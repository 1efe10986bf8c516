"""The full-rate search of a frame, tile by tile of pixels.

A tile's samples, those that the delays and boxcars reach back to included, are weighted
by inverse variance and dedispersed; boxcars give the best S/N at each time and pixel, and
sums over entries are left for the decimated levels. Where pixels have flags of their
own, weights are dedispersed as well.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .calibration import Scored, second_moments
from .kernels.baseline import Tracker
from .kernels.boxcar import best_snr, boxcar_sums, holds_more, locate_trial
from .kernels.dedisperse import dedisperse
from .learning import Learned, inverse_variance
from .plan import SearchPlan
from .state import Maps, SearchState

_TINY = 1e-30


class FrameWeights(NamedTuple):
    """Weights that all pixels without flags of their own share.

    Attributes
    ----------
    sample : (time, channel)
        Inverse variance of the samples of tail and frame.
    entries, ramp : (entry, 1)
        Dedispersed, as of :func:`entries_of`, and multiplied by the time of each sample
        from the frame's middle before that.
    under : list of (n_rows, time, 1)
        Under every full-rate boxcar, rung by rung.
    scales : list of (n_rows, time, 1)
        What makes S/N of a boxcar's sum.
    """

    sample: jax.Array
    entries: jax.Array
    ramp: jax.Array
    under: list[jax.Array]
    scales: list[jax.Array]


def _ending_in_frame(plan: SearchPlan, sums: list[jax.Array]) -> list[jax.Array]:
    """Full-rate boxcars that end at each sample of the frame, (n_rows, time, pixel).

    Parameters
    ----------
    sums : list of (n_rows, start, pixel)
        For each rung, from ``reach`` samples before the frame on.
    """
    first = [plan.reach + 1 - r.width for r in plan.levels[0].rungs]
    return [s[:, i : i + plan.frame] for i, s in zip(first, sums, strict=True)]


def _full_rate_sums(plan: SearchPlan, z: jax.Array) -> list[jax.Array]:
    """Sums of (dm, reach + time, pixel) under the full-rate boxcars that end in the frame."""
    return _ending_in_frame(plan, boxcar_sums(z, plan.levels[0].rungs))


def frame_weights(plan: SearchPlan, state: SearchState, w: jax.Array) -> FrameWeights:
    """Weights of a frame, from those of its samples, (frame, channel)."""
    stats, n_times = state.statistics, plan.reach + plan.frame
    sample = jnp.concatenate([state.tail_weight, w]) * inverse_variance(stats)
    time, delays = _times(plan), jnp.asarray(plan.delays, sample.dtype)

    def steady(w: jax.Array) -> jax.Array:
        total = jnp.full((plan.tree.n_trials, n_times), jnp.sum(w[0]), w.dtype)
        ramp = total * time[:n_times] + (delays @ w[0])[:, None]
        return jnp.stack([total, ramp])[..., None]

    def varying(w: jax.Array) -> jax.Array:
        both = jnp.stack([w.T, (w * time[:, None]).T])[..., None]
        return lax.map(lambda x: dedisperse(plan.tree, x, n_times), both)

    # The sums over channels differ between trials only where flags come and go.
    trial, ramp = lax.cond(jnp.all(sample == sample[0]), steady, varying, sample)
    rungs = plan.levels[0].rungs
    sums = boxcar_sums(trial, rungs)
    more = holds_more(sums, [r.width for r in rungs])
    under = _ending_in_frame(plan, sums)
    holds = _ending_in_frame(plan, [sums[0] > 0, *more])
    bounds = np.cumsum([r.n_rows for r in rungs])
    variances = jnp.split(state.calibration[0], bounds[:-1])
    n, scales = stats.n_frames, []
    full = jnp.maximum(jnp.max(trial[:, plan.reach :]), _TINY)
    for total, variance, held in zip(under, variances, holds, strict=True):
        # Variance of a boxcar less its baseline: part of the mean for the first frames,
        # apart from it (and 1.3 times noisier than a mean) once medians are used.
        # Only the part of the boxcar that holds data counts.
        width = total / full
        early = 1 - width / ((n + 1.0) * plan.frame)
        late = 1 + 1.3 * width / (jnp.clip(n // 8, 1, 8) * 8.0 * plan.frame)
        factor = jnp.where(n < 8, early, late)
        usable = held & (total > 0) & (factor > 0.5)
        spread = jnp.maximum(variance[:, None, None] * total * factor, _TINY)
        scales.append(jnp.where(usable, lax.rsqrt(spread), 0))
    entries, ramp = (entries_of(plan, a[:, plan.reach :]) for a in (trial, ramp))
    return FrameWeights(sample, entries, ramp, under, scales)


def _times(plan: SearchPlan) -> jax.Array:
    """Times of the samples of tail and frame from the middle of the frame."""
    first = (1 - plan.frame) / 2 - plan.max_delay - plan.reach
    return first + jnp.arange(plan.max_delay + plan.reach + plan.frame, dtype=jnp.float32)


class TileSums(NamedTuple):
    """What the search of a tile leaves besides its maps.

    Attributes
    ----------
    moments : (2, trial)
        Second moments of S/N, and samples in them.
    entries : (entry, pixel)
        Sums of flux for the decimated levels, level by level and row by row.
    deficits : (entry, pixel) or empty
        What the pixels' own flags take off the weights of the entries.
    """

    moments: jax.Array
    entries: jax.Array
    deficits: jax.Array


def _best(plan: SearchPlan, sums: list[jax.Array], scales: list[jax.Array], per_flux: list) -> Maps:
    """Best S/N of the full-rate level, located where it passes the threshold.

    Parameters
    ----------
    sums : list of (n_rows, time, pixel)
        In units of the noise.
    scales : list of (n_rows, time, pixel or 1)
    per_flux : list of callable
        Give the sum, in units of the noise, that a flux of 1 makes in a rung.
    """
    best = best_snr(sums, scales)

    def located(_: None) -> Maps:
        rung, row, flux = locate_trial(sums, scales, [f() for f in per_flux], best)
        return Maps(best, (rung << 16) | row, flux)

    def unlocated(_: None) -> Maps:
        return Maps(best, jnp.zeros(best.shape, jnp.int32), jnp.zeros_like(best))

    return lax.cond(jnp.max(best) >= plan.config.threshold, located, unlocated, None)


def _search_tile(
    plan: SearchPlan, shared: FrameWeights, x: jax.Array, pixels: Tracker, flagged: jax.Array
) -> tuple[Maps, TileSums]:
    """Dedisperse and match one tile; ``x`` is tail and frame, (time, channel, pixel)."""
    n_times, rungs = plan.reach + plan.frame, plan.levels[0].rungs
    coherence = jnp.asarray(plan.coherence, jnp.float32)[:, None]
    noise = jnp.sqrt(pixels.noise + pixels.flicker * coherence)
    known = pixels.alive & (noise > 0)
    inverse = jnp.where(known, 1 / jnp.maximum(noise, _TINY), 0)
    ok = jnp.isfinite(x) & (shared.sample > 0)[:, :, None]

    def dedispersed(_: None) -> jax.Array:
        drift = _times(plan)[:, None] * pixels.slope
        residual = jnp.where(ok, x - pixels.pedestal - drift[:, None], 0)
        residual *= shared.sample[:, :, None]
        return dedisperse(plan.tree, residual.transpose(1, 0, 2), n_times, inverse)

    def nothing(_: None) -> jax.Array:
        return jnp.zeros((plan.tree.n_trials, n_times, plan.tile), x.dtype)

    # The branch also keeps XLA from dedispersing again for every boxcar.
    z = lax.cond(jnp.any(known), dedispersed, nothing, None)
    sums = _full_rate_sums(plan, z)

    def result(
        under: list[jax.Array], scales: list[jax.Array], weight: jax.Array
    ) -> tuple[Maps, TileSums]:
        per_flux = [
            lambda r=r, w=w: w * inverse[:: r.stride, None]
            for r, w in zip(rungs, under, strict=True)
        ]
        maps = _best(plan, sums, scales, per_flux)
        scored = [
            Scored(total * scale, (scale > 0) & (total != 0), rung.width)
            for rung, total, scale in zip(rungs, sums, scales, strict=True)
        ]
        flux = entries_of(plan, z[:, plan.reach :], noise)
        flux += weight * pixels.baseline + shared.ramp * pixels.slope
        return maps, TileSums(second_moments(plan, scored), flux, flux[:0])

    def plain(_: None) -> tuple[Maps, TileSums]:
        return result(shared.under, shared.scales, shared.entries)

    if not plan.config.pixel_weights:
        return plain(None)

    def with_flags(_: None) -> tuple[Maps, TileSums]:
        own = jnp.where(ok, shared.sample[:, :, None], 0)
        weight = dedisperse(plan.tree, own.transpose(1, 0, 2), n_times)
        under, scales = _full_rate_sums(plan, weight), []
        for own, total, scale in zip(under, shared.under, shared.scales, strict=True):
            # Less weight, less signal: the scale of the shared sums, renormalised.
            # A sum of what is left after cancellation is no weight.
            present = own > 1e-4 * total
            ratio = jnp.sqrt(total / jnp.where(present, own, 1))
            scales.append(jnp.where(present, scale * ratio, 0))
        entries = entries_of(plan, weight[:, plan.reach :])
        maps, sums = result(under, scales, entries)
        return maps, sums._replace(deficits=shared.entries - entries)

    def without_flags(_: None) -> tuple[Maps, TileSums]:
        maps, sums = plain(None)
        return maps, sums._replace(deficits=jnp.zeros_like(sums.entries))

    return lax.cond(flagged > 0, with_flags, without_flags, None)


def entries_of(plan: SearchPlan, z: jax.Array, factor: jax.Array | None = None) -> jax.Array:
    """Sums over the entries of the decimated levels, or over the frame where one is longer.

    Parameters
    ----------
    z : (dm, frame, pixel)
    factor : (dm, pixel), optional
        Factor of each trial.

    Returns
    -------
    (entry, pixel)
        Level by level, row by row.
    """
    sums, rows, parts = z, np.arange(len(z)), []
    for level in plan.levels[1:]:
        # Rows of a level are among those of the level before.
        sums, rows = sums[np.searchsorted(rows, level.dm_rows)], level.dm_rows
        while sums.shape[1] > level.n_entries(z.shape[1]):
            sums = sums[:, 0::2] + sums[:, 1::2]
        scaled = sums if factor is None else sums * factor[rows][:, None]
        parts.append(scaled.reshape(-1, z.shape[2]))
    return jnp.concatenate(parts) if parts else jnp.zeros((0, z.shape[2]), z.dtype)


def search_tiles(
    plan: SearchPlan, state: SearchState, shared: FrameWeights, learned: Learned, x: jax.Array
) -> tuple[Maps, TileSums]:
    """Search every tile at full rate.

    Parameters
    ----------
    x : (frame, channel, padded pixel)

    Returns
    -------
    maps : Maps
        Of the whole image, (time, padded pixel).
    sums : TileSums
        Moments added up, entries with a leading axis of tiles.
    """

    def body(i: jax.Array, carry: tuple[Maps, TileSums]) -> tuple[Maps, TileSums]:
        maps, sums = carry
        first = i * plan.tile
        new = lax.dynamic_slice_in_dim(x, first, plan.tile, axis=2)
        tail = lax.dynamic_slice_in_dim(state.tail, first, plan.tile, axis=2)
        pixels = jax.tree.map(lambda a: a[i], learned.statistics.pixels)
        samples = jnp.concatenate([tail, new])
        here, more = _search_tile(plan, shared, samples, pixels, learned.flagged[i])

        def columns(image: jax.Array, part: jax.Array) -> jax.Array:
            return lax.dynamic_update_slice_in_dim(image, part, first, 1)

        def put(whole: jax.Array, part: jax.Array) -> jax.Array:
            return lax.dynamic_update_index_in_dim(whole, part, i, 0)

        return jax.tree.map(columns, maps, here), TileSums(
            moments=sums.moments + more.moments,
            entries=put(sums.entries, more.entries),
            deficits=put(sums.deficits, more.deficits),
        )

    image = (plan.frame, plan.n_padded)
    maps = Maps(jnp.zeros(image), jnp.zeros(image, jnp.int32), jnp.zeros(image))
    return lax.fori_loop(0, plan.n_tiles, body, (maps, no_sums(plan)))


def no_sums(plan: SearchPlan) -> TileSums:
    """What a gap leaves, for the whole image."""
    n_entries = sum(len(v.dm_rows) * v.n_entries(plan.frame) for v in plan.levels[1:])
    entries = (plan.n_tiles, n_entries, plan.tile)
    return TileSums(
        moments=jnp.zeros((2, plan.levels[0].n_trials)),
        entries=jnp.zeros(entries),
        deficits=jnp.zeros(entries if plan.config.pixel_weights else (plan.n_tiles, 0, plan.tile)),
    )
