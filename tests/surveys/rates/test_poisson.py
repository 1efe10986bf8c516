"""Limits of Poisson counts: tables, sums of the distribution, and surveys that are repeated."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.stats import poisson_conf_interval
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from surveys.errors import SettingProblem
from surveys.rates.poisson import (
    central_interval,
    gehrels_lower,
    gehrels_simple_upper,
    gehrels_upper,
    lower_limit,
    upper_limit,
)

CONFIDENCES = (0.8413, 0.90, 0.95, 0.9772, 0.99, 0.9987)
# Gehrels (1986), table 1, and chi2 quantiles, for k = 0 to 3.
UPPER = {
    0: (1.841, 2.303, 2.996, 3.783, 4.605, 6.65),
    1: (3.299, 3.890, 4.744, 5.68, 6.638, 8.94),
    2: (4.637, 5.322, 6.296, 7.35, 8.406, 10.92),
    3: (5.918, 6.681, 7.754, 8.90, 10.045, 12.73),
}
# Its table 2.
LOWER_95 = {1: 0.0513, 2: 0.355, 3: 0.818, 4: 1.366, 5: 1.970, 10: 5.425}


@pytest.mark.parametrize("k", UPPER)
def test_upper_limits_are_those_of_the_table(k):
    # Its confidences are rounded at 2 and 3 sigma.
    assert upper_limit(k, CONFIDENCES) == pytest.approx(UPPER[k], abs=0.006)


def test_lower_limits_are_those_of_the_table():
    for k, value in LOWER_95.items():
        assert lower_limit(k, 0.95) == pytest.approx(value, abs=6e-4)
    assert lower_limit(0, 0.95) == 0.0


@given(k=st.integers(0, 300), confidence=st.floats(0.5, 0.9999))
def test_limits_leave_the_tail_that_they_promise(k, confidence):
    assert poisson.cdf(k, upper_limit(k, confidence)) == pytest.approx(1 - confidence, rel=1e-6)
    if k:
        tail = poisson.sf(k - 1, lower_limit(k, confidence))
        assert tail == pytest.approx(1 - confidence, rel=1e-6)


def test_central_intervals_are_those_of_astropy():
    k = np.arange(0, 30)
    expected = poisson_conf_interval(k, interval="frequentist-confidence", sigma=2)
    low, high = central_interval(k, 0.9544997361036416)
    np.testing.assert_allclose([low, high], expected, rtol=1e-9)


@pytest.mark.parametrize("confidence", [0.68, 0.9, 0.95])
def test_every_mean_is_inside_as_often_as_promised(confidence):
    mean = np.concatenate([np.geomspace(0.01, 30, 400), upper_limit(range(20), confidence)])
    k = np.arange(200)
    chance = poisson.pmf(k, mean[:, None])
    low, high = central_interval(k, confidence)
    inside = (low <= mean[:, None] * (1 + 1e-9)) & (mean[:, None] * (1 - 1e-9) <= high)
    assert ((chance * inside).sum(1) >= confidence - 1e-9).all()
    above = upper_limit(k, confidence) >= mean[:, None] * (1 - 1e-9)
    share = (chance * above).sum(1)
    assert (share >= confidence - 1e-9).all()
    # And no more than whole counts force: just above the limit of a count it is exact.
    just_above = upper_limit(range(20), confidence)[:, None] * (1 + 1e-7)
    exact = (poisson.pmf(k, just_above) * (upper_limit(k, confidence) >= just_above)).sum(1)
    np.testing.assert_allclose(exact, confidence, atol=1e-5)


def test_the_approximations_of_gehrels_are_near():
    k = np.arange(0, 50)
    for confidence, within in ((0.8413, 0.01), (0.95, 0.01), (0.99, 0.003), (0.9987, 0.021)):
        exact = upper_limit(k, confidence)
        np.testing.assert_allclose(gehrels_upper(k, confidence), exact, rtol=within)
    # One sigma: the error bar 1 + sqrt(k + 3/4).
    simple = gehrels_simple_upper(k, 0.8413447460685429)
    np.testing.assert_allclose(simple, k + 1 + np.sqrt(k + 0.75), rtol=1e-9)
    np.testing.assert_allclose(simple, upper_limit(k, 0.8413447), rtol=0.014)
    many = np.arange(5, 50)
    np.testing.assert_allclose(gehrels_lower(many, 0.95), lower_limit(many, 0.95), rtol=0.003)
    assert gehrels_lower(0, 0.95) == 0.0
    assert gehrels_lower(1, 0.9987) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.1, 1.5, np.nan])
def test_a_confidence_is_between_0_and_1(confidence):
    with pytest.raises(SettingProblem, match=r"confidence: is .*between 0 and 1"):
        upper_limit(0, confidence)


@pytest.mark.parametrize("k", [-1, 0.5, np.nan, np.inf])
def test_counts_are_whole(k):
    with pytest.raises(SettingProblem, match=r"detections: is .*whole number"):
        central_interval(k, 0.9)
