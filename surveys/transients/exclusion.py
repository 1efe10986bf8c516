"""What a search without a detection excludes: of one source in a cell, and of a population.

Over a grid of two parameters of a model. Cells are those that were searched; the distances of
their sources are those of the discs of the Galaxy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveys.transients.beams import views
from surveys.transients.detection import Search, chances
from surveys.transients.emission import Emission, Model
from surveys.transients.galaxy import Sightlines, at_one_distance, sightlines
from surveys.transients.models import grid_values, model_of, reference_values
from surveys.transients.settings import ExcludeSettings

Tell = Callable[[int, int], object]
_SQUARE_DEG = (math.pi / 180) ** 2


@dataclass(frozen=True)
class Region:
    """Cells of the sky that were searched.

    Attributes
    ----------
    pixel : NDArray of int, shape (n,)
        HEALPix, NESTED.
    nside : int
    frame : str
        "icrs" or "galactic", of the pixels.
    l_deg, b_deg, ra_deg, dec_deg : NDArray, shape (n,)
        Middle of what was searched of each.
    area_deg2 : NDArray, shape (n,)
        Of what was searched.
    seconds : NDArray, shape (n,)
        Of all visits.
    lost_deg2 : float
        Of cells that are left out: no visit has their middle in it.
    n_candidates : int
        That the searches found, in all of the coverage.
    """

    pixel: NDArray[np.int64]
    nside: int
    frame: str
    l_deg: NDArray[np.float64]
    b_deg: NDArray[np.float64]
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    area_deg2: NDArray[np.float64]
    seconds: NDArray[np.float64]
    lost_deg2: float = 0.0
    n_candidates: int = 0


@dataclass(frozen=True)
class Excluded:
    """Numbers of a set of parameters; arrays on a grid have the shape of the grid.

    Attributes
    ----------
    chance : NDArray
        That one source somewhere in the region is found, if its beam passes us and it is active.
    seen_share : NDArray
        Of sources whose beams pass us.
    rejected_share : NDArray
        Of the area: cells in which one source, of which the beam passes us, that is active, would
        have been found with the confidence asked for.
    per_density : NDArray
        Expected detections in the whole region for one source in a cubic parsec at the Sun, pc³.
    """

    chance: NDArray[np.float64]
    seen_share: NDArray[np.float64]
    rejected_share: NDArray[np.float64]
    per_density: NDArray[np.float64]


@dataclass(frozen=True)
class Exclusion:
    """What the search says of a model.

    Attributes
    ----------
    settings : ExcludeSettings
    model : Model
    region : Region
    search : Search
    emission : Emission
        Of the grid.
    grid : Excluded
        Of the grid, shape (n of the second axis, n of the first).
    rejected_points : NDArray, shape (n,)
        Share of the grid that is possible by physics, that is rejected in each cell.
    rejected_points_all : NDArray, shape (n,)
        The same of the whole grid.
    reference : dict
        One value of each parameter.
    reference_chance : NDArray, shape (n,)
        Chance of each cell to show one such source.
    sources_per_density : NDArray, shape (n,)
        Sources in each cell for one in a cubic parsec at the Sun, pc³.
    reference_per_density : NDArray, shape (n,)
        Expected detections in each cell for one source in a cubic parsec at the Sun, pc³.
    median_pc : NDArray, shape (n,)
        Distance within which half of the sources of each cell are.
    """

    settings: ExcludeSettings
    model: Model
    region: Region
    search: Search
    emission: Emission
    grid: Excluded
    rejected_points: NDArray[np.float64]
    rejected_points_all: NDArray[np.float64]
    reference: dict[str, float]
    reference_chance: NDArray[np.float64]
    sources_per_density: NDArray[np.float64]
    reference_per_density: NDArray[np.float64]
    median_pc: NDArray[np.float64]

    @property
    def expected(self) -> NDArray[np.float64]:
        """Detections of the population of the settings, on the grid."""
        return self.settings.population.density_pc3 * self.grid.per_density

    @property
    def rejected(self) -> NDArray[np.bool_]:
        """Where exp(-expected) is no more than 1 - confidence."""
        return self.expected >= self.settings.population.least_events

    @property
    def density_limit_pc3(self) -> NDArray[np.float64]:
        """Largest density at the Sun that is not rejected; infinite where nothing would be seen."""
        with np.errstate(divide="ignore"):
            return self.settings.population.least_events / self.grid.per_density


@dataclass(frozen=True)
class _Cells:
    """What of the sky all points of a grid share."""

    search: Search
    discs: Sightlines
    one: Sightlines
    area_deg2: NDArray[np.float64]
    confidence: float
    by_visit: bool

    @property
    def volume(self) -> NDArray[np.float64]:
        """Sources in each cell for one in a cubic parsec at the Sun."""
        return self.discs.volume_pc3.sum(axis=1) * self.area_deg2 * _SQUARE_DEG


def exclude(
    settings: ExcludeSettings, region: Region, search: Search, where: str, tell: Tell
) -> Exclusion:
    """Compute what a search without a detection excludes.

    Parameters
    ----------
    settings : ExcludeSettings
    region : Region
    search : Search
        Visits of the cells of the region, in their order.
    where : str
        The file of the settings, for errors.
    tell : callable
        Called with the groups of points that are done, and those there are.

    Raises
    ------
    InputError, SettingProblem
        A parameter of the model is unknown or beyond what it may be.
    """
    model = model_of(settings, where)
    discs = sightlines(settings.galaxy, region.l_deg, region.b_deg)
    distance = settings.population.distance_kpc
    one = at_one_distance(1e3 * distance, len(region.pixel)) if distance else discs
    by_visit = settings.search.activity == "visits"
    cells = _Cells(
        search, discs, one, region.area_deg2, settings.population.confidence, by_visit
    )  # fmt: skip
    frequency = settings.search.frequency_mhz
    emission = model(grid_values(model, settings), frequency)
    possible = emission.possible
    grid, counts = _empty(emission.period_s.shape), np.zeros((2, len(region.pixel)))
    for at, chance, one_chance in _points(cells, emission, tell):
        rejected = one_chance >= cells.confidence
        counts += rejected * np.array([[possible[at]], [True]])
        _fill(grid, at, cells, (chance, one_chance), emission)
    reference = reference_values(model, settings)
    alone = model({name: np.atleast_1d(value) for name, value in reference.items()}, frequency)
    _, chance, one_chance = next(_points(cells, alone, lambda done, n: None))
    return Exclusion(
        settings, model, region, search, emission, grid,
        rejected_points=counts[0] / max(int(possible.sum()), 1),
        rejected_points_all=counts[1] / possible.size,
        reference=reference,
        reference_chance=one_chance,
        sources_per_density=cells.volume,
        reference_per_density=cells.volume * chance * _seen(alone, 0) * _active(cells, alone, (0,)),
        median_pc=discs.median_pc,
    )  # fmt: skip


def _empty(shape: tuple[int, ...]) -> Excluded:
    return Excluded(*(np.zeros(shape) for _ in range(4)))


def _fill(
    grid: Excluded,
    at: tuple[int, ...],
    cells: _Cells,
    chance: tuple[NDArray, NDArray],
    emission: Emission,
) -> None:
    """Put the numbers of one point into the grid."""
    of_discs, of_one = chance
    i = int(np.ravel_multi_index(at, emission.period_s.shape))
    rejected = of_one >= cells.confidence
    grid.chance[at] = cells.volume @ of_discs / cells.volume.sum()
    grid.seen_share[at] = _seen(emission, i)
    grid.rejected_share[at] = cells.area_deg2 @ rejected / cells.area_deg2.sum()
    found = cells.volume @ of_discs * grid.seen_share[at]
    grid.per_density[at] = found * _active(cells, emission, at)


def _seen(emission: Emission, i: int) -> float:
    seen = views(*(a.ravel()[i] for a in (emission.beam_deg, emission.duty, emission.seen_share)))
    return float(seen.share.sum())


def _active(cells: _Cells, emission: Emission, at: tuple[int, ...]) -> float:
    """Share of the sources that are active, unless each visit has its own chance of it."""
    return 1.0 if cells.by_visit else float(emission.active_share[at])


def _points(
    cells: _Cells, emission: Emission, tell: Tell
) -> Iterator[tuple[tuple[int, ...], NDArray, NDArray]]:
    """Points of a grid, with the chances of cells for sources of the discs, and for one source.

    Points that differ in their flux density alone share a table.
    """
    same = (emission.period_s, emission.beam_deg, emission.duty, emission.seen_share)
    active = emission.active_share if cells.by_visit else np.ones(emission.period_s.shape)
    keys = np.stack([np.nan_to_num(a, nan=-1.0).ravel() for a in (*same, active)])
    _, first, group = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    group = group.ravel()
    for g, i in enumerate(first):
        tell(g, len(first))
        period, beam, duty, share = (float(a.ravel()[i]) for a in same)
        seen, active_share = views(beam, duty, share), float(active.ravel()[i])
        of_discs = chances(cells.search, cells.discs, period, seen, active_share)
        of_one = of_discs
        if cells.one is not cells.discs:
            of_one = chances(cells.search, cells.one, period, seen, active_share)
        for j in np.flatnonzero(group == g):
            flux = float(emission.jy_kpc2.ravel()[j])
            at = tuple(int(k) for k in np.unravel_index(j, emission.period_s.shape))
            yield at, of_discs.at(flux), of_one.at(flux)
    tell(len(first), len(first))
