"""Sources that are known before a search: where they are, and what pulses they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike, NDArray

from surveys.known_sources.designations import places

Floats = NDArray[np.float64]

_TEXT = ("name", "indicative", "reference")
_WHOLE = ("source", "notes")


@dataclass(frozen=True)
class KnownSources:
    """Equally long columns, a row for each source; build it with :meth:`of`. NaN is not known.

    Attributes
    ----------
    name : (n,) str
    ra_deg, dec_deg : (n,) float64
        ICRS.
    position_error_arcsec : (n,) float64
        1 sigma, of the larger axis.
    period_s, period_error_s : (n,) float64
    dm_pc_cm3, dm_error_pc_cm3 : (n,) float64
    width_lo_s, width_hi_s : (n,) float64
        Of pulses, the shortest and the longest.
    flux_lo_jy, flux_hi_jy : (n,) float64
        Flux density of pulses, the faintest and the brightest.
    freq_mhz : (n,) float64
        Of these flux densities.
    spectral_index : (n,) float64
        Of flux density against frequency.
    epoch_mjd : (n,) float64
        When the middle of a pulse arrives at the barycentre of the solar system, TDB, at infinite
        frequency.
    indicative : (n,) str
        Which of these are not the measurement of a paper.
    reference : (n,) str
    source : str
        The file or files.
    notes : tuple of str
        What was left out when it was read, and rows that do not agree with themselves.
    """

    name: NDArray[np.str_]
    ra_deg: Floats
    dec_deg: Floats
    position_error_arcsec: Floats
    period_s: Floats
    period_error_s: Floats
    dm_pc_cm3: Floats
    dm_error_pc_cm3: Floats
    width_lo_s: Floats
    width_hi_s: Floats
    flux_lo_jy: Floats
    flux_hi_jy: Floats
    freq_mhz: Floats
    spectral_index: Floats
    epoch_mjd: Floats
    indicative: NDArray[np.str_]
    reference: NDArray[np.str_]
    source: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: ArrayLike, ra_deg: ArrayLike, dec_deg: ArrayLike, **columns: Any) -> Self:
        """Build from some of the columns; the others are not known."""
        n = len(np.atleast_1d(np.asarray(ra_deg)))
        given = {"name": name, "ra_deg": ra_deg, "dec_deg": dec_deg, **columns}
        whole = {key: given.pop(key) for key in _WHOLE if key in given}
        values: dict[str, Any] = {}
        for field in fields(cls):
            if field.name in _WHOLE:
                continue
            text = field.name in _TEXT
            value = given.pop(field.name, None)
            if value is None:
                value = "" if text else np.nan
            column = np.asarray(value, str if text else np.float64)
            values[field.name] = np.broadcast_to(column, (n,)).copy()
        if given:
            raise TypeError(f"no column {next(iter(given))!r}")
        return cls(**values, **whole)

    def __len__(self) -> int:
        return len(self.ra_deg)

    @property
    def places(self) -> SkyCoord:
        """Positions, ICRS."""
        return places(self.ra_deg, self.dec_deg)

    def chosen(self, rows: ArrayLike) -> Self:
        """Some of the rows, by a mask or by number."""
        index = np.asarray(rows)
        columns = {
            f.name: getattr(self, f.name)[index] for f in fields(self) if f.name not in _WHOLE
        }
        return replace(self, **columns)


def concatenate(catalogs: Sequence[KnownSources]) -> KnownSources:
    """All sources of several catalogs, in order; a source that two have stands twice."""
    if not catalogs:
        return KnownSources.of([], [], [])
    columns: dict[str, Any] = {
        f.name: np.concatenate([getattr(c, f.name) for c in catalogs])
        for f in fields(KnownSources)
        if f.name not in _WHOLE
    }
    notes = tuple(note for c in catalogs for note in c.notes)
    return KnownSources(**columns, source=", ".join(c.source for c in catalogs), notes=notes)
