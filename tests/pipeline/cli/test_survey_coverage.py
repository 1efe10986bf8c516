"""``slowburst survey coverage`` as a user meets it."""

from __future__ import annotations

import json
from dataclasses import replace

import h5py
import healpy
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from pipeline.cli.app import PROGRAM, build
from pipeline.cli.failures import run_guarded
from pipeline.cli.survey_coverage_figures import area_figure
from pipeline.config import load_config
from surveys.coverage.completeness import IdealCompleteness
from surveys.coverage.coverage_file import read_coverage
from surveys.coverage.exposure import expose
from surveys.coverage.pointings import Pointings
from surveys.coverage.products import exposures
from surveys.coverage.settings import CoverageSettings


@pytest.fixture
def table(tmp_path):
    """Two pointings that follow the sky, and a drift scan."""
    path = tmp_path / "pointings.ecsv"
    Pointings.of(
        start_mjd=[60000.0, 60001.0, 60002.0], duration_s=[3600.0, 7200.0, 1800.0],
        ra=[100.0, 103.0, 110.0], dec=[20.0, 20.0, 24.0], drift=[False, False, True],
        noise_jy=0.04, tsamp_s=0.25, beam_fwhm_deg=3.2, threshold=7.0,
        max_width_s=[20.0, 20.0, 160.0],
    ).write(path)  # fmt: skip
    return path


def run(*args):
    return run_guarded(build(), ["survey", "coverage", *(str(a) for a in args)], PROGRAM)


def test_what_is_written(table, tmp_path, capsys):
    out = tmp_path / "out"
    args = ["--nside", "64", "--flux", "0.2", "--flux", "5", "--width", "1", "--width", "50"]
    assert run(table, "--out", out, *args, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary == json.loads((out / "summary.json").read_text())
    assert (summary["n_sources"], summary["n_added"], summary["n_pointings"]) == (1, 1, 3)
    assert summary["searched_hours"] == pytest.approx(3.5)
    coverage = read_coverage(out)
    assert summary["area_deg2"] == pytest.approx(coverage.area_deg2)
    assert coverage.settings["config"]["flux_jy"] == [0.2, 5.0]
    names = {f"{kind}_{flux}Jy_{w}s" for kind in ("exposure", "outline") for flux in ("0.2", "5")
             for w in ("1", "50")} | {"sensitivity_1s", "sensitivity_50s"}  # fmt: skip
    assert {p.stem for p in out.glob("*.fits")} == names
    drawn = {p.stem for p in out.glob("*.png")}
    assert drawn == {n for n in names if not n.startswith("outline")} | {"area"}
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in out.glob("*.png"))
    assert any("50 s are wider than the widest of some" in note for note in summary["notes"])
    # Only the drift scan looked for pulses of 50 s.
    assert 0 < summary["n_masked"]["50"] < summary["n_pixels"]


