"""The ring of summed samples that the decimated levels share."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .plan import BATCH, Level, SearchPlan
from .state import Levels
from .tiles import TileSums

_TINY = 1e-30


class _Place(NamedTuple):
    """Where a frame's entries of a level lie in the ring.

    Attributes
    ----------
    start, size : (2,)
        First row and entry, and how many.
    continues : () bool, or False
        Whether the entry is longer than a frame and has been begun.
    """

    start: tuple[int, jax.Array]
    size: tuple[int, int]
    continues: jax.Array | bool

    def held(self, ring: jax.Array, axis: int = 1) -> jax.Array:
        """What the entries hold already; ``axis`` is that of the rows."""
        if self.continues is False:
            return jnp.zeros((), ring.dtype)
        start, size = [jnp.asarray(0)] * ring.ndim, list(ring.shape)
        start[axis : axis + 2] = [jnp.asarray(i) for i in self.start]
        size[axis : axis + 2] = self.size
        return jnp.where(self.continues, lax.dynamic_slice(ring, start, size), 0)

    def put(self, ring: jax.Array, values: jax.Array) -> jax.Array:
        """The ring with the entries replaced, for all tiles and pixels."""
        return lax.dynamic_update_slice(ring, values, (0, *self.start, 0))


def _place(plan: SearchPlan, level: Level, frame: jax.Array) -> _Place:
    begun = frame * plan.frame
    longer = level.decimation > plan.frame
    return _Place(
        start=(level.first_row, begun // level.decimation % plan.ring_length),
        size=(len(level.dm_rows), level.n_entries(plan.frame)),
        continues=begun % level.decimation != 0 if longer else False,
    )


def enter(
    plan: SearchPlan,
    levels: Levels,
    frame: jax.Array,
    sums: TileSums,
    shared: tuple[jax.Array, jax.Array],
) -> Levels:
    """Enter a frame's sums in the ring.

    Parameters
    ----------
    frame : () int32
    sums : TileSums
        Entries and deficits of all tiles, (tile, entry, pixel).
    shared : (entry, 1), (tile, pixel)
        Weights that pixels without flags of their own share, and the pixels' noise.
    """
    weights, noise = shared
    done = 0
    for k, level in enumerate(plan.levels[1:]):
        place = _place(plan, level, frame)
        rows, n = place.size
        here = slice(done, done + rows * n)
        done = here.stop

        shape = (plan.n_tiles, rows, n, plan.tile)
        before = place.held(levels.weight, 0)
        weight = before + weights[here].reshape(rows, n)
        flux = place.held(levels.flux) + sums.entries[:, here].reshape(shape)
        n_slots = max(1, n // BATCH)
        noted = jnp.broadcast_to(noise[:, None], (1, plan.n_tiles, n_slots, plan.tile))
        slot = (k, 0, place.start[1] // BATCH, 0)
        if plan.config.pixel_weights:
            # Kept as a fraction of the shared weight: half precision has no range for more.
            held = place.held(levels.deficit).astype(jnp.float32) * before[..., None]
            missing, total = held + sums.deficits[:, here].reshape(shape), weight[:, :, None]
            share = jnp.where(total > 0, missing / jnp.maximum(total, _TINY), 0)
            levels = levels._replace(deficit=place.put(levels.deficit, share.astype(jnp.float16)))
        levels = levels._replace(
            flux=place.put(levels.flux, flux),
            weight=lax.dynamic_update_slice(levels.weight, weight, place.start),
            noise=lax.dynamic_update_slice(levels.noise, noted, slot),
        )
    return levels
