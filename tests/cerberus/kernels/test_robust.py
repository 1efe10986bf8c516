"""Robust locations against NumPy, and their constants against simulation and quadrature."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad
from scipy.stats import norm

from cerberus.kernels.robust import (
    WINSOR_LIMIT,
    WINSOR_MOMENT,
    clipped_mean,
    excess_without_highest,
    median8,
    median8_of_chi2,
    sort8,
    trimmed8,
)

# XLA takes numbers too small for float32's full precision for zero.
NUMBERS = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
EIGHTS = arrays(np.float32, (8, 5), elements=NUMBERS)


@given(x=EIGHTS)
def test_eight_values_are_sorted(x):
    np.testing.assert_array_equal(np.stack(sort8(jnp.asarray(x))), np.sort(x, axis=0))


def test_the_network_sorts_every_pattern_of_zeros_and_ones():
    """By the 0-1 principle it then sorts everything."""
    patterns = (np.arange(256)[None] >> np.arange(8)[:, None]) & 1
    np.testing.assert_array_equal(np.stack(sort8(jnp.asarray(patterns))), np.sort(patterns, axis=0))


def test_infinities_sort_to_the_ends():
    x = np.array([np.inf, 3, -np.inf, 1, np.inf, 2, 0, 5], np.float32)[:, None]
    np.testing.assert_array_equal(np.stack(sort8(jnp.asarray(x))), np.sort(x, axis=0))


@given(x=EIGHTS)
def test_median_and_trimmed_mean(x):
    s = np.sort(x.astype(float), axis=0)
    atol = 1e-6 * np.abs(s).max() + 1e-12
    np.testing.assert_allclose(median8(jnp.asarray(x)), np.median(s, axis=0), rtol=0, atol=atol)
    np.testing.assert_allclose(trimmed8(jnp.asarray(x)), s[2:6].mean(0), rtol=0, atol=atol)


@pytest.mark.parametrize("n", [16, 64, 1024])
def test_expected_median_of_eight_mean_squares(n):
    """Four standard errors of half a million draws; the approximation has 1e-4 of its own."""
    draws = np.random.default_rng(n).chisquare(n, (60000, 8)) / n
    medians = np.median(draws, axis=1)
    error = medians.std() / np.sqrt(len(medians))
    assert median8_of_chi2(n) == pytest.approx(medians.mean(), abs=4 * error + 2e-4)


def test_second_moment_of_a_limited_normal():
    value, _ = quad(lambda x: min(x * x, WINSOR_LIMIT**2) * norm.pdf(x), -10, 10, points=[-3, 3])
    assert pytest.approx(value, abs=1e-9) == WINSOR_MOMENT


@pytest.fixture(scope="module")
def stretches():
    """Weighted sums of 32 stretches of 2000 pixels: mean 5, noise 2 a sample."""
    rng = np.random.default_rng(11)
    weights = rng.uniform(2.0, 20.0, (32, 1))
    sums = 5 * weights + 2 * np.sqrt(weights) * rng.normal(size=(32, 2000))
    return sums, weights


clip = jax.jit(clipped_mean, static_argnums=3)


def clipped(sums, weights, scale=2.0):
    mean, kept, excess = clip(
        jnp.asarray(sums, jnp.float32),
        jnp.asarray(weights, jnp.float32),
        jnp.full(sums.shape[1], scale, jnp.float32),
        8.0,
    )
    return np.asarray(mean), np.asarray(kept), np.asarray(excess)


def test_clipped_mean_of_noise_is_the_weighted_mean(stretches):
    sums, weights = stretches
    mean, kept, excess = clipped(sums, weights)
    assert kept.all()
    np.testing.assert_allclose(mean, sums.sum(0) / weights.sum(), rtol=1e-5)
    # From the lower median deviation of 32 stretches, a little low.
    assert np.median(excess) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("n_bad", [1, 3, 9])
@pytest.mark.parametrize("height", [30.0, 1000.0, -300.0])
def test_contaminated_stretches_are_left_out(stretches, n_bad, height):
    """More than a quarter of the window may be a pulse: no part of its own baseline."""
    sums, weights = stretches
    dirty = sums.copy()
    dirty[7 : 7 + n_bad] += height * 2 * np.sqrt(weights[7 : 7 + n_bad])
    mean, kept, _ = clipped(dirty, weights)
    good = np.ones(32, bool)
    good[7 : 7 + n_bad] = False
    assert not kept[~good].any()
    assert kept[good].mean() > 0.999
    clean = sums[good].sum(0) / weights[good].sum()
    assert np.abs(mean - clean).max() < 0.2 * 2 / np.sqrt(weights.sum())


def test_scatter_beyond_the_noise_is_measured(stretches):
    sums, weights = stretches
    _, _, excess = clipped(5 * weights + 3 * (sums - 5 * weights), weights)
    assert np.median(excess) == pytest.approx(9, rel=0.2)


def test_a_pulse_does_not_scatter_the_stretches_below_it(stretches):
    """Seventeen stretches, four of them a pulse: chance passes 3.8 without it, not with it."""
    sums, weights = (a[:17] for a in stretches)
    sums = sums.copy()
    sums[5:9] += 8 * 2 * np.sqrt(weights[5:9])
    arrays = (jnp.asarray(a, jnp.float32) for a in (sums, weights + 0 * sums))
    rest = np.asarray(excess_without_highest(*arrays, jnp.full(2000, 2, jnp.float32), 4))
    level, n = np.sort(sums / weights, axis=0)[:13], np.argsort(sums / weights, axis=0)[:13]
    u = (level - level[6]) * np.sqrt(weights[n][:, :, 0]) / 2
    np.testing.assert_allclose(rest, (np.sort(np.abs(u), axis=0)[6] / 0.6745) ** 2, rtol=1e-3)
    _, _, excess = clipped(sums, weights)
    assert (excess > 3.8).mean() > 0.05
    assert (rest > 3.2).mean() < 0.02


def test_absent_stretches_are_not_kept(stretches):
    sums, weights = stretches
    few = weights.copy()
    few[20:] = 0
    mean, kept, _ = clipped(np.where(few > 0, sums, 0), few)
    assert not kept[20:].any()
    np.testing.assert_allclose(mean, sums[:20].sum(0) / weights[:20].sum(), rtol=1e-5)


def test_nothing_at_all_has_mean_zero():
    mean, kept, excess = clipped(np.zeros((32, 4)), np.zeros((32, 1)))
    assert not kept.any()
    assert np.all(mean == 0)
    assert np.isfinite(excess).all()
