"""Speed of the search on this machine: the whole DM grid and ladder, 134 ms images.

Beside the peer: cerberus of dsa110-nsfrb needs 12.4 s for a gulp of 3.36 s at 175 x 175
pixels (two idle cores, 16 DMs x 5 widths, all heads), 0.27 times real time.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

import cerberus
from pipeline import device
from pipeline.planning import measured_speed

TSAMP = 0.1342182159423828
PEER_REALTIME = 3.36 / 12.4


def main(sizes: list[int]) -> None:
    """Print a line for each image size."""
    print("pixels   compile (s)   x real time   x peer   peak memory (GiB)")
    for size in sizes:
        config = cerberus.SearchConfig(
            freq_mhz=tuple(np.linspace(1492.90625, 1317.125, 16)),
            tsamp_s=TSAMP,
            shape=(size, size),
            beam_fwhm_px=3.0,
            pixel_weights=False,
            working_bytes=device.working_bytes(),
        )
        plan = cerberus.make_plan(config)
        begun = time.perf_counter()
        cerberus.compile_step(plan)
        compiled = time.perf_counter() - begun
        speed = float(np.median([measured_speed(plan, 32) for _ in range(3)]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        peer = f"{speed / PEER_REALTIME * (size / 175) ** 2:8.0f}"
        print(f"{size:4}^2 {compiled:13.1f} {speed:13.1f} {peer} {peak:19.2f}")


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [175])
