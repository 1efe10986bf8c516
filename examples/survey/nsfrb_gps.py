"""Pointings like those of the NSFRB Galactic Plane Survey: drift scans of DSA-110.

    python examples/survey/nsfrb_gps.py pointings.ecsv --field 0.52
    slowburst survey coverage pointings.ecsv --out coverage --flux 0.29 --width 0.134
    slowburst survey limits coverage --out limits --config examples/survey/nsfrb_gps_limits.toml

The footprint, the threshold and the sampling are published; when the telescope looked where is not.
Here it stays at one declination for a night, while the footprint passes through its beam, and looks
at the next strip in the next night.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import healpy
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from surveys.coverage.pointings import Pointings
from surveys.instruments import dsa110

L_DEG, B_DEG = (141.0, 225.0), (-3.5, 5.7)
THRESHOLD, LIMIT_JY = 6.0, 0.29
LIGHT_M_S, MIDDLE_MHZ = 299_792_458.0, 1405.015
BEAM_DEG = math.degrees(1.22 * LIGHT_M_S / (MIDDLE_MHZ * 1e6) / dsa110.DISH_M)
WIDEST_S = 160.8
FIRST_MJD = 60676.0  # 2025 January 1
_NSIDE = 256


def footprint_deg2() -> float:
    """Area of the box in Galactic coordinates."""
    height = np.sin(np.radians(B_DEG[1])) - np.sin(np.radians(B_DEG[0]))
    return float((L_DEG[1] - L_DEG[0]) * np.degrees(height))


def inside(l_deg: np.ndarray, b_deg: np.ndarray) -> np.ndarray:
    """Whether places are in the footprint."""
    return (l_deg > L_DEG[0]) & (l_deg < L_DEG[1]) & (b_deg > B_DEG[0]) & (b_deg < B_DEG[1])


def drift_scans(
    strip_deg: float = 3.0, field_deg: float = math.inf, beam_deg: float = BEAM_DEG
) -> Pointings:
    """One drift scan for each strip of declination, long enough for whole passages.

    Parameters
    ----------
    strip_deg : float
        Between declinations.
    field_deg : float
        Side of the square image that is searched; infinite: all that the beam sees.
    beam_deg : float
        FWHM of the Gaussian beam; infinite: none.
    """
    l, b = healpy.pix2ang(_NSIDE, np.arange(12 * _NSIDE**2), nest=True, lonlat=True)
    here = inside(l, b)
    sky = SkyCoord(l[here] * u.deg, b[here] * u.deg, frame="galactic").icrs
    ra, dec = sky.ra.deg, sky.dec.deg
    strip = np.floor(dec / strip_deg).astype(int)
    half = min(field_deg, BEAM_DEG) / 2
    rows = []
    for night, n in enumerate(np.unique(strip)):
        middle = (n + 0.5) * strip_deg
        more = half / np.cos(np.radians(middle))
        begin, end = ra[strip == n].min() - more, ra[strip == n].max() + more
        rows.append((night, begin % 360, middle, (end - begin) / 360 * 86164.09))
    night, begin, middle, seconds = np.array(rows).T
    return Pointings.of(
        start_mjd=_when_it_passes(FIRST_MJD + night, begin),
        duration_s=seconds,
        ra=begin,
        dec=middle,
        drift=True,
        noise_jy=LIMIT_JY / THRESHOLD,
        tsamp_s=dsa110.TSAMP_S,
        beam_fwhm_deg=beam_deg,
        field_deg=field_deg,
        threshold=THRESHOLD,
        max_width_s=WIDEST_S,
    )


def _when_it_passes(mjd: np.ndarray, ra_deg: np.ndarray) -> np.ndarray:
    """When a right ascension is on the meridian of DSA-110, within a day: to a few seconds."""
    sidereal = 280.46061837 + 360.98564736629 * (mjd - 51544.5) + dsa110.site().lon.deg
    return mjd + ((ra_deg - sidereal) % 360) / 360.98564736629


def main() -> None:
    """Write the pointings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--field", type=float, default=math.inf, help="of images, deg [the beam]")
    parser.add_argument("--strip", type=float, default=3.0, help="between declinations, deg [3]")
    given = parser.parse_args()
    drift_scans(given.strip, given.field).write(given.out)


if __name__ == "__main__":
    main()
