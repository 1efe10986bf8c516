"""Distances and their tables: CAMB's, astropy's, there and back, slopes, batches."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cosmo.expansion import (
    Background,
    Cosmology,
    background_from_table,
    background_of,
    comoving,
    cosmology_of,
    growth,
    growth_rate,
    hubble,
    recombination_redshift,
    redshift,
    transverse,
)

PLANCK = {"h": 0.6766, "omega_m": 0.3111, "omega_b": 0.0490, "n_s": 0.9665, "sigma8": 0.8102}
COLUMNS = {"chi_Mpc_h": comoving, "H_h_Mpc": hubble, "D": growth, "f": growth_rate}


@pytest.fixture(scope="module")
def truth(shared_reference):
    with np.load(shared_reference("cl_truth.npz")) as archive:
        return {name: archive[name] for name in ("z_grid", "chistar", *COLUMNS)}


@pytest.fixture(scope="module")
def planck():
    with jax.enable_x64(True):
        return background_of(cosmology_of(PLANCK), 1200.0)


def table_of(truth, **changes):
    columns = {name: truth[name].copy() for name in COLUMNS} | changes
    return background_from_table(truth["z_grid"], *columns.values())


def test_it_is_cambs(truth):
    h = 0.6766
    given = {"h": h, "omega_m": (0.11933 + 0.02242) / h**2, "omega_b": 0.02242 / h**2}
    c = cosmology_of(given | {"n_s": 0.9665, "a_s": 2.105e-9})
    z = truth["z_grid"][1:]
    with jax.enable_x64(True):
        background = background_of(c, 1200.0)
        got = {name: np.asarray(read(background, z)) for name, read in COLUMNS.items()}
        last = float(comoving(background, recombination_redshift(c)))
    off = {name: np.abs(got[name] / truth[name][1:] - 1) for name in got}
    assert off["chi_Mpc_h"].max() < 1e-8
    assert off["H_h_Mpc"].max() < 1e-9
    # CAMB's growth, of all k at once by splines, is smooth to 1e-5. Further up, baryons have not
    # caught up with dark matter yet, and the photons weigh in.
    assert off["D"][z <= 10].max() < 5e-5
    assert off["f"][z <= 10].max() < 1e-4
    assert off["D"][z <= 100].max() < 5e-4
    assert last == pytest.approx(truth["chistar"], rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [
        ({}, 1e-8),
        ({"omega_k": 0.08}, 1e-8),
        ({"omega_k": -0.08, "w0": -0.9, "wa": 0.4}, 1e-8),
        # astropy's neutrinos are a fit: see test_parameters.py.
        ({"m_nu": 0.06}, 1e-6),
        ({"m_nu": 0.3, "wa": -0.3}, 1e-5),
    ],
)
def test_distances_are_astropys(changes, tolerance, astropy_twin):
    c = cosmology_of(PLANCK | changes)
    z = np.array([0.1, 0.5, 1.0, 3.0])
    with jax.enable_x64(True):
        background = background_of(c, 4.0)
        chi = comoving(background, z)
        across = transverse(background, chi)
        rate = hubble(background, z)
    twin = astropy_twin(c)
    np.testing.assert_allclose(chi, twin.comoving_distance(z).value * c.h, rtol=tolerance)
    np.testing.assert_allclose(
        across, twin.comoving_transverse_distance(z).value * c.h, rtol=tolerance
    )
    np.testing.assert_allclose(rate, twin.H(z).value / 299792.458 / c.h, rtol=3 * tolerance)


def test_nodes_enough():
    c = cosmology_of(PLANCK | {"m_nu": 0.06})
    z = np.geomspace(1e-2, 1100, 999)
    with jax.enable_x64(True):
        coarse, fine = (background_of(c, 1200.0, n) for n in (1024, 7001))
        for read in COLUMNS.values():
            np.testing.assert_allclose(read(coarse, z), read(fine, z), rtol=5e-9)
        # At the nodes nothing but the quadrature is in it.
        shared = background_of(c, 1200.0, 2047)
        np.testing.assert_allclose(coarse.chi, shared.chi[::2], rtol=1e-11)


def test_tables_of_others_read_as_ours(truth):
    z = np.geomspace(1e-3, 1099, 3001)
    with jax.enable_x64(True):
        every = table_of(truth)
        np.testing.assert_array_equal(every.chi, truth["chi_Mpc_h"])
        # Every other row left out, the rows between come back.
        names = ("z_grid", *COLUMNS)
        half = background_from_table(*(truth[name][::2] for name in names))
        for name, read in list(COLUMNS.items())[:2]:
            between = np.asarray(read(half, truth["z_grid"][1:-1:2]))
            np.testing.assert_allclose(between, truth[name][1:-1:2], rtol=1e-7)
        # f and D are smooth to 1e-5 in that table.
        for name, read in list(COLUMNS.items())[2:]:
            between = np.asarray(read(half, truth["z_grid"][1:-1:2]))
            np.testing.assert_allclose(between, truth[name][1:-1:2], rtol=1e-4)
        np.testing.assert_allclose(redshift(every, comoving(every, z)), z, rtol=1e-9)


def test_there_and_back(planck):
    with jax.enable_x64(True):
        z = jnp.geomspace(1e-6, 1200.0, 5000)
        np.testing.assert_allclose(redshift(planck, comoving(planck, z)), z, rtol=1e-9)
        assert float(redshift(planck, 0.0)) == pytest.approx(0, abs=1e-12)


def test_outside_of_the_table_is_nan(planck):
    with jax.enable_x64(True):
        z = jnp.asarray([-0.01, 1201.0])
        assert np.isnan([read(planck, z) for read in COLUMNS.values()]).all()
        assert np.isnan(redshift(planck, jnp.asarray([-1.0, 1e5]))).all()
        assert np.isfinite([read(planck, 1200.0) for read in COLUMNS.values()]).all()


def test_known_slopes(planck):
    with jax.enable_x64(True):
        z = jnp.geomspace(1e-3, 1000.0, 777)
        slope = jax.vmap(jax.grad(lambda z: comoving(planck, z)))(z)
        np.testing.assert_allclose(slope, 1 / hubble(planck, z), rtol=1e-6)
        back = jax.vmap(jax.grad(lambda chi: redshift(planck, chi)))(comoving(planck, z))
        np.testing.assert_allclose(back, hubble(planck, z), rtol=1e-6)
        rate = jax.vmap(jax.grad(lambda z: -jnp.log(growth(planck, z))))(z) * (1 + z)
        np.testing.assert_allclose(rate, growth_rate(planck, z), rtol=1e-6)


def test_slopes_in_the_parameters_are_those_of_differences():
    names = ("omega_m", "h", "omega_k", "w0", "wa", "m_nu", "n_eff", "t_cmb")

    def reads(values):
        c = Cosmology(omega_b=0.05, n_s=0.96, sigma8=0.8, **dict(zip(names, values, strict=True)))
        background = background_of(c, 3.0, 200)
        chi = comoving(background, 1.3)
        return jnp.stack(
            [
                chi,
                transverse(background, chi),
                hubble(background, 1.3),
                growth(background, 1.3),
                growth_rate(background, 1.3),
                redshift(background, 2000.0),
            ]
        )

    with jax.enable_x64(True):
        at = jnp.asarray([0.3, 0.7, 0.02, -0.95, 0.1, 0.1, 3.0, 2.7])
        function = jax.jit(reads)
        slope = np.asarray(jax.jit(jax.jacfwd(reads))(at))
        scale = np.abs(np.asarray(function(at)))
        for i, step in enumerate(1e-3 * np.eye(len(names))):
            near = (function(at + step) - function(at - step)) / 2e-3
            far = (function(at + 2 * step) - function(at - 2 * step)) / 4e-3
            wanted = np.asarray((4 * near - far) / 3)
            assert (np.abs(slope[:, i] - wanted) < 1e-6 * np.abs(wanted) + 1e-9 * scale).all()


def test_a_batch_of_cosmologies_is_each_of_them():
    with jax.enable_x64(True):
        omega_m = jnp.asarray([0.25, 0.3, 0.35])
        one = cosmology_of(PLANCK)

        def read(value):
            background = background_of(Cosmology(**(vars(one) | {"omega_m": value})), 3.0, 100)
            return comoving(background, jnp.asarray([0.5, 2.0])), growth(background, 1.0)

        chi, grown = jax.vmap(read)(omega_m)
        assert chi.shape == (3, 2)
        for i, value in enumerate(omega_m):
            alone = read(value)
            np.testing.assert_allclose(chi[i], alone[0], rtol=1e-13)
            np.testing.assert_allclose(grown[i], alone[1], rtol=1e-12)


def test_single_precision_does(astropy_twin):
    background = background_of(cosmology_of(PLANCK), 3.0)
    assert background.chi.dtype == jnp.float32
    chi = float(comoving(background, 1.0))
    assert chi == pytest.approx(
        astropy_twin(cosmology_of(PLANCK)).comoving_distance(1).value * 0.6766, rel=1e-5
    )


def curved(k):
    five = jnp.linspace(0, 4, 20)
    return Background(five, 3000 * five, 1 / (3000 * jnp.ones(20)), jnp.ones(20), jnp.ones(20), k)


@pytest.mark.parametrize("k", [1e-8, 1e-9, 1e-16, -1e-16, -1e-9, -1e-7])
def test_across_the_line_of_sight(k):
    chi = np.array([0.0, 10.0, 3000.0, 10000.0])
    root = np.sqrt(complex(k))
    wanted = np.where(abs(k) * chi**2 > 1e-7, (np.sin(root * chi) / root).real, chi)
    with jax.enable_x64(True):
        np.testing.assert_allclose(transverse(curved(jnp.asarray(k)), chi), wanted, rtol=1e-8)


def test_it_is_smooth_through_flat_space():
    with jax.enable_x64(True):

        def across(k, chi=6000.0):
            return transverse(curved(k), chi)

        slope = jax.vmap(jax.grad(across))(jnp.linspace(-2e-9, 2e-9, 41))
        assert np.isfinite(slope).all()
        assert float(jax.grad(across)(0.0)) == pytest.approx(-(6000.0**3) / 6, rel=1e-12)
        # No step where the series ends, at K chi^2 = 0.03.
        for edge in (0.03, -0.03):
            k = edge / 6000.0**2
            below, above = across(k * (1 - 1e-9)), across(k * (1 + 1e-9))
            assert float(below) == pytest.approx(float(above), rel=1e-10)


def test_a_table_that_begins_a_little_late_is_carried_to_zero(truth):
    z = truth["z_grid"]
    with jax.enable_x64(True):
        late = background_from_table(z[4:], *(truth[name][4:] for name in COLUMNS))
        assert float(late.z[0]) == 0
        assert float(late.chi[0]) == 0
        near = np.linspace(0, 0.02, 7)
        np.testing.assert_allclose(
            hubble(late, near), np.interp(near, z, truth["H_h_Mpc"]), rtol=1e-5
        )
        np.testing.assert_allclose(growth(late, near), np.interp(near, z, truth["D"]), rtol=2e-5)


def test_a_table_without_f_has_the_slope_of_d(planck):
    with jax.enable_x64(True):
        columns = (np.asarray(v) for v in (planck.z, planck.chi, planck.hubble))
        table = background_from_table(*columns, 0.7 * np.asarray(planck.growth))
        np.testing.assert_allclose(table.growth_rate, planck.growth_rate, rtol=1e-6)
        np.testing.assert_allclose(table.growth, planck.growth, rtol=1e-12)


def test_tables_that_make_no_sense_are_refused(truth):
    def refused(words, **changes):
        with pytest.raises(ValueError, match=words):
            table_of(truth, **changes)

    chi, rate, grown = truth["chi_Mpc_h"], truth["H_h_Mpc"], truth["D"]
    hole = grown.copy()
    hole[7] = np.nan
    refused("growth is not finite in row 7", D=hole)
    refused("growth has 1600 rows and z has 1601", D=grown[1:])
    refused("growth is not above 0 in row 1600", D=np.r_[grown[:-1], 0.0])
    refused("hubble_h_mpc has the shape", H_h_Mpc=np.ones((2, 1601)))
    refused("chi_mpc_h does not ascend after row 0", chi_Mpc_h=chi[::-1])
    refused("growth_rate is not an array of numbers", f=["fast"] * 1601)
    # Mpc where Mpc/h is due, and km/s/Mpc.
    refused(r"chi_mpc_h grows by .* they have to be in Mpc/h", chi_Mpc_h=chi / 0.6766)
    refused(r"hubble_h_mpc gives .* h/Mpc", H_h_Mpc=rate * 299792.458 * 0.6766)
    with pytest.raises(ValueError, match=r"z begins at 0\.5"):
        background_from_table(truth["z_grid"][100:], *(truth[n][100:] for n in COLUMNS))
    with pytest.raises(ValueError, match="16 or more"):
        background_from_table(*([1.0] * 4))
    with pytest.raises(ValueError, match="curvature = inf"):
        background_from_table(truth["z_grid"], *(truth[n] for n in COLUMNS), curvature=np.inf)


@pytest.mark.parametrize(("z_max", "n"), [(0.0, 100), (2e5, 100), (np.nan, 100), (1.0, 3)])
def test_a_grid_that_is_none_is_refused(z_max, n):
    with pytest.raises(ValueError, match=r"z_max|n = 3"):
        background_of(cosmology_of(PLANCK), z_max, n)
