"""Image cubes of recordings."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import device
from pipeline.block import Reader
from pipeline.errors import NoDataError
from pipeline.readers.cube_writer import CubeWriter

_BLOCK_BYTES = 64 << 20


def write_cube(
    reader: Reader, path: Path, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Write what a reader makes of a recording as an image cube.

    Parameters
    ----------
    reader : Reader
    path : Path
        Appears when it is whole.
    progress : callable, optional
        Called with the samples done and their number.

    Returns
    -------
    dict
        Summary.

    Raises
    ------
    NoDataError
        If there is nothing to be seen.
    OSError
        If the disk is full.
    """
    begun, header = time.monotonic(), reader.header
    device.prepare()
    sample_bytes = 4 * header.n_channels * int(np.prod(header.shape))
    at_once = max(1, _BLOCK_BYTES // sample_bytes)
    seen = False
    version = {"slowburst_version": importlib.metadata.version("slowburst")}
    with CubeWriter(path, header, version) as writer:
        for start in range(0, header.n_samples, at_once):
            block = reader.read(start, start + at_once)
            missing = block.weights <= 0
            block.data[missing] = np.nan
            gain = reader.gain(start + block.n_samples // 2)
            if gain is not None:
                block.data[:] /= gain
            seen |= not missing.all()
            writer.append(block.data)
            if progress is not None:
                progress(start + block.n_samples, header.n_samples)
        if not seen:
            problem = "every sample is flagged or missing"
            raise NoDataError(header.source, "data", problem, "check the recording and its flags")
    seconds = header.n_samples * header.tsamp_s
    wall = time.monotonic() - begun
    return {
        "source": header.source,
        "notes": list(header.notes),
        "shape": list(header.shape),
        "n_channels": header.n_channels,
        "n_samples": header.n_samples,
        "data_seconds": seconds,
        "wall_seconds": wall,
        "realtime_factor": seconds / max(wall, 1e-9),
        "beam_fwhm_px": header.beam_fwhm_px,
        "bunit": header.bunit,
    }
