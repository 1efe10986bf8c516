"""Catalogs of continuum sources that a user brings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import Column, Table
from numpy.typing import NDArray

from pipeline.errors import InputError

_NEEDED = ("ra", "dec", "flux_jy")
_BRIGHTEST_JY = 1e9
_STEEPEST = 10.0


@dataclass(frozen=True)
class Catalog:
    """Point sources.

    Attributes
    ----------
    names : tuple of str
    places : SkyCoord, (source,)
        ICRS.
    flux_jy : (source,) float64
        Stokes I in the middle of the band that is looked at.
    spectral_index : (source,) float64
    """

    names: tuple[str, ...]
    places: SkyCoord
    flux_jy: NDArray[np.float64]
    spectral_index: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.names)

    def chosen(self, which: NDArray | list[int]) -> Catalog:
        """Some of the sources, by a mask or by number."""
        rows = np.asarray(which)
        names = tuple(np.asarray(self.names)[rows].tolist())
        return Catalog(names, self.places[rows], self.flux_jy[rows], self.spectral_index[rows])

    def spectra(self, freq_mhz: NDArray[np.floating]) -> NDArray[np.float64]:
        """Fluxes in the channels of a band, (source, channel), in Jy."""
        ratio = np.asarray(freq_mhz, float) / np.mean(freq_mhz)
        return self.flux_jy[:, None] * ratio ** self.spectral_index[:, None]


def one_source(place: SkyCoord, flux_jy: float, spectral_index: float = 0.0) -> Catalog:
    """A catalog of a single source."""
    name = f"{place.ra.deg:.5f} {place.dec.deg:+.5f}"
    index = np.array([spectral_index])
    return Catalog((name,), place.reshape(1), np.array([flux_jy]), index)


def read_catalog(path: Path | str) -> Catalog:
    """Read an ECSV table with ``ra``, ``dec`` and ``flux_jy``.

    ``name`` and ``spectral_index`` may be there as well. Units of columns are heeded; without
    them, positions are in degrees and fluxes in Jy.

    Raises
    ------
    InputError
        It cannot be read, lacks a column, or has a value that cannot be.
    """
    where = str(path)
    try:
        table = Table.read(path, format="ascii.ecsv")
    except FileNotFoundError as error:
        raise InputError(where, "file", "does not exist", "check the path") from error
    except Exception as error:  # astropy raises many kinds on what is no ECSV
        problem = f"cannot be read ({error})"
        raise InputError(where, "file", problem, "give an ECSV table") from error
    for name in _NEEDED:
        if name not in table.colnames:
            has = ", ".join(table.colnames)
            raise InputError(where, name, f"is missing; there are {has}", "add the column")
    if not len(table):
        raise InputError(where, "rows", "there are none", "give one source or more")
    ra = _numbers(table, "ra", units.deg, (-180.0, 360.0), where)
    dec = _numbers(table, "dec", units.deg, (-90.0, 90.0), where)
    flux = _numbers(table, "flux_jy", units.Jy, (1e-9, _BRIGHTEST_JY), where)
    index = np.zeros(len(table))
    if "spectral_index" in table.colnames:
        limits = (-_STEEPEST, _STEEPEST)
        index = _numbers(table, "spectral_index", units.dimensionless_unscaled, limits, where)
    places = SkyCoord(ra * units.deg, dec * units.deg)
    names = [f"{i + 1}" for i in range(len(table))]
    if "name" in table.colnames:
        names = [str(name) for name in table["name"]]
    return Catalog(tuple(names), places, flux, index)


def _numbers(
    table: Table, name: str, unit: units.UnitBase, limits: tuple[float, float], where: str
) -> NDArray[np.float64]:
    column: Column = table[name]
    try:
        values = np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)
        if column.unit is not None:
            values = units.Quantity(values, column.unit).to_value(unit)
    except (TypeError, ValueError) as error:
        remedy = f"give numbers in {unit}" if str(unit) else "give numbers"
        raise InputError(where, name, f"cannot be used ({error})", remedy) from error
    # A comparison with NaN is false.
    bad = ~((values >= limits[0]) & (values <= limits[1]))
    if bad.any():
        row = int(bad.argmax())
        problem = f"of row {row + 1} is {values[row]}"
        raise InputError(where, name, problem, f"give {limits[0]:g} to {limits[1]:g}")
    return np.asarray(values, np.float64)
