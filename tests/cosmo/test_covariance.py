"""Covariance of spectra, against loops and against simulated skies."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmo.band_powers import band_windows
from cosmo.covariance import (
    all_pairs,
    band_covariance,
    gaussian_covariance,
    multipoles_per_sample,
    number_of_modes,
    pairs_of,
    tracers_by_tracers,
    with_noise,
)

_covariance = jax.jit(gaussian_covariance, static_argnames="pairs")


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def spectra(seed, n_tracers, n_ell):
    """Random matrices of spectra of very different size, positive definite."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n_ell, n_tracers, n_tracers + 2))
    scale = 10.0 ** rng.uniform(-6, 0, n_tracers)
    cl = np.einsum("lik,ljk,i,j->ijl", a, a, scale, scale)
    return (cl + cl.swapaxes(0, 1)) / 2


def slow_covariance(total, pairs, modes):
    covariance = np.zeros((len(modes), len(pairs), len(pairs)))
    for l, n in enumerate(modes):
        for p, (a, b) in enumerate(pairs):
            for q, (c, d) in enumerate(pairs):
                both = total[a, c, l] * total[b, d, l] + total[a, d, l] * total[b, c, l]
                covariance[l, p, q] = both / n
    return covariance


def test_the_covariance_is_that_of_the_loop():
    total, pairs = spectra(1, 4, 7), ((0, 0), (1, 3), (0, 2), (3, 3), (2, 3))
    modes = np.asarray(number_of_modes(np.arange(2, 9), 0.3))
    found = gaussian_covariance(total, pairs, modes)
    np.testing.assert_allclose(found, slow_covariance(total, pairs, modes), rtol=1e-13)


@pytest.mark.parametrize("overlap", [False, True])
def test_band_powers_have_the_sum_over_their_multipoles(overlap):
    total, pairs = spectra(2, 3, 30), all_pairs(3)
    ell = np.arange(2, 32)
    weights = band_windows([2, 5, 12, 32], "2l+1").weights
    if overlap:
        weights = np.array([[0.5, 0.5, 0], [0, 0.2, 0.8], [0, 0, 1]]) @ weights
    modes = np.asarray(number_of_modes(ell, 0.4))
    slow = slow_covariance(total, pairs, modes)
    wanted = np.zeros((6, 3, 6, 3))
    for b in range(3):
        for c in range(3):
            for l in range(30):
                wanted[:, b, :, c] += weights[b, l] * weights[c, l] * slow[l]
    found = band_covariance(total, pairs, modes, weights)
    np.testing.assert_allclose(found, wanted.reshape(18, 18), rtol=1e-12, atol=0)


def test_simulated_skies_scatter_as_the_covariance_says():
    """Coefficients are drawn, not maps, so that every number below is exact but for counting."""
    total, ell, n_sky = spectra(3, 3, 4), np.array([2, 5, 11, 20]), 20000
    pairs, rng = all_pairs(3), np.random.default_rng(4)
    wanted = np.asarray(gaussian_covariance(total, pairs, number_of_modes(ell)))
    for l, each in enumerate(ell):
        # 2 l + 1 real numbers: the order 0, and both parts of the others.
        root = np.linalg.cholesky(total[..., l])
        a = root @ rng.normal(size=(n_sky, 3, 2 * each + 1))
        cl = np.einsum("nim,njm->nij", a, a) / (2 * each + 1)
        data = np.stack([cl[:, i, j] for i, j in pairs], 1)
        size = np.sqrt(np.diagonal(wanted[l]))
        scatter = np.cov(data.T) / (size[:, None] * size)
        # A variance from n skies has an error of sqrt((2 + k) / n) with a kurtosis k of
        # 12 / (2 l + 1) for one spectrum; 21 different numbers at 4 multipoles stay within 4.
        error = np.sqrt((2 + 12 / (2 * each + 1)) / n_sky)
        assert np.abs(scatter - wanted[l] / (size[:, None] * size)).max() < 4 * error


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([1, 5]))
def test_the_covariance_of_all_pairs_is_positive_definite(seed, n_tracers, n_ell):
    with jax.enable_x64(True):
        total, pairs = spectra(seed, n_tracers, n_ell), all_pairs(n_tracers)
        found = np.asarray(_covariance(total, pairs, np.ones(n_ell)))
    size = np.sqrt(np.diagonal(found, axis1=1, axis2=2))
    correlation = found / (size[:, :, None] * size[:, None])
    np.testing.assert_array_equal(found, found.swapaxes(1, 2))
    # Eigenvalues are products of two of total's, which can be as small as rounding allows.
    assert np.linalg.eigvalsh(correlation).min() > -1e-12


