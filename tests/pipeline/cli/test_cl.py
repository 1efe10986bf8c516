"""The command cl: its files against the library, its oracles, bad input in one line."""

from __future__ import annotations

import json
from pathlib import Path

import healpy
import jax
import numpy as np
import pytest
import sacc
from astropy.table import Table

from cosmo.angular.observables import clustering, galaxy_lensing
from cosmo.angular.observed import Matter, angular_power
from cosmo.angular.redshifts import gaussian_nz
from cosmo.covariance import multipoles_per_sample, tracers_by_tracers, with_noise
from cosmo.expansion import HUBBLE_DISTANCE, background_of, cosmology_of
from cosmo.fisher import delta_chi2
from cosmo.maps import measure
from cosmo.power.eisenstein_hu import eisenstein_hu
from cosmo.spectra_noise import shape_noise, shot_noise
from pipeline.cli.app import build
from pipeline.cli.failures import run_guarded

COSMOLOGY = {"h": 0.7, "omega_m": 0.3, "omega_b": 0.05, "n_s": 0.96, "sigma8": 0.8}
SMALL = """
[cosmology]
h = 0.7
omega_m = 0.3
omega_b = 0.05
n_s = 0.96
sigma8 = 0.8
m_nu = 0.0

[[tracer]]
name = "g"
kind = "clustering"
z = 0.5
sigma_z = 0.05
bias = 1.5
rsd = true
per_arcmin2 = 2.0

[[tracer]]
name = "s"
kind = "galaxy-lensing"
z = 0.9
sigma_z = 0.1
per_arcmin2 = 5.0
sigma_e = 0.3

[output]
ell = [2, 5, 10, 20, 40, 70, 100]
"""
MORE = """
[covariance]
f_sky = 0.5
bands = [5, 20, 60, 100]

[maps]
nside = 32
seed = 3
"""
FILES = ["cl.ecsv", "cl.sacc", "spectra.png", "summary.json", "windows.png"]


def run(*args) -> int:
    return run_guarded(build(), ["cl", *map(str, args)], "slowburst")


@pytest.fixture
def no_figures(monkeypatch) -> None:
    """Figures take a second."""
    monkeypatch.setattr("pipeline.cli.cl_results.figures", lambda *_: {})


@pytest.fixture
def written(tmp_path):
    """Write a configuration, and give the arguments for it."""

    def write(text: str) -> list[str]:
        (tmp_path / "cl.toml").write_text(text)
        return [str(tmp_path / "cl.toml"), "--out", str(tmp_path / "out")]

    return write


def summary_of(tmp_path) -> dict:
    return json.loads((tmp_path / "out" / "summary.json").read_text())


def test_the_files_are_what_the_library_computes(written, tmp_path, capsys):
    assert run(*written(SMALL + MORE), "--verify") == 0
    said = capsys.readouterr().out.splitlines()
    out = tmp_path / "out"
    assert said[-1] == f"results: {out}"
    more = ["bands.ecsv", "correlation.png", "covariance.npz", "map_g.fits", "map_s.fits"]
    assert sorted(p.name for p in out.iterdir()) == sorted([*FILES, *more, "verify.ecsv"])
    table = Table.read(out / "cl.ecsv")
    assert table.colnames == ["ell", "gxg", "gxg_err", "gxs", "gxs_err", "sxs", "sxs_err"]
    with jax.enable_x64(True):
        cosmology = cosmology_of(COSMOLOGY)
        background = background_of(cosmology, 12.0)
        tracers = [
            clustering(background, gaussian_nz(0.5, 0.05), 1.5, rsd=True),
            galaxy_lensing(background, gaussian_nz(0.9, 0.1)),
        ]
        matter = Matter(background, eisenstein_hu(cosmology, background))
        pairs = [(0, 0), (0, 1), (1, 1)]
        found = angular_power(matter, tracers, pairs, table["ell"])
    for label, cl, error in zip(("gxg", "gxs", "sxs"), found.cl, found.relative_error, strict=True):
        np.testing.assert_allclose(table[label], cl, rtol=1e-8)
        np.testing.assert_allclose(table[f"{label}_err"], error, rtol=1e-3)
    assert table.meta["config"]["tracer"][0]["rsd"] is True
    assert table.meta["versions"]["slowburst"]
    summary = summary_of(tmp_path)
    assert summary["pairs"] == ["gxg", "gxs", "sxs"]
    assert summary["cosmology"]["sigma8"] == 0.8
    # What is asked for is kept, against brute force.
    assert summary["verify"]["largest_deviation"] < 1e-3
    verify = Table.read(out / "verify.ecsv")
    row = int(np.nonzero(table["ell"] == verify["ell"][0])[0][0])
    assert verify["gxg"][0] == pytest.approx(table["gxg"][row], rel=1e-3)
    _check_bands(out, found)
    _check_maps(out)
    for path in out.glob("*.png"):
        assert _pixels(path).std() > 5


