"""Shares, their intervals, and thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table
from scipy.special import ndtr
from scipy.stats import binom

from pipeline.injection.completeness import ONE_SIGMA, binned, binomial_interval, thresholds


@pytest.mark.parametrize("share", [0.03, 0.3, 0.8, 0.97])
@pytest.mark.parametrize("n", [60, 400])
def test_intervals_hold_the_truth_as_often_as_they_say(share, n):
    """Coverage of the Jeffreys interval, summed over all outcomes, oscillates about its level."""
    low, high = binomial_interval(np.arange(n + 1), n)
    inside = (low <= share) & (share <= high)
    coverage = binom.pmf(np.arange(n + 1), n, share)[inside].sum()
    assert coverage == pytest.approx(ONE_SIGMA, abs=0.17)


def test_ends_and_nothing():
    low, high = binomial_interval([0, 10, 0], [10, 10, 0])
    assert low[0] == 0
    assert high[1] == 1
    assert 0.8 < low[1] < 1
    assert np.isnan([low[2], high[2]]).all()


def test_bins_count_what_is_in_them():
    table = Table({"a": [0.5, 1.5, 1.6, 9.0], "b": [1.0, 1.0, 3.0, 1.0], "ok": [1, 0, 1, 1]})
    edges = {"a": np.array([0.0, 1, 2]), "b": np.array([0.0, 2, 4])}
    rows = binned(table, edges, ("ok",))
    counts = {(r["a_low"], r["b_low"]): (r["n"], r["n_ok"]) for r in rows}
    assert counts == {(0, 0): (1, 1), (1, 0): (1, 0), (1, 2): (1, 1)}


def test_pulses_that_were_not_classified_count_as_not_put_in():
    """Eight of ten are candidates; of four that are judged, three are taken for real."""
    p_real = np.full(10, np.nan)
    p_real[:4] = 0.9, 0.8, 0.7, 0.1
    grouped, classified = np.arange(10) < 8, p_real >= 0.5
    table = Table({"a": np.zeros(10), "p_real": p_real})
    table["grouped"], table["classified"] = grouped, classified
    row = binned(table, {"a": np.array([-1.0, 1])}, ("grouped", "classified"))[0]
    assert row["grouped"] == pytest.approx(0.8)
    assert row["n_classified"] == 3
    assert row["classified"] == pytest.approx(0.8 * 0.75)
    low, high = (float(end) for end in binomial_interval(3, 5))
    assert (row["classified_low"], row["classified_high"]) == pytest.approx((low, high))
    # Where none was looked at nothing is known; what was not found is not real either.
    table["p_real"], table["classified"] = np.nan, False
    row = binned(table, {"a": np.array([-1.0, 1])}, ("classified",))[0]
    assert np.isnan([row["classified"], row["classified_low"], row["classified_high"]]).all()


def test_thresholds_of_a_search_that_is_known():
    """Errors of the fit are those of many campaigns."""
    pulls = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        snr = np.exp(rng.uniform(np.log(4), np.log(20), 400))
        found = rng.random(400) < ndtr((np.log(snr) - np.log(7.5)) / 0.12)
        half, most = thresholds(snr, found)
        true = 7.5, 7.5 * np.exp(0.12 * 1.2816)
        pulls.append(
            [
                np.log(t.at / at) / np.log(t.high / t.at)
                for t, at in zip((half, most), true, strict=True)
            ]
        )
    mean, scatter = np.mean(pulls, axis=0), np.std(pulls, axis=0)
    assert np.abs(mean).max() < 4 / np.sqrt(60)
    # The scatter of 60 is known to 9 %.
    assert np.abs(scatter - 1).max() < 0.36


def test_where_pulses_do_not_tell_there_is_no_threshold():
    for found in (np.ones(50, bool), np.zeros(50, bool)):
        assert np.isnan(thresholds(np.linspace(5, 9, 50), found)[0].at)
    assert np.isnan(thresholds([5.0, 6.0], [False, True])[0].at)
    sharp = thresholds(np.linspace(5, 9, 50), np.linspace(5, 9, 50) > 7)[0]
    assert sharp.at == pytest.approx(7, abs=0.1)
