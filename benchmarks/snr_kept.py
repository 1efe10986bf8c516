"""S/N kept of pulses with an ideal S/N of 15, by width, in a recording of forty minutes.

Prints the median and the lowest over random starts beside what the best of the three
heads of dsa110-nsfrb's cerberus keeps on the same task, and the limit that the finite
recording sets, 15 / sqrt(1 + w / B). The noise under a pulse adds about one to its S/N, one
way or the other; taken off each pulse, it leaves what the search itself loses.
"""

from __future__ import annotations

import sys

import numpy as np
from pulses import Pulse, median_and_error, search_pulses

import cerberus

TSAMP = 0.1342182159423828
N_SAMPLES = 17_882
PEER = {0.13: 15.4, 2.1: 11.2, 3.4: 8.3, 8.0: 9.7, 27.0: 12.7, 161.0: 10.3}
N_STARTS = 100
SNR = 15.0


def main(seed: int = 1) -> None:
    """Put pulses of each width into pixels of their own, and search."""
    rng = np.random.default_rng(seed)
    side = 96  # few pixels hold pulses, as in a real image
    pixels = rng.permutation(side * side)
    widths = {seconds: max(1, round(seconds / TSAMP)) for seconds in PEER}
    pulses = []
    for i, width in enumerate(widths.values()):
        for j in range(N_STARTS):
            y, x = divmod(int(pixels[i * N_STARTS + j]), side)
            pulses.append(Pulse(int(rng.integers(0, N_SAMPLES - width)), width, 0.0, y, x))
    config = cerberus.SearchConfig(
        freq_mhz=(1405.0,),
        tsamp_s=TSAMP,
        shape=(side, side),
        threshold=5.0,
        beam_fwhm_px=0.1,
        max_detections=4096,
        pixel_weights=False,
    )
    kept = search_pulses(cerberus.make_plan(config), pulses, N_SAMPLES, SNR, seed)
    print("                  ours             own noise taken off")
    print("width (s)  median   +-  lowest    median   +-  lowest   limit   peer   ours / peer")
    for i, (seconds, width) in enumerate(widths.items()):
        rows = slice(i * N_STARTS, (i + 1) * N_STARTS)
        columns = []
        for values in (kept.snr[rows], kept.without_noise[rows]):
            median, error = median_and_error(values)
            columns.append(f"{median:8.2f} {error:4.2f} {values.min():7.2f}")
        limit, peer = SNR / np.sqrt(1 + width / (N_SAMPLES - width)), PEER[seconds]
        print(
            f"{seconds:9.2f}{columns[0]}  {columns[1]} {limit:7.2f} {peer:6.1f}"
            f" {np.median(kept.snr[rows]) / peer:10.2f}"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
