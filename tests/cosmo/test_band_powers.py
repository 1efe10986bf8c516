"""Bands, windows, and spectra between sampled multipoles."""

from __future__ import annotations

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmo.band_powers import (
    BandWindows,
    band_windows,
    interpolation_matrix,
    linear_edges,
    log_edges,
)


def test_bands_of_one_width():
    np.testing.assert_array_equal(linear_edges(2, 31, 10), [2, 12, 22, 32])
    np.testing.assert_array_equal(linear_edges(2, 40, 10), [2, 12, 22, 32])
    with pytest.raises(ValueError, match="width = 50 makes no band between 2 and 31"):
        linear_edges(2, 31, 50)


@given(st.integers(1, 50), st.integers(1, 3000), st.integers(1, 40))
def test_bands_of_one_ratio_hold_every_multipole_once(ell_min, span, n_band):
    ell_max = ell_min + span
    if n_band > span + 1:
        with pytest.raises(ValueError, match=f"n_band = {n_band}"):
            log_edges(ell_min, ell_max, n_band)
        return
    edges = log_edges(ell_min, ell_max, n_band)
    assert (edges[0], edges[-1], len(edges)) == (ell_min, ell_max + 1, n_band + 1)
    windows = band_windows(edges)
    np.testing.assert_array_equal(windows.ell, np.arange(ell_min, ell_max + 1))
    np.testing.assert_array_equal((windows.weights > 0).sum(0), 1)


def test_bands_of_one_ratio_where_they_are_wide():
    np.testing.assert_array_equal(log_edges(16, 1023, 6), [16, 32, 64, 128, 256, 512, 1024])


@pytest.mark.parametrize("weighting", ["uniform", "l(l+1)", "2l+1"])
def test_band_powers_are_weighted_means(weighting):
    rng, edges = np.random.default_rng(1), [2, 5, 6, 20]
    cl = rng.normal(size=(3, 18))
    weight = {"uniform": lambda l: 1, "l(l+1)": lambda l: l * (l + 1), "2l+1": lambda l: 2 * l + 1}
    windows = band_windows(edges, weighting)
    for b, (low, high) in enumerate(pairwise(edges)):
        total = sum(weight[weighting](l) for l in range(low, high))
        wanted = sum(weight[weighting](l) * cl[:, l - 2] for l in range(low, high)) / total
        np.testing.assert_allclose(windows.bin(cl)[:, b], wanted, rtol=1e-12)
        mean = sum(weight[weighting](l) * l for l in range(low, high)) / total
        assert windows.effective_ell[b] == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_samples_are_kept_and_power_laws_between_them(power):
    ell = np.unique(np.geomspace(2, 2000, 60).astype(int))
    wanted = np.arange(2, 2001)
    matrix = interpolation_matrix(ell, wanted, power)
    np.testing.assert_allclose(matrix[ell - 2], np.eye(len(ell)), atol=1e-12)
    # What the scaling makes a cubic in ln(ell + 1/2) is exact.
    x = np.log(np.array([ell + 0.5, wanted + 0.5], dtype=object)[0])
    y = np.log(wanted + 0.5)
    cubic = [(1 - 3 * v + 0.2 * v**3) * np.exp(-power * v) for v in (x, y)]
    np.testing.assert_allclose(matrix @ cubic[0], cubic[1], rtol=1e-9)


def test_a_spectrum_that_changes_sign():
    """103 multipoles as in N5K: to 1e-4 of the spectrum's size, through its zeros."""
    ell = np.unique(np.geomspace(2, 2000, 128).astype(int))

    def cl(l):
        return np.cos(2.0 * np.log(l)) / (l + 10.0) ** 1.3

    every = np.arange(2, 2001)
    found = interpolation_matrix(ell, every) @ cl(ell)
    error = np.abs(found - cl(every)) * (every + 10.0) ** 1.3
    assert (np.diff(np.sign(cl(every))) != 0).sum() > 3
    assert error.max() < 1e-4


def test_band_powers_of_samples_are_one_differentiable_matrix():
    ell, windows = np.array([2, 4, 9, 30, 50]), band_windows([2, 10, 51])
    with jax.enable_x64(True):
        matrix = jnp.asarray(windows.of_samples(ell))
        cl = 1 / (ell + 1.0)
        every = interpolation_matrix(ell, windows.ell) @ cl
        np.testing.assert_allclose(matrix @ cl, windows.bin(every), rtol=1e-12)
        slope = jax.jacfwd(lambda a: matrix @ (a * cl))(2.0)
        np.testing.assert_allclose(slope, windows.bin(every), rtol=1e-12)
        many = jax.vmap(windows.bin)(jnp.ones((4, 3, 49)))
    np.testing.assert_allclose(many, np.ones((4, 3, 2)), rtol=1e-12)


def test_binning_keeps_the_precision_of_spectra():
    windows = band_windows([2, 10, 51])
    assert windows.bin(np.ones((2, 49), np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("edges", "weighting", "match"),
    [
        ([2], "uniform", "no two or more multipoles"),
        ([2.5, 4], "uniform", "no two or more multipoles"),
        ([-1, 4], "uniform", "no two or more multipoles"),
        ([5, 5], "uniform", "do not rise"),
        ([0, 1, 5], "l(l+1)", "ell = 0 alone has no weight"),
        ([2, 5], "best", "weighting = 'best' is not 'uniform' or"),
    ],
)
def test_bands_that_are_wrong(edges, weighting, match):
    with pytest.raises(ValueError, match=match):
        band_windows(edges, weighting)


def test_samples_that_are_wrong():
    with pytest.raises(ValueError, match=r"ell = 1 is outside the samples \(2 to 9\)"):
        interpolation_matrix([2, 9], [1, 5])
    for ell in ([5], [2, 2], [-1, 3]):
        with pytest.raises(ValueError, match="rising multipoles"):
            interpolation_matrix(ell, [5])
    with pytest.raises(ValueError, match="add up to 1"):
        BandWindows(np.arange(2, 5), np.ones((1, 3)))
    with pytest.raises(ValueError, match="do not fit 4 multipoles"):
        BandWindows(np.arange(2, 6), np.ones((1, 3)) / 3)
