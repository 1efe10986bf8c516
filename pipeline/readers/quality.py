"""Which channels of a recording are worth reading: robust statistics of a sample of it.

The search normalises every channel by itself, so bandpass shape and gain do not
matter. What does is a channel that carries no signal (dead, constant) or whose
noise is not noise (a transmitter, a saturated amplifier). Three statistics tell:
the variance, compared with the neighbouring channels; the kurtosis; and whether
anything changes at all. They are measured in short segments spread over the
recording and the median over segments is judged, so that a burst, however
bright, which lives in one or two of them, cannot mask the channels it is in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Reader

_N_SEGMENTS = 16
_MIN_SEGMENT = 64
_SIGMAS = 7.0
_MIN_LOG_VARIANCE = np.log(3.0)
_MIN_KURTOSIS = 3.0
_N_NEIGHBOURS = 32


def channel_mask(reader: Reader, n_samples: int = 16384) -> NDArray[np.float32]:
    """Weights of the channels of a recording, from a sample of it.

    A channel is masked when

    * it is constant in most segments, or has no finite sample;
    * its variance differs from the median of its 64 neighbours by more than a
      factor 3 and by more than 7 robust standard deviations of that difference;
    * its kurtosis exceeds the median of all channels by more than 3 and by more
      than 7 robust standard deviations.

    Parameters
    ----------
    reader : Reader
        Any recording; images are reduced to their central pixel.
    n_samples : int
        How many samples to look at, in up to 16 segments spread over the recording.

    Returns
    -------
    (channel,) float32
        1 for a good channel, 0 for a bad one; all 1 when there are fewer than 64
        samples, too few to judge by.
    """
    if min(n_samples, reader.header.n_samples) < _MIN_SEGMENT:
        return np.ones(reader.header.n_channels, np.float32)
    variance, kurtosis = _segment_statistics(reader, n_samples)
    alive = variance > 0
    good = alive.copy()
    if alive.sum() >= 8:
        log_variance = np.log(variance[alive])
        excess = log_variance - _running_median(log_variance, _N_NEIGHBOURS)
        wild = np.abs(excess) > np.maximum(_SIGMAS * _robust_sigma(excess), _MIN_LOG_VARIANCE)
        heavy = kurtosis[alive] - np.median(kurtosis[alive])
        spiky = heavy > max(_SIGMAS * _robust_sigma(heavy), _MIN_KURTOSIS)
        good[alive] = ~(wild | spiky)
    return good.astype(np.float32)


def _segment_statistics(
    reader: Reader, n_samples: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median over segments of the variance and excess kurtosis of each channel."""
    total = reader.header.n_samples
    n_samples = min(n_samples, total)
    n_segments = min(_N_SEGMENTS, n_samples // _MIN_SEGMENT)
    length = n_samples // n_segments
    starts = np.linspace(0, total - length, n_segments).astype(int)
    ny, nx = reader.header.shape
    variance, kurtosis = [], []
    for start in starts:
        block = reader.read(int(start), int(start) + length)
        data = block.data[:, :, ny // 2, nx // 2].astype(np.float64)
        v, k = _moments(data, block.weights > 0)
        variance.append(v)
        kurtosis.append(k)
    return np.median(variance, axis=0), np.median(kurtosis, axis=0)


def _moments(
    data: NDArray[np.float64], present: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance and excess kurtosis over time; 0 for a channel without change."""
    present = present & np.isfinite(data)
    n = np.maximum(present.sum(axis=0), 1)
    data = np.where(present, data, 0.0)
    deviation = np.where(present, data - data.sum(axis=0) / n, 0.0)
    second = (deviation**2).sum(axis=0) / n
    # a constant float channel keeps the rounding of its mean
    floor = (1e-10 * np.abs(data).max(axis=0, initial=0.0)) ** 2
    second = np.where(second > floor, second, 0.0)
    fourth = (deviation**4).sum(axis=0) / n
    kurtosis = np.where(second > 0, fourth / np.where(second > 0, second, 1.0) ** 2 - 3, 0.0)
    return second, kurtosis


def _running_median(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Median of the ``reach`` values on either side (fewer at the ends)."""
    n = len(values)
    return np.array([np.median(values[max(0, i - reach) : i + reach + 1]) for i in range(n)])


def _robust_sigma(values: NDArray[np.float64]) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