def _check_bands(out: Path, found) -> None:
    """SACC, the bands and the covariance say the same; numbers of modes by counting."""
    file = sacc.Sacc.load_fits(str(out / "cl.sacc"))
    bands = Table.read(out / "bands.ecsv")
    ell, cl = file.get_ell_cl("galaxy_density_cl", "g", "g")
    np.testing.assert_allclose(ell, bands["ell"], rtol=1e-8)
    np.testing.assert_allclose(cl, bands["gxg"], rtol=1e-8)
    _, cross = file.get_ell_cl("galaxy_shearDensity_cl_e", "s", "g")
    np.testing.assert_allclose(cross, bands["gxs"], rtol=1e-8)
    archive = np.load(out / "covariance.npz")
    np.testing.assert_allclose(file.covariance.dense, archive["covariance"], rtol=1e-8)
    assert archive["pairs"].tolist() == ["gxg", "gxs", "sxs"]
    np.testing.assert_allclose(
        np.sqrt(np.diag(archive["covariance"])[:3]), bands["gxg_sigma"], rtol=1e-8
    )
    # One band, by hand: a mean of C_l, each with the error of 0.5 (2 l + 1) modes.
    l = np.arange(60, 100)
    total = np.interp(np.log(l), np.log(found.ells), found.cl[0]) + shot_noise(2.0)
    variance = (2 * total**2 / (0.5 * (2 * l + 1))).sum() / l.size**2
    assert bands["gxg_sigma"][2] == pytest.approx(np.sqrt(variance), rel=0.05)
    assert bands["gxg"][2] == pytest.approx(total.mean() - shot_noise(2.0), rel=0.05)
    z, n = file.tracers["g"].z, file.tracers["g"].nz
    assert np.average(z, weights=n) == pytest.approx(0.5, abs=1e-3)


def _check_maps(out: Path) -> None:
    """Spectra of the maps scatter around those that they are of."""
    counts = healpy.read_map(out / "map_g.fits", dtype=np.float64)
    shear = np.stack(healpy.read_map(out / "map_s.fits", field=(0, 1), dtype=np.float64))
    table = Table.read(out / "cl.ecsv")
    l = np.arange(20, 64)
    measured = measure([counts, shear], 63)[..., 20:]
    for (i, j), label in (((0, 0), "gxg"), ((0, 1), "gxs"), ((1, 1), "sxs")):
        cl = [np.interp(np.log(l), np.log(table["ell"]), table[n]) for n in ("gxg", "sxs", label)]
        weight = (2 * l + 1) / np.sqrt(cl[0 if i == 0 else 1] * cl[0 if j == 0 else 1])
        ratio = (measured[i, j] * weight).sum() / (2 * l + 1).sum()
        wanted = (cl[2] * weight).sum() / (2 * l + 1).sum()
        # Four standard errors of 3700 modes, and the lines between samples.
        assert ratio == pytest.approx(wanted, abs=4 * np.sqrt(2 / (2 * l + 1).sum()) + 0.02)


def _pixels(path) -> np.ndarray:
    from matplotlib.image import imread

    return imread(path)[..., :3] * 255