def test_every_way_to_give_noise():
    cl, each = spectra(5, 3, 6), np.array([1.0, 2.0, 3.0])
    wanted = cl + np.diag(each)[..., None]
    np.testing.assert_allclose(with_noise(cl, each), wanted, rtol=1e-15)
    np.testing.assert_allclose(with_noise(cl, np.tile(each[:, None], 6)), wanted, rtol=1e-15)
    shared = np.ones((3, 3, 6))
    np.testing.assert_allclose(with_noise(cl, shared), cl + 1, rtol=1e-15)
    with pytest.raises(ValueError, match=r"noise of shape \(4,\)"):
        with_noise(cl, np.ones(4))


def test_pairs_and_symmetric_spectra_are_the_same_numbers():
    cl, pairs = spectra(6, 4, 3), all_pairs(4)
    rows = pairs_of(cl, pairs)
    assert rows.shape == (10, 3)
    np.testing.assert_array_equal(tracers_by_tracers(rows, pairs, 4), cl)
    order = np.random.default_rng(7).permutation(10)
    mixed = [pairs[k][::-1] for k in order]
    np.testing.assert_array_equal(tracers_by_tracers(rows[order], mixed, 4), cl)


@pytest.mark.parametrize(
    ("pairs", "match"),
    [
        (((0, 0), (0, 1)), r"no \(1, 1\)"),
        (((0, 0), (0, 1), (1, 0)), "2 different pairs for 3"),
        (((0, 0), (0, 1), (1, 1), (0, 2)), r"\(0, 2\), and there are 2 tracers"),
    ],
)
def test_pairs_that_are_wrong(pairs, match):
    with pytest.raises(ValueError, match=match):
        tracers_by_tracers(np.ones((len(pairs), 3)), pairs, 2)


def test_samples_stand_for_the_multipoles_around_them():
    ell = np.array([2, 3, 5, 10, 30, 31, 100])
    counts = multipoles_per_sample(ell)
    assert counts.sum() == pytest.approx(99, rel=1e-14)
    every = np.arange(2, 101)
    assert counts @ (3.0 * ell - 5) == pytest.approx((3.0 * every - 5).sum(), rel=1e-13)
    # Nothing stands between them where all are sampled.
    np.testing.assert_allclose(multipoles_per_sample(every), 1, rtol=1e-13)
    np.testing.assert_array_equal(multipoles_per_sample([7]), [1])
    with pytest.raises(ValueError, match="rising integers"):
        multipoles_per_sample([2, 2, 3])


def test_many_skies_at_once_and_derivatives():
    total, pairs, weights = spectra(8, 2, 5), all_pairs(2), np.full((1, 5), 0.2)
    modes = number_of_modes(np.arange(2, 7))

    def trace(amplitude):
        return jnp.trace(band_covariance(amplitude * total, pairs, modes, weights))

    amplitudes = jnp.array([0.5, 1.0, 2.0])
    found = jax.jit(jax.vmap(trace))(amplitudes)
    np.testing.assert_allclose(found, trace(1.0) * amplitudes**2, rtol=1e-12)
    assert float(jax.grad(trace)(3.0)) == pytest.approx(6 * float(trace(1.0)), rel=1e-12)


def test_single_precision_stays_single():
    total = spectra(9, 2, 3).astype(np.float32)
    with jax.enable_x64(False):
        modes = number_of_modes(np.arange(2, 5), 0.5)
        assert gaussian_covariance(with_noise(total, np.ones(2)), ((0, 1),), modes).dtype == "f4"
