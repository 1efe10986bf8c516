"""From a coverage to the cells and visits that models are held against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import healpy
import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord

from surveys.coverage.completeness import (
    Completeness,
    IdealCompleteness,
    read_completeness,
)
from surveys.coverage.coverage import Coverage, turned_to
from surveys.coverage.coverage_file import read_coverage
from surveys.coverage.visits import visits
from surveys.errors import InputError
from surveys.rates.trains import Stays
from surveys.transients.detection import Search
from surveys.transients.exclusion import Region
from surveys.transients.settings import SearchSettings

_WIDEST_NSIDE = 64
"""Of cells, unless more is asked for: they are then 0.84 square degrees."""


def read_region(path: Path, settings: SearchSettings, where: str) -> tuple[Region, Search]:
    """Cells of a coverage that were searched, and their visits.

    Parameters
    ----------
    path : Path
        ``coverage.h5``, or its folder.
    settings : SearchSettings
    where : str
        Their file, for errors.

    Raises
    ------
    InputError
        The coverage is damaged or empty, or was made without pointings, or has larger pixels than
        are asked for.
    """
    return cells_of(read_coverage(path), settings, completeness_of(settings), where)


def completeness_of(settings: SearchSettings) -> Completeness:
    """As measured, if the settings name a folder; else ideal."""
    if settings.completeness is not None:
        return read_completeness(settings.completeness)
    return IdealCompleteness(efficiency=settings.efficiency)


def cells_of(
    coverage: Coverage, settings: SearchSettings, completeness: Completeness, where: str
) -> tuple[Region, Search]:
    """The same of a coverage that is at hand."""
    pointings = coverage.pointings
    if pointings is None:
        raise InputError(
            coverage.where, "pointings", "are missing", "make the coverage from pointings"
        )
    seen = coverage.total_s > 0
    if not seen.any():
        raise InputError(coverage.where, "seconds", "are all 0", "give a coverage of a search")
    nside = settings.nside or min(coverage.nside, _WIDEST_NSIDE)
    if nside > coverage.nside:
        problem = f"is {nside}, more than the {coverage.nside} of {coverage.where}"
        raise InputError(where, "search.nside", problem, f"give {coverage.nside} or less")
    seen &= settings.inside(*coverage.centres("galactic"))
    if not seen.any():
        raise InputError(where, "search.l_deg", "and b_deg leave nothing", "give wider limits")
    pixel = coverage.pixel[seen]
    parents, first = np.unique(pixel // (coverage.nside // nside) ** 2, return_index=True)
    vectors = np.stack(healpy.pix2vec(coverage.nside, pixel, nest=True), -1)
    middle = np.add.reduceat(vectors, first, axis=0)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    ra, dec = healpy.vec2ang(turned_to(middle, coverage.frame, "icrs"), lonlat=True)
    area = np.diff(np.append(first, len(pixel))) * coverage.pixel_deg2
    stays = Stays.of(visits(pointings, ra, dec, coverage.least_gain), pointings)
    # The middle of what was searched of a cell may lie between two strips of it.
    cells = np.unique(stays.place)
    if not len(cells):
        problem = f"have no visit in any of {len(parents)} cells"
        raise InputError(coverage.where, "pointings", problem, "give a larger search.nside")
    stays = replace(stays, place=np.searchsorted(cells, stays.place))
    sky = SkyCoord(ra[cells] * units.deg, dec[cells] * units.deg).galactic
    region = Region(
        parents[cells], nside, coverage.frame, np.asarray(sky.l.deg), np.asarray(sky.b.deg),
        ra[cells], dec[cells], area[cells],
        np.bincount(stays.place, stays.seconds * stays.live, len(cells)).astype(float),
        float(area.sum() - area[cells].sum()), coverage.n_candidates,
    )  # fmt: skip
    return region, Search(stays, completeness, settings.long_pulses)
