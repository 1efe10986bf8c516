"""The part of the sky that a survey is to cover, as HEALPix pixels in ICRS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import healpy
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from numpy.typing import NDArray

from surveys.catalogs.tables import numbers, open_table, texts
from surveys.errors import InputError, unknown
from surveys.planning.moc import FITS_ERRORS, covered, read_moc, whole_fits
from surveys.planning.settings import FRAMES, RegionSettings

_COORDSYS = {"C": "icrs", "Q": "icrs", "CELESTIAL": "icrs", "ICRS": "icrs", "EQUATORIAL": "icrs"}
_COORDSYS |= {"G": "galactic", "GALACTIC": "galactic"}


@dataclass(frozen=True)
class Targets:
    """Places of interest.

    Attributes
    ----------
    name : tuple of str
    ra_deg, dec_deg : (target,)
        ICRS.
    """

    name: tuple[str, ...]
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True)
class Region:
    """Pixels to be covered.

    Attributes
    ----------
    nside : int
    pixel : (pixel,) int64
        Nested, in ICRS, rising.
    targets : Targets, optional
        Those that the region is about.
    """

    nside: int
    pixel: NDArray[np.int64]
    targets: Targets | None = None

    @property
    def pixel_deg2(self) -> float:
        return float(healpy.nside2pixarea(self.nside, degrees=True))

    @property
    def area_deg2(self) -> float:
        return self.pixel_deg2 * len(self.pixel)

    def places(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """RA and Dec (ICRS) of the centres of the pixels, in degrees."""
        return healpy.pix2ang(self.nside, self.pixel, nest=True, lonlat=True)


def read_region(settings: RegionSettings, folder: Path, where: str) -> Region:
    """The region of settings.

    Parameters
    ----------
    settings : RegionSettings
    folder : Path
        Where its file is looked for, unless its path is absolute.
    where : str
        The file of the settings, for errors.

    Raises
    ------
    InputError
        The file cannot be used, or nothing is in the region.
    """
    if settings.file is not None:
        settings = replace(settings, file=folder / settings.file)
    nside, targets = settings.nside, None
    if settings.kind == "targets":
        targets, radius = _read_targets(settings)
        pixel = _cones(targets, radius, nside)
    else:
        everything = np.arange(healpy.nside2npix(nside), dtype=np.int64)
        pixel = everything[_inside(settings, *Region(nside, everything).places())]
    if not len(pixel):
        problem = f"holds no pixel of NSIDE {nside}"
        raise InputError(where, "region", problem, "give a larger region, or a larger nside")
    return Region(nside, pixel, targets)


def _inside(settings: RegionSettings, ra: NDArray, dec: NDArray) -> NDArray[np.bool_]:
    if settings.kind == "moc":
        assert settings.file is not None
        return covered(read_moc(settings.file), ra, dec)
    if settings.kind == "mask":
        return _inside_mask(settings, ra, dec)
    assert settings.l_deg is not None
    assert settings.b_deg is not None
    l, b = galactic(ra, dec)
    first, last = settings.l_deg
    # Longitudes from -180 to 180 are a whole turn, not nothing.
    width = 360.0 if last - first == 360 else (last - first) % 360
    inside = (l - first) % 360 <= width
    return inside & (b >= settings.b_deg[0]) & (b <= settings.b_deg[1])


def _inside_mask(settings: RegionSettings, ra: NDArray, dec: NDArray) -> NDArray[np.bool_]:
    path = settings.file
    assert path is not None
    where, remedy = str(path), "give a HEALPix map in a FITS table"
    try:
        with whole_fits(path) as file:
            values, header = healpy.read_map(file, nest=True, h=True, dtype=np.float64)
        coordsys = dict(header).get("COORDSYS")
    except FITS_ERRORS as error:
        raise InputError(where, "file", f"cannot be read ({error})", remedy) from error
    frame = settings.frame
    if frame is None:
        word = str(coordsys or "").strip().upper()
        if word not in _COORDSYS:
            problem = f"is {coordsys!r}" if coordsys else "is missing"
            raise InputError(where, "COORDSYS", problem, "give frame in [region]")
        frame = _COORDSYS[word]
    if frame == "galactic":
        ra, dec = galactic(ra, dec)
    nside = healpy.npix2nside(len(values))
    value = values[healpy.ang2pix(nside, ra, dec, nest=True, lonlat=True)]
    return np.isfinite(value) & (value != healpy.UNSEEN) & (value >= settings.least)


def read_places(path: Path, frame: str | None = None) -> tuple[Targets, Table]:
    """Names and places of a table with ``ra`` and ``dec``, or ``l`` and ``b``, in degrees.

    Raises
    ------
    InputError
        The table cannot be read, lacks a column, is empty or has places that are none.
    """
    where = str(path)
    table = open_table(path, None, lambda names: {"ra", "dec"} <= set(names))
    frame = frame or str(table.meta.get("frame", "icrs")).lower()
    if frame not in FRAMES:
        raise unknown(where, "frame", frame, FRAMES)
    columns = ("ra", "dec") if frame == "icrs" else ("l", "b")
    for name in columns:
        if name not in table.colnames:
            raise InputError(where, name, "is missing", f"give columns {' and '.join(columns)}")
    lon, lat = (_degrees(table, name, where) for name in columns)
    if not (np.isfinite(lon) & (np.abs(lat) <= 90)).all():
        row = int(np.argmin(np.isfinite(lon) & (np.abs(lat) <= 90)))
        problem = f"row {row + 1} has {lon[row]:g}, {lat[row]:g}"
        raise InputError(where, " and ".join(columns), problem, "give degrees on the sphere")
    icrs = SkyCoord(lon * u.deg, lat * u.deg, frame=frame).icrs
    names = texts(table["name"]) if "name" in table.colnames else range(1, len(table) + 1)
    return Targets(tuple(str(n) for n in names), icrs.ra.deg, icrs.dec.deg), table


def _degrees(table: Table, name: str, where: str) -> NDArray[np.float64]:
    column = table[name]
    try:
        values = numbers(column)
        factor = column.unit.to(u.deg) if column.unit else 1.0
    except (u.UnitConversionError, ValueError, TypeError) as error:
        raise InputError(where, name, "is no number of degrees", "give degrees") from error
    return values * factor


def _read_targets(settings: RegionSettings) -> tuple[Targets, NDArray[np.float64]]:
    assert settings.file is not None
    targets, table = read_places(settings.file, settings.frame)
    if "radius_deg" not in table.colnames:
        return targets, np.full(len(targets), settings.radius_deg)
    radius = _degrees(table, "radius_deg", str(settings.file))
    if not ((radius > 0) & (radius <= 180)).all():
        raise InputError(
            str(settings.file), "radius_deg", "has values outside 0 to 180", "mend the column"
        )
    return targets, radius


def _cones(targets: Targets, radius_deg: NDArray, nside: int) -> NDArray[np.int64]:
    """Pixels with their centres in cones, and those that hold a target."""
    vectors = healpy.ang2vec(targets.ra_deg, targets.dec_deg, lonlat=True)
    found = [
        healpy.query_disc(nside, vector, np.radians(radius), nest=True)
        for vector, radius in zip(vectors, radius_deg, strict=True)
    ]
    own = healpy.ang2pix(nside, targets.ra_deg, targets.dec_deg, nest=True, lonlat=True)
    return np.unique(np.concatenate([*found, own])).astype(np.int64)


def galactic(ra_deg: NDArray, dec_deg: NDArray) -> tuple[NDArray, NDArray]:
    """Galactic longitude and latitude of ICRS places, in degrees."""
    place = SkyCoord(ra_deg * u.deg, dec_deg * u.deg).galactic
    return place.l.deg, place.b.deg
