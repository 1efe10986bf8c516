"""The device that the search runs on."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 64


def prepare() -> None:
    """Keep compiled programs between runs, in the user's cache folder.

    ``JAX_COMPILATION_CACHE_DIR``, where it is set, says which folder.
    """
    if jax.config.values.get("jax_compilation_cache_dir") is None:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(base / "slowburst" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)


def describe() -> str:
    """Kind of device, for the summary."""
    device = jax.devices()[0]
    return f"{device.platform}: {device.device_kind}"


def working_bytes() -> float | None:
    """Memory for what is worked on at a time, on a device that has memory of its own."""
    there = (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
    return None if jax.default_backend() == "cpu" or there is None else there / 4


def aligned_empty(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Float32 host array that a CPU device can use where it lies, without a copy."""
    n = int(np.prod(shape))
    raw = np.empty(n + _ALIGNMENT // 4, np.float32)
    first = (-raw.ctypes.data % _ALIGNMENT) // 4
    return raw[first : first + n].reshape(shape)


def peak_rss_mb() -> float:
    """Most memory that this process has had, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def release_freed_memory() -> None:
    """Give what the compiler has freed back to the system, where the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
