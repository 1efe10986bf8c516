"""S/N kept at any DM: `python benchmarks/snr_dm.py`, for pulses with an ideal S/N of 15.

A DSA-110-like band of 16 channels, DMs on the trials and anywhere from 0 to 4000, starts
anywhere within a sample. Pulses are dispersed exactly; a sample that one covers in part
holds that part of its flux. Beside what was found stand what `cerberus.efficiency` says of
the same pulses, and what a filter would keep that knows the part of every sample (no search
can do better on sampled data). The aim is 13.5 at any DM from 2 samples up.
"""

from __future__ import annotations

import sys

import numpy as np
from pulses import Pulse, coverage, median_and_error, search_pulses

import cerberus
from cerberus.efficiency import trial_efficiency

WIDTHS = (1, 2, 4, 8, 32, 128)
N_PULSES = 256
N_SAMPLES = 8192
SIDE = 72
SNR = 15.0
AIM = 13.5


def make_pulses(
    plan: cerberus.SearchPlan, rng: np.random.Generator
) -> list[tuple[int, bool, Pulse]]:
    """(width, whether on a trial DM, pulse), each in a pixel of its own."""
    pixels, out = iter(rng.permutation(SIDE * SIDE)), []
    trials = plan.dm_pc_cm3[plan.dm_pc_cm3 <= 4000]
    for width in WIDTHS:
        for on_grid in (True, False):
            for _ in range(N_PULSES):
                dm = float(rng.choice(trials) if on_grid else rng.uniform(0, 4000))
                start = rng.uniform(0, N_SAMPLES - width - plan.max_delay)
                y, x = divmod(int(next(pixels)), SIDE)
                out.append((width, on_grid, Pulse(start, width, dm, y, x)))
    return out


def main(seed: int = 1) -> None:
    """Print a line for each width, on and off the grid of DMs."""
    config = cerberus.SearchConfig(
        freq_mhz=tuple(np.linspace(1492.90625, 1317.125, 16)),
        tsamp_s=0.1342182159423828,
        shape=(SIDE, SIDE),
        threshold=5.0,
        beam_fwhm_px=0.1,
        n_samples=N_SAMPLES,
        max_detections=2048,
        pixel_weights=False,
    )
    plan = cerberus.make_plan(config)
    made = make_pulses(plan, np.random.default_rng(seed))
    kept = search_pulses(plan, [p for *_, p in made], N_SAMPLES, SNR, seed)
    print("                         found            own noise taken off")
    print("width  DM        median   +-   tenth    median   +-   tenth   predicted  sampled   aim")
    for width in WIDTHS:
        for on_grid in (True, False):
            rows = [i for i, (w, g, _) in enumerate(made) if (w, g) == (width, on_grid)]
            chosen = [made[i][2] for i in rows]
            predicted = [trial_efficiency(plan, width, p.dm, p.start % 64) for p in chosen]
            squares = [np.sum(coverage(plan, p)[1] ** 2) for p in chosen]
            sampled = np.sqrt(np.array(squares) / (width * plan.n_channels))
            columns = []
            for values in (kept.snr[rows], kept.without_noise[rows]):
                median, error = median_and_error(values)
                columns.append(f"{median:8.2f} {error:5.2f} {np.quantile(values, 0.1):6.2f}")
            reached = np.median(kept.snr[rows]) >= AIM
            aim = "" if width < 2 else "reached" if reached else "missed"
            print(
                f"{width:5}  {'on trials' if on_grid else 'anywhere ':9}{columns[0]}  {columns[1]}"
                f" {SNR * np.median(predicted):10.2f} {SNR * np.median(sampled):8.2f}   {aim}"
            )
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
