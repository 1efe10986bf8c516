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

from surveys.errors import check_ranges
from surveys.images.emission import LIGHT_UM_HZ, V_UM
from surveys.images.kernel import look_up
from surveys.images.particles import Particles

YOUNG_YR = 1e7
_PC2_IN_KPC2 = 1e6
_PAIRS = 4_000_000
"""Pairs of a star and gas that are computed together."""

DustToMetal = float | Callable[[Particles], float]
"""A number, or a function of the galaxy: of its gas and the age of its stars, say."""


@dataclass(frozen=True)
class DustSettings:
    """How metals become dust.

    Attributes
    ----------
    dust_to_metal : float or function
        Share of the metals that is dust; of the order of 0.3 in the Milky Way.
    kappa : float
        Optical depth in the V band of a column of dust, pc^2 / Msun.
    birth_clouds : float
        Optical depth in the V band before young stars, over their metallicity. 0: no clouds.
    """

    dust_to_metal: DustToMetal = 0.3
    kappa: float = 0.0795
    birth_clouds: float = 100.0

    def __post_init__(self) -> None:
        check_ranges(self, {"kappa": (0.0, 1e6), "birth_clouds": (0.0, 1e6)})
        if not callable(self.dust_to_metal):
            check_ranges(self, {"dust_to_metal": (0.0, 1.0)})


def optical_depth(particles: Particles, settings: DustSettings) -> NDArray[np.float64]:
    """Of the dust before each star in the V band, (star,); we are at z = +infinity."""
    stars = particles.stars
    given = settings.dust_to_metal
    share = given(particles) if callable(given) else given
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
    # Gas of about one size is looked for in cells of that size.
    size = gas.smoothing_kpc[used]
    rung = np.floor(np.log2(size)).astype(int)
    for i in np.unique(rung):
        chosen = used[rung == i]
        _add(
            stars.position_kpc,
            gas.position_kpc[chosen],
            (gas.smoothing_kpc[chosen], metals[chosen]),
            column,
            2.0 ** (int(i) + 1),
        )
    return column


def _add(star: Any, gas: Any, about: tuple[Any, Any], column: Any, most: float) -> None:
    """Add what gas, whose kernels end within `most`, puts before stars.

    Cells have half of that side, so that the gas that can reach a cell lies in 5 x 5 of them.
    """
    side = most / 2
    corner = np.minimum(star[:, :2].min(0), gas[:, :2].min(0))
    star_cell, gas_cell = (
        np.floor((p[:, :2] - corner) / side).astype(np.int64) for p in (star, gas)
    )
    width = int(max(star_cell.max(), gas_cell.max())) + 5
    of_star = (star_cell[:, 1] + 2) * width + star_cell[:, 0] + 2
    of_gas = (gas_cell[:, 1] + 2) * width + gas_cell[:, 0] + 2
    star_order, gas_order = np.argsort(of_star, kind="stable"), np.argsort(of_gas, kind="stable")
    of_star, of_gas = of_star[star_order], of_gas[gas_order]
    sorted_gas = _Gas(*(np.asarray(v[gas_order], np.float32) for v in (*gas.T, *about)))
    cells, first = np.unique(of_star, return_index=True)
    last = np.append(first[1:], len(of_star))
    steps = np.arange(-2, 3) * width
    # Cells of a row are beside each other in the order.
    begin = np.searchsorted(of_gas, cells[:, None] + steps - 2)
    end = np.searchsorted(of_gas, cells[:, None] + steps + 2, side="right")
    for k in range(len(cells)):
        rows = [slice(b, e) for b, e in zip(begin[k], end[k], strict=True) if e > b]
        if not rows:
            continue
        near = sorted_gas.of(rows)
        members = star_order[first[k] : last[k]]
        at_once = max(1, _PAIRS // len(near.x))
        for start in range(0, len(members), at_once):
            part = members[start : start + at_once]
            column[part] += near.column(star[part])


@dataclass(frozen=True)
class _Gas:
    """Gas around some stars, in single precision; an array for each."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    z: NDArray[np.float32]
    size: NDArray[np.float32]
    metals: NDArray[np.float32]

    def of(self, rows: list[slice]) -> _Gas:
        """The gas of some rows of cells."""
        values = (self.x, self.y, self.z, self.size, self.metals)
        return _Gas(*(np.concatenate([v[row] for row in rows]) for v in values))

    def column(self, star: Any) -> NDArray[np.floating]:
        """Metals before each star."""
        star = np.asarray(star, np.float32)
        b = (star[:, :1] - self.x) ** 2
        b += (star[:, 1:2] - self.y) ** 2
        b *= self.size**-2
        # What lies behind is as good as out of reach.
        np.copyto(b, 1.0, where=self.z <= star[:, 2:])
        return look_up(b) @ (self.metals * self.size**-2)


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