@pytest.mark.usefixtures("no_figures")
def test_multipoles_alone_have_errors_and_a_covariance(written, tmp_path, capsys):
    text = SMALL + "[covariance]\nf_sky = 0.25\n"
    text = text.replace("ell = [2, 5, 10, 20, 40, 70, 100]", 'ell = [20, 60]\npairs = [["s", "g"]]')
    assert run(*written(text), "--json") == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == ["sxg"]
    table = Table.read(tmp_path / "out" / "cl.ecsv")
    assert table.colnames == ["ell", "sxg", "sxg_err", "sxg_sigma"]
    archive = np.load(tmp_path / "out" / "covariance.npz")
    assert archive["covariance"].shape == (2, 1, 1)
    # More than the cross spectrum alone would give: the noise of both is in it.
    least = np.sqrt(2 / (0.25 * (2 * table["ell"] + 1))) * np.abs(table["sxg"])
    assert (table["sxg_sigma"] > least).all()
    # Shear comes first in the name of the type, and did in the file.
    file = sacc.Sacc.load_fits(str(tmp_path / "out" / "cl.sacc"))
    _, cl = file.get_ell_cl("galaxy_shearDensity_cl_e", "s", "g")
    np.testing.assert_allclose(cl, table["sxg"], rtol=1e-8)


@pytest.mark.usefixtures("no_figures")
def test_tables_of_nz_and_of_kernels_give_what_numbers_give(written, tmp_path):
    """One tracer four ways: a Gaussian, text, ECSV with many columns, and its own kernel."""
    z = np.linspace(0.2, 0.9, 281)
    n = np.exp(-0.5 * ((z - 0.5) / 0.05) ** 2)
    np.savetxt(tmp_path / "nz.txt", np.stack([z, n], 1))
    Table({"z": z, "dndz": np.stack([0 * n, 5 * n], 1)}).write(tmp_path / "nz.ecsv")
    with jax.enable_x64(True):
        background = background_of(cosmology_of(COSMOLOGY), 12.0)
        kernel = clustering(background, gaussian_nz(0.5, 0.05), 1.0)
    chi, weight = np.asarray(kernel.chi), np.asarray(kernel.terms["density"])
    np.savez(tmp_path / "kernel.npz", r=chi / 0.7, w=np.stack([weight * 0.7, weight]))
    head = SMALL.split("[[tracer]]")[0]
    ways = (
        "z = 0.5\nsigma_z = 0.05",
        'nz_file = "nz.txt"',
        'nz_file = "nz.ecsv"\nnz_column = 1',
        'kernel_file = "kernel.npz"\nkernel_units = "Mpc"\nchi_key = "r"\nkernel_key = "w"\n'
        "kernel_row = 0",
    )
    for i, way in enumerate(ways):
        head += f'[[tracer]]\nname = "t{i}"\nkind = "clustering"\n{way}\n'
    assert run(*written(head + '[output]\nell = [2, 30, 300]\npairs = "auto"\n')) == 0
    table = Table.read(tmp_path / "out" / "cl.ecsv")
    for name in ("t1xt1", "t2xt2", "t3xt3"):
        np.testing.assert_allclose(table[name], table["t0xt0"], rtol=2e-4)


@pytest.mark.usefixtures("no_figures")
def test_maps_of_a_steep_spectrum_at_few_multipoles(written, tmp_path):
    """Six decades between 2 and 100, which a spline of C_l itself would take below 0."""
    text = SMALL.split("[[tracer]]")[0] + '[[tracer]]\nname = "i"\nkind = "isw"\n'
    text += "[output]\nell = [2, 10, 40, 100]\n[maps]\nnside = 64\nseed = 1\n"
    assert run(*written(text)) == 0
    table = Table.read(tmp_path / "out" / "cl.ecsv")
    assert table["ixi"][0] > 1e5 * table["ixi"][-1] > 0
    one = healpy.read_map(tmp_path / "out" / "map_i.fits", dtype=np.float64)
    measured = measure([one], 40)[0, 0]
    l = np.arange(2, 41)
    line = np.exp(np.interp(np.log(l), np.log(table["ell"]), np.log(table["ixi"])))
    modes = 2 * l + 1
    # Of each multipole as many modes, of which the mean ratio is 1; lines between samples.
    ratio = (modes * measured[2:] / line).sum() / modes.sum()
    assert ratio == pytest.approx(1.0, abs=4 * np.sqrt(2 / modes.sum()) + 0.3)


