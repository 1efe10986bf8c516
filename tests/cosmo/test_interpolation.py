"""Cubics through tables: exact for polynomials, fourth order for all else."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cosmo import interpolation

hermite, slopes = jax.jit(interpolation.hermite), jax.jit(interpolation.slopes)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 30])
def test_polynomials_come_back(n):
    rng = np.random.default_rng(n)
    x = np.cumsum(rng.uniform(0.2, 1.0, n))
    degree = min(n - 1, 3)
    curve = np.polynomial.Polynomial(rng.normal(size=degree + 1), domain=[x[0], x[-1]])
    at = rng.uniform(x[0], x[-1], 40)
    with jax.enable_x64(True):
        y = jnp.asarray([curve(x), 2 * curve(x)])
        slope = slopes(jnp.asarray(x), y)
        got = np.asarray(hermite(jnp.asarray(x), y, slope, jnp.asarray(at).reshape(4, 10)))
    scale = np.abs(curve(x)).max()
    np.testing.assert_allclose(slope[0], curve.deriv()(x), atol=1e-9 * scale * n)
    np.testing.assert_allclose(got[0].ravel(), curve(at), atol=1e-10 * scale)
    np.testing.assert_allclose(got[1], 2 * got[0], atol=1e-10 * scale)


def test_the_order_is_the_fourth():
    at = np.linspace(0, 1, 501)
    errors = []
    for n in (11, 21, 41):
        x = np.linspace(0, 1, n) ** 1.5
        with jax.enable_x64(True):
            y = jnp.sin(5 * x)
            got = np.asarray(hermite(jnp.asarray(x), y, slopes(jnp.asarray(x), y), jnp.asarray(at)))
        errors.append(np.abs(got - np.sin(5 * at)).max())
    assert errors[0] / errors[1] > 12
    assert errors[1] / errors[2] > 12


def test_one_node_has_no_slope():
    assert slopes(jnp.ones(1), jnp.ones((3, 1))).shape == (3, 1)


def test_slopes_with_respect_to_the_table():
    x = np.geomspace(1, 9, 12)
    with jax.enable_x64(True):
        y, nudge = jnp.log(x), jnp.asarray(np.random.default_rng(1).normal(size=12))

        def value(t):
            return hermite(
                x, y + t * nudge, slopes(jnp.asarray(x), y + t * nudge), jnp.asarray(3.3)
            )

        slope = jax.grad(value)(0.0)
        assert float(slope) == pytest.approx(float(value(0.5) - value(-0.5)), rel=1e-10)
