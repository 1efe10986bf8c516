"""The decimated levels: rings of summed samples, searched in the middle of their window."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .detections import Detections, none_found
from .kernels.boxcar import best_trial, boxcar_sums, locate_trial
from .kernels.robust import WINSOR_LIMIT, WINSOR_MOMENT, clipped_mean
from .peaks import report
from .plan import Level, SearchPlan
from .state import Maps, Margin, Ring

_TINY = 1e-30

OUTLIER = 8.0
"""Standard deviations from which a stretch is no part of a baseline."""

PRIOR_TRIALS = 512.0
"""Samples' worth of belief that a trial's S/N has unit variance by construction."""

MEMORY_TRIALS = 1e6
"""Samples over which the variance of a trial's S/N is averaged."""


# --- calibration: the pooled variance of every trial's S/N


def rung_scales(level: Level, variance: jax.Array) -> list[jax.Array]:
    """1 / sqrt(variance) of every rung's trials, (n_rows, 1, 1) each."""
    out, first = [], 0
    for rung in level.rungs:
        out.append(lax.rsqrt(variance[first : first + rung.n_rows])[:, None, None])
        first += rung.n_rows
    return out


def sampled(
    plan: SearchPlan,
    level: Level,
    sums: list[jax.Array],
    scales: list[jax.Array],
    inverse_noise: jax.Array,
) -> jax.Array:
    """Second moment of S/N at a few independent times, held to three sigma.

    Returns
    -------
    (2, trial)
        Sum of min(S/N^2, 9) over times and pixels, and how many there were.
    """
    squares, counts = [], []
    for rung, total, scale in zip(level.rungs, sums, scales, strict=True):
        n_times = total.shape[1]
        n = min(max(1, n_times // rung.width), math.ceil(4096 / plan.n_pixels))
        times = slice(n_times - 1 - (n - 1) * rung.width, None, rung.width)
        use = scale[:, times]
        snr = total[:, times] * use * inverse_noise
        there = jnp.broadcast_to((use > 0) & (inverse_noise > 0), snr.shape)
        squares.append(jnp.sum(jnp.minimum(snr * snr, WINSOR_LIMIT**2), (1, 2)))
        counts.append(jnp.sum(there, (1, 2)))
    return jnp.stack([jnp.concatenate(squares), jnp.concatenate(counts).astype(jnp.float32)])


def calibrated(calibration: jax.Array, moments: jax.Array, plan: SearchPlan) -> jax.Array:
    """Variance of every trial after more samples of it.

    Parameters
    ----------
    calibration : (2, trial)
        Variance, and samples it rests on.
    moments : (2, trial)
        From :func:`sampled`, of S/N that was divided by the root of that variance.
    """
    variance, count = calibration
    square, n = moments
    # Neighbouring pixels of a beam are one sample.
    n_new = n / max(1.0, min(1.13 * plan.config.beam_fwhm_px**2, plan.n_pixels))
    ratio = square / jnp.maximum(n, 1) / WINSOR_MOMENT
    rate = n_new / (PRIOR_TRIALS + count + n_new)
    variance = jnp.where(n > 0, variance * (1 + rate * (ratio - 1)), variance)
    return jnp.stack([variance, jnp.minimum(count + n_new, MEMORY_TRIALS)])


# --- rings


def add_entries(level: Level, z: jax.Array) -> jax.Array:
    """Sums over a level's entries, or over the frame where an entry is longer.

    Parameters
    ----------
    z : (dm, time, pixel)

    Returns
    -------
    (row, entry, pixel)
    """
    rows = level.dm_rows
    picked = z[rows[0] : rows[-1] + 1 : max(1, rows[1] - rows[0])] if _even(level) else z[rows]
    n = max(1, z.shape[1] // level.decimation)
    return picked.reshape(len(rows), n, -1, z.shape[2]).sum(2)


def _even(level: Level) -> bool:
    steps = level.dm_rows[1:] - level.dm_rows[:-1]
    return len(steps) > 0 and bool((steps == steps[0]).all() and steps[0] > 0)


def _entry(plan: SearchPlan, level: Level, frame: jax.Array) -> jax.Array:
    """Position in the ring of the first entry that a frame adds to."""
    return (frame * plan.frame // level.decimation) % level.window


def clear_entries(
    plan: SearchPlan, level: Level, ring: Ring, frame: jax.Array, trial_weight: jax.Array
) -> Ring:
    """Make room for a frame's entries and enter their shared weights.

    Parameters
    ----------
    trial_weight : (dm, time, 1)
    """
    at = _entry(plan, level, frame)
    weight = add_entries(level, trial_weight)[:, :, 0]
    n = weight.shape[1]
    starts = (frame * plan.frame) % level.decimation == 0

    def cleared(array: jax.Array, axis: int) -> jax.Array:
        old = lax.dynamic_slice_in_dim(array, at, n, axis)
        return lax.dynamic_update_slice_in_dim(array, jnp.where(starts, 0, old), at, axis)

    rings_weight = cleared(ring.weight, 1)
    old = lax.dynamic_slice_in_dim(rings_weight, at, n, 1)
    return ring._replace(
        flux=cleared(ring.flux, 2),
        deficit=cleared(ring.deficit, 2),
        weight=lax.dynamic_update_slice_in_dim(rings_weight, old + weight, at, 1),
    )


def put_entries(
    plan: SearchPlan,
    level: Level,
    ring: Ring,
    i: jax.Array,
    frame: jax.Array,
    entries: jax.Array,
    deficit: jax.Array | None,
    added: jax.Array,
    noise: jax.Array,
) -> Ring:
    """Add a tile's share of a frame to the ring.

    Parameters
    ----------
    i : () int32
        Tile.
    entries : (row, entry, pixel)
    deficit : (row, entry, pixel) or None
        Weight that the pixels' own flags take off the shared weight.
    added : (row, entry, 1)
        Shared weight of ``entries``.
    noise : (pixel,)
    """
    at = _entry(plan, level, frame)
    shape = (1, *entries.shape)
    old = lax.dynamic_slice(ring.flux, (i, 0, at, 0), shape)
    flux = lax.dynamic_update_slice(ring.flux, old + entries, (i, 0, at, 0))
    slot = at // level.batch
    ring = ring._replace(
        flux=flux,
        noise=lax.dynamic_update_slice(ring.noise, noise[None, None, :], (i, slot, 0)),
    )
    if deficit is None:
        return ring
    # Kept as a fraction of the shared weight so far: half precision has no range for more.
    after = lax.dynamic_slice_in_dim(ring.weight, at, entries.shape[1], 1)[:, :, None]
    old = lax.dynamic_slice(ring.deficit, (i, 0, at, 0), shape)[0].astype(jnp.float32)
    total = (old * (after - added) + deficit) / jnp.maximum(after, _TINY)
    update = jnp.where(after > 0, total, 0)[None].astype(jnp.float16)
    return ring._replace(deficit=lax.dynamic_update_slice(ring.deficit, update, (i, 0, at, 0)))


# --- search of a batch in the middle of the window


class _Batch(NamedTuple):
    """Where a level's due batch lies.

    Attributes
    ----------
    due : () bool
        Whether this frame is the one to search it in.
    first : () int32
        Entry number, from the start of the stream, of the batch's first entry.
    position, after : () int32
        Places in the ring of the batch and of the entries that follow it.
    """

    due: jax.Array
    first: jax.Array
    position: jax.Array
    after: jax.Array


def _due_batch(plan: SearchPlan, level: Level, frame: jax.Array) -> _Batch:
    """Levels take turns: one of period 2^n frames is due half a period off the others."""
    period = max(1, level.batch * level.decimation // plan.frame)
    n_entries = (frame + 1) * plan.frame // level.decimation
    end = n_entries // level.batch * level.batch
    first = end - level.window // 2
    position = first % level.window
    return _Batch(
        due=(frame + 1) % period == period // 2,
        first=first,
        position=position,
        after=(position + level.batch) % level.window,
    )


class _Baseline(NamedTuple):
    """Baseline and noise of a level's window.

    Attributes
    ----------
    mean : (tile, pixel)
        Flux level, outliers left out.
    total : (tile, pixel)
        Weight that it rests on.
    inverse_noise : (tile, pixel)
        0 for a pixel without data.
    kept : (tile, chunk, pixel) bool
        Stretches that are part of it.
    """

    mean: jax.Array
    total: jax.Array
    inverse_noise: jax.Array
    kept: jax.Array


def _own_weight(
    plan: SearchPlan, ring: Ring, i: jax.Array, row: slice, flagged: jax.Array
) -> jax.Array:
    """Weights of a tile's entries, (row, window, pixel)."""
    shared = jnp.broadcast_to(ring.weight[row][:, :, None], (*ring.weight[row].shape, plan.tile))
    if not plan.config.pixel_weights:
        return shared

    def own(_: None) -> jax.Array:
        left = 1 - ring.deficit[i, row].astype(jnp.float32)
        return shared * jnp.where(left > 1e-3, left, 0)

    return lax.cond(flagged > 0, own, lambda _: shared, None)


def _baseline(
    plan: SearchPlan, level: Level, ring: Ring, batch: _Batch, flagged: jax.Array, alive: jax.Array
) -> _Baseline:
    """Baseline of every tile over the whole window, from the DM-0 row."""
    chunk = level.rungs[0].width
    n_chunks = level.window // chunk

    def body(i: jax.Array, out: _Baseline) -> _Baseline:
        weight = _own_weight(plan, ring, i, slice(0, 1), flagged[i])[0]
        flux = ring.flux[i, 0]
        in_chunks = weight.reshape(n_chunks, chunk, -1).sum(1)
        slot = (batch.position // level.batch) % ring.noise.shape[1]
        noise = ring.noise[i, slot]
        mean, kept, excess = clipped_mean(
            flux.reshape(n_chunks, chunk, -1).sum(1), in_chunks, noise, OUTLIER
        )
        # Slow changes that the noise does not predict (a source in the beam's flank, its
        # sidelobes) raise the noise of the pixel, once they are more than chance.
        n = jnp.sum(in_chunks > 0, 0)
        significant = excess > 1 + 5 * jnp.sqrt(2.6 / jnp.maximum(n, 1))
        scatter = noise * jnp.sqrt(jnp.where(significant, excess, 1.0))
        inverse = jnp.where(alive[i] & (scatter > 0), 1 / jnp.maximum(scatter, _TINY), 0)
        here = _Baseline(mean, jnp.sum(kept * in_chunks, 0), inverse, kept | (in_chunks <= 0))
        return _Baseline(*(a.at[i].set(b) for a, b in zip(out, here, strict=True)))

    flat = jnp.zeros((plan.n_tiles, plan.tile), jnp.float32)
    kept = jnp.zeros((plan.n_tiles, n_chunks, plan.tile), bool)
    return lax.fori_loop(0, plan.n_tiles, body, _Baseline(flat, flat, flat, kept))


class _Window(NamedTuple):
    """A tile's batch against its baseline; pixel axes have length 1 where shared."""

    flux: jax.Array  # (row, 2 batch, pixel), baseline subtracted
    weight: jax.Array  # (row, 2 batch, pixel or 1)
    inside: jax.Array  # the same, 0 where the baseline leaves the entry out
    total: jax.Array  # (pixel,) or (1,) weight of the baseline


def _best(
    plan: SearchPlan, level: Level, window: _Window, variance: jax.Array, inverse_noise: jax.Array
) -> tuple[Maps, jax.Array]:
    """S/N of every boxcar that starts in the batch.

    A boxcar of weight W against the mean of a window of weight U, of which the part O
    lies under the boxcar, has variance W (1 - 2 O / U + W / U).
    """
    sums = [s[:, : level.batch] for s in boxcar_sums(window.flux, level.rungs)]
    weights = [s[:, : level.batch] for s in boxcar_sums(window.weight, level.rungs)]
    overlaps = [s[:, : level.batch] for s in boxcar_sums(window.inside, level.rungs)]
    total = jnp.maximum(window.total, _TINY)
    scales = []
    for w, o, v in zip(weights, overlaps, rung_scales(level, variance), strict=True):
        usable = (w > 0) & (total - o >= w)
        spread = w * (1 - 2 * o / total + w / total)
        scales.append(jnp.where(usable, v * lax.rsqrt(jnp.maximum(spread, _TINY)), 0))
    best, rung = best_trial(sums, scales)
    snr = best * inverse_noise

    def located(_: None) -> tuple[jax.Array, jax.Array]:
        row, flux = locate_trial(sums, scales, weights, best, rung)
        return (rung << 16) | row, flux

    def unlocated(_: None) -> tuple[jax.Array, jax.Array]:
        return jnp.zeros(snr.shape, jnp.int32), jnp.zeros(snr.shape, snr.dtype)

    trial, flux = lax.cond(jnp.max(snr) >= plan.config.threshold, located, unlocated, None)
    return Maps(snr, trial, flux), sampled(plan, level, sums, scales, inverse_noise)


def _cut(level: Level, batch: _Batch, x: jax.Array) -> jax.Array:
    """The batch and what follows it, (row, 2 batch, pixel), of a (row, window, pixel)."""
    parts = [
        lax.dynamic_slice_in_dim(x, at, level.batch, 1) for at in (batch.position, batch.after)
    ]
    return jnp.concatenate(parts, axis=1)


def _search_window(
    plan: SearchPlan,
    level: Level,
    ring: Ring,
    variance: jax.Array,
    batch: _Batch,
    i: jax.Array,
    flagged: jax.Array,
    base: _Baseline,
) -> tuple[Maps, jax.Array]:
    """Search the due batch of one tile."""
    flux = _cut(level, batch, ring.flux[i])
    inverse = base.inverse_noise[i]

    def clipped(_: None) -> tuple[Maps, jax.Array]:
        weight = _own_weight(plan, ring, i, slice(None), flagged)
        kept = jnp.repeat(base.kept[i], level.rungs[0].width, axis=0)
        under, inside = _cut(level, batch, weight), _cut(level, batch, weight * kept)
        window = _Window(flux - under * base.mean[i], under, inside, base.total[i])
        return _best(plan, level, window, variance, inverse)

    def whole(_: None) -> tuple[Maps, jax.Array]:
        under = _cut(level, batch, ring.weight[:, :, None])
        total = jnp.sum(ring.weight[0])[None]
        window = _Window(flux - under * base.mean[i], under, under, total)
        return _best(plan, level, window, variance, inverse)

    return lax.cond((flagged <= 0) & jnp.all(base.kept[i]), whole, clipped, None)


def evaluate(
    plan: SearchPlan,
    k: int,
    ring: Ring,
    margin: Margin,
    calibration: jax.Array,
    flagged: jax.Array,
    alive: jax.Array,
    frame: jax.Array,
) -> tuple[Margin, Detections, jax.Array]:
    """Search level ``k`` if its turn has come.

    Parameters
    ----------
    flagged : (tile,) int32
        Above 0 where pixels of a tile have weights of their own in the window.
    alive : (tile, pixel) bool

    Returns
    -------
    margin : Margin
    detections : Detections
    moments : (2, trial)
        For :func:`calibrated`.
    """
    level = plan.levels[k]
    batch = _due_batch(plan, level, frame)
    variance = calibration[0]

    def search(margin: Margin) -> tuple[Margin, Detections, jax.Array]:
        shape = (plan.n_tiles, level.batch, plan.tile)
        empty = Maps(
            jnp.zeros(shape, jnp.float32),
            jnp.zeros(shape, jnp.int32),
            jnp.zeros(shape, jnp.float32),
        )

        base = _baseline(plan, level, ring, batch, flagged, alive)

        def body(i: jax.Array, carry: tuple[Maps, jax.Array]) -> tuple[Maps, jax.Array]:
            maps, moments = carry
            tile, more = _search_window(plan, level, ring, variance, batch, i, flagged[i], base)
            return Maps(*(m.at[i].set(t) for m, t in zip(maps, tile, strict=True))), moments + more

        moments = jnp.zeros((2, level.n_trials), jnp.float32)
        maps, moments = lax.fori_loop(0, plan.n_tiles, body, (empty, moments))
        flat = Maps(*(m.transpose(1, 0, 2).reshape(level.batch, -1) for m in maps))
        start = batch.first * level.decimation - plan.max_delay
        margin, found = report(plan, k, margin, flat, start)
        return margin, found, moments

    def wait(margin: Margin) -> tuple[Margin, Detections, jax.Array]:
        nothing = none_found(plan, plan.config.max_detections)
        return margin, nothing, jnp.zeros((2, level.n_trials), jnp.float32)

    return lax.cond(batch.due, search, wait, margin)
