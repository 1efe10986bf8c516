"""From a recording to its periods, as the command does it."""

import json

import numpy as np
import pytest
from astropy.table import Table

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.config import parse_config
from pipeline.simulation import SimulationConfig, simulate

PERIOD_S, WEAK_S = 421.0, 10.0
SEEN = (0, 1, 3, 4, 6, 7)


def run(*args):
    return run_guarded(build(), [str(a) for a in args], "slowburst")


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    """An hour with pulses of 421 s, two of them missing, and of 10 s, of S/N 1 each; searched."""
    bright = {"width_s": 2.0, "dm": 50.0, "snr": 14.0, "x": 1.0, "y": 2.0}
    weak = {"width_s": 1.0, "snr": 1.0, "x": 6.0, "y": 5.0}
    pulses = [bright | {"time_s": 100 + PERIOD_S * k} for k in SEEN]
    pulses += [weak | {"time_s": 3.3 + WEAK_S * k} for k in range(359)]
    config = {
        "recording": {"duration_s": 3600.0, "tsamp_s": 0.5, "seed": 4},
        "band": {"n_channels": 4},
        "image": {"shape": [8, 8]},
        "psf": {"fwhm_px": 1.5},
        "pulses": pulses,
    }
    folder = tmp_path_factory.mktemp("hour")
    made = simulate(parse_config(config, SimulationConfig, "test"), folder / "sim")
    (recording,) = made.recordings
    options = ("--dm-max", 200, "--max-width", 8, "--no-report")
    assert run("search", recording, "--out", folder / "found", *options) == 0
    return folder, recording


def test_a_period_of_421_s_is_found_from_what_the_search_found(hour):
    folder, _ = hour
    candidates = folder / "found"
    assert run("periods", "--candidates", candidates, "--out", folder / "timed") == 0
    table = Table.read(folder / "timed" / "periods.ecsv", format="ascii.ecsv")
    (row,) = table
    assert row["method"] == "arrivals"
    assert row["n_pulses"] == len(SEEN)
    assert abs(row["period"] - PERIOD_S) < 4 * row["period_error"]
    assert row["period_error"] < 0.2
    assert row["fap"] < 0.02
    assert (folder / "timed" / "figures" / "arrivals_001.png").stat().st_size > 10_000
    # The table alone, without what was fitted to the pulses, does as well.
    alone = candidates / "candidates.ecsv"
    assert run("periods", "--candidates", alone, "--out", folder / "alone") == 0
    (row,) = Table.read(folder / "alone" / "periods.ecsv", format="ascii.ecsv")
    assert row["period"] == pytest.approx(PERIOD_S, abs=0.5)


def test_all_pixels_are_folded(hour, capsys):
    folder, recording = hour
    settings = folder / "periods.toml"
    settings.write_text("bins = 64\nmin_period = 8.0\nmax_period = 500.0\n")
    options = ("--config", settings, "--out", folder / "all", "--json")
    assert run("periods", recording, *options) == 0
    table = Table.read(folder / "all" / "periods.ecsv", format="ascii.ecsv")
    own = table[table["harmonic_of"] == 0]
    assert sorted(zip(own["x"], own["y"], strict=True)) == [(1, 2), (6, 5)]
    by_place = {row["x"]: row for row in own}
    assert by_place[1]["period"] == pytest.approx(PERIOD_S, abs=0.6)
    assert by_place[6]["period"] == pytest.approx(WEAK_S, abs=0.01)
    assert by_place[6]["snr"] == pytest.approx(359**0.5, rel=0.25)
    assert np.all(own["fap"] < 1e-10)
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary == json.loads((folder / "all" / "periods.json").read_text())
    figures = sorted(p.name for p in (folder / "all" / "figures").iterdir())
    assert figures == ["folded_001.png", "folded_002.png"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "INPUT: is missing"),
        (("--candidates", "nowhere.ecsv"), "nowhere.ecsv: file: cannot be read"),
        (("RECORDING", "--min-period", "2000"), "min_period: is 4000 samples"),
        (("RECORDING", "--max-period", "1", "--min-period", "5"), "--max-period: is 1.0"),
        (("RECORDING", "--threshold", "0"), "--threshold: is 0"),
    ],
)
def test_bad_input_is_one_line(hour, tmp_path, capsys, args, said):
    args = [hour[1] if a == "RECORDING" else a for a in args]
    assert run("periods", *args, "--out", tmp_path) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_tables_that_are_none_are_one_line(hour, tmp_path, capsys):
    table = Table.read(hour[0] / "found" / "candidates.ecsv", format="ascii.ecsv")
    broken = tmp_path / "broken.ecsv"
    cases = []
    less = table.copy()
    less.remove_column("snr")
    cases.append((less, "snr: is missing"))
    outside = table.copy()
    outside["x"][0] = 50
    cases.append((outside, "outside the 8 x 8 pixels"))
    nan = table.copy()
    nan["mjd"][1] = np.nan
    cases.append((nan, "row 2: has a number that is not finite"))
    for case, said in cases:
        case.write(broken, format="ascii.ecsv", overwrite=True)
        out = ("--out", tmp_path / "out")
        assert run("periods", hour[1], "--candidates", broken, *out) == 2
        assert said in capsys.readouterr().err
    for text in ("", "1 2 3\n", broken.read_text()[:900]):
        broken.write_text(text)
        assert run("periods", "--candidates", broken, "--out", tmp_path / "out") == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_recordings_without_data_or_too_short_are_one_line(tmp_path, capsys):
    for n, gap, code, said in ((60, True, 1, "holds no noise"), (5, False, 2, "8 are the least")):
        recording = {"duration_s": float(n), "tsamp_s": 1.0, "name": f"r{n}"}
        config = {"recording": recording, "band": {"n_channels": 2}, "image": {"shape": [2, 2]}}
        config["gaps"] = [{"start_s": -1.0, "stop_s": 1e3}] if gap else []
        made = simulate(parse_config(config, SimulationConfig, "test"), tmp_path / f"sim{n}")
        assert run("periods", made.recordings[0], "--out", tmp_path / "out") == code
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
