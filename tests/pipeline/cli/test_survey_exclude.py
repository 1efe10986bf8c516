"""The command survey exclude: its files, its numbers, bad input in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import healpy
import numpy as np
import pytest
from astropy.table import Table
from matplotlib.image import imread

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.cli.survey_exclude_results import CELL_COLUMNS, GRID_COLUMNS
from pipeline.config import load_config
from surveys.coverage.coverage import SOURCES
from surveys.coverage.coverage_file import fill
from surveys.coverage.exposure import expose
from surveys.coverage.pointings import Pointings
from surveys.coverage.visits import visits
from surveys.transients.models import model_of
from surveys.transients.region import read_region
from surveys.transients.settings import ExcludeSettings, SearchSettings

CONFIG = """
model = "white_dwarf"
[search]
frequency_mhz = 1400.0
[white_dwarf]
period = "beat"
[[axis]]
name = "period_s"
low = 10.0
high = 3000.0
n = 6
[[axis]]
name = "field_g"
low = 1e5
high = 1e9
n = 5
[[parameter]]
name = "efficiency"
value = 0.02
"""
FILES = ["cells.ecsv", "exclusion.ecsv", "exclusion.png", "period_flux.png", "rejected.fits",
         "sky.png", "summary.json"]  # fmt: skip


def run(*args) -> int:
    return run_guarded(build(), ["survey", "exclude", *map(str, args)], "slowburst")


def pointings(**more) -> Pointings:
    """Three drifts near the anticentre."""
    columns = {
        "start_mjd": [60600.0, 60601.0, 60602.0], "duration_s": 3000.0, "searched_s": 2700.0,
        "ra": 80.0, "dec": [26.0, 28.0, 30.0], "drift": True, "noise_jy": 0.05, "tsamp_s": 0.134,
        "beam_fwhm_deg": 3.2, "field_deg": 3.0, "threshold": 6.0, "max_width_s": 160.0,
    }  # fmt: skip
    return Pointings.of(**(columns | more))


def put(path: Path, coverage) -> Path:
    path.mkdir(exist_ok=True)
    with h5py.File(path / "coverage.h5", "w") as file:
        fill(file, coverage)
    return path


@pytest.fixture(scope="module")
def covered(tmp_path_factory):
    return put(tmp_path_factory.mktemp("covered"), expose(pointings(), 128, "galactic"))


@pytest.fixture
def written(tmp_path):
    def write(text: str = CONFIG) -> Path:
        (tmp_path / "model.toml").write_text(text)
        return tmp_path / "model.toml"

    return write


def test_the_files(covered, written, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(covered, written(), "--out", out) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("white_dwarf: ")
    assert "note: the formulae of this model are derived, not those of its paper" in said
    assert said[-1] == f"results: {out}"
    assert sorted(p.name for p in out.iterdir()) == FILES
    grid, cells = (Table.read(out / f"{name}.ecsv") for name in ("exclusion", "cells"))
    summary = json.loads((out / "summary.json").read_text())
    assert len(grid) == summary["n_points"] == 30
    assert grid.colnames == ["period_s", "field_g", *GRID_COLUMNS]
    assert cells.colnames == list(CELL_COLUMNS)
    np.testing.assert_allclose(grid["p_none"], np.exp(-grid["expected"]))
    np.testing.assert_array_equal(grid["rejected"], grid["p_none"] <= 0.05)
    assert set(np.unique(grid["possible"])) == {False, True}
    np.testing.assert_array_equal(grid["impossible_by"] == "nothing", grid["possible"])
    found = np.isfinite(grid["density_limit"])
    np.testing.assert_allclose(
        1e-8 * np.log(20) / grid["density_limit"][found], grid["expected"][found], rtol=1e-6
    )
    assert grid.meta["derived"] is True
    assert summary["area_deg2"] == pytest.approx(np.sum(cells["area"]))
    assert summary["sources"] == pytest.approx(np.sum(cells["sources"]))
    assert summary["reference"]["efficiency"] == 0.02
    assert "lorentz_factor" in summary["assumed"]
    assert "efficiency" not in summary["assumed"]
    sky, every = healpy.read_map(out / "rejected.fits", field=(0, 1), nest=True)
    seen = sky != healpy.UNSEEN
    np.testing.assert_array_equal(np.flatnonzero(seen), cells["pixel"])
    np.testing.assert_allclose(sky[seen], cells["rejected_points"], rtol=1e-6)
    np.testing.assert_allclose(every[seen], cells["rejected_points_all"], rtol=1e-6)
    assert np.isfinite(sky).all()
    for name in ("exclusion.png", "period_flux.png", "sky.png"):
        assert imread(out / name)[..., :3].std() > 0.02


def test_summary_as_json(covered, written, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pipeline.cli.survey_exclude_results.figures", lambda *_: {})
    assert run(covered / "coverage.h5", written(), "--out", tmp_path / "out", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "out" / "summary.json").read_text())


def test_cells_have_the_area_and_the_time_of_the_coverage(covered):
    coverage = expose(pointings(), 128, "galactic")
    region, search = read_region(covered, SearchSettings(1400.0), "x.toml")
    assert region.area_deg2.sum() + region.lost_deg2 == pytest.approx(coverage.area_deg2)
    assert region.lost_deg2 < 0.02 * coverage.area_deg2
    # The middle of a cell stands for all of it.
    time = coverage.total_s.sum() * coverage.pixel_deg2
    assert region.seconds @ region.area_deg2 == pytest.approx(time, rel=0.05)
    assert (np.diff(search.first) > 0).all()
    assert len(search.first) == len(region.pixel)
    stays = visits(pointings(), region.ra_deg, region.dec_deg)
    assert len(stays) == len(search.stays)
    np.testing.assert_allclose(search.stays.live, 0.9)
    fine, _ = read_region(covered, SearchSettings(1400.0, nside=128), "x.toml")
    np.testing.assert_array_equal(fine.pixel, coverage.pixel[coverage.total_s > 0])
    np.testing.assert_allclose(fine.seconds, coverage.total_s[coverage.total_s > 0], rtol=1e-3)


def test_a_region_by_galactic_limits(covered):
    whole, _ = read_region(covered, SearchSettings(1400.0, nside=128), "x.toml")
    limits = SearchSettings(1400.0, nside=128, l_deg=(176.05, 180.05), b_deg=(-4.03, -1.03))
    some, _ = read_region(covered, limits, "x.toml")
    inside = (whole.l_deg >= 176.05) & (whole.l_deg <= 180.05) & (whole.b_deg >= -4.03)
    inside &= whole.b_deg <= -1.03
    assert 0 < inside.sum() < len(whole.pixel)
    np.testing.assert_array_equal(some.pixel, whole.pixel[inside])
    around = SearchSettings(1400.0, l_deg=(350.0, 10.0))
    assert around.inside(np.array([0.0, 355.0, 180.0]), np.zeros(3)).tolist() == [1, 1, 0]


def test_the_same_in_either_frame(covered, tmp_path):
    """Expected detections hardly depend on how the sky is cut."""
    settings = load_config(_file(tmp_path, CONFIG), ExcludeSettings)
    from surveys.transients.exclusion import exclude

    other = put(tmp_path / "icrs", expose(pointings(), 128, "icrs"))
    found = [
        exclude(settings, *read_region(path, settings.search, "x"), "x", lambda done, n: None)
        for path in (covered, other)
    ]
    bright = found[0].grid.per_density.max()
    np.testing.assert_allclose(
        found[0].grid.per_density, found[1].grid.per_density, rtol=0.03, atol=0.01 * bright
    )


def _file(folder: Path, text: str) -> Path:
    (folder / "one.toml").write_text(text)
    return folder / "one.toml"


BAD = [
    ('"white_dwarf"', '"white_dwarv"', "model: 'white_dwarv' is not one of"),
    ('"white_dwarf"', '"white_dwarv"', "did you mean 'white_dwarf'?"),
    ('"beat"', '"orbit"', "did you mean 'orbital'?"),
    ('"efficiency"', '"eficiency"', "did you mean 'efficiency'?"),
    ("value = 0.02", "value = 2.0", "efficiency: is 2 (white_dwarf); give 1e-12 to 1"),
    ("high = 1e9", "high = 1e12", "field_g: is 1e+12 (white_dwarf); give 100 to 1e+10 G"),
    ("high = 1e9", "high = 1e4", "axis[1].high: is 10000; give more than 100000"),
    ("n = 5", "n = 1", "axis[1].n: is 1; give 2 to 1000"),
    ('name = "field_g"', 'name = "period_s"', "has 'period_s' twice"),
    ("frequency_mhz = 1400.0", "frequency_mhz = 50.0", "outside the band of the model"),
    ("frequency_mhz = 1400.0", "", "search.frequency_mhz: is missing"),
    ("1400.0", "1400.0\nnside = 256", "search.nside: is 256, more than the 128"),
    ("1400.0", "1400.0\nnside = 48", "give a power of 2"),
    ("1400.0", "1400.0\nl_deg = [10.0, 20.0]", "leave nothing; give wider limits"),
    ("1400.0", "1400.0\nb_deg = [5.0, -5.0]", "give the southern one first"),
    ("1400.0", '1400.0\ncompleteness = "nowhere"', "does not exist"),
    ("[search]", "[galaxy]\nheight_pc = 0.0\n[search]", "galaxy.height_pc: is 0.0"),
    ("[search]", "[population]\nconfidence = 1.0\n[search]", "population.confidence: is 1.0"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "problem"), BAD)
def test_files_that_cannot_be_used(covered, written, tmp_path, capsys, old, new, problem):
    assert old in CONFIG
    assert run(covered, written(CONFIG.replace(old, new, 1)), "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert problem in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_coverages_that_cannot_be_used(written, tmp_path, capsys):
    from dataclasses import replace

    coverage = expose(pointings(), 32, "icrs")
    empty = replace(coverage, seconds=0 * coverage.seconds)
    without = replace(coverage, pointings=None)
    for name, one, problem in (
        ("empty", empty, "seconds: are all 0"),
        ("without", without, "pointings: are missing"),
    ):
        folder = put(tmp_path / name, one)
        assert run(folder, written(), "--out", tmp_path / "out") == 2
        assert problem in capsys.readouterr().err
    with h5py.File(tmp_path / "empty" / "coverage.h5", "a") as file:
        file.attrs["frame"] = "ecliptic"
    assert run(tmp_path / "empty", written(), "--out", tmp_path / "out") == 2
    assert "frame: is 'ecliptic'" in capsys.readouterr().err
    assert run(tmp_path / "nowhere", written(), "--out", tmp_path / "out") == 2
    assert "does not exist" in capsys.readouterr().err
    (tmp_path / "file.h5").write_bytes(b"nothing")
    assert run(tmp_path / "file.h5", written(), "--out", tmp_path / "out") == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["magnetar", "white_dwarf"])
def test_examples_are_good(repository, name):
    path = repository / "examples" / "survey" / f"exclude_{name}.toml"
    settings = load_config(path, ExcludeSettings)
    assert model_of(settings, str(path)).derived


def test_candidates_of_the_searches_are_told(written, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pipeline.cli.survey_exclude_results.figures", lambda *_: {})
    found = Table([["a", "b"], ["1", "2"], [1, 2], [60.0, 60.0], [2, -1]], names=SOURCES)
    coverage = replace(expose(pointings(), 128, "galactic"), sources=found)
    assert run(put(tmp_path / "found", coverage), written(), "--out", tmp_path / "out") == 0
    assert "note: the searches of this coverage have 2 candidates" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["n_candidates"] == 2
