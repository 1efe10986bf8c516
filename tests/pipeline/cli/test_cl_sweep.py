"""Sweeps of the command cl: rows against single runs, interruption, schedulers, bad input."""

from __future__ import annotations

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from astropy.table import Table

from pipeline.cli import cl_sweep
from pipeline.cli.app import build
from pipeline.cli.cl_results import _said_of_sweep
from pipeline.cli.failures import run_guarded
from pipeline.config import load_config
from surveys.spectra.cosmologies import cosmologies_of, varied
from surveys.spectra.settings import SpectraSettings
from surveys.spectra.spectra import calculate
from surveys.spectra.sweep import sweep
from surveys.spectra.sweep_plan import dense

BASE = """
[cosmology]
h = 0.7
omega_m = 0.3
n_s = 0.96

[[tracer]]
name = "g"
kind = "clustering"
z = 0.5
sigma_z = 0.02
rsd = true

[[tracer]]
name = "s"
kind = "galaxy-lensing"
nz_file = "nz.txt"

[output]
ell = [5, 30, 100]

[sweep]
"""
VALUES = "values = {omega_m = [0.25, 0.35], w0 = [-1.1, -0.9], a_s = [2e-9]}\n"


def run(*args) -> int:
    return run_guarded(build(), ["cl", *map(str, args)], "slowburst")


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch) -> None:
    """Figures of spectra take a second; that of the sweep is drawn."""
    monkeypatch.setattr("pipeline.cli.cl_results.figures", lambda *_: {})


@pytest.fixture
def written(tmp_path):
    z = np.linspace(0.3, 1.8, 120)
    np.savetxt(tmp_path / "nz.txt", np.stack([z, z**2 * np.exp(-(((z - 0.9) / 0.3) ** 2))], 1))

    def write(sweep_text: str, base: str = BASE):
        (tmp_path / "cl.toml").write_text(base + sweep_text)
        return [tmp_path / "cl.toml", "--out", tmp_path / "out"]

    return write


def contents(path):
    with h5py.File(path) as file:
        return {
            "cl": file["cl"][:],
            "pairs": file["pairs"].asstr()[:].tolist(),
            "problem": file["problem"].asstr()[:].tolist(),
            "format": file.attrs["format"],
            **{name: file[f"parameters/{name}"][:] for name in file["parameters"]},
        }


def test_rows_are_what_single_runs_give(written, tmp_path, capsys):
    args = written(VALUES + "chunk = 3\n")
    assert run(*args) == 0
    said = capsys.readouterr().out
    assert "sweep.h5: 4 of 4 cosmologies of omega_m, a_s, w0" in said
    found = contents(tmp_path / "out" / "sweep.h5")
    assert found["format"] == "slowburst-sweep/1"
    assert found["pairs"] == ["gxg", "gxs", "sxs"]
    assert found["omega_m"].tolist() == [0.25, 0.25, 0.35, 0.35]
    assert found["w0"].tolist() == [-1.1, -0.9, -1.1, -0.9]
    settings = load_config(args[0], SpectraSettings)
    rows = cosmologies_of(settings, args[0])
    cosmology = varied(settings.cosmology, rows.names, rows.values[2])
    assert cosmology.a_s == 2e-9
    one = calculate(replace(settings, cosmology=cosmology, sweep=None), args[0])
    off = np.abs(found["cl"][2] - one.cl) / one.amplitude
    # Each has an error of its own.
    assert off.max() < 2 * settings.accuracy.tolerance
    assert (np.abs(found["cl"][2] - found["cl"][0]) / one.amplitude).max() > 0.05
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())["sweep"]
    assert summary["n"] == 4
    assert summary["n_failed"] == 0
    assert not (tmp_path / "out" / "sweep.parts").exists()
    assert (tmp_path / "out" / "sweep.png").stat().st_size > 10_000


class Cut(Exception):
    """The end of a run."""


