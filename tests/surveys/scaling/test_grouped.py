"""Medians of groups: against loops, against draws, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Column, MaskedColumn, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from surveys.errors import SettingProblem
from surveys.scaling.grouped import grouped, median_error, unflagged


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 200), seed=st.integers(0, 1000))
def test_every_group_is_what_a_loop_finds(n, seed):
    rng = np.random.default_rng(seed)
    columns = {
        "ratio": np.where(rng.uniform(size=n) < 0.1, np.nan, rng.lognormal(size=n)),
        "snr": rng.choice([5.0, 10.0, 20.0], n),
        "band": rng.choice(["F200W", "F444W"], n),
        "z": rng.uniform(4, 11, n),
    }
    keep, detected = rng.uniform(size=n) < 0.8, rng.uniform(size=n) < 0.7
    edges = [5.0, 6.5, 8.0, 10.0]
    table = grouped(
        columns, "ratio", {"band": None, "z": edges, "snr": None}, keep=keep, detected=detected
    )
    counted = 0
    for row in table:
        last = row["z_high"] == edges[-1]
        here = (columns["band"] == row["band"]) & (columns["snr"] == row["snr"])
        here &= (columns["z"] >= row["z_low"]) & (columns["z"] < row["z_high"] + last)
        here &= columns["z"] <= edges[-1]
        counted += here.sum()
        used = columns["ratio"][here & keep & detected & np.isfinite(columns["ratio"])]
        assert (row["n"], row["n_detected"]) == (here.sum(), (here & detected).sum())
        assert row["n_used"] == len(used)
        assert row["fraction_detected"] == row["n_detected"] / row["n"]
        assert 0 <= row["fraction_low"] <= row["fraction_detected"] <= row["fraction_high"] <= 1
        if len(used):
            found = [row["p16"], row["median"], row["p84"]]
            np.testing.assert_allclose(found, np.percentile(used, [15.865, 50, 84.135]))
        else:
            assert np.isnan([row["median"], row["p16"], row["p84"], row["median_err"]]).all()
    assert counted == ((columns["z"] >= 5) & (columns["z"] <= 10)).sum()
    keys = [tuple(row[["band", "z_low", "snr"]]) for row in table]
    assert keys == sorted(set(keys))


def test_the_error_of_a_median_is_that_of_many_draws():
    rng = np.random.default_rng(0)
    for n in (5, 21, 101):
        values = rng.lognormal(size=n)
        drawn = np.median(rng.choice(values, (20_000, n)), axis=1).std()
        # 20,000 draws tell a standard deviation to 0.5 %, more where the tail is long.
        assert median_error(values) == pytest.approx(drawn, rel=0.03)
    # For normal values it is known: 1.2533 / sqrt(n).
    many = [median_error(rng.normal(size=401)) for _ in range(200)]
    assert np.mean(many) == pytest.approx(1.2533 / np.sqrt(401), rel=0.04)
    assert np.isnan(median_error(np.array([1.0, 2.0])))
    assert median_error(np.full(50, 0.1)) == 0.0


def test_flags_and_tables():
    table = Table(
        {
            "ratio": MaskedColumn([0.5, 0.7, 0.9, 1.1], mask=[False, False, False, True]),
            "flags": [0, 4, 1, 0],
            "band": ["a", "a", "a", "a"],
        }
    )
    keep = unflagged(table["flags"], bad=0b110)
    np.testing.assert_array_equal(keep, [True, False, True, True])
    row = grouped(table, "ratio", ["band"], keep=keep)[0]
    # A masked value is none, and so not detected.
    assert (row["n"], row["n_detected"], row["n_used"]) == (4, 3, 2)
    assert row["median"] == pytest.approx(0.7)


def test_rows_without_a_group_and_no_rows():
    columns = {"ratio": [1.0, 2.0, 3.0], "z": [5.0, np.nan, 6.0]}
    assert list(grouped(columns, "ratio", ["z"])["z"]) == [5.0, 6.0]
    none = grouped(columns, "ratio", {"z": [20.0, 30.0]})
    assert len(none) == 0
    assert none.colnames[:3] == ["z_low", "z_high", "n"]
    empty = grouped(
        {"ratio": Column([], dtype=float), "z": Column([], dtype=float)}, "ratio", ["z"]
    )
    assert len(empty) == 0
    masked = MaskedColumn([1, 2, 2], mask=[False, False, True])
    table = grouped({"ratio": [1.0, 2.0, 3.0], "snr": masked}, "ratio", ["snr"])
    assert list(table["n"]) == [1, 1]


@pytest.mark.parametrize(
    ("by", "more", "words"),
    [
        ([], {}, "by: is empty"),
        (["redshift"], {}, "redshift: is no column; there are ratio, z, short, band, name"),
        (["short"], {}, r"short: has shape \(2,\), the values \(3,\)"),
        ({"z": [6.0, 5.0]}, {}, "by.z: has edges that do not rise"),
        ({"z": [6.0]}, {}, "by.z: has edges that do not rise"),
        ({"z": ["a", "b"]}, {}, "by.z: has edges of text"),
        ({"band": [1.0, 2.0]}, {}, "band: holds text; give numbers"),
        (["name"], {}, "name: holds object"),
        (["z"], {"keep": [1, 1, 0]}, r"keep: is int64 of shape \(3,\); give 3 of true and false"),
        (["z"], {"detected": [True]}, r"detected: is bool of shape \(1,\)"),
    ],
)
def test_columns_that_cannot_be(by, more, words):
    columns = {"ratio": [1.0, 2.0, 3.0], "z": [5.0, 5.0, 6.0], "short": [1.0, 2.0]}
    columns |= {"band": ["a", "b", "c"], "name": [None, "x", "y"]}
    with pytest.raises(SettingProblem, match=words):
        grouped(columns, "ratio", by, **more)
