"""Completeness: the ideal one, and what `slowburst inject` measured."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.table import Table
from scipy.stats import norm

from surveys.coverage.completeness import (
    IdealCompleteness,
    MeasuredCompleteness,
    read_completeness,
)
from surveys.errors import InputError


@pytest.fixture
def campaign(tmp_path):
    table = Table({
        "width_low": [0.1, 0.2, 0.4],
        "width_high": [0.2, 0.4, 0.8],
        "snr_50": [7.5, np.nan, 8.0],
        "snr_90": [9.0, np.nan, 10.0],
    })  # fmt: skip
    table.write(tmp_path / "widths.ecsv", format="ascii.ecsv")
    summary = {"threshold": 7.0, "snr_50": 7.6, "snr_90": 9.5}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    return tmp_path


def test_the_ideal_one_is_that_of_gaussian_noise():
    rng = np.random.default_rng(4)
    ideal = IdealCompleteness(threshold=7.0, efficiency=0.9)
    for snr in (6.0, 7.5, 9.0):
        share = float(ideal.found(snr, 1.0))
        n = 100_000
        seen = np.mean(0.9 * snr + rng.normal(size=n) > 7)
        assert abs(share - seen) < 4 * np.sqrt(share * (1 - share) / n) + 1e-9
    assert ideal.found(10.0, 1.0, 9.0) == pytest.approx(0.5)


def test_a_campaign_is_read_with_its_levels(campaign):
    found = read_completeness(campaign).found
    assert found(7.5, 0.15) == pytest.approx(0.5)
    assert found(9.0, 0.15) == pytest.approx(0.9)
    assert found(9.5, 0.3) == pytest.approx(0.9)
    assert found([8.0, 10.0], 0.5) == pytest.approx([0.5, 0.9])
    assert found(7.5, 0.01) == pytest.approx(0.5)
    assert found(100.0, 0.81) == 0
    assert found(0.0, 0.15) == 0
    # As a search with a higher threshold would have it.
    assert found(7.5 * 10 / 7, 0.15, 10.0) == pytest.approx(0.5)
    assert found(np.ones((3, 1)), [0.1, 0.5], 7.0).shape == (3, 2)
    np.testing.assert_allclose(read_completeness(campaign / "widths.ecsv").found(9.0, 0.15), 0.9)


def test_the_rise_is_a_probit_in_the_logarithm():
    one = MeasuredCompleteness(np.array([0.1, 10.0]), np.array([8.0]), np.array([0.15]), 7.0)
    snr = np.array([5.0, 8.0, 12.0])
    np.testing.assert_allclose(one.found(snr, 1.0), norm.cdf(np.log(snr / 8) / 0.15), rtol=1e-12)


def test_damaged_campaigns_are_told(campaign, tmp_path):
    summary = campaign / "summary.json"
    summary.write_text(json.dumps({"threshold": 7.0, "snr_50": None, "snr_90": None}))
    with pytest.raises(InputError, match=r"no threshold is known from 0\.2 s; inject more"):
        read_completeness(campaign)
    summary.write_text("{")
    with pytest.raises(InputError, match=r"summary\.json: file: cannot be read"):
        read_completeness(campaign)
    summary.write_text("[]")
    with pytest.raises(InputError, match=r"summary\.json: threshold: is None"):
        read_completeness(campaign)
    with pytest.raises(InputError, match="does not exist"):
        read_completeness(tmp_path / "nowhere")
    Table({"snr_50": [1.0]}).write(campaign / "widths.ecsv", format="ascii.ecsv", overwrite=True)
    with pytest.raises(InputError, match="width_low: is missing"):
        read_completeness(campaign)
