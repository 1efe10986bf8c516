"""The best S/N that a pulse could have in a recording."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Reader

_STRETCHES, _SAMPLES = 24, 24
_MEAN_ABSOLUTE = np.sqrt(2 / np.pi)


def measured_noise(reader: Reader) -> NDArray[np.float32]:
    """Noise of a sample of weight 1 in every channel and pixel, (channel, y, x); NaN without any.

    From differences of neighbouring samples in stretches all over the recording, of which the
    median counts: what is slow, or rare, is not in it. Channels have a noise each, and pixels
    a factor each, which is known to 1.5 %.
    """
    header = reader.header
    starts = np.linspace(0, max(header.n_samples - _SAMPLES, 0), _STRETCHES)
    means = []
    for start in np.unique(starts.astype(int)).tolist():
        block = reader.read(start, start + _SAMPLES)
        good = np.where(block.weights > 0, block.weights, np.nan)
        variance = 1 / good[1:] + 1 / good[:-1]
        away = np.abs(np.diff(block.data, axis=0)) / np.sqrt(variance)[:, :, None, None]
        means.append(_mean(away, 0))
    stack = np.stack(means)
    channel = _median(_mean(stack, (2, 3)), 0)
    relative = _median(_mean(stack / channel[:, None, None], 1), 0)
    return (channel[:, None, None] * relative / _MEAN_ABSOLUTE).astype(np.float32)


def _mean(values: NDArray, axis: int | tuple[int, ...]) -> NDArray:
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        return np.nanmean(values, axis)


def _median(values: NDArray, axis: int) -> NDArray:
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        return np.nanmedian(values, axis)


def ideal_snr(
    flux: NDArray[np.floating],
    weights: NDArray[np.floating],
    noise: NDArray[np.floating],
    all_weights: NDArray[np.floating],
) -> float:
    """S/N of the matched filter of a pulse, each channel having a baseline that is not known.

    No linear estimate does better: with the flux s, weights w and the noise sigma of weight 1,

        (S/N)^2 = sum_c [sum_t w s^2 - (sum_t w s)^2 / sum_t w] / sigma_c^2.

    The second term is what the finite length of the recording takes: a top-hat of n of N
    samples keeps sqrt(1 - n / N).

    Parameters
    ----------
    flux, weights : (time, channel)
        Over the samples of the pulse.
    noise : (channel,)
        Of a sample of weight 1; NaN or 0 where there is none.
    all_weights : (channel,)
        Sums of weights over the whole recording.
    """
    good = (noise > 0) & (all_weights > 0)
    power = (weights * flux**2).sum(0)[good]
    mean = (weights * flux).sum(0)[good]
    left = np.maximum(power - mean**2 / all_weights[good], 0)
    return float(np.sqrt(np.sum(left / noise[good].astype(float) ** 2)))
