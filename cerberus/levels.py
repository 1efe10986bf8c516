"""The search of the decimated levels, in the middle of their window.

All levels live in one ring, row after row, and are searched by one piece of code that is
told which level's turn it is: a batch of boxcar starts, measured against the baseline of
a window around them, which is made of longer stretches in a ring of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .calibration import Scored, second_moments
from .detections import Detections, none_found
from .kernels.boxcar import TIE, Rung, boxcar_sums, holds_more
from .kernels.robust import clipped_mean, excess_without_highest
from .peaks import PeakSource, report
from .plan import AFTER, BATCH, BEFORE, Level, SearchPlan
from .state import Levels, Maps, Margin, Ring

_TINY = 1e-30

OUTLIER = 8.0
"""Standard deviations from which a stretch is no part of a baseline."""

_NO_TRIAL = jnp.iinfo(jnp.int32).max

_Cut = Callable[[jax.Array], jax.Array]

PULSE_STRETCHES = 4
"""Stretches that the widest pulse of a level touches at most."""

LEAST_STRETCHES = 3 * PULSE_STRETCHES
"""Stretches that a scatter takes."""


# --- whose turn it is


class _Turn(NamedTuple):
    """A batch that may be searched in this frame; scalars, traced.

    Attributes
    ----------
    level : int32
        Index among the decimated levels.
    due : bool
    first : int32
        Entry number, from the start of the stream, of the batch's first entry.
    decimation, first_row, n_rows : int32
        The level's.
    """

    level: jax.Array
    due: jax.Array
    first: jax.Array
    decimation: jax.Array
    first_row: jax.Array
    n_rows: jax.Array


def _period(plan: SearchPlan, level: Level) -> int:
    """Frames in a batch of a level."""
    return max(1, BATCH * level.decimation // plan.frame)


def turns(plan: SearchPlan) -> list[tuple[int, int]]:
    """Every (decimated level, batch within the frame) that is due in every frame."""
    return [
        (k, j)
        for k, level in enumerate(plan.levels[1:])
        if _period(plan, level) == 1
        for j in range(plan.frame // level.decimation // BATCH)
    ]


def n_turns(plan: SearchPlan) -> int:
    """Batches that a frame may search: levels of longer batches share one turn."""
    return len(turns(plan)) + any(_period(plan, v) > 1 for v in plan.levels[1:])


def _turn(plan: SearchPlan, number: jax.Array, frame: jax.Array) -> _Turn:
    """Of levels with longer batches, each is due half a period after its batch is complete.

    Their periods are 2, 4, 8, ... times the shortest, so no two are due in one frame.
    """
    levels = plan.levels[1:]
    fixed = turns(plan)
    n_always = len({k for k, _ in fixed})
    always = jnp.asarray([*fixed, (n_always, 0)], jnp.int32)
    k, j = always[number, 0], always[number, 1]
    due = jnp.asarray(True)
    if n_always < len(levels):
        half = _period(plan, levels[n_always]) // 2
        zeros = lax.population_count(~(frame + 1) & frame)
        sharing = number == len(fixed)
        k = jnp.where(sharing, n_always + zeros - (half.bit_length() - 1), k)
        due = ~sharing | ((k >= n_always) & (k < len(levels)))
        k = jnp.clip(k, 0, len(levels) - 1)
    facts = [
        (v.decimation, v.first_row, len(v.dm_rows), plan.frame // v.decimation // BATCH)
        for v in levels
    ]
    decimation, first_row, n_rows, per_frame = jnp.asarray(facts, jnp.int32)[k]
    n_entries = (frame + 1) * plan.frame // decimation
    # The last whole batch, or the j-th of those that the frame completes.
    end = (n_entries // BATCH - jnp.maximum(per_frame - 1 - j, 0)) * BATCH
    return _Turn(
        level=k,
        due=due,
        first=end - plan.lag,
        decimation=decimation,
        first_row=first_row,
        n_rows=n_rows,
    )


def _window_of(plan: SearchPlan, turn: _Turn, x: jax.Array) -> jax.Array:
    """The window around the batch out of (slot, pixel) stretches, oldest first."""
    start = turn.first // plan.stretch - BEFORE
    return jnp.take(x, (start + jnp.arange(BEFORE + AFTER)) % plan.n_stretches, axis=0)


def _batch_of(plan: SearchPlan, turn: _Turn, x: jax.Array) -> jax.Array:
    """The batch and what its widest boxcar reaches, out of (slot, pixel) entries."""
    n = 1 - (1 - plan.ring_widths[-1]) // BATCH
    at = [(turn.first + i * BATCH) % plan.ring_length for i in range(n)]
    return jnp.concatenate([lax.dynamic_slice_in_dim(x, i, BATCH, 0) for i in at])


def _weights(plan: SearchPlan, cut: _Cut, ring: Ring, i: jax.Array, row: jax.Array) -> jax.Array:
    """Weights of a row of a tile, (slot, pixel), or (slot, 1) where no pixel has its own."""
    shared = cut(ring.weight[row][:, None])
    if not plan.config.pixel_weights:
        return shared
    left = 1 - cut(ring.deficit[i, row]).astype(jnp.float32)
    return shared * jnp.where(left > 1e-3, left, 0)


# --- baseline of the window


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
    kept : (tile, stretch, pixel) bool
        Stretches that are part of it, or empty.
    slow : (tile, pixel)
        Variance of slow changes relative to the noise, for each sample of a boxcar, as
        far as this level can tell.
    """

    mean: jax.Array
    total: jax.Array
    inverse_noise: jax.Array
    kept: jax.Array
    slow: jax.Array


