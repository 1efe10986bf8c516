"""All limits of a survey, from its coverage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from surveys.coverage.completeness import Completeness, IdealCompleteness, read_completeness
from surveys.coverage.coverage import Coverage
from surveys.coverage.motion import unit_vectors
from surveys.coverage.visits import visits
from surveys.errors import InputError, SettingProblem
from surveys.rates.bursts import BurstGrid, PowerLaw, area_times_time, rate_limit, upper_of
from surveys.rates.cells import Cells, cell_numbers, cells_of
from surveys.rates.counts import Counts, count
from surveys.rates.periodic import Trains, p_seen
from surveys.rates.poisson import upper_limit
from surveys.rates.settings import LimitsSettings, PeriodicSettings
from surveys.rates.trains import Stays

Tell = Callable[[int, int], object]
"""Called with what is done and what there is."""
_PLACES = 256
"""At a time."""


@dataclass(frozen=True)
class CellLimits:
    """Limits of cells, for bursts of one flux and width.

    Attributes
    ----------
    cells : Cells
    area_deg2, hours : (c,)
        Area of the pixels that were searched, and their mean time.
    k : (c,) int
        Counted in each; in the whole survey where no places are known.
    exposure : (c,)
        deg2 h, times the share found.
    limit : (c,)
        h-1 deg-2; NaN where nothing is known.
    grid_exposure, grid_limit : (c, w, f)
        The same for all widths and fluxes.
    """

    cells: Cells
    area_deg2: NDArray[np.float64]
    hours: NDArray[np.float64]
    k: NDArray[np.int64]
    exposure: NDArray[np.float64]
    limit: NDArray[np.float64]
    grid_exposure: NDArray[np.float64]
    grid_limit: NDArray[np.float64]


@dataclass(frozen=True)
class PeriodicLimits:
    """Limits on the number of sources that pulse with a period.

    Attributes
    ----------
    flux_jy : (f,)
    period_s : (p,)
    width_s : (w,)
    pixel : (place,) int
        HEALPix, NESTED, of the frame of the coverage.
    nside : int
    seen : (f, place, p, w) float32
        Probability that at least one pulse was found.
    pixel_deg2 : float
    upper : float
        Limit on the mean count.
    """

    flux_jy: NDArray[np.float64]
    period_s: NDArray[np.float64]
    width_s: NDArray[np.float64]
    pixel: NDArray[np.int64]
    nside: int
    seen: NDArray[np.float32]
    pixel_deg2: float
    upper: float

    @property
    def effective_deg2(self) -> NDArray[np.float64]:
        """Area times the probability to be seen, (f, p, w)."""
        return self.seen.sum(1, dtype=np.float64) * self.pixel_deg2

    @property
    def density(self) -> NDArray[np.float64]:
        """Upper limit on the sources per square degree, (f, p, w); NaN without one."""
        area = self.effective_deg2
        known = area > 1e-6 * len(self.pixel) * self.pixel_deg2
        return np.divide(self.upper, area, out=np.full(area.shape, np.nan), where=known)

    def rejected(self, confidence: float) -> NDArray[np.float64]:
        """Share of the area in which one source would have been seen with a probability."""
        out = (self.seen >= confidence).mean(axis=1)
        return np.where(np.isnan(self.seen).any(axis=1), np.nan, out)


@dataclass(frozen=True)
class Limits:
    """All results.

    Attributes
    ----------
    settings : LimitsSettings
    coverage : Coverage
    completeness : Completeness
    counts : Counts
    exposure, rate, power_law_exposure, power_law_rate : (w, f)
        Area times time, deg2 h, times the share found, of bursts of the grid; the upper limit on
        their rate, h-1 deg-2. The last two of all bursts of a power law, above the flux.
    map : Coverage
        That of the pixels of the map.
    map_hours, map_rate : (n,)
        Time of each, times the share found, and its limit, h-1 deg-2, at the flux and width of
        maps.
    cells : CellLimits
    periodic : PeriodicLimits, optional
    """

    settings: LimitsSettings
    coverage: Coverage
    completeness: Completeness
    counts: Counts
    exposure: NDArray[np.float64]
    rate: NDArray[np.float64]
    power_law_exposure: NDArray[np.float64] | None
    power_law_rate: NDArray[np.float64] | None
    map: Coverage
    map_hours: NDArray[np.float64]
    map_rate: NDArray[np.float64]
    cells: CellLimits
    periodic: PeriodicLimits | None


def run(coverage: Coverage, settings: LimitsSettings, tell: Tell = lambda *_: None) -> Limits:
    """Compute all limits.

    Raises
    ------
    InputError
        The coverage has no time in it, or no pointings for sources with periods; a file cannot be
        used.
    SettingProblem
        Cells are smaller than pixels.
    """
    if not coverage.seconds.sum() > 0:
        remedy = "give a coverage in which something was searched"
        raise InputError(coverage.where, "seconds", "are all 0: there is no limit", remedy)
    found, counts = _completeness(settings), count(settings.counts)
    bursts = settings.bursts
    flux, width = np.array(bursts.flux_jy), np.array(bursts.width_s)
    searched = area_times_time(coverage)
    exposure = BurstGrid(flux, width, found).exposure(coverage, searched)
    rate = rate_limit(counts.upper, exposure, searched.sum())
    steep = steep_rate = None
    if bursts.slope is not None:
        grid = BurstGrid(flux, width, PowerLaw(found, bursts.slope))
        steep = grid.exposure(coverage, searched)
        # Of bursts so bright that nothing finds them there is no limit by fainter ones either.
        steep_rate = rate_limit(counts.upper, steep, 0 * steep + searched.sum())
    there = coverage.degraded(min(bursts.map_nside, coverage.nside))
    hours = there.exposure_s(bursts.map_flux_jy, bursts.map_width_s, found) / 3600
    total = there.total_s * there.pixel_deg2 / 3600
    map_rate = rate_limit(counts.upper, hours * there.pixel_deg2, total)
    cells = _cell_limits(coverage, settings, counts, found)
    periodic = None
    if settings.periodic.wanted:
        periodic = periodic_limits(coverage, settings.periodic, found, counts.upper, tell)
    return Limits(
        settings, coverage, found, counts, exposure, rate, steep, steep_rate, there, hours,
        map_rate, cells, periodic,
    )  # fmt: skip


def _completeness(settings: LimitsSettings) -> Completeness:
    if settings.completeness.folder is not None:
        return read_completeness(settings.completeness.folder)
    return IdealCompleteness(efficiency=settings.completeness.efficiency)


def _cell_limits(
    coverage: Coverage, settings: LimitsSettings, counts: Counts, found: Completeness
) -> CellLimits:
    wanted, bursts = settings.cells, settings.bursts
    if wanted.kind == "healpix" and wanted.nside > coverage.nside:
        problem = f"is {wanted.nside}, that of the coverage is {coverage.nside}"
        raise SettingProblem("cells.nside", problem, f"give {coverage.nside} or less")
    searched = coverage.total_s > 0
    lon, lat = (a[searched] for a in coverage.centres(wanted.frame))
    cells = cells_of(lon, lat, wanted)
    n_pixels = np.bincount(cells.of_place, minlength=len(cells)).astype(np.float64)
    area = n_pixels * coverage.pixel_deg2
    by_noise = cells.sums(coverage.seconds[searched]) * coverage.pixel_deg2 / 3600
    total = by_noise.sum(1)
    exposure = by_noise @ coverage.found(bursts.map_flux_jy, bursts.map_width_s, found)
    grid = BurstGrid(np.array(bursts.flux_jy), np.array(bursts.width_s), found)
    exposures = grid.exposure(coverage, by_noise)
    k = np.full(len(cells), counts.k)
    if counts.ra is not None and counts.dec is not None:
        at = SkyCoord(counts.ra, counts.dec, unit="deg").transform_to(wanted.frame).spherical
        number = cell_numbers(at.lon.deg, at.lat.deg, wanted)
        k = (cells.number[:, None] == number).sum(1)
    upper = upper_of(k, lambda n: float(upper_limit(n, settings.counts.confidence)))
    every = rate_limit(upper[:, None, None], exposures, total[:, None, None])
    return CellLimits(
        cells, area, total / area, k, exposure, rate_limit(upper, exposure, total), exposures, every
    )


def periodic_limits(
    coverage: Coverage,
    settings: PeriodicSettings,
    completeness: Completeness,
    upper: float,
    tell: Tell = lambda *_: None,
) -> PeriodicLimits:
    """Limits on sources that pulse with a period, of the pointings of a coverage.

    Raises
    ------
    InputError
        The coverage has no pointings.
    """
    if coverage.pointings is None or not len(coverage.pointings):
        remedy = "give a coverage with its pointings, or periodic.wanted = false"
        raise InputError(coverage.where, "pointings", "are missing", remedy)
    places = coverage.degraded(min(settings.nside, coverage.nside))
    ra, dec = places.centres("icrs")
    found = visits(coverage.pointings, ra, dec, coverage.least_gain)
    # Phases of different visits hang together at the barycentre.
    icrs = unit_vectors(ra, dec) if settings.phases == "common" else None
    stays = Stays.of(found, coverage.pointings, icrs)
    period = _geometric(settings.period_s, settings.n_periods)
    width = _geometric(settings.width_s, settings.n_widths)
    seen = np.empty((len(settings.flux_jy), len(places.pixel), len(period), len(width)), np.float32)
    for i, flux in enumerate(settings.flux_jy):
        trains = Trains(
            flux, period, width, settings.activity, settings.activity_of, settings.phases
        )
        for a in range(0, len(places.pixel), _PLACES):
            b = min(a + _PLACES, len(places.pixel))
            first, end = np.searchsorted(stays.place, (a, b))
            seen[i, a:b] = p_seen(stays.part(first, end, a), b - a, trains, completeness)
            tell(i * len(places.pixel) + b, len(settings.flux_jy) * len(places.pixel))
    # The edge pixels of larger ones may have their middle where nothing was searched.
    inside = np.unique(stays.place)
    return PeriodicLimits(
        np.array(settings.flux_jy), period, width, places.pixel[inside], places.nside,
        seen[:, inside], places.pixel_deg2, upper,
    )  # fmt: skip


def _geometric(ends: tuple[float, float], n: int) -> NDArray[np.float64]:
    return np.geomspace(*ends, n) if n > 1 else np.array([np.sqrt(ends[0] * ends[1])])
