"""What the Milky Way adds to a dispersion measure: its interstellar medium, and its halo.

The interstellar part comes as a number, from a map, from a table, or from the package ``mwprop``.
Each gives a `MilkyWayDM`: a value with an error and its source, in pc/cc as we observe it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import astropy.units as u
import healpy
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from surveys.errors import InputError

RELATIVE_ERROR = 0.2
"""Error of a modelled DM of the interstellar medium, unless given: 20 %.

NE2001 and YMW16 differ by that much at high latitude (60.1 and 50.2 pc/cc towards FRB 20190520B),
and both by more near the plane.
"""


@dataclass(frozen=True)
class MilkyWayDM:
    """A term of the Milky Way, pc/cc as observed.

    Attributes
    ----------
    value : float
    error : float
        Standard deviation of the Gaussian that is cut off at 0.
    source : str
        Where it comes from, for tables and captions.
    """

    value: float
    error: float
    source: str = "given"

    def __post_init__(self) -> None:
        for name in ("value", "error"):
            number = getattr(self, name)
            if not 0 <= number < np.inf:
                raise InputError(
                    f"DM of the Milky Way ({self.source})",
                    name,
                    f"{number} is no DM",
                    "give a number of pc/cc that is 0 or more",
                )

    def sample(self, rng: np.random.Generator, shape: int | tuple[int, ...]) -> NDArray[Any]:
        """Draws from the Gaussian, none of them below 0."""
        if self.error == 0:
            return np.full(shape, float(self.value))
        # By the distribution function, of the upper tail for its precision.
        above = ndtr(self.value / self.error) * (1 - rng.random(shape))
        return np.maximum(self.value - self.error * ndtri(above), 0.0)


HALO = MilkyWayDM(50.0, 25.0, "default of the Milky Way halo")
"""DM of the halo of the Milky Way where nothing is known better.

What is in use lies within one standard deviation: 38.5 from a modified NFW halo of 10^12.18 solar
masses (Prochaska & Zheng 2019), 69 from X-rays and a disk (Yamasaki & Totani 2020), 68 +27 -24 from
localised bursts (Hoffmann et al. 2026).
"""


def ism_from_map(
    path: Path | str,
    position: SkyCoord,
    frame: str | None = None,
    relative_error: float = RELATIVE_ERROR,
) -> MilkyWayDM:
    """Interpolate a HEALPix map of DM (pc/cc, the first column of a FITS file).

    Parameters
    ----------
    path : path
    position : astropy.coordinates.SkyCoord
    frame : {"galactic", "icrs"}, optional
        Of the map; the COORDSYS of the header (G or C) unless given.
    relative_error : float

    Raises
    ------
    InputError
        There is no such map, its frame is not known, or it is empty at the position.
    """
    path = Path(path)
    values, header = _read_map(path)
    lon, lat = _in_frame(position, frame or _frame_of(path, header))
    pixels, weights = healpy.get_interp_weights(
        healpy.npix2nside(values.size), lon, lat, lonlat=True
    )
    around = values[pixels]
    used = weights > 0
    if not (np.isfinite(around) & (around != healpy.UNSEEN))[used].all():
        raise InputError(
            str(path),
            "the first column",
            f"the map is empty (UNSEEN or NaN) at l = {position.galactic.l.deg:.4f}, "
            f"b = {position.galactic.b.deg:.4f} deg",
            "use a map that covers the position, or give the DM as a number",
        )
    value = float(np.sum((around * weights)[used]))
    if value < 0:
        raise InputError(
            str(path), "the first column", f"DM = {value:.4g} at the position", "give DM in pc/cc"
        )
    return MilkyWayDM(value, relative_error * value, f"map {path.name}")


def _read_map(path: Path) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Pixels in RING order, and the header."""
    if not path.is_file():
        raise InputError(str(path), "map", "there is no such file", "give the path of a FITS map")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Opened here: healpy leaves a file that it cannot read open.
            with fits.open(path, memmap=False) as file:
                values, header = healpy.read_map(file, field=0, h=True, dtype=np.float64)
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise InputError(
            str(path),
            "map",
            f"this is no HEALPix map ({error})",
            "give a FITS file as healpy.write_map makes it",
        ) from None
    return np.asarray(values), dict(header)


