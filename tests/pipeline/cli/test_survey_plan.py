"""The command survey plan: its files, and bad input in one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.cli.survey_plan_figures import _region
from pipeline.config import load_config
from pipeline.report.style import new_figure
from surveys.coverage.pointings import Pointings
from surveys.planning.earth import meridian_ra
from surveys.planning.plan import make_plan
from surveys.planning.settings import PlanSettings

TELESCOPE = """
[telescope]
kind = "transit"
instrument = "dsa110"
field_deg = 3.0
"""
DISH = """
[telescope]
kind = "steerable"
lon_deg = -118.28
lat_deg = 37.23
elevation_deg_per_s = 0.5
azimuth_deg_per_s = 1.0
beam_fwhm_deg = 6.0
"""
BOX = '\n[region]\nkind = "galactic"\nl_deg = [150.0, 190.0]\nb_deg = [-3.5, 5.7]\nnside = 64\n'
TARGETS = '\n[region]\nkind = "targets"\nfile = "targets.csv"\nnside = 64\n'
TIME = '\n[time]\nstart = "2026-12-01T00:00:00"\nend = "2026-12-02T12:00:00"\n'
REST = """
[calibrators]
every_h = 6.0

[schedule]
step_s = 240.0
tries = 4
"""
NOISE = "\n[noise]\ntsamp_s = 0.134\nnoise_jy = 0.05\nthreshold = 6.0\n"
FILES = {
    "elevation.png",
    "pointings.ecsv",
    "schedule.csv",
    "schedule.ecsv",
    "schedule.json",
    "sky.png",
    "summary.json",
    "tiles.ecsv",
    "windows.ecsv",
}


def run(*args) -> int:
    return run_guarded(build(), ["survey", "plan", *map(str, args)], "slowburst")


def write(folder: Path, *parts: str) -> Path:
    path = folder / "plan.toml"
    path.write_text("".join(parts))
    return path


@pytest.fixture(scope="module", params=["transit", "steerable"])
def out(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    telescope = TELESCOPE if request.param == "transit" else DISH
    config = write(folder, telescope, BOX, TIME, REST, NOISE)
    assert run(config, "--out", folder / "out") == 0
    return folder / "out"


def test_all_files_are_there(out):
    assert {path.name for path in out.iterdir()} == FILES


def test_the_schedule_is_the_same_in_its_three_formats(out):
    table = Table.read(out / "schedule.ecsv")
    rows = list(csv.DictReader((out / "schedule.csv").read_text().splitlines()))
    content = json.loads((out / "schedule.json").read_text())
    assert content["format"] == "slowburst-schedule/1"
    assert len(table) == len(rows) == len(content["visits"]) > 5
    for row, visit, line in zip(table, content["visits"], rows, strict=True):
        assert row["name"] == visit["name"] == line["name"]
        assert row["start_mjd"] == visit["start_mjd"] == float(line["start_mjd"])
        assert abs(Time(str(row["start"]), scale="utc").mjd - row["start_mjd"]) < 1e-6
    assert table.meta["config"]["telescope"]["kind"] in ("transit", "steerable")


def test_pointings_are_those_of_the_schedule_without_calibrators(out):
    pointings = Pointings.read(out / "pointings.ecsv")
    table = Table.read(out / "schedule.ecsv")
    tiles = table[table["kind"] == "tile"]
    assert len(pointings) == len(tiles)
    assert pointings.start_mjd == pytest.approx(np.asarray(tiles["start_mjd"]), abs=1e-7)
    assert pointings.dec == pytest.approx(np.asarray(tiles["dec"]), abs=1e-4)
    assert pointings.noise_jy == pytest.approx(0.05)
    assert pointings.threshold == pytest.approx(6.0)
    is_transit = table.meta["config"]["telescope"]["kind"] == "transit"
    assert (pointings.drift == is_transit).all()
    assert (pointings.field_deg == (3.0 if is_transit else 6.0)).all()


def test_tiles_and_windows(out):
    tiles, windows = Table.read(out / "tiles.ecsv"), Table.read(out / "windows.ecsv")
    summary = json.loads((out / "summary.json").read_text())
    assert len(tiles) == summary["n_tiles"]
    assert tiles["area_deg2"].sum() == pytest.approx(summary["area_deg2"], rel=0.02)
    assert set(windows["name"]) <= set(tiles["name"])
    covered = float((tiles["covered"] * tiles["area_deg2"]).sum())
    numbers = summary["schedules"][summary["method"]]
    assert covered == pytest.approx(numbers["covered_deg2"], rel=0.02)
    assert (
        summary["schedules"]["optimised"]["worth_deg2"]
        >= (summary["schedules"]["greedy"]["worth_deg2"])
    )


def test_pictures_are_png(out):
    for name in ("sky.png", "elevation.png"):
        assert (out / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def no_figures(monkeypatch) -> None:
    monkeypatch.setattr("pipeline.cli.survey_plan_results.figures", lambda *_: {})


def test_targets_that_never_rise_are_masked_and_said(tmp_path, no_figures, capsys):
    (tmp_path / "targets.csv").write_text("name,ra,dec\nup,80,30\nsouth,80,-80\n")
    config = write(tmp_path, DISH, TARGETS, TIME, REST)
    assert run(config, "--out", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "1 of 2 targets have no window: south" in said
    assert "1 of 2 tiles can never be observed" in said
    assert "pointings.ecsv has no noise" in said
    tiles = Table.read(tmp_path / "out/tiles.ecsv")
    never = ~np.asarray(tiles["observable"])
    assert never.sum() == 1
    assert (np.asarray(tiles["exposure_s"].mask) == never).all()
    assert set(Table.read(tmp_path / "out/windows.ecsv")["name"]) == {"up"}
    assert "noise_jy" not in Table.read(tmp_path / "out/pointings.ecsv").colnames


def test_a_mount_that_cannot_turn_to_the_region_goes_nowhere(tmp_path, no_figures):
    config = write(tmp_path, DISH + "azimuth_deg = [0.0, 90.0]\n", BOX, TIME, REST)
    assert run(config, "--out", tmp_path / "out") == 0
    table = Table.read(tmp_path / "out/schedule.ecsv")
    assert len(table)
    assert (table["azimuth_deg"] >= 0).all()
    assert (table["azimuth_deg"] <= 90).all()


def test_the_region_on_the_meridian_has_no_gaps(tmp_path):
    """Of one row of declination there is always a tile, from its first to its last one."""
    config = write(tmp_path, TELESCOPE, BOX, TIME, REST)
    plan = make_plan(load_config(config, PlanSettings), config, lambda *_: None)
    axes = new_figure(3, 3).subplots()
    first = float(plan.settings.time.mjd[0])
    _region(axes, plan, first, 0.0)
    (drawn,) = axes.collections
    outlines = drawn.get_paths()
    mjd = first + np.linspace(0, 1, 4001)
    on_meridian = meridian_ra(mjd, plan.telescope.site)
    site_deg = plan.telescope.site.lat.deg
    for dec in np.unique(plan.tiles.lat_deg):
        own = plan.tiles.lon_deg[plan.tiles.lat_deg == dec]
        half = plan.telescope.field_deg / 2 / np.cos(np.radians(dec)) - 0.1
        inside = (np.abs((on_meridian[:, None] - own + 180) % 360 - 180) < half).any(axis=1)
        points = np.stack([(mjd - first) * 24, np.full(len(mjd), 90 + dec - site_deg)], axis=1)
        is_drawn = np.any([path.contains_points(points) for path in outlines], axis=0)
        assert inside.any()
        assert is_drawn[inside].all()
        assert is_drawn.sum() < 1.2 * inside.sum()


def test_json_on_the_screen(tmp_path, no_figures, capsys):
    config = write(tmp_path, DISH, BOX, TIME, REST)
    assert run(config, "--out", tmp_path / "out", "--json") == 0
    assert json.loads(capsys.readouterr().out)["n_tiles"] > 5


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ((TELESCOPE, BOX), "plan.toml: time: is missing"),
        ((TELESCOPE, BOX.replace("galactic", "ecliptic"), TIME), "region.kind: 'ecliptic' is not"),
        (
            (DISH, TARGETS + 'frame = "fk4"\n', TIME),
            "region.frame: 'fk4' is not known; known are galactic, icrs",
        ),
        ((TELESCOPE, BOX, TIME.replace("12-02", "11-02")), "time.end: 2026-11-02T12:00:00 is not"),
        (
            (TELESCOPE + "elevation_deg = [10.0, 20.0]\n", BOX, TIME),
            "region: no tile of declination",
        ),
        ((DISH, BOX, TIME + "sun_deg = 179.0\n"), "region: no tile of declination"),
        (
            (
                DISH,
                BOX.replace("[-3.5, 5.7]", "[0.01, 0.02]").replace("150.0, 190.0", "10.0, 10.01"),
                TIME,
            ),
            "region: holds no pixel of NSIDE 64",
        ),
        ((DISH, BOX, TIME.replace("2026", "1826")), "time.start: is 1826-12-01T00:00:00; give a"),
        ((DISH, TARGETS, TIME), "targets.csv: file: does not exist"),
        ((DISH, BOX, TIME, "\n[schedule]\nmetod = 'x'\n"), "did you mean 'method'?"),
    ],
)
def test_bad_input_is_one_line(tmp_path, parts, says, capsys):
    assert run(write(tmp_path, *parts), "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["plan_dsa110", "plan_steerable"])
def test_examples_load(repository, name):
    load_config(repository / "examples" / "survey" / f"{name}.toml", PlanSettings)
