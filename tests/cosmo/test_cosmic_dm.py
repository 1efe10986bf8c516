"""The distribution of the cosmic DM: its mean, its quantiles, its draws."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from cosmo.cosmic_dm import CosmicDMDistribution

EXTREMES = [(f, z) for f in (0.05, 0.32, 1.0) for z in (0.001, 0.02, 0.241, 1.0, 5.0)]


@pytest.mark.parametrize(("feedback", "z"), EXTREMES)
def test_the_mean_is_one_and_so_is_the_probability(feedback, z):
    distribution = CosmicDMDistribution(feedback)

    # In u = ln Delta, where both tails fall exponentially.
    def density(u, power):
        return float(distribution.pdf(np.exp(u), z)) * np.exp((1 + power) * u)

    peak = np.log(float(distribution.ppf(0.5, z)))
    width = min(float(distribution.sigma(z)), 0.3)
    edges = [-4.0, peak - 5 * width, peak - width, peak, peak + width, 1.0, 3.0, 30.0]
    for power in (0, 1):
        total = sum(
            quad(density, low, high, args=(power,), epsabs=1e-9, limit=200)[0]
            for low, high in pairwise(sorted(edges))
        )
        assert total == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("alpha", "beta"), [(3.0, 4.0), (2.0, 2.5), (1.0, 3.3)])
def test_other_shapes_have_mean_one_as_well(alpha, beta):
    distribution = CosmicDMDistribution(0.3, alpha, beta)
    total = quad(lambda u: distribution.pdf(np.exp(u), 0.3) * np.exp(2 * u), -4, 60, limit=400)
    assert total[0] == pytest.approx(1.0, abs=1e-6)


def test_the_density_is_the_formula():
    distribution = CosmicDMDistribution(0.32, 3.0, 3.0)
    z = 0.4
    delta = np.array([0.6, 0.8, 1.0, 2.0, 30.0])
    sigma, c0 = 0.32 / np.sqrt(z), float(distribution.c0(z))
    formula = delta**-3 * np.exp(-((delta**-3 - c0) ** 2) / (2 * 9 * sigma**2))
    ratio = distribution.pdf(delta, z) / formula
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-10)


# Delta at 2.5, 16, 50, 84 and 97.5 % for F = 0.32, as FRBs/FRB has it (commit 8377826).
PEER = {
    0.241: [0.5506, 0.6262, 0.7748, 1.1911, 2.7996],
    0.3: [0.5650, 0.6398, 0.7841, 1.1806, 2.7330],
    0.5: [0.6007, 0.6737, 0.8084, 1.1575, 2.5537],
}


@pytest.mark.parametrize("z", PEER)
def test_quantiles_are_near_those_of_a_peer(z):
    # The peer finds C0 with Delta cut off at 20, so it misses the part of the mean that is in the
    # tail: its true mean is 1.006 to 1.008, its quantiles are too high by up to 1 %. Hence 1.5 %.
    quantiles = CosmicDMDistribution(0.32).ppf([0.025, 0.16, 0.5, 0.84, 0.975], z)
    np.testing.assert_allclose(quantiles, PEER[z], rtol=0.015)
    assert (quantiles < PEER[z]).all()


@pytest.mark.parametrize(("feedback", "z"), EXTREMES)
def test_quantiles_are_the_inverse_of_the_probability(feedback, z):
    distribution = CosmicDMDistribution(feedback)
    q = np.array([0.0, 1e-6, 0.001, 0.16, 0.5, 0.84, 0.975, 1 - 1e-6])
    np.testing.assert_allclose(distribution.cdf(distribution.ppf(q, z), z), q, atol=1e-7)
    # Relative in the tail too.
    far = distribution.ppf(1 - 1e-6, z)
    assert 1 - float(distribution.cdf(far, z)) == pytest.approx(1e-6, rel=1e-3)
    assert np.isinf(distribution.ppf(1.0, z))


def test_the_probability_is_the_integral_of_the_density():
    distribution = CosmicDMDistribution()
    at = np.array([0.6, 0.9, 1.5, 4.0])
    for low, high in pairwise(at):
        expected = quad(lambda x: distribution.pdf(x, 0.3), low, high, epsabs=1e-12)[0]
        between = distribution.cdf(high, 0.3) - distribution.cdf(low, 0.3)
        assert between == pytest.approx(expected, abs=1e-9)


def test_little_scatter_is_a_gaussian():
    # sigma -> 0: Delta^-3 - C0 is about -3 (Delta - 1), so Delta has standard deviation sigma.
    distribution = CosmicDMDistribution(0.05)
    z = 4.0
    low, high = distribution.ppf([0.158655, 0.841345], z)
    assert (high - low) / 2 == pytest.approx(0.025, rel=0.02)


def test_much_scatter_loses_its_bell():
    # sigma -> infinity: P goes with Delta^-3 exp(-k Delta^-3), k^(1/3) = Gamma(2/3) / Gamma(1/3)
    # for mean 1, so the median solves Gamma(2/3, k Delta^-3) / Gamma(2/3) = 1/2: 0.7000.
    assert float(CosmicDMDistribution(1.0).ppf(0.5, 0.001)) == pytest.approx(0.7000, abs=2e-4)


def test_draws_have_the_quantiles():
    distribution = CosmicDMDistribution()
    z, n = np.array([0.05, 0.3, 1.2]), 100_000
    draws = distribution.sample(np.random.default_rng(11), z, n)
    assert draws.shape == (3, n)
    for q in (0.025, 0.16, 0.5, 0.84, 0.975):
        below = (draws < distribution.ppf(q, z)[:, None]).mean(axis=1)
        np.testing.assert_allclose(below, q, atol=5 * np.sqrt(q * (1 - q) / n))


@given(st.lists(st.sampled_from([0.01, 0.1, 0.5, 2.0]), min_size=1, max_size=6))
def test_redshifts_together_are_redshifts_alone(z):
    distribution = CosmicDMDistribution()
    q = np.array([[0.1], [0.9]])
    together = distribution.ppf(q, z)
    assert together.shape == (2, len(z))
    for column, one in enumerate(z):
        np.testing.assert_array_equal(together[:, column], distribution.ppf(q[:, 0], one))


def test_many_redshifts_are_as_good_as_few():
    distribution = CosmicDMDistribution()
    z = np.linspace(0.01, 3.0, 1000)
    q = np.array([[0.01], [0.16], [0.5], [0.84], [0.999]])
    many = distribution.ppf(q, z)
    np.testing.assert_allclose(many[:, ::97], distribution.ppf(q, z[::97]), rtol=1e-4)
    assert np.isinf(distribution.ppf(1.0, z)).all()
    assert distribution.ppf([], 0.3).shape == (0,)
    np.testing.assert_allclose(distribution.cdf(many, z), np.broadcast_to(q, many.shape), atol=1e-4)


def test_no_density_below_zero():
    np.testing.assert_array_equal(CosmicDMDistribution().pdf([-1.0, 0.0, 1e-300, np.inf], 0.3), 0)
    np.testing.assert_array_equal(CosmicDMDistribution().cdf([-1.0, 0.0, np.inf], 0.3), [0, 0, 1])


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: CosmicDMDistribution(0.0), "feedback = 0"),
        (lambda: CosmicDMDistribution(np.nan), "feedback = nan"),
        (lambda: CosmicDMDistribution(beta=2.0), "beta = 2"),
        (lambda: CosmicDMDistribution(alpha=-1.0), "alpha = -1"),
        (lambda: CosmicDMDistribution().c0(0.0), "z = 0 with feedback = 0.32"),
        (lambda: CosmicDMDistribution().ppf(1.2, 0.3), "quantile"),
        (lambda: CosmicDMDistribution().pdf(1.0, -0.3), "z = -0.3"),
    ],
)
def test_errors_name_the_argument(call, named):
    with pytest.raises(ValueError, match=named):
        call()
