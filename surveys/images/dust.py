r"""Dust before each star: the metals of the gas along its line of sight, as FLARES takes it.

The gas before a star adds the whole column of its kernel, as if it were flat:

    Sigma_Z = sum over gas nearer to us of  m Z F(b / H) / H^2

    tau_ISM = DTM kappa Sigma_Z,      tau_BC = Z / 0.01 for stars younger than 10 Myr

in the V band, with kappa = 0.0795 pc^2 / Msun (Wilkins et al. 2017; Vijayan et al. 2021), and
tau(lambda) = (tau_ISM + tau_BC) (lambda / 0.55 um)^-1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from surveys.errors import check_ranges
from surveys.images.emission import LIGHT_UM_HZ, V_UM
from surveys.images.kernel import look_up
from surveys.images.particles import Particles

YOUNG_YR = 1e7
_PC2_IN_KPC2 = 1e6
_LEAF = 64
"""Stars that are near each other, for which gas is looked up together."""

_PAIRS = 50_000
"""Pairs of a star and gas that are computed together: as many as stay in a core's cache."""

DustToMetal = Callable[[Particles], float]
"""The share of the metals of a galaxy that is dust: by its gas and the age of its stars, say."""


@dataclass(frozen=True)
class DustSettings:
    """How metals become dust.

    Attributes
    ----------
    dust_to_metal : float
        Share of the metals that is dust; of the order of 0.3 in the Milky Way.
    kappa : float
        Optical depth in the V band of a column of dust, pc^2 / Msun.
    birth_clouds : float
        Optical depth in the V band before young stars, over their metallicity. 0: no clouds.
    """

    dust_to_metal: float = 0.3
    kappa: float = 0.0795
    birth_clouds: float = 100.0

    def __post_init__(self) -> None:
        ranges = {"dust_to_metal": (0.0, 1.0), "kappa": (0.0, 1e6), "birth_clouds": (0.0, 1e6)}
        check_ranges(self, ranges)


def optical_depth(
    particles: Particles, settings: DustSettings, dust_to_metal: DustToMetal | None = None
) -> NDArray[np.float64]:
    """Of the dust before each star in the V band, (star,); we are at z = +infinity.

    Parameters
    ----------
    particles : Particles
    settings : DustSettings
    dust_to_metal : callable, optional
        Instead of the number of the settings.
    """
    stars = particles.stars
    share = settings.dust_to_metal if dust_to_metal is None else dust_to_metal(particles)
    tau = share * settings.kappa * metal_column(particles)
    young = stars.age_yr < YOUNG_YR
    return tau + np.where(young, settings.birth_clouds * stars.metallicity, 0.0)


def metal_column(particles: Particles) -> NDArray[np.float64]:
    """Metals before each star, Msun / pc^2, (star,)."""
    stars, gas = particles.stars, particles.gas
    metals = gas.mass * gas.metallicity / _PC2_IN_KPC2
    used = np.flatnonzero((metals > 0) & (gas.smoothing_kpc > 0))
    column = np.zeros(len(stars))
    if not len(used) or not len(stars):
        return column
    star = np.asarray(stars.position_kpc, np.float32)
    leaves = _leaves(star)
    rung = np.floor(np.log2(gas.smoothing_kpc[used])).astype(int)
    for i in np.unique(rung):
        chosen = used[rung == i]
        size = gas.smoothing_kpc[chosen]
        x, y, z = np.asarray(gas.position_kpc[chosen], np.float32).T
        per_size, flat = (v.astype(np.float32) for v in (1 / size, metals[chosen] / size**2))
        about = _Gas(x, y, z, per_size, flat)
        _add(star, leaves, about, float(size.max()), column)
    return column


def _leaves(star: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Stars that are near each other on the sky, a few at a time, the nearest to us first."""
    n_strips = int(np.ceil(np.sqrt(len(star) / _LEAF)))
    leaves = []
    for strip in np.array_split(np.argsort(star[:, 0]), n_strips):
        by_y = strip[np.argsort(star[strip, 1])]
        leaves += np.array_split(by_y, max(1, len(by_y) // _LEAF))
    return [leaf[np.argsort(-star[leaf, 2])] for leaf in leaves]


@dataclass(frozen=True)
class _Gas:
    """Gas in single precision, an array for each: kpc, 1 / kpc, and Msun / pc^2 where F is 1."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    z: NDArray[np.float32]
    per_size: NDArray[np.float32]
    metals: NDArray[np.float32]

    def of(self, parts: Any) -> _Gas:
        """Some of the gas, by places or slices."""
        return _Gas(*(v[parts] for v in (self.x, self.y, self.z, self.per_size, self.metals)))

    def column(self, star: NDArray[np.float32]) -> NDArray[np.floating]:
        """Metals before each star."""
        b = (star[:, :1] - self.x) * self.per_size
        b *= b
        across = (star[:, 1:2] - self.y) * self.per_size
        across *= across
        b += across
        # What lies behind is as good as out of reach.
        np.copyto(b, 1.0, where=self.z <= star[:, 2:])
        return look_up(b) @ self.metals


def _add(
    star: NDArray[np.float32],
    leaves: list[NDArray[np.int64]],
    gas: _Gas,
    most: float,
    column: NDArray[np.float64],
) -> None:
    """Add what gas, whose kernels end within `most`, puts before stars."""
    low, high = (
        np.array([f(star[leaf, :2], axis=0) for leaf in leaves], np.float64)
        for f in (np.min, np.max)
    )
    reach = np.linalg.norm(high - low, axis=1) / 2 + most
    tree = cKDTree(np.stack([gas.x, gas.y], axis=1))
    for leaf, around in zip(leaves, tree.query_ball_point((low + high) / 2, reach), strict=True):
        if not around:
            continue
        near = np.array(around)
        near = gas.of(near[np.argsort(-gas.z[near])])
        at_once = max(4, _PAIRS // len(around))
        for start in range(0, len(leaf), at_once):
            part = leaf[start : start + at_once]
            # What is behind all of these is left out.
            before = np.searchsorted(-near.z, -star[part[-1], 2])
            column[part] += near.of(slice(0, before)).column(star[part])


def attenuated(
    luminosity: NDArray[Any], rest_um: NDArray[Any], tau: NDArray[Any]
) -> NDArray[np.float64]:
    """What dust leaves of the light of stars, (star, wavelength)."""
    waves = np.asarray(rest_um, np.float64)
    return np.asarray(luminosity) * np.exp(-np.asarray(tau)[:, None] * V_UM / waves)


def absorbed_power(
    l_nu: NDArray[Any], rest_um: NDArray[Any], tau: NDArray[Any]
) -> NDArray[np.float64]:
    """Power that dust takes out of the light of each star, erg/s.

    Parameters
    ----------
    l_nu : array, (star, wavelength)
        Before dust, erg/s/Hz, at enough rising wavelengths for the trapezoid rule in ln(lambda).
    rest_um : array, (wavelength,)
    tau : array, (star,)
        In the V band.
    """
    waves = np.asarray(rest_um, np.float64)
    light = LIGHT_UM_HZ / waves
    taken = l_nu * -np.expm1(-np.asarray(tau)[:, None] * V_UM / waves)
    return np.trapezoid(taken * light, np.log(waves), axis=1)
