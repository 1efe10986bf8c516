"""Densities and the expansion rate: astropy, numerical integrals, and what is refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy.cosmology import Planck18
from scipy.integrate import quad

from cosmo.parameters import (
    Cosmology,
    cosmology_of,
    expansion_squared,
    neutrinos,
    recombination_redshift,
)

PLANCK = {"h": 0.6766, "omega_m": 0.3111, "omega_b": 0.0490, "n_s": 0.9665, "sigma8": 0.8102}
Z = np.array([0.0, 0.3, 1.0, 3.0, 10.0, 100.0, 1100.0, 1e5])


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [
        ({}, 1e-9),
        ({"omega_k": 0.08}, 1e-9),
        ({"omega_k": -0.08, "w0": -0.9, "wa": 0.4}, 1e-9),
        # astropy has Komatsu's fit for the integral, good to 3e-3, and a temperature of neutrinos
        # that does not depend on n_eff: the density of neutrinos is off by 4e-3 in between.
        ({"m_nu": 0.06}, 4e-4),
        ({"m_nu": 0.3, "wa": -0.3}, 2e-3),
    ],
)
def test_the_rate_is_astropys(changes, tolerance, astropy_twin):
    cosmology = cosmology_of(PLANCK | changes)
    with jax.enable_x64(True):
        rate = np.sqrt(np.asarray(expansion_squared(cosmology, np.log1p(Z))))
    wanted = astropy_twin(cosmology).efunc(Z)
    np.testing.assert_allclose(rate, wanted, rtol=tolerance)
    # Late, when neutrinos are matter, nothing of that is left; early, when they are radiation.
    np.testing.assert_allclose(rate[[0, 1, 2, -1]], wanted[[0, 1, 2, -1]], rtol=2e-5)


@pytest.mark.parametrize("m_nu", [0.0, 1e-4, 0.06, 1.0])
def test_neutrinos_are_those_of_the_integral(m_nu):
    cosmology = cosmology_of(PLANCK | {"m_nu": m_nu, "n_eff": 3.2})
    t_nu = 2.7255 * (4 / 11) ** (1 / 3) * (3.2 / 3) ** 0.25
    with jax.enable_x64(True):
        got = np.asarray(neutrinos(cosmology, np.log1p(Z)))
        massless = float(cosmology.omega_nu_massless)
    for z, value in zip(Z, got, strict=True):
        y = m_nu / 3 / (8.617333262e-5 * t_nu * (1 + z))
        energy = quad(
            lambda x, y=y: x**2 * np.hypot(x, y) / (np.exp(x) + 1), 0, 60, epsabs=0, epsrel=1e-12
        )[0]
        assert value == pytest.approx(
            massless * (1 + z) ** 4 * energy * 120 / 7 / np.pi**4, rel=1e-9
        )


def test_a_mass_of_neutrinos_is_94_ev():
    # CAMB has 94.07 eV, from other digits of the constants.
    cosmology = cosmology_of(PLANCK | {"m_nu": 0.3, "n_eff": 3.0})
    with jax.enable_x64(True):
        assert 0.3 / float(cosmology.omega_nu * cosmology.h**2) == pytest.approx(94.07, abs=0.01)


def test_radiation_is_astropys():
    cosmology = cosmology_of(PLANCK)
    assert cosmology.omega_gamma == pytest.approx(Planck18.Ogamma0, rel=1e-9)


def test_the_rate_today_is_one_and_has_a_slope_in_everything():
    with jax.enable_x64(True):
        for changes in ({}, {"m_nu": 0.1, "omega_k": 0.03, "wa": 0.2}):
            cosmology = cosmology_of(PLANCK | changes)
            assert float(expansion_squared(cosmology, 0.0)) == pytest.approx(1, abs=1e-14)
            slope = jax.grad(lambda c: expansion_squared(c, jnp.log(2.5)))(cosmology)
            assert all(np.isfinite(v) for v in jax.tree.leaves(slope))
            up, down = (
                expansion_squared(cosmology_of(PLANCK | changes | {"m_nu": m}), jnp.log(2.5))
                for m in (0.1501, 0.1499)
            )
            at = jax.grad(lambda c: expansion_squared(c, jnp.log(2.5)))(
                cosmology_of(PLANCK | changes | {"m_nu": 0.15})
            )
            assert float(at.m_nu) == pytest.approx(float(up - down) / 2e-4, rel=1e-6)


def test_without_radiation_or_neutrinos_all_is_finite():
    empty = Cosmology(h=0.7, omega_m=1.0, omega_b=0.05, n_s=1.0, sigma8=0.8, t_cmb=0.0, n_eff=0.0)
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(lambda c: expansion_squared(c, jnp.log(3.0)))(empty)
    assert float(value) == pytest.approx(27)
    assert all(np.isfinite(v) for v in jax.tree.leaves(slope))


def test_last_scattering_is_where_planck_has_it():
    # Planck 2018 has 1089.9; the fit is known to be 0.2 % high.
    z = float(recombination_redshift(cosmology_of(PLANCK)))
    assert z == pytest.approx(1089.9, rel=3e-3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"omega_c": 0.2}, "omega_c is no parameter .* nearest is omega_"),
        ({"Sigma8": 0.8}, "nearest is sigma8"),
        ({"h": 67.66}, r"h = 67.66 is not between 0.1 and 2"),
        ({"h": "fast"}, "h = 'fast' is not a number"),
        ({"h": float("nan")}, "h = nan is not between"),
        ({"h": True}, "h = True is not"),
        ({"m_nu": -0.1}, "m_nu = -0.1 is not between"),
        ({"m_nu": 0.1, "n_eff": 0}, "n_eff = 0.0 leaves no neutrinos"),
        ({"omega_b": 0.32}, "omega_b = 0.32 is not below"),
        ({"a_s": 2e-9}, "sigma8 or a_s"),
        # A bounce: the universe has never been this dense.
        ({"omega_m": 0.05, "omega_b": 0.01, "omega_k": -0.9}, "expansion that stops at z = 0"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        cosmology_of(PLANCK | changes)


@pytest.mark.parametrize("name", ["h", "n_s", "sigma8"])
def test_what_is_missing_is_named(name):
    with pytest.raises(ValueError, match=name):
        cosmology_of({key: value for key, value in PLANCK.items() if key != name})
