"""HDF5 files that are there whole, or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import h5py

from pipeline.sinks.atomic import write_atomically


def write_hdf5(path: Path, fill: Callable[[h5py.File], None]) -> None:
    """Let `fill` write to an open file, which is then put into place.

    Raises
    ------
    InputError, OSError
        See :func:`pipeline.sinks.atomic.write_atomically`.
    """
    # HDF5 cannot close a file on a full disk, and crashes when the program ends.
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        fill(file)
    # A view of what was written is not copied.
    write_atomically(path, lambda temporary: _put(temporary, memory))


def _put(path: Path, memory: io.BytesIO) -> None:
    path.write_bytes(memory.getbuffer())
