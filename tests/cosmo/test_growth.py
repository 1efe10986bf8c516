"""Growth: closed forms, an integral, CAMB, and slopes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from cosmo.growth import growth_of
from cosmo.parameters import Cosmology, cosmology_of

Z = np.array([0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0])
PLANCK = {"h": 0.6766, "omega_m": 0.3096, "omega_b": 0.0490, "n_s": 0.9665, "a_s": 2.105e-9}


def test_matter_alone_grows_as_a():
    eds = Cosmology(h=0.7, omega_m=1.0, omega_b=0.05, n_s=1.0, sigma8=0.8, t_cmb=0.0)
    with jax.enable_x64(True):
        mode = growth_of(eds)
        z = jnp.geomspace(1e-3, 1e5, 300)
        np.testing.assert_allclose(mode.growth(z), 1 / (1 + z), rtol=1e-9)
        np.testing.assert_allclose(mode.growth_rate(z), 1, rtol=1e-9)
        assert float(mode.from_early) == pytest.approx(1, rel=1e-9)


def test_matter_and_radiation_grow_as_meszaros_has_it():
    base = Cosmology(h=0.7, omega_m=1.0, omega_b=0.05, n_s=1.0, sigma8=0.8)
    with jax.enable_x64(True):
        # No dark energy: what closes the sum is curvature of -Omega_r, felt at 1e-4 today alone.
        c = Cosmology(**(vars(base) | {"omega_k": -base.omega_radiation}))
        z = jnp.geomspace(100.0, 1e5, 100)
        y = c.omega_m / c.omega_radiation / (1 + z)
        got = growth_of(c).growth(z)
        np.testing.assert_allclose(got / got[0], (1 + 1.5 * y) / (1 + 1.5 * y[0]), rtol=2e-6)


@pytest.mark.parametrize("omega_k", [0.0, 0.1, -0.1])
def test_with_a_cosmological_constant_it_is_heaths_integral(omega_k):
    # D = 5/2 Omega_m E(a) integral of da / (a E)^3, of matter, curvature and a constant.
    c = Cosmology(h=0.7, omega_m=0.3, omega_b=0.05, n_s=1.0, sigma8=0.8, omega_k=omega_k, t_cmb=0.0)

    def rate(a):
        return np.sqrt(0.3 / a**3 + omega_k / a**2 + 0.7 - omega_k)

    def heath(z):
        a = 1 / (1 + z)
        area = quad(lambda a: (a * rate(a)) ** -3, 0, a, epsabs=0, epsrel=1e-11)[0]
        return 2.5 * 0.3 * rate(a) * area

    with jax.enable_x64(True):
        mode = growth_of(c)
        got = np.asarray(mode.growth(Z) * mode.from_early)
    wanted = np.array([heath(z) for z in Z])
    np.testing.assert_allclose(got / got[0], wanted / wanted[0], rtol=1e-8)
    # At z = 1e6, where we begin, curvature is a 3e-7th of matter.
    np.testing.assert_allclose(got, wanted, rtol=1e-6 if omega_k else 1e-8)


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [
        ({}, 2e-6),
        ({"w0": -0.9, "wa": 0.3}, 2e-5),
        ({"omega_k": 0.05}, 2e-6),
        ({"omega_k": -0.05}, 2e-6),
        # Neutrinos of 0.02 eV cluster a little on this scale.
        ({"m_nu": 0.06}, 5e-4),
    ],
)
def test_it_is_cambs_at_a_tenth(changes, tolerance):
    camb = pytest.importorskip("camb")
    c = cosmology_of(PLANCK | changes)
    with jax.enable_x64(True):
        omch2 = float(c.omega_cb - c.omega_b) * c.h**2
        mode = growth_of(c)
        growth = np.asarray(mode.growth(Z))
    settings = camb.set_params(
        H0=67.66,
        ombh2=c.omega_b * c.h**2,
        omch2=omch2,
        omk=c.omega_k,
        mnu=c.m_nu,
        num_massive_neutrinos=3 if c.m_nu else 0,
        nnu=3.044,
        w=c.w0,
        wa=c.wa,
        dark_energy_model="ppf",
        WantCls=False,
    )
    settings.set_matter_power(redshifts=list(Z[::-1]), kmax=2.0, nonlinear=False)
    results = camb.get_results(settings)
    k, _, pk = results.get_matter_power_spectrum(0.05, 0.2, npoints=31)
    wanted = np.sqrt(pk[:, 15] / pk[0, 15])
    assert k[15] == pytest.approx(0.1, rel=1e-6)
    np.testing.assert_allclose(growth, wanted, rtol=tolerance)


def test_slopes_are_those_of_differences():
    def today(values):
        mode = growth_of(cosmology_with(values))
        z = jnp.asarray(1.2)
        return jnp.stack([mode.growth(z), mode.growth_rate(z), mode.from_early])

    def cosmology_with(values):
        names = ("omega_m", "h", "omega_k", "w0", "wa", "m_nu")
        return Cosmology(
            omega_b=0.05, n_s=0.96, sigma8=0.8, **dict(zip(names, values, strict=True))
        )

    with jax.enable_x64(True):
        at = jnp.asarray([0.3, 0.7, 0.02, -0.95, 0.1, 0.1])
        function = jax.jit(today)
        slope = np.asarray(jax.jit(jax.jacrev(today))(at))
        for i, step in enumerate(1e-4 * np.eye(6)):
            # Fourth order, so that 1e-6 is a test.
            near = (function(at + step) - function(at - step)) / 2e-4
            far = (function(at + 2 * step) - function(at - 2 * step)) / 4e-4
            wanted = np.asarray((4 * near - far) / 3)
            np.testing.assert_allclose(slope[:, i], wanted, rtol=1e-6, atol=1e-8)
