"""What a search reports: peaks of S/N, compacted."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray


class Detections(NamedTuple):
    """Local maxima of S/N; arrays of one shape, whose last axis are slots.

    Attributes
    ----------
    start : int32
        First sample of the boxcar, at the highest channel. Samples count from the first
        one given to the state; a pulse already under way then has a negative start.
    width : int32
        Boxcar width in samples; 0 marks an unused slot.
    i_dm : int32
        Index into ``plan.dm_pc_cm3``.
    y, x : int32
        Pixel.
    snr : float32
    flux : float32
        Mean flux over the boxcar above the baseline, in the unit of the data.
    n_found : int32, without the slots' axis
        Local maxima found, of which at most ``config.max_detections`` are listed.
    """

    start: jax.Array
    width: jax.Array
    i_dm: jax.Array
    y: jax.Array
    x: jax.Array
    snr: jax.Array
    flux: jax.Array
    n_found: jax.Array

    @property
    def n_dropped(self) -> int:
        """Peaks that found no slot."""
        listed = np.sum(np.asarray(self.width) > 0, axis=-1)
        return int(np.sum(np.asarray(self.n_found) - listed))

    def to_numpy(self) -> dict[str, NDArray]:
        """Used slots as flat host arrays, in order of time."""
        used = np.asarray(self.width) > 0
        columns = {k: np.asarray(v)[used] for k, v in self._asdict().items() if k != "n_found"}
        order = np.lexsort((columns["x"], columns["y"], columns["width"], columns["start"]))
        return {k: v[order] for k, v in columns.items()}


def none_found(n: int) -> Detections:
    """No detections in ``n`` slots of one map."""
    zeros = jnp.zeros(n, jnp.int32)
    nothing = jnp.zeros(n, jnp.float32)
    return Detections(zeros, zeros, zeros, zeros, zeros, nothing, nothing, jnp.zeros((), jnp.int32))
