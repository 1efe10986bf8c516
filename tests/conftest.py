"""What all tests share: settings of the libraries, and the recorded data where there are any."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Figures are drawn without a screen.
os.environ.setdefault("MPLBACKEND", "Agg")

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

# Compiling a kernel for a new shape takes longer than any deadline worth having.
settings.register_profile("slowburst", deadline=None, print_blob=True)
settings.load_profile("slowburst")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Find a recorded file by its name below ``../shared/data``, or skip the test."""

    def find(name: str) -> Path:
        if not SHARED_DATA.is_dir():
            pytest.skip("recorded data are not beside the repository (../shared/data)")
        path = SHARED_DATA / name
        if not path.exists():
            found = sorted(SHARED_DATA.rglob(name))
            if not found:
                pytest.skip(f"recorded data have no {name}")
            path = found[0]
        return path

    return find
