"""Files of DSA-110's fast visibilities, and the observation that says what is in them.

``nsfrb_sbNN_FFFFF.out`` holds one sub-band: a header of 16 bytes (MJD as float64, sub-band as
uint32, declination in degrees as float32; in older files the MJD is a float32, and 12 bytes
the whole), then complex64 (time, baseline, channel, polarisation) without padding,
little-endian. Baselines are those of ``for i: for j <= i`` over the antennas in their order,
autocorrelations included.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from astropy import units
from astropy.coordinates import EarthLocation
from astropy.table import Table
from astropy.time import Time
from numpy.typing import NDArray

from pipeline.config import ConfigProblem, load_config
from pipeline.errors import InputError
from pipeline.imaging.geometry import meridian_direction
from pipeline.visibilities.nsfrb_name import OBSERVATION
from surveys.instruments import dsa110

N_POLARISATIONS = 2
SIDEREAL_RAD_S = 2 * np.pi / 86164.0905

_HEADER, _OLD_HEADER = struct.Struct("<dIf"), struct.Struct("<fIf")
_MJD = (40000.0, 100000.0)
_MOST_ANTENNAS = 4096


@dataclass(frozen=True)
class FileHeader:
    """What stands before the visibilities of a file.

    Attributes
    ----------
    mjd : float
        UTC, of the *beginning* of the first sample.
    subband : int
    dec_deg : float
        Apparent declination on the meridian that data are phased to.
    n_bytes : int
        16, or 12 in older files, whose time is good to some minutes.
    """

    mjd: float
    subband: int
    dec_deg: float
    n_bytes: int = _HEADER.size

    def to_bytes(self) -> bytes:
        """The header as it stands in a file."""
        layout = _HEADER if self.n_bytes == _HEADER.size else _OLD_HEADER
        return layout.pack(self.mjd, self.subband, self.dec_deg)


def read_header(path: Path) -> FileHeader:
    """Read a header of either kind.

    Raises
    ------
    InputError
        The file cannot be read, or begins with neither.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise InputError(str(path), "file", problem, "check the path") from error
    for layout in (_HEADER, _OLD_HEADER):
        if len(head) >= layout.size:
            mjd, subband, dec = layout.unpack(head[: layout.size])
            # One kind read as the other has an MJD that is none.
            good = _MJD[0] < mjd < _MJD[1] and subband < 1 << 16 and abs(dec) <= 90
            if good:
                return FileHeader(mjd, subband, dec, layout.size)
    problem = f"its first {len(head)} bytes are no MJD, sub-band and declination"
    raise InputError(str(path), "header", problem, "copy the file again")


@dataclass(frozen=True)
class Observation:
    """What the files do not say; ``observation.toml`` beside them, or in the folder above.

    Attributes
    ----------
    antenna_order : tuple of int
        Station numbers in the order of the correlator.
    bad_antennas : tuple of int
        Stations whose baselines are not used.
    channels : int
        Channels of a sub-band.
    fringe_samples : int
        Samples for which data are phased to one place on the sky: the one that crosses the
        meridian, at the declination of the header, in the middle of the middle one. 1 is a
        fixed direction; 0 means that no delays are taken out.
    start_mjd : float, optional
        Beginning of the first sample of the first file, instead of what headers say.
    tsamp_s : float
        Sampling interval.
    stations : Path, optional
        ECSV table with ``station``, ``lat_deg``, ``lon_deg`` and ``height_m``; those of
        DSA-110 without it.
    site_deg : (float, float), optional
        Latitude and longitude of the reference of the array; those of DSA-110 without it.
    dish_m : float
        Diameter of the antennas, which gives the primary beam.
    unit : str
        ``"Jy"`` when calibrated.
    """

    antenna_order: tuple[int, ...]
    bad_antennas: tuple[int, ...] = ()
    channels: int = 8
    fringe_samples: int = 25
    start_mjd: float | None = None
    tsamp_s: float = dsa110.TSAMP_S
    stations: Path | None = None
    site_deg: tuple[float, float] | None = None
    dish_m: float = dsa110.DISH_M
    unit: Literal["Jy", ""] = ""

    def __post_init__(self) -> None:
        n = len(self.antenna_order)
        if not 2 <= n <= _MOST_ANTENNAS:
            raise ConfigProblem("antenna_order", f"has {n} stations", "give two or more")
        if len(set(self.antenna_order)) < n:
            raise ConfigProblem("antenna_order", "names a station twice", "give each once")
        if self.fringe_samples < 0:
            problem = f"is {self.fringe_samples}"
            raise ConfigProblem("fringe_samples", problem, "give 0 or more")
        if self.start_mjd is not None and not _MJD[0] < self.start_mjd < _MJD[1]:
            raise ConfigProblem("start_mjd", f"is {self.start_mjd}", "give a UTC MJD")
        if not 0 < self.tsamp_s <= 3600 or not 0 < self.dish_m <= 1000:
            name = "dish_m" if 0 < self.tsamp_s <= 3600 else "tsamp_s"
            raise ConfigProblem(name, f"is {getattr(self, name)}", "give a number above 0")
        if self.site_deg and not (abs(self.site_deg[0]) <= 90 and abs(self.site_deg[1]) <= 360):
            raise ConfigProblem("site_deg", f"is {self.site_deg}", "give latitude and longitude")
        try:
            dsa110.fine_channels(self.channels)
        except ValueError as error:
            raise ConfigProblem("channels", str(error), "give 1, 2, 4, 8, ...") from error

    @property
    def pairs(self) -> NDArray[np.int64]:
        """Places in the order of both antennas, (baseline, 2); a baseline goes from j to i."""
        i, j = np.tril_indices(len(self.antenna_order))
        return np.stack([i, j], axis=1)

    @property
    def sample_bytes(self) -> int:
        """Bytes of a sample of a sub-band."""
        return len(self.pairs) * self.channels * N_POLARISATIONS * np.dtype("<c8").itemsize

    @property
    def site(self) -> EarthLocation:
        """Reference of the array."""
        if self.site_deg is None:
            return dsa110.site()
        lat, lon = self.site_deg
        return EarthLocation.from_geodetic(lon * units.deg, lat * units.deg, 0 * units.m)


