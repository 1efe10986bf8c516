"""The sky, visibilities and images: one transform relates them."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from surveys.interferometer.imaging import (
    beam_image,
    convolve,
    dirty_image,
    draw_visibilities,
    observe_visibilities,
    primary_beam,
    uv_samples,
    visibilities_of,
)

from .conftest import PIXEL_ARCSEC, N


def test_visibilities_against_the_sum_over_pixels(array):
    samples = array.samples
    sky = np.random.default_rng(0).uniform(size=(N, N)).astype(np.float32)
    at = (np.arange(N) - (N - 1) / 2) * PIXEL_ARCSEC
    fx, fy = (np.asarray(f, np.float64) for f in samples.cycles)
    some = np.flatnonzero(np.asarray(samples.weight) > 0)[::40]
    phase = fx[some, None, None] * at + fy[some, None, None] * at[:, None]
    expected = (sky * np.exp(-2j * np.pi * phase)).sum((1, 2))
    got = np.asarray(observe_visibilities(jnp.asarray(sky), samples))[some]
    np.testing.assert_allclose(got, expected, atol=2e-3)


def test_every_measured_cell_is_in_the_list_once(array):
    samples, cells = array.samples, array.synthesis.cells
    seen = np.asarray(samples.weight) > 0
    columns = np.broadcast_to(cells.multiplicity, cells.counts.shape)
    assert 2 * seen.sum() == columns[cells.counts > 0].sum()
    assert len(seen) % 1024 == 0
    total = (cells.inverse_variance * columns).sum() / 2
    assert float(samples.weight.sum()) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("scheme", ["natural", "uniform", "briggs"])
def test_images_of_visibilities_are_the_convolved_sky(array, alma_with, disc, scheme):
    transfer = jnp.asarray(alma_with(scheme=scheme).synthesis.transfer)
    sky = disc(1.0, 0.2, 0.3, -0.5)
    through = dirty_image(observe_visibilities(sky, array.samples), array.samples, transfer, N)
    np.testing.assert_allclose(through, convolve(sky, transfer), atol=3e-5)


def test_visibilities_come_back_from_a_noisy_image(array, disc):
    transfer = jnp.asarray(array.synthesis.transfer)
    given = observe_visibilities(disc(1e-3, 0.2), array.samples)
    given = given + draw_visibilities(jax.random.key(3), array.samples)
    # About the centre of the first n x n pixels, as images are.
    whole = dirty_image(given, array.samples, transfer, N, whole=True)
    got = visibilities_of(whole, array.samples, transfer, N)
    scale = float(jnp.abs(given).max())
    np.testing.assert_allclose(got, given, atol=2e-4 * scale)


def test_noise_of_cells_and_noise_of_pixels_are_the_same(array, alma_with):
    """Variance, and correlation of neighbours, in images of either."""
    for scheme in ("natural", "briggs"):
        synthesis = alma_with(scheme=scheme).synthesis
        transfer, grid = jnp.asarray(synthesis.transfer), synthesis.grid
        drawn = draw_visibilities(jax.random.key(1), array.samples, (100,))
        by_cells = dirty_image(drawn, array.samples, transfer, N) / synthesis.rms_jy
        white = jax.random.normal(jax.random.key(2), (100, grid, grid))
        plane = synthesis.noise_amplitude * jnp.fft.rfft2(white)
        by_pixels = jnp.fft.irfft2(plane, (grid, grid))[..., :N, :N]
        # A field of so many beams, 100 times.
        error = math.sqrt(2 / (100 * N * N / synthesis.beam.area_pixels / 2))
        for image in (by_cells, by_pixels):
            assert float(image.var()) == pytest.approx(1, abs=5 * error)
            near = float((image[..., 1:, :] * image[..., :-1, :]).mean())
            exact = np.fft.irfft2(synthesis.noise_amplitude.astype(float) ** 2)
            assert near == pytest.approx(exact[1, 0], abs=5 * error)


def test_padding_of_the_list_changes_nothing(array, disc):
    short, long = array.samples, uv_samples(array.synthesis.cells, 4096)
    assert len(long.weight) == 4096 > len(short.weight)
    sky, transfer = disc(1.0, 0.3), jnp.asarray(array.synthesis.transfer)
    images = [dirty_image(observe_visibilities(sky, s), s, transfer, N) for s in (short, long)]
    np.testing.assert_array_equal(*images)
    assert not draw_visibilities(jax.random.key(0), long)[len(short.weight) :].any()


def test_a_beam_is_what_a_point_in_the_middle_becomes(array):
    transfer = jnp.asarray(array.synthesis.transfer)
    sky = jnp.zeros((N, N)).at[N // 2, N // 2].set(1.0)
    np.testing.assert_allclose(beam_image(transfer, N), convolve(sky, transfer), atol=1e-6)


def test_the_primary_beam():
    beam = primary_beam(101, 0.2, 10.0)
    assert beam[50, 50] == 1
    assert beam[50, 75] == pytest.approx(0.5, abs=1e-6)
    np.testing.assert_allclose(beam, beam[::-1].T)


@pytest.mark.parametrize("shape", [(N, N - 2), (300, 300), (N,)])
def test_images_are_square_and_fit_the_grid(array, shape):
    with pytest.raises(ValueError, match=r"images of .* pixels; give square ones of 128"):
        observe_visibilities(jnp.zeros(shape), array.samples)
    with pytest.raises(ValueError, match=r"images of .* pixels; give square ones of 128"):
        convolve(jnp.zeros(shape), jnp.asarray(array.synthesis.transfer))
