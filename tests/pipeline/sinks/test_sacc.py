"""SACC files: what is written is read by the package sacc."""

from __future__ import annotations

import numpy as np
import pytest
import sacc

from pipeline.errors import InputError
from pipeline.sinks.sacc import QUANTITIES, SaccSpectra, SaccTracer, data_type, write_sacc

Z = np.linspace(0.01, 2, 40)
TRACERS = [
    SaccTracer("lens", "galaxy_density", (Z, Z**2 * np.exp(-Z)), metadata={"bias": 1.5}),
    SaccTracer("source", "galaxy_shear", (Z, Z)),
    SaccTracer("planck", "cmb_convergence", beam=(np.arange(30), np.linspace(1, 0.5, 30))),
    SaccTracer("other", "generic"),
]
PAIRS = [(i, j) for i in range(4) for j in range(i, 4)]


def spectra(**changed):
    rng = np.random.default_rng(1)
    root = rng.normal(size=(30, 30))
    weights = rng.random((3, 20))
    weights /= weights.sum(1, keepdims=True)
    given = {
        "pairs": PAIRS,
        "ell": np.array([5.0, 12.5, 19.0]),
        "cl": rng.normal(size=(10, 3)),
        "covariance": root @ root.T,
        "windows": (np.arange(2, 22), weights),
    }
    return SaccSpectra(**given | changed)


@pytest.fixture
def written(tmp_path):
    path, contents = tmp_path / "new" / "cl.sacc", spectra()
    write_sacc(path, TRACERS, contents, {"version": "0.1.0", "seed": 3, "limber": False})
    assert [p.name for p in path.parent.iterdir()] == ["cl.sacc"]
    return contents, sacc.Sacc.load_fits(str(path))


def test_numbers_come_back(written):
    contents, read = written
    np.testing.assert_array_equal(read.mean, contents.cl.ravel())
    np.testing.assert_array_equal(read.covariance.dense, contents.covariance)
    assert dict(read.metadata) == {"version": "0.1.0", "seed": 3, "limber": False}
    assert read.get_tag("ell") == list(np.tile(contents.ell, 10))


@pytest.mark.parametrize(
    ("kind", "names", "row"),
    [
        ("galaxy_density_cl", ("lens", "lens"), 0),
        ("galaxy_shearDensity_cl_e", ("source", "lens"), 1),
        ("cmbGalaxy_convergenceDensity_cl", ("planck", "lens"), 2),
        ("cl_00", ("lens", "other"), 3),
        ("galaxy_shear_cl_ee", ("source", "source"), 4),
        ("cmbGalaxy_convergenceShear_cl_e", ("planck", "source"), 5),
        # The shear, spin E, is the second of the pair.
        ("cl_0e", ("other", "source"), 6),
        ("cmb_convergence_cl", ("planck", "planck"), 7),
        ("cl_00", ("planck", "other"), 8),
        ("cl_00", ("other", "other"), 9),
    ],
)
def test_a_data_type_selects_its_pairs(written, kind, names, row):
    contents, read = written
    ell, cl, covariance = read.get_ell_cl(kind, *names, return_cov=True)
    np.testing.assert_array_equal(ell, contents.ell)
    np.testing.assert_array_equal(cl, contents.cl[row])
    block = slice(3 * row, 3 * row + 3)
    np.testing.assert_array_equal(covariance, contents.covariance[block, block])
    windows = read.get_bandpower_windows(read.indices(kind, names))
    np.testing.assert_array_equal(windows.values, np.arange(2, 22))
    np.testing.assert_array_equal(windows.weight.T, contents.windows[1])


def test_tracers_come_back(written):
    _, read = written
    kinds = {name: type(tracer).__name__ for name, tracer in read.tracers.items()}
    assert kinds == {
        "lens": "NZTracer", "source": "NZTracer", "planck": "MapTracer", "other": "MiscTracer",
    }  # fmt: skip
    for tracer in TRACERS:
        assert read.tracers[tracer.name].quantity == tracer.quantity
    np.testing.assert_array_equal(read.tracers["lens"].nz, Z**2 * np.exp(-Z))
    assert read.tracers["lens"].metadata == {"bias": 1.5}
    np.testing.assert_array_equal(read.tracers["planck"].beam, np.linspace(1, 0.5, 30))


def test_spectra_alone_are_a_file_too(tmp_path):
    write_sacc(tmp_path / "cl.sacc", TRACERS, spectra(covariance=None, windows=None))
    read = sacc.Sacc.load_fits(str(tmp_path / "cl.sacc"))
    assert len(read.mean) == 30
    assert not read.has_covariance()


@pytest.mark.parametrize("first", QUANTITIES)
@pytest.mark.parametrize("second", QUANTITIES)
def test_every_data_type_is_one_of_saccs(first, second):
    name, swapped = data_type(first, second)
    back, swapped_back = data_type(second, first)
    assert name in set(sacc.standard_types)
    assert name == back
    # Either order is the same pair, but where the two are alike or the name has no order.
    assert (swapped != swapped_back) == (first != second and name != "cl_00")
    if first != second and "generic" not in (first, second):
        named = (second, first) if swapped else (first, second)
        words = [quantity.split("_")[1] for quantity in named]
        wanted = words[0] if words[0] == words[1] else words[0] + words[1].capitalize()
        assert name.split("_")[1] == wanted


def test_an_old_file_is_replaced_only_by_a_whole_one(tmp_path):
    path = tmp_path / "cl.sacc"
    write_sacc(path, TRACERS, spectra())
    before = path.read_bytes()
    bad = spectra()
    bad.cl[4, 1] = np.nan
    with pytest.raises(ValueError, match=r"cl at \[4, 1\] is nan"):
        write_sacc(path, TRACERS, bad)
    assert path.read_bytes() == before
    write_sacc(path, TRACERS, spectra(cl=np.ones((10, 3))))
    assert (sacc.Sacc.load_fits(str(path)).mean == 1).all()
    assert [p.name for p in tmp_path.iterdir()] == ["cl.sacc"]


def test_a_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_sacc(tmp_path / "file" / "cl.sacc", TRACERS, spectra())


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"cl": np.ones((9, 3))}, r"cl \(9, 3\) are not 10 pairs at 3 ell"),
        ({"covariance": np.ones((3, 3))}, r"covariance \(3, 3\) is not that of 30 points"),
        ({"windows": (np.arange(5), np.ones((5, 3)))}, r"windows \(5, 3\) are not \(3, 5\)"),
    ],
)
def test_shapes_that_are_wrong(changed, match):
    with pytest.raises(ValueError, match=match):
        spectra(**changed)


def test_tracers_that_are_wrong(tmp_path):
    path = tmp_path / "cl.sacc"
    with pytest.raises(ValueError, match="quantity = 'mass' of m is none of galaxy_density"):
        SaccTracer("m", "mass")
    with pytest.raises(ValueError, match="tracer m has both"):
        SaccTracer("m", "generic", (Z, Z), (Z, Z))
    with pytest.raises(ValueError, match="names of their own"):
        write_sacc(path, [TRACERS[0]] * 4, spectra())
    with pytest.raises(ValueError, match=r"pairs has \(0, 3\), and there are 3 tracers"):
        write_sacc(path, TRACERS[:3], spectra())
    assert not path.exists()
