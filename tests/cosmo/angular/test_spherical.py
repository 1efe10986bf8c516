"""Spherical Bessel functions next to other libraries."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.special import spherical_jn

from cosmo.angular import spherical

ELLS = [2, 3, 5, 10, 100, 500, 2000, 3000]


def distances(ell):
    rng = np.random.default_rng(ell)
    near = rng.uniform(0.7 * ell, 1.4 * ell + 20, 400)
    return np.sort(np.r_[0.0, 1e-4, rng.uniform(0, 30, 100), near, rng.uniform(0, 8000, 1000)])


@pytest.mark.parametrize("ell", ELLS)
def test_values_and_second_derivatives(ell):
    x = distances(ell)
    with jax.enable_x64(True):
        plain, bent = spherical.Table(ell, bent=True)(x[-1])
        got = np.asarray(spherical.interpolate(plain, jnp.asarray(x)))
        got_bent = np.asarray(spherical.interpolate(bent, jnp.asarray(x)))
    wanted = spherical_jn(ell, x)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-10 * np.abs(wanted).max())
    # The differential equation.
    x, got_bent = x[1:], got_bent[1:]
    slope = spherical_jn(ell, x, derivative=True)
    wanted = -2 / x * slope - (1 - ell * (ell + 1) / x**2) * wanted[1:]
    np.testing.assert_allclose(got_bent, wanted, rtol=0, atol=1e-10 * np.abs(wanted).max())


@pytest.mark.parametrize("ell", [2, 30, 300])
def test_all_digits_at_nodes(ell):
    x = np.linspace(0.5, 2.0, 16) * ell
    with jax.enable_x64(True):
        got = np.asarray(spherical.derivatives(ell, x))
    for order in range(5):
        wanted = [
            float(
                mpmath.diff(
                    lambda t: mpmath.sqrt(mpmath.pi / (2 * t)) * mpmath.besselj(ell + 0.5, t),
                    mpmath.mpf(at),
                    order,
                )
            )
            for at in x[::5]
        ]
        size = np.abs(got[order]).max()
        np.testing.assert_allclose(got[order, ::5], wanted, rtol=0, atol=2e-12 * size)


def test_tables_grow():
    table = spherical.Table(7, bent=False)
    with jax.enable_x64(True):
        (short,) = table(10.0)
        (long,) = table(9000.0)
    assert long.shape[1] > short.shape[1]
    np.testing.assert_array_equal(short, long[:, : short.shape[1]])
