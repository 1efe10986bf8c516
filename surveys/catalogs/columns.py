"""What the columns of a table are; :mod:`surveys.catalogs.column_files` reads it from TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from surveys.catalogs.halo_catalog import Floats

MASSES = ("log_mass", "log_mstar")
ERRORS = tuple(f"{mass}_err{side}" for mass in MASSES for side in ("", "_lo", "_hi"))
REDSHIFTS = ("z", "z_spec", "velocity", "distance", "pz")
FIELDS = (
    *("name", "ra", "dec", *REDSHIFTS, "z_err", *MASSES, *ERRORS, "mass_definition"),
    *("richness", "richness_err", "concentration", "group", "centring", "magnitude"),
)
"""What a column can be."""

_GOES_WITH = {
    **{mass: tuple(e for e in ERRORS if e.startswith(f"{mass}_")) for mass in MASSES},
    **dict.fromkeys(("z", "velocity", "distance"), (*REDSHIFTS, "z_err")),
    "richness": ("richness_err",),
}
"""Columns of a map underneath that no longer fit once the key is given."""


@dataclass(frozen=True)
class Column:
    """Where a value stands in a table, and how; keys: :mod:`surveys.catalogs.column_files`.

    Columns of known catalogs are not `needed`: not every copy has all of them.
    """

    names: tuple[str, ...]
    unit: str | None = None
    log: bool | None = None
    h: float | str | None = None
    kind: str | None = None
    grid: str | tuple[float, ...] | None = None
    needed: bool = True


@dataclass(frozen=True)
class RichnessRelation:
    """Halo mass of a richness: a power law with scatter.

    Attributes
    ----------
    pivot : float
        Richness at which `log_mass_at_pivot` holds.
    log_mass_at_pivot : float
        log10 of the mass in Msun.
    slope : float
        Of log10(mass) against log10(richness).
    scatter_dex : float
        Of the mass at a fixed richness.
    """

    pivot: float
    log_mass_at_pivot: float
    slope: float
    scatter_dex: float = 0.0

    def log_mass(self, richness: Floats, richness_err: Floats) -> tuple[Floats, Floats]:
        """Mass and its error in dex; the error of the richness is propagated at first order."""
        relative = richness_err / richness / np.log(10)
        mass = self.log_mass_at_pivot + self.slope * np.log10(richness / self.pivot)
        return mass, np.hypot(self.slope * relative, self.scatter_dex)


@dataclass(frozen=True)
class ColumnMap:
    """What the columns of a table are.

    Attributes
    ----------
    columns : dict of str to Column
        By the names in `FIELDS`.
    mass_definition : str
        Of ``log_mass``; empty: the table says it.
    extension : str or int or None
        Of a FITS file.
    frame : str
        ``icrs`` or ``galactic``; empty is ICRS.
    h : float or str or None
        Of ``log_mass`` and ``distance`` that do not say their own.
    richness : RichnessRelation or None
    sentinels : tuple of float
        Numbers that mean that there is no value.
    default_dex : tuple of (float, float)
        Errors of ``log_mass`` that has none: pairs of a mass and its error, straight lines
        between them.
    where : str
        The file of the map, or the name of the known catalog, for errors.
    """

    columns: Mapping[str, Column] = field(default_factory=dict)
    mass_definition: str = ""
    extension: str | int | None = None
    frame: str = ""
    h: float | str | None = None
    richness: RichnessRelation | None = None
    sentinels: tuple[float, ...] = (-999.0,)
    default_dex: tuple[tuple[float, float], ...] = ()
    where: str = "columns"

    def over(self, base: ColumnMap) -> ColumnMap:
        """Take what the map does not say from another one underneath."""
        gone = {name for key in self.columns for name in _GOES_WITH.get(key, ())}
        kept = {k: c for k, c in base.columns.items() if k not in gone}
        own_mass = "log_mass" in self.columns or self.richness is not None
        return replace(
            self,
            columns={**kept, **self.columns},
            mass_definition=self.mass_definition or ("" if own_mass else base.mass_definition),
            extension=base.extension if self.extension is None else self.extension,
            frame=self.frame or ("" if {"ra", "dec"} & set(self.columns) else base.frame),
            h=base.h if self.h is None else self.h,
            richness=self.richness or base.richness,
            sentinels=tuple({*self.sentinels, *base.sentinels}),
            default_dex=self.default_dex or (() if own_mass else base.default_dex),
        )