def load_observation(folder: Path) -> tuple[Observation, Path]:
    """The observation of files in a folder, and where it stands.

    Raises
    ------
    InputError
        There is none, or it cannot be used.
    """
    for place in (folder, folder.parent):
        path = place / OBSERVATION
        if path.is_file():
            observation = load_config(path, Observation)
            if observation.stations is not None:
                # As seen from the file that names it.
                observation = replace(observation, stations=place / observation.stations)
            return observation, path
    remedy = "write one with antenna_order, the station numbers in the order of the data"
    raise InputError(str(folder / OBSERVATION), "file", "is missing", remedy)


def phased_directions(
    observation: Observation,
    times: Time,
    sample: NDArray[np.int64],
    starts: NDArray[np.int64],
    dec_deg: float,
) -> NDArray[np.float64]:
    """Directions whose delays are taken out of samples, (time, 3), ITRS; 0 where none are.

    Parameters
    ----------
    observation : Observation
    times : Time, (time,)
        Centres of the samples.
    sample : (time,)
    starts : (file,)
        First samples of the numbers, in order; phases begin anew with each.
    dec_deg : float
        Apparent declination.
    """
    length = observation.fringe_samples
    if length == 0:
        return np.zeros((len(sample), 3))
    # Early sub-bands belong to the first number.
    number = np.maximum(np.searchsorted(starts, sample, side="right") - 1, 0)
    off = (sample - starts[number]) % length - (length - 1) / 2
    angle = off * observation.tsamp_s * SIDEREAL_RAD_S
    return meridian_direction(times, angle, np.radians(dec_deg), observation.site)


def antenna_positions(observation: Observation, where: str) -> NDArray[np.float64]:
    """ITRS positions relative to the site in the order of the antennas, metres, (antenna, 3).

    Raises
    ------
    InputError
        A station is not in the table, or the table cannot be read.
    """
    table, name = _stations(observation)
    row = {int(station): i for i, station in enumerate(table["station"])}
    unknown = [a for a in observation.antenna_order if a not in row]
    if unknown:
        problem = f"station {unknown[0]} is not in {name}"
        raise InputError(where, "antenna_order", problem, "correct it, or give stations = FILE")
    chosen = table[[row[a] for a in observation.antenna_order]]
    place = [np.asarray(chosen[c], float) for c in ("lon_deg", "lat_deg", "height_m")]
    lost = ~np.isfinite(place).all(axis=0)
    if lost.any():
        station = observation.antenna_order[int(lost.argmax())]
        problem = f"station {station} has no position in {name}"
        raise InputError(where, "antenna_order", problem, "add it to the table of stations")
    lon, lat, height = place
    at = EarthLocation.from_geodetic(lon * units.deg, lat * units.deg, height * units.m)
    return np.stack([a.to_value("m") for a in at.geocentric], axis=1) - np.array(
        [a.to_value("m") for a in observation.site.geocentric]
    )


def _stations(observation: Observation) -> tuple[Table, str]:
    if observation.stations is None:
        return dsa110.stations(), "the list of DSA-110"
    path = observation.stations
    try:
        table = Table.read(path, format="ascii.ecsv")
        missing = {"station", "lat_deg", "lon_deg", "height_m"} - set(table.colnames)
    except (OSError, ValueError) as error:
        problem = f"cannot be read ({error})"
        raise InputError(str(path), "file", problem, "give an ECSV table") from error
    if missing:
        problem = f"has no column {sorted(missing)[0]}"
        raise InputError(str(path), "columns", problem, "add it")
    return table, path.name
