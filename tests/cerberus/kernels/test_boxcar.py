"""Boxcar sums and the choice of the best trial against loops."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerberus.kernels.boxcar import Rung, best_snr, boxcar_sums, locate_trial


def direct(z: np.ndarray, rung: Rung) -> np.ndarray:
    n = z.shape[1] - rung.width + 1
    return np.stack(
        [z[:: rung.stride, t : t + rung.width].astype(float).sum(1) for t in range(n)], axis=1
    )


@st.composite
def ladders(draw: st.DrawFn) -> list[Rung]:
    """Rising widths whose strides, powers of two, never fall."""
    widths = sorted(draw(st.sets(st.integers(1, 20), min_size=1, max_size=6)))
    strides = sorted(1 << draw(st.integers(0, 3)) for _ in widths)
    return [Rung(w, s, len(range(0, 9, s))) for w, s in zip(widths, strides, strict=True)]


@given(rungs=ladders())
@settings(max_examples=8)
def test_sums_are_those_of_a_loop(rungs):
    z = np.random.default_rng(2).integers(-99, 99, (9, 24, 2)).astype(np.float32)
    with jax.disable_jit():
        sums = boxcar_sums(jnp.asarray(z), rungs)
    for rung, total in zip(rungs, sums, strict=True):
        assert total.shape == (rung.n_rows, 24 - rung.width + 1, 2)
        np.testing.assert_array_equal(np.asarray(total), direct(z, rung))


def test_a_level_shift_does_not_build_up_rounding():
    """Sums of 24 numbers near 1e4 keep float32's own precision, however long the row."""
    z = (1e4 + np.random.default_rng(3).normal(size=(1, 20000, 1))).astype(np.float32)
    (total,) = boxcar_sums(jnp.asarray(z), [Rung(24, 1, 1)])
    exact = direct(z, Rung(24, 1, 1))
    assert np.abs(np.asarray(total) / exact - 1).max() < 4 * np.finfo(np.float32).eps


@pytest.fixture
def trials():
    """Sums, scales and weights of three rungs with different numbers of rows."""
    rng = np.random.default_rng(4)
    shapes = [(5, 40, 7), (3, 40, 7), (2, 40, 7)]
    sums = [rng.normal(size=s).astype(np.float32) for s in shapes]
    scales = [rng.uniform(0.5, 2, (*s[:2], 1)).astype(np.float32) for s in shapes]
    weights = [rng.uniform(1, 3, s).astype(np.float32) for s in shapes]
    scales[1][:, 10] = 0
    return sums, scales, weights


def test_best_trial_is_the_largest_product(trials):
    sums, scales, weights = trials
    best = best_snr(sums, scales)
    i_rung, i_row, flux = locate_trial(sums, scales, weights, best)
    for t in range(40):
        for p in range(7):
            snr = [s[:, t, p] * k[:, t, 0] for s, k in zip(sums, scales, strict=True)]
            flat = [(max(v), -i) for i, v in enumerate(snr)]
            top, rung = max(flat)
            rung = -rung
            row = int(np.argmax(snr[rung]))
            assert best[t, p] == np.float32(top)
            assert (i_rung[t, p], i_row[t, p]) == (rung, row)
            expected = sums[rung][row, t, p] / weights[rung][row, t, p]
            assert flux[t, p] == pytest.approx(expected, rel=1e-6)


def test_equal_trials_give_the_narrowest_and_the_lowest_row():
    ones = [jnp.ones((3, 4, 2)), jnp.ones((2, 4, 2))]
    i_rung, i_row, flux = locate_trial(ones, ones, ones, best_snr(ones, ones))
    assert np.all(np.asarray(i_rung) == 0)
    assert np.all(np.asarray(i_row) == 0)
    assert np.all(np.asarray(flux) == 1)


def test_a_trial_without_data_never_wins_over_a_positive_one():
    sums = [jnp.full((1, 3, 1), 0.5), jnp.full((1, 3, 1), 1e30)]
    scales = [jnp.ones((1, 3, 1)), jnp.zeros((1, 3, 1))]
    best = best_snr(sums, scales)
    i_rung, _, _ = locate_trial(sums, scales, scales, best)
    assert np.all(np.asarray(best) == 0.5)
    assert np.all(np.asarray(i_rung) == 0)


def test_a_best_that_differs_in_its_last_bit_still_has_a_row():
    """The product may be made again with another rounding: a row of the rung must come out."""
    sums = [jnp.zeros((2, 1, 1)), jnp.asarray([[[1.0]], [[2.0]]])]
    scales = [jnp.ones((2, 1, 1))] * 2
    best = jnp.nextafter(jnp.asarray([[2.0]]), jnp.asarray(3.0))
    i_rung, i_row, _ = locate_trial(sums, scales, scales, best)
    assert (int(i_rung[0, 0]), int(i_row[0, 0])) == (1, 1)
