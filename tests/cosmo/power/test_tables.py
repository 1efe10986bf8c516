"""Spectra as tables: what lies between and beyond the nodes, files, and what is refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy.table import Table

from cosmo.expansion import background_of, cosmology_of
from cosmo.power.eisenstein_hu import eisenstein_hu
from cosmo.power.tables import extrapolation_note, power_table, read_power_table

PLANCK = {"h": 0.6766, "omega_m": 0.3096, "omega_b": 0.0490, "n_s": 0.9665, "sigma8": 0.81}
K = np.geomspace(1e-4, 10, 400)
Z = np.linspace(0, 3, 31)


@pytest.fixture(scope="module")
def known():
    """A smooth spectrum, and itself as a table."""
    c = cosmology_of(PLANCK)
    with jax.enable_x64(True):
        power = eisenstein_hu(c, background_of(c, 5.0))
        return power, np.asarray(power(K, Z))


def test_nodes_come_back(known):
    with jax.enable_x64(True):
        table = power_table(K, known[1], Z)
        np.testing.assert_allclose(table(K, Z), known[1], rtol=1e-12)
        flat = power_table(K, known[1][0])
        np.testing.assert_allclose(flat(K, [0.0, 1.0]), known[1][[0, 0]], rtol=1e-12)


def test_between_the_nodes(known):
    k, z = np.geomspace(1.01e-4, 9.9, 997), np.linspace(0, 3, 47)
    with jax.enable_x64(True):
        wanted = np.asarray(known[0](k, z))
        got = np.asarray(power_table(K, known[1], Z)(k, z))
        half = np.asarray(power_table(K[::2], known[1][::2, ::2], Z[::2])(k, z))
    error, coarse = np.abs(got / wanted - 1).max(), np.abs(half / wanted - 1).max()
    assert error < 5e-5
    assert coarse / error > 8


def test_beyond_the_nodes(known):
    with jax.enable_x64(True):
        table = power_table(K, known[1][0], n_s=0.9)
        k = np.array([1e-6, 1e-5, 20.0, 200.0])
        got = np.asarray(table(k, 0.0))[0]
        assert got[1] / got[0] == pytest.approx(10**0.9)
        assert got[1] == pytest.approx(known[1][0, 0] * 0.1**0.9)
        slope = np.log(known[1][0, -1] / known[1][0, -5]) / np.log(K[-1] / K[-5])
        assert got[3] / got[2] == pytest.approx(10**slope)
        measured = np.asarray(power_table(K, known[1][0])(k, 0.0))[0]
        # There the spectrum is all but primordial.
        assert np.log10(measured[1] / measured[0]) == pytest.approx(0.9665, abs=0.01)


def test_a_power_law_is_one_everywhere():
    with jax.enable_x64(True):
        table = power_table(K, 3 * K**-1.2)
        k = np.geomspace(1e-7, 1e3, 333)
        np.testing.assert_allclose(table(k, 0.0)[0], 3 * k**-1.2, rtol=1e-11)


def test_slopes_with_respect_to_the_values(known):
    rng = np.random.default_rng(3)
    nudge = rng.normal(size=known[1].shape)
    with jax.enable_x64(True):
        table = power_table(K, known[1], Z)

        def value(t):
            moved = type(table)(table.k, table.z, table.pk * jnp.exp(t * nudge), table.n_s)
            return jnp.log(moved(jnp.asarray([1e-5, 0.0317, 55.0]), jnp.asarray([0.33])))

        slope = jax.jacfwd(value)(0.0)
        # ln P is linear in the logarithms of the nodes.
        np.testing.assert_allclose(slope, value(0.5) - value(-0.5), rtol=1e-9, atol=1e-11)


def test_what_is_extrapolated_is_said(known):
    table = power_table(K, known[1][0], n_s=0.9665)
    assert extrapolation_note(table, 1e-4, 10.0) == ""
    note = extrapolation_note(table, 1e-6, 100.0)
    assert "below k = 0.0001 h/Mpc as k^n_s, 2 decades" in note
    assert "above k = 10 h/Mpc as a power law, 1 decades" in note
    assert "slope it has there" in extrapolation_note(power_table(K, known[1][0]), 1e-6, 1.0)


def test_files_come_back(known, tmp_path):
    np.savez(tmp_path / "p.npz", k_h_mpc=K, pk_mpc_h3=known[1], z=Z)
    z, k = np.meshgrid(Z, K, indexing="ij")
    rows = Table({"z": z.ravel(), "k_h_mpc": k.ravel(), "pk_mpc_h3": known[1].ravel()})
    order = np.random.default_rng(0).permutation(len(rows))
    rows[order].write(tmp_path / "p.ecsv")
    Table({"k_h_mpc": K, "pk_mpc_h3": known[1][0]}).write(tmp_path / "one.ecsv")
    with jax.enable_x64(True):
        for name in ("p.npz", "p.ecsv"):
            table = read_power_table(tmp_path / name, n_s=0.9)
            np.testing.assert_array_equal(table.pk, known[1])
            np.testing.assert_array_equal(table.z, Z)
        assert read_power_table(tmp_path / "one.ecsv").pk.shape == (1, 400)


def test_files_that_are_none_are_refused(known, tmp_path):
    def refused(name, words):
        with pytest.raises(ValueError, match=words):
            read_power_table(tmp_path / name)

    (tmp_path / "p.txt").write_text("1 2")
    refused("p.txt", "is .txt; give an .npz or an .ecsv")
    for name in ("empty.npz", "empty.ecsv"):
        (tmp_path / name).write_bytes(b"")
        refused(name, "cannot be read")
    np.savez(tmp_path / "p.npz", k_h_mpc=K, pk_mpc_h3=known[1], z=Z)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "p.npz").read_bytes()[:3000])
    refused("cut.npz", "cannot be read")
    np.savez(tmp_path / "o.npz", k=K, pk_mpc_h3=known[1])
    refused("o.npz", "k_h_mpc is missing; there is k, pk_mpc_h3")
    np.savez(tmp_path / "w.npz", k_h_mpc=np.array([{}] * 20, dtype=object), pk_mpc_h3=K)
    refused("w.npz", "cannot be read")
    Table({"z": [0.0, 0.0, 1.0] * 8, "k_h_mpc": K[:24], "pk_mpc_h3": K[:24]}).write(
        tmp_path / "h.ecsv"
    )
    refused("h.ecsv", "z has 2 values and k_h_mpc 24, but the 24 rows")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"k": K[:9], "pk": K[:9]}, "k_h_mpc has the shape .9,.; 16 or more"),
        ({"k": K[::-1]}, "k_h_mpc does not ascend after value 0"),
        ({"k": -K}, "k_h_mpc is not above 0 in 400 places"),
        ({"k": ["a"] * 400}, "k_h_mpc is not an array of numbers"),
        ({"pk": np.where(K > 1, np.nan, K)}, "pk_mpc_h3 is not finite in"),
        ({"pk": 0 * K}, "pk_mpc_h3 is not above 0"),
        ({"pk": K[1:]}, "pk_mpc_h3 has the shape .1, 399., not"),
        ({"pk": np.ones((2, 400))}, "there is no z"),
        ({"pk": np.ones((400, 2)), "z": [0.0, 1.0]}, "has the shape .400, 2., not .z, k. ="),
        ({"pk": np.ones((2, 400)), "z": [1.0, 0.0]}, "z does not ascend"),
        ({"pk": np.ones((2, 400)), "z": [-1.0, 0.0]}, "0 or more"),
        ({"z": []}, "0 or more"),
        ({"n_s": np.nan}, "n_s = nan"),
    ],
)
def test_tables_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        power_table(**({"k": K, "pk": K} | changes))
