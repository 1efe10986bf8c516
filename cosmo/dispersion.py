"""The mean dispersion measure of the universe, and of what lies between its halos.

Electrons of density ``n_e(z)`` disperse by (Macquart et al. 2020, Nature 581 391, eq. 2)

    <DM>(z) = integral of c n_e dz' / (H (1 + z')^2),  n_e = f_d (1 - Y/2) rho_b (1 + z')^3 / m_p

seen by us: the *observed* DM. Hydrogen and helium are taken as fully ionised, which is so below
z = 3; an atom of helium that has lost one electron only would lower n_e by 7 %.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import constants, units
from astropy.cosmology import FLRW, Planck18
from numpy.typing import NDArray

from cosmo.baryons import HELIUM, Array, Fraction, baryon_density, diffuse_at, evaluate
from cosmo.units import DM, redshifts, value_in

IGM_SCATTER = 0.2
"""Scatter of ln DM_IGM between sightlines, unless given.

The reconstruction of the cosmic web before FRB 190608 leaves 91 to 126 pc/cc (Simha et al. 2020,
ApJ 901 134), that is 16 % about the middle; this is a little wider.
"""
Z_MAX = 10.0
"""Beyond it no DM is turned into a redshift."""

# Gauss-Legendre in panels. The fractions bend at z = 1, so that has to be an edge.
_PANEL = 0.1
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


def electron_dm_scale(cosmology: FLRW = Planck18, helium: float = HELIUM) -> float:
    """DM (pc/cc) of a Hubble length of today's mean electron density, were all baryons diffuse.

    c (1 - Y/2) rho_b / (m_p H0); a short path through the local universe has f_d z of it.
    """
    if not 0 <= helium <= 1:
        raise ValueError(f"helium = {helium} is no mass fraction from 0 to 1")
    n_b = baryon_density(cosmology) * units.solMass / units.Mpc**3 / constants.m_p
    return float((constants.c * n_b / cosmology.H0).to_value(DM) * (1 - helium / 2))


def mean_dm_cosmic(
    z: Any,
    cosmology: FLRW = Planck18,
    f_d: Fraction | None = None,
    helium: float = HELIUM,
) -> Array:
    """Mean DM of all diffuse baryons out to a redshift: the relation of Macquart et al. (2020).

    Parameters
    ----------
    z : array_like
    cosmology : astropy.cosmology.FLRW
    f_d : float or callable, optional
        Fraction of the baryons that is diffuse; `cosmo.baryons.diffuse_fraction` unless given.
    helium : float
        Mass fraction Y.

    Returns
    -------
    dm : array, the shape of z
        Observed, pc/cc.

    Raises
    ------
    ValueError
        z is negative, or f_d is no fraction.
    """
    z = redshifts(z)
    scale = electron_dm_scale(cosmology, helium)
    return scale * _integrate(z, lambda x: diffuse_at(f_d, x, cosmology), cosmology)


def dm_igm(
    z: Any,
    f_igm: Fraction,
    cosmology: FLRW = Planck18,
    f_d: Fraction | None = None,
    helium: float = HELIUM,
) -> Array:
    """Mean DM of the diffuse gas between halos, f_igm / f_d of the cosmic mean.

    The ratio stands inside the integral, so both fractions may change with redshift.

    Parameters
    ----------
    z : array_like
    f_igm : float or callable
        Fraction of the baryons between halos, as `cosmo.baryons.BaryonBudget.igm` gives it.
    cosmology, f_d, helium
        As for `mean_dm_cosmic`.

    Returns
    -------
    dm : array, the shape of z
        Observed, pc/cc.

    Raises
    ------
    ValueError
        More is said to be between halos than is diffuse.
    """

    def between(x: Array) -> Array:
        igm, diffuse = evaluate(f_igm, x, "f_igm"), diffuse_at(f_d, x, cosmology)
        if (igm > diffuse * (1 + 1e-12)).any():
            worst = np.argmax(igm - diffuse)
            raise ValueError(
                f"f_igm = {igm.flat[worst]:.4g} at z = {x.flat[worst]:.4g} is more than the "
                f"diffuse fraction f_d = {diffuse.flat[worst]:.4g}"
            )
        return igm

    return electron_dm_scale(cosmology, helium) * _integrate(redshifts(z), between, cosmology)


def sample_dm_igm(
    rng: np.random.Generator, mean: Any, shape: int | tuple[int, ...], scatter: float = IGM_SCATTER
) -> Array:
    """Draw DM_IGM of sightlines: lognormal, with the given mean.

    Parameters
    ----------
    rng : numpy.random.Generator
    mean : array_like or Quantity
        Observed, pc/cc; has to broadcast with the shape.
    shape : int or tuple of int
        Of the draws.
    scatter : float
        Standard deviation of ln DM.
    """
    mean = value_in(mean, DM, "mean")
    if not (mean >= 0).all():
        raise ValueError(f"mean = {np.min(mean)} is no DM: it has to be 0 or more")
    if not scatter >= 0:
        raise ValueError(f"scatter = {scatter} has to be 0 or more")
    return mean * np.exp(scatter * rng.standard_normal(shape) - scatter**2 / 2)


def redshift_of_mean_dm(
    dm: Any,
    cosmology: FLRW = Planck18,
    f_d: Fraction | None = None,
    helium: float = HELIUM,
) -> Array:
    """Redshift out to which the mean cosmic DM is a given one: the inverse of `mean_dm_cosmic`.

    Parameters
    ----------
    dm : array_like or Quantity
        Observed, pc/cc, with nothing of the Milky Way and the host in it.
    cosmology, f_d, helium
        As for `mean_dm_cosmic`.

    Returns
    -------
    z : array, the shape of dm

    Raises
    ------
    ValueError
        dm is negative, or above what the universe has out to z = 10.
    """
    dm = value_in(dm, DM, "dm")
    grid = np.concatenate([[0.0], np.geomspace(1e-3, Z_MAX, 200)])
    table = mean_dm_cosmic(grid, cosmology, f_d, helium)
    wrong = ~((dm >= 0) & (dm <= table[-1]))
    if wrong.any():
        raise ValueError(
            f"dm = {dm[wrong].flat[0]:.6g} pc/cc is not between 0 and {table[-1]:.6g}, "
            f"the mean cosmic DM out to z = {Z_MAX:g}"
        )
    scale = electron_dm_scale(cosmology, helium)
    z = np.interp(dm, table, grid)
    # The table is good to 1e-4, and each of Newton's steps squares that.
    for _ in range(3):
        slope = scale * diffuse_at(f_d, z, cosmology) * (1 + z) / cosmology.efunc(z)
        excess = mean_dm_cosmic(z, cosmology, f_d, helium) - dm
        z = np.clip(z - np.divide(excess, slope, where=slope > 0, out=np.zeros_like(z)), 0, Z_MAX)
    return z


def _integrate(z: Array, fraction: Any, cosmology: FLRW) -> NDArray[np.float64]:
    """Integral of fraction (1 + z) / E from 0 to each z.

    Whole panels are summed once; each z adds what is left of the panel that it is in.
    """

    def panels(low: Array, high: Array) -> Array:
        half = (high - low) / 2
        x = low[..., None] + half[..., None] * (1 + _NODES)
        return half * ((fraction(x) * (1 + x) / cosmology.efunc(x)) @ _WEIGHTS)

    index = np.floor(z / _PANEL).astype(int)
    n_panels = int(index.max(initial=0))
    edges = np.asarray(np.arange(n_panels + 1) * _PANEL, dtype=np.float64)
    whole = np.concatenate([[0.0], np.cumsum(panels(edges[:-1], edges[1:]))])
    return whole[index] + panels(edges[index], z)
