"""Sums over the samples of a cut-out, and dedispersed boxcars made from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cerberus.config import DISPERSION_CONSTANT
from pipeline.block import StreamHeader
from pipeline.candidates import Detection

_MAD_TO_SIGMA = 1.4826
_CLIP = 4.0
_PARTS, _MOST_CELLS = 4, 256
"""Parts of a pulse at most, and cells of parts and channels from which there are fewer parts."""
_SIDE_WIDTHS = 4
"""What is next to a pulse is this many widths on either side."""


@dataclass(frozen=True)
class Window:
    """What is read: samples `start` to `stop`, `decimation` of them to a bin."""

    start: int
    stop: int
    decimation: int

    @property
    def n_bins(self) -> int:
        return -(-(self.stop - self.start) // self.decimation)


@dataclass(frozen=True)
class Series:
    """Dynamic spectrum in units of inverse variance.

    `signal` is (value - baseline) / variance of each bin (0 without data), `weight`
    1 / variance: a sum of `signal` over the root of the sum of `weight` is an S/N.
    `baseline_weight` is 1 / variance of the baseline, all channels together.
    """

    signal: NDArray[np.float64]
    weight: NDArray[np.float64]
    window: Window
    baseline_weight: float


def delays_s(freq_mhz: NDArray[np.float64], dm: float) -> NDArray[np.float64]:
    """(channel,) dispersion delay after the highest channel centre, seconds."""
    freq = np.asarray(freq_mhz, float)
    return DISPERSION_CONSTANT * dm * (freq**-2.0 - freq.max() ** -2.0)


class Sums:
    """Running sums over the pieces of a window.

    `cells` and `cells_weight`, (part + 1, channel, y, x), are those of the parts of the
    dispersed pulse, one after the other, and last those of some widths on both sides of it.
    """

    def __init__(
        self,
        detection: Detection,
        header: StreamHeader,
        window: Window,
        half_size_px: int,
    ) -> None:
        self.detection, self.header, self.window = detection, header, window
        ny, nx = header.shape
        half = half_size_px
        self.rows = slice(max(0, detection.y - half), min(ny, detection.y + half + 1))
        self.columns = slice(max(0, detection.x - half), min(nx, detection.x + half + 1))
        n = header.n_channels
        image = (n, self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)
        self.n_parts = max(1, min(_PARTS, detection.width, _MOST_CELLS // n))
        cells = (self.n_parts + 1, *image)
        self.cells, self.cells_weight = np.zeros(cells), np.zeros(cells)
        self.off, self.off_weight = np.zeros(image), np.zeros(image)
        self.pixel = np.zeros((window.n_bins, n))
        self.pixel_weight = np.zeros((window.n_bins, n))
        self.delay = np.round(delays_s(header.freq_mhz, detection.dm) / header.tsamp_s)

    def add(self, start: int, data: NDArray[np.float32], weights: NDArray[np.float32]) -> None:
        """Add one piece of `rows` and `columns`; `start` is its first sample number."""
        good = np.isfinite(data)
        whole = bool(good.all())
        values = data if whole else np.where(good, data, np.float32(0))
        sample = start + np.arange(len(data))
        into_pulse = sample[:, None] - self.detection.start - self.delay
        self._add_cells(into_pulse, weights, values, None if whole else good)
        width, guard = self.detection.width, max(1, self.detection.width // 4)
        off = (into_pulse < -guard) | (into_pulse >= width + guard)
        w = (weights * off).astype(np.float32)
        if w.any():
            self.off += np.einsum("tc,tcyx->cyx", w, values)
            seen = w.sum(0)[:, None, None] if whole else np.einsum("tc,tcyx->cyx", w, good)
            self.off_weight += seen
        y, x = self.detection.y - self.rows.start, self.detection.x - self.columns.start
        w = weights.astype(float) * good[:, :, y, x]
        bins = (sample - self.window.start) // self.window.decimation
        np.add.at(self.pixel, bins, w * values[:, :, y, x])
        np.add.at(self.pixel_weight, bins, w)

    def _add_cells(
        self,
        into_pulse: NDArray[np.float64],
        weights: NDArray[np.float32],
        values: NDArray[np.float32],
        good: NDArray[np.bool_] | None,
    ) -> None:
        """Add what a piece has of the pulse and of its sides; all is good if `good` is None."""
        width, n = self.detection.width, self.n_parts
        guard = max(1, width // 4)
        reach = guard + _SIDE_WIDTHS * width
        edges = np.round(np.linspace(0, width, n + 1))
        part = np.searchsorted(edges, into_pulse, side="right") - 1
        before = (into_pulse < -guard) & (into_pulse >= -reach)
        after = (into_pulse >= width + guard) & (into_pulse < width + reach)
        part = np.where(before | after, n, np.where((part >= 0) & (part < n), part, -1))
        t, c = np.nonzero((part >= 0) & (weights > 0))
        if not len(t):
            return
        cell = part[t, c] * weights.shape[1] + c
        order = np.argsort(cell, kind="stable")
        cell, t, c = cell[order], t[order], c[order]
        first = np.flatnonzero(np.diff(cell, prepend=-1))
        w = weights[t, c, None, None]
        here = np.unravel_index(cell[first], self.cells.shape[:2])
        self.cells[here] += np.add.reduceat(w * values[t, c], first, axis=0, dtype=float)
        seen = w if good is None else w * good[t, c]
        self.cells_weight[here] += np.add.reduceat(seen, first, axis=0, dtype=float)

    def pulse(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sum and weight over the whole pulse, (channel, y, x)."""
        return self.cells[:-1].sum(0), self.cells_weight[:-1].sum(0)


