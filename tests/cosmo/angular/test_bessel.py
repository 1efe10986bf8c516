"""Kernels of the flat sky next to mpmath, and next to the integral that they stand for."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad

from cosmo.angular import bessel
from cosmo.angular.fftlog import Modes

X = np.array([1e-8, 3e-5, 0.004, 0.21, 1.7, 9.3, 26.0, 44.0])
# Some modes, the last among them: all have to be asked for at once, since they share a table.
SOME = [0, 1, 20, 101, 200, 256]


@pytest.fixture(scope="module")
def all_modes():
    nu = Modes().nu
    return nu, bessel.kernels(nu, X)


def by_mpmath(nu, x):
    with mpmath.workdps(30):
        nu, x = mpmath.mpc(nu), mpmath.mpf(float(x))
        mu = (nu + 1) / 2
        k = mpmath.besselk(mu, x)
        return complex((2 / x) ** mu * k / (mpmath.sqrt(mpmath.pi) * mpmath.gamma(-nu / 2)))


@pytest.mark.parametrize("i", range(X.size))
def test_all_powers(all_modes, i):
    nu, got = all_modes
    for j in SOME:
        for taken, kernel in ((0, got.zero), (2, got.two), (4, got.four)):
            wanted = by_mpmath(nu[j] - taken, X[i])
            assert abs(kernel[i, j] - wanted) <= 1e-8 * abs(wanted), (X[i], j, taken)


@pytest.mark.parametrize(("n", "within"), [(16, 1e-8), (256, 1e-6)])
def test_other_grids(n, within):
    # Few and slow powers; and powers so fast that they turn a tenth from step to step.
    nu = Modes(0.01, 1.0, n, -1.6).nu
    x = np.array([2e-6, 0.3, 12.0])
    got = bessel.kernels(nu, x)
    for i in range(x.size):
        for j in (0, n // 4, n // 2):
            wanted = by_mpmath(nu[j], x[i])
            assert abs(got.zero[i, j] - wanted) <= within * abs(wanted), (x[i], j)


@pytest.mark.parametrize("bias", [-1.3, -2.6])
@pytest.mark.parametrize(("q", "r"), [(1.0, 0.02), (0.3, 2.0), (2.5, 1.2)])
def test_the_integral_along_the_line_of_sight(bias, q, r):
    # One power, and the two below, with q to the power that stands before each.
    nu = Modes(bias=bias).nu[:1]
    got = bessel.kernels(nu, np.array([q * r]))
    for taken, kernel in ((0, got.zero), (2, got.two), (4, got.four)):
        power = bias - taken

        def integrand(k, power=power):
            return (k**2 + q**2) ** (power / 2) / np.pi

        # Near to the top, and the oscillations beyond it.
        exact = {"weight": "cos", "wvar": r, "epsabs": 1e-12}
        wanted = quad(integrand, 0, 30 * q, **exact)[0]
        wanted += quad(integrand, 30 * q, np.inf, limlst=500, **exact)[0]
        assert kernel[0, 0].imag == 0
        assert q ** (power + 1) * kernel[0, 0].real == pytest.approx(wanted, rel=1e-7, abs=1e-10)


@pytest.mark.parametrize("bias", [-0.9, -1.6])
def test_distortions_are_slopes_along_the_line_of_sight(bias):
    # k_par^2 is -d^2/dr^2; of powers over k^2 it makes (k_par / k)^2.
    nu = Modes(n=64, bias=bias).nu[[0, 3, 12]]
    x, h = np.array([0.05, 0.8, 6.0]), 4e-3
    at = x[:, None] * (1 + h * np.arange(-3, 4))
    two = bessel.kernels(nu, at.ravel()).two.reshape(3, 7, 3)
    stencil = np.array([2, -27, 270, -490, 270, -27, 2]) / 180 / (h * x[:, None]) ** 2
    got = bessel.kernels(nu, x)
    bent = -(stencil[..., None] * two).sum(1)
    np.testing.assert_allclose(got.zero - got.two, bent, rtol=1e-5)


def test_it_ends_where_nothing_is_left():
    nu = Modes(n=32).nu
    got = bessel.kernels(nu, np.array([1.0, bessel.X_MAX - 1e-6, bessel.X_MAX, 1e5]))
    for kernel in (got.zero, got.two, got.four):
        assert (kernel[2:] == 0).all()
        # What is cut off is nothing next to what was there.
        assert (np.abs(kernel[1]) < 1e-15 * np.abs(kernel[0])).all()
    with pytest.raises(ValueError, match="x: 1e-10 is below"):
        bessel.kernels(nu, np.array([1e-10, 1.0]))
