"""Limits of a survey on a grid of 50 periods and 50 widths, with their maps.

    python benchmarks/survey_limits.py [--pointings 2000] [--grid 50] [--common]

A drifting telescope looks at the Galactic plane near the anticentre, an hour at a time. Prints
seconds for each step; the whole is to take less than 30. With `--common` the phases of all visits
follow from one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from astropy.coordinates import SkyCoord

from surveys.coverage.completeness import IdealCompleteness
from surveys.coverage.exposure import expose
from surveys.coverage.pointings import Pointings
from surveys.coverage.visits import visits
from surveys.rates.bursts import BurstGrid, area_times_time
from surveys.rates.periodic import Trains, p_seen
from surveys.rates.run import run
from surveys.rates.settings import LimitsSettings, PeriodicSettings
from surveys.rates.trains import Stays

T = TypeVar("T")
GOAL_S = 30.0


def timed(what: str, work: Callable[[], T]) -> T:
    """Do it, and print how long it took."""
    begun = time.perf_counter()
    out = work()
    print(f"{what:60} {time.perf_counter() - begun:8.2f} s")
    return out


def pointings_of(n: int) -> Pointings:
    """Hours of drift over -3.5 < b < 5.7, 141 < l < 225."""
    rng = np.random.default_rng(0)
    at = SkyCoord(rng.uniform(141, 225, n), rng.uniform(-3.5, 5.7, n), unit="deg", frame="galactic")
    return Pointings.of(
        start_mjd=60000 + 0.05 * np.arange(n),
        duration_s=3600.0,
        searched_s=3400.0,
        ra=at.icrs.ra.deg,
        dec=at.icrs.dec.deg,
        drift=True,
        noise_jy=0.0483,
        tsamp_s=0.1342,
        beam_fwhm_deg=3.2,
        field_deg=3.4,
        threshold=6.0,
        max_width_s=160.8,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pointings", type=int, default=2000)
    parser.add_argument("--grid", type=int, default=50)
    parser.add_argument("--common", action="store_true")
    arguments = parser.parse_args()
    n, found = arguments.grid, IdealCompleteness()
    pointings = pointings_of(arguments.pointings)
    coverage = timed("exposure map, NSIDE 256", lambda: expose(pointings, 256, "galactic"))
    phases = "common" if arguments.common else "independent"
    settings = LimitsSettings(
        periodic=PeriodicSettings(n_periods=n, n_widths=n, phases=phases),
    )
    flux, width = np.geomspace(0.02, 10, n), np.geomspace(0.134, 100, n)
    timed(
        f"rates of bursts, {n} x {n} fluxes and widths",
        lambda: BurstGrid(flux, width, found).exposure(coverage, area_times_time(coverage)),
    )
    places = coverage.degraded(settings.periodic.nside)
    ra, dec = places.centres("icrs")
    stays = timed(
        f"visits of {len(ra)} places", lambda: Stays.of(visits(pointings, ra, dec), pointings)
    )
    trains = Trains(
        1.0, np.geomspace(10, 2e4, n), np.geomspace(0.2, 100, n), phases=settings.periodic.phases
    )
    timed(
        f"P(seen), {n} x {n} periods and widths, {len(stays)} visits",
        lambda: p_seen(stays, len(ra), trains, found),
    )
    begun = time.perf_counter()
    run(coverage, settings)
    taken = time.perf_counter() - begun
    print(f"{'all limits and maps of `survey limits`':60} {taken:8.2f} s")
    print(f"{'goal over that':60} {GOAL_S / taken:8.2f}")


if __name__ == "__main__":
    main()
