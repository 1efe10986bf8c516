"""The brightest pixels with a share of the light, against sorting them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from surveys.sizes.brightest import brightest


@jax.jit
def area(flux, fraction=0.5):
    return brightest(flux, fraction).n_pixels


area_slope = jax.jit(jax.grad(lambda flux: jnp.nansum(area(flux))))


def by_sorting(flux, fraction):
    rising = np.sort(np.asarray(flux, np.float64).ravel())[::-1]
    light = np.concatenate([[0.0], np.cumsum(rising)])
    after = int(np.argmax(light >= fraction * light[-1]))
    return after - 1 + (fraction * light[-1] - light[after - 1]) / rising[after - 1]


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_as_sorting_finds_them(fraction, noise):
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:40, :50] - 20.0
    flux = np.exp(-np.hypot(y, x) / 4) + noise * rng.normal(size=(40, 50))
    flux = flux.astype(np.float32)
    found = float(area(flux, fraction))
    assert found == pytest.approx(by_sorting(flux, fraction), rel=1e-5)


@given(
    flux=hnp.arrays(np.float32, (7, 5), elements=st.integers(0, 4).map(float)),
    fraction=st.sampled_from([0.25, 0.5, 1.0]),
)
def test_equal_pixels_give_equal_parts(flux, fraction):
    found = float(area(flux, fraction))
    if flux.sum() == 0:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(by_sorting(flux, fraction), rel=1e-5)


@pytest.mark.parametrize("factor", [1e-20, 1e-3, 1e8])
def test_any_scale_of_flux(factor):
    flux = np.random.default_rng(2).exponential(size=(30, 30)).astype(np.float32)
    one, other = float(area(flux)), float(area(flux * np.float32(factor)))
    assert other == pytest.approx(one, rel=1e-5)


@pytest.mark.parametrize("flux", [np.zeros((4, 4)), -np.ones((4, 4)), np.full((4, 4), np.nan)])
def test_without_light_there_are_none(flux):
    assert np.isnan(float(area(flux)))


def test_slope_is_that_of_differences():
    rng = np.random.default_rng(3)
    flux = rng.uniform(1.0, 2.0, (6, 6)).astype(np.float32)
    slope = np.asarray(area_slope(flux))
    step = np.zeros((6, 6), np.float32)
    for i, j in [(0, 0), (2, 3), (5, 1), (4, 4)]:
        step[:] = 0
        step[i, j] = 2e-3
        difference = float(area(flux + step) - area(flux - step)) / 4e-3
        assert slope[i, j] == pytest.approx(difference, abs=0.02)


def test_no_slope_is_not_a_number():
    assert np.isfinite(np.asarray(area_slope(np.zeros((4, 4), np.float32)))).all()
