"""Periods from times of arrival alone."""

import numpy as np
import pytest

from pipeline.periodicity.timing import find_timing


@pytest.mark.parametrize("n", [3, 4, 6])
def test_a_period_of_421_s_is_found_from_a_few_pulses_of_an_hour(n):
    rng = np.random.default_rng(n)
    error, pulls = 0.2, []
    for _ in range(6):
        number = np.sort(rng.choice(8, n, replace=False))
        common = np.gcd.reduce(np.diff(number))
        times = 100 + 421.0 * number + rng.normal(0, error, n)
        timing = find_timing(times, np.full(n, error), n_draws=20)
        assert timing.period == pytest.approx(421.0 * common, abs=2)
        pulls.append((timing.period / common - 421.0) / timing.period_error * common)
        assert timing.fap <= 0.1
        residual = times - timing.epoch - timing.period * timing.number
        np.testing.assert_allclose(residual, timing.residual, atol=1e-9)
    assert np.sqrt(np.mean(np.square(pulls))) < 2.2


def test_the_fit_is_that_of_weighted_least_squares():
    number = np.array([0, 1, 3, 4, 7])
    error = np.array([0.1, 0.3, 0.1, 0.2, 0.1])
    times = 421.0 * number + error * [1, -2, 0.5, 1, -0.4]
    timing = find_timing(times, error, n_draws=4)
    slope, offset = np.polyfit(number, times, 1, w=1 / error)
    assert timing.period == pytest.approx(slope, abs=1e-9)
    design = np.stack([number, np.ones(5)], axis=1) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    chi2 = np.sum(((times - offset - slope * number) / error) ** 2)
    assert timing.chi2 == pytest.approx(chi2)
    scale = max(1.0, chi2 / 3)
    assert timing.period_error == pytest.approx(np.sqrt(scale * covariance[0, 0]))


def test_random_times_have_the_probabilities_that_are_told():
    rng = np.random.default_rng(0)
    n = 40
    fap = [
        find_timing(rng.uniform(0, 3600, 5), np.full(5, 2.0), n_draws=40, seed=i).fap
        for i in range(n)
    ]
    # Uniform: three errors of the count, and what 40 draws leave open.
    for p in (0.2, 0.5, 0.8):
        assert abs(np.mean(np.array(fap) <= p) - p) < 3 * (p * (1 - p) / n) ** 0.5 + 0.03


def test_two_pulses_are_no_period():
    assert find_timing(np.array([0.0, 421.0]), np.array([0.1, 0.1])) is None
    assert find_timing(np.array([5.0, 5.0, 5.0]), np.full(3, 0.1)) is None
