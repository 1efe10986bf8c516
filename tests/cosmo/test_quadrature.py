"""Gauss and Legendre's integrals of what they have exactly."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cosmo.quadrature import gauss_legendre, integrate, integrate_past


@pytest.mark.parametrize("n", [1, 5, 20])
def test_polynomials_are_exact(n):
    low, high = np.array([[-1.0], [0.5]]), np.array([2.0, 3.0, 3.5])
    k = 2 * n - 1
    with jax.enable_x64(True):
        found = integrate(lambda x: x**k, jnp.asarray(low), jnp.asarray(high), n)
    np.testing.assert_allclose(found, (high ** (k + 1) - low ** (k + 1)) / (k + 1), rtol=1e-11)


def test_values_may_have_the_shape_of_something_else():
    with jax.enable_x64(True):
        rate = jnp.asarray([[1.0], [2.0]])
        found = integrate(lambda x: jnp.exp(rate * x), jnp.zeros(()), jnp.asarray([1.0, 2.0]), 20)
    rate = np.asarray(rate)
    np.testing.assert_allclose(found, np.expm1(rate * np.array([1.0, 2.0])) / rate, rtol=1e-12)


@pytest.mark.parametrize("n", [8, 24])
def test_a_function_past_the_centre_is_the_same_integral(n):
    b, near = np.array([1e-3, 0.2]), np.array([[0.0], [0.7]])
    far = np.array([4.0, 1.9])
    with jax.enable_x64(True):
        found = integrate_past(lambda x: x**0.3, *(jnp.asarray(v) for v in (b, near, far)), n)
        expected = integrate(
            lambda t: (b * jnp.cosh(t)) ** 0.3, jnp.asarray(near), jnp.asarray(far), n
        )
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_limits_can_be_differentiated():
    with jax.enable_x64(True):
        slope = jax.grad(lambda high: integrate(jnp.cos, jnp.zeros(()), high, 12))(1.2)
    assert float(slope) == pytest.approx(np.cos(1.2), rel=1e-10)


def test_weights_add_up_to_one():
    x, w = gauss_legendre(7)
    assert w.sum() == pytest.approx(1)
    assert ((x > 0) & (x < 1)).all()
