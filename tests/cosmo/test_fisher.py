"""Likelihood, distance and Fisher matrix, against what is known and each other."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmo import fisher
from cosmo.covariance import (
    all_pairs,
    gaussian_covariance,
    multipoles_per_sample,
    number_of_modes,
    pairs_of,
    with_noise,
)
from cosmo.spectra_noise import shape_noise, shot_noise

ELL = np.arange(2, 30)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def spectra(n_tracers=3, seed=1):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(len(ELL), n_tracers, n_tracers + 2))
    scale = 10.0 ** rng.uniform(-5, 0, n_tracers)
    return np.einsum("lik,ljk,i,j->ijl", a, a, scale, scale)


def small_difference(total, seed, size=0.1):
    rng = np.random.default_rng(seed)
    difference = rng.normal(size=total.shape)
    amplitudes = np.sqrt(np.diagonal(total)).T
    return size * (difference + difference.swapaxes(0, 1)) * amplitudes[:, None] * amplitudes


def test_the_distance_is_that_of_the_covariance_of_all_pairs():
    total, modes = spectra(), number_of_modes(ELL, 0.4)
    difference, pairs = small_difference(total, 2), all_pairs(3)
    covariance = np.asarray(gaussian_covariance(total, pairs, modes))
    rows = np.asarray(pairs_of(difference, pairs)).T
    size = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    correlation = covariance / (size[:, :, None] * size[:, None])
    solved = np.linalg.solve(correlation, (rows / size)[..., None])[..., 0]
    wanted = (rows / size * solved).sum()
    found = float(fisher.delta_chi2(difference, total, modes))
    assert found == pytest.approx(wanted, rel=1e-9)


def test_the_distance_is_the_trace():
    total, modes = spectra(2), np.asarray(number_of_modes(ELL, 0.4))
    difference = small_difference(total, 3)
    wanted = 0.0
    for l, n in enumerate(modes):
        one = difference[..., l] @ np.linalg.inv(total[..., l])
        wanted += n / 2 * np.trace(one @ one)
    assert float(fisher.delta_chi2(difference, total, modes)) == pytest.approx(wanted, rel=1e-9)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_the_distance_is_never_negative_and_quadratic(seed, n_tracers):
    total = spectra(n_tracers, seed)
    difference = small_difference(total, seed)
    with jax.enable_x64(True):
        modes = number_of_modes(ELL)
        one, twice = (float(fisher.delta_chi2(k * difference, total, modes)) for k in (1, -2))
        assert float(fisher.delta_chi2(0 * difference, total, modes)) == 0
    assert one > 0
    assert twice == pytest.approx(4 * one, rel=1e-12)


def test_the_likelihood_is_half_the_distance_for_small_differences():
    total, modes = spectra(), number_of_modes(ELL, 0.4)
    difference = small_difference(total, 4, 1e-5)
    loss = -2 * float(fisher.log_likelihood(total + difference, total, modes))
    distance = float(fisher.delta_chi2(difference, total, modes))
    assert distance > 0
    assert loss == pytest.approx(distance, rel=1e-2)
    assert float(fisher.log_likelihood(total, total, modes)) == pytest.approx(0, abs=1e-9)


def test_an_amplitude_is_known_to_as_many_modes_as_there_are():
    """F = sum of f_sky (2 l + 1) / 2 T for ln A without noise; with noise each tracer less."""
    total = spectra(4)
    modes = number_of_modes(ELL, 0.25)
    found = fisher.fisher_matrix(total[None], total, modes)
    wanted = 0.25 * (2 * ELL + 1).sum() / 2 * 4
    assert float(found[0, 0]) == pytest.approx(wanted, rel=1e-10)
    cl = np.ones((1, 1, len(ELL)))
    noisy = fisher.fisher_matrix(cl[None], with_noise(cl, [3.0]), modes)
    assert float(noisy[0, 0]) == pytest.approx(wanted / 4 / 16, rel=1e-10)


def test_the_fisher_matrix_is_the_mean_curvature_of_the_likelihood():
    base, modes = spectra(), number_of_modes(ELL, 0.4)
    tilt = np.log(ELL / 10)

    def model(parameters):
        amplitude, index, noise = parameters
        signal = jnp.exp(amplitude + index * tilt) * base
        scale = jnp.diagonal(base[..., 0])
        return signal + noise * jnp.eye(3)[..., None] * scale[:, None, None]

    at = jnp.array([0.1, -0.2, 0.3])
    total = model(at)
    jacobian = jnp.moveaxis(jax.jacfwd(model)(at), -1, 0)
    found = fisher.fisher_matrix(jacobian, total, modes)
    # Linear in what is measured, the curvature at the expected spectra is its mean.
    loss = jax.jit(lambda p: -fisher.log_likelihood(total, model(p), modes))
    steps = 1e-3 * np.eye(3)
    curvature = np.zeros((3, 3))
    for i, j in np.ndindex(3, 3):
        corners = ((a, b) for a in (1, -1) for b in (1, -1))
        values = [a * b * float(loss(at + a * steps[i] + b * steps[j])) for a, b in corners]
        curvature[i, j] = sum(values) / 4e-6
    size = np.sqrt(np.diagonal(curvature))
    # Central differences err by the square of the step.
    np.testing.assert_allclose(found / size / size[:, None], curvature / size / size[:, None],
                               rtol=0, atol=3e-5)  # fmt: skip


def test_errors_priors_and_merit():
    matrix = np.array([[4.0, 1.0e6], [1.0e6, 1.0e12]])
    covariance = np.linalg.inv(matrix)
    found = fisher.parameter_covariance(matrix)
    np.testing.assert_allclose(found, covariance, rtol=1e-9)
    np.testing.assert_allclose(
        fisher.marginalised_errors(matrix), np.sqrt(np.diag(covariance)), rtol=1e-9
    )
    np.testing.assert_allclose(fisher.conditional_errors(matrix), [0.5, 1e-6], rtol=1e-12)
    merit = float(fisher.figure_of_merit(matrix, (0, 1)))
    assert merit == pytest.approx(np.sqrt(np.linalg.det(matrix)), rel=1e-9)
    assert float(fisher.figure_of_merit(matrix, (1,))) == pytest.approx(
        1 / np.sqrt(covariance[1, 1]), rel=1e-9
    )
    # A prior that is certain makes a marginalised error a conditional one.
    certain = fisher.with_priors(matrix, [1e-9, np.inf])
    assert float(fisher.marginalised_errors(certain)[1]) == pytest.approx(1e-6, rel=1e-6)
    np.testing.assert_array_equal(fisher.with_priors(matrix, [np.inf, np.inf]), matrix)
    # What nothing tells apart has no error.
    assert np.isnan(fisher.marginalised_errors(np.ones((2, 2)))).all()


@pytest.mark.parametrize("width", ["full", "half"])
def test_the_n5k_metric_of_a_uniform_error(shared_reference, width):
    """Spectra of N5K, all wrong by one part in a thousand."""
    spectra_of = {}
    for kind in ("gg", "gs", "ss"):
        with np.load(shared_reference(f"n5k/benchmarks_nl_{width}_cl{kind}.npz")) as file:
            ell, spectra_of[kind] = file["ls"], file["cls"]
    n_g, n_s = 10, 5
    cl = np.zeros((n_g + n_s, n_g + n_s, len(ell)))
    rows = {
        "gg": [(i, j) for i in range(n_g) for j in range(i, n_g)],
        "gs": [(i, n_g + j) for i in range(n_g) for j in range(n_s)],
        "ss": [(n_g + i, n_g + j) for i in range(n_s) for j in range(i, n_s)],
    }
    for kind, pairs in rows.items():
        for (i, j), row in zip(pairs, spectra_of[kind], strict=True):
            cl[i, j] = cl[j, i] = row
    noise = [shot_noise(4.0)] * n_g + [shape_noise(0.28, 27 / 5)] * n_s
    total = with_noise(cl, np.array(noise))
    modes = number_of_modes(ell, 0.4, multipoles_per_sample(ell))
    found = float(fisher.delta_chi2(1e-3 * cl, total, modes))
    # Never more than the modes of all 15 tracers without noise.
    assert 0 < found < 1e-6 * float(modes.sum()) / 2 * 15
    inverse = np.linalg.inv(np.moveaxis(np.asarray(total), -1, 0))
    product = np.moveaxis(1e-3 * cl, -1, 0) @ inverse
    wanted = (np.asarray(modes) / 2 * np.einsum("lij,lji->l", product, product)).sum()
    assert found == pytest.approx(wanted, rel=1e-7)


def test_the_likelihood_is_highest_at_the_truth_for_many_skies_at_once():
    base, modes = spectra(2), number_of_modes(ELL, 0.4)

    def loss(amplitude, measured):
        return -fisher.log_likelihood(measured, amplitude * base, modes)

    truths = jnp.array([0.5, 1.0, 3.0])
    measured = truths[:, None, None, None] * base
    slope = jax.jit(jax.vmap(jax.grad(loss)))
    np.testing.assert_allclose(slope(truths, measured), 0, atol=1e-7)
    # d(-ln L)/dA = sum(modes) T / 2 (1/A - A_true / A^2).
    wanted = float(modes.sum()) * (1 / 2.0 - truths / 4.0)
    np.testing.assert_allclose(slope(jnp.full(3, 2.0), measured), wanted, rtol=1e-9)


def test_single_precision_is_enough_for_a_distance():
    total = spectra()
    with jax.enable_x64(True):
        modes = np.asarray(number_of_modes(ELL, 0.4))
        wanted = float(fisher.delta_chi2(1e-3 * total, total, modes))
    with jax.enable_x64(False):
        single = [np.asarray(v, np.float32) for v in (1e-3 * total, total, modes)]
        found = fisher.delta_chi2(*single)
    assert found.dtype == np.float32
    assert float(found) == pytest.approx(wanted, rel=1e-3)
