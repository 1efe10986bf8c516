"""Light curves of pixels over a whole recording, without slow changes, in units of their noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Block, Reader
from pipeline.cutout_sums import delays_s

_MAD_TO_SIGMA = 1.4826
_STRETCHES, _STRETCH = 16, 128
"""Of the recording, and their samples, from which channels are weighed."""

_PIECE_BYTES = 64 << 20
_CLIP, _ROUNDS = 4.0, 20
"""Deviations beyond which samples do not count, in sigma, and rounds that look for them."""

_CLEARLY, _LEAST_SHARE = 1.2, 0.6
"""How much less noise a fit without pulses must have, and of how many samples."""


def read_light_curves(
    reader: Reader,
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    dm: NDArray[np.float64],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean over the channels of some pixels, dedispersed, sample by sample.

    Parameters
    ----------
    reader : Reader
    x, y : (pixel,) int64
        0-based.
    dm : (pixel,) float64
        pc cm^-3.
    progress : callable, optional
        Called with the samples read and all there are.

    Returns
    -------
    flux, weight : (time, pixel) float32, (time, pixel or 1) float32
        Weighted with the inverse variance of each channel, its mean taken off; 0 where there
        is nothing. Time is that at the highest channel centre.
    """
    near = reader.cropped(slice(y.min(), y.max() + 1), slice(x.min(), x.max() + 1))
    pixels = (slice(None), slice(None), y - y.min(), x - x.min())
    header = near.header
    level, channel_weight = _channels(near, pixels)
    values, unique = np.unique(dm, return_inverse=True)
    shifts = [np.round(delays_s(header.freq_mhz, d) / header.tsamp_s).astype(int) for d in values]
    flux = np.zeros((header.n_samples, len(x)), np.float32)
    weight = np.zeros_like(flux)
    per_sample = 4 * header.n_channels * header.shape[0] * header.shape[1]
    piece = max(1, _PIECE_BYTES // per_sample)
    for first in range(0, header.n_samples, piece):
        block = near.read(first, first + piece)
        data, w = _usable(block, pixels)
        w *= channel_weight[:, None]
        data = (data - level) * w
        for i, shift in enumerate(shifts):
            _add_channels(flux, weight, (data, w), first, shift, unique == i)
        if progress is not None:
            progress(first + block.n_samples, header.n_samples)
    flux = np.where(weight > 0, flux / np.where(weight > 0, weight, 1), 0)
    return flux, weight[:, :1] if np.all(weight == weight[:, :1]) else weight


def _usable(block: Block, pixels: tuple) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Data of the pixels, 0 where there are none, and weights, (time, channel, pixel)."""
    data = block.data[pixels]
    known = np.isfinite(data)
    return np.where(known, data, 0), np.where(known, block.weights[:, :, None], 0)


def _channels(near: Reader, pixels: tuple) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Level of every channel and pixel, and the inverse variance of a channel."""
    n, stretches = near.header.n_samples, []
    for first in np.unique(np.linspace(0, max(0, n - _STRETCH), _STRETCHES).astype(int)):
        data, w = _usable(near.read(int(first), int(first) + _STRETCH), pixels)
        stretches.append(np.where(w > 0, data, np.nan))
    data = np.concatenate(stretches)
    known = np.isfinite(data).any(axis=0)
    data = np.where(known, data, 0)
    level = np.nanmedian(data, axis=0)
    sigma = _MAD_TO_SIGMA * np.nanmedian(np.abs(data - level), axis=0)
    sigma = np.where(known & (sigma > 0), sigma, np.nan)
    good = np.any(np.isfinite(sigma), axis=1)
    variance = np.nanmedian(np.where(np.expand_dims(good, 1), sigma, 1), axis=1) ** 2
    return level.astype(np.float32), np.where(good, 1 / variance, 0).astype(np.float32)


def _add_channels(
    flux: NDArray[np.float32],
    weight: NDArray[np.float32],
    block: tuple[NDArray[np.float32], NDArray[np.float32]],
    first: int,
    shift: NDArray[np.int64],
    columns: NDArray[np.bool_],
) -> None:
    """Add a block to the light curves of one DM, every channel as much earlier as it is late."""
    data, w = block
    for channel, delay in enumerate(shift):
        late = max(0, delay - first)
        here = slice(first + late - delay, first + data.shape[0] - delay)
        if late < data.shape[0]:
            flux[here, columns] += data[late:, channel][:, columns]
            weight[here, columns] += w[late:, channel][:, columns]


def whiten(
    flux: NDArray[np.float32], weight: NDArray[np.float32], longest: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Take slow changes off light curves and divide them by their noise.

    Cosines of half a wave and more over the data, as far as their periods are over twice the
    longest that is searched, are fitted by least squares and subtracted. What is over 4 sigma
    off counts neither for them nor for the noise, which is the median absolute deviation of
    the rest: the pulses of a bright pulsar may be a third of all samples.

    Parameters
    ----------
    flux : (time, pixel)
    weight : (time, pixel or 1)
        Relative inverse variance.
    longest : float
        Longest period, samples.

    Returns
    -------
    signal : (time, pixel) float32
        Weight times flux in units of the noise, of sum zero; 0 for pixels without noise.
    weight : (time, pixel or 1) float32
        Inverse variance in these units.
    """
    n = len(flux)
    n_modes = max(1, int(np.ceil(n / longest)))
    modes = np.cos(np.pi * np.arange(n_modes) * (np.arange(n)[:, None] + 0.5) / n)
    out = np.zeros_like(flux)
    relative = weight / np.maximum(weight.max(axis=0), np.finfo(np.float32).tiny)
    for i in range(flux.shape[1]):
        w = relative[:, min(i, relative.shape[1] - 1)].astype(float)
        there = w > 0
        if there.sum() <= n_modes:
            continue
        left, sigma = _without_slow(flux[there, i].astype(float), modes[there], w[there])
        w = w[there]
        if sigma > 0:
            signal = np.sqrt(w) * left / sigma
            out[there, i] = signal - w * signal.sum() / w.sum()
    return out, relative.astype(np.float32)


def _without_slow(
    x: NDArray[np.float64], modes: NDArray[np.float64], w: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Samples in units of unit weight without slow changes, and the noise of those.

    Pulses pull the first fit of all samples towards them, and many of equal height keep it
    there. The fit that begins with samples near the median has less noise then; where sources
    drift it would leave their peak out, and has no less.
    """
    root = np.sqrt(w)
    left, sigma, _ = _clipped_fit(x * root, modes * root[:, None], np.ones(len(x), bool))
    deviation = np.abs(x - np.median(x)) * root
    near = deviation <= _CLIP * _MAD_TO_SIGMA * np.median(deviation)
    other, smaller, share = _clipped_fit(x * root, modes * root[:, None], near)
    if sigma > _CLEARLY * smaller > 0 and share > _LEAST_SHARE:
        return other, smaller
    return left, sigma


def _clipped_fit(
    x: NDArray[np.float64], modes: NDArray[np.float64], keep: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float, float]:
    """What a fit leaves, its noise and the share of samples that counted.

    Each round leaves out what is off by what the round before kept.
    """
    left, sigma = x, 0.0
    for _ in range(_ROUNDS):
        if keep.sum() <= modes.shape[1]:
            break
        fit = np.linalg.lstsq(modes[keep], x[keep], rcond=None)[0]
        left = x - modes @ fit
        sigma = _MAD_TO_SIGMA * float(np.median(np.abs(left[keep])))
        before, keep = keep, np.abs(left) <= _CLIP * sigma
        if np.array_equal(before, keep):
            break
    return left, sigma, float(keep.mean())