def test_a_sweep_that_was_cut_goes_on(written, tmp_path, monkeypatch, capsys):
    once = BASE.replace("ell = [5, 30, 100]", 'ell = [100]\npairs = [["g", "g"]]')
    text = "ranges = {omega_m = [0.28, 0.32], sigma8 = [0.7, 0.9]}\nn = 6\nchunk = 2\n"
    text += 'scheduler = "synchronous"\n'
    args = written(text, once)
    assert run(*args[:2], tmp_path / "whole") == 0
    whole = contents(tmp_path / "whole" / "sweep.h5")
    # Every part of a Latin hypercube holds one row.
    for name, (low, high) in {"omega_m": (0.28, 0.32), "sigma8": (0.7, 0.9)}.items():
        place = np.floor(6 * (whole[name] - low) / (high - low))
        assert sorted(place) == list(range(6))

    written_parts, keep = [], cl_sweep._write_part

    def cut(folder, about, number, chunk):
        if len(written_parts) == 2:
            raise Cut
        keep(folder, about, number, chunk)
        written_parts.append(number)

    monkeypatch.setattr(cl_sweep, "_write_part", cut)
    with pytest.raises(Cut):
        run(*args)
    parts = sorted((tmp_path / "out" / "sweep.parts").iterdir())
    assert [p.name for p in parts] == [f"part_{n:06d}.npz" for n in sorted(written_parts)]
    assert not (tmp_path / "out" / "sweep.h5").exists()
    # Those of other settings are not mixed in.
    again = written(text.replace("n = 6", "n = 7"), once)
    capsys.readouterr()
    assert run(*again) == 2
    assert "sweep.parts: sweep: has parts" in capsys.readouterr().err
    # One is damaged, and is made again with the one that is missing; the other is kept.
    parts[0].write_bytes(parts[0].read_bytes()[:200])
    more = []
    monkeypatch.setattr(cl_sweep, "_write_part", lambda *a: (more.append(a[2]), keep(*a))[1])
    assert run(*written(text, once)) == 0
    assert len(more) == 2
    assert min(written_parts) in more
    assert max(written_parts) not in more
    resumed = contents(tmp_path / "out" / "sweep.h5")
    # Asked to, it looks at the least and the largest once more.
    settings = load_config(args[0], SpectraSettings)
    rows = cosmologies_of(settings, args[0])
    for factor, low, high in ((1.0, 0.0, 2e-3), (1.1, 0.08, 0.13)):
        checked = cl_sweep._checked(settings, args[0], rows, factor * resumed["cl"])
        assert low <= checked["largest_deviation"] < high
        assert len(checked["rows"]) == 2
    np.testing.assert_array_equal(resumed["cl"], whole["cl"])
    np.testing.assert_array_equal(resumed["sigma8"], whole["sigma8"])


def test_all_schedulers_give_the_same(written, tmp_path):
    base = BASE.replace("ell = [5, 30, 100]", 'ell = [100]\npairs = [["g", "g"]]')
    args = written(VALUES + "chunk = 2\nworkers = 1\n", base)
    settings = load_config(args[0], SpectraSettings)
    rows = cosmologies_of(settings, args[0])
    told = []
    found = {}
    for how in ("synchronous", "threads", "processes"):
        one = replace(settings, sweep=replace(settings.sweep, scheduler=how))
        chunks = sweep(one, args[0], rows, tell=lambda *numbers: told.append(numbers))
        found[how] = np.concatenate([chunk.cl for chunk in chunks])
        assert told[-1] == (2, 2)
    for how in ("threads", "processes"):
        np.testing.assert_allclose(found[how], found["synchronous"], rtol=1e-10)


def test_a_cluster_gives_the_same(written, tmp_path):
    distributed = pytest.importorskip("distributed")
    base = BASE.replace("ell = [5, 30, 100]", 'ell = [100]\npairs = [["g", "g"]]')
    args = written(VALUES, base)
    settings = load_config(args[0], SpectraSettings)
    rows = cosmologies_of(settings, args[0])
    here = sweep(settings, args[0], rows)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        if "://" not in address or address.startswith("inproc"):
            address = cluster.scheduler.address
        one = replace(settings, sweep=replace(settings.sweep, scheduler=address))
        there = sweep(one, args[0], rows)
    np.testing.assert_allclose(there[0].cl, here[0].cl, rtol=1e-10)


def test_a_row_that_cannot_be_computed_is_nan_and_told(written):
    pytest.importorskip("emu_pk")
    base = BASE.replace("ell = [5, 30, 100]", 'ell = [100]\npairs = [["g", "g"]]')
    base = base.replace("[sweep]", '[power]\nsource = "emu"\n[sweep]')
    args = written("values = {n_eff = [3.044, 3.5], sigma8 = [0.8]}\n", base)
    settings = load_config(args[0], SpectraSettings)
    rows = cosmologies_of(settings, args[0])
    (chunk,) = sweep(settings, args[0], rows)
    assert np.isfinite(chunk.cl[0]).all()
    assert np.isnan(chunk.cl[1]).all()
    assert chunk.problems[0] == ""
    assert "n_eff = 3.5: emu-pk knows only 3.044" in chunk.problems[1]
    said = list(_said_of_sweep(cl_sweep._summary(rows, list(chunk.problems), 16)))
    assert said[0] == "sweep.h5: 1 of 2 cosmologies of sigma8, n_eff"
    assert said[1].startswith("note: 1 are NaN, first row 2: ")


