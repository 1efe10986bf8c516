"""The revised halofit: CAMB has it too."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cosmo.expansion import Cosmology, background_of, cosmology_of
from cosmo.power.eisenstein_hu import eisenstein_hu
from cosmo.power.halofit import Halofit

PLANCK = {"h": 0.6766, "omega_m": 0.3096, "omega_b": 0.0490, "n_s": 0.9665, "a_s": 2.105e-9}
K = np.geomspace(1e-3, 8, 200)
Z = np.array([0.0, 0.5, 1.0, 2.0])


@pytest.mark.parametrize("changes", [{}, {"w0": -0.9, "wa": 0.1}])
def test_it_is_cambs(changes, camb_power):
    c = cosmology_of(PLANCK | changes)
    with jax.enable_x64(True):
        background = background_of(c, 5.0)
        power = Halofit(camb_power(c, background), c)
        assert not power.separable
        wanted = camb_power(c, background, nonlinear="takahashi")(K, Z)
        np.testing.assert_allclose(power(K, Z), wanted, rtol=0.005)


def test_early_on_it_is_linear():
    c = cosmology_of(PLANCK)
    with jax.enable_x64(True):
        linear = eisenstein_hu(c, background_of(c, 60.0))
        got = np.asarray(Halofit(linear, c)(K[K < 1], [50.0]) / linear(K[K < 1], [50.0]))
    np.testing.assert_allclose(got, 1, rtol=0.02)


def test_slopes_are_those_of_differences():
    own = vars(cosmology_of(PLANCK)) | {"a_s": None}

    def value(sigma8):
        c = Cosmology(**(own | {"sigma8": sigma8}))
        power = Halofit(eisenstein_hu(c, background_of(c, 2.0, 64)), c)
        return jnp.log(power(jnp.asarray([0.05, 0.5, 5.0]), jnp.asarray([0.5]))[0])

    with jax.enable_x64(True):
        slope = np.asarray(jax.jit(jax.jacfwd(value))(0.8))
        function = jax.jit(value)
        near, far = ((function(0.8 + s) - function(0.8 - s)) / (2 * s) for s in (1e-3, 2e-3))
        wanted = np.asarray((4 * near - far) / 3)
    np.testing.assert_allclose(slope, wanted, rtol=1e-6)