def whiten(sums: Sums, detection: Detection, header: StreamHeader) -> Series:
    """Remove the baseline beside the pulse and divide by the variance, per channel."""
    window = sums.window
    weight = sums.pixel_weight
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(weight > 0, sums.pixel / weight, np.nan)
    centre = window.start + (np.arange(window.n_bins) + 0.5) * window.decimation
    into = centre[:, None] - detection.start - sums.delay
    guard = max(1, detection.width // 4)
    beside = (into < -guard) | (into > detection.width + guard)
    baseline, sigma = _robust(np.where(beside, value, np.nan))
    full = np.max(weight, axis=0)
    share = np.divide(weight, full, out=np.zeros_like(weight), where=full > 0)
    inverse = np.where(sigma > 0, 1.0 / np.where(sigma > 0, sigma, 1.0) ** 2, 0.0)
    inverse_variance = np.where(np.isfinite(value), share * inverse, 0.0)
    signal = np.where(inverse_variance > 0, (value - baseline) * inverse_variance, 0.0)
    of_baseline = float(inverse_variance[beside].sum())
    return Series(signal, inverse_variance, window, of_baseline)


def _robust(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clipped mean, and sigma from the median absolute deviation, down each column; NaN-safe.

    The mean is as good as that of all values in noise, and leaves out another pulse beside
    this one. Coarsely digitised data can have a median deviation of zero: the standard
    deviation takes its place.
    """
    seen = np.isfinite(values).any(axis=0)
    safe = np.where(seen, values, 0.0)
    middle = np.nanmedian(safe, axis=0)
    sigma = _MAD_TO_SIGMA * np.nanmedian(np.abs(safe - middle), axis=0)
    sigma = np.where(sigma > 0, sigma, np.nanstd(safe, axis=0))
    near = np.abs(safe - middle) <= _CLIP * sigma
    mean = np.nansum(np.where(near, safe, 0), axis=0) / np.maximum(near.sum(axis=0), 1)
    return mean, np.where(seen, sigma, 0.0)


def shifted_boxes(
    total: NDArray[np.float64], first: NDArray[np.int64], n: int, shift: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Sum over channels of `n`-bin boxes from the running sum `total` (bin + 1, channel)."""
    last = len(total) - 1
    low = np.clip(first[:, None] + shift, 0, last)
    high = np.clip(first[:, None] + shift + n, 0, last)
    channel = np.arange(total.shape[1])
    return (total[high, channel] - total[low, channel]).sum(axis=1)


class Boxes:
    """Dedispersed boxcars of a series, from running sums."""

    def __init__(self, series: Series, header: StreamHeader) -> None:
        zero = np.zeros((1, series.signal.shape[1]))
        self.signal = np.concatenate([zero, np.cumsum(series.signal, axis=0)])
        self.weight = np.concatenate([zero, np.cumsum(series.weight, axis=0)])
        self.header, self.bin_s = header, header.tsamp_s * series.window.decimation

    def shift(self, dm: float) -> NDArray[np.int64]:
        """(channel,) delay in bins."""
        return np.round(delays_s(self.header.freq_mhz, dm) / self.bin_s).astype(np.int64)

    def mean_snr(
        self, dm: float, first: NDArray[np.int64], n: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weighted mean and S/N of boxes of `n` bins that start at bins `first`."""
        signal = shifted_boxes(self.signal, first, n, self.shift(dm))
        weight = shifted_boxes(self.weight, first, n, self.shift(dm))
        ok = weight > weight.max(initial=0.0) * 1e-6
        safe = np.where(ok, weight, 1.0)
        mean = np.where(ok, signal / safe, np.nan)
        return mean, np.where(ok, signal / np.sqrt(safe), np.nan)
