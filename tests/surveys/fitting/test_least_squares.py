"""Least squares, against linear algebra."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from surveys.fitting.least_squares import Bounds, Spectrum, least_squares


@jax.jit
def covariance_of(curvature, free):
    return Spectrum.of(curvature, free).inverse


def test_least_squares_against_linear_algebra_and_at_a_bound():
    rng = np.random.default_rng(0)
    slopes = rng.normal(size=(3, 50)).astype(np.float32)
    values = rng.normal(size=50).astype(np.float32)

    @jax.jit
    def fit(bounds):
        def model(p):
            return values - p @ slopes, jnp.asarray(slopes)

        return least_squares(model, jnp.zeros(3), bounds, jnp.int32(50))

    free = Bounds(*(np.full(3, x, np.float32) for x in (-10.0, 10.0, 5.0)))
    got = jax.device_get(fit(free))
    exact = np.linalg.lstsq(slopes.T, values, rcond=None)[0]
    assert got.converged
    # A thirtieth of a standard deviation at most.
    np.testing.assert_allclose(got.parameters, exact, atol=0.005)
    covariance = np.asarray(covariance_of(got.curvature, np.array([True, True, False])))
    inner = np.linalg.inv((slopes @ slopes.T)[:2, :2])
    np.testing.assert_allclose(covariance[:2, :2], inner, rtol=1e-3)
    assert not covariance[2].any()
    bound = free._replace(most=np.float32([10.0, 10.0, exact[2] - 0.1]))
    held = jax.device_get(fit(bound))
    assert held.converged
    assert float(held.parameters[2]) == pytest.approx(exact[2] - 0.1)
    rest = values - held.parameters[2] * slopes[2]
    two = np.linalg.lstsq(slopes[:2].T, rest, rcond=None)[0]
    np.testing.assert_allclose(held.parameters[:2], two, atol=0.005)
