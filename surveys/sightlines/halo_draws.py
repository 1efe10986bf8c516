"""Dispersion measures of the halos before a burst, drawn many times.

What is common to all halos, the share of hot gas and the calibrations of masses and
concentrations, is drawn once and holds for all; what is a halo's own is drawn for each.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from astropy.cosmology import FLRW
from numpy.typing import NDArray

from cosmo.concentration import RELATIONS
from cosmo.stellar import SCATTER_DEX
from surveys.catalogs.halo_catalog import Floats, HaloCatalog
from surveys.sightlines.gas_settings import GasSettings
from surveys.sightlines.halo_values import PIECE, How, Own, Tables, evaluated, gas_of, tables_for
from surveys.sightlines.settings import SightlineSettings

T = TypeVar("T")
U = TypeVar("U")

STELLAR_DEFINITION = "200c"
"""Of the halo masses that stellar masses are turned into."""


class Shared(NamedTuple):
    """What is one for all halos of a draw.

    Attributes
    ----------
    f_hot : (n,)
    mass_dex, concentration_dex : (n,)
        By which the calibrations are off.
    """

    f_hot: Floats
    mass_dex: Floats
    concentration_dex: Floats

    @classmethod
    def draw(cls, rng: np.random.Generator, gas: GasSettings, n: int) -> Shared:
        """Draw them; the share of hot gas stays between 0 and 1."""
        f_hot = np.clip(gas.f_hot + gas.f_hot_err * rng.standard_normal(n), 0.0, 1.0)
        mass, concentration = gas.mass_err_dex, gas.concentration_err_dex
        return cls(f_hot, mass * rng.standard_normal(n), concentration * rng.standard_normal(n))


@dataclass(frozen=True)
class DrawnHalos:
    """Draws of some rows of a catalog.

    Attributes
    ----------
    rows : (h,) int
    dm_rest : (r_max, h, n)
        pc cm^-3; 0 where the sightline does not cross the gas, or the halo is behind the burst.
    crossed : (r_max, h)
        Share of the draws in which it does, and is before the burst.
    z, log_mass, impact_kpc, radius_kpc : (h, n)
        Masses and radii are those of the mass definition of the gas.
    """

    rows: NDArray[np.int64]
    dm_rest: Floats
    crossed: Floats
    z: Floats
    log_mass: Floats
    impact_kpc: Floats
    radius_kpc: Floats


def draw_halos(
    catalog: HaloCatalog,
    separation_rad: Floats,
    settings: SightlineSettings,
    shared: Shared,
    r_max: tuple[float, ...],
    cosmology: FLRW,
) -> Iterator[DrawnHalos]:
    """Draw the halos of a catalog, some at a time.

    Parameters
    ----------
    catalog : HaloCatalog
    separation_rad : (h,)
        Of their centres from the burst.
    settings : SightlineSettings
    shared : Shared
    r_max : tuple of float
        Edges of the gas.
    cosmology : FLRW

    Yields
    ------
    DrawnHalos
        Random numbers of a row are its own: they depend on its place and redshift, and not
        on the other rows.
    """
    jobs = _Jobs(catalog, separation_rad, settings, shared, cosmology)
    yield from _ahead(jobs.draw, jobs.rows(r_max), max(1, 16 * PIECE // len(shared.f_hot)))


@dataclass(frozen=True)
class _Jobs:
    """Halos that are drawn some at a time."""

    catalog: HaloCatalog
    separation_rad: Floats
    settings: SightlineSettings
    shared: Shared
    cosmology: FLRW

    def rows(self, r_max: tuple[float, ...]) -> Iterator[tuple[How, Tables, NDArray[np.int64]]]:
        """Rows that go together."""
        several = max(1, PIECE // len(self.shared.f_hot))
        for how, rows in alike(self.catalog, self.settings, r_max, self.cosmology):
            tables = tables_for(self.settings, how, self.cosmology)
            for first in range(0, len(rows), several):
                yield how, tables, rows[first : first + several]

    def draw(self, job: tuple[How, Tables, NDArray[np.int64]]) -> DrawnHalos:
        how, tables, rows = job
        settings, n_edges = self.settings, len(how.r_max)
        draws = _draw(self.catalog.select(rows), self.separation_rad[rows], settings, self.shared)
        found = evaluated(how, gas_of(settings.gas, self.cosmology), tables, draws)
        dm, (mass, impact, radius) = found[:n_edges], found[n_edges:]
        before = draws.z < settings.frb.z
        dm[:, ~before] = 0.0
        ends = np.multiply(how.r_max, 1 + (settings.gas.edge or 0.0))[:, None, None]
        crossed = ((impact < ends * radius) & before).mean(axis=-1)
        return DrawnHalos(rows, dm, crossed, draws.z, mass, impact, radius)


def _ahead(work: Callable[[T], U], jobs: Iterable[T], most: int) -> Iterator[U]:
    """Results in the order of the jobs, of which each core has one at a time."""
    n = min(os.cpu_count() or 1, most)
    with ThreadPoolExecutor(n) as pool:
        waiting: deque[Future[U]] = deque()
        for job in jobs:
            waiting.append(pool.submit(work, job))
            if len(waiting) > n:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def host_halo(
    settings: SightlineSettings, shared: Shared, r_max: tuple[float, ...], cosmology: FLRW
) -> Floats | None:
    """Observed DM of the halo of the host from its middle to us, (r_max, n), by its stars."""
    frb = settings.frb
    if frb.log_mstar is None:
        return None
    error = dict.fromkeys(("log_mstar_err_lo", "log_mstar_err_hi"), frb.log_mstar_err)
    place = {"ra_deg": [frb.ra], "dec_deg": [frb.dec], "z": [frb.z]}
    host = HaloCatalog.of(**place, log_mstar=frb.log_mstar, **error)
    draws = _draw(host, np.zeros(1), settings, shared)
    (how, _), *_ = alike(host, settings, r_max, cosmology)
    tables = tables_for(settings, how, cosmology)
    through = evaluated(how, gas_of(settings.gas, cosmology), tables, draws)[: len(r_max), 0]
    return through / 2 / (1 + frb.z)


def alike(
    catalog: HaloCatalog, settings: SightlineSettings, r_max: tuple[float, ...], cosmology: FLRW
) -> Iterator[tuple[How, NDArray[np.int64]]]:
    """Rows that are evaluated in one way, and in which."""
    stars = ~np.isfinite(catalog.log_mass)
    own = np.isfinite(catalog.concentration)
    definition = np.where(stars, STELLAR_DEFINITION, catalog.mass_definition)
    gas, kinds = settings.gas, list(zip(definition.tolist(), own, stars, strict=True))
    for kind in sorted(set(kinds)):
        name, has_own, of_stars = kind
        rows = np.flatnonzero((definition == name) & (own == has_own) & (stars == of_stars))
        rest = bool(has_own), r_max, cosmology.h, bool(of_stars)
        yield How(name, gas.radius, gas.concentration, *rest), rows


def concentration_scatter(gas: GasSettings) -> float:
    """From halo to halo, in dex."""
    if gas.concentration_scatter_dex is not None:
        return gas.concentration_scatter_dex
    named = isinstance(gas.concentration, str)
    return RELATIONS[gas.concentration].scatter_dex if named else 0.0  # type: ignore[index]


def _draw(
    catalog: HaloCatalog, separation: Floats, settings: SightlineSettings, shared: Shared
) -> Own:
    n = len(shared.f_hot)
    normal, uniform = np.empty((5, len(catalog), n)), np.empty((len(catalog), n))
    for i, own in enumerate(_keys(catalog)):
        rng = np.random.default_rng([settings.mc.seed, 1, *own])
        normal[:, i] = rng.standard_normal((5, n))
        uniform[i] = rng.random(n)
    middle, low, high, _ = (column[:, None] for column in masses(catalog))
    centring = np.nan_to_num(catalog.centring_kpc)[:, None]
    return Own(
        log_mass=middle + np.where(normal[1] < 0, low, high) * normal[1],
        z=np.clip(redshifts(catalog, normal[0], uniform), 1e-5, None),
        concentration=catalog.concentration[:, None],
        east_kpc=centring * normal[3],
        north_kpc=centring * normal[4],
        separation=separation[:, None],
        f_hot=shared.f_hot,
        dex=concentration_scatter(settings.gas) * normal[2] + shared.concentration_dex,
        mass_dex=shared.mass_dex,
    )


def _keys(catalog: HaloCatalog) -> list[list[int]]:
    """What tells each halo from the others: the bits of where it is, and whether it is a halo."""
    # Zero has two signs.
    place = np.stack([catalog.ra_deg, catalog.dec_deg, catalog.z], axis=-1) + 0.0
    bits = np.ascontiguousarray(place).view(np.uint64)
    return np.column_stack([bits, catalog.has_halo.astype(np.uint64)]).tolist()


def redshifts(catalog: HaloCatalog, normal: Floats, uniform: Floats) -> Floats:
    """Redshifts (halo, draw) of standard normal draws, or of uniform ones where there is a P(z)."""
    z = catalog.z[:, None] + catalog.z_err[:, None] * normal
    if catalog.pz is not None and catalog.pz_z is not None:
        grid = catalog.pz_z
        steps = np.diff(grid) * (catalog.pz[:, 1:] + catalog.pz[:, :-1]) / 2
        below = np.concatenate([np.zeros((len(z), 1)), np.cumsum(steps, axis=1)], axis=1)
        for i in np.flatnonzero(below[:, -1] > 0):
            z[i] = np.interp(uniform[i], below[i] / below[i, -1], grid)
    return z


def masses(catalog: HaloCatalog) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Log mass of each halo, its errors to both sides (dex), and whether it is of its stars.

    The scatter about the relation is in the errors of stellar masses. Errors are two halves of
    Gaussians, of which each has half of the draws: the median and the quantiles of one standard
    deviation are those that were given.
    """
    stars = ~np.isfinite(catalog.log_mass)
    middle = np.where(stars, catalog.log_mstar, catalog.log_mass)
    low = np.where(stars, catalog.log_mstar_err_lo, catalog.log_mass_err_lo)
    high = np.where(stars, catalog.log_mstar_err_hi, catalog.log_mass_err_hi)
    scatter = np.where(stars, SCATTER_DEX, 0.0)
    return middle, np.hypot(low, scatter), np.hypot(high, scatter), stars
