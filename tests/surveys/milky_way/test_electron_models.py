"""NE2001 and NE2025: how another process is asked, and what the true models say."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from surveys.errors import InputError
from surveys.milky_way.electron_models import ism_from_model

FRB = SkyCoord(359.6726 * u.deg, 29.9074 * u.deg, frame="galactic")

MODEL = """
import sys
from mwprop.nemod import config_nemod
print("a warning that is no answer")
def {function}(ldeg, bdeg, dmd, ndir, classic, dmd_only):
    assert (dmd, ndir, classic, dmd_only) == (50.0, -1, False, True)
    return {{}}, {{"DM": {value} + ldeg / 1000 + bdeg / 1e6}}, {{}}, {{}}
"""
# The model that was asked for first stays for the whole process, as in the true package.
CONFIG = """
import sys
eval_NE2025 = "mwprop.nemod.NE2025" in sys.modules
eval_NE2001 = not eval_NE2025
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package in the place of mwprop: its folder, to be spoiled."""
    folder = tmp_path / "modules" / "mwprop" / "nemod"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "config_nemod.py").write_text(CONFIG)
    for name, value in (("NE2001", 100), ("NE2025", 200)):
        text = MODEL.format(function=name.lower(), value=value)
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    return folder


def test_each_model_is_asked_in_its_own_process(package):
    first, second, again = (ism_from_model(name, FRB) for name in ("NE2025", "NE2001", "NE2025"))
    expected = 359.6726 / 1000 + 29.9074 / 1e6
    assert first.value == pytest.approx(200 + expected, abs=1e-6)
    assert second.value == pytest.approx(100 + expected, abs=1e-6)
    assert again == first
    assert first.error == pytest.approx(0.2 * first.value)
    assert second.source == "NE2001 (mwprop)"
    assert "mwprop" not in sys.modules


def test_the_wrong_model_is_no_answer(package):
    (package / "config_nemod.py").write_text("eval_NE2025, eval_NE2001 = False, True\n")
    with pytest.raises(InputError, match=r"mwprop: NE2025: it loaded NE2001.*; run again"):
        ism_from_model("NE2025", FRB)


def test_a_package_that_is_not_there_has_a_remedy(monkeypatch, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    # Another interpreter that finds nothing beside its standard library.
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "$@"\n')
    script.chmod(0o755)
    with pytest.raises(InputError) as caught:
        ism_from_model("NE2001", FRB, python=str(script))
    assert str(caught.value).startswith(
        "mwprop: NE2001: the module 'mwprop' is not installed; run: pip install mwprop"
    )


def test_time_is_limited(package):
    (package / "NE2001.py").write_text("import time\ntime.sleep(60)\n")
    with pytest.raises(InputError, match=r"no answer within 0\.5 s; allow more time"):
        ism_from_model("NE2001", FRB, timeout_s=0.5)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("raise PermissionError('which_model.inp')", r"code 1 \(PermissionError: which_model.inp"),
        ("import os\nos._exit(3)", r"failed with code 3 \(it said nothing\)"),
        ("def ne2001(**k): return {}, {'DM': 'x'}, {}, {}", "code 1 .*ValueError"),
        ("def ne2001(**k): return {}, {'DM': float('nan')}, {}, {}", "nan is no DM"),
    ],
)
def test_a_failure_is_one_line(package, text, named):
    (package / "NE2001.py").write_text(text)
    with pytest.raises(InputError, match=named) as caught:
        ism_from_model("NE2001", FRB)
    assert "\n" not in str(caught.value)


def test_other_models_and_interpreters_are_refused():
    with pytest.raises(InputError, match="'YMW16' is not known; use NE2001 or NE2025"):
        ism_from_model("YMW16", FRB)
    with pytest.raises(InputError, match="does not run"):
        ism_from_model("NE2001", FRB, python="/no/such/python")


@pytest.mark.skipif(importlib.util.find_spec("mwprop") is None, reason="mwprop is not installed")
@pytest.mark.parametrize(("model", "published"), [("NE2025", 60.4), ("NE2001", 60.1)])
def test_the_true_models(model, published):
    # Towards FRB 20190520B, in either order of the two.
    assert ism_from_model(model, FRB).value == pytest.approx(published, abs=0.06)
