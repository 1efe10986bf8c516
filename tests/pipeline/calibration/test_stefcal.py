"""Gains against those that visibilities were made with, and their errors against a bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.calibration.stefcal import solve_gains

N_ANTENNAS, N_PROBLEMS, N_PIECES = 20, 64, 3


def pairs(n=N_ANTENNAS):
    return np.stack(np.triu_indices(n, 1), axis=1)


def made(rng, sigma, n=N_ANTENNAS, n_problems=N_PROBLEMS, flagged=0.1):
    """Gains, visibilities of a source of 1, weights; weights say how noisy each is."""
    i, j = pairs(n).T
    amplitude = 1 + 0.3 * rng.uniform(-1, 1, (n_problems, n))
    gains = amplitude * np.exp(2j * np.pi * rng.random((n_problems, n)))
    shape = (n_problems, N_PIECES, len(i))
    weights = rng.uniform(0.5, 2, shape).astype(np.float32)
    noise = (rng.standard_normal((*shape, 2)) @ [1, 1j]) * sigma / np.sqrt(weights)
    vis = gains[:, None, i] * gains[:, None, j].conj() + noise
    weights[rng.random(shape) < flagged] = 0
    vis[weights == 0] = np.nan
    return gains, vis.astype(np.complex64), weights


def errors(found, gains):
    """Of gains whose phases as a whole are made equal, along and across the true ones."""
    product = np.sum(gains * np.conj(found), axis=1, keepdims=True)
    turned = found * product / np.abs(product)
    return (turned - gains) * np.exp(-1j * np.angle(gains))


def bound(gains, weights, sigma):
    """Cramer-Rao bound of the amplitude of each gain: the inverse of the Fisher matrix, in full."""
    i, j = pairs().T
    out = []
    for g, w in zip(gains, weights.sum(1), strict=True):
        rows = np.zeros((2 * len(i), 2 * N_ANTENNAS))
        at = np.arange(len(i))
        a, p = np.abs(g), np.angle(g)
        turn = np.exp(1j * (p[i] - p[j]))
        for column, value in (
            (i, a[j] * turn),
            (j, a[i] * turn),
            (N_ANTENNAS + i, 1j * a[i] * a[j] * turn),
            (N_ANTENNAS + j, -1j * a[i] * a[j] * turn),
        ):
            rows[at, column], rows[len(i) + at, column] = value.real, value.imag
        weighted = rows * np.concatenate([w, w])[:, None]
        covariance = sigma**2 * np.linalg.pinv(rows.T @ weighted)
        out.append(np.sqrt(np.diag(covariance)[:N_ANTENNAS]))
    return np.array(out)


def solve(vis, weights, n=N_ANTENNAS):
    return solve_gains(vis, weights, pairs(n), n)


def test_without_noise_gains_are_exact():
    gains, vis, weights = made(np.random.default_rng(1), 0.0)
    found, _, _, outliers = solve(vis, weights)
    assert np.abs(errors(found, gains)).max() < 1e-4
    # A share, summed in any order.
    assert outliers.max() < 1e-6


@pytest.mark.parametrize("sigma", [0.05, 0.7])
def test_errors_are_those_of_the_cramer_rao_bound(sigma):
    """Robust weights cost some per cent; of 1280 amplitudes the rms is known to 2 %."""
    gains, vis, weights = made(np.random.default_rng(2), sigma)
    found, error, noise, _ = solve(vis, weights)
    off = errors(found, gains).real / bound(gains, weights, sigma)
    assert 0.96 < np.sqrt(np.mean(off**2)) < 1.10
    # The median of 450 moduli is known to 4 %, that of 64 such to 0.5 %.
    assert noise.mean() == pytest.approx(sigma, rel=0.015)
    assert (errors(found, gains).real / error).std() == pytest.approx(1, abs=0.1)
    assert (errors(found, gains).imag / error).std() == pytest.approx(1, abs=0.1)


def test_outliers_have_no_say():
    rng = np.random.default_rng(3)
    gains, vis, weights = made(rng, 0.1)
    clean = solve(vis, weights)
    bad = rng.random(vis.shape) < 0.08
    vis[bad] += 10 ** rng.uniform(0.5, 6, bad.sum()) * np.exp(2j * np.pi * rng.random(bad.sum()))
    found, error, _, outliers = solve(vis, weights)
    rms = np.sqrt(np.mean(np.abs(errors(found, gains)) ** 2))
    expected = np.sqrt(np.mean(np.abs(errors(clean[0], gains)) ** 2))
    # 8 % fewer data.
    assert rms < 1.1 * expected
    share = (bad & (weights > 0)).sum() / (weights > 0).sum()
    assert outliers.mean() == pytest.approx(share, rel=0.03)
    assert (np.abs(found) > 0).all()
    assert (error > 0).all()


def test_a_baseline_that_is_bad_all_the_time_has_no_say():
    gains, vis, weights = made(np.random.default_rng(4), 0.1)
    vis[:, :, 7] = 1e4
    found, error, _, _ = solve(vis, weights)
    off = errors(found, gains)
    assert np.abs(off / error[..., :]).max() < 6


def test_antennas_without_data_have_no_gain():
    gains, vis, weights = made(np.random.default_rng(5), 0.1)
    lost = (pairs() == 4).any(axis=1)
    weights[:, :, lost] = 0
    # One with a single baseline has no amplitude of its own.
    one = (pairs() == 9).any(axis=1) & ~(pairs() == 10).any(axis=1)
    weights[:, :, one] = 0
    found, error, _, _ = solve(vis, weights)
    assert not found[:, [4, 9]].any()
    assert not error[:, [4, 9]].any()
    rest = [a for a in range(N_ANTENNAS) if a not in (4, 9)]
    assert np.abs(errors(found[:, rest], gains[:, rest])).max() < 0.3


def test_nothing_at_all_gives_nothing():
    _, vis, weights = made(np.random.default_rng(6), 0.1, n_problems=2)
    weights[0] = 0
    found, error, _, _ = solve(vis, weights)
    assert not found[0].any()
    assert not error[0].any()
    assert found[1].all()


@settings(max_examples=8)
@given(st.sampled_from([4, 7]), st.integers(0, 1000), st.floats(-4, 4))
def test_any_array_at_any_scale(n, seed, exponent):
    gains, vis, weights = made(np.random.default_rng(seed), 0.0, n, 2, flagged=0.0)
    scale = np.float32(10**exponent)
    found = solve(vis * scale**2, weights, n)[0]
    assert np.abs(errors(found / scale, gains)).max() < 1e-3
