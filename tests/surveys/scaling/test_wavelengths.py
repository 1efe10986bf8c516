"""Ratios of sizes between bands."""

from __future__ import annotations

import numpy as np
import pytest

from surveys.errors import SettingProblem
from surveys.scaling.wavelengths import size_ratios


def test_a_known_ratio_with_scatter():
    rng = np.random.default_rng(0)
    n, dex = 2000, 0.1
    z = np.repeat([5.0, 8.0], n // 2)
    uv = rng.lognormal(size=n)
    optical = uv * np.where(z == 5, 0.6, 0.8) * 10 ** (dex * rng.normal(size=n))
    size = np.stack([optical, uv, np.full(n, np.nan)], axis=1)
    size[:100, 1] = np.nan
    size[200:250, 0] = np.nan
    table = size_ratios(size, [0.4, 0.16, 50.0], z)
    assert table.meta["reference_um"] == 0.16
    assert list(table["z"]) == [5.0] * 3 + [8.0] * 3
    assert list(table["rest_um"]) == [0.16, 0.4, 50.0] * 2
    np.testing.assert_array_equal(table["n"], [900] * 3 + [1000] * 3)
    np.testing.assert_array_equal(table["n_detected"], [900, 850, 0, 1000, 1000, 0])
    for row, expected in zip(table[[1, 4]], (0.6, 0.8), strict=True):
        error = 1.2533 * dex * np.log(10) * expected / np.sqrt(row["n_used"])
        assert row["median_err"] == pytest.approx(error, rel=0.25)
        assert abs(row["median"] - expected) < 3.5 * error
        # A percentile of n values has a larger error than their standard deviation.
        assert abs(row["scatter_dex"] - dex) < 4 * dex / np.sqrt(row["n_used"])
    reference = table[[0, 3]]
    assert (reference["median"] == 1).all()
    assert (reference["scatter_dex"] == 0).all()
    assert np.isnan(table["median"][[2, 5]]).all()


@pytest.mark.parametrize(
    ("size", "rest_um", "words"),
    [
        ([[1.0, 2.0]], [0.15], "size_kpc: has shape"),
        ([[1.0, 2.0]], [0.15, -1.0], "rest_um: has a wavelength not above 0"),
        ([[1.0, 2.0]], [0.4, 0.4], "rest_um: has one wavelength twice"),
        ([[1.0, 0.0]], [0.15, 0.4], "size_kpc: has one that is not above 0; give NaN"),
        ([[np.nan, 1.0]], [0.15, 0.4], "has none at 0.15 um, which others are compared with"),
    ],
)
def test_sizes_that_cannot_be(size, rest_um, words):
    with pytest.raises(SettingProblem, match=words):
        size_ratios(size, rest_um, [5.0])