def _baseline(plan: SearchPlan, levels: Levels, turn: _Turn, alive: jax.Array) -> _Baseline:
    """Baseline of every tile over the whole window, from the DM-0 row."""
    cut, stretches = partial(_window_of, plan, turn), levels.stretches
    # A window must be much longer than the pulse that it is not to take for noise.
    behind = turn.level - jnp.arange(len(plan.levels) - 1)[:, None]
    finer = (behind == 1) | (behind == 2)

    def body(i: jax.Array, out: _Baseline) -> _Baseline:
        weight = _weights(plan, cut, stretches, i, turn.level)
        flux = cut(stretches.flux[i, turn.level])
        weight = jnp.broadcast_to(weight, flux.shape)
        slot = (turn.first % plan.ring_length) // BATCH
        noise = levels.noise[turn.level, i, slot]
        mean, kept, excess = clipped_mean(flux, weight, noise, OUTLIER)
        # Slow changes that the noise does not predict (a source in the beam's flank, its
        # sidelobes) raise the noise of the pixel, once they are more than chance. Where
        # the recording is too short to tell, the next finer levels do, if they are sure:
        # slow changes add up over a boxcar, their variance grows with its width. What a
        # single pulse can do to few stretches is no slow change.
        n = jnp.sum(weight > 0, 0)
        samples = (plan.stretch * turn.decimation).astype(jnp.float32)
        chance = jnp.sqrt(5.4 / jnp.maximum(n, 1))
        per_sample = (excess - 1) / samples
        carried = jnp.max(jnp.where(finer, levels.slow[:, i], 0), axis=0)
        enough = n >= LEAST_STRETCHES
        rest = lax.cond(
            jnp.any(excess > 1 + 5 * chance),
            lambda: excess_without_highest(flux, weight, noise, PULSE_STRETCHES),
            lambda: excess,
        )
        seen, sure = (
            (excess > 1 + n_sigma * chance) & (rest > 1 + (n_sigma - 1) * chance)
            for n_sigma in (5, 6)
        )
        slow = jnp.where(enough, jnp.where(seen, per_sample, 0), carried)
        learned = jnp.where(enough, jnp.where(sure, per_sample, 0), levels.slow[turn.level, i])
        scatter = noise * jnp.sqrt(1 + slow * samples)
        inverse = jnp.where(alive[i] & (scatter > 0), 1 / jnp.maximum(scatter, _TINY), 0)
        total = jnp.sum(kept * weight, 0)
        here = _Baseline(mean, total, inverse, kept | (weight <= 0), learned)
        return _Baseline(*(a.at[i].set(b) for a, b in zip(out, here, strict=True)))

    flat = jnp.zeros((plan.n_tiles, plan.tile), jnp.float32)
    kept = jnp.zeros((plan.n_tiles, BEFORE + AFTER, plan.tile), bool)
    return lax.fori_loop(0, plan.n_tiles, body, _Baseline(flat, flat, flat, kept, flat))


# --- search of the batch


class _Window(NamedTuple):
    """A row's batch against its baseline; pixel axes have length 1 where shared."""

    flux: jax.Array  # (batch and reach, pixel), baseline subtracted
    weight: jax.Array  # (batch and reach, pixel or 1)
    inside: jax.Array  # the same, 0 where the baseline leaves the entry out
    total: jax.Array  # (pixel,) or (1,): weight of the baseline