def test_maps_are_read_by_healpy(table, tmp_path):
    out = tmp_path / "out"
    assert run(table, "--out", out, "--nside", "64", "--flux", "5", "--width", "1",
               "--frame", "galactic", "--no-figures") == 0  # fmt: skip
    assert not list(out.glob("*.png"))
    path = out / "exposure_5Jy_1s.fits"
    values = healpy.read_map(path, nest=None)
    coverage = read_coverage(out)
    ring = healpy.read_map(path)
    assert len(values) == 12 * 64**2
    seen = values != healpy.UNSEEN
    np.testing.assert_array_equal(np.flatnonzero(seen), coverage.pixel)
    np.testing.assert_allclose(values[seen], coverage.exposure_s(5.0, 1.0) / 3600, rtol=1e-6)
    assert (ring != healpy.UNSEEN).sum() == seen.sum()
    header = fits.getheader(path, 1)
    assert (header["COORDSYS"], header["ORDERING"], header["TUNIT2"]) == ("G", "NESTED", "h")
    outline = fits.getdata(out / "outline_5Jy_1s.fits", 1)["UNIQ"]
    order = (np.log2(outline // 4) // 2).astype(int)
    area = (4.0**-order).sum() * 41252.96 / 12
    areas = Table.read(out / "area.ecsv")
    least = areas[areas["above"] == 0.01]["area"][0]
    assert area == pytest.approx(least, rel=0.05)
    assert areas.meta["config"]["frame"] == "galactic"


def test_a_folder_is_added_to_and_forgets_what_is_not_asked_for(table, tmp_path, capsys):
    out, other = tmp_path / "out", tmp_path / "other.ecsv"
    usual = ["--out", out, "--nside", "32", "--width", "1", "--no-figures"]
    assert run(table, *usual, "--flux", "5") == 0
    assert "1 sources added, 0 known before: 3 pointings" in capsys.readouterr().out
    pointings = Pointings.read(table)
    replace(pointings, start_mjd=pointings.start_mjd + 100).write(other)
    assert run(table, other, *usual, "--flux", "4") == 0
    assert "1 sources added, 1 known before: 6 pointings" in capsys.readouterr().out
    assert not (out / "exposure_5Jy_1s.fits").exists()
    assert (out / "exposure_4Jy_1s.fits").exists()
    both = read_coverage(out).total_s
    assert run(table, other, *usual[2:], "--out", tmp_path / "again", "--flux", "4") == 0
    np.testing.assert_allclose(read_coverage(tmp_path / "again").total_s, both, rtol=1e-5)
    assert run(out / "coverage.h5", *usual[2:], "--out", tmp_path / "sum", "--flux", "4") == 0
    np.testing.assert_allclose(read_coverage(tmp_path / "sum").total_s, both, rtol=1e-5)


def test_a_measured_completeness_is_used(table, tmp_path, capsys):
    folder = tmp_path / "inject"
    folder.mkdir()
    Table({"width_low": [0.25], "width_high": [20.0], "snr_50": [14.0], "snr_90": [16.0]}).write(
        folder / "widths.ecsv"
    )
    (folder / "summary.json").write_text('{"threshold": 7.0}')
    args = ["--nside", "32", "--flux", "0.28", "--width", "1", "--no-figures", "--json"]
    sums = []
    for more in ([], ["--completeness", folder]):
        assert run(table, "--out", tmp_path / f"out{len(more)}", *args, *more) == 0
        summary = json.loads(capsys.readouterr().out)
        sums.append(summary["exposures"][0])
    assert summary["completeness"] == str(folder)
    # At S/N 14 in the middle of the beam all are found, or half.
    assert sums[0]["most_hours"] > 1.8 * sums[1]["most_hours"] > 0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--nside", "100"], "command line: --nside: is 100; give a power of two"),
        (["--frame", "ecliptic"], "--frame: 'ecliptic' is not one of 'icrs', 'galactic'"),
        (["--flux", "-1"], "--flux: has -1.0; give 1e-12 to 1e+12"),
        (["--width", "1e-300"], "--width: has 1e-300; give 1e-09 to 1e+09"),
        (["--flux", "nan"], "--flux[0]: is nan"),
        (["--completeness", "nowhere"], "nowhere: file: does not exist"),
    ],
)
def test_options_that_make_no_sense_are_told(table, tmp_path, capsys, args, told):
    assert run(table, "--out", tmp_path / "out", *args) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_inputs_that_cannot_be_used_are_told(table, tmp_path, capsys):
    out = tmp_path / "out"

    def told(*args):
        assert run(*args, "--out", out) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    assert "does not exist" in told(tmp_path / "no.ecsv")
    (tmp_path / "empty.ecsv").write_text("")
    assert "empty.ecsv: file: is empty" in told(tmp_path / "empty.ecsv")
    text = table.read_text()
    (tmp_path / "cut.ecsv").write_text(text[: len(text) - 200])
    error = told(tmp_path / "cut.ecsv")
    assert "cut.ecsv: file: cannot be read (Number of header columns (15) inconsistent" in error
    # Without the rows of the table, which readers tell as well.
    assert len(error) < 400
    (tmp_path / "nan.ecsv").write_text(text.replace("0.04", "nan"))
    assert "noise_jy of row 1 (1): is nan" in told(tmp_path / "nan.ecsv")
    twice = Pointings.read(table)
    replace(twice, start_mjd=twice.start_mjd + 0.01).write(tmp_path / "twice.ecsv")
    error = told(table, tmp_path / "twice.ecsv")
    assert "pointing twice:1: overlaps pointing pointings:1" in error
    assert run(table, "--out", out, "--nside", "32", "--no-figures") == 0
    capsys.readouterr()
    assert "nside: is 32, that of the settings is 64" in told(table, "--nside", "64")
    with h5py.File(out / "coverage.h5", "r+") as file:
        del file["pixel"]
    assert "coverage.h5: file: cannot be read" in told(table)


def test_pixels_that_are_too_large_are_noted(table, tmp_path, capsys):
    usual = ["--flux", "5", "--width", "1", "--no-figures"]
    for nside, noted in ((16, True), (128, False)):
        assert run(table, "--out", tmp_path / f"{nside}", "--nside", nside, *usual) == 0
        said = "less than 4 pixels of 3.66 deg wide" in capsys.readouterr().out
        assert said == noted


def test_areas_of_one_exposure_have_an_axis_with_numbers(table):
    coverage = expose(Pointings.read(table).chosen([0]), 64, "icrs")
    (made,) = exposures(coverage, [1e3], [1.0], IdealCompleteness())
    figure = area_figure(coverage, [made])
    figure.canvas.draw()
    low, high = figure.axes[0].get_xlim()
    # All that was seen was seen for an hour.
    assert low <= 0.1 < 1.0 < high
    shown = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert {"0.1", "0.5", "1"} <= set(shown)
    assert len(set(shown)) == len(shown)


def test_where_nothing_was_searched_there_is_no_map(table, tmp_path, capsys):
    none = Pointings.read(table)
    replace(none, searched_s=0 * none.searched_s).write(tmp_path / "none.ecsv")
    assert run(tmp_path / "none.ecsv", "--out", tmp_path / "out") == 1
    assert "nothing was searched" in capsys.readouterr().err
    assert run(table, "--out", tmp_path / "out", "--nside", 1, "--no-figures") == 1
    # Nothing is left there that would hold the next run to these pixels.
    assert not list((tmp_path / "out").glob("*"))
    assert run(table, "--out", tmp_path / "out", "--nside", 64, "--no-figures") == 0


def test_the_example_loads(repository):
    settings = load_config(repository / "examples" / "survey" / "coverage.toml", CoverageSettings)
    assert settings.beam.dish_m == 4.65
