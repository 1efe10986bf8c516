"""What all tests share: settings of the libraries, and the recorded data where there are any."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import pytest
from hypothesis import settings

# Figures are drawn without a screen.
os.environ.setdefault("MPLBACKEND", "Agg")

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

# Compiling a kernel for a new shape takes longer than any deadline worth having.
settings.register_profile("slowburst", deadline=None, print_blob=True)
settings.load_profile("slowburst")


# What a worker begins last, the others wait for.
LONGEST = (
    "test_recorded_visibilities.py",
    "test_statistics.py",
    "cerberus/test_search.py",
    "test_forty_minutes.py",
    "test_notebooks.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order of the others stays."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(tmp_path_factory) -> Iterator[None]:
    """What one worker has compiled, the others read; so do notebooks and commands."""
    shared = tmp_path_factory.getbasetemp().parent
    folder = str(shared / f"jax-{os.environ.get('PYTEST_XDIST_TESTRUNUID', 'one')}")
    settings = {
        "jax_compilation_cache_dir": folder,
        "jax_persistent_cache_min_compile_time_secs": 0.1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name.upper(), str(value))
            jax.config.update(name, value)
        yield
    for name, value in before.items():
        jax.config.update(name, value)


# Linux gives a process 65530 memory maps, and each compiled program takes some; past that,
# compiling crashes.
MAPS = 25_000


@pytest.fixture(scope="module", autouse=True)
def _room_for_programs() -> Iterator[None]:
    """Forget compiled programs between files, once a worker holds many."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MAPS:
        jax.clear_caches()
        gc.collect()


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


@pytest.fixture(scope="session")
def shared_reference() -> Callable[[str], Path]:
    """Find a file of reference values below ``../shared/reference``, or skip the test."""

    def find(name: str) -> Path:
        path = REPOSITORY.parent / "shared" / "reference" / name
        if not path.exists():
            pytest.skip(f"there is no {name} beside the repository (../shared/reference)")
        return path

    return find