class _Trials(NamedTuple):
    """Every boxcar of a row, at every start in the batch; (rung, batch, pixel).

    Pixel axes of all but the flux have length 1 where pixels share their weights.
    """

    flux: jax.Array  # sum, baseline subtracted
    weight: jax.Array
    scale: jax.Array  # what makes S/N of the flux in units of the noise; 0 without data


def _row_trials(plan: SearchPlan, window: _Window, variance: jax.Array) -> _Trials:
    """Boxcars of a row that start in the batch, by width.

    A boxcar of weight W against the mean of a window of weight U, of which the part O
    lies under the boxcar, has variance W (1 - 2 O / U + W / U).

    Parameters
    ----------
    variance : (rung,)
        Pooled variance of S/N; infinite where the level does not use the rung.
    """
    widths = plan.ring_widths
    # The narrowest boxcar of a level follows the widest of the level before.
    narrower = plan.levels[0].rungs[-1].width // 2

    def sums(x: jax.Array, widths: tuple[int, ...] = widths) -> list[jax.Array]:
        return boxcar_sums(x[None], [Rung(w, 1, 1) for w in widths])

    def batch(sums: list[jax.Array]) -> jax.Array:
        return jnp.concatenate([s[:, :BATCH] for s in sums])

    weights = sums(window.weight, (narrower, *widths))
    w, o = batch(weights[1:]), batch(sums(window.inside))
    more = batch(holds_more(weights, (narrower, *widths)))
    total = jnp.maximum(window.total, _TINY)
    variance = variance[:, None, None]
    usable = more & (w > 0) & (total - o >= w) & jnp.isfinite(variance)
    spread = jnp.where(usable, variance, 1) * w * (1 - 2 * o / total + w / total)
    scale = jnp.where(usable, lax.rsqrt(jnp.maximum(spread, _TINY)), 0)
    return _Trials(batch(sums(window.flux)), w, scale)


