"""How many galaxies a survey has at each redshift: from a luminosity function, or its counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.cosmology import FLRW
from scipy.ndimage import gaussian_filter1d
from scipy.special import exp1, gamma, gammaincc

from surveys.catalogs.halo_catalog import Floats
from surveys.groups.linking import Density, Distances


@dataclass(frozen=True)
class Schechter:
    """Density of galaxies brighter than a survey's limit, from their luminosity function.

    Attributes
    ----------
    m_limit : float
        Apparent magnitude of the survey's limit.
    m_star : float
        Absolute magnitude M*, no h, in the same band; K-corrections are left out.
    alpha : float
        Slope at the faint end.
    phi_star : float
        Mpc^-3.
    cosmology : FLRW
    """

    m_limit: float
    m_star: float
    alpha: float
    phi_star: float
    cosmology: FLRW

    def __call__(self, z: Floats) -> Floats:
        z = np.asarray(z, float)
        distances = Distances(self.cosmology, float(np.max(z)))
        modulus = 5 * np.log10((1 + z) * distances(z)) + 25
        faintest = 10 ** (-0.4 * (self.m_limit - modulus - self.m_star))  # L/L*
        return self.phi_star * _upper_gamma(self.alpha + 1, faintest)


def _upper_gamma(s: float, x: Floats) -> Floats:
    """The integral of t^(s-1) e^-t from x on, also for s that is not positive."""
    if s > 0:
        return gamma(s) * gammaincc(s, x)
    if s == 0:
        return exp1(x)
    return (_upper_gamma(s + 1, x) - x**s * np.exp(-x)) / s


def density_from_counts(
    z: Floats, area_deg2: float, cosmology: FLRW, smoothing_mpc: float = 100.0
) -> Density:
    """Density of a survey's galaxies with redshift, from the galaxies themselves.

    Parameters
    ----------
    z : (n,) float64
    area_deg2 : float
        Area of the survey.
    cosmology : FLRW
    smoothing_mpc : float
        Standard deviation of the Gaussian along the line of sight that counts and volume are
        both smoothed with. It must be well above the size of structures.
    """
    if not 0 < area_deg2 < 41253.0:
        raise ValueError(f"area_deg2 is {area_deg2}, not between 0 and the sky's 41253")
    distances = Distances(cosmology, float(np.max(z)))
    step = smoothing_mpc / 10
    farthest = float(distances(np.max(z)))
    edges = np.arange(0, farthest + 3 * smoothing_mpc + step, step)
    counts = np.histogram(distances(z), edges)[0].astype(float)
    solid_angle = area_deg2 * np.deg2rad(1) ** 2
    volume = solid_angle / 3 * np.diff(edges**3)
    # The survey's end is no edge of the smoothing: no volume is counted beyond it.
    volume[edges[:-1] > farthest] = 0.0
    smooth = [gaussian_filter1d(v, 10.0, mode="constant") for v in (counts, volume)]
    middle = (edges[1:] + edges[:-1]) / 2
    density = smooth[0] / np.maximum(smooth[1], 1e-300)

    def at(z: Floats) -> Floats:
        return np.interp(distances(z), middle, density)

    return at
