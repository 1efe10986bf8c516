"""Writes image cubes block by block; the file appears under its name when it is whole."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.readers.cube import FORMAT
from pipeline.readers.wcs import wcs_text
from pipeline.sinks.atomic import cannot_write, naming, part_of

_CHUNK_BYTES = 1 << 20


class _WatchedFile(io.FileIO):
    """A file that remembers its first failure instead of telling HDF5.

    HDF5 cannot close a file whose writes fail, and crashes when the program ends.
    After a failure further writes are pretended; the writer looks at ``error``.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+b")
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while self.error is None and done < len(view):
            try:
                done += super().write(view[done:]) or 0
            except OSError as error:
                self.error = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0


class CubeWriter:
    """Streams samples into an image cube.

    Use as a context manager: the samples go to a temporary file in the same
    folder, which takes the final name when the block ends without an exception
    and is removed otherwise. Memory is that of the blocks handed in.

    Parameters
    ----------
    path : path
        The file to write; an existing one is replaced.
    header : StreamHeader
        Everything but ``source``, ``n_samples`` and ``beam_fwhm_px`` is written.
    attributes : mapping, optional
        Further root attributes (provenance): text or numbers.
    """

    def __init__(
        self, path: str | Path, header: StreamHeader, attributes: Mapping[str, Any] | None = None
    ) -> None:
        self.path = Path(path)
        self.header = header
        self.n_samples = 0
        self._temporary = part_of(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._disk = _WatchedFile(self._temporary)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        self._file = h5py.File(self._disk, "w")
        try:
            self._image = self._lay_out(attributes or {})
        except BaseException:
            self.abort()
            raise

    def _lay_out(self, attributes: Mapping[str, Any]) -> Any:
        header, file = self.header, self._file
        sample = (header.n_channels, *header.shape)
        n_chunk = max(1, _CHUNK_BYTES // (4 * int(np.prod(sample))))
        # every chunk is written in full or lies beyond the end: no fill value is needed
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((n_chunk, *sample))
        properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((0, *sample), (h5py.h5s.UNLIMITED, *sample))
        h5py.h5d.create(file.id, b"image", h5py.h5t.IEEE_F32LE, space, dcpl=properties)
        file.create_dataset("freq_mhz", data=np.asarray(header.freq_mhz, np.float64))
        if header.psf is not None:
            file.create_dataset("psf", data=np.asarray(header.psf, np.float32))
        mjd0 = float(header.start.utc.mjd)
        file.attrs["format"] = FORMAT
        file.attrs["mjd0"] = mjd0
        file.attrs["mjd0_frac"] = ((header.start.utc.jd1 - 2400000.5) - mjd0) + header.start.utc.jd2
        file.attrs["tsamp_s"] = float(header.tsamp_s)
        file.attrs["wcs"] = wcs_text(header.wcs)
        file.attrs["bunit"] = header.bunit
        for name, value in attributes.items():
            file.attrs[name] = value
        return file["image"]

    def append(self, data: NDArray[np.float32]) -> None:
        """Add samples.

        Parameters
        ----------
        data : (time, channel, y, x) float32
            NaN where flagged.

        Raises
        ------
        OSError
            The file, which it names, cannot be written (disk full).
        """
        stop = self.n_samples + len(data)
        self._image.resize(stop, axis=0)
        self._image[self.n_samples : stop] = data
        if self._disk.error is not None:
            raise naming(self.path, self._disk.error) from self._disk.error
        self.n_samples = stop

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises
        ------
        OSError
            The last bytes cannot be written (disk full); nothing is left behind.
        """
        self._file.close()
        try:
            self._disk.close()
            if self._disk.error is not None:
                raise self._disk.error
            os.replace(self._temporary, self.path)
        except OSError as error:
            self.abort()
            raise cannot_write(self.path, error) from error

    def abort(self) -> None:
        """Drop what was written."""
        self._file.close()
        with contextlib.suppress(OSError):
            self._disk.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()
