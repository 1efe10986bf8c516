"""DSA-110 at the Owens Valley Radio Observatory, and its fast visibilities.

Sources: the station list and the constants published with dsa110/dsa110-nsfrb; the site is
OVRO_MMA of the CASA measures; dishes and system temperature of Ravi et al. (2023).
"""

from __future__ import annotations

from importlib import resources

import numpy as np
from astropy import units
from astropy.coordinates import EarthLocation
from astropy.table import Table
from numpy.typing import NDArray

TSAMP_S = 0.1342182159423828
"""Sampling interval of the fast visibilities."""

N_SUBBANDS = 16
_FINE_TOP_MHZ, _FINE_STEP_MHZ = 1530.0, 250.0 / 8192
_FINE_FIRST = 1024
FINE_IN_SUBBAND = 384
"""Channels of the correlator in a sub-band, which are averaged."""

FILE_SAMPLES = 2250
"""Samples of a file, 90 gulps of 25."""

DISH_M = 4.65
SEFD_JY = 6000.0
"""Of an antenna: 25 K and an aperture efficiency near 0.7."""

ELEVATION_DEG_PER_S = 0.5368
"""Of the drives; azimuth stays on the meridian (dsa110/dsa110-nsfrb)."""

BEAM_FWHM_DEG = 3.2
"""Of a dish at 1.4 GHz, 1.22 wavelengths over its diameter."""

CORE = range(1, 103)
"""Stations of the core; the others are outriggers."""


def site() -> EarthLocation:
    """Where the arms of the array meet; its meridian is the one that data are phased to."""
    return EarthLocation.from_geodetic(
        np.degrees(-2.064427799136453) * units.deg,
        np.degrees(0.6498455107238486) * units.deg,
        1188.0519 * units.m,
    )


def stations() -> Table:
    """Columns ``station``, ``lat_deg``, ``lon_deg``, ``height_m`` (WGS84)."""
    with resources.as_file(resources.files("surveys.instruments") / "dsa110_stations.ecsv") as path:
        return Table.read(path, format="ascii.ecsv")


def fine_channels(n_channels: int = 8) -> int:
    """Fine channels in each of ``n_channels`` of a sub-band.

    Raises
    ------
    ValueError
        If they do not come out even.
    """
    if not 0 < n_channels <= FINE_IN_SUBBAND or FINE_IN_SUBBAND % n_channels:
        raise ValueError(f"{n_channels} does not divide the {FINE_IN_SUBBAND} fine channels")
    return FINE_IN_SUBBAND // n_channels


def freq_mhz(n_channels: int = 8) -> NDArray[np.float64]:
    """Channel centres, (sub-band, channel), falling."""
    averaged = fine_channels(n_channels)
    n = N_SUBBANDS * n_channels
    middle = _FINE_FIRST + averaged * np.arange(n, dtype=np.float64) + (averaged - 1) / 2
    freq = _FINE_TOP_MHZ - _FINE_STEP_MHZ * middle
    return np.asarray(freq.reshape(N_SUBBANDS, n_channels), np.float64)


def channel_width_mhz(n_channels: int = 8) -> float:
    """Bandwidth of each of ``n_channels`` of a sub-band."""
    return _FINE_STEP_MHZ * fine_channels(n_channels)
