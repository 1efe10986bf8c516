"""Transforms of Sérsic profiles, against formulae and numerical integrals."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaincinv, j0

from surveys.fitting.profiles import (
    at_frequency,
    profile_row,
    sersic_visibility,
    visibility_table,
)


@pytest.fixture(scope="module")
def table():
    return jnp.asarray(visibility_table())


@jax.jit
def tabulated(table, index, s):
    row, _ = profile_row(table, jnp.log(index))
    return at_frequency(row, s**2)[0]


def test_profiles_that_have_a_formula():
    s = np.geomspace(1e-4, 50, 300)
    gaussian = np.exp(-(math.pi**2) * s**2 / math.log(2))
    np.testing.assert_allclose(sersic_visibility(s, 0.5), gaussian, atol=1e-12)
    scale = 1 / gammaincinv(2, 0.5)
    disc = (1 + (2 * math.pi * s * scale) ** 2) ** -1.5
    np.testing.assert_allclose(sersic_visibility(s, 1.0), disc, atol=1e-12)


@pytest.mark.parametrize("index", [0.35, 0.8, 1.7, 2.5, 4.0])
def test_profiles_against_a_numerical_hankel_transform(table, index):
    b = gammaincinv(2 * index, 0.5)
    s = np.array([0.03, 0.1, 0.2, 0.4, 0.8])
    # Over r^(1/n) a cuspy profile is smooth, and nothing is left where its logarithm is -45.
    power = max(index, 1.0)

    def profile(x):
        return np.exp(-b * x ** (power / index)) * x ** (2 * power - 1)

    def transform(f):
        kernel = lambda x: profile(x) * j0(2 * np.pi * f * x**power)  # noqa: E731
        return quad(kernel, 0, (45 / b) ** (index / power), limit=5000, epsabs=0, epsrel=1e-9)[0]

    expected = np.array([transform(f) for f in s]) / transform(0.0)
    np.testing.assert_allclose(sersic_visibility(s, index), expected, atol=1e-6)
    got = tabulated(table, np.float32(index), s.astype(np.float32))
    np.testing.assert_allclose(got, expected, atol=2e-5)


def test_the_table_everywhere(table):
    rng = np.random.default_rng(0)
    s = np.exp(rng.uniform(math.log(1e-4), math.log(1e3), 500))
    for index in rng.uniform(0.3, 6.0, 12):
        got = tabulated(table, np.float32(index), s.astype(np.float32))
        np.testing.assert_allclose(got, sersic_visibility(s, index), atol=3e-5)
