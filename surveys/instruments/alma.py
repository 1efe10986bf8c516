"""ALMA's 12-m array: configurations, receivers, efficiencies.

Sources: antenna positions of cycle 10 as distributed in casadata; the array centre of the CASA
measures; bands, efficiencies and the surface of a dish from the ALMA Technical Handbook. System
temperatures are assumptions, typical of 1.3 mm of water or so away from its lines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

LATITUDE_DEG, LONGITUDE_DEG, HEIGHT_M = -23.022886, -67.754929, 5056.8
"""Centre of the array (WGS84)."""

DISH_M = 12.0
ETA_QUANTISATION, ETA_CORRELATOR = 0.96, 0.88
"""What quantisation and the correlator leave of the signal-to-noise ratio."""

BANDWIDTH_GHZ = 7.5
N_POLARISATIONS = 2
BEAM_FACTOR = 1.13
"""FWHM of the primary beam over wavelength / diameter."""

CII_GHZ = 1900.5369
"""Rest frequency of [CII], 157.74 um."""

_SMOOTH_EFFICIENCY, _SURFACE_UM = 0.72, 25.0
_LIGHT_UM_GHZ = 299_792.458


@dataclass(frozen=True)
class Band:
    """A receiver band.

    Attributes
    ----------
    number : int
    low_ghz, high_ghz : float
    system_k : float
        Assumed system temperature.
    """

    number: int
    low_ghz: float
    high_ghz: float
    system_k: float


BANDS = (
    Band(3, 84.0, 116.0, 70.0),
    Band(4, 125.0, 163.0, 75.0),
    Band(5, 163.0, 211.0, 75.0),
    Band(6, 211.0, 275.0, 90.0),
    Band(7, 275.0, 373.0, 145.0),
    Band(8, 385.0, 500.0, 300.0),
    Band(9, 602.0, 720.0, 900.0),
    Band(10, 787.0, 950.0, 1500.0),
)


@dataclass(frozen=True)
class Configuration:
    """Where the antennas stand.

    Attributes
    ----------
    name : str
        From C-1 to C-10.
    pads : tuple of str
    enu_m : (antenna, 3)
        East, north and up of the array centre.
    """

    name: str
    pads: tuple[str, ...]
    enu_m: NDArray[np.float64]


@lru_cache
def configurations() -> dict[str, Configuration]:
    """All configurations of the 12-m array in cycle 10, the most compact first."""
    with resources.as_file(resources.files("surveys.instruments") / "alma_cycle10.ecsv") as path:
        table = Table.read(path, format="ascii.ecsv")
    found = {}
    for number in sorted(set(table["config"].tolist())):
        rows = table[table["config"] == number]
        enu_m = np.stack([np.asarray(rows[axis], np.float64) for axis in ("x_m", "y_m", "z_m")], -1)
        enu_m.setflags(write=False)
        name = f"C-{number}"
        found[name] = Configuration(name, tuple(str(p) for p in rows["pad"]), enu_m)
    return found


def configuration(name: str) -> Configuration:
    """The configuration of a name such as C-5.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    known = configurations()
    key = str(name).strip().upper()
    if key not in known:
        raise ValueError(f"{name!r} is no configuration of ALMA; known are {', '.join(known)}")
    return known[key]


def band_of(freq_ghz: float) -> Band:
    """The receiver band that a frequency is in; where two meet, the lower one.

    Raises
    ------
    ValueError
        If it is in none.
    """
    for band in BANDS:
        if band.low_ghz <= freq_ghz <= band.high_ghz:
            return band
    if not math.isfinite(freq_ghz):
        raise ValueError(f"{freq_ghz} GHz is no frequency")
    near = min(BANDS, key=lambda b: max(b.low_ghz - freq_ghz, freq_ghz - b.high_ghz))
    raise ValueError(
        f"{freq_ghz:g} GHz is in no receiver band of ALMA; the nearest is band {near.number}, "
        f"{near.low_ghz:g} to {near.high_ghz:g} GHz"
    )


def aperture_efficiency(freq_ghz: float) -> float:
    """Share of a dish's area that collects, by the equation of Ruze."""
    phase = 4 * math.pi * _SURFACE_UM / (_LIGHT_UM_GHZ / freq_ghz)
    return _SMOOTH_EFFICIENCY * math.exp(-(phase**2))


def primary_beam_arcsec(freq_ghz: float) -> float:
    """FWHM of the primary beam."""
    wavelength_m = _LIGHT_UM_GHZ / freq_ghz * 1e-6
    return math.degrees(BEAM_FACTOR * wavelength_m / DISH_M) * 3600
