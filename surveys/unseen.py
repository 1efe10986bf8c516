"""Halos that no catalog has, and how the baryons are shared between halos and the IGM."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import jax
import numpy as np
from astropy.cosmology import FLRW
from numpy.typing import NDArray

from cosmo.baryons import BaryonBudget
from cosmo.halos import Halo, mean_density, radius_kpc
from cosmo.mass_function import MassFunction
from cosmo.profiles import gas_mass
from surveys.halo_catalog import Floats
from surveys.halo_draws import (
    How,
    Own,
    Shared,
    concentration_scatter,
    evaluated,
    gas_of,
    tables_for,
)
from surveys.sightline_settings import SightlineSettings

_DEFINITION = "200m"
"""Of the masses of the mass function."""

_N_Z, _PER_DECADE = 16, 20
_HEAVIEST = 16.0
_MARGIN = 1.5
"""By which the radius of the gas may be larger than that of the mass function's mass."""

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

    def share_between_halos(self, r_max: float) -> tuple[float, str]:
        """Share of the baryons in the IGM, and what is to be said of it.

        Without ``f_igm``, it is what halos of ``log_mass_min`` and more, filled with gas to
        ``r_max``, and stars leave of the baryons. With it, no baryon should be counted twice:
        if one is, the note says so.
        """
        z = self.settings.frb.z / 2
        gas = float(self._gas_share(r_max))
        collapsed = self.function.collapsed(self.settings.unseen.log_mass_min, _HEAVIEST, z)
        budget = BaryonBudget(gas, collapsed, cosmology=self.cosmology)
        diffuse, halos = float(budget.diffuse(z)), gas * collapsed
        given = self.settings.igm.f_igm
        share = max(diffuse - halos, 0.0) if given is None else given
        said = (
            f"r_max {r_max:g}: baryons at z = {z:.3g}: {diffuse:.3f} diffuse, {halos:.3f} in halos "
            f"of log M >= {self.settings.unseen.log_mass_min:g}, {share:.3f} in the IGM"
        )
        if given is not None and share + halos > diffuse:
            said += (
                f": {share + halos - diffuse:.3f} counted twice; leave f_igm out, or lower f_hot"
            )
        return share, said

    def _gas_share(self, r_max: float) -> float:
        """Hot gas of a halo to its edge, over the baryons of its mass."""
        gas = self.settings.gas
        mass, concentration = _TYPICAL
        density = mean_density(gas.radius, self.settings.frb.z / 2, self.cosmology)
        with jax.enable_x64(True):
            radius = radius_kpc(mass, density)
            halo = Halo(mass, radius, concentration)
            own = gas_of(gas, self.cosmology)
            inside = gas_mass(own, halo, radius * r_max)
            return gas.f_hot if gas.renormalise else float(inside / (own.f_baryon * mass))

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
        n = len(shared.f_hot)
        limit = self.settings.unseen.log_mass_limit
        least = self.settings.unseen.log_mass_min
        if limit is None or limit <= least:
            return np.zeros((len(r_max), n))
        z_edges = np.linspace(0.0, self.settings.frb.z, _N_Z + 1)
        m_edges = np.linspace(least, limit, max(2, round((limit - least) * _PER_DECADE)) + 1)
        z, log_mass = ((e[1:] + e[:-1]) / 2 for e in (z_edges, m_edges))
        reach = max(r_max) * (1 + (self.settings.gas.edge or 0.0)) * _MARGIN
        radius = reach * self._radius(log_mass[None], z[:, None])
        area = np.pi * (radius / 1e3 * (1 + z[:, None])) ** 2
        path = 299792.458 / self.cosmology.H(z).value * np.diff(z_edges)
        number = np.stack([self.function.density(log_mass, one) for one in z])
        rate = number * np.diff(m_edges) * area * path[:, None]
        counts = rng.poisson(rate.sum(), n)
        draw = np.repeat(np.arange(n), counts)
        cell = rng.choice(rate.size, len(draw), p=rate.ravel() / rate.sum())
        i_z, i_m = np.unravel_index(cell, rate.shape)
        z = z_edges[i_z] + rng.random(len(draw)) * np.diff(z_edges)[i_z]
        log_mass = m_edges[i_m] + rng.random(len(draw)) * np.diff(m_edges)[i_m]
        impact = radius.ravel()[cell] * np.sqrt(rng.random(len(draw)))
        dm = self._observed(rng, shared, r_max, (draw, z, log_mass, impact))
        return np.stack([np.bincount(draw, one, n).astype(float) for one in dm])

    def _observed(
        self,
        rng: np.random.Generator,
        shared: Shared,
        r_max: tuple[float, ...],
        halos: tuple[NDArray[np.int64], Floats, Floats, Floats],
    ) -> Floats:
        draw, z, log_mass, impact = halos
        gas, zero = self.settings.gas, np.zeros(len(z))
        if not len(z):
            return np.zeros((len(r_max), 0))
        dex = concentration_scatter(gas) * rng.standard_normal(len(z))
        draws = Own(
            log_mass, z, zero, zero, impact, zero, shared.f_hot[draw],
            dex + shared.concentration_dex[draw],
        )  # fmt: skip
        how = How(_DEFINITION, gas.radius, gas.concentration, False, r_max, self.cosmology.h)
        tables = tables_for(self.settings, _DEFINITION, self.cosmology)
        found = evaluated(how, gas_of(gas, self.cosmology), tables, draws)
        return found[: len(r_max)] / (1 + z)

    def _radius(self, log_mass: Floats, z: Floats) -> Floats:
        density = mean_density(self.settings.gas.radius, z, self.cosmology)
        return np.cbrt(3 * 10**log_mass / (4 * np.pi * density))
