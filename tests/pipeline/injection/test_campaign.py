"""Campaigns: searched for real, resumed, and what is written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.table import Table

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.errors import InputError
from pipeline.injection.campaign import Campaign, CampaignSettings
from pipeline.injection.recording import Recording
from pipeline.injection.settings import InjectionSettings
from pipeline.search import SearchSettings
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Band, Image, Noise
from pipeline.simulation.config import Recording as Simulated

SEARCH = SearchSettings(dm_max=500.0, max_width=8.0)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Five minutes of noise in 48 x 48 pixels, four channels."""
    config = SimulationConfig(
        recording=Simulated(duration_s=300.0, seed=4),
        band=Band(n_channels=4),
        image=Image(shape=(48, 48)),
        noise=Noise(correlated=True),
    )
    return simulate(config, tmp_path_factory.mktemp("noise")).recordings[0]


def campaign(recording, out, **injection):
    settings = CampaignSettings(InjectionSettings(seed=2, **injection), SEARCH)
    return Campaign(Recording([recording], SEARCH), out, settings)


@pytest.fixture(scope="module")
def done(recording, tmp_path_factory):
    out = tmp_path_factory.mktemp("campaign")
    return out, campaign(recording, out, n=150, snr=(4.0, 40.0)).run()


def test_bright_pulses_are_found_and_faint_ones_are_not(done):
    _, table = done
    assert len(table) >= 150
    bright, faint = table[table["snr"] > 12], table[table["snr"] < 5]
    # A pulse that overlaps the beginning or the end may be cut in a way that no boxcar fits.
    assert bright["grouped"].mean() > 0.93
    # Half of what has S/N 7 is found at a threshold of 7, and 2 % of what has 5.
    assert faint["grouped"].mean() < 0.15
    assert (table["detected"] >= table["grouped"]).all()


def test_candidates_of_bright_pulses_are_classified_as_real(done):
    _, table = done
    known = np.isfinite(table["p_real"])
    assert (table["grouped"] >= known).all()
    assert (known >= table["classified"]).all()
    bright = table[known & (table["snr"] > 10)]
    assert len(bright) >= 10
    assert bright["classified"].mean() > 0.8


def test_snr_positions_and_times_are_those_put_in(done):
    _, table = done
    bright = table[(table["snr"] > 10) & table["grouped"]]
    ratio = bright["snr_found"] / bright["snr"]
    # Trials and pixels take up to a tenth, on average half of that; see docs/injection.md.
    assert 0.85 < ratio.mean() < 1.05
    refined = bright[np.isfinite(bright["snr_fit"])]
    assert len(refined) >= 10
    ratio = refined["snr_fit"] / refined["snr"]
    assert ratio.mean() == pytest.approx(1, abs=0.1)
    # A position is known to about FWHM / 2 / (S/N): 0.15 pixels at S/N 10.
    offsets = np.concatenate([refined["x_error"], refined["y_error"]])
    assert np.median(np.abs(offsets)) < 0.15
    assert (
        np.abs(bright["time_error"]) <= 0.5 * (bright["width"] + bright["width_found"]) + 0.2
    ).all()


def test_an_interrupted_campaign_goes_on(recording, done, tmp_path):
    out, table = done
    again = campaign(recording, tmp_path, n=150, snr=(4.0, 40.0))
    (tmp_path / "passes").mkdir(exist_ok=True)
    passes = sorted((out / "passes").glob("*.ecsv"))
    # All but the last were made before.
    for path in passes[:-1]:
        (tmp_path / "passes" / path.name).write_bytes(path.read_bytes())
    made = again.run()
    assert [p.name for p in sorted((tmp_path / "passes").glob("*.ecsv"))] == [
        p.name for p in passes
    ]
    np.testing.assert_array_equal(made["time_s"], table["time_s"])
    np.testing.assert_array_equal(made["grouped"], table["grouped"])
    np.testing.assert_allclose(made["snr_found"], table["snr_found"], rtol=1e-4)


def test_another_campaign_in_the_same_folder_is_refused(recording, done):
    out, _ = done
    with pytest.raises(InputError, match="has passes of another recording or of other settings"):
        campaign(recording, out, n=151, snr=(4.0, 40.0))


def test_a_damaged_pass_is_named(recording, done, tmp_path):
    out, _ = done
    again = campaign(recording, tmp_path, n=150, snr=(4.0, 40.0))
    (tmp_path / "passes" / "blank.ecsv").write_bytes((out / "passes" / "blank.ecsv").read_bytes())
    (tmp_path / "passes" / "pass_0000.ecsv").write_text("half a fi")
    with pytest.raises(InputError, match=r"pass_0000\.ecsv: file: cannot be read"):
        again.run()


def run(*args):
    return run_guarded(build(), [str(a) for a in args], "slowburst")


def test_the_command_writes_tables_numbers_and_figures(recording, tmp_path, capsys):
    config = tmp_path / "inject.toml"
    config.write_text("[injection]\nsnr = [6, 30]\n[search]\ndm_max = 500\nmax_width = 8\n")
    out = tmp_path / "out"
    assert run("inject", recording, "--out", out, "--config", config, "--n", 30) == 0
    assert "are found" in capsys.readouterr().out
    summary = json.loads((out / "summary.json").read_text())
    assert summary["n"] >= 30
    assert summary["config"]["injection"]["seed"] == 0
    assert 0 <= summary["grouped"]["low"] <= summary["grouped"]["share"] <= 1
    names = {p.name for p in out.iterdir()}
    assert {"injections.ecsv", "completeness.ecsv", "widths.ecsv", "summary.json"} <= names
    assert {"completeness.png", "surface.png", "recovery.png", "errors.png"} <= names
    bins = Table.read(out / "completeness.ecsv", format="ascii.ecsv")
    assert bins["n"].sum() == summary["n"]
    assert (bins["grouped_low"] <= bins["grouped"]).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[injection]\nsnr = [9, 4]\n", "injection.snr: is 9 to 4; give the lower end first"),
        ("[injection]\nnumber = 3\n", "injection.number: unknown key"),
        ("[injection]\nn = 0\n", "injection.n: is 0"),
        ("[search]\nthreshold = 0\n", "search.threshold: is 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(recording, tmp_path, capsys, text, said):
    config = tmp_path / "inject.toml"
    config.write_text(text)
    assert run("inject", recording, "--out", tmp_path / "o", "--config", config) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
