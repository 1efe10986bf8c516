"""SumThreshold against loops, and in noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.flagging.statistics import cube_root, deviations, level_and_spread, medians
from pipeline.flagging.sum_threshold import SumThreshold


def by_loops(z, sigmas, windows):
    """Every window of every length, one after the other."""
    flags = np.zeros(z.shape, bool)
    for length in windows:
        for turned in (False, True) if length > 1 else (False,):
            values, old = (z.T, flags.T.copy()) if turned else (z, flags.copy())
            new = old.copy()
            for t in range(len(values) - length + 1):
                for c in range(values.shape[1]):
                    part, was = values[t : t + length, c], old[t : t + length, c]
                    left = part[np.isfinite(part) & ~was]
                    if len(left) and left.sum() > sigmas * np.sqrt(len(left)):
                        new[t : t + length, c] |= np.isfinite(part)
            flags = new.T if turned else new
    return flags


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 20), st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(2, 4))
def test_windows_are_those_of_a_loop(n_times, n_channels, seed, sigmas):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n_times, n_channels))
    z[rng.random(z.shape) < 0.1] = np.nan
    z[rng.random(z.shape) < 0.1] += 8
    found = SumThreshold(sigmas, (1, 2, 4, 8))(z)
    np.testing.assert_array_equal(found, by_loops(z, sigmas, (1, 2, 4, 8)))


def test_weak_and_long_is_found_and_its_neighbours_are_not():
    z = np.random.default_rng(3).normal(size=(64, 40))
    z[10:42, 7] += 2.5
    flags = SumThreshold(6.0)(z)
    assert flags[12:40, 7].mean() > 0.8
    assert not np.delete(flags, 7, axis=1).any()


def test_false_flags_in_noise_lie_between_those_of_one_window_and_of_all():
    threshold = SumThreshold(4.0)
    z = np.random.default_rng(4).normal(size=(64, 40_000))
    n = int(threshold(z).sum())
    least, most = (share * z.size for share in threshold.false_share())
    # Flags of a window come together, up to 32 of them.
    assert least - 5 * np.sqrt(least) < n < most + 5 * np.sqrt(32 * most)
    assert not SumThreshold(7.0)(z).any()


def test_what_is_missing_is_never_flagged():
    z = np.full((20, 5), np.nan)
    assert not SumThreshold()(z).any()
    z[3, 2] = 1e9
    flags = SumThreshold()(z)
    assert flags.sum() == 1
    assert flags[3, 2]


@pytest.mark.parametrize("n", [28, 276])
def test_powers_of_noise_have_gaussian_tails(n):
    rng = np.random.default_rng(5)
    power = rng.gamma(n, 1 / n, 2_000_000)
    z = cube_root(power, np.array(n))
    assert abs(z.mean()) < 0.01
    assert z.std() == pytest.approx(1, abs=0.01)
    # Beyond 4 sigma a Gaussian has 63 of them; the powers themselves several times as many.
    assert abs((z > 4).sum() - 63.3) < 5 * np.sqrt(63.3)
    assert ((power - 1) * np.sqrt(n) > 4).sum() > 2 * 63.3


def test_deviations_have_the_scatter_of_the_frame_and_no_less_than_noise():
    rng = np.random.default_rng(6)
    values = 5 + rng.normal(0, 3, (64, 50))
    values[:, 4] = np.nan
    values[7:, 5] = np.nan
    z = deviations(values, 0.1)
    # The median of each channel takes a part of the scatter.
    assert np.nanstd(z) == pytest.approx(1, abs=0.06)
    assert np.isnan(z[:, 4:6]).all()
    assert np.nanstd(deviations(values, 30.0)) == pytest.approx(0.1, abs=0.01)


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_medians_leave_out_what_is_not_there(n, seed, missing):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 4))
    values[rng.random(values.shape) < missing] = np.nan
    for c, median in enumerate(medians(values)):
        seen = values[np.isfinite(values[:, c]), c]
        expected = np.median(seen) if len(seen) else np.nan
        assert median == pytest.approx(expected, nan_ok=True)
    level, spread = level_and_spread(values.T)
    np.testing.assert_allclose(level, medians(values))
    np.testing.assert_allclose(spread, 1.4826 * medians(np.abs(values - medians(values))))
