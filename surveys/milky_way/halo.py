"""The halo of the Milky Way from a profile of its gas, as we see it from inside."""

from __future__ import annotations

import jax
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.cosmology import FLRW

from cosmo.halos import Halo, mean_density, radius_kpc
from cosmo.profiles import Gas, electron_density
from cosmo.quadrature import gauss_legendre

SUN_KPC = 8.2
"""From the centre of the Galaxy (GRAVITY Collaboration 2019)."""

INNER_KPC = 10.0
"""Within which gas is that of the disc (Prochaska & Zheng 2019)."""

CONCENTRATION = 7.7
_N = 64


def halo_from_profile(
    gas: Gas, log_mass: float, position: SkyCoord, cosmology: FLRW, radius: str = "vir"
) -> float:
    """DM of the hot halo from the Sun outwards, without what lies within 10 kpc of the centre.

    Parameters
    ----------
    gas : Gas
        Ends at its ``r_max``, over the radius of the halo.
    log_mass : float
        log10 of the mass of the Galaxy's halo in Msun; 12.18 in Prochaska & Zheng (2019).
    position : astropy.coordinates.SkyCoord
    cosmology : astropy.cosmology.FLRW
    radius : str
        Mass definition.

    Returns
    -------
    float
        pc cm^-3.
    """
    density = mean_density(radius, 0.0, cosmology)
    galactic = position.galactic
    cosine = float(np.cos(galactic.l.rad) * np.cos(galactic.b.rad))
    with jax.enable_x64(True):
        halo = Halo(10**log_mass, radius_kpc(10**log_mass, density), CONCENTRATION)
        end = float(np.max(gas.r_max) * (1 + (gas.edge or 0.0)) * halo.radius_kpc)
        # Distances from the Sun at which the sightline is this far from the centre.
        first, last = (_distance(cosine, r) for r in (INNER_KPC, end))
        x, weight = gauss_legendre(_N)
        # Most of the gas is near.
        s = np.exp(np.log(first) + np.log(last / first) * x)
        r = np.sqrt(s**2 + SUN_KPC**2 - 2 * s * SUN_KPC * cosine)
        n_e = np.asarray(electron_density(gas, halo, r))
    return 1e3 * float(np.sum(weight * n_e * s) * np.log(last / first))


def _distance(cosine: float, radius: float) -> float:
    return SUN_KPC * cosine + np.sqrt(radius**2 - SUN_KPC**2 * (1 - cosine**2))
