"""What was flagged, by which flagger, when, in which channels and antennas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_WORSE = 0.01


class Tally:
    """Counts of data that were seen and that were flagged.

    Parameters
    ----------
    freq_mhz : (channel,)
    baselines : (baseline, 2) int, optional
        Antennas of each.
    """

    def __init__(
        self, freq_mhz: NDArray[np.floating], baselines: NDArray[np.integer] | None = None
    ) -> None:
        self.freq_mhz = np.asarray(freq_mhz, float)
        pairs = np.zeros((0, 2), int) if baselines is None else baselines
        self._antennas, self._ends = np.unique(pairs, return_inverse=True)
        self._ends = self._ends.reshape(-1, 2)
        self._frames: dict[int, tuple[float, dict[str, float]]] = {}
        self._seen = 0
        self._flagged: dict[str, int] = {}
        self._by_channel = np.zeros((2, len(self.freq_mhz)))
        self._by_antenna = np.zeros((2, len(self._antennas)))

    def add(
        self, samples: range, before: NDArray[np.bool_], masks: dict[str, NDArray[np.bool_]]
    ) -> None:
        """Count a frame.

        Parameters
        ----------
        samples : range
        before : (time, baseline, channel) or (time, channel) bool
            What had weight in the recording.
        masks : dict
            What each flagger, in order, says is bad; broadcast against ``before``.
        """
        seen, left = int(before.sum()), before
        self._seen += seen
        shares = {}
        for name, mask in masks.items():
            kept = left & ~mask
            flagged = int(left.sum()) - int(kept.sum())
            self._flagged[name] = self._flagged.get(name, 0) + flagged
            shares[name] = flagged / seen if seen else 0.0
            left = kept
        self._frames[samples.start] = (samples.start + samples.stop) / 2, shares
        lost = before & ~left
        others = tuple(range(before.ndim - 1))
        self._by_channel += [before.sum(axis=others), lost.sum(axis=others)]
        if before.ndim == 3:
            of_baseline = np.array([before.sum(axis=(0, 2)), lost.sum(axis=(0, 2))], float)
            for end in self._ends.T:
                for row, counts in zip(self._by_antenna, of_baseline, strict=True):
                    np.add.at(row, end, counts)

    @property
    def share_of_channel(self) -> NDArray[np.floating]:
        """Share of the data of each channel that was flagged; NaN where there were none."""
        return _share(*self._by_channel)

    @property
    def sample(self) -> NDArray[np.floating]:
        """Middle sample of each frame, in order of time."""
        return np.array([self._frames[start][0] for start in sorted(self._frames)], float)

    @property
    def share_by_time(self) -> dict[str, NDArray[np.floating]]:
        """Share of the data of each frame that each flagger flagged."""
        frames = [self._frames[start][1] for start in sorted(self._frames)]
        return {name: np.array([f.get(name, 0.0) for f in frames]) for name in self._flagged}

    def summary(self, most: int = 5) -> dict[str, Any]:
        """Shares that are flagged: of all, by flagger, and of the worst channels and antennas.

        Antennas are named that lost more than the others.
        """
        total = max(self._seen, 1)
        share = sum(self._flagged.values()) / total
        out: dict[str, Any] = {
            "share": share,
            "by_flagger": {name: n / total for name, n in self._flagged.items()},
            "by_channel": [
                {"freq_mhz": float(f), "share": float(s)}
                for f, s in _worst(self.freq_mhz, self.share_of_channel, most)
            ],
        }
        if len(self._antennas):
            out["by_antenna"] = [
                {"antenna": int(a), "share": float(s)}
                for a, s in _worst(self._antennas, _share(*self._by_antenna), most)
                if s > share + _WORSE
            ]
        return out


def _share(seen: NDArray[np.floating], flagged: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.where(seen > 0, flagged / np.where(seen > 0, seen, 1), np.nan)


def _worst(names: NDArray[Any], shares: NDArray[np.floating], most: int) -> list[tuple[Any, Any]]:
    """The largest shares above 0."""
    order = np.argsort(-np.nan_to_num(shares), kind="stable")[:most]
    return [(names[i], shares[i]) for i in order if shares[i] > 0]
