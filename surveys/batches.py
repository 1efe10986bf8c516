"""How many sources a device works on at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

_ON_ACCELERATORS = 256
"""Twice as many gain less than half."""


def map_sources(work: Callable[[Any], Any], sources: Any, batch_size: int | None) -> Any:
    """Do the same for each source, along the first axis of all arrays.

    Parameters
    ----------
    work : callable
        What is done for one source.
    sources : pytree of (source, ...) arrays
    batch_size : int, optional
        How many at once. Without, one on a CPU, so that loops end where that source's do and its
        arrays stay in cache; hundreds on other devices, which one source leaves idle.
    """
    size = batch_size or (1 if jax.default_backend() == "cpu" else _ON_ACCELERATORS)
    return jax.lax.map(work, sources, batch_size=size if size > 1 else None)
