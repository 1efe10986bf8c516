"""CLEAN against a loop, and what it keeps of a source."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from surveys.interferometer.clean import CleanSettings, clean, make_clean_plan
from surveys.interferometer.imaging import (
    beam_image,
    convolve,
    dirty_image,
    draw_visibilities,
    observe_visibilities,
)

from .conftest import N

SCALES = (0.0, 1.0, 2.0, 4.0)


@pytest.fixture(scope="module")
def noisy(array):
    """Dirty images of a sky with the noise of an hour, some draws."""

    def of(sky, n_draws=4):
        seen = observe_visibilities(sky, array.samples)
        seen = seen + draw_visibilities(jax.random.key(5), array.samples, (n_draws,))
        return dirty_image(seen, array.samples, jnp.asarray(array.synthesis.transfer), N)

    return of


def cleaned(array, dirty, rms_jy=None, **settings):
    """Up to four images; always four at once, so that one program does for each setting."""
    rms = jnp.full(4, array.synthesis.rms_jy if rms_jy is None else rms_jy)
    filled = jnp.concatenate([dirty, jnp.zeros((4 - len(dirty), N, N))])
    got = clean(make_clean_plan(array.synthesis, N, CleanSettings(**settings)), filled, rms)
    return jax.tree.map(lambda a: np.asarray(a)[: len(dirty)], got)


def hoegbom(dirty, beam, gain, threshold, most):
    """One pixel at a time, in double precision."""
    residual, model = dirty.astype(float).copy(), np.zeros_like(dirty, float)
    n, i = len(dirty), 0
    while np.abs(residual).max() >= threshold and i < most:
        y, x = np.unravel_index(np.abs(residual).argmax(), residual.shape)
        flux = gain * residual[y, x]
        model[y, x] += flux
        for row in range(n):
            for column in range(n):
                residual[row, column] -= flux * beam[row - y + n - 1, column - x + n - 1]
        i += 1
    return residual, model, i


def test_components_are_those_of_a_loop(array, disc, noisy):
    synthesis = array.synthesis
    dirty = noisy(disc(40 * synthesis.rms_jy, 0.15, 0.2, -0.3), 2)
    got = cleaned(array, dirty)
    beam = np.asarray(beam_image(jnp.asarray(synthesis.transfer), 2 * N - 1))
    for i, image in enumerate(np.asarray(dirty)):
        residual, model, n = hoegbom(image, beam, 0.1, 3 * synthesis.rms_jy, 3000)
        assert 5 < n == got.n_components[i]
        # Components come back from a transform of single precision.
        np.testing.assert_allclose(got.model[i], model, atol=1e-5 * model.max())
        np.testing.assert_allclose(got.residual[i], residual, atol=1e-3 * synthesis.rms_jy)


@pytest.mark.parametrize("scales", [(0.0,), SCALES])
def test_dirty_is_the_model_seen_and_the_residual(array, disc, noisy, scales):
    synthesis = array.synthesis
    dirty = noisy(disc(60 * synthesis.rms_jy, 0.3))
    got = cleaned(array, dirty, scales_beams=scales)
    assert got.converged.all()
    assert (got.peak_sigma < 3).all()
    if len(scales) == 1:
        seen = convolve(got.model, jnp.asarray(synthesis.transfer))
        np.testing.assert_allclose(seen + got.residual, dirty, atol=2e-3 * synthesis.rms_jy)
    restored = convolve(got.model, jnp.asarray(synthesis.beam.transfer(synthesis.grid)))
    inner = slice(N // 4, 3 * N // 4)
    # Wide components reach beyond the image, where the model ends.
    np.testing.assert_allclose(
        (restored + got.residual)[:, inner, inner],
        got.image[:, inner, inner],
        atol=0.02 * synthesis.rms_jy,
    )


def test_a_point_keeps_its_flux(array):
    synthesis = array.synthesis
    sky = jnp.zeros((N, N)).at[30, 35].set(1.0)
    dirty = convolve(sky, jnp.asarray(synthesis.transfer))
    got = jax.tree.map(lambda a: a[0], cleaned(array, dirty[None], 1e-3 / 3))
    assert got.converged
    assert float(got.model.sum()) == pytest.approx(1, abs=2e-3)
    assert float(got.image.max()) == pytest.approx(1, abs=2e-3)
    assert np.unravel_index(int(got.image.argmax()), (N, N)) == (30, 35)


@pytest.mark.parametrize("r_arcsec", [0.1, 0.25])
def test_extended_sources_keep_their_flux(array, disc, r_arcsec):
    """Noise-free and cleaned to 3 % of the peak; the array sees scales up to 2.8 arcsec."""
    synthesis = array.synthesis
    sky = disc(1.0, r_arcsec)
    dirty = convolve(sky, jnp.asarray(synthesis.transfer))
    rms = float(dirty.max()) / 100
    for scales in ((0.0,), SCALES):
        several = cleaned(array, dirty[None], rms, scales_beams=scales)
        got = jax.tree.map(lambda a: a[0], several)
        assert got.converged
        assert float(got.model.sum()) == pytest.approx(1, abs=0.1)
        flux = float(got.image.sum()) / synthesis.beam.area_pixels
        assert flux == pytest.approx(1, abs=0.05)


def test_scales_find_more_of_a_faint_extended_source_in_fewer_steps(array, disc, noisy):
    synthesis = array.synthesis
    dirty = noisy(disc(100 * synthesis.rms_jy, 0.4))
    got = [cleaned(array, dirty, scales_beams=s) for s in ((0.0,), SCALES)]
    found = [float(g.model.sum((-2, -1)).mean()) / (100 * synthesis.rms_jy) for g in got]
    steps = [float(g.n_components.mean()) for g in got]
    assert abs(found[1] - 1) < abs(found[0] - 1)
    assert steps[1] < 0.7 * steps[0]


def test_batches_masks_and_shapes(array, disc, noisy):
    synthesis = array.synthesis
    dirty = noisy(disc(30 * synthesis.rms_jy, 0.1, 0.6, 0.6), 6)
    plan = make_clean_plan(synthesis, N)
    one = clean(plan, dirty, synthesis.rms_jy)
    many = clean(plan, dirty.reshape(2, 3, N, N), synthesis.rms_jy, batch_size=3)
    assert many.image.shape == (2, 3, N, N)
    np.testing.assert_array_equal(one.n_components, many.n_components.reshape(-1))
    np.testing.assert_allclose(
        one.image, many.image.reshape(-1, N, N), atol=1e-4 * synthesis.rms_jy
    )
    left = jnp.zeros((N, N)).at[:, : N // 2].set(1.0)
    masked = clean(plan, dirty, synthesis.rms_jy, left)
    assert float(jnp.abs(masked.model[..., N // 2 + 1 :]).max()) < 1e-3 * float(masked.model.max())


def test_noise_alone_is_hardly_cleaned_and_a_limit_is_kept(array, disc, noisy):
    synthesis = array.synthesis
    nothing = cleaned(array, noisy(jnp.zeros((N, N))), 5 / 3 * synthesis.rms_jy)
    assert nothing.converged.all()
    assert int(nothing.n_components.sum()) <= 2
    bright = noisy(disc(100 * synthesis.rms_jy, 0.2))
    got = cleaned(array, bright, most_components=7)
    assert (got.n_components == 7).all()
    assert not got.converged.any()


def test_an_image_with_nan_is_not_cleaned(array):
    dirty = jnp.zeros((2, N, N)).at[0, 3, 3].set(jnp.nan)
    got = cleaned(array, dirty, 1.0)
    assert got.converged.tolist() == [False, True]
    assert got.n_components.tolist() == [0, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"gain": 0.0},
        {"gain": 1.5},
        {"n_sigma": 0.0},
        {"most_components": 0},
        {"scales_beams": (1.0, 2.0)},
        {"scales_beams": (0.0, 2.0, 1.0)},
        {"scales_beams": ()},
        {"small_scale_bias": 1.0},
    ],
)
def test_impossible_settings_are_errors(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: is .*; give"):
        CleanSettings(**wrong)


def test_a_grid_must_hold_the_beam_around_every_pixel(array):
    with pytest.raises(ValueError, match="a grid of 128 is too small for 100 pixels"):
        make_clean_plan(array.synthesis, 100)
    with pytest.raises(ValueError, match=r"images of \(32, 32\) pixels; the plan is for 64 x 64"):
        clean(make_clean_plan(array.synthesis, N), jnp.zeros((32, 32)), 1.0)