BAD = [
    ("values = {omega_n = [0.3]}", "sweep.values.omega_n: unknown key; did you mean 'omega_m'?"),
    ("values = {omega_m = []}", "sweep.values.omega_m: is empty"),
    ("values = {}", "sweep.values.omega_m: is missing, as all others"),
    ("values = {omega_m = [nan]}", "sweep.values.omega_m[0]: is nan"),
    ("values = {omega_m = [0.3, 5.0]}", "cl.toml: sweep: cosmology: omega_m = 5.0 is not between"),
    ("values = {a_s = [2e-9], sigma8 = [0.8]}", "cl.toml: sweep: has sigma8 and a_s"),
    ("ranges = {omega_m = [0.4, 0.3]}", "sweep.ranges.omega_m: is [0.4, 0.3]; give two numbers"),
    ("ranges = {omega_m = [0.3]}", "sweep.ranges.omega_m: is [0.3]; give two numbers"),
    ("ranges = {omega_m = [0.2, 0.3]}\nn = 0", "sweep.n: is 0"),
    ("", "sweep.file: is missing; give one of file, values and ranges"),
    ('file = "a.ecsv"\nvalues = {h = [0.7]}', "sweep.values: is given beside file"),
    ('values = {h = [0.7]}\nscheduler = "thread"', "sweep.scheduler: is 'thread'"),
    ('file = "no.ecsv"', "no.ecsv: file: cannot be read"),
    ('file = "unknown.ecsv"', "unknown.ecsv: column: 'omega_n' is not known; did you mean 'omega"),
    ('file = "nan.ecsv"', "nan.ecsv: omega_m: is nan in row 2; take the row out"),
    ('file = "none.ecsv"', "none.ecsv: table: has no rows"),
    ('file = "far.ecsv"', "far.ecsv: row 2: cosmology: omega_m = 3.0 is not between"),
    ('file = "empty.ecsv"', "empty.ecsv: file: "),
    ('file = "cut.npz"', "cut.npz: file: "),
    ('file = "words.ecsv"', "words.ecsv: omega_m: is not an array of numbers"),
    ('file = "uneven.npz"', "uneven.npz: h: has the shape (3,)"),
]


@pytest.mark.parametrize(("text", "words"), BAD)
def test_bad_input_is_one_line(is_refused, written, tmp_path, text, words):
    def table(name, **columns):
        Table(columns).write(tmp_path / name)

    table("unknown.ecsv", omega_n=[0.3])
    table("nan.ecsv", omega_m=[0.3, np.nan])
    table("none.ecsv", omega_m=np.zeros(0))
    table("far.ecsv", omega_m=[0.3, 3.0])
    table("words.ecsv", omega_m=["a", "b"])
    (tmp_path / "empty.ecsv").write_text("")
    np.savez(tmp_path / "uneven.npz", omega_m=np.full(2, 0.3), h=np.full(3, 0.7))
    whole = (tmp_path / "uneven.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    is_refused("cl", written(text + "\n"), words)


def test_what_is_of_one_cosmology_is_not_swept(is_refused, written):
    for old, new, field in (
        ("h = 0.7", 'h = 0.7\nbackground = "b.npz"', "cosmology.background"),
        ("[sweep]", '[power]\nsource = "table"\nfile = "p.npz"\n[sweep]', "power.file"),
        ('nz_file = "nz.txt"', 'kernel_file = "k.npz"', "tracer[1].kernel_file"),
    ):
        args = written(VALUES, BASE.replace(old, new))
        is_refused("cl", args, f"{field}: is of one cosmology")


def test_nobody_at_an_address(written):
    base = BASE.replace("ell = [5, 30, 100]", 'ell = [100]\npairs = [["g", "g"]]')
    args = written(VALUES + 'scheduler = "tcp://127.0.0.1:9"\n', base)
    settings = load_config(args[0], SpectraSettings)
    rows = cosmologies_of(settings, args[0])
    with pytest.raises(ValueError, match=r"sweep.scheduler: is 'tcp://127.0.0.1:9'"):
        sweep(settings, args[0], rows)


def test_a_dense_grid_is_dense_wherever_its_window_moves():
    near = np.r_[np.linspace(100, 190, 10), np.linspace(200, 210, 101), np.linspace(220, 300, 9)]
    grid = dense(near, 0.8, 1.3)
    assert (np.diff(grid) > 0).all()
    assert grid[0] == pytest.approx(80)
    assert grid[-1] == pytest.approx(390)
    for factor in (0.8, 0.9, 1.0, 1.2, 1.3):
        moved = factor * near
        middle = (moved[1:] + moved[:-1]) / 2
        here = np.clip(np.searchsorted(grid, middle), 1, grid.size - 1)
        finest = np.maximum(np.diff(moved), (near[-1] - near[0]) / 2000)
        assert (np.diff(grid)[here - 1] <= finest * (1 + 1e-9)).all()