@pytest.mark.usefixtures("no_figures")
def test_extrapolation_is_told(written, tmp_path):
    k = np.geomspace(2e-3, 0.05, 60)
    np.savez(tmp_path / "pk.npz", k_h_mpc=k, pk_mpc_h3=1e6 * k / (1 + (k / 0.02) ** 2) ** 1.5)
    text = SMALL.split('[[tracer]]\nname = "s"')[0]
    text += '[power]\nsource = "table"\nfile = "pk.npz"\n[output]\nell = [2, 200]\n'
    assert run(*written(text)) == 0
    (note,) = [n for n in summary_of(tmp_path)["notes"] if "extrapolated" in n]
    assert "below k = 0.002 h/Mpc" in note
    assert "above k = 0.05 h/Mpc as a power law" in note
    assert note in Table.read(tmp_path / "out" / "cl.ecsv").meta["notes"]


# Cut from the whole, and what is then said.
G, S = 'name = "g"\nkind = "clustering"', 'name = "s"\nkind = "galaxy-lensing"'
NZ = "z = 0.5\nsigma_z = 0.05"
ELL = "ell = [2, 5, 10, 20, 40, 70, 100]"
BAD = [
    ("[output]", "[outptu]", "outptu: unknown key; did you mean 'output'?"),
    ('"clustering"', '"clusterin"', "tracer[0].kind: 'clusterin' is not one of"),
    ('name = "s"', 'name = "g"', "tracer[1].name: 'g' is that of another tracer"),
    ('name = "s"', 'name = "a b"', "tracer[1].name: is 'a b'"),
    ("bias = 1.5", "biass = 1.5", "tracer[0].biass: unknown key; did you mean 'bias'?"),
    ("sigma_z = 0.05", "sigma_z = -0.05", "tracer[0]: sigma_z = -0.05 is not above 0"),
    ("z = 0.5\n", "", "tracer[0].z: is missing; give z and sigma_z"),
    (NZ, "", "tracer[0].z: is missing for clustering"),
    (S, S + "\nrsd = true", "tracer[1].rsd: means nothing for galaxy-lensing"),
    (S, S + '\nquantity = "phi"', "tracer[1].quantity: is 'phi' of galaxy-lensing"),
    ("sigma_e = 0.3", "", "tracer[1].sigma_e: is missing"),
    (ELL, "ell = [1, 5]", "output.ell: has 1; give multipoles from 2"),
    (ELL, "ell = [2.5]", "output.ell[0]: 2.5 is not an integer"),
    (ELL, "ell = [5, 4]", "output.ell: does not rise after 5"),
    (ELL, "ell = []", "output.ell: is empty"),
    (ELL, "lmin = 1", "output.lmin: is 1; give 2 to 100000"),
    (ELL, "lmin = 9\nlmax = 4", "output.lmax: is 4, below lmin = 9"),
    (ELL, 'pairs = [["g", "q"]]', "output.pairs: has 'q', which is no tracer; there are g, s"),
    (ELL, 'pairs = [["g"]]', "output.pairs[0]: has 1 entries instead of 2"),
    (ELL, 'pairs = [["g", "s"], ["s", "g"]]', "has s and g both ways round"),
    (ELL, 'pairs = [["g", "s"], ["g", "s"]]', "output.pairs: has gxs twice"),
    (ELL, 'pairs = "al"', "output.pairs: is 'al'; give \"all\""),
    ("sigma8 = 0.8", "sigma8 = 0.8\na_s = 2e-9", "cosmology.a_s: is given beside sigma8"),
    ("omega_m = 0.3", "omega_m = 0.01", "cl.toml: cosmology: omega_b = 0.05 is not below"),
    ("h = 0.7", "h = nan", "cosmology.h: is nan"),
    ("[output]", "[accuracy]\ntolerance = 0.0\n[output]", "accuracy.tolerance: is 0.0"),
    ("[output]", '[power]\nsource = "table"\n[output]', "power.file: is missing"),
    ("[output]", '[power]\nsource = "eh"\n[output]', "power.source: 'eh' is not one of"),
    ("[output]", '[power]\nnonlinear = "mead2020"\n[output]', "power.nonlinear: is 'mead2020'"),
    ("[output]", "[covariance]\nbands = [5, 5]\n[output]", "covariance.bands: edges = [5, 5]"),
    ("[output]", "[covariance]\nbands = [2, 300]\n[output]", "bands: go from 2 to 299, beyond"),
    ("[output]", "[maps]\nnside = 100\n[output]", "maps.nside: is 100, no power of 2"),
    (NZ, 'nz_file = "no.txt"', "no.txt: file: cannot be read (No such file"),
    (NZ, 'nz_file = "negative.txt"', "negative.txt: n(z): density is -"),
    (NZ, 'nz_file = "zero.txt"', "zero.txt: n(z): density is 0 everywhere"),
    (NZ, 'nz_file = "unsorted.txt"', "unsorted.txt: n(z): z does not ascend after row 1"),
    (NZ, 'nz_file = "nan.txt"', "nan.txt: 1: is not finite in 20 of 20 places"),
    (NZ, 'nz_file = "words.txt"', "words.txt: file: "),
    (NZ, 'nz_file = "empty.txt"', "empty.txt: file: "),
    (NZ, 'nz_file = "below.txt"', "below.txt: n(z): z begins at -0.1, below 0"),
    (NZ, 'nz_file = "cut.npz"', "cut.npz: file: cannot be read"),
    (NZ, 'nz_file = "many.npz"', "many.npz: nz: has 3 columns; say which with nz_column"),
    (NZ, 'nz_file = "many.npz"\nnz_column = 3', "many.npz: nz: has 3 columns, and nz_column is 3"),
    (NZ, 'nz_file = "many.npz"\nnz_key = "q"', "many.npz: q: is missing; there is z, nz"),
    (NZ, 'kernel_file = "k.npz"', "tracer[0].rsd: is given beside kernel_file"),
    (NZ + "\nbias = 1.5\nrsd = true", 'kernel_file = "k.npz"', "k.npz: kernel: reaches 90000"),
    ("bias = 1.5\nrsd = true", "bias = 0.0", "tracer[0]: its weight is zero everywhere"),
    ("bias = 1.5", "bias = 2.0\nf_nl = 1e308", "tracer[0]: its weight is not below 1e+60"),
    ("bias = 1.5", "bias = 1e200", "tracer[0]: its weight is not below 1e+60"),
    ("[output]", '[power]\nsource = "table"\nfile = "pk3.npz"\n[output]',
     "pk3.npz: pk_mpc_h3: is above 1e+60"),
    ("bias = 1.5", "bias = [[0.1, 0.9], [1.0, 2.0]]", "4 or more rows are needed; mend its tables"),
    ("per_arcmin2 = 2.0", "pixel_nside = 16", "pixel_nside: is 16, whose pixels are known"),
    (NZ, NZ + '\nnz_file = "a.txt"', "tracer[0].nz_file: is given beside z and sigma_z"),
    ("[output]", '[power]\nsource = "table"\nfile = "pk.txt"\n[output]', "pk.txt: file: is .txt"),
    ("[output]", '[power]\nsource = "table"\nfile = "pk0.npz"\n[output]',
     "pk0.npz: z: ends at 0.7, and windows reach z = 1.2"),
    ("[output]", '[power]\nsource = "table"\nfile = "pk1.npz"\n[output]',
     "pk1.npz: pk_mpc_h3: is not finite in 80 of 80 places"),
    ("[output]", '[power]\nsource = "table"\nfile = "pk2.npz"\n[output]',
     "pk2.npz: P(k, z): k_h_mpc does not ascend"),
    ("[output]", '[power]\nsource = "table"\nfile = "cut.npz"\n[output]', "cut.npz: file: cannot"),
    ("h = 0.7", 'h = 0.7\nbackground = "b0.npz"', "b0.npz: background: chi_mpc_h grows by"),
    ("h = 0.7", 'h = 0.7\nbackground = "b1.npz"', "b1.npz: growth: is missing; there is z,"),
    ("h = 0.7", 'h = 0.7\nbackground = "b2.npz"', "background ends at z = 0.59"),
    ("omega_m = 0.3", 'background = "b3.npz"',
     "cosmology.omega_m: is missing beside a background; tracer 's' needs it"),
]  # fmt: skip


