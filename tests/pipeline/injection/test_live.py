"""Pulses that are put in while a recording is searched in earnest."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.table import Table

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Band, Image, Noise, Pulse, Recording


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A minute with one real pulse, and the search of it with others put in."""
    folder = tmp_path_factory.mktemp("live")
    config = SimulationConfig(
        recording=Recording(duration_s=120.0, seed=9),
        band=Band(n_channels=4),
        image=Image(shape=(40, 40)),
        noise=Noise(correlated=True),
        pulses=(Pulse(time_s=70.0, width_s=0.8, dm=0.0, snr=30.0, x=20.0, y=20.0),),
    )
    recording = simulate(config, folder / "sim").recordings[0]
    inject = folder / "inject.toml"
    inject.write_text("n = 12\nseed = 3\nsnr = [12, 25]\nwidth_s = [0.2, 3]\ndm = [0, 300]\n")
    out = folder / "out"
    args = [
        "search",
        recording,
        "--out",
        out,
        "--inject",
        inject,
        "--dm-max",
        300,
        "--max-width",
        4,
    ]
    assert run_guarded(build(), [str(a) for a in [*args, "--no-report"]], "slowburst") == 0
    return out


def read(searched, name):
    return Table.read(searched / name, format="ascii.ecsv")


def test_every_candidate_of_an_injection_is_marked_and_the_real_one_is_not(searched):
    candidates, put_in = read(searched, "candidates.ecsv"), read(searched, "injections.ecsv")
    real = candidates[~candidates["injected"]]
    assert len(real) == 1
    assert np.hypot(real["x"][0] - 20, real["y"][0] - 20) < 1
    assert len(put_in) == 12
    assert put_in["grouped"].sum() >= 10
    assert candidates["injected"].sum() >= put_in["grouped"].sum()


def test_the_summary_counts_the_real_ones(searched):
    summary = json.loads((searched / "summary.json").read_text())
    candidates = read(searched, "candidates.ecsv")
    assert summary["n_candidates"] == 1
    assert summary["n_injected"] == candidates["injected"].sum()


def test_what_was_found_of_each_is_told(searched):
    put_in = read(searched, "injections.ecsv")
    found = put_in[put_in["grouped"]]
    assert np.abs(found["x_error"]).max() < 1
    assert np.abs(found["fluence_found"] / found["fluence"] - 1).max() < 0.5
    assert np.isnan(put_in["snr_found"][~put_in["grouped"]]).all()
