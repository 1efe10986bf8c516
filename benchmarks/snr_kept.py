"""S/N kept of pulses with an ideal S/N of 15, by width, in a recording of forty minutes.

Prints the median and the lowest over random starts beside what the best of the three
heads of dsa110-nsfrb's cerberus keeps on the same task, and the limit that the finite
recording sets, 15 / sqrt(1 + w / B).
"""

from __future__ import annotations

import jax
import numpy as np

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
    data = rng.standard_normal((N_SAMPLES, 1, side, side), dtype=np.float32)
    pulses = []
    pixels = rng.permutation(side * side)
    for i, seconds in enumerate(PEER):
        width = max(1, round(seconds / TSAMP))
        for j in range(N_STARTS):
            y, x = divmod(int(pixels[i * N_STARTS + j]), side)
            start = int(rng.integers(0, N_SAMPLES - width))
            data[start : start + width, 0, y, x] += SNR / np.sqrt(width)
            pulses.append((seconds, width, start, y, x))
    config = cerberus.SearchConfig(
        freq_mhz=(1405.0,),
        tsamp_s=TSAMP,
        shape=(side, side),
        threshold=5.0,
        beam_fwhm_px=0.1,
        max_detections=4096,
        pixel_weights=False,
    )
    plan = cerberus.make_plan(config)
    weights = np.ones((N_SAMPLES, 1), np.float32)
    n = 16 * plan.frame
    learned, _ = cerberus.step(plan, cerberus.init(plan), data[:n], weights[:n])
    state, first = cerberus.step(plan, cerberus.restart(plan, learned), data, weights)
    _, last = cerberus.finish(plan, state)
    found = [d.to_numpy() for d in jax.device_get((first, last))]
    table = {k: np.concatenate([f[k] for f in found]) for k in found[0]}
    print("width (s)  ours: median   +-    lowest   limit   peer   ours / peer")
    for seconds, peer in PEER.items():
        kept = [best(table, p) for p in pulses if p[0] == seconds]
        width = max(1, round(seconds / TSAMP))
        limit = SNR / np.sqrt(1 + width / (N_SAMPLES - width))
        median = float(np.median(kept))
        error = 1.25 * float(np.std(kept)) / len(kept) ** 0.5
        print(
            f"{seconds:9.2f} {median:14.2f} {error:6.2f} {min(kept):8.2f} {limit:7.2f} {peer:6.1f}"
            f" {median / peer:10.2f}"
        )


def best(table: dict[str, np.ndarray], pulse: tuple) -> float:
    """Highest S/N at the pixel among boxcars that overlap the pulse."""
    _, width, start, y, x = pulse
    there = (table["y"] == y) & (table["x"] == x)
    there &= (table["start"] < start + width) & (table["start"] + table["width"] > start)
    return float(table["snr"][there].max(initial=0.0))


if __name__ == "__main__":
    main()
