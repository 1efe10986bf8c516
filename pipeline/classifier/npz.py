"""Files of named arrays."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BROKEN = ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile
"""What reading a file raises that is damaged, or holds something else."""


def read_arrays(path: Path) -> dict[str, NDArray]:
    """All arrays of a file; one of :data:`BROKEN` is raised if it is none, or damaged."""
    # numpy leaves a file open that it cannot make sense of.
    with path.open("rb") as raw:
        if not zipfile.is_zipfile(raw):
            raise ValueError("not an npz file")
        raw.seek(0)
        with np.load(raw, allow_pickle=False) as file:
            return dict(file)
