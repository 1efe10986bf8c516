"""Random maps: their spectra are what was asked for, within the counting error.

Seeds are fixed. A chi-square of n independent numbers has a scatter of sqrt(2 n); 4 of it are
allowed.
"""

from __future__ import annotations

import healpy
import jax
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from cosmo import maps
from cosmo.correlation import gaussian_spectra, lognormal_spectra
from cosmo.covariance import all_pairs, gaussian_covariance, number_of_modes, pairs_of

NSIDE, N_ELL, N_SKY = 16, 25, 400


@pytest.fixture(autouse=True)
def _one_thread():
    """Threads of healpy that wait for a busy core make small maps take hundreds of times longer."""
    with threadpool_limits(1, user_api="openmp"):
        yield


def spectra(n_ell=N_ELL):
    """Of three tracers: correlations of 0.8, -0.5 and 0 with very different power."""
    one = 1 / (np.arange(n_ell) + 2.0) ** 2
    correlation = np.array([[1, 0.8, -0.5], [0.8, 1, 0], [-0.5, 0, 1]])
    scale = np.array([1.0, 1e-3, 20.0])
    return (correlation * np.outer(scale, scale))[..., None] * one


def chi_square(measured, expected, first):
    """Of the mean of skies (sky, T, T, ell), from a multipole on, and its number of terms."""
    pairs, n_sky = all_pairs(expected.shape[0]), len(measured)
    with jax.enable_x64(True):
        ell = np.arange(expected.shape[-1])
        covariance = np.asarray(gaussian_covariance(expected, pairs, number_of_modes(ell)))
        mean = np.asarray(pairs_of(measured.mean(0), pairs))
        wanted = np.asarray(pairs_of(expected, pairs))
    total = 0.0
    for l in ell[first:]:
        size = np.sqrt(np.diagonal(covariance[l]))
        off = (mean - wanted)[:, l] / size
        total += n_sky * off @ np.linalg.solve(covariance[l] / np.outer(size, size), off)
    return total, (len(ell) - first) * len(pairs)


def test_gaussian_maps_have_the_spectra_and_cross_spectra():
    cl = spectra()
    measured = np.array(
        [maps.measure(maps.gaussian_maps(cl, NSIDE, seed), N_ELL - 1) for seed in range(N_SKY)]
    )
    chi2, n = chi_square(measured, cl, 0)
    assert abs(chi2 - n) < 4 * np.sqrt(2 * n)
    # The check would see spectra that are a few percent off.
    chi2, n = chi_square(1.05 * measured, cl, 0)
    assert abs(chi2 - n) > 8 * np.sqrt(2 * n)


def test_shear_maps_have_e_modes_only_and_correlate():
    cl, spins = spectra(), (0, 2, 2)
    measured = []
    for seed in range(N_SKY):
        density, *shears = drawn = maps.gaussian_maps(cl, NSIDE, seed, spins)
        assert density.shape == (healpy.nside2npix(NSIDE),)
        assert shears[0].shape == (2, healpy.nside2npix(NSIDE))
        measured.append(maps.measure(drawn, N_ELL - 1))
    chi2, n = chi_square(np.array(measured), cl, 2)
    assert abs(chi2 - n) < 4 * np.sqrt(2 * n)
    e, b = healpy.map2alm_spin(shears[0], 2, N_ELL - 1)
    assert np.abs(b).max() < 2e-2 * np.abs(e).max()


