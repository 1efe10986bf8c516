"""Speed of folding on this machine, beside riptide: one hour at 134 ms, 2 samples to half of it.

CPU seconds of this process count, so that other work on the machine does not. riptide (C++,
one thread) has 64 to 71 phase bins in periods of 64 samples and more and as many as there are
samples below; ours as many, with weights. Run it from anywhere: ``python benchmarks/folding.py``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import riptide

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cerberus.fold import make_fold_plan, periodogram

TSAMP, HOUR_S = 0.1342182159, 3600.0


def peer_seconds(x: np.ndarray, bins: int) -> float:
    """CPU seconds of riptide for one light curve."""
    n = len(x)
    begun = time.process_time()
    series = riptide.TimeSeries.from_numpy_array(x, 1.0)
    few = 2
    while few < bins:
        # Periods of as many samples as phase bins, an octave at a time.
        most = min(2 * few, bins)
        _search(series, few, most, (few, most), n)
        few = most
    _search(series, bins, n / 2, (bins, bins * 71 // 64), n)
    return time.process_time() - begun


def _search(
    series: riptide.TimeSeries, low: float, high: float, bins: tuple[int, int], n: int
) -> None:
    riptide.ffa_search(
        series,
        period_min=float(low),
        period_max=min(float(high), n / 2),
        fpmin=2,
        bins_min=bins[0],
        bins_max=max(bins[1], bins[0] + 1),
        ducy_max=0.375,
        deredden=False,
        already_normalised=True,
    )


def main(n_curves: int = 64) -> None:
    """Print a line for each number of phase bins."""
    n = round(HOUR_S / TSAMP)
    x = np.random.default_rng(0).normal(size=(n, n_curves)).astype(np.float32)
    x -= x.mean(axis=0)
    weight = np.ones((n, 1), np.float32)
    print("bins   trial periods   first (s)   light curves / CPU s   riptide   ratio")
    for bins in (64, 128):
        plan = make_fold_plan(n, bins=bins)
        begun = time.perf_counter()
        periodogram(plan, x[:, :32], weight)
        first = time.perf_counter() - begun
        begun = time.process_time()
        periodogram(plan, x, weight)
        ours = n_curves / (time.process_time() - begun)
        theirs = 1 / np.median(
            [peer_seconds(column, bins) for column in np.ascontiguousarray(x.T[:8])]
        )
        print(
            f"{bins:4} {plan.n_trials:15} {first:11.0f} {ours:22.2f} {theirs:9.1f} "
            f"{ours / theirs:7.2f}"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
