"""A catalog of known bright sources, as a user gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.imaging.beam import beam_fwhm, gaussian_gain
from pipeline.imaging.geometry import sky_axes
from pipeline.imaging.snapshot import LEAST_GAIN
from pipeline.visibilities.block import VisReader

_FLUX_AT_MHZ = 1400.0
"""Where the fluxes of a catalog are."""
_N_TIMES = 25
_RANGES = {"ra": (-180.0, 360.0), "dec": (-90.0, 90.0), "flux_jy": (0.0, 1e6)}


@dataclass(frozen=True)
class KnownSources:
    """Sources of a catalog.

    Attributes
    ----------
    places : tuple of SkyCoord
    flux_jy : (source,) float64
        At 1400 MHz.
    spectral_index : (source,) float64
    """

    places: tuple[SkyCoord, ...]
    flux_jy: NDArray[np.float64]
    spectral_index: NDArray[np.float64]

    def seen(self, vis: VisReader, beyond_rad: Callable[[SkyCoord], float]) -> KnownSources:
        """Those that the dishes see at some time, the brightest through the beam first.

        Of dishes of an unknown size it is those that are not beyond the images.
        """
        header = vis.header
        middle_mhz = float(header.freq_mhz.mean())
        gain = np.array([beyond_rad(p) == 0 for p in self.places], float)
        if header.dish_m:
            times = np.unique(np.linspace(0, header.n_samples - 1, _N_TIMES).astype(int))
            looks = np.concatenate([vis.pointing(t, t + 1, header.centre) for t in times])
            towards = np.stack([sky_axes(p)[2] for p in self.places])
            chord = towards[:, None] - looks @ sky_axes(header.centre)
            fwhm = beam_fwhm(np.array([middle_mhz]), header.dish_m)
            gain = gaussian_gain(np.sum(chord**2, axis=-1), fwhm).max(1)
        flux = self.flux_jy * (middle_mhz / _FLUX_AT_MHZ) ** self.spectral_index * gain
        order = np.argsort(-flux, kind="stable")
        return self._some(order[gain[order] >= LEAST_GAIN])

    def apart(self, rad: float) -> KnownSources:
        """Those that have none before them nearer than that."""
        towards = np.array([sky_axes(p)[2] for p in self.places]).reshape(-1, 3)
        kept: list[int] = []
        for i, here in enumerate(towards):
            if np.all(np.linalg.norm(towards[kept] - here, axis=1) > rad):
                kept.append(i)
        return self._some(np.array(kept, int))

    def _some(self, rows: NDArray[np.int64]) -> KnownSources:
        places = tuple(self.places[i] for i in rows)
        return KnownSources(places, self.flux_jy[rows], self.spectral_index[rows])


def read_catalog(path: Path) -> KnownSources:
    """Read a table of sources: ``ra``, ``dec``, ``flux_jy`` and perhaps ``spectral_index``.

    Parameters
    ----------
    path : Path
        ECSV; degrees (ICRS) and Jy.

    Raises
    ------
    InputError
        It cannot be read, or has no source, or values that mean nothing.
    """
    where = str(path)
    try:
        table = Table.read(path, format="ascii.ecsv")
    except FileNotFoundError as error:
        raise InputError(where, "imaging.catalog", "is not there", "correct the path") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "give an ECSV table with ra, dec and flux_jy"
        raise InputError(where, "imaging.catalog", f"cannot be read ({said})", remedy) from error
    missing = [name for name in _RANGES if name not in table.colnames]
    if missing:
        problem = f"has no column {missing[0]}, only {', '.join(table.colnames) or 'none'}"
        raise InputError(where, "columns", problem, "add it, in degrees or Jy")
    if not len(table):
        raise InputError(where, "rows", "there are none", "add sources, or leave out catalog")
    values = {name: _column(table, name, where) for name in _RANGES}
    for name, (least, most) in _RANGES.items():
        bad = np.flatnonzero((values[name] < least) | (values[name] > most))
        if len(bad):
            problem = f"is {values[name][bad[0]]:g} in row {bad[0]}"
            raise InputError(where, name, problem, f"give {least:g} to {most:g}")
    index = np.zeros(len(table))
    if "spectral_index" in table.colnames:
        index = _column(table, "spectral_index", where)
    places = tuple(
        SkyCoord(ra, dec, unit="deg") for ra, dec in zip(values["ra"], values["dec"], strict=True)
    )
    return KnownSources(places, values["flux_jy"], index)


def _column(table: Table, name: str, where: str) -> NDArray[np.float64]:
    """Numbers of a column; raises for what is none."""
    column = table[name]
    try:
        values = np.asarray(np.ma.filled(np.ma.asarray(column, float), np.nan), float)
    except (TypeError, ValueError) as error:
        raise InputError(where, name, "holds no numbers", "give numbers") from error
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        problem = f"is missing or not finite in row {bad[0]}"
        raise InputError(where, name, problem, "correct it, or remove the row")
    return values
