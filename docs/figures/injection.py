"""Completeness, bias and errors of a search of simulated noise, for docs/injection.md.

Simulates ten minutes of images like those of DSA-110 (16 channels, noise that is correlated like
the PSF), puts pulses in, searches, and draws what is found into docs/images; with bursts of
interference it prints the numbers alone. Takes some minutes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from pipeline.injection.campaign import Campaign, CampaignSettings
from pipeline.injection.recording import Recording
from pipeline.injection.results import write_injections
from pipeline.injection.settings import InjectionSettings
from pipeline.search import SearchSettings
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Image, Noise, Rfi
from pipeline.simulation.config import Recording as Simulated

IMAGES = Path(__file__).parents[1] / "images"


def interference(n: int, seed: int = 5) -> tuple[Rfi, ...]:
    """Bursts over the whole image: levels in all channels or a few, and patterns in a few."""
    rng, bursts = np.random.default_rng(seed), []
    for i in range(n):
        few = np.sort(rng.choice(16, rng.integers(1, 4), replace=False)).tolist() if i % 3 else []
        bursts.append(
            Rfi(
                time_s=float(rng.uniform(0, 590)),
                duration_s=float(np.exp(rng.uniform(np.log(0.1), np.log(5)))),
                flux=float(np.exp(rng.uniform(np.log(0.02), np.log(1)))),
                channels=tuple(few),
                pattern="noise" if i % 3 == 2 else "uniform",
            )
        )
    return tuple(bursts)


def main(n: int = 1000, side: int = 128, bursts: int = 0) -> None:
    """Run a campaign of ``n`` pulses in images of ``side`` pixels."""
    config = SimulationConfig(
        recording=Simulated(duration_s=600.0, seed=8),
        image=Image(shape=(side, side)),
        noise=Noise(correlated=True),
        rfi=interference(bursts),
    )
    settings = CampaignSettings(InjectionSettings(n=n, seed=2 if bursts else 0), SearchSettings())
    with tempfile.TemporaryDirectory() as folder:
        recordings = simulate(config, Path(folder) / "noise").recordings
        out = Path(folder) / "injected"
        campaign = Campaign(Recording(recordings, settings.search), out, settings)
        summary = write_injections(out, campaign.run(), campaign.summary)
        for name in () if bursts else ("completeness", "surface", "recovery"):
            (IMAGES / f"injection_{name}.png").write_bytes((out / f"{name}.png").read_bytes())
        sys.stdout.write((out / "widths.ecsv").read_text() + "\n")
    kept = {k: v for k, v in summary.items() if k not in ("config", "versions")}
    sys.stdout.write("\n".join(f"{name}: {value}" for name, value in kept.items()) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
