"""Time the grouping of a million detections: `python benchmarks/grouping.py`.

Three kinds of bad day: bright pulses that light up everything, interference at one
time in all pixels, and isolated peaks of noise.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from astropy.time import Time

from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable
from pipeline.grouping import group_detections

N_SAMPLES = 18_000
FREQ_MHZ = np.linspace(1288.0, 1522.0, 16)


def header(side: int) -> StreamHeader:
    """An hour-long DSA-110-like recording."""
    return StreamHeader(
        source="benchmark",
        freq_mhz=FREQ_MHZ,
        tsamp_s=0.1342182159,
        start=Time(61000.0, format="mjd"),
        n_samples=N_SAMPLES,
        shape=(side, side),
        beam_fwhm_px=3.0,
    )


def table(rng: np.random.Generator, n: int, n_events: int, side: int) -> DetectionTable:
    """`n` detections scattered around `n_events` events."""
    event = rng.integers(0, n_events, n)
    width = 2 ** rng.integers(0, 11, n)
    when = rng.integers(0, N_SAMPLES, n_events)[event]
    where = rng.integers(0, side, (2, n_events))[:, event] + rng.integers(-1, 2, (2, n))
    bright = rng.uniform(8, 200, n_events)[event]
    snr = np.maximum(7, bright / np.sqrt(width)) + rng.exponential(0.5, n)
    return DetectionTable(
        start=when - rng.integers(0, width),
        width=width,
        dm=rng.uniform(0, 4000, n_events)[event] + rng.normal(0, 200, n),
        i_dm=np.zeros(n, np.int64),
        y=where[0],
        x=where[1],
        snr=snr.astype(np.float32),
        sigma=np.ones(n, np.float32),
    )


def main() -> None:
    """Print seconds and groups for each kind."""
    rng = np.random.default_rng(1)
    n = 1_000_000
    for name, n_events in (("100 bright pulses", 100), ("20000 events", 20_000), ("noise", n)):
        detections = table(rng, n, n_events, 301)
        begin = time.perf_counter()
        labels = group_detections(detections, header(301))
        seconds = time.perf_counter() - begin
        sys.stdout.write(f"{name:20s} {n} detections {seconds:6.2f} s {labels.max() + 1} groups\n")


if __name__ == "__main__":
    main()