def _frame_of(path: Path, header: dict[str, Any]) -> str:
    """The frame that the header names."""
    name = str(header.get("COORDSYS", "")).strip().upper()
    frame = {"G": "galactic", "GALACTIC": "galactic"}.get(name)
    frame = frame or {"C": "icrs", "CELESTIAL": "icrs", "EQUATORIAL": "icrs"}.get(name)
    if frame is None:
        raise InputError(
            str(path),
            "COORDSYS",
            f"{name!r} is neither G nor C" if name else "is missing",
            'say which frame the map is in: "galactic" or "icrs"',
        )
    return frame


def _in_frame(position: SkyCoord, frame: str) -> tuple[float, float]:
    """Longitude and latitude in degrees."""
    if frame == "galactic":
        return float(position.galactic.l.deg), float(position.galactic.b.deg)
    if frame == "icrs":
        return float(position.icrs.ra.deg), float(position.icrs.dec.deg)
    raise InputError("map", "frame", f"{frame!r} is not known", 'use "galactic" or "icrs"')


def ism_from_table(
    path: Path | str,
    position: SkyCoord,
    radius_deg: float = 1.0,
    relative_error: float = RELATIVE_ERROR,
) -> MilkyWayDM:
    """The nearest row of a table of Galactic l, b (deg) and dm (pc/cc).

    Parameters
    ----------
    path : path
        ECSV, CSV or FITS with columns l, b, dm, in any case and order; dm_error where it is known.
    position : astropy.coordinates.SkyCoord
    radius_deg : float
        How far a row may be.
    relative_error : float
        Where the table has no dm_error.

    Raises
    ------
    InputError
        The table cannot be used, or has no row within the radius.
    """
    path = Path(path)
    table = _read_table(path)
    l, b, dm = (_numbers(path, table, name) for name in ("l", "b", "dm"))
    if (np.abs(b) > 90).any():
        raise InputError(
            str(path), "b", f"{b[np.abs(b) > 90][0]} is no latitude", "give b in degrees"
        )
    rows = SkyCoord(l * u.deg, b * u.deg, frame="galactic")
    apart = rows.separation(position.galactic).deg
    nearest = int(np.argmin(apart))
    if apart[nearest] > radius_deg:
        raise InputError(
            str(path),
            "l, b",
            f"the nearest of {len(table)} rows is {apart[nearest]:.3f} deg from the position, "
            f"more than {radius_deg:g}",
            "add a row, allow a larger radius, or give the DM as a number",
        )
    value = float(dm[nearest])
    error = relative_error * value
    if "dm_error" in table.colnames:
        error = float(_numbers(path, table, "dm_error")[nearest])
    return MilkyWayDM(value, error, f"table {path.name}, {apart[nearest]:.2f} deg away")


def _read_table(path: Path) -> Table:
    """A table with its column names in lower case and at least one row."""
    if not path.is_file():
        raise InputError(str(path), "table", "there is no such file", "give the path of a table")
    known = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv"}
    known |= dict.fromkeys((".fits", ".fit"), "fits")
    suffix = path.suffix.lower()
    if suffix not in known:
        raise InputError(
            str(path), "table", f"{suffix!r} is no known kind", "use .ecsv, .csv or .fits"
        )
    try:
        table = Table.read(path, format=known[suffix])
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(
            str(path), "table", f"cannot be read ({error})", "write it again as ECSV"
        ) from None
    for name in table.colnames:
        if name != name.lower() and name.lower() not in table.colnames:
            table.rename_column(name, name.lower())
    if len(table) == 0:
        raise InputError(str(path), "table", "has no rows", "add a row with l, b, dm")
    return table


def _numbers(path: Path, table: Table, name: str) -> NDArray[np.float64]:
    """A column of finite numbers."""
    if name not in table.colnames:
        raise InputError(
            str(path),
            name,
            f"there is no such column among {', '.join(table.colnames)}",
            "name the columns l, b and dm",
        )
    try:
        values = np.ma.filled(np.ma.asarray(table[name], dtype=np.float64), np.nan)
    except (TypeError, ValueError):
        values = np.array([np.nan])
    if not np.isfinite(values).all():
        raise InputError(str(path), name, "not all rows have a number", "mend or remove those rows")
    return values
