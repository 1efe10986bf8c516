"""Windows of time and channels that hold too much: SumThreshold (Offringa et al. 2010)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.flagging.statistics import gaussian_tail


@dataclass(frozen=True)
class SumThreshold:
    """Flags windows, along time or along channels, whose mean is too high.

    A window of n cells is flagged if their sum exceeds ``sigmas`` times the square root of
    n: each length has the same rate of false alarms in Gaussian noise. Cells that a shorter
    window flagged, or that are missing, are left out of longer ones, so that what stands
    beside interference is judged by itself.

    Attributes
    ----------
    sigmas : float
        Threshold of every window, standard deviations.
    windows : tuple of int
        Lengths, the shortest first.
    """

    sigmas: float = 6.0
    windows: tuple[int, ...] = (1, 2, 4, 8, 16, 32)

    def __call__(self, deviations: NDArray[np.floating]) -> NDArray[np.bool_]:
        """What is too high of (time, channel) in standard deviations; NaN is never."""
        present = np.isfinite(deviations)
        flags = np.zeros(deviations.shape, bool)
        for length in self.windows:
            for axis in (0, 1) if length > 1 else (0,):
                if length <= deviations.shape[axis]:
                    left = present & ~flags
                    flags |= left & self._along(np.where(left, deviations, 0.0), left, length, axis)
        return flags

    def _along(
        self, values: NDArray[np.floating], left: NDArray[np.bool_], length: int, axis: int
    ) -> NDArray[np.bool_]:
        """Cells of all windows of a length along an axis that hold too much."""
        total, n = (_window_sums(a, length, axis) for a in (values, left.astype(float)))
        high = (n > 0) & (total > self.sigmas * np.sqrt(np.maximum(n, 1)))
        # A cell is in the windows that begin up to length - 1 before it.
        pad = [(0, 0), (0, 0)]
        pad[axis] = (length - 1, length - 1)
        return _window_sums(np.pad(high.astype(float), pad), length, axis) > 0.5

    def false_share(self) -> tuple[float, float]:
        """Least and largest share of cells that it flags in Gaussian noise.

        The windows that a cell is in overlap: they flag it as often as one of them at least,
        and as all together at most.
        """
        n = sum(2 * length if length > 1 else 1 for length in self.windows)
        return gaussian_tail(self.sigmas), n * gaussian_tail(self.sigmas)


def _window_sums(values: NDArray[np.floating], length: int, axis: int) -> NDArray[np.floating]:
    """Sums of all whole windows along an axis."""
    if length == 1:
        return np.asarray(values, np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=axis)
    return windows.sum(axis=-1)
