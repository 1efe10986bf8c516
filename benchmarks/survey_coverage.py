"""How long a map of what was searched takes: ``python benchmarks/survey_coverage.py [N] [NSIDE]``.

Ten thousand files of five minutes of a drift scan with a beam of 3.2 degrees, and as many
pointings that follow the sky. Prints seconds, the processor's too, the peak of memory, and how far
time times area is from that of the beams; then how much the exposure hangs on NSIDE. The goal is 60
s on two idle cores.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from surveys.coverage.exposure import expose
from surveys.coverage.pointings import Pointings
from surveys.coverage.run import cover
from surveys.coverage.settings import CoverageSettings
from surveys.scheduling import Workers

GOAL_S = 60.0
BEAM_DEG, LEAST_GAIN, FILE_S = 3.2, 0.1, 302.0


def drift_scan(n: int, drift: bool) -> Pointings:
    """A file after the other; the declination changes every day."""
    rng = np.random.default_rng(1)
    after_s = FILE_S * np.arange(n)
    return Pointings.of(
        start_mjd=60310 + after_s / 86400,
        duration_s=FILE_S,
        searched_s=0.95 * FILE_S,
        ra=after_s * 15.041067 / 3600 % 360,
        dec=30.0 + 2.0 * ((after_s // 86400) % 10),
        drift=drift,
        noise_jy=0.03 * rng.uniform(0.9, 1.4, n),
        tsamp_s=0.134,
        beam_fwhm_deg=BEAM_DEG,
        threshold=7.0,
        max_width_s=160.8,
    )


def main() -> None:
    """Measure and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    nside = int(sys.argv[2]) if len(sys.argv) > 2 else 1024
    settings = CoverageSettings(nside=nside, run=Workers(workers=2))
    area = np.pi * BEAM_DEG**2 * np.log(1 / LEAST_GAIN) / (4 * np.log(2))
    for drift in (False, True):
        pointings = drift_scan(n, drift)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "pointings.ecsv"
            pointings.write(path)
            begun, cpu = time.monotonic(), time.process_time()
            found = cover([path], settings, None, lambda _: None).coverage
            wall, cpu = time.monotonic() - begun, time.process_time() - cpu
        total = found.total_s.sum() * found.pixel_deg2 / (area * pointings.searched_s.sum())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        kind = "drifting" if drift else "following the sky"
        print(
            f"{n} pointings {kind}, NSIDE {nside}: {wall:.1f} s (goal {GOAL_S:g} s), "
            f"{cpu:.1f} s of the processor, {peak:.2f} GiB at most, {len(found.pixel)} pixels x "
            f"{len(found.columns)} columns, time x area off by {total - 1:+.1e}"
        )
    few = drift_scan(40, True)
    exposed = {}
    for side in (64, 128, 256, 512, 1024, 2048):
        found = expose(few, side)
        exposed[side] = [
            float(found.exposure_s(flux, 1.0).sum() * found.pixel_deg2) for flux in (0.1, 0.3, 3.0)
        ]
    for side, values in exposed.items():
        apart = [f"{v / best - 1:+.1e}" for v, best in zip(values, exposed[2048], strict=True)]
        print(f"NSIDE {side}: exposure to 0.1, 0.3, 3 Jy of 1 s off by {', '.join(apart)}")


if __name__ == "__main__":
    main()
