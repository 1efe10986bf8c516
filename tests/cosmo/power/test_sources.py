"""Sources of P(k, z): a table, emu-pk and CAMB, against each other."""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cosmo.expansion import Cosmology, background_of, cosmology_of, growth
from cosmo.power.amplitude import sigma_of
from cosmo.power.eisenstein_hu import eisenstein_hu
from cosmo.power.sources import boltzmann, emulated, growth_of_power, tabulated
from cosmo.power.tables import power_table

PLANCK = {"h": 0.6766, "omega_m": 0.3096, "omega_b": 0.0490, "n_s": 0.9665, "a_s": 2.105e-9}
BY_SIGMA8 = {name: value for name, value in PLANCK.items() if name != "a_s"} | {"sigma8": 0.8}
K = np.geomspace(1e-3, 8, 300)


@pytest.fixture(scope="module")
def planck():
    c = cosmology_of(PLANCK)
    with jax.enable_x64(True):
        return c, background_of(c, 12.0)


def test_one_redshift_grows_as_the_background_does(planck, shared_reference):
    with np.load(shared_reference("cl_truth.npz")) as archive:
        k, pk = archive["k_h_Mpc"], archive["pk_z0_Mpc_h3"]
    with jax.enable_x64(True):
        power = tabulated(power_table(k, pk), planck[1])
        assert power.separable
        z = np.array([0.0, 1.0, 10.0])
        wanted = pk * np.asarray(growth(planck[1], z))[:, None] ** 2
        np.testing.assert_allclose(power(k, z), wanted, rtol=1e-12)
        np.testing.assert_allclose(growth_of_power(power, 0.1, z), growth(planck[1], z), rtol=1e-9)
        # The amplitude it was made with.
        assert float(sigma_of(lambda k: power(k, 0.0)[0])) == pytest.approx(0.82181, rel=3e-4)


def test_a_table_at_another_redshift_is_carried_to_today(planck):
    with jax.enable_x64(True):
        known = eisenstein_hu(*planck)
        for nodes in ([2.0], [1.0, 1.5, 2.0]):
            power = tabulated(power_table(K, known(K, nodes), nodes), planck[1])
            assert power.separable == (len(nodes) == 1)
            z = np.array([0.0, 0.5, 2.0, 8.0])
            np.testing.assert_allclose(power(K, z), known(K, z), rtol=1e-9)


def test_beyond_the_background_there_is_nothing(planck):
    with jax.enable_x64(True):
        known = np.asarray(eisenstein_hu(*planck)(K, [0.0, 10.0]))
        short = background_of(planck[0], 3.0)
        power = tabulated(power_table(K, known, [0.0, 10.0]), short)
        # The table has z = 5, and the background need not.
        assert np.isfinite(power(K, [5.0])).all()
        assert np.isnan(power(K, [11.0])).all()


@pytest.mark.parametrize("changes", [{}, {"m_nu": 0.3}, {"omega_k": 0.05, "w0": -0.9, "wa": 0.3}])
def test_the_emulator_is_camb_to_two_per_mille(changes, camb_power):
    pytest.importorskip("emu_pk")
    c = cosmology_of(PLANCK | changes)
    with jax.enable_x64(True):
        background = background_of(c, 12.0)
        z = np.array([0.0, 0.5, 1.0, 2.0])
        got, wanted = emulated(c, background)(K, z), camb_power(c, background)(K, z)
    np.testing.assert_allclose(got, wanted, rtol=2e-3)


def test_the_emulator_has_the_sigma8_it_is_given_and_slopes():
    pytest.importorskip("emu_pk")
    c = cosmology_of(BY_SIGMA8)
    with jax.enable_x64(True):
        background = background_of(c, 12.0, 200)
        power = emulated(c, background)
        assert float(sigma_of(lambda k: power(k, 0.0)[0])) == pytest.approx(0.8, rel=1e-9)
        # Past its last redshift it goes on.
        ratio = np.asarray(power(K, [5.0, 10.0]))
        grown = np.asarray(growth(background, np.array([5.0, 10.0])))
        np.testing.assert_allclose(ratio[1] / ratio[0], (grown[1] / grown[0]) ** 2, rtol=1e-9)

        def value(omega_m):
            moved = Cosmology(**(vars(c) | {"omega_m": omega_m}))
            return jnp.log(
                emulated(moved, background)(jnp.asarray([0.05]), jnp.asarray([0.5]))[0, 0]
            )

        slope = float(jax.jit(jax.grad(value))(0.3096))
        value = jax.jit(value)
        assert slope == pytest.approx(float(value(0.3106) - value(0.3086)) / 2e-3, rel=1e-3)


def test_the_emulator_refuses_what_it_was_not_trained_for(planck):
    pytest.importorskip("emu_pk")
    for changes, words in (
        ({"omega_m": 0.9}, "emu-pk: .*omega_cdm"),
        ({"n_eff": 4.0}, "n_eff = 4.0: emu-pk knows only 3.044"),
    ):
        with pytest.raises(ValueError, match=words):
            emulated(cosmology_of(PLANCK | changes), planck[1])


def test_camb_has_the_sigma8_it_is_given(camb_power, planck):
    with jax.enable_x64(True):
        power = camb_power(cosmology_of(BY_SIGMA8), planck[1])
        assert float(sigma_of(lambda k: power(k, 0.0)[0])) == pytest.approx(0.8, rel=2e-4)
        # One wavenumber grows as cold matter does.
        z = np.array([0.5, 1.0, 2.0])
        np.testing.assert_allclose(growth_of_power(power, 0.1, z), growth(planck[1], z), rtol=1e-5)


@pytest.mark.parametrize("fit", ["takahashi", "mead2020"])
def test_nonlinear_spectra_have_more_power_on_small_scales_alone(fit, camb_power, planck):
    with jax.enable_x64(True):
        linear, power = (camb_power(*planck, z=(0.0, 1.0), nonlinear=f) for f in (None, fit))
        boost = np.asarray(power(K, [0.0, 1.0]) / linear(K, [0.0, 1.0]))
    assert not power.separable
    np.testing.assert_allclose(boost[:, K < 4e-3], 1, atol=0.02)
    assert (boost[:, K > 2] > 3).all()
    assert (boost[0, K > 1] > boost[1, K > 1]).all()


def test_camb_refuses_in_a_line(planck):
    pytest.importorskip("camb")
    with pytest.raises(ValueError, match="nonlinear = 'halo' is not 'takahashi' or 'mead2020'"):
        boltzmann(*planck, [0.0], nonlinear="halo")
    with pytest.raises(ValueError, match="z has to ascend from 0"):
        boltzmann(*planck, [1.0])


def test_what_is_not_installed_is_said(planck, monkeypatch):
    for module in ("emu_pk", "camb"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ValueError, match=r"emu-pk is not installed: pip install 'slowburst\[emu\]'"
    ):
        emulated(*planck)
    with pytest.raises(ValueError, match=r"camb is not installed: pip install 'slowburst\[camb\]'"):
        boltzmann(*planck, [0.0])
