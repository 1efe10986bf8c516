"""Local maxima against a loop over every voxel."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerberus.kernels.peaks import find_peaks


def loop(snr: np.ndarray, threshold: float, margin: int, reach: int) -> list[tuple[int, float]]:
    """Index into the inner map and height of each local maximum, the highest first."""
    n_time, ny, nx = snr.shape[0] - 2 * margin, *snr.shape[1:]
    found = []
    for t in range(n_time):
        for y in range(ny):
            for x in range(nx):
                box = snr[
                    t : t + 2 * margin + 1,
                    max(0, y - reach) : y + reach + 1,
                    max(0, x - reach) : x + reach + 1,
                ]
                value = snr[t + margin, y, x]
                if value >= threshold and value == box.max():
                    found.append(((t * ny + y) * nx + x, float(value)))
    return sorted(found, key=lambda p: (-p[1], p[0]))


def listed(peaks) -> list[tuple[int, float]]:
    used = np.asarray(peaks.index) >= 0
    pairs = zip(np.asarray(peaks.index)[used], np.asarray(peaks.snr)[used], strict=True)
    return sorted(((int(i), float(s)) for i, s in pairs), key=lambda p: (-p[1], p[0]))


@given(
    shape=st.sampled_from([(7, 5, 6), (20, 1, 1), (1, 1, 9)]),
    margin=st.sampled_from([1, 4]),
    reach=st.sampled_from([0, 2]),
    threshold=st.sampled_from([-1.0, 0.5, 1.5, 9.0]),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=10)
def test_the_same_maxima_as_a_loop(shape, margin, reach, threshold, seed):
    rng = np.random.default_rng(seed)
    snr = rng.normal(size=(shape[0] + 2 * margin, *shape[1:])).astype(np.float32)
    peaks = find_peaks(jnp.asarray(snr), threshold, margin, reach, 500)
    expected = loop(snr, threshold, margin, reach)
    assert listed(peaks) == expected
    assert int(peaks.n_found) == len(expected)


def test_more_peaks_than_slots_keeps_the_largest_and_counts_all():
    snr = np.zeros((40, 3, 3), np.float32)
    heights = np.random.default_rng(1).permutation(12) + 10.0
    snr[4:36:3, 1, 1][: len(heights)] = heights[: len(snr[4:36:3, 1, 1])]
    expected = loop(snr, 5.0, 1, 1)
    peaks = find_peaks(jnp.asarray(snr), 5.0, 1, 1, 4)
    assert int(peaks.n_found) == len(expected) > 4
    assert listed(peaks) == expected[:4]


def test_slots_without_a_peak_are_marked():
    snr = np.zeros((10, 2, 2), np.float32)
    snr[5, 0, 1] = 8
    peaks = find_peaks(jnp.asarray(snr), 7.0, 2, 1, 6)
    assert np.asarray(peaks.index).tolist() == [(5 - 2) * 4 + 1] + [-1] * 5
    nothing = find_peaks(jnp.asarray(snr), 9.0, 2, 1, 6)
    assert np.asarray(nothing.index).tolist() == [-1] * 6
    assert int(nothing.n_found) == 0


def test_slots_never_outnumber_the_samples():
    peaks = find_peaks(jnp.ones((3, 1, 1)), 0.5, 1, 0, 100)
    assert peaks.index.shape == (1,)


@pytest.mark.parametrize(("t", "n_found"), [(1, 0), (2, 1), (9, 1), (10, 0)])
def test_a_peak_belongs_to_the_map_that_holds_its_sample(t, n_found):
    """The margins are context: what peaks there is the business of the maps beside."""
    snr = np.zeros((12, 1, 1), np.float32)
    snr[t] = 9
    assert int(find_peaks(jnp.asarray(snr), 7.0, 2, 0, 3).n_found) == n_found


def test_before_the_first_sample_nothing_stands_in_the_way():
    """A stream's first margin is -inf: the first sample may be a maximum."""
    snr = np.full((9, 2, 2), -np.inf, np.float32)
    snr[3:] = 1
    snr[3, 1, 1] = 8
    peaks = find_peaks(jnp.asarray(snr), 7.0, 3, 1, 5)
    assert listed(peaks) == [(3, 8.0)]


def test_corners_of_the_image_compare_with_what_there_is():
    snr = np.zeros((3, 5, 5), np.float32)
    snr[1, [0, 0, 4, 4], [0, 4, 0, 4]] = [8, 9, 10, 11]
    peaks = find_peaks(jnp.asarray(snr), 7.0, 1, 2, 9)
    assert listed(peaks) == [(24, 11.0), (20, 10.0), (4, 9.0), (0, 8.0)]
