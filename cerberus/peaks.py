"""From maps of S/N to detections."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from .detections import Detections
from .kernels.peaks import find_peaks
from .plan import SearchPlan
from .state import Maps, Margin


class PeakSource(NamedTuple):
    """How to read the trials of a map.

    Attributes
    ----------
    widths : (rung,) int
        Boxcar widths in entries.
    dm_rows : (rung, row) int
        The plan's DM trial of each row.
    ends : bool
        Whether times are those of the last entry under the boxcar, or of the first.
    """

    widths: NDArray[np.int64]
    dm_rows: NDArray[np.int64]
    ends: bool


def report(
    plan: SearchPlan, source: PeakSource, margin: Margin, maps: Maps, times: tuple[Array, Array]
) -> tuple[Margin, Detections]:
    """Peaks of a level's newest maps, ``peak_margin`` entries late.

    Parameters
    ----------
    margin : Margin
        The maps before.
    maps : Maps
        (time, padded pixel) arrays.
    times : (start, decimation)
        Sample of the first entry in ``maps``, and samples an entry.
    """
    reach = plan.peak_margin
    start, decimation = times
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
    widths = jnp.asarray(source.widths, jnp.int32)[rung]
    first = time - reach - (widths - 1 if source.ends else 0)

    def slots(values: Array) -> Array:
        """One length for all maps, however few times they hold."""
        values = jnp.where(used, values, jnp.zeros_like(values))
        return jnp.pad(values, (0, plan.config.max_detections - values.shape[0]))

    found = Detections(
        start=slots(start + first * decimation),
        width=slots(widths * decimation),
        i_dm=slots(jnp.asarray(source.dm_rows, jnp.int32)[rung, row]),
        y=slots(pixel // nx),
        x=slots(pixel % nx),
        snr=slots(peaks.snr),
        flux=slots(flux[reach + time, pixel]),
        n_found=peaks.n_found,
    )
    n = snr.shape[0] - 2 * reach
    return Margin(snr[n:], trial[n:], flux[n:]), found
