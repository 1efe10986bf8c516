"""Which column of a user's table is what, and angles that are written short."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from astropy import units as u
from astropy.table import Column as TableColumn
from astropy.table import Table

from surveys.catalogs import tables
from surveys.catalogs.columns import Column
from surveys.known_sources.sources import Floats

NAMES = {
    "name": ("name", "psrj", "jname", "psr", "source", "source_name", "psrb", "bname", "id"),
    "ra": ("ra", "raj", "raj2000", "ra_icrs", "ra_j2000", "rajd", "right_ascension", "ra_hms"),
    "dec": (
        *("dec", "decj", "dej2000", "decj2000", "de_icrs", "dec_icrs", "dec_j2000", "decjd"),
        *("de", "declination", "dec_dms"),
    ),
    "l": ("l", "glon", "gl", "gal_l"),
    "b": ("b", "glat", "gb", "gal_b"),
    "position_error": ("position_error", "pos_err", "e_pos"),
    "ra_error": ("raj_err", "rajd_err"),
    "dec_error": ("decj_err", "decjd_err"),
    "period": ("period", "p0", "p"),
    "period_error": ("period_error", "period_err", "p0_err", "e_p0"),
    "frequency": ("f0",),
    "dm": ("dm", "dm_pc_cm3"),
    "dm_error": ("dm_error", "dm_err", "e_dm"),
    "width_lo": ("width_lo",),
    "width_hi": ("width_hi", "width"),
    "w50": ("w50",),
    "flux_lo": ("flux_lo",),
    "flux_hi": ("flux_hi", "flux", "peak_flux"),
    "s1400": ("s1400",),
    "freq": ("freq", "freq_mhz"),
    "spectral_index": ("spectral_index", "spindx"),
    "epoch": ("epoch", "epoch_mjd"),
    "indicative": ("indicative",),
    "reference": ("reference", "arxiv", "ref"),
}
"""Names of columns, in any case; the first that a table has is taken."""

UNITS = {
    "position_error": u.arcsec,
    "period": u.s,
    "period_error": u.s,
    "frequency": u.Hz,
    "dm": u.pc / u.cm**3,
    "dm_error": u.pc / u.cm**3,
    "width_lo": u.s,
    "width_hi": u.s,
    "w50": u.ms,
    "flux_lo": u.Jy,
    "flux_hi": u.Jy,
    "s1400": u.mJy,
    "freq": u.MHz,
    "spectral_index": u.dimensionless_unscaled,
    "epoch": u.day,
}
"""Units of numbers, where neither the header nor the name of the column says one."""

_SUFFIXES = ("deg", "arcsec", "arcmin", "s", "ms", "mjy", "jy", "mhz", "ghz")
_SPELLED = {"mjy": "mJy", "jy": "Jy", "mhz": "MHz", "ghz": "GHz"}
_COLONS = re.compile(r"[+-]?\d+(:\d+){0,2}(\.\d*)?")
_MICRO = 10**6


def columns_of(table: Table) -> dict[str, Column]:
    """Which column is what."""
    split: dict[str, tuple[str, str | None]] = {}
    for name in table.colnames:
        base, _, end = name.lower().rpartition("_")
        split.setdefault(name.lower(), (name, None))
        if base and end in _SUFFIXES:
            unit = None if table[name].unit is not None else _SPELLED.get(end, end)
            split.setdefault(base, (name, unit))
    columns: dict[str, Column] = {}
    for field, aliases in NAMES.items():
        alias = next((a for a in aliases if a in split), None)
        if alias is not None:
            name, unit = split[alias]
            columns[field] = Column((name,), unit=unit, needed=False)
    return columns


def pad_angles(table: Table, columns: Mapping[str, Column]) -> Floats:
    """Write positions as hh:mm:ss where seconds, or minutes, are not given.

    Returns
    -------
    (n,) float
        Half a unit of the last digit of positions that are text, arcsec; NaN of others.
    """
    halves = []
    for field in ("ra", "dec"):
        name = columns[field].names[0]
        column = table[name]
        words = tables.texts(column)
        text = np.ma.asarray(column).dtype.kind in "OSU"
        if not text or not any(":" in word for word in words):
            return np.full(len(table), np.nan)
        half = np.full(len(words), np.nan)
        whole = []
        for i, word in enumerate(words):
            short = _COLONS.fullmatch(word) is not None
            whole.append(_hms(word) if short else word)
            if short:
                step = 3600 / 60.0 ** word.count(":") / 10.0 ** len(word.partition(".")[2])
                half[i] = step / 2 * (15 if field == "ra" else 1)
        table.replace_column(name, TableColumn(whole, name))
        halves.append(half)
    return np.hypot(*halves)


def _hms(word: str) -> str:
    """hh, hh:mm or hh:mm:ss, the last with decimals, as hh:mm:ss."""
    sign = "-" if word.startswith("-") else ""
    parts = word.lstrip("+-").split(":")
    micro = round(sum(float(p) * 60 ** (2 - i) for i, p in enumerate(parts)) * _MICRO)
    minutes, rest = divmod(micro, 60 * _MICRO)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes}:{rest // _MICRO}.{rest % _MICRO:06d}"
