"""The header of a SIGPROC filterbank file."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.readers.base import check_channels, check_mjd, check_tsamp

START, END = "HEADER_START", "HEADER_END"
_KINDS: dict[str, str] = {
    "source_name": "text",
    "rawdatafile": "text",
    **dict.fromkeys(
        "telescope_id machine_id data_type barycentric pulsarcentric nbits nsamples nchans nifs "
        "nbeams ibeam nbins".split(),
        "<i",
    ),
    **dict.fromkeys(
        "az_start za_start src_raj src_dej tstart tsamp fch1 foff refdm period fchannel".split(),
        "<d",
    ),
    "npuls": "<q",
    "signed": "<b",
}
_TABLE = ("FREQUENCY_START", "FREQUENCY_END")
_BITS = (1, 2, 4, 8, 16, 32)
_WRONG = "give a SIGPROC filterbank with a complete header"


@dataclass(frozen=True)
class FilterbankHeader:
    """What the header says.

    Attributes
    ----------
    values : dict
        Every key as written, numbers and texts.
    freq_mhz : (channel,) float64
        Channel centres in the order of the data.
    n_bytes : int
        Length of the header; the samples start there.
    """

    values: dict[str, float | int | str]
    freq_mhz: NDArray[np.float64] = field(repr=False)
    n_bytes: int

    @property
    def n_bits(self) -> int:
        return int(self.values["nbits"])

    @property
    def n_ifs(self) -> int:
        return int(self.values.get("nifs", 1))

    @property
    def tsamp_s(self) -> float:
        return float(self.values["tsamp"])

    @property
    def signed(self) -> bool:
        return bool(self.values.get("signed", 0)) and self.n_bits == 8

    def wcs(self) -> WCS | None:
        """A one-pixel WCS at the pointing (``src_raj``, ``src_dej``), if there is one.

        The pixel is one degree wide for want of a beam size: only its centre
        (pixel 0, 0) means anything.
        """
        if "src_raj" not in self.values or "src_dej" not in self.values:
            return None
        hours = _sexagesimal(float(self.values["src_raj"]))
        degrees = _sexagesimal(float(self.values["src_dej"]))
        if hours is None or degrees is None or not (0 <= hours < 24 and abs(degrees) <= 90):
            return None
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.crval = [hours * 15.0, degrees]
        wcs.wcs.crpix = [1.0, 1.0]
        wcs.wcs.cdelt = [-1.0, 1.0]
        wcs.wcs.radesys = "ICRS"
        wcs.wcs.set()
        return wcs


def read_header(file: BinaryIO, where: str) -> FilterbankHeader:
    """Parse and check the header at the start of ``file``.

    Raises
    ------
    InputError
        Not a filterbank, unknown key, missing key, an impossible value, or no whole sample.
    """
    if _read_text(file, where, "start") != START:
        raise InputError(where, "header", "does not begin with HEADER_START", _WRONG)
    values: dict[str, float | int | str] = {}
    table: list[float] = []
    key = ""
    while True:
        key = _read_text(file, where, f"the key after {key or START!r}")
        if key == END:
            break
        if key in _TABLE:
            continue
        kind = _KINDS.get(key)
        if kind is None:
            problem = f"unknown header key {key!r} at byte {file.tell()}"
            raise InputError(where, key, problem, "remove it or rewrite the header")
        if kind == "text":
            values[key] = _read_text(file, where, key)
            continue
        (number,) = struct.unpack(kind, _read_bytes(file, struct.calcsize(kind), where, key))
        if key == "fchannel":
            table.append(number)
        else:
            values[key] = number
    _check(values, where)
    n_bytes = file.tell()
    # Before anything is made as long as nchans says.
    _check_size(values, file.seek(0, os.SEEK_END) - n_bytes, where)
    return FilterbankHeader(values, _frequencies(values, table, where), n_bytes)


def _check(values: dict[str, float | int | str], where: str) -> None:
    if int(values.get("data_type", 1)) not in (0, 1) and "fch1" not in values:
        problem = f"is {values['data_type']}, not 1 (filterbank)"
        raise InputError(where, "data_type", problem, "give a filterbank, not a time series")
    for key in ("nchans", "nbits", "tsamp", "tstart"):
        if key not in values:
            raise InputError(where, key, "is missing from the header", _WRONG)
    if values["nbits"] not in _BITS:
        problem = f"is {values['nbits']}, not one of {_BITS}"
        raise InputError(where, "nbits", problem, "convert the file to 8 or 32 bits")
    for key in ("nchans", "nifs"):
        if int(values.get(key, 1)) < 1:
            raise InputError(where, key, f"is {values[key]}", "correct the header: at least 1")
    check_tsamp(float(values["tsamp"]), where, "tsamp")
    check_mjd(float(values["tstart"]), where, "tstart", "the start of the first sample")


def _check_size(values: dict[str, float | int | str], size: int, where: str) -> None:
    n_channels, n_ifs, n_bits = (int(values.get(k, 1)) for k in ("nchans", "nifs", "nbits"))
    if 8 * size < n_channels * n_ifs * n_bits:
        problem = f"{size} bytes of data, less than one sample of {n_channels} channels"
        raise InputError(where, "data", problem, "copy the file again")


def _frequencies(
    values: dict[str, float | int | str], table: list[float], where: str
) -> NDArray[np.float64]:
    n = int(values["nchans"])
    if table:
        if len(table) != n:
            problem = f"lists {len(table)} channels, nchans is {n}"
            raise InputError(where, "fchannel", problem, "correct the header")
        freq = np.array(table)
        check_channels(freq, where, "fchannel")
        return freq
    for key in ("fch1", "foff"):
        if key not in values:
            raise InputError(where, key, "is missing from the header", _WRONG)
    foff = float(values["foff"])
    if not np.isfinite(foff) or (foff == 0 and n > 1):
        problem = "is 0: all channels at one frequency" if foff == 0 else f"is {foff}"
        raise InputError(where, "foff", problem, "correct the header: channel spacing in MHz")
    freq = float(values["fch1"]) + foff * np.arange(n, dtype=np.float64)
    check_channels(freq, where, "fch1")
    return freq


def _read_bytes(file: BinaryIO, n: int, where: str, key: str) -> bytes:
    data = file.read(n)
    if len(data) < n:
        raise InputError(where, key, "the file ends inside the header", "copy the file again")
    return data


def _read_text(file: BinaryIO, where: str, key: str) -> str:
    (length,) = struct.unpack("<i", _read_bytes(file, 4, where, key))
    if not 0 < length <= 1024 and not (length == 0 and _KINDS.get(key) == "text"):
        problem = f"a text of {length} bytes is announced at byte {file.tell() - 4}"
        raise InputError(where, key, problem, "rewrite the header (little-endian)")
    return _read_bytes(file, length, where, key).decode("latin-1")


def _sexagesimal(value: float) -> float | None:
    """Decimal from the (d)ddmmss.s of SIGPROC; None when it is no such number."""
    size = abs(value)
    whole, minutes, seconds = size // 10000, size // 100 % 100, size % 100
    if not np.isfinite(value) or minutes >= 60 or seconds >= 60:
        return None
    return float(np.copysign(whole + minutes / 60 + seconds / 3600, value))


def is_filterbank(path: Path) -> bool:
    """Whether a file begins with HEADER_START."""
    with path.open("rb") as file:
        head = file.read(4 + len(START))
    return head[4:] == START.encode()
