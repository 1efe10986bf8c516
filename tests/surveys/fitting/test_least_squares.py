"""Least squares, against linear algebra."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from surveys.fitting.least_squares import Bounds, Spectrum, least_squares


def test_least_squares_against_linear_algebra_and_at_a_bound():
    rng = np.random.default_rng(0)
    slopes = jnp.asarray(rng.normal(size=(3, 50)), jnp.float32)
    values = jnp.asarray(rng.normal(size=50), jnp.float32)

    def model(p):
        return values - p @ slopes, slopes

    free = Bounds(jnp.full(3, -10.0), jnp.full(3, 10.0), jnp.full(3, 5.0))
    got = least_squares(model, jnp.zeros(3), free, jnp.int32(50))
    exact = np.linalg.lstsq(np.asarray(slopes).T, np.asarray(values), rcond=None)[0]
    assert got.converged
    # A thirtieth of a standard deviation at most.
    np.testing.assert_allclose(got.parameters, exact, atol=0.005)
    covariance = Spectrum.of(got.curvature, jnp.array([True, True, False])).inverse
    inner = np.linalg.inv(np.asarray(slopes @ slopes.T)[:2, :2])
    np.testing.assert_allclose(covariance[:2, :2], inner, rtol=1e-3)
    assert not covariance[2].any()
    bound = free._replace(most=jnp.array([10.0, 10.0, exact[2] - 0.1]))
    held = least_squares(model, jnp.zeros(3), bound, jnp.int32(50))
    assert held.converged
    assert float(held.parameters[2]) == pytest.approx(exact[2] - 0.1)
    rest = np.asarray(values - held.parameters[2] * slopes[2])
    two = np.linalg.lstsq(np.asarray(slopes[:2]).T, rest, rcond=None)[0]
    np.testing.assert_allclose(held.parameters[:2], two, atol=0.005)
