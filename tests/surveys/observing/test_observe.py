"""Mock observations: the light that arrives, and the noise of every kind of S/N."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photutils.aperture import CircularAperture

from surveys.instruments.nircam import ab_to_njy
from surveys.interferometer.clean import CleanSettings
from surveys.interferometer.setups import AlmaSetup
from surveys.observing.cameras import Stamps, flux_per_electron, gaussian_camera, nircam
from surveys.observing.interferometers import alma
from surveys.observing.noise_level import (
    DEPTH_RADIUS_ARCSEC,
    KINDS,
    convert_snr,
    sigma_for,
    snr_of,
)
from surveys.observing.observe import observe, on_instrument, seen_and_brightness, with_noise
from surveys.observing.resampling import resampled

N = 61
_resampled = jax.jit(resampled, static_argnums=1)
_on_instrument = jax.jit(on_instrument)


@pytest.fixture(scope="module")
def camera():
    return nircam("F277W", Stamps(N))


@pytest.fixture(scope="module")
def smooth_camera():
    return gaussian_camera(0.12, 2.0, Stamps(N, 0.03, noise_fwhm_pixels=3.0))


@pytest.fixture(scope="module")
def array():
    return alma(AlmaSetup("C-5", 237.6), N)


@pytest.fixture(scope="module")
def disc():
    y, x = np.mgrid[:200, :200] - 99.5
    image = np.exp(-np.hypot(y / 0.7, x) / 12).astype(np.float32)
    return image / image.sum()


@given(
    sides=st.sampled_from([(3, 30), (30, 3), (17, 17), (12, 25), (25, 8)]),
    ratio=st.floats(0.2, 4.0),
    offset=st.floats(-2.0, 2.0),
)
@settings(max_examples=40)
def test_light_is_where_it_was(sides, ratio, offset):
    """Against the light of each new pixel by a sum over all old ones."""
    n_in, n_out = sides
    image = np.random.default_rng(n_in).uniform(size=(n_in, n_in)).astype(np.float32)
    ours = np.asarray(_resampled(image, n_out, ratio, np.array([offset, 0.0], np.float32)))

    def edges(i, moved):
        return ((np.array([i, i + 1]) - n_out / 2) - moved) * ratio + n_in / 2

    def shares(i, moved):
        low, high = edges(i, moved)
        pixel = np.arange(n_in)
        return np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None)

    slow = [
        [shares(i, offset) @ image @ shares(j, 0.0) for j in range(n_out)] for i in range(n_out)
    ]
    np.testing.assert_allclose(ours, slow, atol=2e-4)


def test_all_light_arrives(camera, disc):
    """But for what the PSF scatters out of the stamp."""
    seen = _on_instrument(disc, camera.pixel_arcsec / 0.01, camera.response)
    image = np.asarray(seen)
    assert 0.93 < image.sum() < 1.0
    y, x = np.mgrid[:N, :N]
    assert (image * y).sum() / image.sum() == pytest.approx((N - 1) / 2, abs=0.05)
    assert (image * x).sum() / image.sum() == pytest.approx((N - 1) / 2, abs=0.05)


def test_seen_is_a_convolution(disc):
    """Against a Gaussian of a Gaussian, whose widths add in squares."""
    pixel = 0.03
    instrument = gaussian_camera(0.15, 2.0, Stamps(101, pixel))
    y, x = np.mgrid[:401, :401] - 200.0
    sigma = 0.12
    sky = np.exp(-0.5 * (y**2 + x**2) * (0.01 / sigma) ** 2).astype(np.float32)
    seen = np.asarray(_on_instrument(sky / sky.sum(), 3.0, instrument.response))
    both = np.hypot(sigma, 0.15 / np.sqrt(8 * np.log(2))) / pixel
    y, x = np.mgrid[:101, :101] - 50.0
    # The pixel smooths as well: its variance is 1/12.
    width = np.sqrt(both**2 + 1 / 12)
    expected = np.exp(-0.5 * (y**2 + x**2) / width**2) / (2 * np.pi * width**2)
    np.testing.assert_allclose(seen, expected, atol=2e-3 * expected.max())


@pytest.mark.parametrize("which", ["camera", "smooth_camera", "array"])
def test_noise_has_unit_variance_and_the_factor_that_is_said(which, request):
    instrument = request.getfixturevalue(which)
    n_draws = 400
    draw = jax.jit(jax.vmap(instrument.response.noise))
    noise = np.asarray(draw(jax.random.split(jax.random.key(3), n_draws)))
    # Independent draws of the middle pixel: the error of a variance is sqrt(2 / n).
    middle = noise[:, N // 2, N // 2]
    assert middle.var() == pytest.approx(1.0, abs=5 * np.sqrt(2 / n_draws))
    y, x = np.mgrid[:N, :N] - N // 2
    inside = (np.hypot(y, x) < 6).astype(np.float32)
    sums = (noise * inside).sum((1, 2))
    factor = float(instrument.response.noise_factor(jnp.asarray(inside)))
    assert sums.std() == pytest.approx(factor, rel=5 / np.sqrt(2 * n_draws))
    if which != "camera":
        assert factor > 1.5 * np.sqrt(inside.sum())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("which", ["camera", "smooth_camera", "array"])
def test_noise_of_a_kind_is_the_inverse(which, kind, request, disc):
    instrument = request.getfixturevalue(which)
    ratio = instrument.pixel_arcsec / 0.01
    _, brightness = seen_and_brightness(disc[None], np.float32(ratio), instrument.response)
    brightness = jax.tree.map(lambda a: np.asarray(a)[0], brightness)
    sigma = sigma_for(np.float32(12.0), kind, brightness, instrument)
    assert float(snr_of(sigma, kind, brightness, instrument)) == pytest.approx(12.0, rel=1e-4)
    to = "peak" if kind != "peak" else "pixel"
    back = convert_snr(
        convert_snr(np.float32(12.0), kind, to, brightness, instrument),
        to,
        kind,
        brightness,
        instrument,
    )
    assert float(back) == pytest.approx(12.0, rel=1e-4)


def test_kinds_are_what_they_say(camera, disc):
    """Peak, mean and aperture by photutils, of draws of the noise."""
    seen = observe(
        disc,
        camera,
        pixel_arcsec=0.01,
        snr=10.0,
        snr_kind="aperture",
        key=jax.random.key(0),
        n_draws=300,
    )
    image, sigma = np.asarray(seen.noise_free, float), float(seen.sigma)
    radius = float(seen.brightness.radius_pixels)
    aperture = CircularAperture(((N - 1) / 2, (N - 1) / 2), radius)
    light = aperture.do_photometry(image)[0][0]
    largest = CircularAperture(((N - 1) / 2,) * 2, N / 2 - 1).do_photometry(image)[0][0]
    assert light == pytest.approx(0.5 * largest, rel=0.01)
    sums = [aperture.do_photometry(i)[0][0] for i in np.asarray(seen.image, float)]
    assert light / np.std(sums) == pytest.approx(10.0, rel=4 / np.sqrt(600))
    assert float(seen.brightness.peak) == pytest.approx(image.max())
    assert float(seen.brightness.pixel) == pytest.approx(light / aperture.area, rel=0.02)
    noise = np.asarray(seen.image) - image
    assert noise.std() == pytest.approx(sigma, rel=0.01)


def test_depth_of_a_camera(camera):
    """Five times the noise of a circle is the flux of that magnitude."""
    sigma = float(sigma_for(jnp.float32(29.0), "depth", None, camera))
    circle = CircularAperture((10.0, 10.0), DEPTH_RADIUS_ARCSEC / camera.pixel_arcsec)
    noise = np.sqrt((circle.to_mask(method="exact").data ** 2).sum())
    assert 5 * sigma * noise == pytest.approx(ab_to_njy(29.0), rel=0.02)


def test_exposure_gives_the_noise(disc):
    deep, shallow = (nircam("F277W", Stamps(N), exposure_s=t) for t in (40_000.0, 10_000.0))
    assert shallow.rms / deep.rms == pytest.approx(2.0, rel=0.02)
    assert 0 < flux_per_electron("F277W", 1000.0) < 1


def test_photons_of_the_source_are_noise_too(camera):
    flat = np.full((1, N, N), 9.0, np.float32)
    keys = jax.random.split(jax.random.key(5), 1)
    noisy = with_noise(flat, np.float32([2.0]), keys, camera.response, flux_per_electron=0.5)
    assert np.std(noisy) == pytest.approx(np.sqrt(4 + 4.5), rel=0.06)


def test_an_array_sees_a_point_as_its_beam(array):
    sky = np.zeros((N, N), np.float32)
    sky[N // 2, N // 2] = 1.0
    seen = np.asarray(_on_instrument(sky, 1.0, array.response))
    assert seen[N // 2, N // 2] == pytest.approx(1.0, abs=1e-3)
    assert (seen > 0.5).sum() == pytest.approx(array.beam_pixels * np.log(2), rel=0.2)


def test_cleaned_images_keep_the_flux_of_a_point():
    instrument = alma(AlmaSetup("C-5", 237.6), N, cleaning=CleanSettings())
    sky = np.zeros((N, N), np.float32)
    sky[N // 2, N // 2] = 1.0
    seen = observe(
        sky,
        instrument,
        pixel_arcsec=instrument.pixel_arcsec,
        snr=100.0,
        snr_kind="peak",
        key=jax.random.key(1),
        n_draws=4,
    )
    peaks = np.asarray(seen.image)[:, N // 2, N // 2]
    assert peaks == pytest.approx(np.ones(4), abs=0.05)


def test_same_key_same_noise(camera, disc):
    def of(seed):
        seen = observe(
            disc, camera, pixel_arcsec=0.01, snr=9.0, snr_kind="peak", key=jax.random.key(seed)
        )
        return np.asarray(seen.image)

    np.testing.assert_array_equal(of(1), of(1))
    assert (of(1) != of(2)).any()
