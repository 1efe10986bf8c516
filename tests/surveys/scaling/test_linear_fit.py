"""Fits of a line: peers where there is nothing special, and intervals that agree."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress

from surveys.errors import SettingProblem
from surveys.scaling.likelihood import LinearData, Outliers
from surveys.scaling.linear_fit import fit_linear


def line(n=400, seed=0, err=0.1, scatter=0.3, least=-np.inf, weight=None):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, n)
    errors = err * rng.uniform(0.5, 1.5, n)
    y = 0.5 + 0.3 * x + scatter * rng.normal(size=n) + errors * rng.normal(size=n)
    kept = y > least
    x, y, errors, n = x[kept], y[kept], errors[kept], int(kept.sum())
    return LinearData(
        y,
        np.stack([np.ones(n), x], axis=1),
        errors**2,
        np.zeros((n, 2)),
        np.full(n, least),
        np.full(n, np.inf),
        np.zeros(n, int),
        np.ones(n) if weight is None else weight,
    )


def test_it_is_linear_regression_without_errors():
    data = line(n=60, err=0.0)
    fit = fit_linear(data)
    peer = linregress(data.design[:, 1], data.value)
    np.testing.assert_allclose(fit.parameters[:2], [peer.intercept, peer.slope], rtol=1e-7)
    # Regression divides by n - 2, the maximum of the likelihood by n.
    share = np.sqrt(58 / 60)
    np.testing.assert_allclose(
        fit.errors[:2], share * np.array([peer.intercept_stderr, peer.stderr]), rtol=1e-7
    )
    residual = data.value - peer.intercept - peer.slope * data.design[:, 1]
    assert fit.scatter == pytest.approx(residual.std(), rel=1e-7)
    assert fit.errors[2] == pytest.approx(1 / np.sqrt(2 * 60), rel=1e-6)


def test_it_is_a_weighted_polynomial_without_scatter():
    data = line(n=60, err=0.2, scatter=0.0)
    fit = fit_linear(data, scatter=0.0)
    spread = np.sqrt(data.variance)
    peer, covariance = np.polyfit(data.design[:, 1], data.value, 1, w=1 / spread, cov="unscaled")
    # The least scatter there is, 0.001, is beside errors of 0.1.
    np.testing.assert_allclose(fit.parameters[:2], peer[::-1], rtol=1e-3)
    np.testing.assert_allclose(fit.errors[:2], np.sqrt(np.diagonal(covariance))[::-1], rtol=1e-3)
    assert np.isnan(fit.errors[2])


def test_no_scatter_beyond_the_errors():
    fits = [fit_linear(line(n=100, seed=s, err=0.3, scatter=0.0)) for s in range(20)]
    at_zero = [fit for fit in fits if fit.scatter == 0]
    # With none in truth about half of the samples have less than their errors tell.
    assert 3 <= len(at_zero) <= 17
    assert all(np.isfinite(f.errors[:2]).all() and np.isnan(f.errors[2]) for f in at_zero)
    assert all(0 < f.scatter < 0.2 for f in fits if f.scatter > 0)


def test_intervals_of_three_kinds_agree():
    fit = fit_linear(line(n=1500, least=0.3))
    drawn = fit.bootstrap(150, seed=1)
    np.testing.assert_array_equal(drawn[:5], fit.bootstrap(150, seed=1)[:5])
    for i, error in enumerate(fit.errors):
        low, high = fit.profile_interval(i)
        assert (high - low) / 2 == pytest.approx(error, rel=0.05)
        # The standard deviation of 150 draws is known to 6 %.
        assert drawn[:, i].std() == pytest.approx(error, rel=0.25)
        wide = fit.profile_interval(i, 0.954)
        assert (wide[1] - wide[0]) / (high - low) == pytest.approx(2.0, rel=0.05)


def test_a_weight_is_so_many_galaxies_in_what_is_fitted_but_not_in_errors():
    times = np.random.default_rng(5).integers(1, 4, 300)
    data = line(n=300, least=0.2)
    n = len(data.value)
    weighted = fit_linear(line(n=300, least=0.2, weight=times[:n].astype(float)))
    repeated = fit_linear(data.of(np.repeat(np.arange(n), times[:n])))
    np.testing.assert_allclose(weighted.parameters, repeated.parameters, rtol=1e-6)
    assert (weighted.errors > repeated.errors * 1.1).all()
    # What draws of the weighted galaxies say.
    np.testing.assert_allclose(weighted.bootstrap(150, 0).std(0), weighted.errors, rtol=0.25)


def test_outliers_pull_less():
    data = line(n=300)
    value = data.value.copy()
    value[:6] += 3.0
    spoiled = LinearData(**(vars(data) | {"value": value}))
    clean = fit_linear(data)
    plain, robust = fit_linear(spoiled), fit_linear(spoiled, outliers=Outliers(0.02, 1.5))
    away = [abs(f.parameters - clean.parameters)[[0, 2]] for f in (plain, robust)]
    assert (away[1] < 0.25 * away[0]).all()


def test_goodness_tells_a_sample_that_is_cut_from_one_that_is_not():
    right = [fit_linear(line(n=500, seed=s, least=0.3)).goodness() for s in range(10)]
    data = line(n=4000, least=0.5)
    wrong = fit_linear(LinearData(**(vars(data) | {"lower": np.full(len(data.value), -np.inf)})))
    assert min(right) > 0.02
    assert wrong.goodness() < 1e-3


def test_goodness_of_samples_with_limits_and_outliers():
    pvalues = []
    for seed in range(12):
        data = line(n=400, seed=seed)
        value, n = data.value.copy(), len(data.value)
        value[:20] += np.random.default_rng(seed).normal(size=20)
        small = value < 0.4
        limited = vars(data) | {"value": np.where(small, 0.4, value), "limit": -1 * small}
        fit = fit_linear(LinearData(**limited), outliers=Outliers(0.05, 1.0))
        places = fit.probabilities()
        assert places.shape == (n,)
        assert 0 <= places.min() <= places.max() <= 1
        pvalues.append(fit.goodness())
    # Twelve p values that are uniform, or too high, have none below 0.001 in 99 of 100 tests.
    assert min(pvalues) > 0.001


def test_samples_that_do_not_tell():
    data = line()
    with pytest.raises(SettingProblem, match="has 3 measured sizes for 3 parameters; give 4"):
        fit_linear(data.of(np.arange(3)))
    same = LinearData(**(vars(data) | {"design": np.ones((400, 2))}))
    with pytest.raises(SettingProblem, match="same for all galaxies"):
        fit_linear(same)
    with pytest.raises(ValueError, match="level is 1"):
        fit_linear(data).profile_interval(0, 1.0)


def test_a_cut_that_leaves_no_relation():
    # Their density falls off from the cut, but ever more slowly: no normal distribution does that.
    rng = np.random.default_rng(0)
    value = rng.exponential(0.2, 300) ** 1.5
    n = len(value)
    data = LinearData(
        value,
        np.ones((n, 1)),
        np.zeros(n),
        np.zeros((n, 1)),
        np.zeros(n),
        np.full(n, np.inf),
        np.zeros(n, int),
        np.ones(n),
    )
    with pytest.raises(SettingProblem, match="do not tell the relation"):
        fit_linear(data)
