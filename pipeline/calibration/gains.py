"""Files of gains, ``slowburst-gains/1``."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.readers.base import check_channels, check_mjd
from pipeline.sinks.hdf5 import write_hdf5
from pipeline.visibilities.block import VisHeader

FORMAT = "slowburst-gains/1"

JY, RELATIVE = "Jy", "calibrator"
"""Units of calibrated data: Jy, or the flux of the calibrator where that was not known."""

_SOLVE = "solve the gains again with slowburst calibrate"
_WIDTH_SLACK = 1e-3
_DATASETS = ("antenna", "freq_mhz", "polarisation", "gain", "weight")
_ATTRIBUTES = ("unit", "source", "model", "mjd", "channel_width_mhz")


@dataclass(frozen=True)
class Gains:
    """Complex gains: a recorded visibility is ``g_i conj(g_j)`` times the true one.

    Attributes
    ----------
    antennas : (antenna,) int
        Numbers of the stations, rising.
    freq_mhz : (channel,) float64
        Centres of the channels they were solved in.
    channel_width_mhz : float
        A gain is that of every frequency within half of it.
    polarisations : tuple of str
    gain : (antenna, channel, polarisation) complex64
    weight : (antenna, channel, polarisation) float32
        Inverse variance of either part of the gain, 0 where there is no solution.
    unit : str
        ``"Jy"``, or ``"calibrator"`` where the flux of the calibrator was taken for 1.
    source : str
        The recording that they were solved in.
    model : str
        The sky that they were solved for.
    mjd : float
        UTC, middle of the samples that were used.
    """

    antennas: NDArray[np.int64]
    freq_mhz: NDArray[np.float64]
    channel_width_mhz: float
    polarisations: tuple[str, ...]
    gain: NDArray[np.complex64] = field(repr=False)
    weight: NDArray[np.float32] = field(repr=False)
    unit: str = RELATIVE
    source: str = ""
    model: str = ""
    mjd: float = 0.0

    @property
    def bad_antennas(self) -> tuple[int, ...]:
        """Antennas without any solution."""
        return tuple(int(a) for a in self.antennas[~(self.weight > 0).any(axis=(1, 2))])


class Correction(NamedTuple):
    """What a recording is multiplied by.

    Attributes
    ----------
    factor : (baseline, channel, polarisation) complex64
        ``1 / (g_i conj(g_j))``; 0 where a gain is missing.
    weight : (baseline, channel, polarisation) float32
        ``|g_i g_j|^2`` over its mean: what a weight becomes.
    lost : tuple of int
        Antennas that have no gains.
    """

    factor: NDArray[np.complex64]
    weight: NDArray[np.float32]
    lost: tuple[int, ...]


def correction(gains: Gains, header: VisHeader, where: str) -> Correction:
    """Gains of a recording's baselines, channels and polarisations.

    Parameters
    ----------
    gains : Gains
    header : VisHeader
    where : str
        The file of gains, to be named in messages.

    Raises
    ------
    InputError
        The gains are those of other polarisations, frequencies or antennas.
    """
    channel = _nearest(gains, header, where)
    missing = set(header.polarisations) - set(gains.polarisations)
    if missing:
        has = " and ".join(gains.polarisations)
        problem = f"are of {has}, {header.source} has {' and '.join(header.polarisations)}"
        raise InputError(where, "polarisation", problem, _SOLVE)
    hand = [gains.polarisations.index(p) for p in header.polarisations]
    stations = np.unique(header.baselines)
    place = {int(a): i for i, a in enumerate(gains.antennas)}
    shape = (len(stations), len(channel), len(hand))
    gain, good = np.zeros(shape, np.complex64), np.zeros(shape, bool)
    for i, station in enumerate(stations):
        if int(station) in place:
            own = place[int(station)]
            gain[i] = gains.gain[own][channel][:, hand]
            good[i] = gains.weight[own][channel][:, hand] > 0
    lost = stations[~good.any(axis=(1, 2))]
    if len(stations) - len(lost) < 2:
        problem = f"have solutions for {len(stations) - len(lost)} antennas of {header.source}"
        raise InputError(where, "antenna", problem, _SOLVE)
    first, second = np.searchsorted(stations, header.baselines).T
    both = gain[first] * gain[second].conj()
    there = good[first] & good[second]
    power = np.where(there, np.abs(both) ** 2, 0)
    factor = np.where(there, 1 / np.where(there, both, 1), 0).astype(np.complex64)
    weight = (power / power[there].mean()).astype(np.float32)
    return Correction(factor, weight, tuple(int(a) for a in lost))


def _nearest(gains: Gains, header: VisHeader, where: str) -> NDArray[np.int64]:
    """The channel of the gains that each channel of a recording lies in."""
    away = np.abs(header.freq_mhz[:, None] - gains.freq_mhz)
    channel = away.argmin(axis=1)
    off = away.min(axis=1) > gains.channel_width_mhz * (0.5 + _WIDTH_SLACK)
    if off.any():
        bad = header.freq_mhz[off.argmax()]
        low, high = gains.freq_mhz.min(), gains.freq_mhz.max()
        problem = (
            f"none is within half a channel of {bad:.4f} MHz ({off.sum()} of {len(off)} channels "
            f"of {header.source}); they span {low:.4f} to {high:.4f} MHz"
        )
        raise InputError(where, "freq_mhz", problem, f"{_SOLVE} over the same band")
    return channel


def write_gains(path: Path, gains: Gains, attributes: Mapping[str, Any] | None = None) -> None:
    """Write a file of gains; the old one stays until the new one is whole.

    Parameters
    ----------
    path : Path
    gains : Gains
    attributes : mapping, optional
        Further root attributes: text or numbers.
    """

    def fill(file: h5py.File) -> None:
        file["antenna"] = np.asarray(gains.antennas, np.int64)
        file["freq_mhz"] = np.asarray(gains.freq_mhz, np.float64)
        file["polarisation"] = list(gains.polarisations)
        file["gain"] = np.asarray(gains.gain, np.complex64)
        file["weight"] = np.asarray(gains.weight, np.float32)
        file.attrs["format"] = FORMAT
        for name in _ATTRIBUTES:
            file.attrs[name] = getattr(gains, name)
        file.attrs["slowburst_version"] = importlib.metadata.version("slowburst")
        for name, value in (attributes or {}).items():
            file.attrs[name] = value

    write_hdf5(path, fill)


def read_gains(path: Path | str) -> Gains:
    """Read a file of gains.

    Raises
    ------
    InputError
        It is not one, or holds what cannot be.
    """
    where = str(path)
    try:
        with h5py.File(path, "r") as file:
            _check_names(file, where)
            polarisations = tuple(str(p) for p in file["polarisation"].asstr()[()])
            gains = Gains(
                antennas=np.asarray(file["antenna"][()], np.int64),
                freq_mhz=np.asarray(file["freq_mhz"][()], np.float64),
                channel_width_mhz=float(file.attrs["channel_width_mhz"]),
                polarisations=polarisations,
                gain=np.asarray(file["gain"][()], np.complex64),
                weight=np.asarray(file["weight"][()], np.float32),
                unit=str(file.attrs["unit"]),
                source=str(file.attrs["source"]),
                model=str(file.attrs["model"]),
                mjd=float(file.attrs["mjd"]),
            )
    except FileNotFoundError as error:
        raise InputError(where, "file", "does not exist", "check the path") from error
    except InputError:
        raise
    except Exception as error:  # h5py raises many kinds on a damaged file
        raise InputError(where, "file", f"cannot be read ({error})", _SOLVE) from error
    _check(gains, where)
    return gains


def _check_names(file: Any, where: str) -> None:
    found = file.attrs.get("format")
    if found != FORMAT:
        problem = f"is {found!r}, not {FORMAT!r}"
        raise InputError(where, "format", problem, "give what slowburst calibrate wrote")
    for name in _DATASETS:
        if name not in file:
            raise InputError(where, name, "is missing", _SOLVE)
    for name in _ATTRIBUTES:
        if name not in file.attrs:
            raise InputError(where, name, "the attribute is missing", _SOLVE)


def _check(gains: Gains, where: str) -> None:
    shape = (len(gains.antennas), len(gains.freq_mhz), len(gains.polarisations))
    for name in ("gain", "weight"):
        if getattr(gains, name).shape != shape:
            problem = (
                f"has the shape {getattr(gains, name).shape}, antenna, freq_mhz and polarisation "
                f"say {shape}"
            )
            raise InputError(where, name, problem, _SOLVE)
    check_channels(gains.freq_mhz, where, "freq_mhz")
    check_mjd(gains.mjd, where, "mjd", "the samples that were used")
    if not 0 < gains.channel_width_mhz <= 1e6:
        problem = f"is {gains.channel_width_mhz}"
        raise InputError(where, "channel_width_mhz", problem, "give a width above 0")
    if np.any(np.diff(gains.antennas) <= 0):
        raise InputError(where, "antenna", "is not rising", "sort the stations, each once")
    if gains.unit not in (JY, RELATIVE):
        raise InputError(where, "unit", f"is {gains.unit!r}", f"give {JY!r} or {RELATIVE!r}")
    good = gains.weight > 0
    if not good.any():
        raise InputError(where, "weight", "is 0 throughout: there is no solution", _SOLVE)
    sane = np.isfinite(gains.weight) & (gains.weight >= 0)
    sane &= ~good | (np.isfinite(gains.gain) & (gains.gain != 0))
    if not sane.all():
        i = int(np.argwhere(~sane)[0, 0])
        problem = f"of antenna {gains.antennas[i]} is not finite, or 0 with a weight"
        raise InputError(where, "gain", problem, _SOLVE)
