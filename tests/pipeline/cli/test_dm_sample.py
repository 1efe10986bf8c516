"""``slowburst dm-sample`` as a user meets it."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from astropy.table import Table

from pipeline.cli.app import PROGRAM, build
from pipeline.cli.failures import run_guarded

FRB = """
[frb]
name = "{name}"
ra = 150.0
dec = 20.0
z = 0.3
dm = {dm}
dm_err = 0.5
[milky_way]
ism = 40.0
ism_err = 0.0
"""
LIST = """
[[sightlines]]
frb = "one.toml"
catalogs = ["halos.ecsv"]
[[sightlines]]
frb = "two.toml"
[sampling]
n_warmup = 100
n_draws = 100
n_chains = 2
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "one.toml").write_text(FRB.format(name="FRB one", dm=520.0))
    (tmp_path / "two.toml").write_text(FRB.format(name="FRB two", dm=380.0))
    halos = Table({"name": ["a"], "ra": [150.02], "dec": [20.0], "z": [0.1], "log_mass": [13.0]})
    halos.meta["mass_definition"] = "200c"
    halos.write(tmp_path / "halos.ecsv")
    (tmp_path / "list.toml").write_text(LIST)
    return tmp_path


def run(folder, *args):
    args = ["dm-sample", str(folder / "list.toml"), "--out", str(folder / "out"), *args]
    return run_guarded(build(), args, PROGRAM)


def test_what_is_written(folder, capsys):
    assert run(folder, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary == json.loads((folder / "out" / "summary.json").read_text())
    assert summary["n_bursts"] == 2
    assert summary["n_halos"] == 1
    assert any("n_effective" in note for note in summary["notes"])
    table = Table.read(folder / "out" / "parameters.ecsv")
    names = ["f_hot", "f_igm", "host_median", "host_width", "mw_halo"]
    assert sorted(table["name"]) == names
    assert {"p16", "p50", "p84", "r_hat", "n_effective"} <= set(table.colnames)
    with h5py.File(folder / "out" / "posterior.h5") as file:
        assert sorted(file["parameters"]) == names
        draws = file["parameters/f_igm"][:]
        assert draws.shape == (2, 100)
        assert file["bursts/host_rest"].shape == (2, 100, 2)
        assert json.loads(file.attrs["config"])["sampling"]["seed"] == 0
    row = table[list(table["name"]).index("f_igm")]
    assert np.percentile(draws, 50) == pytest.approx(row["p50"], rel=1e-6)
    bursts = Table.read(folder / "out" / "bursts.ecsv")
    assert list(bursts["name"]) == ["FRB one", "FRB two"]
    assert bursts["dm_halos_obs_p50"][0] > bursts["dm_halos_obs_p50"][1] == 0
    for name in ("corner.png", "bursts.png"):
        assert (folder / "out" / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("list.toml", LIST, ""), "list.toml: sightlines: is missing"),
        (("list.toml", "two.toml", "none.toml"), "none.toml: file: cannot be read"),
        (("list.toml", "halos.ecsv", "none.ecsv"), "none.ecsv"),
        (("list.toml", "n_warmup", "n_warmpu"), "sampling.n_warmpu: unknown key; did you mean"),
        (("list.toml", "n_chains = 2", "n_chains = 0"), "sampling.n_chains: is 0; give 1 to 64"),
        (("list.toml", "[sampling]", "[priors]\nf_igm = [0.9, 0.1]\n[sampling]"),
         "priors.f_igm: is [0.9, 0.1]; give [low, high]"),
        (("list.toml", "[sampling]", "[priors]\nf_igm = [nan, 0.1]\n[sampling]"),
         "priors.f_igm[0]: is nan; give a finite number"),
        (("list.toml", "two.toml", "one.toml"), "sightlines[1]: has the burst FRB one again"),
        (("list.toml", "[sampling]", '[gas]\nprofile = "mb04"\n[priors]\ny0 = [1, 2]\n[sampling]'),
         "priors.y0: is no parameter of mb04"),
        (("two.toml", "ism_err", "halo = 80.0\nism_err"), "has another halo of [milky_way]"),
        (("two.toml", "dm = 380.0", "dm = -1.0"), "two.toml: frb.dm: is -1.0"),
        (("list.toml", '["halos.ecsv"]', '["halos.ecsv"]\ncolumns = ["a", "b"]'),
         "sightlines[0].columns: has 2 maps for 1 catalogs; give one for each, or none"),
        (("halos.ecsv", "log_mass", "mass_of_it"), "halos.ecsv"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line(folder, capsys, change, words):
    name, old, new = change
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    assert run(folder) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert words in shown.err
    assert not (folder / "out").exists()


def test_an_option_that_cannot_be(folder, capsys):
    assert run(folder, "--n-draws", "1") == 2
    assert "command line: --n-draws: is 1; give 50 to 1e+06" in capsys.readouterr().err
