"""Numbers by redshift: normalisation, interpolation, slopes, and what is refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from cosmo.angular.redshifts import (
    NEAREST,
    gaussian_nz,
    of_redshift,
    tabulated_nz,
    towards_zero,
)


def smail(z):
    return z**2 * np.exp(-((z / 0.3) ** 1.5))


@pytest.mark.parametrize(("mean", "sigma"), [(1.0, 0.003), (0.5, 0.1), (0.05, 0.05), (0.002, 0.5)])
def test_a_gaussian_is_normalised_above_the_nearest(mean, sigma):
    with jax.enable_x64(True):
        nz = gaussian_nz(mean, sigma)
        grid = np.asarray(nz.grid)
        area = quad(lambda z: float(nz(z)), grid[0], grid[-1], epsabs=0, epsrel=1e-11, limit=200)[0]
    assert grid[0] >= NEAREST
    # Seven sigma on one side or both.
    assert area == pytest.approx(1, abs=1e-11)
    assert (np.diff(grid) <= sigma / 24).all()


def test_a_table_is_that_of_its_function():
    rows = np.linspace(0, 2.5, 120)
    with jax.enable_x64(True):
        nz = tabulated_nz(rows, 17.0 * smail(rows))
        z = np.linspace(0.002, 2.499, 3001)
        wanted = smail(z) / quad(smail, NEAREST, 2.5, epsabs=0, epsrel=1e-11)[0]
        np.testing.assert_allclose(nz(z), wanted, atol=3e-5 * wanted.max())
        area = quad(lambda z: float(nz(z)), NEAREST, 2.5, epsabs=1e-10, limit=400)[0]
        np.testing.assert_allclose(nz(jnp.asarray([2.6, 3.0])), 0)
    assert area == pytest.approx(1, abs=1e-7)
    assert float(nz.grid[0]) == NEAREST
    assert float(nz.grid[-1]) == 2.5


def test_steps_in_a_table_are_not_passed():
    rows = np.linspace(0.2, 1.2, 41)
    values = np.where((rows > 0.5) & (rows < 0.9), 1.0, 0.0)
    values[21] = 0.0
    with jax.enable_x64(True):
        nz = tabulated_nz(rows, values)
        dense = np.asarray(nz(np.linspace(0.2, 1.2, 5001)))
        top = float(nz(0.6))
    assert dense.min() >= 0
    assert dense.max() <= top * (1 + 1e-12)


def test_an_end_of_a_table_is_not_lost_to_rounding():
    with jax.enable_x64(True):
        nz = tabulated_nz(np.linspace(0.4, 0.6, 9), np.ones(9))
        ends = nz(jnp.asarray([0.4 - 1e-13, 0.6 + 1e-13]))
        np.testing.assert_allclose(ends, 5, rtol=1e-12)
        np.testing.assert_allclose(nz(jnp.asarray([0.399, 0.601])), 0)


def test_slopes_of_tables_and_gaussians_are_those_of_differences():
    rows = np.linspace(0.1, 1.9, 40)

    def of_table(scale):
        return tabulated_nz(rows, smail(rows) * jnp.exp(scale * rows))(jnp.asarray(0.613))

    def of_gaussian(shift):
        return gaussian_nz(0.5 + shift, 0.1 + shift / 3)(jnp.asarray(0.57))

    with jax.enable_x64(True):
        for function in (of_table, of_gaussian):
            with_slope = jax.jit(jax.value_and_grad(function))
            up, down = (float(with_slope(0.01 + step)[0]) for step in (1e-5, -1e-5))
            assert float(with_slope(0.01)[1]) == pytest.approx((up - down) / 2e-5, rel=1e-7)


def test_properties_of_sources_are_numbers_functions_or_tables():
    z = np.linspace(0.3, 0.9, 7)
    rows = np.linspace(0.2, 1.0, 30)
    with jax.enable_x64(True):
        np.testing.assert_allclose(of_redshift(1.5, "bias")(z), 1.5)
        np.testing.assert_allclose(of_redshift(lambda z: 1 + z, "bias")(z), 1 + z)
        table = of_redshift((rows, np.sqrt(rows)), "bias")
        np.testing.assert_allclose(table(z), np.sqrt(z), rtol=1e-5)
        np.testing.assert_allclose(table(jnp.asarray([0.0, 2.0])), [0.2**0.5, 1.0], rtol=1e-12)


def test_a_grid_is_led_on_without_a_jump_in_its_steps():
    with jax.enable_x64(True):
        grid = np.asarray(towards_zero(jnp.linspace(0.9, 1.1, 400), 1e-3))
    step = np.diff(grid)
    assert grid[0] == pytest.approx(1e-3)
    assert (step > 0).all()
    assert (step[:-1] / step[1:])[-390:].max() < 1.5
    with jax.enable_x64(True):
        near = np.asarray(towards_zero(jnp.linspace(1e-3, 1.0, 100), 3e-4))
    assert (np.diff(near) > 0).all()


@pytest.mark.parametrize(
    ("z", "density", "message"),
    [
        ("a", [1, 1, 1], "z is not an array of numbers"),
        ([0.1, 0.2, 0.3], [1, 1, 1], "4 or more rows"),
        ([0.1, 0.2, 0.2, 0.3], [1, 1, 1, 1], "z does not ascend after row 1"),
        ([0.1, np.nan, 0.2, 0.3], [1, 1, 1, 1], "z is not finite in row 1"),
        ([-0.1, 0.1, 0.2, 0.3], [1, 1, 1, 1], "z begins at -0.1"),
        ([0.1, 0.2, 0.3, 0.4], [1, 1, 1], "density has the shape"),
        ([0.1, 0.2, 0.3, 0.4], [1, -2, 1, 1], "density is -2 at z = 0.2"),
        ([0.1, 0.2, 0.3, 0.4], [1, np.inf, 1, 1], "density is not finite in row 1"),
        ([0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0], "density is 0 everywhere"),
        ([0, 1e-4, 2e-4, 3e-4], [1, 1, 1, 1], "rows above 0.001"),
    ],
)
def test_tables_that_make_no_sense_are_refused(z, density, message):
    with pytest.raises(ValueError, match=message):
        tabulated_nz(z, density)


@pytest.mark.parametrize(
    ("mean", "sigma", "message"),
    [
        (-0.1, 0.1, "z_mean = -0.1"),
        (np.nan, 0.1, "z_mean = nan"),
        (0.5, 0.0, "sigma_z = 0.0"),
        (1e-4, 1e-5, "leaves nothing"),
    ],
)
def test_gaussians_that_make_no_sense_are_refused(mean, sigma, message):
    with pytest.raises(ValueError, match=message):
        gaussian_nz(mean, sigma)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.nan, "bias = nan"),
        ("linear", "bias = linear is no number"),
        (None, "bias = None is no number"),
        (np.ones(3), "is no number"),
        (([0.1, 0.2, 0.3, 0.4], [1, 2, 3]), "bias has the shape"),
        (([0.1, 0.2, 0.3, 0.4], [1, 2, 3, np.nan]), "bias is not finite"),
        (([0.4, 0.3, 0.2, 0.1], [1, 2, 3, 4]), "z of bias does not ascend"),
        (([1.0],), "bias has 1 columns"),
    ],
)
def test_properties_that_make_no_sense_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        of_redshift(given, "bias")