def test_a_seed_makes_the_same_sky_and_another_seed_another():
    first, again, other = (maps.gaussian_maps(spectra(), 16, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1 * np.abs(first).max()


def test_measuring_takes_the_coefficients_back():
    """Up to 1.5 nside healpy's iterated transform is good to 1e-4 of a spectrum, in every pair."""
    cl = spectra()
    alm = maps.draw_coefficients(maps.spectra_roots(cl), 5)
    wanted = [[healpy.alm2cl(a, b) for b in alm] for a in alm]
    size = np.sqrt(np.diagonal(cl)).T
    found = maps.measure(maps.gaussian_maps(cl, NSIDE, 5), N_ELL - 1)
    assert (np.abs(found - wanted) / (size[:, None] * size)).max() < 1e-4


def test_roots_are_roots_and_a_degenerate_tracer_is_no_error():
    cl = spectra()
    cl[1] = 1e-3 * cl[0]
    cl[:, 1] = cl[1]
    cl[1, 1] = 1e-6 * cl[0, 0]
    cl[2, :, :2] = cl[:, 2, :2] = 0
    found = maps.spectra_roots(cl)
    np.testing.assert_allclose(np.einsum("lik,ljk->ijl", found.roots, found.roots), cl, atol=1e-12)
    assert 0 <= found.clipped < 1e-12
    one, scaled, _ = maps.gaussian_maps(cl, 16, 1)
    np.testing.assert_allclose(scaled, 1e-3 * one, atol=1e-10)


def test_a_small_negative_eigenvalue_is_clipped_and_told():
    cl = np.ones((2, 2, 4))
    cl[0, 1, 2] = cl[1, 0, 2] = 1 + 1e-5
    with pytest.raises(ValueError, match=r"cl at ell = 2 is no covariance: .* -1e-05"):
        maps.spectra_roots(cl)
    found = maps.spectra_roots(cl, tolerance=1e-4)
    assert found.clipped == pytest.approx(1e-5, rel=1e-6)


@pytest.mark.parametrize(
    ("place", "value", "match"),
    [
        ((0, 0, 3), -1.0, "cl of tracer 0 at ell = 3 is -1, below 0"),
        ((0, 1, 3), 0.5, "not symmetric"),
        ((0, 0, 3), np.nan, "finite"),
    ],
)
def test_spectra_that_are_wrong(place, value, match):
    cl = np.tile(np.eye(2)[..., None], 5)
    cl[place] = value
    with pytest.raises(ValueError, match=match):
        maps.spectra_roots(cl)


def test_a_tracer_without_power_correlates_with_nothing():
    cl = np.zeros((2, 2, 3))
    cl[0, 0], cl[0, 1, 2], cl[1, 0, 2] = 1, 0.1, 0.1
    with pytest.raises(ValueError, match="tracers 0 and 1 at ell = 2: one of them has no power"):
        maps.spectra_roots(cl)


def test_arguments_that_are_wrong():
    cl = np.ones((1, 1, 5))
    with pytest.raises(ValueError, match="nside = 3 is no power of 2"):
        maps.gaussian_maps(cl, 3, 1)
    with pytest.raises(ValueError, match="ell_max = 4 is not between 0 and 3 nside - 1 = 2"):
        maps.gaussian_maps(cl, 1, 1)
    with pytest.raises(ValueError, match=r"spins = \[1\] have to be 0 or 2, for 1 tracers"):
        maps.gaussian_maps(cl, 8, 1, (1,))
    with pytest.raises(ValueError, match="shifts of tracer 0: of spin 2"):
        maps.lognormal_maps(1e-3 * cl, 8, 1, [1.0], (2,))
    with pytest.raises(ValueError, match=r"mask \(768,\) has to be above 0"):
        maps.measure([np.ones(768)], 4, np.zeros(768))


def test_a_masked_sky_is_divided_by_its_fraction():
    """White noise is mixed into white noise; what is masked may be no number."""
    n_pixel, n_sky = healpy.nside2npix(NSIDE), 60
    z = healpy.pix2vec(NSIDE, np.arange(n_pixel))[2]
    mask = np.clip(2 * z, 0, 1)
    area = healpy.nside2pixarea(NSIDE)
    measured = []
    for seed in range(n_sky):
        sky = np.random.default_rng(seed).normal(size=(2, n_pixel)) / np.sqrt(area)
        sky[1] = 0.6 * sky[0] + 0.8 * sky[1]
        sky[:, mask == 0] = np.nan
        measured.append(maps.measure(list(sky), NSIDE, mask)[..., 2:].mean(-1))
    mean, error = np.mean(measured, 0), np.std(measured, 0, ddof=1) / np.sqrt(n_sky)
    assert error.max() < 0.02
    np.testing.assert_array_less(np.abs(mean - [[1, 0.6], [0.6, 1]]), 4 * error)


def test_lognormal_maps_are_lognormal_with_the_spectra():
    nside, n_ell, n_sky = 32, 49, 60
    ell = np.arange(n_ell)
    one = np.where(ell < 2, 0, 0.3 / (ell + 3.0) ** 2 * np.exp(-((ell / 25) ** 2)))
    cl = np.array([[1, 0.7, 0.6], [0.7, 1, 0.3], [0.6, 0.3, 1]])[..., None] * one
    shifts = np.array([1.0, 0.5, np.inf])
    gaussian = gaussian_spectra(cl, shifts)
    wanted = lognormal_spectra(gaussian, shifts)
    np.testing.assert_allclose(wanted[..., 2:30], cl[..., 2:30], rtol=5e-3)
    # Gaussian fields with cl themselves would not do.
    assert np.abs(0.25 * gaussian[1, 1, 2:30] / cl[1, 1, 2:30] - 1).max() > 0.1
    variance = (gaussian[1, 1] * (2 * ell + 1)).sum() / (4 * np.pi)
    grown = np.exp(variance)
    third = 0.5**3 * (grown - 1) ** 2 * (grown + 2)
    measured, moments = [], []
    for seed in range(n_sky):
        drawn = maps.lognormal_maps(cl, nside, seed, shifts, (0, 0, 2))
        assert drawn[0].min() > -1
        assert drawn[1].min() > -0.5
        moments.append([drawn[1].mean(), (drawn[1] ** 2).mean(), (drawn[1] ** 3).mean()])
        measured.append(maps.measure(drawn, 29))
    mean, error = np.mean(moments, 0), np.std(moments, 0, ddof=1) / np.sqrt(n_sky)
    expected = [0, 0.25 * (grown - 1), third]
    assert (np.abs(mean - expected) < 4 * error).all()
    # A field without skewness is far away.
    assert third > 8 * error[2]
    measured = np.array(measured)[..., 2:]
    error = measured.std(0, ddof=1) / np.sqrt(n_sky)
    off = (measured.mean(0) - wanted[..., 2:30]) / error
    for i, j in all_pairs(3):
        # Errors from 60 skies make each term t-distributed; multipoles are nearly independent.
        assert (off[i, j] ** 2).mean() == pytest.approx(59 / 57, abs=4 * np.sqrt(2.3 / 28)), (i, j)
