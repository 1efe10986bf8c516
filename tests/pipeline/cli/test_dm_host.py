"""``slowburst dm-host``: what it writes, and what it says of what it cannot use."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded

FILES = (
    *("halos.ecsv", "budget.ecsv", "posterior.h5", "summary.json"),
    *("budget.png", "sightline.png", "cumulative.png", "posterior.png", "errors.png"),
    "consistency.png",
)
HALO_COLUMNS = [
    *("name", "r_max", "z", "log_mass", "impact_kpc", "r_over_rvir"),
    *("dm_rest_p16", "dm_rest_p50", "dm_rest_p84"),
    *("dm_obs_p16", "dm_obs_p50", "dm_obs_p84", "p_intersect"),
]
RUN_KEYS = ("dm_host_obs", "dm_host_rest", "dm_halos_obs", "dm_igm_obs", "dm_mw")
FRB = """
cosmology = "Planck18"
[frb]
name = "FRB"
ra = 150.0
dec = 20.0
z = 0.3
dm = 900.0
dm_err = 2.0
[milky_way]
ism = 60.0
[igm]
f_igm = 0.5
[mc]
n_draws = 1000
"""
HALOS = """# mass_definition = 200c
name,ra,dec,z,log_mass,log_mass_err_lo,log_mass_err_hi
A,150.0,20.01,0.1,13.0,0.2,0.3
B,150.02,20.0,0.2,13.5,0.2,0.2
"""


def run(*args) -> int:
    return run_guarded(build(), ["dm-host", *map(str, args)], "slowburst")


@pytest.fixture
def files(tmp_path):
    """Write the file of a burst and its catalogs, and give the arguments for them."""

    def written(frb: str = FRB, **catalogs: str) -> list[str]:
        (tmp_path / "frb.toml").write_text(frb)
        args = ["--frb", str(tmp_path / "frb.toml"), "--out", str(tmp_path / "out")]
        for name, text in (catalogs or {"halos": HALOS}).items():
            (tmp_path / f"{name}.csv").write_text(text)
            args += ["--catalog", str(tmp_path / f"{name}.csv")]
        return args

    return written


@pytest.fixture
def no_figures(monkeypatch) -> None:
    """Figures take a second."""
    monkeypatch.setattr("pipeline.cli.dm_host_results.figures", lambda sightline: {})


def summary_of(tmp_path) -> dict:
    return json.loads((tmp_path / "out" / "summary.json").read_text())


def test_the_example_writes_what_it_promises(repository, tmp_path, capsys):
    example, out = repository / "examples" / "frb20190520b", tmp_path / "out"
    frb, halos = example / "frb.toml", example / "clusters.ecsv"
    args = ["--frb", frb, "--catalog", halos, "--out", out, "--draws", 2000]
    assert run(*args, "--r-max", 1, "--r-max", 2) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"results: {out}"
    assert said[-2].startswith("r_max 2: 2 halos have ")
    assert sorted(p.name for p in out.iterdir()) == sorted(FILES)
    table = Table.read(out / "halos.ecsv")
    assert table.colnames == HALO_COLUMNS
    assert table["name"].tolist() == ["cluster-A", "cluster-B"] * 2
    assert table["r_max"].tolist() == [1, 1, 2, 2]
    assert table["z"].tolist() == [0.1867, 0.217] * 2
    budget = Table.read(out / "budget.ecsv")
    assert budget.colnames == ["component", "r_max", "frame", "p16", "p50", "p84", "mean"]
    summary = json.loads((out / "summary.json").read_text())
    assert [r["r_max"] for r in summary["runs"]] == [1, 2]
    for found in summary["runs"]:
        for key in RUN_KEYS:
            p = found[key]
            assert list(p) == ["p16", "p50", "p84"]
            assert p["p16"] <= p["p50"] <= p["p84"]
        assert found["dm_host_rest"]["p50"] == pytest.approx(1.241 * found["dm_host_obs"]["p50"])
        with_z, without = (
            found[f"fluctuation_parameter_{w}_1_plus_z"]["p50"] for w in ("with", "without")
        )
        # (1 + z)^3 of the scattering time over (1 + z)^2 of the DM.
        assert with_z / without == pytest.approx(1.241)
        # tau nu^4 / (K DM^2) of 10.9 ms at 1.41 GHz: 4.85 for 430 pc/cc, without any 1 + z.
        plain = 4.851 * (430 / found["dm_host_obs"]["p50"]) ** 2
        assert without == pytest.approx(plain, rel=0.1)
    assert summary["config"]["mc"] == {"n_draws": 2000, "seed": 1}
    with h5py.File(out / "posterior.h5") as file:
        assert file.attrs["format"] == "slowburst-dm/1"
        for found in summary["runs"]:
            group = file[f"r_max_{found['r_max']:g}"]
            draws = {name: group[name][()] for name in group}
            assert {v.shape for v in draws.values()} == {(2000,)}
            for key in RUN_KEYS:
                assert np.median(draws[key]) == pytest.approx(found[key]["p50"], rel=1e-5)
            left = sum(draws[f"dm_{k}"] for k in ("halos_obs", "halos_unseen_obs", "igm_obs", "mw"))
            np.testing.assert_allclose(draws["dm_host_obs"], draws["dm"] - left, atol=1e-3)
    for name in FILES[4:]:
        pixels = _pixels(out / name)
        # Something is drawn: not one colour, and no large part of it is the only thing there is.
        assert pixels.std() > 5
        assert min(pixels.shape[:2]) > 200


def test_halpha_of_the_host(repository, tmp_path):
    """1e-16 erg/s/cm^2 within half an arcsecond at z = 0.241, as FRBs/FRB has it."""
    example = repository / "examples" / "frb20190520b"
    text = (example / "frb.toml").read_text().replace("tau_ms = ", "halpha_flux = 1e-16\ntau_ms = ")
    (tmp_path / "frb.toml").write_text(text)
    assert run("--frb", tmp_path / "frb.toml", "--out", tmp_path / "out", "--draws", 500) == 0
    found = summary_of(tmp_path)["runs"][0]["halpha"]
    assert found["dm_host_obs"] == pytest.approx(154.2143511, rel=1e-6)
    assert found["dm_host_rest"] == pytest.approx(1.241 * found["dm_host_obs"])
    assert _pixels(tmp_path / "out" / "consistency.png").std() > 5


def _pixels(path) -> np.ndarray:
    from matplotlib.image import imread

    return imread(path)[..., :3] * 255


@pytest.mark.usefixtures("no_figures")
def test_seeds(files, tmp_path):
    args = files()
    texts = []
    for seed in (3, 3, 4):
        assert run(*args, "--seed", seed) == 0
        texts.append([(tmp_path / "out" / name).read_bytes() for name in FILES[:2]])
    assert texts[0] == texts[1]
    assert texts[0][1] != texts[2][1]


@pytest.mark.usefixtures("no_figures")
def test_catalogs_are_joined_and_what_is_in_two_counts_once(files, tmp_path):
    more = HALOS.replace("B,150.02,20.0,0.2", "C,150.03,20.0,0.25")
    args = files(FRB.replace("dm = 900.0", "dm = 900.0\nhalpha_flux = 2e-16"), one=HALOS, two=more)
    assert run(*args, "--json") == 0
    table = Table.read(tmp_path / "out" / "halos.ecsv")
    assert table["name"].tolist() == ["A", "B", "C"]
    summary = summary_of(tmp_path)
    assert any(
        note.endswith("1 row left out: duplicates of another row") for note in summary["notes"]
    )
    assert len(summary["catalogs"]) == 2
    assert summary["runs"][0]["halpha"]["em_pc_cm6"] > 0


@pytest.mark.usefixtures("no_figures")
def test_masses_with_h_through_a_map_give_the_same_budget(files, tmp_path):
    assert run(*files()) == 0
    plain = Table.read(tmp_path / "out" / "budget.ecsv")
    other = Table.read(HALOS.splitlines()[1:], format="ascii.csv")
    other["M"] = 10 ** np.asarray(other["log_mass"]) * 0.7
    for side, sign in (("lo", -1), ("hi", 1)):
        other[f"M_{side}"] = other["M"] * 10 ** (sign * np.asarray(other[f"log_mass_err_{side}"]))
    other.remove_columns(["log_mass", "log_mass_err_lo", "log_mass_err_hi"])
    other.write(tmp_path / "other.csv")
    (tmp_path / "map.toml").write_text(
        'mass_definition = "200c"\n[columns]\n'
        'log_mass = {column = "M", unit = "Msun", log = false, h = 0.7}\n'
        'log_mass_err_lo = {column = "M_lo", kind = "bound"}\n'
        'log_mass_err_hi = {column = "M_hi", kind = "bound"}\n'
    )
    args = files()[:4]
    args += ["--catalog", tmp_path / "other.csv", "--columns", tmp_path / "map.toml"]
    assert run(*args) == 0
    again = Table.read(tmp_path / "out" / "budget.ecsv")
    for name in ("p16", "p50", "p84", "mean"):
        np.testing.assert_allclose(again[name], plain[name], rtol=1e-6)


@pytest.mark.usefixtures("no_figures")
def test_rows_that_do_not_count_are_counted(files, tmp_path):
    rows = """C,150,20.01,0.4,13,0,0