def _search_tile(
    plan: SearchPlan,
    levels: Levels,
    turn: _Turn,
    base: _Baseline,
    flagged: jax.Array,
    i: jax.Array,
) -> tuple[Maps, jax.Array]:
    """Best S/N over the rows of the level for a tile, and second moments."""
    cut, entries = partial(_batch_of, plan, turn), levels.entries
    inverse = base.inverse_noise[i]
    shape = (BATCH, plan.tile)

    def own_weights(row: jax.Array) -> _Window:
        under = _weights(plan, cut, entries, i, row)
        flux = cut(entries.flux[i, row])
        stretch = (turn.first + jnp.arange(len(flux))) // plan.stretch
        kept = jnp.take(base.kept[i], stretch - turn.first // plan.stretch + BEFORE, axis=0)
        return _Window(flux - under * base.mean[i], under, under * kept, base.total[i])

    def shared_weights(row: jax.Array) -> _Window:
        under = cut(entries.weight[row][:, None])
        window = _window_of(plan, turn, levels.stretches.weight[turn.level][:, None])
        flux = cut(entries.flux[i, row])
        return _Window(flux - under * base.mean[i], under, under, jnp.sum(window, 0))

    def trials_of(row: jax.Array, window: _Window) -> tuple[_Trials, jax.Array]:
        trials = _row_trials(plan, window, levels.calibration[0, row])
        return trials, trials.flux * trials.scale * inverse

    def score(window_of: Callable[[jax.Array], _Window]) -> tuple[jax.Array, jax.Array]:
        def one(j: jax.Array, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            best, moments = carry
            row = turn.first_row + j
            trials, snr = trials_of(row, window_of(row))
            there = (trials.scale > 0) & (inverse > 0)
            scored = [
                Scored(snr[r, None], there[r, None], w) for r, w in enumerate(plan.ring_widths)
            ]
            moments = moments.at[:, row].add(second_moments(plan, scored))
            return jnp.maximum(best, jnp.max(snr, 0)), moments

        moments = jnp.zeros((2, plan.ring_rows, len(plan.ring_widths)), jnp.float32)
        start = (jnp.full(shape, -jnp.inf, jnp.float32), moments)
        return lax.fori_loop(0, turn.n_rows, one, start)

    best, moments = lax.cond(
        (flagged[i] <= 0) & jnp.all(base.kept[i]),
        lambda: score(shared_weights),
        lambda: score(own_weights),
    )

    def locate(j: jax.Array, so_far: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        code, flux = so_far
        row = turn.first_row + j
        trials, snr = trials_of(row, own_weights(row))
        for r in range(len(plan.ring_widths)):
            # The narrowest of the trials that reach the best, and of its rows the first.
            here = (snr[r] * TIE >= best) & (((r << 16) | row) < code)
            code = jnp.where(here, (r << 16) | row, code)
            mean = trials.flux[r] / jnp.maximum(trials.weight[r], _TINY)
            flux = jnp.where(here, mean, flux)
        return code, flux

    def located() -> tuple[jax.Array, jax.Array]:
        start = jnp.full(shape, _NO_TRIAL, jnp.int32), jnp.zeros(shape, jnp.float32)
        code, flux = lax.fori_loop(0, turn.n_rows, locate, start)
        return jnp.where(code == _NO_TRIAL, 0, code), flux

    def unlocated() -> tuple[jax.Array, jax.Array]:
        return jnp.zeros(shape, jnp.int32), jnp.zeros(shape, jnp.float32)

    found = jnp.max(best) >= plan.config.threshold
    return Maps(best, *lax.cond(found, located, unlocated)), moments


def _search_turn(
    plan: SearchPlan, levels: Levels, turn: _Turn, flagged: jax.Array, base: _Baseline
) -> tuple[Maps, jax.Array]:
    """Best S/N over the rows of the level, (batch, padded pixel), and second moments."""

    def tile(i: jax.Array, carry: tuple[Maps, jax.Array]) -> tuple[Maps, jax.Array]:
        maps, moments = carry
        found, more = _search_tile(plan, levels, turn, base, flagged, i)

        def columns(image: jax.Array, part: jax.Array) -> jax.Array:
            return lax.dynamic_update_slice_in_dim(image, part, i * plan.tile, 1)

        return jax.tree.map(columns, maps, found), moments + more

    image = (BATCH, plan.n_padded)
    empty = Maps(jnp.zeros(image), jnp.zeros(image, jnp.int32), jnp.zeros(image))
    moments = jnp.zeros((2, plan.ring_rows, len(plan.ring_widths)), jnp.float32)
    return lax.fori_loop(0, plan.n_tiles, tile, (empty, moments))


_TurnCarry = tuple[Margin, jax.Array, Detections, jax.Array]


def search_levels(
    plan: SearchPlan, levels: Levels, flagged: jax.Array, alive: jax.Array, frame: jax.Array
) -> tuple[Levels, Detections, jax.Array]:
    """Search every batch whose turn has come.

    Parameters
    ----------
    flagged : (tile,) int32
        Above 0 where pixels of a tile have weights of their own in the window.
    alive : (tile, pixel) bool
    frame : () int32

    Returns
    -------
    levels : Levels
    detections : Detections
        With a leading axis of turns.
    moments : (2, row, rung)
        Second moments of S/N, and samples in them.
    """
    source = PeakSource(
        widths=np.asarray(plan.ring_widths),
        dm_rows=np.concatenate([v.dm_rows for v in plan.levels[1:]])[None, :].repeat(
            len(plan.ring_widths), axis=0
        ),
        ends=False,
    )
    nothing = none_found(plan.config.max_detections)
    found = jax.tree.map(lambda a: jnp.zeros((n_turns(plan), *a.shape), a.dtype), nothing)
    moments = jnp.zeros((2, plan.ring_rows, len(plan.ring_widths)), jnp.float32)

    def one(number: jax.Array, carry: _TurnCarry) -> _TurnCarry:
        turn = _turn(plan, number, frame)
        # The batch before still waits in the margin for its local maxima, and boxcars
        # reach on past the batch.
        around = turn.first - BATCH + jnp.arange(2 * BATCH + plan.ring_widths[-1])
        row = jnp.arange(plan.ring_rows)[:, None] - turn.first_row
        held = levels.entries.weight[:, around % plan.ring_length] > 0
        worth = jnp.any(held & (row >= 0) & (row < turn.n_rows))

        def search(carry: _TurnCarry) -> _TurnCarry:
            margins, slow, found, moments = carry
            base = _baseline(plan, levels._replace(slow=slow), turn, alive)
            maps, more = _search_turn(plan, levels, turn, flagged, base)
            start = turn.first * turn.decimation - plan.max_delay
            margin = Margin(*(m[turn.level] for m in margins))
            margin, peaks = report(plan, source, margin, maps, (start, turn.decimation))
            margins = Margin(
                *(m.at[turn.level].set(v) for m, v in zip(margins, margin, strict=True))
            )
            found = jax.tree.map(lambda a, b: a.at[number].set(b), found, peaks)
            return margins, slow.at[turn.level].set(base.slow), found, moments + more

        return lax.cond(turn.due & worth, search, lambda c: c, carry)

    start = (levels.margins, levels.slow, found, moments)
    margins, slow, found, moments = lax.fori_loop(0, n_turns(plan), one, start)
    return levels._replace(margins=margins, slow=slow), found, moments
