r"""Starlight of stars of an age, a metallicity and an initial mass.

Either of a grid that the user has (:class:`PopulationGrid`), or of a model that needs no data and
is approximate (:func:`built_in`): main-sequence stars as blackbodies, with the luminosities,
temperatures and lifetimes of solar metallicity of Schaller et al. (1992), rounded, in numbers of
Chabrier (2003). It has no giants, no nebulae, no lines and no dependence on metallicity, so that it
is for young galaxies: stars older than 1 Gyr are too faint and too blue.

A grid is HDF5 with the datasets

==================  =========================================  ============================
``/log10_age_yr``   (age,)                                     rising
``/metallicity``    (metallicity,)                             mass fraction, rising
``/wavelength_um``  (wavelength,)                              at rest, rising
``/l_nu``           (age, metallicity, wavelength)             erg/s/Hz of 1 Msun born
==================  =========================================  ============================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import h5py
import numpy as np
from astropy import constants
from numpy.typing import ArrayLike, NDArray

from surveys.errors import InputError

Array = NDArray[np.float64]

# Mass (Msun); log L (Lsun) and log T (K) on the zero-age main sequence; years on it, as Myr; and
# how much log L rises and log T falls until its end.
_STARS = np.array(
    [
        (0.1, -3.0, 3.45, 1e7, 0.0, 0.0),
        (0.3, -1.9, 3.53, 1e6, 0.0, 0.0),
        (0.5, -1.4, 3.58, 2e5, 0.05, 0.0),
        (0.8, -0.62, 3.69, 25000.0, 0.3, 0.0),
        (1.0, -0.16, 3.75, 10000.0, 0.4, 0.0),
        (1.25, 0.33, 3.80, 4900.0, 0.35, 0.03),
        (1.5, 0.69, 3.85, 2690.0, 0.3, 0.06),
        (2.0, 1.22, 3.96, 1120.0, 0.3, 0.1),
        (3.0, 1.91, 4.09, 352.0, 0.35, 0.1),
        (4.0, 2.38, 4.17, 165.0, 0.38, 0.1),
        (5.0, 2.74, 4.23, 94.5, 0.4, 0.1),
        (7.0, 3.28, 4.32, 43.2, 0.42, 0.1),
        (9.0, 3.62, 4.39, 26.4, 0.42, 0.1),
        (12.0, 4.01, 4.45, 16.0, 0.42, 0.11),
        (15.0, 4.29, 4.49, 11.6, 0.42, 0.12),
        (20.0, 4.64, 4.54, 8.1, 0.41, 0.13),
        (25.0, 4.90, 4.58, 6.4, 0.38, 0.15),
        (40.0, 5.37, 4.64, 4.3, 0.28, 0.22),
        (60.0, 5.73, 4.68, 3.4, 0.2, 0.3),
        (85.0, 6.01, 4.71, 2.8, 0.12, 0.3),
        (120.0, 6.25, 4.73, 2.6, 0.08, 0.3),
    ]
)
_MASSES = 0.1, 120.0
_AGES = np.linspace(6.0, 10.2, 127)


@dataclass(frozen=True)
class PopulationGrid:
    """L_nu of a population of stars.

    Attributes
    ----------
    log_age_yr, metallicity, wavelength_um : array
        Rising.
    l_nu : array, (age, metallicity, wavelength)
        erg/s/Hz of 1 Msun born.
    source : str
    approximate : bool
        Whether it is the built-in model.
    """

    log_age_yr: Array
    metallicity: Array
    wavelength_um: Array
    l_nu: Array
    source: str
    approximate: bool = False

    def luminosity(
        self, age_yr: ArrayLike, metallicity: ArrayLike, mass: ArrayLike, rest_um: ArrayLike
    ) -> Array:
        """L_nu of stars, (star, wavelength), erg/s/Hz.

        Linear between ages and metallicities, in the logarithm of both; beyond the grid the nearest
        are taken. Linear between wavelengths, in their logarithm.

        Parameters
        ----------
        age_yr, metallicity, mass : array, (star,)
            Initial mass in Msun.
        rest_um : array, (wavelength,)

        Raises
        ------
        InputError
            A wavelength outside of the grid.
        """
        waves = np.atleast_1d(np.asarray(rest_um, np.float64))
        low, high = self.wavelength_um[[0, -1]]
        if waves.min() < low * (1 - 1e-9) or waves.max() > high * (1 + 1e-9):
            outside = waves.min() if waves.min() < low else waves.max()
            problem = f"go from {low:g} to {high:g} um, without {outside:g}"
            remedy = "leave that wavelength out, or give another grid"
            raise InputError(self.source, "wavelength_um", problem, remedy)
        i, wi = _between(np.log(self.wavelength_um), np.log(waves))
        planes = self.l_nu[..., i] * (1 - wi)
        planes += self.l_nu[..., np.minimum(i + 1, len(self.wavelength_um) - 1)] * wi
        j, wj = _between(self.log_age_yr, np.log10(np.maximum(age_yr, 1.0)))
        of_z = np.log10(np.maximum(self.metallicity, 1e-10))
        k, wk = _between(of_z, np.log10(np.maximum(metallicity, 1e-10)))
        j1, k1 = np.minimum(j + 1, len(self.log_age_yr) - 1), np.minimum(k + 1, len(of_z) - 1)
        wj, wk = wj[:, None], wk[:, None]
        seen = (1 - wk) * ((1 - wj) * planes[j, k] + wj * planes[j1, k])
        seen += wk * ((1 - wj) * planes[j, k1] + wj * planes[j1, k1])
        return np.asarray(mass, np.float64)[:, None] * seen


def _between(nodes: Array, at: Array) -> tuple[NDArray[np.int64], Array]:
    """The node below each place, and how far on to the next it is, from 0 to 1."""
    if len(nodes) == 1:
        return np.zeros(len(at), np.int64), np.zeros(len(at))
    low = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, len(nodes) - 2)
    return low, np.clip((at - nodes[low]) / (nodes[low + 1] - nodes[low]), 0.0, 1.0)


def read_grid(path: Path) -> PopulationGrid:
    """A grid of a file.

    Raises
    ------
    InputError
        It is not of the layout above.
    """
    where, remedy = str(path), "write it as docs/sizes_galaxies.md says"
    try:
        with h5py.File(path, "r") as file:
            values = {}
            for key in ("log10_age_yr", "metallicity", "wavelength_um", "l_nu"):
                if not isinstance(file.get(key), h5py.Dataset):
                    raise InputError(where, key, "is missing", remedy)
                values[key] = np.asarray(file[key][()], np.float64)
    except OSError as error:
        problem = "is not there" if not Path(path).exists() else "is no whole HDF5 file"
        raise InputError(where, "file", problem, "give a grid in HDF5") from error
    l_nu = values.pop("l_nu")
    for key, axis in values.items():
        if axis.ndim != 1 or not len(axis) or np.any(np.diff(axis) <= 0):
            raise InputError(where, key, "is not a rising list", remedy)
        if not np.isfinite(axis).all() or (key != "log10_age_yr" and axis[0] < 0):
            raise InputError(where, key, "has values that cannot be", remedy)
    shape = tuple(len(axis) for axis in values.values())
    if l_nu.shape != shape:
        raise InputError(where, "l_nu", f"has the shape {l_nu.shape}, not {shape}", remedy)
    if not np.all(np.isfinite(l_nu) & (l_nu >= 0)):
        raise InputError(where, "l_nu", "has values that are not 0 or more", "mend them")
    return PopulationGrid(
        values["log10_age_yr"], values["metallicity"], values["wavelength_um"], l_nu, where
    )


def chabrier(mass: ArrayLike) -> Array:
    """Stars per Msun of star mass, of 1 Msun born between 0.1 and 120 Msun (Chabrier 2003)."""
    mass = np.asarray(mass, np.float64)
    fine = np.geomspace(*_MASSES, 4001)
    return _shape(mass) / np.trapezoid(fine**2 * _shape(fine), np.log(fine))


def _shape(mass: Array) -> Array:
    """dN/dm: lognormal up to 1 Msun and a power of -2.3 above."""
    below = np.exp(-(np.log10(mass / 0.079) ** 2) / (2 * 0.69**2)) / mass
    at_1 = np.exp(-(np.log10(1 / 0.079) ** 2) / (2 * 0.69**2))
    return np.where(mass < 1, below, at_1 * mass**-2.3)


@cache
def built_in() -> PopulationGrid:
    """The model that needs no data; it is approximate."""
    waves = np.concatenate([np.geomspace(0.0912, 1.0, 60), np.geomspace(1.1, 3.0, 8)])
    mass = np.geomspace(*_MASSES, 2001)
    columns = _STARS[:, 1:].T
    log_l, log_t, life, rise, fall = (
        np.interp(np.log(mass), np.log(_STARS[:, 0]), column)
        for column in (*columns[:2], np.log10(columns[2]), *columns[3:])
    )
    # Stars of a step in ln(mass).
    number = chabrier(mass) * mass * constants.L_sun.to_value("erg / s")
    l_nu = np.empty((len(_AGES), len(waves)))
    for i, age in enumerate(_AGES):
        part = np.minimum(10 ** (age - 6 - life), 1.0)
        shining = number * 10 ** (log_l + rise * part) * (age < 6 + life)
        spectra = _blackbody(waves, 10 ** (log_t - fall * part))
        l_nu[i] = np.trapezoid(shining[:, None] * spectra, np.log(mass), axis=0)
    return PopulationGrid(_AGES, np.array([0.02]), waves, l_nu[:, None], "built in", True)


def _blackbody(waves: Array, temperature: Array) -> Array:
    """L_nu of unit luminosity, pi B_nu / (sigma T^4), per Hz, (temperature, wavelength)."""
    light = constants.c.to_value("um / s")
    x = constants.h.value * light / (constants.k_B.value * temperature[:, None] * waves)
    return 15 / np.pi**4 * x**4 / np.expm1(x) * waves / light
