"""Completeness, bias and errors of a search of simulated noise, for docs/injection.md.

Simulates ten minutes of images like those of DSA-110 (16 channels, noise that is correlated like
the PSF), puts pulses in, searches, and draws what is found into docs/images. Takes some minutes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from pipeline.injection.campaign import Campaign, CampaignSettings
from pipeline.injection.recording import Recording
from pipeline.injection.results import write_injections
from pipeline.injection.settings import InjectionSettings
from pipeline.search import SearchSettings
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Image, Noise
from pipeline.simulation.config import Recording as Simulated

IMAGES = Path(__file__).parents[1] / "images"


def main(n: int = 1000, side: int = 128) -> None:
    """Run a campaign of ``n`` pulses in images of ``side`` pixels."""
    config = SimulationConfig(
        recording=Simulated(duration_s=600.0, seed=8),
        image=Image(shape=(side, side)),
        noise=Noise(correlated=True),
    )
    settings = CampaignSettings(InjectionSettings(n=n, n_refined=1000), SearchSettings())
    with tempfile.TemporaryDirectory() as folder:
        recordings = simulate(config, Path(folder) / "noise").recordings
        out = Path(folder) / "injected"
        campaign = Campaign(Recording(recordings, settings.search), out, settings)
        summary = write_injections(out, campaign.run(), campaign.summary)
        for name in ("completeness", "surface", "recovery"):
            (IMAGES / f"injection_{name}.png").write_bytes((out / f"{name}.png").read_bytes())
        sys.stdout.write((out / "widths.ecsv").read_text() + "\n")
    kept = {k: v for k, v in summary.items() if k not in ("config", "versions")}
    sys.stdout.write("\n".join(f"{name}: {value}" for name, value in kept.items()) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
