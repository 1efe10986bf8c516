"""Correlation functions, and those of lognormal fields."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import eval_legendre

from cosmo import correlation


def spectra(n_ell=40):
    ell = np.arange(n_ell)
    one = 0.1 / (ell + 3.0) ** 2
    return np.array([[one, 0.4 * one], [0.4 * one, 2 * one]])


def test_correlations_are_the_sum():
    rng = np.random.default_rng(1)
    cl, cosines = rng.normal(size=(2, 300)), np.array([-1.0, -0.3, 0.0, 0.9, 1.0])
    wanted = np.zeros((2, 5))
    for l in range(300):
        wanted += (2 * l + 1) / (4 * np.pi) * cl[:, l, None] * eval_legendre(l, cosines)
    found = correlation.correlation_function(cl, cosines)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("n_ell", [1, 2, 128, 129, 400])
def test_spectra_come_back(n_ell):
    cl = np.random.default_rng(2).normal(size=(3, n_ell))
    cosines, _ = correlation.nodes(n_ell)
    xi = correlation.correlation_function(cl, cosines)
    np.testing.assert_allclose(correlation.spectrum(xi, n_ell), cl, atol=1e-11)


def test_lognormal_correlations_are_those_of_the_formula():
    """At one angle, moments of two lognormal numbers that are correlated as the fields are."""
    gaussian, shifts = spectra(), np.array([0.5, 1.0])
    found = correlation.lognormal_spectra(gaussian, shifts)
    angle = np.array([0.8])
    xi = correlation.correlation_function(gaussian, np.array([1.0, *angle]))
    # The lognormal field is not band-limited: what is above 40 multipoles is small here.
    wanted = 0.5 * 1.0 * np.expm1(xi[0, 1, 1])
    series = correlation.correlation_function(found[0, 1], angle)[0]
    assert series == pytest.approx(wanted, abs=1e-5)
    x, w = np.polynomial.hermite_e.hermegauss(40)
    w = w / w.sum()
    variance, covariance = xi[[0, 1], [0, 1], 0], xi[0, 1, 1]
    slope = covariance / variance[0]
    first = np.sqrt(variance[0]) * x[:, None]
    second = slope * first + np.sqrt(variance[1] - slope * covariance) * x
    product = np.expm1(first - variance[0] / 2) * np.expm1(second - variance[1] / 2)
    assert 0.5 * (w[:, None] * w * product).sum() == pytest.approx(wanted, rel=1e-10)


def test_there_and_back():
    """Cut at some multipole both ways, the spectra agree to what the cut leaves out."""
    shifts, errors = np.array([0.3, 1.0]), []
    for n_ell in (40, 160):
        cl = spectra(n_ell)
        gaussian = correlation.gaussian_spectra(cl, shifts)
        assert np.abs(gaussian / cl * np.outer(shifts, shifts)[..., None] - 1).max() > 5e-3
        back = correlation.lognormal_spectra(gaussian, shifts)
        errors.append(np.abs(back / cl - 1)[..., :30].max())
    assert errors[0] < 3e-3
    assert errors[1] < errors[0] / 10


def test_small_fields_and_large_shifts_are_gaussian():
    cl, shifts = 1e-6 * spectra(), np.array([2.0, 5.0])
    found = correlation.gaussian_spectra(cl, shifts)
    np.testing.assert_allclose(found * np.outer(shifts, shifts)[..., None], cl, rtol=1e-4)


def test_gaussian_partners_are_only_scaled():
    cl = spectra()
    found = correlation.gaussian_spectra(cl, [0.5, np.inf])
    np.testing.assert_allclose(found[0, 1], cl[0, 1] / 0.5, rtol=1e-14)
    np.testing.assert_allclose(found[1, 1], cl[1, 1], rtol=1e-14)
    back = correlation.lognormal_spectra(found, [0.5, np.inf])
    np.testing.assert_allclose(back[0, 1], cl[0, 1], rtol=1e-14)


def test_what_no_lognormal_field_does():
    cl = np.zeros((1, 1, 3))
    cl[0, 0, 1] = 10.0
    with pytest.raises(ValueError, match=r"tracers \(0, 0\) allow no correlation below -1, and cl"):
        correlation.gaussian_spectra(cl, [1.0])
    with pytest.raises(ValueError, match=r"shifts = \[-1.0\]"):
        correlation.gaussian_spectra(cl, [-1.0])
    with pytest.raises(ValueError, match="not the spectra of 2 shifts"):
        correlation.gaussian_spectra(cl, [1.0, 1.0])
