"""Images of a source in an instrument's stamps, next to Fourier transforms of the whole plane."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveys.fitting.elliptical import FLUX, LN_N, LN_R, amplitudes
from surveys.fitting.profiles import visibility_table
from surveys.fitting.stamps import image_and_slopes, stamp_plan, unit_image
from surveys.observing.cameras import Stamps, gaussian_camera

N = 41
_unit_image = jax.jit(unit_image)


@pytest.fixture(scope="module")
def table():
    return jnp.asarray(visibility_table())


@pytest.fixture(scope="module")
def smooth():
    return gaussian_camera(0.06, 2.0, Stamps(N, 0.03, noise_fwhm_pixels=2.0))


@pytest.fixture(scope="module")
def smooth_plan(smooth):
    return plan_of(smooth)


def plan_of(instrument, transfer=None):
    transfer = instrument.response.transfer if transfer is None else transfer
    return stamp_plan(
        transfer, instrument.response.oversampling, N, instrument.response.noise_amplitude
    )


def by_whole_planes(p, instrument, transfer, table):
    """The transform on the fine pixels' plane, back, and summed in whole pixels."""
    s, grid = instrument.response.oversampling, instrument.response.grid
    ky = np.fft.fftfreq(grid * s, 1 / s).astype(np.float32)[:, None]
    kx = (np.arange(grid * s // 2 + 1) / grid).astype(np.float32)[None]
    plane = np.asarray(amplitudes(p, (jnp.asarray(kx), jnp.asarray(ky)), table).seen, complex)
    at = np.asarray(p[1:3], float) + (N - 1) / 2 + (s - 1) / (2 * s)
    plane = plane * np.exp(-2j * np.pi * (kx * at[0] + ky * at[1]))
    plane = plane * np.asarray(transfer) * np.sinc(kx / s) * np.sinc(ky / s)
    fine = np.fft.irfft2(plane, s=(grid * s, grid * s))[: N * s, : N * s]
    return fine.reshape(N, s, N, s).sum((1, 3))


@pytest.mark.parametrize("off_centre", [False, True])
def test_it_is_the_transform_of_the_whole_plane(table, off_centre):
    """Aliases and all; a PSF that is not symmetric has a complex transform."""
    camera = gaussian_camera(1.1, 2.0, Stamps(N, 1.0))
    assert camera.response.oversampling == 3
    side = camera.response.grid * camera.response.oversampling
    transfer = np.asarray(camera.response.transfer, complex)
    if off_centre:
        ky, kx = np.fft.fftfreq(side)[:, None], np.arange(side // 2 + 1)[None] / side
        ghost = 0.3 * np.exp(-2j * np.pi * (3 * kx - 1.5 * ky))
        transfer = transfer * (0.7 + ghost)
    plan = plan_of(camera, transfer)
    assert jnp.iscomplexobj(plan.transfer) == off_centre
    # Cycles beyond a half of one a pixel.
    assert plan.transfer.shape[-1] > 0.8 * camera.response.grid
    p = jnp.array([1.0, 2.3, -1.4, math.log(2.0), 0.5, -0.4, math.log(1.3)], jnp.float32)
    expected = by_whole_planes(p, camera, transfer, table)
    got = np.asarray(_unit_image(p, plan, table))
    np.testing.assert_allclose(got, expected, atol=3e-4 * expected.max())


def test_slopes_are_finite_differences(table, smooth):
    plans = [plan_of(smooth), plan_of(smooth, smooth.response.transfer * (1 + 1e-3j))]
    assert [jnp.iscomplexobj(plan.transfer) for plan in plans] == [False, True]
    for plan in plans:
        both = jax.jit(lambda p, plan=plan: image_and_slopes(p, plan, table))
        for shape in ((0.003, 0.0), (0.6, -0.9)):
            p = np.array([3.0, 0.4, -1.3, math.log(2.5), *shape, math.log(1.4)], np.float32)
            image, slopes = (np.asarray(a) for a in both(p))
            np.testing.assert_allclose(image, 3 * slopes[0], atol=1e-5 * image.max())
            for i, step in enumerate(0.02 * np.eye(7, dtype=np.float32)):
                ends = (np.asarray(both(p + sign * step)[0]) for sign in (1, -1))
                change = np.subtract(*ends) / 0.04
                np.testing.assert_allclose(slopes[i], change, atol=3e-3 * np.abs(change).max())


@given(
    dx=st.integers(-5, 5),
    dy=st.integers(-5, 5),
    x=st.floats(-3, 3),
    angle=st.floats(0, math.pi),
    shape=st.floats(0, 1.5),
    index=st.floats(0.4, 5),
)
@settings(max_examples=30, deadline=None)
def test_moved_and_turned(table, smooth_plan, dx, dy, x, angle, shape, index):
    g = shape * np.array([math.cos(2 * angle), math.sin(2 * angle)])

    def image(x, y, *g):
        p = np.array([1, x, y, 0.7, *g, math.log(index)], np.float32)
        return np.asarray(_unit_image(p, smooth_plan, table))

    first, moved = image(x, 1, *g), image(x + dx, 1 + dy, *g)
    # Away from what the edges cut off.
    inner = (slice(6, -6), slice(6, -6))
    tolerance = 2e-5 * first.max()
    np.testing.assert_allclose(
        np.roll(first, (dy, dx), (0, 1))[inner], moved[inner], atol=tolerance
    )
    # x and y change places: the angle from x is that from y.
    np.testing.assert_allclose(first.T, image(1, x, -g[0], g[1]), atol=tolerance)


def test_all_light_of_a_small_source_is_there(table, smooth_plan):
    p = np.zeros(7, np.float32)
    p[FLUX], p[LN_R], p[LN_N] = 1, -2.0, math.log(0.5)
    assert np.asarray(_unit_image(p, smooth_plan, table)).sum() == pytest.approx(1, abs=1e-4)


def test_noise_power_is_that_of_draws(smooth, smooth_plan):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(2, N, N)).cumsum(-1).astype(np.float32)
    power = np.asarray(smooth_plan.noise_power(weights))
    keys = jax.random.split(jax.random.key(0), 2000)
    draws = np.asarray(jax.jit(jax.vmap(smooth.response.noise))(keys))
    sums = np.einsum("dyx,pyx->dp", draws, weights)
    np.testing.assert_allclose(sums.std(0), np.sqrt(np.diagonal(power)), rtol=4 / math.sqrt(4000))
    correlation = power[0, 1] / math.sqrt(power[0, 0] * power[1, 1])
    assert np.corrcoef(sums.T)[0, 1] == pytest.approx(correlation, abs=4 / math.sqrt(2000))
    white = stamp_plan(smooth.response.transfer, smooth.response.oversampling, N).noise_power(
        weights
    )
    flat = weights.reshape(2, -1)
    np.testing.assert_allclose(white, flat @ flat.T, rtol=1e-5)
