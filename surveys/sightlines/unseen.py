"""Halos that no catalog has, and how the baryons are shared between halos and the IGM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import jax
import numpy as np
from astropy import constants
from astropy.cosmology import FLRW
from numpy.typing import NDArray

from cosmo.background import cosmology_named
from cosmo.baryons import diffuse_fraction
from cosmo.halos import Halo, mean_density, radius_kpc
from cosmo.mass_function import MassFunction
from cosmo.profiles import gas_mass
from surveys.catalogs.halo_catalog import Floats
from surveys.sightlines.halo_draws import Shared, concentration_scatter
from surveys.sightlines.halo_values import PIECE, How, Own, evaluated, gas_of, tables_for
from surveys.sightlines.settings import SightlineSettings

DEFINITION = "200m"
"""Of the masses of the mass function."""

_N_Z, _PER_DECADE = 16, 20
_N_COLLAPSED = 9
_HEAVIEST = 16.0
_MARGIN = 1.2
"""By which the radius of the gas may be larger than that of the mass function's mass.

The densities of no mass definition are less than those of 200m by more than an eighth.
"""

_TYPICAL = 1e12, 7.67
"""Mass and concentration of the halos that hold most of the gas."""


@dataclass(frozen=True)
class HaloStatistics:
    """Halos before a burst as a mass function has them.

    Attributes
    ----------
    settings : SightlineSettings
    cosmology : FLRW
    """

    settings: SightlineSettings
    cosmology: FLRW

    def share_between_halos(self, r_max: float) -> tuple[Callable[[Floats], Floats], str]:
        """Share of the baryons in the IGM against redshift, and what is to be said of it.

        Without ``f_igm``, it is what halos of ``log_mass_min`` and more, filled with gas to
        ``r_max``, and stars leave of the baryons. With it, no baryon should be counted twice:
        if one is, the note says so.
        """
        gas, given = self._gas_share(r_max), self.settings.igm.f_igm

        def between(z: Floats) -> Floats:
            if given is not None:
                return np.full(np.shape(z), given)
            return np.maximum(diffuse_fraction(z, self.cosmology) - gas * self._collapsed(z), 0.0)

        z = np.array(self.settings.frb.z / 2)
        diffuse, halos = diffuse_fraction(z, self.cosmology), gas * self._collapsed(z)
        share = between(z)
        said = (
            f"r_max {r_max:g}: baryons at z = {z:.3g}: {diffuse:.3f} diffuse, {halos:.3f} in halos "
            f"of log M >= {self.settings.unseen.log_mass_min:g}, {share:.3f} in the IGM"
        )
        if share + halos > diffuse:
            remedy = "lower f_hot" if given is None else "leave f_igm out, or lower f_hot"
            said += f": {share + halos - diffuse:.3f} counted twice; {remedy}"
        return between, said

    def _collapsed(self, z: Floats) -> Floats:
        """Fraction of all matter in halos that have hot gas."""
        least, last = self.settings.unseen.log_mass_min, self.settings.frb.z
        return np.interp(z, *_collapsed(self.settings.cosmology, least, last))

    def _gas_share(self, r_max: float) -> float:
        """Hot gas of a halo to its edge, over the baryons of its mass."""
        mass, concentration = _TYPICAL
        density = mean_density(self.settings.gas.radius, self.settings.frb.z / 2, self.cosmology)
        gas = replace(gas_of(self.settings.gas, self.cosmology), r_max=r_max)
        with jax.enable_x64(True):
            halo = Halo(mass, radius_kpc(mass, density), concentration)
            return float(gas_mass(gas, halo, np.inf) / (gas.f_baryon * mass))

    @cached_property
    def function(self) -> MassFunction:
        """The mass function."""
        return MassFunction(self.cosmology)

    def draw(
        self, rng: np.random.Generator, shared: Shared, r_max: tuple[float, ...]
    ) -> NDArray[np.float64]:
        """Observed DM of halos below the limit of the catalogs, (r_max, n): those of each draw.

        Their number has Poisson's scatter, and each its mass, redshift and place.
        """
        limit, n = self.settings.unseen.log_mass_limit, len(shared.f_hot)
        out = np.zeros((len(r_max), n))
        if limit is None:
            return out
        for draw, halos in self._halos(rng, limit, max(r_max), n):
            dm = self._observed(rng, Shared(*(v[draw] for v in shared)), r_max, halos)
            out += np.stack([np.bincount(draw, one, n) for one in dm])
        return out

    def _halos(
        self, rng: np.random.Generator, limit: float, r_max: float, n: int
    ) -> Iterator[tuple[NDArray[np.int64], tuple[Floats, Floats, Floats]]]:
        """Draws that halos belong to, and their z, log mass and impact; some at a time."""
        least = self.settings.unseen.log_mass_min
        z_edges = np.linspace(0.0, self.settings.frb.z, _N_Z + 1)
        m_edges = np.linspace(least, limit, max(2, round((limit - least) * _PER_DECADE)) + 1)
        z, log_mass = ((e[1:] + e[:-1]) / 2 for e in (z_edges, m_edges))
        reach = r_max * (1 + (self.settings.gas.edge or 0.0)) * _MARGIN
        density = mean_density(self.settings.gas.radius, z, self.cosmology)[:, None]
        radius = reach * np.cbrt(3 * 10**log_mass / (4 * np.pi * density))
        area = np.pi * (radius / 1e3 * (1 + z[:, None])) ** 2
        path = constants.c.to_value("km/s") / self.cosmology.H(z).value * np.diff(z_edges)
        number = np.stack([self.function.density(log_mass, one) for one in z])
        rate = number * np.diff(m_edges) * area * path[:, None]
        several = max(1, int(PIECE / rate.sum()))
        for first in range(0, n, several):
            counts = rng.poisson(rate.sum(), min(several, n - first))
            draw = np.repeat(np.arange(first, first + len(counts)), counts)
            if not len(draw):
                continue
            cell = rng.choice(rate.size, len(draw), p=rate.ravel() / rate.sum())
            i_z, i_m = np.unravel_index(cell, rate.shape)
            places = (
                z_edges[i_z] + rng.random(len(draw)) * np.diff(z_edges)[i_z],
                m_edges[i_m] + rng.random(len(draw)) * np.diff(m_edges)[i_m],
                radius.ravel()[cell] * np.sqrt(rng.random(len(draw))),
            )
            yield draw, places

    def _observed(
        self,
        rng: np.random.Generator,
        shared: Shared,
        r_max: tuple[float, ...],
        halos: tuple[Floats, Floats, Floats],
    ) -> Floats:
        """Of halos, each with what is shared by those of its draw."""
        z, log_mass, impact = halos
        gas = self.settings.gas
        dex = concentration_scatter(gas) * rng.standard_normal(len(z)) + shared.concentration_dex
        draws = Own(log_mass, z, np.nan, 0.0, impact, 0.0, shared.f_hot, dex)
        how = How(DEFINITION, gas.radius, gas.concentration, False, r_max, self.cosmology.h)
        tables = tables_for(self.settings, how, self.cosmology)
        found = evaluated(how, gas_of(gas, self.cosmology), tables, draws)
        return found[: len(r_max)] / (1 + z)


@lru_cache(maxsize=64)
def _collapsed(cosmology: str, least: float, last: float) -> tuple[Floats, Floats]:
    """Redshifts, and the fraction of all matter in halos of a log mass and more."""
    function = MassFunction(cosmology_named(cosmology))
    grid = np.linspace(0.0, last, _N_COLLAPSED)
    return grid, np.array([function.collapsed(least, _HEAVIEST, z) for z in grid])
