"""Pulses a minute that an injection campaign puts in and measures on this machine.

Simulates ten minutes of 134 ms images (16 channels, noise that is correlated like the PSF) and
injects into them: once counting what is found, and once cutting out and fitting every candidate.
The floor is the search of the recording alone.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from pipeline.injection.campaign import Campaign, CampaignSettings
from pipeline.injection.recording import Recording
from pipeline.injection.settings import InjectionSettings
from pipeline.search import SearchSettings
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Image, Noise
from pipeline.simulation.config import Recording as Simulated


def timed(recording: Recording, out: Path, n: int, n_refined: int) -> tuple[int, float, float]:
    """Pulses, seconds of the passes, and of the search without pulses."""
    settings = CampaignSettings(InjectionSettings(n=n, n_refined=n_refined), recording.search)
    marks: list[tuple[str, float]] = []

    def tell(_done: int, _all: int, said: str) -> None:
        if not marks or marks[-1][0] != said:
            marks.append((said, time.perf_counter()))

    campaign = Campaign(recording, out, settings, tell)
    table = campaign.run()
    ended = time.perf_counter()
    return len(table), ended - marks[1][1], marks[1][1] - marks[0][1]


def main(n: int = 600, side: int = 96, seconds: float = 600.0) -> None:
    """Print a line for each kind of campaign."""
    config = SimulationConfig(
        recording=Simulated(duration_s=seconds, seed=8),
        image=Image(shape=(side, side)),
        noise=Noise(correlated=True),
    )
    with tempfile.TemporaryDirectory() as folder:
        made = simulate(config, Path(folder) / "noise").recordings
        recording = Recording(made, SearchSettings())
        print(f"{seconds:g} s of {side} x {side} pixels")
        for name, n_refined in (("counted", 0), ("fitted", 100_000)):
            pulses, wall, floor = timed(recording, Path(folder) / name, n, n_refined)
            print(
                f"{name:8s} {pulses} pulses in {wall:.0f} s: {60 * pulses / wall:.0f} a minute;"
                f" a search alone {floor:.1f} s"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
