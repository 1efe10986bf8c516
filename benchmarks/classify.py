"""Candidates a second: features and stamps on the host, and the network on the device.

python benchmarks/classify.py
"""

from __future__ import annotations

import time

import numpy as np

from pipeline import device
from pipeline.classifier.examples import make_examples
from pipeline.classifier.families import TRAINING
from pipeline.classifier.held import HeldReader
from pipeline.classifier.model import load
from pipeline.classifier.scenes import draw_scene, plan_of
from pipeline.classifier.stamps import make_stamp, take
from pipeline.cutouts import CutoutSettings, make_cutouts
from pipeline.injection.campaign import search_in_memory
from pipeline.vetting import features

N_STAMPS, N_CANDIDATES = 200, 8192


def stamps_a_second() -> float:
    """Stamps of cut-outs of a simulated recording."""
    family = TRAINING[1]
    plan = plan_of(family)
    reader: HeldReader = draw_scene(family, plan, (1, 2, 3)).reader
    table = search_in_memory(reader, plan).table
    grid, widths = plan.dm_pc_cm3, np.asarray(plan.widths)
    rows = {i: table.row(i) for i in range(min(20, len(table)))}
    cutouts = make_cutouts(reader, rows, grid, widths, CutoutSettings(fit=False))
    begun = time.perf_counter()
    for i in range(N_STAMPS):
        cutout = cutouts[i % len(cutouts)]
        make_stamp(cutout, reader.header, features(cutout, reader.header))
    return N_STAMPS / (time.perf_counter() - begun)


def classified_a_second() -> float:
    """Candidates that the network has seen, transfers included, compilation not."""
    classifier, rng = load(), np.random.default_rng(0)
    examples, _ = make_examples(TRAINING[1], 0, 1)
    rows = rng.integers(len(examples), size=N_CANDIDATES)
    stamps = take(examples.stamps, rows)
    classifier.probabilities(stamps)
    begun = time.perf_counter()
    classifier.probabilities(stamps)
    return N_CANDIDATES / (time.perf_counter() - begun)


def main() -> None:
    """Print both."""
    device.prepare()
    print(f"device: {device.describe()}")
    print(f"features and stamps: {stamps_a_second():.0f} candidates a second, one thread")
    print(f"network: {classified_a_second():.0f} candidates a second")


if __name__ == "__main__":
    main()
