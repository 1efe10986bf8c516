"""Figures of docs/survey_limits.md: limits of a made-up survey, and how often limits hold.

    python docs/figures/survey_limits.py [3000]

The number is that of made-up skies for each point. Prints the numbers of the page.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import healpy
import numpy as np
from astropy.coordinates import SkyCoord
from scipy.stats import poisson

from pipeline.cli.survey_limits_figures import periodic_figure, rates_figure
from pipeline.report.style import ACCENT, BLUE, INK, MUTED, new_figure, tidy, to_png
from surveys.coverage.completeness import IdealCompleteness
from surveys.coverage.coverage import Coverage
from surveys.coverage.exposure import expose
from surveys.coverage.pointings import Pointings
from surveys.coverage.visits import visits
from surveys.rates.bursts import BurstGrid, PowerLaw, area_times_time
from surveys.rates.fake_surveys import FakeBursts, FakeTrain, count_bursts, sources_seen
from surveys.rates.poisson import upper_limit
from surveys.rates.published import published
from surveys.rates.run import periodic_limits, run
from surveys.rates.settings import LimitsSettings, PeriodicSettings
from surveys.rates.trains import Stays

IMAGES = Path(__file__).parents[1] / "images"
FOUND = IdealCompleteness(efficiency=0.93)
EXPECTED = np.array([0.3, 1.0, 2.0, 2.9, 3.1, 4.5, 6.0, 8.0, 12.0])


def pointings_of(n: int = 40) -> Pointings:
    """Hours of drift near the Galactic anticentre."""
    rng = np.random.default_rng(1)
    at = SkyCoord(rng.uniform(165, 195, n), rng.uniform(-3, 5, n), unit="deg", frame="galactic")
    return Pointings.of(
        start_mjd=60000 + 0.99 * np.arange(n), duration_s=3600.0, searched_s=3400.0,
        ra=at.icrs.ra.deg, dec=at.icrs.dec.deg, drift=True, noise_jy=0.0483, tsamp_s=0.1342,
        beam_fwhm_deg=3.2, field_deg=3.4, threshold=6.0, max_width_s=160.8,
    )  # fmt: skip


def bursts_held(pointings: Pointings, coverage: Coverage, n: int, slope: float | None) -> list:
    """Share of surveys whose limit is above the true rate."""
    completeness = FOUND if slope is None else PowerLaw(FOUND, slope)
    grid = BurstGrid(np.array([0.3]), np.array([1.0]), completeness)
    exposure = grid.exposure(coverage, area_times_time(coverage))[0, 0]
    rng, out = np.random.default_rng(2), []
    for expected in EXPECTED:
        bursts = FakeBursts(expected / exposure, 0.3, 1.0, slope)
        k = [count_bursts(pointings, bursts, FOUND, rng) for _ in range(n)]
        out.append((upper_limit(k) / exposure >= bursts.rate).mean())
    return out


def sources_held(pointings: Pointings, coverage: Coverage, n: int) -> list:
    """The same for the number of sources that pulse."""
    train = FakeTrain(0.3, 2500.0, 10.0, 0.6)
    settings = PeriodicSettings(
        flux_jy=(0.3,), period_s=(2499.9, 2500.1), width_s=(9.999, 10.001), n_periods=1,
        n_widths=1, activity=0.6, nside=128,
    )  # fmt: skip
    area = periodic_limits(coverage, settings, FOUND, 3.0).effective_deg2[0, 0, 0]
    at = coverage.degraded(64)
    rng = np.random.default_rng(3)
    n_sources = 40_000
    lon, lat = places_in(at, n_sources, rng)
    here = SkyCoord(lon, lat, unit="deg", frame=coverage.frame).icrs
    stays = Stays.of(visits(pointings, here.ra.deg, here.dec.deg), pointings)
    seen, total, out = sources_seen(stays, n_sources, train, FOUND, rng), at.area_deg2, []
    for expected in EXPECTED:
        density = expected / area
        k = rng.poisson(density * total, n)
        found = [rng.choice(seen, m).sum() for m in k]
        out.append((upper_limit(found) / area >= density).mean())
    return out


def places_in(at: Coverage, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Places all over the pixels of a map."""
    pixel = rng.choice(at.pixel, n) * 4**10 + rng.integers(0, 4**10, n)
    return healpy.pix2ang(at.nside * 1024, pixel, nest=True, lonlat=True)


def coverage_figure(held: dict[str, list], n: int) -> bytes:
    """How often limits hold, against the true mean of the count."""
    figure = new_figure(6.6, 3.8)
    axis = figure.subplots()
    mean = np.linspace(0.05, 13, 3000)
    k = np.arange(60)
    exact = (poisson.pmf(k, mean[:, None]) * (upper_limit(k) >= mean[:, None])).sum(1)
    axis.plot(mean, 100 * exact, color=MUTED, lw=1, label="exact, of whole counts")
    axis.axhline(95, color=INK, lw=0.8, ls=":")
    error = 100 * np.sqrt(0.97 * 0.03 / n)
    marks = dict(zip(held, (("o", BLUE), ("s", ACCENT), ("^", INK)), strict=True))
    for i, (name, shares) in enumerate(held.items()):
        mark, colour = marks[name]
        axis.errorbar(
            EXPECTED + 0.08 * (i - 1), 100 * np.array(shares), error, fmt=mark, ms=4.5,
            color=colour, lw=1, label=name,
        )  # fmt: skip
    axis.set(
        xlabel="true mean of the count", ylabel="surveys whose limit holds (%)", ylim=(93, 100.4)
    )
    axis.legend(fontsize=7.5, frameon=False)
    tidy(axis, "Limits at 95 % of made-up skies", grid=True)
    figure.tight_layout()
    return to_png(figure)


def main() -> None:
    """Draw, and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    pointings = pointings_of()
    coverage = expose(pointings, 256, "galactic")
    periodic = PeriodicSettings(flux_jy=(0.1, 0.3, 1.0), n_periods=40, n_widths=40)
    settings = LimitsSettings(periodic=periodic)
    settings = replace(settings, bursts=replace(settings.bursts, slope=1.5))
    limits = run(coverage, settings)
    assert limits.periodic is not None
    (IMAGES / "survey_limits_rates.png").write_bytes(to_png(rates_figure(limits, published())))
    (IMAGES / "survey_limits_periodic.png").write_bytes(
        to_png(periodic_figure(limits.periodic, settings.counts.confidence))
    )
    held = {
        "bursts of 0.3 Jy": bursts_held(pointings, coverage, n, None),
        "bursts of a power law": bursts_held(pointings, coverage, n, 1.5),
        "sources that pulse": sources_held(pointings, coverage, n),
    }
    (IMAGES / "survey_limits_held.png").write_bytes(coverage_figure(held, n))
    for name, shares in held.items():
        percent = " ".join(f"{100 * s:.1f}" for s in shares)
        sys.stdout.write(f"{name:24} {percent}\n")
    sys.stdout.write(f"error {100 * np.sqrt(0.95 * 0.05 / n):.2f}\n")


if __name__ == "__main__":
    main()
