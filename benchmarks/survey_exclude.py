"""Grids of models that a search rejects, 50 by 50 parameters, and their parts.

    python benchmarks/survey_exclude.py [--cells 1000] [--visits 10] [--points 50]

Prints seconds of wall clock and of processors.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import healpy
import numpy as np

from surveys.coverage.completeness import IdealCompleteness
from surveys.rates.trains import Stays
from surveys.transients.detection import Search
from surveys.transients.exclusion import Region, exclude
from surveys.transients.galaxy import GalaxySettings, sightlines
from surveys.transients.settings import Axis, ExcludeSettings, ModelName, SearchSettings


def anticentre(n_cells: int, n_visits: int) -> tuple[Region, Search]:
    """Cells of 0.84 square degrees around the anticentre, with drifts through a beam of 3 deg."""
    l, b = healpy.pix2ang(64, np.arange(12 * 64**2), nest=True, lonlat=True)
    pixel = np.argsort(np.abs(b) + np.abs(l - 183.0) / 20)[:n_cells]
    rng, n = np.random.default_rng(1), n_cells * n_visits
    one = np.ones(n)
    stays = Stays(
        np.repeat(np.arange(n_cells), n_visits), 0 * one, rng.uniform(300, 1400, n), 0.95 * one,
        0.0177 * np.exp(rng.uniform(0, 1.5, (n, 6))), 0.134 * one, 6 * one, 160 * one,
    )  # fmt: skip
    at = np.sort(pixel)
    l, b = l[at], b[at]
    area = np.full(n_cells, healpy.nside2pixarea(64, degrees=True))
    seconds = np.bincount(stays.place, stays.seconds).astype(float)
    return Region(at, 64, "galactic", l, b, l, b, area, seconds), Search(stays, IdealCompleteness())


def timed(what: str, work: Callable[[], object]) -> None:
    """One line."""
    begun, busy = time.perf_counter(), time.process_time()
    work()
    wall, busy = time.perf_counter() - begun, time.process_time() - busy
    print(f"{what:60} {wall:8.2f} s  {busy:8.2f} s of processors")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--visits", type=int, default=10)
    parser.add_argument("--points", type=int, default=50)
    arguments = parser.parse_args()
    region, search = anticentre(arguments.cells, arguments.visits)
    n = arguments.points
    discs = GalaxySettings(thick_share=0.12)
    lines = partial(sightlines, discs, region.l_deg, region.b_deg)
    timed(f"{arguments.cells} sightlines through the discs", lines)
    models: tuple[tuple[ModelName, Axis], ...] = (
        ("white_dwarf", Axis("field_g", 1e4, 1e9, n)),
        ("magnetar_rics", Axis("plastic_cm_yr", 1e1, 1e6, n)),
        ("empirical", Axis("peak_jy_kpc2", 1e-4, 1e2, n)),
    )
    for model, second in models:
        settings = ExcludeSettings(
            model, (Axis("period_s", 10, 2e4, n), second), SearchSettings(1400.0)
        )
        timed(f"{model}: {n} x {n} parameters, {len(search.stays)} visits",
              lambda s=settings: exclude(s, region, search, "", lambda done, of: None))  # fmt: skip


if __name__ == "__main__":
    main()
