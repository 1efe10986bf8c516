"""Writes SIGPROC filterbanks sample by sample."""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path
from typing import Self

import numpy as np
from astropy.time import TimeDelta
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.sinks.atomic import naming, part_of

_LEVEL, _COUNTS_PER_SIGMA = 96.0, 16.0


class FilterbankWriter:
    """Streams one-pixel samples into a ``.fil`` file, named when it is whole.

    Parameters
    ----------
    path : path
        The file to write; an existing one is replaced.
    header : StreamHeader
        Axes; the shape is (1, 1).
    sigma : float, optional
        Write 8 bits with 16 counts for this standard deviation about a level of 96,
        clipped to 0 to 255, NaN at the level; without it 32-bit floats.
    """

    def __init__(self, path: str | Path, header: StreamHeader, sigma: float | None = None) -> None:
        self.path = Path(path)
        self._sigma = sigma
        self._temporary = part_of(self.path)
        try:
            self._file = self._temporary.open("wb")
            self._file.write(_header_bytes(header, 32 if sigma is None else 8))
        except OSError as error:
            raise naming(self.path, error) from error

    def append(self, data: NDArray[np.float32]) -> None:
        """Add samples (time, channel, 1, 1)."""
        values = data[:, :, 0, 0]
        if self._sigma is not None:
            counts = np.nan_to_num(values / self._sigma) * _COUNTS_PER_SIGMA + _LEVEL
            values = np.clip(np.rint(counts), 0, 255).astype(np.uint8)
        try:
            self._file.write(np.ascontiguousarray(values).tobytes())
        except OSError as error:
            raise naming(self.path, error) from error

    def close(self) -> None:
        """Finish the file and give it its name."""
        try:
            self._file.close()
            os.replace(self._temporary, self.path)
        except OSError as error:
            self.abort()
            raise naming(self.path, error) from error

    def abort(self) -> None:
        """Drop what was written."""
        # a full disk fails the last flush too; the file is removed all the same
        with contextlib.suppress(OSError):
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def _header_bytes(header: StreamHeader, n_bits: int) -> bytes:
    freq = header.freq_mhz
    first_edge = header.start - TimeDelta(header.tsamp_s / 2, format="sec")
    ra_deg, dec_deg = header.wcs.wcs.crval if header.wcs is not None else (0.0, 0.0)
    integers = {
        "telescope_id": 0,
        "machine_id": 0,
        "data_type": 1,
        "nchans": len(freq),
        "nbits": n_bits,
        "nifs": 1,
    }
    doubles = {
        "src_raj": _sexagesimal(ra_deg / 15),
        "src_dej": _sexagesimal(dec_deg),
        "tstart": float(first_edge.utc.mjd),
        "tsamp": header.tsamp_s,
        "fch1": float(freq[0]),
        "foff": float(freq[1] - freq[0]) if len(freq) > 1 else -1.0,
    }
    parts = [_text("HEADER_START"), _text("source_name"), _text("simulated")]
    parts += [_text(key) + struct.pack("<i", value) for key, value in integers.items()]
    parts += [_text(key) + struct.pack("<d", value) for key, value in doubles.items()]
    return b"".join([*parts, _text("HEADER_END")])


def _text(text: str) -> bytes:
    return struct.pack("<i", len(text)) + text.encode()


def _sexagesimal(value: float) -> float:
    """(d)ddmmss.s of SIGPROC; rounded so that 60 seconds never stand."""
    seconds = round(abs(value) * 3600, 6)
    packed = seconds // 3600 * 10000 + seconds % 3600 // 60 * 100 + seconds % 60
    return float(np.copysign(packed, value))
