"""What flags take from pulses, and from interference, of simulated visibilities.

24 antennas of DSA-110, 32 channels, a steady source of 5 Jy, a minute. Each row is one
recording: the share of the samples and channels of the pulse, or of the transmitter, that lose
their weight, without and with the test for points of the field, and what is flagged beside it.

    python benchmarks/flagging.py
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace

import numpy as np
from astropy.utils import iers
from numpy.typing import NDArray

from pipeline.flagging.power import PowerFlagger
from pipeline.flagging.visibilities import frame_flagging
from pipeline.imaging.settings import ImagingSettings
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Array, Pulse, Recording, Rfi, Source
from pipeline.visibilities.flags import FlaggedReader
from pipeline.visibilities.nsfrb import NsfrbReader

TSAMP_S = 0.1342182159
NEAR = (250.0, 400.0, 10.0)
QUIET = SimulationConfig(
    recording=Recording(duration_s=60.0, format="nsfrb", seed=1),
    array=Array(n_antennas=24, channels=2),
    sources=(Source(flux=5.0, x=112.0, y=71.0),),
)


def recorded(config: SimulationConfig, folder: str) -> NsfrbReader:
    """A simulated recording."""
    return NsfrbReader(list(simulate(config, folder).recordings))


def flagged(vis: NsfrbReader, points: bool) -> NDArray[np.bool_]:
    """Samples and channels that lose their weight."""
    looking = frame_flagging(vis, ImagingSettings())
    if not points:
        plain = (
            replace(f, points=None) if isinstance(f, PowerFlagger) else f for f in looking.flaggers
        )
        looking = replace(looking, flaggers=tuple(plain))
    weights = FlaggedReader(vis, [], looking=looking).read(0, vis.header.n_samples).weights
    return (weights == 0).all(axis=1)


def row(name: str, config: SimulationConfig) -> None:
    """Print what is flagged of what a configuration adds to the quiet recording."""
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
        vis, without = recorded(config, a), recorded(QUIET, b)
        n = vis.header.n_samples
        added = np.abs(vis.read(0, n).data - without.read(0, n).data).mean(axis=1)
        # What holds a hundredth of the brightest, for a sample that it fills in part.
        there = added > 0.01 * max(float(added.max()), 1e-30)
        begun = time.perf_counter()
        shares = []
        for points in (False, True):
            mask = flagged(vis, points)
            inside = mask[there].mean() if there.any() and config != QUIET else 0.0
            shares.append((inside, int(mask[~there].sum()) if config != QUIET else int(mask.sum())))
    (plain, _), (kept, beside) = shares
    took = time.perf_counter() - begun
    counts = f"{there.sum()} | {plain:.1%} | {kept:.1%} | {beside}"
    print(f"| {name} | {counts} | {took:.1f} |", flush=True)


def main() -> None:
    """Print the table."""
    iers.conf.auto_download = False
    print("| what | cells | flagged, plain | flagged | beside it | s |")
    print("|---|---|---|---|---|---|")
    row("nothing", QUIET)
    for snr in (10, 30, 100, 300, 1000):
        for dm in (0.0, 1000.0):
            pulse = Pulse(time_s=30.0, width_s=0.27, dm=dm, snr=float(snr), x=60.0, y=110.0)
            row(f"pulse of {snr} σ, DM {dm:g}", replace(QUIET, pulses=(pulse,)))
    for flux in (5.0, 10.0, 30.0, 300.0):
        burst = Rfi(time_s=20.0, duration_s=3 * TSAMP_S, flux=flux, place_m=NEAR)
        row(f"near-field burst of {flux:g} Jy", replace(QUIET, rfi=(burst,)))
        narrow = replace(burst, channels=(7,))
        row(f"the same in one channel, {flux:g} Jy", replace(QUIET, rfi=(narrow,)))
        row(f"for 20 s, {flux:g} Jy", replace(QUIET, rfi=(replace(narrow, duration_s=20.0),)))


if __name__ == "__main__":
    main()
