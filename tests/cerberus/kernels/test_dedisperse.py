"""The tree of shared sums against the plain double loop."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cerberus.kernels import dedisperse as module
from cerberus.kernels.dedisperse import build_tree, dedisperse


def brute_force(delays: np.ndarray, x: np.ndarray, n_out: int) -> np.ndarray:
    out = np.zeros((len(delays), n_out, x.shape[2]))
    for d, row in enumerate(delays):
        for c, delay in enumerate(row):
            out[d] += x[c, delay : delay + n_out]
    return out


def integers_for(delays: np.ndarray, n_out: int, seed: int = 0) -> np.ndarray:
    """Small whole numbers: float32 adds them without rounding, so sums are exact."""
    shape = (delays.shape[1], n_out + delays.max(), 3)
    return np.random.default_rng(seed).integers(-50, 50, shape).astype(np.float32)


@st.composite
def delay_tables(draw: st.DrawFn) -> np.ndarray:
    """Any table of delays that has an undelayed channel in each trial."""
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 9)))
    delays = draw(arrays(np.int64, shape, elements=st.integers(0, 12)))
    delays[:, draw(st.integers(0, shape[1] - 1))] = 0
    return delays


# Nothing is compiled here, operation by operation is quicker for shapes seen once.
@pytest.mark.parametrize("lowering", ["_unrolled", "_gathered"])
@given(delays=delay_tables(), n_out=st.integers(1, 6))
@settings(max_examples=5)
def test_both_lowerings_sum_along_any_delays(lowering, delays, n_out):
    x = integers_for(delays, n_out)
    with jax.disable_jit(lowering == "_unrolled"):
        result = getattr(module, lowering)(build_tree(delays), jax.numpy.asarray(x), n_out)
    np.testing.assert_array_equal(np.asarray(result), brute_force(delays, x, n_out))


def dispersion_delays(n_channels: int, n_trials: int, max_delay: int) -> np.ndarray:
    freq = np.linspace(1280.0, 1530.0, n_channels)
    slope = freq**-2.0 - freq.max() ** -2.0
    slope = slope / slope.max() if n_channels > 1 else slope
    return np.rint(np.linspace(0, max_delay, n_trials)[:, None] * slope).astype(np.int64)


@pytest.mark.parametrize(
    ("n_channels", "n_trials", "max_delay"), [(8, 33, 16), (1, 3, 0), (2, 9, 8), (48, 301, 150)]
)
def test_dispersion_delays_by_the_lowering_chosen(n_channels, n_trials, max_delay):
    delays = dispersion_delays(n_channels, n_trials, max_delay)
    tree, x = build_tree(delays), integers_for(delays, 20)
    scale = np.arange(1.0, n_trials + 1)[:, None] * np.arange(1.0, x.shape[2] + 1)
    result, scaled = jax.jit(lambda x: (dedisperse(tree, x, 20), dedisperse(tree, x, 20, scale)))(x)
    expected = brute_force(delays, x, 20)
    np.testing.assert_array_equal(np.asarray(result), expected)
    np.testing.assert_array_equal(np.asarray(scaled), expected * scale[:, None])


def test_small_trees_are_written_out_and_large_ones_gathered(monkeypatch):
    used = []
    for name in ("_unrolled", "_gathered"):
        monkeypatch.setattr(module, name, lambda *_, name=name: used.append(name))
    dedisperse(build_tree(dispersion_delays(4, 9, 4)), np.zeros((4, 8, 1)), 4)
    dedisperse(build_tree(dispersion_delays(256, 1001, 500)), np.zeros((256, 504, 1)), 4)
    assert used == ["_unrolled", "_gathered"]


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1), [3, 0, 7, 1, 5, 2, 6, 4]])
def test_the_order_of_channels_does_not_matter(order):
    delays = dispersion_delays(8, 21, 10)
    x = integers_for(delays, 12)
    tree = build_tree(delays[:, order])
    result = jax.jit(lambda x: dedisperse(tree, x, 12))(x[order])
    np.testing.assert_array_equal(np.asarray(result), brute_force(delays, x, 12))


def test_the_tree_saves_additions():
    """Sixteen channels and a fine grid of DM: well under the additions of the plain sum."""
    delays = dispersion_delays(16, 513, 256)
    assert build_tree(delays).n_nodes < 513 * 15 / 2


def test_a_dispersed_pulse_is_whole_in_its_own_trial_only():
    delays = dispersion_delays(16, 21, 40)
    x = np.zeros((16, 100, 1), np.float32)
    x[np.arange(16), 30 + delays[13], 0] = 1
    tree = build_tree(delays)
    sums = np.asarray(jax.jit(lambda x: dedisperse(tree, x, 60))(x))[:, :, 0]
    assert sums[13, 30] == 16
    assert np.argwhere(sums == 16).tolist() == [[13, 30]]
    np.testing.assert_array_equal(sums.sum(1), 16)
