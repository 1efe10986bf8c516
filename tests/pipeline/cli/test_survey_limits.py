"""The command survey limits: its files, and bad input in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py
import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.sinks.hdf5 import write_hdf5
from surveys.coverage.coverage import SOURCES, Coverage
from surveys.coverage.coverage_file import fill
from surveys.coverage.exposure import expose
from surveys.coverage.pointings import Pointings
from surveys.rates.poisson import upper_limit

SETTINGS = """
[bursts]
flux_jy = [0.001, 0.3, 1.0, 30.0]
width_s = [0.5, 5.0, 200.0]
slope = 1.5

[periodic]
flux_jy = [0.3, 1.0]
n_periods = 6
n_widths = 5
"""


def run(*args) -> int:
    return run_guarded(build(), ["survey", "limits", *map(str, args)], "slowburst")


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    pointings = Pointings.of(
        start_mjd=[60000.0, 60001.0, 60002.0],
        duration_s=3600.0,
        ra=[85.0, 86.5, 85.0],
        dec=[27.0, 27.0, 27.5],
        drift=[True, False, False],
        noise_jy=0.05,
        tsamp_s=0.134,
        beam_fwhm_deg=2.0,
        field_deg=3.0,
        threshold=7.0,
        max_width_s=100.0,
    )
    return expose(pointings, 128, "galactic")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, coverage) -> Path:
    out = tmp_path_factory.mktemp("coverage")
    write_hdf5(out / "coverage.h5", partial(fill, coverage=coverage))
    return out


@pytest.fixture(scope="module")
def out(folder) -> Path:
    """Results that most tests look at."""
    config = folder / "limits.toml"
    config.write_text(SETTINGS)
    results = folder / "limits"
    assert run(folder, "--out", results, "--config", config, "--detections", 1) == 0
    return results


@pytest.fixture
def no_figures(monkeypatch) -> None:
    """Figures take a second."""
    monkeypatch.setattr("pipeline.cli.survey_limits_results.figures", lambda *_: {})


def read(path: Path) -> Table:
    return Table.read(path, format="ascii.ecsv")


def test_all_is_written(out):
    assert {p.name for p in out.iterdir()} == {
        "limits.ecsv", "cells.ecsv", "cells.h5", "limits.fits", "periodic.ecsv", "periodic.h5",
        "summary.json", "rates.png", "cells.png", "periodic.png",
    }  # fmt: skip
    for path in out.glob("*.ecsv"):
        assert read(path).meta["config"]["bursts"]["slope"] == 1.5


def test_the_whole_survey_has_the_limit_of_its_exposure(out, coverage):
    table = read(out / "limits.ecsv")
    assert len(table) == 12
    assert table["limit"].unit == u.Unit("h-1 deg-2")
    bright = table[(table["flux"] == 30) & (table["width"] == 5)][0]
    total = coverage.total_s.sum() * coverage.pixel_deg2 / 3600
    assert bright["exposure"] == pytest.approx(total, rel=1e-6)
    assert bright["limit"] == pytest.approx(4.744 / total, rel=1e-3)
    assert bright["rate"] == pytest.approx(1 / total, rel=1e-6)
    assert bright["low"] == pytest.approx(0.0253 / total, rel=2e-3)
    assert bright["high"] == pytest.approx(5.572 / total, rel=1e-3)
    assert bright["fluence"] == pytest.approx(150e3)
    # Too faint, or wider than what was searched for.
    masked = np.ma.getmaskarray(table["limit"])
    np.testing.assert_array_equal(masked, (table["flux"] == 0.001) | (table["width"] == 200))
    wide = np.ma.getmaskarray(table["limit_power_law"])
    np.testing.assert_array_equal(wide, table["width"] == 200)


def test_cells_and_the_map_add_up_to_the_whole(out, coverage):
    cells = read(out / "cells.ecsv")
    summary = json.loads((out / "summary.json").read_text())
    assert cells["area"].sum() == pytest.approx(summary["area_deg2"])
    assert cells["exposure"].sum() == pytest.approx(summary["map"]["exposure_deg2_h"])
    assert (cells["area"] * cells["time"]).sum() == pytest.approx(summary["exposure_deg2_h"])
    assert (np.abs(cells["b"]) < 12).all()
    with h5py.File(out / "cells.h5") as file:
        whole = read(out / "limits.ecsv")["exposure"].reshape(3, 4)
        np.testing.assert_allclose(file["exposure_deg2_h"][()].sum(0), whole, rtol=1e-6)
        np.testing.assert_array_equal(file["cell"], cells["cell"])
        # Bright ones are all found, and too wide ones not at all.
        bright = file["limit"][:, 1, 3]
        total = cells["area"] * cells["time"]
        np.testing.assert_allclose(bright, upper_limit(1) / total, rtol=1e-6)
        assert (file["limit"][:, 2] == -1).all()
    limit, hours = healpy.read_map(out / "limits.fits", field=(0, 1), nest=True)
    seen = limit != healpy.UNSEEN
    assert np.isfinite(limit).all()
    area = healpy.nside2pixarea(64, degrees=True)
    np.testing.assert_allclose(limit[seen], upper_limit(1) / hours[seen] / area, rtol=1e-5)
    assert hours[seen].sum() * area == pytest.approx(summary["map"]["exposure_deg2_h"], rel=1e-4)


def test_periods_have_limits_and_maps(out):
    table = read(out / "periodic.ecsv")
    assert (table["width"] < table["period"]).all()
    assert ((table["p_seen"] >= 0) & (table["p_seen"] <= 1 + 1e-6)).all()
    known = ~np.ma.getmaskarray(table["limit"])
    expected = upper_limit(1) / table["area"][known]
    np.testing.assert_allclose(table["limit"][known], expected, rtol=1e-6)
    with h5py.File(out / "periodic.h5") as file:
        seen = file["p_seen"][()]
        assert seen.shape == (2, len(file["pixel"]), 6, 5)
        area = healpy.nside2pixarea(file.attrs["nside"], degrees=True)
        pair = (1, 3, 2)
        at = (
            (table["flux"] == file["flux_jy"][pair[0]])
            & np.isclose(table["period"], file["period_s"][pair[1]])
            & np.isclose(table["width"], file["width_s"][pair[2]])
        )
    total = seen[pair[0], :, pair[1], pair[2]].sum(dtype=float) * area
    assert table["area"][at][0] == pytest.approx(total, rel=1e-5)


def test_events_are_counted_in_their_cells(folder, tmp_path, capsys, no_figures):
    events = Table({"ra": [85.0, 85.1, 86.0, 10.0], "dec": [27.0, 27.1, 27.0, -50.0]})
    events["injected"] = [False, False, True, False]
    events.write(tmp_path / "found.ecsv")
    config = tmp_path / "no.toml"
    config.write_text("[periodic]\nwanted = false\n")
    args = [folder, "--out", tmp_path / "out", "--config", config]
    assert run(*args, "--events", tmp_path / "found.ecsv") == 0
    assert "note: 1 events lie in no cell" in capsys.readouterr().out
    cells = read(tmp_path / "out" / "cells.ecsv")
    assert sorted(set(cells["detections"])) == [0, 2]
    limit, exposure, k = cells["limit"], cells["exposure"], cells["detections"]
    ok = ~np.ma.getmaskarray(limit)
    np.testing.assert_allclose((limit * exposure)[ok], upper_limit(k[ok]), rtol=1e-6)
    assert not (tmp_path / "out" / "periodic.ecsv").exists()
    # Of settings, files are found from their folder.
    config.write_text('[counts]\nevents = "found.ecsv"\n[periodic]\nwanted = false\n')
    assert run(*args, "--json") == 0
    assert json.loads(capsys.readouterr().out)["detections"] == 3
    config.write_text("[periodic]\nwanted = false\n")
    # A search that found nothing has a table without rows.
    events[:0].write(tmp_path / "none.ecsv")
    assert run(*args, "--events", tmp_path / "none.ecsv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["detections"] == 0


def test_a_background_is_taken_off(folder, tmp_path, capsys, no_figures):
    config = tmp_path / "b.toml"
    config.write_text(
        '[counts]\ndetections = 3\nbackground = 3.0\nconfidence = 0.9\nkind = "feldman-cousins"\n'
        "[periodic]\nwanted = false\n"
    )
    assert run(folder, "--out", tmp_path / "out", "--config", config, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["upper"] == pytest.approx(4.42, abs=0.006)
    assert any("classical" in note for note in summary["notes"])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--confidence", 1.0], "command line: --confidence: is 1; give a share between 0 and 1"),
        (["--confidence", 0], "command line: --confidence: is 0;"),
        (["--detections", -1], "command line: --detections: is -1; give a whole number"),
        (["--completeness", "nowhere"], "nowhere: file: does not exist"),
        (["--events", "nowhere.ecsv"], "nowhere.ecsv: file: does not exist"),
        (["--config", "nowhere.toml"], "nowhere.toml: file: cannot be read"),
    ],
)
def test_bad_options_are_one_line(folder, tmp_path, capsys, args, words):
    assert run(folder, "--out", tmp_path / "out", *args) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[counts]\nbackground = 2.0\n", "counts.background: is 2; give kind = 'feldman-cousins'"),
        ("[bursts]\nflux_jy = [2.0, 1.0]\n", "bursts.flux_jy: is [2.0, 1.0]; give rising numbers"),
        ("[bursts]\nwidth_s = []\n", "bursts.width_s: is empty; give at least one number"),
        ("[bursts]\nflux_jy = [1.0, 1e300]\n", "bursts.flux_jy: has 1e+300; give 1e-12 to 1e+12"),
        ("[periodic]\nperiod_s = [1e-300, 1.0]\n", "periodic.period_s: has 1e-300; give 1e-09"),
        ("[bursts]\nslope = 0.0\n", "bursts.slope: is 0.0; give 0.1 to 10"),
        ("[cells]\nnside = 100\n", "cells.nside: is 100; give a power of two"),
        (
            '[cells]\nkind = "healpix"\nnside = 256\n',
            "cells.nside: is 256, that of the coverage is",
        ),
        ('[cells]\nframe = "fk5"\n', "cells.frame: 'fk5' is not one of"),
        ("[periodic]\nactivity = 1.5\n", "periodic.activity: is 1.5"),
        ("[periodic]\nperiods = 3\n", "periodic.periods: unknown key; did you mean"),
    ],
)
def test_bad_settings_are_one_line(folder, tmp_path, capsys, text, words):
    config = tmp_path / "bad.toml"
    config.write_text(text)
    assert run(folder, "--out", tmp_path / "out", "--config", config) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{config}: {words}" in line


def test_a_coverage_that_cannot_be_used_is_one_line(coverage, tmp_path, capsys):
    def written(name: str, what: Coverage) -> Path:
        write_hdf5(tmp_path / name, partial(fill, coverage=what))
        return tmp_path / name

    dark = written("dark.h5", replace(coverage, seconds=np.zeros_like(coverage.seconds)))
    bare = written("bare.h5", replace(coverage, pointings=None))
    other = written("other.h5", coverage)
    with h5py.File(other, "r+") as file:
        file.attrs["format"] = "another/7"
    less = coverage.seconds.copy()
    less[0, 0] = -5.0
    negative = written("negative.h5", replace(coverage, seconds=less))
    unknown = np.full(len(coverage.columns), np.nan)
    noise = written(
        "noise.h5", replace(coverage, columns=replace(coverage.columns, sigma_1s=unknown))
    )
    (tmp_path / "text.h5").write_text("no HDF5")
    (tmp_path / "cut.h5").write_bytes(bare.read_bytes()[:3000])
    for path, words in (
        (dark, "seconds: are all 0: there is no limit"),
        (bare, "pointings: are missing; give a coverage with its pointings"),
        (other, "format: is 'another/7', not 'slowburst-coverage/2'"),
        (negative, "file: cannot be read (pixels or seconds are impossible)"),
        (noise, "file: cannot be read (columns/sigma_1s has numbers that are not above 0)"),
        (tmp_path / "text.h5", "file: cannot be read"),
        (tmp_path / "cut.h5", "file: cannot be read"),
        (tmp_path / "none.h5", "file: does not exist"),
    ):
        assert run(path, "--out", tmp_path / "out") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line


def test_a_search_that_is_sensitive_to_nothing_has_no_limit(folder, tmp_path, capsys):
    config = tmp_path / "faint.toml"
    config.write_text(
        "[bursts]\nflux_jy = [1e-6]\nmap_flux_jy = 1e-6\n"
        "[periodic]\nflux_jy = [1e-6]\nn_periods = 3\nn_widths = 3\n"
    )
    assert run(folder, "--out", tmp_path / "out", "--config", config) == 0
    assert "no limit, the search is not sensitive to them" in capsys.readouterr().out
    out = tmp_path / "out"
    assert not (out / "limits.fits").exists()
    for name, column in (("limits", "limit"), ("cells", "limit"), ("periodic", "limit")):
        assert np.ma.getmaskarray(read(out / f"{name}.ecsv")[column]).all()
    assert (out / "rates.png").exists()
    assert json.loads((out / "summary.json").read_text())["map"]["limit"] is None


def test_candidates_that_are_not_counted_are_told(coverage, tmp_path, capsys, no_figures):
    found = Table([["a"], ["1"], [1], [60.0], [2]], names=SOURCES)
    write_hdf5(tmp_path / "coverage.h5", partial(fill, coverage=replace(coverage, sources=found)))
    config = tmp_path / "bursts.toml"
    config.write_text(SETTINGS)
    args = [tmp_path, "--out", tmp_path / "out", "--config", config]
    for more, is_told in (([], True), (["--detections", 1], False)):
        assert run(*args, *more) == 0
        note = "note: the searches of this coverage have 2 candidates, of which none is counted"
        assert (note in capsys.readouterr().out) == is_told
