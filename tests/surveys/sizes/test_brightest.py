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
    found = float(brightest(jnp.asarray(flux), fraction).n_pixels)
    assert found == pytest.approx(by_sorting(flux, fraction), rel=1e-5)


@given(
    flux=hnp.arrays(np.float32, (7, 5), elements=st.integers(0, 4).map(float)),
    fraction=st.sampled_from([0.25, 0.5, 1.0]),
)
def test_equal_pixels_give_equal_parts(flux, fraction):
    found = float(brightest(jnp.asarray(flux), fraction).n_pixels)
    if flux.sum() == 0:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(by_sorting(flux, fraction), rel=1e-5)


@pytest.mark.parametrize("factor", [1e-20, 1e-3, 1e8])
def test_any_scale_of_flux(factor):
    flux = np.random.default_rng(2).exponential(size=(30, 30)).astype(np.float32)
    one = brightest(jnp.asarray(flux), 0.5).n_pixels
    other = brightest(jnp.asarray(flux * np.float32(factor)), 0.5).n_pixels
    assert float(other) == pytest.approx(float(one), rel=1e-5)


@pytest.mark.parametrize("flux", [np.zeros((4, 4)), -np.ones((4, 4)), np.full((4, 4), np.nan)])
def test_without_light_there_are_none(flux):
    assert np.isnan(float(brightest(jnp.asarray(flux, jnp.float32), 0.5).n_pixels))


def test_slope_is_that_of_differences():
    rng = np.random.default_rng(3)
    flux = jnp.asarray(rng.uniform(1.0, 2.0, (6, 6)), jnp.float32)
    slope = jax.grad(lambda f: brightest(f, 0.5).n_pixels)(flux)
    step = 2e-3
    for i, j in [(0, 0), (2, 3), (5, 1), (4, 4)]:
        up, down = (
            float(brightest(flux.at[i, j].add(sign * step), 0.5).n_pixels) for sign in (1, -1)
        )
        assert float(slope[i, j]) == pytest.approx((up - down) / (2 * step), abs=0.02)


def test_no_slope_is_not_a_number():
    slope = jax.grad(lambda f: jnp.nansum(brightest(f, 0.5).n_pixels))(jnp.zeros((4, 4)))
    assert np.isfinite(np.asarray(slope)).all()
