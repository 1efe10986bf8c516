"""Where sources are in the Galaxy: exponential discs, seen from the Sun.

n(R, z) = Σ_i n_i exp(-(R - R0) / L_i - (|z| - z0) / H_i), normalised at the Sun. The plane b = 0 is
taken to be parallel to the disc; the 0.15 degrees between them are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveys.errors import SettingProblem, check_ranges

_LENGTHS_PC, _HEIGHTS_PC = (100.0, 1e12), (10.0, 1e12)
"""Exponentials of the Sun's place over shorter ones overflow."""


@dataclass(frozen=True)
class GalaxySettings:
    """The discs, and the place of the Sun in them.

    Attributes
    ----------
    length_pc, height_pc : float
        Scales of the thin disc. 2600: Juric et al. 2008, ApJ 673, 864; 260: Everall et al. 2022,
        the photo-astrometric vertical tracer density of Gaia.
    thick_share : float
        Share of the thick disc in the density at the Sun; 0.12 in Juric et al.
    thick_length_pc, thick_height_pc : float
        3600: Juric et al.; 693: Everall et al.
    sun_pc : float
        Distance of the Sun from the centre: GRAVITY Collaboration 2019, A&A 625, L10.
    sun_height_pc : float
        Above the plane: Bennett & Bovy 2019, MNRAS 482, 1417.
    least_pc, most_pc : float
        Distances of sources.
    """

    length_pc: float = 2600.0
    height_pc: float = 260.0
    thick_share: float = 0.0
    thick_length_pc: float = 3600.0
    thick_height_pc: float = 693.0
    sun_pc: float = 8178.0
    sun_height_pc: float = 20.8
    least_pc: float = 10.0
    most_pc: float = 30000.0

    def __post_init__(self) -> None:
        scales = {"length_pc": _LENGTHS_PC, "height_pc": _HEIGHTS_PC}
        check_ranges(self, scales | {f"thick_{name}": span for name, span in scales.items()})
        check_ranges(self, {"least_pc": (1e-6, 1e3), "most_pc": (1e-6, 1e7)})
        check_ranges(self, {"thick_share": (0.0, 1.0), "sun_pc": (0.0, 5e4)})
        check_ranges(self, {"sun_height_pc": (-5e3, 5e3)})
        if self.most_pc <= self.least_pc:
            raise SettingProblem("most_pc", f"is {self.most_pc:g}", "give more than least_pc")

    @property
    def discs(self) -> tuple[tuple[float, float, float], ...]:
        """Share at the Sun, length and height (pc) of each disc that has a share."""
        both = (
            (1 - self.thick_share, self.length_pc, self.height_pc),
            (self.thick_share, self.thick_length_pc, self.thick_height_pc),
        )
        return tuple(disc for disc in both if disc[0] > 0)


def density(
    settings: GalaxySettings, l_deg: NDArray, b_deg: NDArray, distance_pc: NDArray
) -> NDArray[np.float64]:
    """Density of sources over that at the Sun, by direction and distance (they broadcast)."""
    l, b, d = np.radians(l_deg), np.radians(b_deg), np.asarray(distance_pc, float)
    x = settings.sun_pc - d * np.cos(b) * np.cos(l)
    y = d * np.cos(b) * np.sin(l)
    outwards = np.hypot(x, y) - settings.sun_pc
    up = np.abs(settings.sun_height_pc + d * np.sin(b)) - abs(settings.sun_height_pc)
    parts = (share * np.exp(-outwards / long - up / high) for share, long, high in settings.discs)
    return np.sum(list(parts), axis=0)


@dataclass(frozen=True)
class Sightlines:
    """How sources are spread along directions.

    Attributes
    ----------
    distance_pc : NDArray, shape (d,)
        Equally spaced in its logarithm.
    volume_pc3 : NDArray, shape (n, d)
        Of each direction at each distance, per steradian, times the density over that at the
        Sun: times n0 and a solid angle, sources.
    """

    distance_pc: NDArray[np.float64]
    volume_pc3: NDArray[np.float64]

    @property
    def prior(self) -> NDArray[np.float64]:
        """Share of the sources of a direction at each distance, shape (n, d)."""
        return self.volume_pc3 / self.volume_pc3.sum(axis=1, keepdims=True)

    @property
    def median_pc(self) -> NDArray[np.float64]:
        """Distance within which half of the sources of a direction are, shape (n,)."""
        below = np.cumsum(self.prior, axis=1)
        logs = np.log(self.distance_pc)
        # Each term of the sum is that of half a step to either side.
        ends = logs + (logs[1] - logs[0]) / 2
        return np.exp([np.interp(0.5, row, ends) for row in below])


def sightlines(
    settings: GalaxySettings, l_deg: NDArray, b_deg: NDArray, n_distances: int = 128
) -> Sightlines:
    """∫ n d² dd in steps: the trapezium rule in ln d, of n d³.

    Parameters
    ----------
    settings : GalaxySettings
    l_deg, b_deg : array, shape (n,)
        Galactic.
    n_distances : int
    """
    d = np.geomspace(settings.least_pc, settings.most_pc, n_distances)
    step = math.log(settings.most_pc / settings.least_pc) / (n_distances - 1)
    weight = np.full(n_distances, step)
    weight[[0, -1]] /= 2
    relative = density(settings, np.asarray(l_deg)[:, None], np.asarray(b_deg)[:, None], d)
    return Sightlines(d, relative * d**3 * weight)


def at_one_distance(distance_pc: float, n: int) -> Sightlines:
    """Sightlines of n directions whose sources are all at one distance."""
    d = distance_pc * np.array([1.0, math.exp(0.02)])
    return Sightlines(d, np.tile([1.0, 0.0], (n, 1)))


def sample_galaxy(
    settings: GalaxySettings, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Places of sources drawn from the discs, whole and without cuts in distance.

    Returns
    -------
    l_deg, b_deg, distance_pc : NDArray, shape (n,)
    """
    r, z = settings.sun_pc, abs(settings.sun_height_pc)
    sizes = np.array(
        [
            share * long**2 * high * math.exp(r / long + z / high)
            for share, long, high in settings.discs
        ]
    )
    which = rng.choice(len(sizes), n, p=sizes / sizes.sum())
    long, high = np.array([disc[1:] for disc in settings.discs])[which].T
    radius, angle = rng.gamma(2.0, long), rng.uniform(0, 2 * math.pi, n)
    z = rng.laplace(0.0, high) - settings.sun_height_pc
    x, y = settings.sun_pc - radius * np.cos(angle), radius * np.sin(angle)
    d = np.sqrt(x**2 + y**2 + z**2)
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arcsin(z / d)), d
