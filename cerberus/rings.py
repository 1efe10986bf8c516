"""The rings of summed samples that the decimated levels share."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .plan import BATCH, SearchPlan
from .state import Levels, Ring
from .tiles import TileSums

_TINY = 1e-30


class _Place(NamedTuple):
    """Where a frame's sums lie in a ring.

    Attributes
    ----------
    start, size : (2,)
        First row and slot, and how many.
    continues : () bool, or False
        Whether a slot is longer than a frame and has been begun.
    """

    start: tuple[int, jax.Array]
    size: tuple[int, int]
    continues: jax.Array | bool

    @staticmethod
    def of(
        plan: SearchPlan, frame: jax.Array, samples: int, rows: tuple[int, int], n_slots: int
    ) -> _Place:
        """Place of a frame in first row and number of ``rows``, with so many samples a slot."""
        begun = frame * plan.frame
        return _Place(
            start=(rows[0], begun // samples % n_slots),
            size=(rows[1], max(1, plan.frame // samples)),
            continues=begun % samples != 0 if samples > plan.frame else False,
        )

    def held(self, ring: jax.Array, axis: int = 1) -> jax.Array:
        """What the slots hold already; ``axis`` is that of the rows."""
        if self.continues is False:
            return jnp.zeros((), ring.dtype)
        start, size = [jnp.asarray(0)] * ring.ndim, list(ring.shape)
        start[axis : axis + 2] = [jnp.asarray(i) for i in self.start]
        size[axis : axis + 2] = self.size
        return jnp.where(self.continues, lax.dynamic_slice(ring, start, size), 0)

    def put(self, ring: jax.Array, values: jax.Array) -> jax.Array:
        """The ring with the slots replaced, for all tiles and pixels."""
        return lax.dynamic_update_slice(ring, values, (0, *self.start, 0))


class _Sums(NamedTuple):
    """Sums of a frame: (tile, row, slot, pixel), the weights (1, row, slot, 1)."""

    flux: jax.Array
    weight: jax.Array
    missing: jax.Array

    def summed(self, n_slots: int) -> _Sums:
        """The first row in so many slots."""

        def together(a: jax.Array) -> jax.Array:
            tiles, _, n, pixels = a.shape
            return a[:, :1].reshape(tiles, 1, n_slots, n // n_slots, pixels).sum(3)

        return _Sums(*(together(a) for a in self))


def _put(ring: Ring, place: _Place, sums: _Sums) -> Ring:
    before = place.held(ring.weight, 0)
    weight = before + sums.weight[0, :, :, 0]
    deficit = ring.deficit
    if deficit.size:
        # Kept as a fraction of the shared weight: half precision has no range for more.
        held = place.held(deficit).astype(jnp.float32) * before[..., None]
        missing, total = held + sums.missing, weight[:, :, None]
        share = jnp.where(total > 0, missing / jnp.maximum(total, _TINY), 0)
        deficit = place.put(deficit, share.astype(jnp.float16))
    return Ring(
        flux=place.put(ring.flux, place.held(ring.flux) + sums.flux),
        weight=lax.dynamic_update_slice(ring.weight, weight, place.start),
        deficit=deficit,
    )


def enter(
    plan: SearchPlan,
    levels: Levels,
    frame: jax.Array,
    sums: TileSums,
    shared: tuple[jax.Array, jax.Array],
) -> Levels:
    """Enter a frame's sums in the rings.

    Parameters
    ----------
    frame : () int32
    sums : TileSums
        Entries and deficits of all tiles, (tile, entry, pixel).
    shared : (entry, 1), (tile, pixel)
        Weights that pixels without flags of their own share, and the pixels' noise.
    """
    weights, noise = shared
    entries, stretches, noted = levels.entries, levels.stretches, levels.noise
    done = 0
    for k, level in enumerate(plan.levels[1:]):
        rows = len(level.dm_rows)
        place = _Place.of(plan, frame, level.decimation, (level.first_row, rows), plan.ring_length)
        n = place.size[1]
        here = slice(done, done + rows * n)
        done = here.stop

        def rowwise(a: jax.Array, rows: int = rows, n: int = n) -> jax.Array:
            return a.reshape(a.shape[0], rows, n, -1)

        new = _Sums(
            rowwise(sums.entries[:, here]),
            rowwise(weights[None, here]),
            rowwise(sums.deficits[:, here]),
        )
        entries = _put(entries, place, new)
        stretch = _Place.of(plan, frame, level.decimation * plan.stretch, (k, 1), plan.n_stretches)
        stretches = _put(stretches, stretch, new.summed(stretch.size[1]))

        n_slots = max(1, n // BATCH)
        value = jnp.broadcast_to(noise[:, None], (1, plan.n_tiles, n_slots, plan.tile))
        noted = lax.dynamic_update_slice(noted, value, (k, 0, place.start[1] // BATCH, 0))
    return levels._replace(entries=entries, stretches=stretches, noise=noted)
