"""Intervals beside a background: the tables of Feldman and Cousins, and repeated surveys."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from surveys.errors import SettingProblem
from surveys.rates.background import feldman_cousins

# Phys. Rev. D 57, 3873, table IV: 90 %, counts, background.
TABLE = {
    (0, 0.0): (0.00, 2.44),
    (0, 1.0): (0.00, 1.61),
    (0, 2.0): (0.00, 1.26),
    (0, 3.0): (0.00, 1.08),
    (1, 0.0): (0.11, 4.36),
    (2, 0.0): (0.53, 5.91),
    (3, 0.0): (1.10, 7.42),
    (3, 3.0): (0.00, 4.42),
    (10, 0.0): (5.50, 16.50),
    (10, 3.0): (2.63, 13.50),
}


@pytest.mark.parametrize("case", TABLE)
def test_intervals_are_those_of_the_table(case):
    # Their grid of signals has steps of 0.005, ours is refined.
    assert feldman_cousins(*case, 0.9) == pytest.approx(TABLE[case], abs=0.006)


def test_other_confidences_are_those_of_the_tables():
    assert feldman_cousins(0, 0.0, 0.6827) == pytest.approx((0.0, 1.29), abs=0.006)
    assert feldman_cousins(3, 0.0, 0.6827) == pytest.approx((1.10, 5.30), abs=0.006)
    assert feldman_cousins(0, 0.0, 0.95) == pytest.approx((0.0, 3.09), abs=0.006)


@pytest.mark.parametrize(("background", "confidence"), [(0.7, 0.95), (3.0, 0.9)])
def test_every_signal_is_inside_as_often_as_promised(background, confidence):
    intervals = np.array([feldman_cousins(k, background, confidence) for k in range(18)])
    signal = np.linspace(0.01, 3, 200)[:, None]
    inside = (intervals[:, 0] <= signal + 1e-3) & (signal - 1e-3 <= intervals[:, 1])
    chance = poisson.pmf(np.arange(18), signal + background)
    assert ((inside * chance).sum(1) >= confidence - 1e-4).all()


def test_the_limit_never_grows_with_the_background():
    limits = [feldman_cousins(1, b, 0.9)[1] for b in np.arange(0, 3, 0.4)]
    assert (np.diff(limits) <= 0.002).all()


def test_what_cannot_be_is_refused():
    for bad in (-0.1, 1e9, np.nan):
        with pytest.raises(SettingProblem, match="background: is"):
            feldman_cousins(0, bad, 0.9)
    with pytest.raises(SettingProblem, match="detections: is 1001"):
        feldman_cousins(1001, 0.0, 0.9)
    with pytest.raises(SettingProblem, match="confidence: is 1;"):
        feldman_cousins(1, 0.0, 1.0)
    for few in (0.01, 0.2):
        low, high = feldman_cousins(2, 0.0, few)
        assert low <= 2 <= high + 1e-9
