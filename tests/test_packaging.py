"""The packages that are imported are ours, and importing them does nothing."""

import ast
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGES = ("cerberus", "cosmo", "pipeline", "surveys")


def python(script, repository, **environment):
    """Run a script in a fresh interpreter that has the repository on its path."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(repository)} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def installed_files():
    """Absolute paths of the files of the installed distribution; none when it is not installed."""
    try:
        distribution = importlib.metadata.distribution("slowburst")
    except importlib.metadata.PackageNotFoundError:
        return set()
    return {Path(str(distribution.locate_file(f))).resolve() for f in distribution.files or ()}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_is_ours(name, repository):
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    origin = Path(spec.origin).resolve()
    assert origin.is_relative_to(repository) or origin in installed_files()


@pytest.mark.parametrize("name", PACKAGES)
def test_no_other_distribution_gives_a_package_of_that_name(name):
    owners = importlib.metadata.packages_distributions().get(name, ["slowburst"])
    assert set(owners) == {"slowburst"}


def test_the_wheel_holds_the_four_packages_and_nothing_else(tmp_path, repository):
    script = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith("slowburst-")
    with zipfile.ZipFile(wheel) as contents:
        names = contents.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert "pipeline/cli/app.py" in names
    assert "pipeline/classifier/weights.npz" in names
    assert "surveys/known_sources/lpt.ecsv" in names


def test_importing_touches_no_device_file_or_thread(tmp_path, repository):
    # With a platform that does not exist, the first touch of a device is an error.
    script = f"""
import importlib, os, pkgutil, sys, threading
import jax
try:
    jax.devices()
except RuntimeError:
    pass
else:
    sys.exit("this check no longer sees a device being touched")
for package in {PACKAGES!r}:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, package + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
assert threading.active_count() == 1, threading.enumerate()
assert os.listdir() == [], os.listdir()
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(repository), "JAX_PLATFORMS": "none_such"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_importing_pipeline_loads_no_heavy_library(repository):
    script = """
import sys
import pipeline, pipeline.errors, pipeline.cli
print(*{"jax", "numpy", "scipy", "astropy", "h5py", "matplotlib", "sklearn"} & set(sys.modules))
"""
    assert python(script, repository).split() == []


def test_cerberus_imports_with_jax_and_numpy_alone(repository):
    # jax may look for more (it brings scipy itself); what is asked for here is that
    # nothing breaks on a host that has none of the rest.
    script = """
import importlib, pkgutil, sys

BLOCKED = {
    "astropy", "colossus", "dask", "h5py", "healpy", "jinja2", "matplotlib", "pandas",
    "photutils", "pipeline", "cosmo", "rich", "sacc", "scipy", "sklearn", "surveys", "typer",
}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import cerberus
for found in pkgutil.walk_packages(cerberus.__path__, "cerberus."):
    importlib.import_module(found.name)
"""
    python(script, repository)


def test_cerberus_names_only_jax_and_numpy(repository):
    allowed = {"cerberus", "jax", "numpy", *sys.stdlib_module_names}
    foreign = [
        f"{path.relative_to(repository)}:{node.lineno} {name}"
        for path in sorted((repository / "cerberus").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imported_names(node)
        if name.partition(".")[0] not in allowed
    ]
    assert foreign == []


def imported_names(node):
    """Absolute names of the modules that a syntax node imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module or ""]
    return []
