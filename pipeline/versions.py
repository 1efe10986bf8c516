"""The versions that results come from."""

from __future__ import annotations

import importlib.metadata


def versions() -> dict[str, str]:
    """Versions of what results depend on."""
    names = "slowburst", "jax", "numpy", "astropy"
    return {name: importlib.metadata.version(name) for name in names}
