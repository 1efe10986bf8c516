"""Image cubes, format ``slowburst-cube/1``: an HDF5 file of images over time and frequency.

``/image`` float32 (time, channel, y, x), NaN where flagged · ``/freq_mhz`` float64
(channel) · optional ``/psf`` float32 (y, x) · root attributes ``format``, ``mjd0``
(UTC, centre of sample 0), ``tsamp_s``, ``wcs`` (FITS header text; empty when there
are no sky positions), ``bunit``. The writer adds ``mjd0_frac``, what a float64
cannot hold of ``mjd0``; files without it are as good.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.time import Time
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.errors import InputError
from pipeline.readers.base import (
    BaseReader,
    check_channels,
    check_mjd,
    check_tsamp,
    flag_unusable,
)
from pipeline.readers.wcs import parse_wcs_text, psf_fwhm_px

FORMAT = "slowburst-cube/1"
_LAYOUT = "write the layout of slowburst-cube/1"
_CACHE_BYTES = 128 << 20


class CubeReader(BaseReader):
    """Reads one image cube by slices of time.

    Parameters
    ----------
    path : path
        The HDF5 file.

    Raises
    ------
    InputError
        The file is no readable HDF5, or not exactly the layout above.
    """

    def __init__(self, path: str | Path) -> None:
        self._where = str(path)
        self._file = _open(self._where)
        try:
            self.header = _read_whole_header(self._file, self._where)
            self._image: Any = self._file["image"]
            if self._image.compression is not None:
                # else every block would unpack whole chunks again
                self._file.close()
                self._file = _open(self._where, _CACHE_BYTES)
                self._image = self._file["image"]
        except BaseException:
            self._file.close()
            raise

    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        header = self.header
        data = np.empty((stop - start, header.n_channels, *header.shape), np.float32)
        if data.size:
            try:
                self._image.read_direct(data, np.s_[start:stop])
            except (OSError, RuntimeError) as error:
                problem = f"samples {start} to {stop} cannot be read ({error})"
                raise InputError(self._where, "/image", problem, "copy the file again") from error
        return data, flag_unusable(data)

    def close(self) -> None:
        self._file.close()


def _open(where: str, cache_bytes: int = 0) -> h5py.File:
    if not Path(where).is_file():
        raise InputError(where, "file", "does not exist", "check the path")
    try:
        return h5py.File(where, "r", rdcc_nbytes=cache_bytes)
    except OSError as error:
        remedy = "copy the file again, or let its writer close it"
        raise InputError(where, "file", f"is no readable HDF5 ({error})", remedy) from error


def _read_whole_header(file: h5py.File, where: str) -> StreamHeader:
    try:
        return _read_header(file, where)
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # HDF5 has a kind of its own for everything that can be damaged inside a file.
        problem = f"cannot be read ({error})"
        raise InputError(where, "header", problem, "copy the file again") from error


def _read_header(file: h5py.File, where: str) -> StreamHeader:
    found = _text(file, where, "format")
    if found != FORMAT:
        raise InputError(where, "format", f"is {found!r}, not {FORMAT!r}", _LAYOUT)
    shape = _dataset(file, where, "image", 4, "f4").shape
    for size, axis in zip(shape, ("time", "channel", "y", "x"), strict=True):
        if size == 0:
            problem = f"has zero length along {axis} (shape {shape})"
            raise InputError(where, "/image", problem, "record at least one sample")
    freq = _dataset(file, where, "freq_mhz", 1, "f8")[...]
    if len(freq) != shape[1]:
        problem = f"has {len(freq)} entries for {shape[1]} channels of /image"
        raise InputError(where, "/freq_mhz", problem, "write one centre frequency a channel")
    check_channels(freq, where, "/freq_mhz")
    tsamp_s = _number(file, where, "tsamp_s")
    check_tsamp(tsamp_s, where, "tsamp_s")
    mjd0 = _number(file, where, "mjd0")
    check_mjd(mjd0, where, "mjd0", "the centre of sample 0")
    rest = _number(file, where, "mjd0_frac") if "mjd0_frac" in file.attrs else 0.0
    if not abs(rest) < 1:
        problem = f"is {rest} days"
        raise InputError(where, "mjd0_frac", problem, "give what mjd0 lacks, or leave it out")
    psf = _read_psf(file, where)
    return StreamHeader(
        source=where,
        freq_mhz=freq,
        tsamp_s=tsamp_s,
        start=Time(mjd0, rest, format="mjd", scale="utc"),
        n_samples=shape[0],
        shape=(shape[2], shape[3]),
        wcs=parse_wcs_text(_text(file, where, "wcs"), where, "wcs"),
        bunit=_text(file, where, "bunit"),
        psf=psf,
        beam_fwhm_px=1.0 if psf is None else psf_fwhm_px(psf),
    )


def _read_psf(file: h5py.File, where: str) -> NDArray[np.float32] | None:
    if "psf" not in file:
        return None
    psf = _dataset(file, where, "psf", 2, "f4")[...]
    if psf.size == 0 or not np.all(np.isfinite(psf)) or psf.max() <= 0:
        problem = "is empty, not finite or has no positive peak"
        raise InputError(where, "/psf", problem, "write a PSF with peak 1, or leave it out")
    return psf / psf.max()


def _dataset(file: h5py.File, where: str, name: str, ndim: int, dtype: str) -> h5py.Dataset:
    field = f"/{name}"
    item = file.get(name)
    if not isinstance(item, h5py.Dataset):
        raise InputError(where, field, "dataset is missing", _LAYOUT)
    if len(item.shape or ()) != ndim:
        problem = f"has shape {item.shape}, not {ndim} axes"
        raise InputError(where, field, problem, _LAYOUT)
    if item.dtype.kind != "f" or item.dtype.itemsize != int(dtype[1]):
        wanted = np.dtype(dtype).name
        raise InputError(where, field, f"is {item.dtype}, not {wanted}", f"write {wanted}")
    return item


def _attribute(file: h5py.File, where: str, name: str) -> Any:
    try:
        return file.attrs[name]
    except (KeyError, OSError) as error:
        raise InputError(where, name, "root attribute is missing", _LAYOUT) from error


def _number(file: h5py.File, where: str, name: str) -> float:
    value = np.asarray(_attribute(file, where, name))
    if value.size != 1 or value.dtype.kind not in "iuf":
        raise InputError(where, name, f"is {value!r}, not one number", _LAYOUT)
    return float(value.reshape(()))


def _text(file: h5py.File, where: str, name: str) -> str:
    value = _attribute(file, where, name)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise InputError(where, name, f"is {value!r}, not a text", _LAYOUT)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        # h5py lets through what is no UTF-8; nothing could be written with it.
        raise InputError(where, name, f"is {value!r}, not UTF-8", _LAYOUT) from error
    return value
