"""The mean image of a recording, and its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Reader
from pipeline.errors import NoDataError
from pipeline.stages import Tell

_BLOCK_BYTES = 32 << 20
_MOST_S = 30.0
"""Samples that share a gain of the primary beam."""


@dataclass(frozen=True)
class MeanImage:
    """What a recording looks like when all of it is averaged.

    Attributes
    ----------
    image : (y, x) float64
        Corrected for the primary beam where the recording says what it is; NaN where there
        is nothing.
    noise : (y, x) float64
        Standard deviation of that.
    sample_noise : float
        Standard deviation of a pixel of one sample, all channels together, as recorded.
    share : (channel,) float64
        Mean weight of each channel in the samples that have any.
    """

    image: NDArray[np.float64]
    noise: NDArray[np.float64]
    sample_noise: float
    share: NDArray[np.float64]


def mean_image(reader: Reader, progress: Tell | None = None) -> MeanImage:
    """Average a recording.

    Channels and samples have their weights, and through a primary beam that of its gain. The
    noise is that of samples less the ones before: what is steady is in both.

    Raises
    ------
    NoDataError
        If nothing has weight.
    """
    header = reader.header
    total, power = np.zeros(header.shape), np.zeros(header.shape)
    share, n_samples, variances = np.zeros(header.n_channels), 0, []
    sample_bytes = 4 * header.n_channels * math.prod(header.shape)
    at_once = max(2, min(_BLOCK_BYTES // sample_bytes, int(_MOST_S / header.tsamp_s)))
    for start in range(0, header.n_samples, at_once):
        block = reader.read(start, start + at_once)
        if block.weights.any():
            gain = reader.gain(start + block.n_samples // 2)
            gain = np.float32(1) if gain is None else np.nan_to_num(gain)
            there = block.weights.any(axis=1)
            data, weights = block.data[there], block.weights[there][..., None, None]
            good = (weights > 0) & np.isfinite(data)
            data, weights = np.where(good, data, 0), weights * good
            total += (data * weights * gain).sum((0, 1))
            power += (weights * gain**2).sum((0, 1))
            variances += _variances((data * weights).sum(1), weights.sum(1))
            share += block.weights.sum(0)
            n_samples += int(there.sum())
        if progress is not None:
            progress(start + block.n_samples, header.n_samples)
    if not n_samples:
        problem = "every sample is flagged or missing"
        raise NoDataError(header.source, "data", problem, "check the recording and its flags")
    share /= n_samples
    seen = power > 0
    power = np.where(seen, power, np.nan)
    image = total / power
    if variances:
        # Interference is in a few of them.
        sigma = math.sqrt(np.median(variances))
    else:
        apart = (image * np.sqrt(power))[seen]
        sigma = float(1.4826 * np.median(np.abs(apart - np.median(apart))))
    noise = sigma / np.sqrt(power)
    return MeanImage(image, noise, sigma / math.sqrt(share.sum()), share)


def _variances(total: NDArray, power: NDArray) -> list[float]:
    """Of pixels of weight 1, from samples less the ones before: sums and weights, (time, y, x)."""
    both = (power[1:] > 0) & (power[:-1] > 0)
    safe = np.where(power > 0, power, 1)
    apart = np.diff(total / safe, axis=0) ** 2 / (1 / safe[1:] + 1 / safe[:-1])
    number = both.sum((1, 2))
    mean = np.where(both, apart, 0).sum((1, 2)) / np.maximum(number, 1)
    return [float(v) for v in mean[number > 0]]
