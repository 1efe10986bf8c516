"""From maps of S/N to detections."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from .detections import Detections
from .kernels.peaks import find_peaks
from .plan import SearchPlan
from .state import Maps, Margin


def report(
    plan: SearchPlan, k: int, margin: Margin, maps: Maps, start: Array
) -> tuple[Margin, Detections]:
    """Peaks of a level's newest maps, ``peak_margin`` entries late.

    Parameters
    ----------
    plan : SearchPlan
    k : int
        Level. Maps of level 0 are indexed by the last sample of the boxcar, those of
        the others by its first entry.
    margin : Margin
    maps : Maps
        (time, pixel) arrays.
    start : () int32
        Sample of the first time in ``maps``.
    """
    level, reach = plan.levels[k], plan.peak_margin
    snr, trial, flux = (jnp.concatenate(pair) for pair in zip(margin, maps, strict=True))
    ny, nx = plan.config.shape
    image = snr[:, : plan.n_pixels].reshape(-1, ny, nx)
    peaks = find_peaks(
        image, plan.config.threshold, reach, plan.beam_reach, plan.config.max_detections
    )
    used = peaks.index >= 0
    index = jnp.where(used, peaks.index, 0)
    time, pixel = index // plan.n_pixels, index % plan.n_pixels
    code = trial[reach + time, pixel]
    rung, row = code >> 16, code & 0xFFFF
    widths = jnp.asarray([r.width for r in level.rungs], jnp.int32)[rung]
    dm_of = np.zeros((len(level.rungs), max(r.n_rows for r in level.rungs)), np.int32)
    for i, r in enumerate(level.rungs):
        dm_of[i, : r.n_rows] = level.dm_rows[:: r.stride]
    first = start + (time - reach) * level.decimation
    if k == 0:
        first = first - widths + 1
    zero = jnp.zeros_like(index)
    found = Detections(
        start=jnp.where(used, first, zero),
        width=jnp.where(used, widths * level.decimation, zero),
        i_dm=jnp.where(used, jnp.asarray(dm_of)[rung, row], zero),
        y=jnp.where(used, pixel // nx, zero),
        x=jnp.where(used, pixel % nx, zero),
        snr=jnp.where(used, peaks.snr, 0.0),
        flux=jnp.where(used, flux[reach + time, pixel], 0.0),
        n_found=peaks.n_found,
    )
    # Slots differ with the number of times a level holds; pad them to one length.
    spare = plan.config.max_detections - found.start.shape[0]
    padded = [jnp.pad(a, (0, spare)) for a in found[:-1]] if spare else found[:-1]
    n = snr.shape[0] - 2 * reach
    return Margin(snr[n:], trial[n:], flux[n:]), Detections(*padded, found.n_found)
