"""The likelihood: a probability, with the right derivatives, also in far tails."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad

from surveys.scaling.likelihood import (
    LinearData,
    Outliers,
    log_between,
    log_likelihood,
    log_likelihoods,
    scores,
    with_derivatives,
)


@pytest.fixture
def data():
    """Measured values, limits of both kinds, and a sample with two, one and no ends."""
    rng = np.random.default_rng(3)
    n = 30
    design = np.stack([np.ones(n), rng.uniform(-2, 2, n), rng.uniform(-1, 1, n)], axis=1)
    variance = rng.uniform(0.0, 0.1, n)
    design_variance = np.stack([np.zeros(n), rng.uniform(0, 0.05, n), np.zeros(n)], axis=1)
    value = design @ [0.2, 0.4, -0.3] + 0.5 * rng.normal(size=n)
    lower = np.where(np.arange(n) % 3 == 0, -np.inf, value - rng.uniform(0.1, 1, n))
    upper = np.where(np.arange(n) % 4 == 0, np.inf, value + rng.uniform(0.1, 1, n))
    limit = np.arange(n) % 5 - 1
    limit[limit > 1] = 0
    weight = rng.uniform(0.5, 2, n)
    return LinearData(value, design, variance, design_variance, lower, upper, limit, weight)


PARAMETERS = np.array([0.1, 0.5, -0.2, np.log(0.3)])


@pytest.mark.parametrize("outliers", [None, Outliers(0.1, 1.2)])
def test_derivatives(data, outliers):
    value, gradient, curvature = with_derivatives(PARAMETERS, data, outliers)
    assert value == log_likelihood(PARAMETERS, data, outliers)
    step = 1e-5 * np.eye(4)
    up = [with_derivatives(PARAMETERS + s, data, outliers) for s in step]
    down = [with_derivatives(PARAMETERS - s, data, outliers) for s in step]
    first = np.array([(a[0] - b[0]) / 2e-5 for a, b in zip(up, down, strict=True)])
    second = np.array([(a[1] - b[1]) / 2e-5 for a, b in zip(up, down, strict=True)])
    np.testing.assert_allclose(gradient, first, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(curvature, second, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(data.weight @ scores(PARAMETERS, data, outliers), gradient)


@pytest.mark.parametrize("outliers", [None, Outliers(0.1, 1.2)])
@pytest.mark.parametrize(("lower", "upper"), [(-np.inf, np.inf), (-0.4, np.inf), (-0.1, 0.7)])
def test_all_that_can_be_in_the_sample_has_probability_one(lower, upper, outliers):
    def density(value, limit=0):
        one = LinearData(
            np.array([value]),
            np.ones((1, 1)),
            np.array([0.02]),
            np.zeros((1, 1)),
            np.array([lower]),
            np.array([upper]),
            np.array([limit]),
            np.ones(1),
        )
        return float(np.exp(log_likelihoods(np.array([0.2, -1.0]), one, outliers).value[0]))

    least, most = max(lower, -9.0), min(upper, 9.0)
    assert quad(density, least, most, points=[0.2])[0] == pytest.approx(1.0, abs=1e-7)
    # A limit has the probability of what is beyond it.
    assert quad(density, least, 0.3, points=[0.2])[0] == pytest.approx(density(0.3, -1), abs=1e-7)
    assert density(0.3, -1) + density(0.3, 1) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("low", "high"), [(-1.0, 2.0), (20.0, 20.1), (-30.0, -29.0), (35.0, 90.0), (3.0, 3.0 + 1e-7)]
)
def test_shares_of_a_normal_distribution(low, high):
    with mpmath.workdps(400):
        exact = float(mpmath.log(mpmath.ncdf(high) - mpmath.ncdf(low)))
    found = float(log_between(np.array(low), np.array(high)))
    # Of two nearly equal ends nothing more is known than their difference.
    assert found == pytest.approx(exact, rel=1e-12, abs=1e-13 / (high - low) + 1e-12)
    mirrored = float(log_between(np.array(-high), np.array(-low)))
    assert mirrored == pytest.approx(found, rel=1e-12, abs=1e-8)


def test_open_ends_and_outliers_that_are_none(data):
    whole = replace(
        data, lower=np.full(30, -np.inf), upper=np.full(30, np.inf), limit=data.limit * 0
    )
    of = log_likelihoods(PARAMETERS, whole)
    variance = 0.3**2 + data.variance + data.design_variance @ PARAMETERS[:-1] ** 2
    residual = data.value - data.design @ PARAMETERS[:-1]
    expected = -0.5 * residual**2 / variance - 0.5 * np.log(2 * np.pi * variance)
    np.testing.assert_allclose(of.value, expected)
    few = log_likelihoods(PARAMETERS, whole, Outliers(1e-12, 1.0))
    np.testing.assert_allclose(few.value, expected, rtol=1e-6)