def _bad_files(folder: Path) -> None:
    z = np.linspace(0.3, 0.7, 20)
    n = np.exp(-0.5 * ((z - 0.5) / 0.05) ** 2)
    columns = {
        "negative": (z, -n),
        "zero": (z, 0 * n),
        "unsorted": (np.r_[z[0], z[2], z[1], z[3:]], n),
        "nan": (z, np.nan * n),
        "below": (z - 0.4, n),
    }
    for name, rows in columns.items():
        np.savetxt(folder / f"{name}.txt", np.stack(rows, 1))
    (folder / "words.txt").write_text("redshift density\none two\n")
    (folder / "empty.txt").write_text("")
    np.savetxt(folder / "pk.txt", np.stack([z, n], 1))
    np.savez(folder / "many.npz", z=z, nz=np.stack([n, n, n]))
    whole = (folder / "many.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[: len(whole) // 2])
    chi = np.linspace(10.0, 90000.0, 500)
    np.savez(folder / "k.npz", chi=chi, kernel=np.ones(500))
    k, two = np.geomspace(1e-3, 10, 40), np.array([0.0, 0.7])
    pk = np.ones((2, 40))
    np.savez(folder / "pk0.npz", k_h_mpc=k, z=two, pk_mpc_h3=pk)
    np.savez(folder / "pk1.npz", k_h_mpc=k, z=two, pk_mpc_h3=pk * np.nan)
    np.savez(folder / "pk3.npz", k_h_mpc=k, z=two, pk_mpc_h3=pk * 1e250)
    np.savez(folder / "pk2.npz", k_h_mpc=k[::-1], z=two, pk_mpc_h3=pk)
    with jax.enable_x64(True):
        b = background_of(cosmology_of(COSMOLOGY), 3.0)
    table = {"z": b.z, "chi_mpc_h": b.chi, "hubble_h_mpc": b.hubble, "growth": b.growth}
    table = {name: np.asarray(column) for name, column in table.items()}
    np.savez(folder / "b0.npz", **(table | {"hubble_h_mpc": 0.7 * table["hubble_h_mpc"]}))
    np.savez(folder / "b1.npz", **{n: c for n, c in table.items() if n != "growth"})  # type: ignore[arg-type]
    np.savez(folder / "b2.npz", **{n: c[table["z"] < 0.6] for n, c in table.items()})
    np.savez(folder / "b3.npz", **table)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    _bad_files(folder)
    return folder


@pytest.mark.parametrize(("old", "new", "words"), BAD)
def test_bad_input_is_one_line(is_refused, bad_files, tmp_path, old, new, words):
    assert old in SMALL
    (bad_files / "cl.toml").write_text(SMALL.replace(old, new, 1))
    is_refused("cl", [bad_files / "cl.toml", "--out", tmp_path / "out"], words)


@pytest.mark.parametrize(
    "noise", ["per_arcmin2 = 1e-300", "white_noise = 1e200", 'noise_file = "huge.txt"',
              "white_noise = 1.0\nbeam_fwhm_arcmin = 5000.0"],
)  # fmt: skip
def test_noise_beyond_numbers_is_one_line(is_refused, written, tmp_path, noise):
    np.savetxt(tmp_path / "huge.txt", [[2, 1e200], [200, 1e200]])
    text = SMALL.split("[[tracer]]")[0] + f"[[tracer]]\n{G}\n{NZ}\n{noise}\n"
    args = written(text + "[output]\nell = [100]\n[covariance]\n")
    is_refused("cl", args, "cl.toml: tracer[0]: noise over its beam is")


def test_a_package_that_is_not_there_is_named(is_refused, written, monkeypatch):
    import importlib

    real = importlib.import_module

    def without(name, *args):
        if name in ("camb", "emu_pk"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr("cosmo.power.sources.importlib.import_module", without)
    for source, package in (("camb", "camb"), ("emu", "emu-pk")):
        args = written(SMALL + f'[power]\nsource = "{source}"\n')
        words = f"{package} is not installed: pip install 'slowburst[{source}]'"
        is_refused("cl", args, words)


def test_a_file_of_settings_that_is_none(is_refused, tmp_path):
    out = ["--out", tmp_path / "out"]
    is_refused("cl", [tmp_path / "no.toml", *out], "no.toml: file: cannot be read")
    (tmp_path / "no.toml").write_bytes(b"\x80[")
    is_refused("cl", [tmp_path / "no.toml", *out], "no.toml: file: is no valid TOML")
    (tmp_path / "no.toml").write_text("")
    is_refused("cl", [tmp_path / "no.toml", *out], "no.toml: tracer: is missing")


@pytest.mark.usefixtures("no_figures")
def test_an_output_folder_that_cannot_be(written, tmp_path, capsys):
    (tmp_path / "out").write_text("a file")
    args = written(SMALL.replace(ELL, 'ell = [100]\npairs = [["g", "g"]]'))
    assert run(*args) == 2
    assert "give another --out" in capsys.readouterr().err


@pytest.mark.usefixtures("no_figures")
def test_the_examples_are_good(repository, tmp_path):
    """That they load, and that the quickest runs."""
    from pipeline.config import load_config
    from surveys.spectra.settings import SpectraSettings

    examples = sorted((repository / "examples" / "cl").glob("*.toml"))
    assert len(examples) >= 4
    for example in examples:
        settings = load_config(example, SpectraSettings)
        assert len(settings.pairs) >= 1
    assert run(repository / "examples" / "cl" / "bins.toml", "--out", tmp_path / "out") == 0
    table = Table.read(tmp_path / "out" / "cl.ecsv")
    # Bins that do not overlap are anticorrelated at low multipoles.
    assert table["z1xz1.25"][0] < 0 < table["z1xz1.25"][-1]
    assert summary_of(tmp_path)["largest_error"] < 1e-3


@pytest.mark.usefixtures("no_figures")
def test_spectra_by_brute_force_of_another_code(shared_reference, written, tmp_path):
    """Background and P(k) from files; Gaussian bins, distortions, and lensing of the CMB."""
    truth = np.load(shared_reference("cl_truth.npz"))
    names = ("z_grid", "chi_Mpc_h", "H_h_Mpc", "D", "f")
    columns = ("z", "chi_mpc_h", "hubble_h_mpc", "growth", "growth_rate")
    table = {column: truth[name] for column, name in zip(columns, names, strict=True)}
    np.savez(tmp_path / "background.npz", **table)
    np.savez(tmp_path / "pk.npz", k_h_mpc=truth["k_h_Mpc"], pk_mpc_h3=truth["pk_z0_Mpc_h3"])
    text = """
[cosmology]
background = "background.npz"
n_s = 0.9665
[power]
source = "table"
file = "pk.npz"
"""
    bins = [(1.0, 0.05), (1.0, 0.1), (1.1, 0.05), (1.25, 0.05)]
    for i, (z, sigma) in enumerate(bins):
        text += f'[[tracer]]\nname = "t{i}"\nkind = "clustering"\nz = {z}\nsigma_z = {sigma}\n'
    ells = truth["ells"].tolist()
    text += f"[output]\nell = {ells}\n"
    text += 'pairs = [["t0", "t0"], ["t1", "t1"], ["t0", "t2"], ["t0", "t3"]]\n'
    assert run(*written(text)) == 0
    found = Table.read(tmp_path / "out" / "cl.ecsv")
    for i, label in enumerate(("t0xt0", "t1xt1", "t0xt2")):
        np.testing.assert_allclose(found[label], truth["truth"][:, i], rtol=1e-3)
    scale = truth["truth"][:, 0]
    # Of the other of the pair the spectrum is a little less: the tolerance is on the safe side.
    assert (np.abs(found["t0xt3"] - truth["truth"][:, 3]) < 1e-3 * scale).all()


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("width", ["full", "half"])
def test_the_challenge_n5k_from_its_kernels(shared_reference, written, tmp_path, width):
    folder = shared_reference("n5k")
    h = 0.6727
    table = np.load(folder / "background.npz")
    np.savez(
        tmp_path / "background.npz",
        z=table["z"],
        chi_mpc_h=table["chi"] * h,
        hubble_h_mpc=table["Ez"] / HUBBLE_DISTANCE,
        growth=1 / (1 + table["z"]),
    )
    power = np.load(folder / "pk.npz")
    np.savez(
        tmp_path / "pk.npz", k_h_mpc=power["k"] / h, pk_mpc_h3=power["pk_nl"] * h**3, z=power["z"]
    )
    kernels = folder / f"kernels_{width}width.npz"
    text = f'[cosmology]\nbackground = "background.npz"\nh = {h}\nn_s = 0.9645\n'
    text += '[power]\nsource = "table"\nfile = "pk.npz"\n'
    kinds = [("cl", "clustering", i) for i in range(10)]
    kinds += [("sh", "galaxy-lensing", i) for i in range(5)]
    for key, kind, i in kinds:
        text += f'[[tracer]]\nname = "{key}{i}"\nkind = "{kind}"\nkernel_file = "{kernels}"\n'
        text += f'kernel_units = "Mpc"\nchi_key = "chi_{key}"\nkernel_key = "kernels_{key}"\n'
        text += f"kernel_row = {i}\n"
    ells = np.load(folder / f"benchmarks_nl_{width}_clgg.npz")["ls"].astype(int)
    text += f"[output]\nell = {ells.tolist()}\n"
    assert run(*written(text)) == 0
    found = Table.read(tmp_path / "out" / "cl.ecsv")
    benchmark, ours = {}, {}
    pairs = {
        "gg": [(i, j) for i in range(10) for j in range(i, 10)],
        "gs": [(i, 10 + j) for i in range(10) for j in range(5)],
        "ss": [(10 + i, 10 + j) for i in range(5) for j in range(i, 5)],
    }
    for which, those in pairs.items():
        rows = np.load(folder / f"benchmarks_nl_{width}_cl{which}.npz")["cls"]
        for pair, row in zip(those, rows, strict=True):
            benchmark[pair] = row
            ours[pair] = found["x".join(f"{kinds[i][0]}{kinds[i][2]}" for i in pair)]
    every = list(benchmark)
    numbers = np.load(folder / f"dNdzs_{width}width.npz")
    shares = [np.trapezoid(numbers[f"dNdz_{k}"], numbers[f"z_{k}"], axis=0) for k in ("cl", "sh")]
    noise = np.r_[
        shot_noise(40 * shares[0] / shares[0].sum()),
        shape_noise(0.28, 27 * shares[1] / shares[1].sum()),
    ]
    modes = 0.4 * (2 * ells + 1) * multipoles_per_sample(ells)

    def chi2(these, upto: int, common: bool = False) -> float:
        with jax.enable_x64(True):
            theirs, own = (
                np.asarray(tracers_by_tracers(np.stack([c[p] for p in every]), every, 15))
                for c in (benchmark, these)
            )
            if common:
                # The benchmark's spectra step together between its last two multipoles.
                own = own * np.mean([theirs[i, i] / own[i, i] for i in range(10)], 0)
            seen = ells <= upto
            total = with_noise(theirs, noise)[..., seen]
            return float(delta_chi2((own - theirs)[..., seen], total, modes[seen]))

    assert chi2(ours, 200) < 0.1
    assert chi2(ours, 2000) < 1
    assert chi2(ours, 2000, common=True) < 0.2


@pytest.mark.usefixtures("no_figures")
def test_an_interrupt_leaves_no_half_file(written, tmp_path, monkeypatch, capsys):
    write = Path.write_bytes

    def interrupted(path, data):
        if path.parent.name != "out":
            # Of the compiler.
            return write(path, data)
        write(path, bytes(data)[:100])
        raise KeyboardInterrupt

    text = SMALL + "[covariance]\nf_sky = 0.1\n"
    args = written(text.replace(ELL, 'ell = [100]\npairs = [["g", "g"]]'))
    monkeypatch.setattr(Path, "write_bytes", interrupted)
    assert run(*args) == 1
    assert "interrupted" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["cl.ecsv"]
