"""Candidates of noise above each S/N, counted and expected: ``images/false_alarms.png``.

Run it from anywhere: ``python docs/figures/false_alarms.py``. It searches 18 minutes of noise in
96 x 96 pixels of a DSA-110-like band, correlated like a beam of 3 pixels; a minute on two cores.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.stats import gamma

import cerberus
from cerberus.false_alarms import expected_false_alarms
from pipeline.injection.completeness import ONE_SIGMA
from pipeline.report.style import ACCENT, BLUE, new_figure, tidy, to_png

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from false_alarms import count, search  # noqa: E402

SIDE, N_SAMPLES, LOWEST = 96, 8192, 4.6


def main(seed: int = 1) -> None:
    """Search, count and draw."""
    config = cerberus.SearchConfig(
        freq_mhz=tuple(np.linspace(1492.90625, 1317.125, 16)),
        tsamp_s=0.1342182159423828,
        shape=(SIDE, SIDE),
        beam_fwhm_px=3.0,
        n_samples=N_SAMPLES,
        threshold=LOWEST,
        max_detections=4096,
        pixel_weights=False,
    )
    plan = cerberus.make_plan(config)
    found, seconds = search(plan, N_SAMPLES, seed)
    levels = np.arange(LOWEST, 6.61, 0.1)
    counted = np.array([count(plan, found, u) for u in levels])
    expected = np.array([expected_false_alarms(plan, N_SAMPLES, u) for u in levels])
    tail = (1 - ONE_SIGMA) / 2
    # The interval of a Poisson mean, with the prior of Jeffreys.
    low, high = gamma.ppf([[tail], [1 - tail]], counted + 0.5)
    figure = new_figure(5.6, 4.0)
    axes = tidy(
        figure.add_subplot(), f"{N_SAMPLES} samples of noise, {SIDE} × {SIDE} pixels", grid=True
    )
    axes.plot(levels, expected, color=BLUE, label="expected")
    axes.fill_between(levels, low, high, color=ACCENT, alpha=0.25, linewidth=0)
    axes.plot(levels, np.where(counted > 0, counted, np.nan), ".", color=ACCENT, label="found")
    axes.set(xlabel="S/N", ylabel="candidates above it", yscale="log", ylim=(0.1, None))
    axes.legend(frameon=False, fontsize=8.5)
    figure.tight_layout()
    (ROOT / "docs" / "images" / "false_alarms.png").write_bytes(to_png(figure))
    for u, n, e in zip(levels[::4], counted[::4], expected[::4], strict=True):
        sys.stdout.write(f"S/N {u:.1f}: {n} candidates, {e:.1f} expected\n")
    sys.stdout.write(f"{seconds:.0f} s\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
