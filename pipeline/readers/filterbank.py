"""SIGPROC filterbank files as a stream of one-pixel images.

* 1, 2, 4, 8, 16 and 32 bits a sample; below 8 the first sample stands in the
  low-order bits. 8 and 16 bits are unsigned (8 signed when the header has
  ``signed`` = 1), 32 bits float.
* The length is that of the file, cut to the last whole sample: ``nsamples`` of
  the header is often absent or wrong and is not used.
* Several IFs: two are orthogonal polarisations and are added; of three or more
  (Stokes parameters, or products of unknown order) the first alone is read.
* ``tstart`` is the start of the first sample; the stream's start is its centre.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np
from astropy.time import Time, TimeDelta
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.errors import InputError
from pipeline.readers.base import LARGEST_SAMPLE, BaseReader
from pipeline.readers.filterbank_header import read_header
from pipeline.readers.quality import channel_mask

_DTYPES = {8: np.dtype("u1"), 16: np.dtype("<u2"), 32: np.dtype("<f4")}


class FilterbankReader(BaseReader):
    """Reads one SIGPROC filterbank.

    Parameters
    ----------
    path : path
        The ``.fil`` file.
    mask_channels : bool
        Give dead channels and channels of outlying statistics weight 0
        (:func:`pipeline.readers.quality.channel_mask`).
    ifs : {"auto", "first", "sum"}
        Which of several IFs to read: ``sum`` adds the first two, ``auto`` is
        ``sum`` for two IFs and ``first`` otherwise.

    Raises
    ------
    InputError
        Not a filterbank, a wrong header, or no whole sample.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        mask_channels: bool = True,
        ifs: Literal["auto", "first", "sum"] = "auto",
    ) -> None:
        self._where = str(path)
        try:
            self._file = Path(path).open("rb")
        except OSError as error:
            problem = f"cannot be opened ({error.strerror})"
            raise InputError(self._where, "file", problem, "check the path") from error
        try:
            self._set_up(ifs)
            self.channel_weights = np.ones(self.header.n_channels, np.float32)
            if mask_channels:
                self.channel_weights = channel_mask(self)
        except BaseException:
            self._file.close()
            raise

    def _set_up(self, ifs: str) -> None:
        self.info = info = read_header(self._file, self._where)
        n_channels = len(info.freq_mhz)
        self._sum_ifs = info.n_ifs > 1 and (ifs == "sum" or (ifs == "auto" and info.n_ifs == 2))
        self._sample_bits = n_channels * info.n_ifs * info.n_bits
        size = os.fstat(self._file.fileno()).st_size - info.n_bytes
        n_samples = 8 * size // self._sample_bits
        first = Time(float(info.values["tstart"]), format="mjd", scale="utc")
        self.header = StreamHeader(
            source=self._where,
            freq_mhz=info.freq_mhz,
            tsamp_s=info.tsamp_s,
            start=first + TimeDelta(info.tsamp_s / 2, format="sec"),
            n_samples=n_samples,
            wcs=info.wcs(),
        )

    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        n_ifs, n_channels = self.info.n_ifs, self.header.n_channels
        values = self._samples(start, stop).reshape(stop - start, n_ifs, n_channels)
        data = values[:, 0].astype(np.float32)
        if self._sum_ifs:
            data += values[:, 1].astype(np.float32)
        weights = np.broadcast_to(self.channel_weights, data.shape).copy()
        if self.info.n_bits == 32:
            bad = ~(np.abs(data) <= LARGEST_SAMPLE)
            data[bad] = np.nan
            weights[bad] = 0
        return data[:, :, None, None], weights

    def _samples(self, start: int, stop: int) -> NDArray[np.generic]:
        """The numbers of samples ``start`` to ``stop``, flat."""
        first_bit, last_bit = start * self._sample_bits, stop * self._sample_bits
        first_byte = first_bit // 8
        n_bytes = -(-last_bit // 8) - first_byte
        self._file.seek(self.info.n_bytes + first_byte)
        raw = self._file.read(n_bytes)
        if len(raw) < n_bytes:
            problem = f"ends before sample {stop}: it shrank while it was read"
            raise InputError(self._where, "data", problem, "search a finished copy")
        n_bits = self.info.n_bits
        if n_bits >= 8:
            dtype = np.dtype("i1") if self.info.signed else _DTYPES[n_bits]
            return np.frombuffer(raw, dtype)
        skip = (first_bit - 8 * first_byte) // n_bits
        n_values = (last_bit - first_bit) // n_bits
        return unpack_bits(np.frombuffer(raw, np.uint8), n_bits)[skip : skip + n_values]

    def close(self) -> None:
        self._file.close()


def unpack_bits(raw: NDArray[np.uint8], n_bits: int) -> NDArray[np.uint8]:
    """Samples of 1, 2 or 4 bits out of bytes, low-order bits first.

    Parameters
    ----------
    raw : (n,) uint8
    n_bits : int
        1, 2 or 4.

    Returns
    -------
    (n * 8 / n_bits,) uint8
    """
    shifts = np.arange(0, 8, n_bits, dtype=np.uint8)
    return ((raw[:, None] >> shifts) & np.uint8((1 << n_bits) - 1)).reshape(-1)
