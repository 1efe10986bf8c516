"""The fit of Eisenstein & Hu: colossus has it too, and CAMB is what it fits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from cosmo.expansion import Cosmology, background_of, cosmology_of, growth
from cosmo.power.amplitude import sigma_of
from cosmo.power.eisenstein_hu import eisenstein_hu, transfer

PLANCK = {"h": 0.6766, "omega_m": 0.3096, "omega_b": 0.0490, "n_s": 0.9665}
K = np.geomspace(1e-4, 20, 500)


@pytest.mark.parametrize("changes", [{}, {"omega_m": 0.2, "omega_b": 0.06, "h": 0.8}])
@pytest.mark.parametrize(
    ("model", "wiggles"), [("modelEisenstein98", True), ("modelEisenstein98ZeroBaryon", False)]
)
def test_the_transfer_function_is_that_of_colossus(changes, model, wiggles):
    from colossus.cosmology import power_spectrum

    c = cosmology_of(PLANCK | changes | {"sigma8": 0.8})
    peer = getattr(power_spectrum, model)
    wanted = peer(K, c.h, c.omega_m, c.omega_b, c.t_cmb)
    with jax.enable_x64(True):
        np.testing.assert_allclose(transfer(c, K, wiggles), wanted, rtol=1e-9)


def test_large_scales_are_left_as_they_were():
    c = cosmology_of(PLANCK | {"sigma8": 0.8})
    with jax.enable_x64(True):
        for wiggles in (True, False):
            assert float(transfer(c, 1e-7, wiggles)) == pytest.approx(1, abs=1e-6)


def test_sigma8_is_what_was_asked_for():
    c = cosmology_of(PLANCK | {"sigma8": 0.81})
    with jax.enable_x64(True):
        power = eisenstein_hu(c, background_of(c, 2.0))
        today = jax.jit(power.today)

        def of_ln_k(ln_k):
            k = np.exp(ln_k)
            x = 8 * k
            window = 3 * (np.sin(x) - x * np.cos(x)) / x**3 if x > 1e-2 else 1 - x**2 / 10
            return k**3 * float(today(k)[0]) * window**2 / (2 * np.pi**2)

        variance = sum(
            quad(of_ln_k, low, high, epsrel=1e-8, limit=500)[0]
            for low, high in ((-11, -4), (-4, -2), (-2, 0), (0, 2), (2, 4.5))
        )
    assert np.sqrt(variance) == pytest.approx(0.81, rel=1e-6)


def test_sigma_of_a_power_law_is_that_of_a_finer_sum():
    k = np.exp(np.linspace(np.log(1e-7), np.log(300), 400001))
    x = 8 * k
    window = np.where(x > 0.01, 3 * (np.sin(x) - x * np.cos(x)) / x**3, 1 - x**2 / 10)
    variance = np.trapezoid(k**1.5 * window**2 / (2 * np.pi**2), np.log(k))
    with jax.enable_x64(True):
        got = float(sigma_of(lambda k: k**-1.5, 8.0))
    assert got == pytest.approx(np.sqrt(variance), rel=2e-6)


@pytest.mark.parametrize("changes", [{}, {"omega_k": 0.05}, {"w0": -0.9, "wa": 0.3}])
def test_camb_is_a_few_per_cent_away(changes, camb_power):
    c = cosmology_of(PLANCK | changes | {"a_s": 2.105e-9})
    k = np.geomspace(5e-3, 4, 300)
    with jax.enable_x64(True):
        background = background_of(c, 5.0)
        power = eisenstein_hu(c, background)
        wanted = camb_power(c, background)
        z = np.array([0.0, 1.0])
        ratio = np.asarray(power(k, z) / wanted(k, z))
        sigmas = [float(sigma_of(lambda k, p=p: p(k, 0.0)[0])) for p in (power, wanted)]
    # The paper has 5 % at the worst. By A_s, the amplitude is the fit's as well.
    assert np.abs(ratio - 1).max() < 0.065
    assert np.abs(ratio / ratio.mean() - 1).max() < 0.05
    assert sigmas[0] == pytest.approx(sigmas[1], rel=0.012)


def test_it_grows_as_the_background_does():
    c = cosmology_of(PLANCK | {"sigma8": 0.81})
    z = np.array([0.0, 0.5, 3.0])
    with jax.enable_x64(True):
        background = background_of(c, 4.0)
        power = eisenstein_hu(c, background)
        assert power.separable
        got = power(K, z)
        assert got.shape == (3, 500)
        wanted = np.asarray(growth(background, z))[:, None] ** 2 * np.asarray(power.today(K))
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_slopes_are_those_of_differences():
    names = ("h", "omega_m", "omega_b", "n_s", "sigma8", "t_cmb")

    def log_power(values):
        c = Cosmology(**dict(zip(names, values, strict=True)))
        power = eisenstein_hu(c, background_of(c, 2.0, 64))
        return jnp.log(power(jnp.asarray([1e-3, 0.07, 1.0]), jnp.asarray([0.7]))[0])

    with jax.enable_x64(True):
        at = jnp.asarray([0.68, 0.31, 0.049, 0.966, 0.81, 2.7255])
        function = jax.jit(log_power)
        slope = np.asarray(jax.jit(jax.jacrev(log_power))(at))
        for i, step in enumerate(np.diag(1e-3 * np.asarray(at))):
            near = (function(at + step) - function(at - step)) / (2 * step[i])
            far = (function(at + 2 * step) - function(at - 2 * step)) / (4 * step[i])
            wanted = np.asarray((4 * near - far) / 3)
            np.testing.assert_allclose(slope[:, i], wanted, rtol=1e-6, atol=1e-7)


def test_a_batch_of_amplitudes():
    c = cosmology_of(PLANCK | {"sigma8": 0.8})
    with jax.enable_x64(True):
        background = background_of(c, 2.0)

        def one(sigma8):
            return eisenstein_hu(Cosmology(**(vars(c) | {"sigma8": sigma8})), background)(K, 0.5)

        got = np.asarray(jax.vmap(one)(jnp.asarray([0.4, 0.8])))
        np.testing.assert_allclose(got[1], 4 * got[0], rtol=1e-12)