D,150,nan,0.1,13,0,0
E,150,20.02,nan,13,0,0
F,150.0,20.01,0.1,13,0,0
G,160,20.01,0.1,13,0,0
"""
    assert run(*files(halos=HALOS + rows)) == 0
    summary = summary_of(tmp_path)
    assert summary["n_halos"] == 2
    for note in (
        "1 row left out: at z of 0.3 or more, not before the burst",
        "1 row left out: no position",
        "1 row left out: no redshift",
        "1 row left out: duplicates of another row",
        "1 row left out: too far from the sightline for their gas to be crossed",
    ):
        assert note in summary["notes"]
    assert all(np.isfinite(v) for v in summary["runs"][0]["dm_host_obs"].values())


HEAD = HALOS.splitlines(keepends=True)[:2]


@pytest.mark.parametrize(("row", "n"), [("C,150,20,0.1,13,0,0\n", 1), (None, 0)])
def test_one_halo_in_the_middle_or_none(files, tmp_path, capsys, row, n):
    args = files() if row is None else files(halos="".join(HEAD) + row)
    assert run(*(args[:4] if row is None else args)) == 0
    assert f"r_max 1: {n} halos have" in capsys.readouterr().out
    summary = summary_of(tmp_path)
    if not n:
        assert any("no halo is crossed" in note for note in summary["notes"])
    assert len(Table.read(tmp_path / "out" / "halos.ecsv")) == n
    assert all(np.isfinite(v) for v in summary["runs"][0]["dm_halos_obs"].values())
    # Neither scattering nor Halpha is given.
    written = {p.name for p in (tmp_path / "out").iterdir()}
    assert written == set(FILES) - {"consistency.png"}


def test_more_halos_than_dm_is_said(files, tmp_path, recwarn):
    frb = FRB.replace("dm = 900.0", "dm = 150.0\ntau_ms = 1.0\nnu_ghz = 1.4")
    assert run(*files(frb)) == 0
    assert summary_of(tmp_path)["runs"][0]["share_of_draws_with_negative_host"] > 0.9
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


BAD_FRB = [
    ("[frb]\nname", "[frb]\nnmae = 1\nname", "frb.nmae: unknown key; did you mean 'name'?"),
    ("z = 0.3\n", "", "frb.toml: frb.z: is missing; add the key 'z'"),
    ("dm = 900.0", "dm = -9.0", "frb.toml: frb.dm: is -9.0; give 0 to 100000"),
    ("dm = 900.0", "dm = nan", "frb.toml: frb.dm: is nan; give a finite number"),
    ("dm = 900.0", 'dm = "9"', "frb.toml: frb.dm: '9' is not a number; give a number"),
    ("[milky_way]\nism = 60.0", "", "frb.toml: milky_way: is missing"),
    ("[frb]", "[frb", "frb.toml: file: is no valid TOML"),
    ("[igm]", "[gas]\ncore = 0.1\n[igm]", "frb.toml: gas.core: is no parameter of mnfw; it has"),
    ("[igm]", '[gas]\nprofile = "nfv"\n[igm]', "frb.toml: gas.profile: is 'nfv'; give one of"),
    ("[igm]", '[gas]\nprofile = "table"\ntable = "no.txt"\n[igm]', "table: no.txt cannot be read"),
    ("f_igm = 0.5", "f_igm = 0.9", "frb.toml: igm.f_igm: is 0.9, of 0.844 of all baryons"),
    ("Planck18", "Planck", "frb.toml: cosmology: is 'Planck'; give one of"),
    ("ism = 60.0", 'ism_map = "MAP"', "MAP"),
    ("ism = 60.0", 'ism_map = "no.fits"', "no.fits"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), BAD_FRB)
def test_a_bad_file_of_the_burst_is_one_line(is_refused, files, tmp_path, old, new, words):
    fits.PrimaryHDU(np.zeros(3)).writeto(tmp_path / "none.fits")
    place = str(tmp_path / "none.fits")
    args = files(FRB.replace(old, new.replace("MAP", place)))
    is_refused("dm-host", args, words.replace("MAP", place))


LINEAR = HALOS.replace("13.0,0.2,0.3", "1e13,0.2,0.3").replace("13.5,0.2,0.2", "3e13,0.2,0.2")
BAD_CATALOG = [
    ("", "halos.csv: "),
    ("".join(HEAD), "halos.csv: "),
    ("".join(HEAD[:1]) + "name,ra,dec,log_mass\nA,150,20,13\n", "halos.csv: z: "),
    (HALOS.replace("# mass_definition = 200c\n", ""), "halos.csv: mass_definition: is not said"),
    (HALOS.replace("200c", "200"), "halos.csv: mass_definition: '200' is not known"),
    (LINEAR, "halos.csv: log_mass: log10 of the mass in Msun would be 1e+13 to 3e+13"),
    (HALOS.replace("13.0", "nan").replace("13.5", "nan"), "halos.csv: "),
    (HALOS.replace("0.2,0.3", "-0.2,-0.3"), "halos.csv: log_mass_err_hi: is negative"),
]


@pytest.mark.parametrize(("text", "words"), BAD_CATALOG)
def test_a_bad_catalog_is_one_line(is_refused, files, text, words):
    is_refused("dm-host", files(halos=text), words)


def test_files_that_are_not_there_or_cut_off(is_refused, files, tmp_path):
    whole = tmp_path / "whole.fits"
    table = Table.read(HALOS.splitlines()[1:], format="ascii.csv")
    table.meta["MASS_DEFINITION"] = "200c"
    Table({k: np.repeat(table[k], 2000) for k in table.colnames}).write(whole)
    cut = tmp_path / "cut.fits"
    cut.write_bytes(whole.read_bytes()[:20_000])
    args = files()[:4]
    is_refused("dm-host", [*args, "--catalog", cut], "cut.fits: ")
    is_refused("dm-host", [*args, "--catalog", tmp_path / "no.fits"], "no.fits: ")
    args[1] = str(tmp_path / "no.toml")
    is_refused("dm-host", args, "no.toml: file: cannot be read")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--columns", "a.toml", "--columns", "b.toml"],
         "command line: --columns: is given 2 times for 1 catalogs; give one for each, or none"),
        (["--columns", "a.toml"], "a.toml: "),
        (["--r-max", "0"], "command line: --r-max: is 0.0; give 0.01 to 20"),
        (["--r-max", "1", "--r-max", "nan"], "command line: --r-max: is nan"),
        (["--draws", "3"], "command line: --draws: is 3"),
        (["--seed", "-1"], "command line: --seed: is -1"),
    ],
)  # fmt: skip
def test_bad_options_are_one_line(is_refused, files, more, words):
    is_refused("dm-host", [*files(), *more], words)


@pytest.mark.usefixtures("no_figures")
def test_a_failing_write_leaves_the_old_file_whole(files, tmp_path, capsys, monkeypatch):
    args = files()
    assert run(*args) == 0
    out = tmp_path / "out"
    before = (out / "posterior.h5").read_bytes()
    write = Path.write_bytes

    def full(path, data):
        if path.suffix == ".h5":
            write(path, bytes(data)[:100])
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    capsys.readouterr()
    assert run(*args, "--seed", 9) == 1
    said = capsys.readouterr().err
    assert "posterior.h5: no space left on the disk" in said
    assert (out / "posterior.h5").read_bytes() == before
    assert sorted(p.name for p in out.iterdir()) == sorted(FILES[:4])


@pytest.mark.usefixtures("no_figures")
def test_an_interrupt_leaves_no_half_file(files, tmp_path, monkeypatch, capsys):
    write = Path.write_bytes

    def interrupted(path, data):
        write(path, bytes(data)[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    assert run(*files()) == 1
    assert "interrupted" in capsys.readouterr().err
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == ["budget.ecsv", "halos.ecsv"]
