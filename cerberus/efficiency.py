"""What the trials of a plan keep of a pulse's ideal S/N."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .plan import SearchPlan, band_delay


def trial_efficiency(
    plan: SearchPlan, width: float, dm: float, phase: float = 0.0, pulse_channels: int = 64
) -> float:
    """S/N of the best trial over that of a matched filter without sampling.

    The pulse is a top-hat in time with a flat spectrum, of equal weight in all channels.
    The smearing inside a channel is not counted: no trial can undo it.

    Parameters
    ----------
    plan : SearchPlan
    width : float
        Pulse width in samples.
    dm : float
        Dispersion measure, pc cm^-3.
    phase : float
        Start of the pulse after the start of a sample, in samples.
    pulse_channels : int
        At most this many channels, evenly spread, stand for the band.

    Returns
    -------
    float
        Between 0 and 1.
    """
    pick = np.unique(np.linspace(0, plan.n_channels - 1, pulse_channels).round().astype(int))
    start = band_delay(plan.config, dm)[pick] + phase
    best = 0.0
    for level in plan.levels:
        for rung in level.rungs:
            w = rung.width * level.decimation
            # Boxcars of half or twice the width keep less than its neighbours do.
            if not width / 2 - 1 <= w <= 2 * width + 2:
                continue
            rows = level.dm_rows[:: rung.stride]
            above = int(np.searchsorted(plan.dm_pc_cm3[rows], dm))
            for row in rows[max(0, above - 1) : above + 1]:
                offset = start - plan.delays[row][pick]
                best = max(best, _overlap(offset, width, w, level.decimation))
    return best


def _overlap(offset: NDArray[np.float64], width: float, box: int, step: int) -> float:
    """Share of the pulse under the best placed boxcar, over sqrt(box / width).

    Parameters
    ----------
    offset : (channel,) float
        Start of the pulse in each channel after dedispersion.
    width, box, step : samples
        Of the pulse, the boxcar, and between its starts.
    """
    middle = offset.mean() + (width - box) / 2
    first = np.arange(np.floor((middle - box) / step), np.ceil((middle + box) / step) + 1) * step
    overlap = np.minimum(offset + width, first[:, None] + box) - np.maximum(offset, first[:, None])
    share = np.clip(overlap, 0, None).mean(axis=1) / width
    return float(share.max() * np.sqrt(width / box))


def efficiency_table(
    plan: SearchPlan, widths: NDArray[np.float64], dms: NDArray[np.float64], n_phases: int = 4
) -> NDArray[np.float64]:
    """Efficiency over widths, DMs and start phases.

    Parameters
    ----------
    widths : (width,) float
        Pulse widths in samples.
    dms : (dm,) float
    n_phases : int
        Start phases, spread over the larger of one sample and an eighth of the width.

    Returns
    -------
    (width, dm, phase)
    """
    out = np.empty((len(widths), len(dms), n_phases))
    for i, width in enumerate(widths):
        phases = np.arange(n_phases) / n_phases * max(1.0, width / 8)
        for j, dm in enumerate(dms):
            out[i, j] = [trial_efficiency(plan, width, dm, p) for p in phases]
    return out
