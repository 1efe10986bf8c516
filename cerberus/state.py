"""What the search remembers from one frame to the next.

Shapes and dtypes are fixed by the plan. Everything that belongs to a pixel is kept tile
by tile, (tile, ..., pixel), so that a tile's share is contiguous and is worked on in
cache; the last tile is padded with pixels that never hold data.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .kernels.baseline import Tracker, turn_back
from .plan import BATCH, SearchPlan


class Statistics(NamedTuple):
    """Baseline and noise, tracked frame by frame.

    Attributes
    ----------
    n_frames : () int32
        Frames with data so far.
    channel_count : (channel,) int32
        Frames in which each channel had data.
    channel_variance : (channel,) float32
        Noise variance of a sample, pooled over the image; weights are its inverse.
    pixels : Tracker
        Of every pixel, with a leading axis of tiles.
    """

    n_frames: jax.Array
    channel_count: jax.Array
    channel_variance: jax.Array
    pixels: Tracker


class Maps(NamedTuple):
    """Best S/N at every time and pixel, (time, pixel) or tile by tile.

    Attributes
    ----------
    snr, flux : float32
    trial : int32
        Rung of the level in the upper half, row among the rung's rows in the lower;
        with ``flux`` set only in tiles that reach the threshold.
    """

    snr: jax.Array
    trial: jax.Array
    flux: jax.Array


class Margin(NamedTuple):
    """Last maps of a level, context for the local maxima of the next.

    Attributes
    ----------
    snr, flux : (2 * peak_margin, pixel) float32
    trial : (2 * peak_margin, pixel) int32
    """

    snr: jax.Array
    trial: jax.Array
    flux: jax.Array


class Ring(NamedTuple):
    """Sums of consecutive samples, the newest in the place of the oldest.

    Attributes
    ----------
    flux : (tile, row, slot, pixel) float32
        Weighted sums of flux, the baseline included.
    weight : (row, slot) float32
        Sums of weights of a pixel without flags of its own.
    deficit : (tile, row, slot, pixel or 0) float16
        What a pixel's own flags take off, as a fraction of ``weight``.
    """

    flux: jax.Array
    weight: jax.Array
    deficit: jax.Array


class Levels(NamedTuple):
    """The decimated levels, one after the other.

    Attributes
    ----------
    entries : Ring
        What boxcars are put together from: the rows of all levels.
    stretches : Ring
        What baselines are made of, the first row of each level summed further.
    noise : (level, tile, slot, pixel) float32
        The noise at the time of each batch in the ring.
    slow : (level, tile, pixel) float32
        Variance of slow changes relative to the noise, for each sample of a boxcar.
    calibration : (2, row, rung) float32
        Pooled variance of every trial's S/N, infinite for trials that a level does not
        have, and the samples it rests on.
    margins : Margin
        With a leading axis of levels.
    """

    entries: Ring
    stretches: Ring
    noise: jax.Array
    slow: jax.Array
    calibration: jax.Array
    margins: Margin


class SearchState(NamedTuple):
    """See the classes above; ``pending`` holds the newest samples, right-aligned.

    Attributes
    ----------
    frame : () int32
        Internal frames searched so far.
    n_pending : () int32
        Samples at the end of ``pending`` that wait for a full frame.
    pending : (frame, channel, padded pixel) float32
    pending_weight : (frame, channel) float32
    tail : (max_delay + reach, channel, padded pixel) float32
        Samples that later trials still need.
    tail_weight : (max_delay + reach, channel) float32
    statistics : Statistics
    flagged : (tile,) int32
        Frames for which pixels of a tile have weights of their own under a boxcar or in a
        window.
    calibration : (2, trial) float32
        Pooled variance of S/N of the full-rate level's trials, rung by rung, and the
        samples it rests on.
    margin : Margin
        Of the full-rate level.
    levels : Levels
    """

    frame: jax.Array
    n_pending: jax.Array
    pending: jax.Array
    pending_weight: jax.Array
    tail: jax.Array
    tail_weight: jax.Array
    statistics: Statistics
    flagged: jax.Array
    calibration: jax.Array
    margin: Margin
    levels: Levels


def _init_statistics(plan: SearchPlan) -> Statistics:
    flat = (plan.n_tiles, plan.tile)
    shapes = {"pedestal": (plan.n_tiles, plan.n_channels, plan.tile)}
    shapes |= {
        f: (plan.n_tiles, 8, plan.tile) for f in Tracker._fields if f.endswith(("recent", "kept"))
    }
    pixels = {f: jnp.zeros(shapes.get(f, flat), jnp.float32) for f in Tracker._fields}
    return Statistics(
        n_frames=jnp.zeros((), jnp.int32),
        channel_count=jnp.zeros(plan.n_channels, jnp.int32),
        channel_variance=jnp.zeros(plan.n_channels, jnp.float32),
        pixels=Tracker(**{**pixels, "alive": jnp.zeros(flat, bool)}),
    )


def _init_margin(plan: SearchPlan, *leading: int) -> Margin:
    shape = (*leading, 2 * plan.peak_margin, plan.n_padded)
    return Margin(
        snr=jnp.full(shape, -jnp.inf, jnp.float32),
        trial=jnp.zeros(shape, jnp.int32),
        flux=jnp.zeros(shape, jnp.float32),
    )


def _init_ring(plan: SearchPlan, n_rows: int, n_slots: int) -> Ring:
    flags = plan.tile if plan.config.pixel_weights else 0
    return Ring(
        flux=jnp.zeros((plan.n_tiles, n_rows, n_slots, plan.tile), jnp.float32),
        weight=jnp.zeros((n_rows, n_slots), jnp.float32),
        deficit=jnp.zeros((plan.n_tiles, n_rows, n_slots, flags), jnp.float16),
    )


def _init_levels(plan: SearchPlan) -> Levels:
    decimated = plan.levels[1:]
    variance = np.full((plan.ring_rows, len(plan.ring_widths)), np.inf, np.float32)
    for level in decimated:
        for rung in level.rungs:
            rows = level.first_row + np.arange(len(level.dm_rows))[:: rung.stride]
            variance[rows, plan.ring_widths.index(rung.width)] = 1
    slots = plan.ring_length // BATCH
    return Levels(
        entries=_init_ring(plan, plan.ring_rows, plan.ring_length),
        stretches=_init_ring(plan, len(decimated), plan.n_stretches),
        noise=jnp.zeros((len(decimated), plan.n_tiles, slots, plan.tile), jnp.float32),
        slow=jnp.zeros((len(decimated), plan.n_tiles, plan.tile), jnp.float32),
        calibration=jnp.stack([jnp.asarray(variance), jnp.zeros(variance.shape)]),
        margins=_init_margin(plan, len(decimated)),
    )


@partial(jax.jit, static_argnums=0, static_argnames="aligned")
def init(plan: SearchPlan, *, aligned: bool = False) -> SearchState:
    """State before the first sample.

    Parameters
    ----------
    plan : SearchPlan
    aligned : bool
        Every block will be a whole number of frames: no room is kept to re-cut them.

    Returns
    -------
    SearchState
    """
    trials = jnp.ones(plan.levels[0].n_trials)
    held = 0 if aligned else plan.frame
    tail = plan.max_delay + plan.reach
    return SearchState(
        frame=jnp.zeros((), jnp.int32),
        n_pending=jnp.zeros((), jnp.int32),
        pending=jnp.zeros((held, plan.n_channels, plan.n_padded), jnp.float32),
        pending_weight=jnp.zeros((held, plan.n_channels), jnp.float32),
        tail=jnp.zeros((tail, plan.n_channels, plan.n_padded), jnp.float32),
        tail_weight=jnp.zeros((tail, plan.n_channels), jnp.float32),
        statistics=_init_statistics(plan),
        flagged=jnp.zeros(plan.n_tiles, jnp.int32),
        calibration=jnp.stack([trials, jnp.zeros_like(trials)]),
        margin=_init_margin(plan),
        levels=_init_levels(plan),
    )


@partial(jax.jit, static_argnums=0, static_argnames="turned", donate_argnums=1)
def restart(plan: SearchPlan, state: SearchState, *, turned: bool = False) -> SearchState:
    """State before the first sample that knows what another has learned.

    Without it the first frames are searched against what has been seen of them so far.

    Parameters
    ----------
    plan : SearchPlan
    state : SearchState
        Left by a search of the same field with the same plan: its baseline, noise and
        calibration are kept. Its buffers are reused.
    turned : bool
        The other went through the same samples backwards, to the first: it knows how a source
        that drifts comes into the recording.

    Returns
    -------
    SearchState
    """
    fresh = init(plan, aligned=state.pending.shape[0] == 0)
    known, statistics = state.levels, state.statistics
    if turned:
        back = partial(turn_back, n_frames=statistics.n_frames, n_samples=plan.frame)
        statistics = statistics._replace(pixels=jax.vmap(back)(statistics.pixels))
    return fresh._replace(
        statistics=statistics,
        calibration=state.calibration,
        levels=fresh.levels._replace(calibration=known.calibration, slow=known.slow),
    )
