"""Pupils, transfer functions and what errors of the wavefront do to them."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import j0, j1

from surveys.psf.measures import encircled_energy, fwhm_of_mean_profile
from surveys.psf.optics import (
    ARCSEC,
    frequencies,
    gaussian_transfer,
    monochromatic,
    scattering,
    zernike,
)
from surveys.psf.pupil import PupilGeometry, pupil_amplitude, segment_centres


def disc(n, spacing, radius):
    axis = (np.arange(n) - n // 2) * spacing
    return np.clip((radius - np.hypot(axis, axis[:, None])) / spacing + 0.5, 0.0, 1.0)


def centred(plane, n):
    image = np.fft.irfft2(np.asarray(plane), (n, n))
    return np.roll(image, (n // 2, n // 2), (0, 1))


@pytest.fixture(scope="module")
def airy():
    """A clear mirror of 6.5 m at 2 um: pixel in arcsec and image, odd and centred."""
    n, pixel = 801, 0.03
    spacing = 2e-6 / (n * pixel * ARCSEC)
    with jax.enable_x64(True):
        plane = monochromatic(jnp.asarray(disc(n, spacing, 3.25)), 0.0, 2.0)
    return pixel, centred(plane, n)


def test_a_clear_mirror_gives_airys_pattern(airy):
    pixel, image = airy
    n = len(image)
    x = math.pi * 6.5 / 2e-6 * ARCSEC * pixel * (np.arange(n) - n // 2)
    r = np.hypot(x, x[:, None]) + 1e-12
    peak = math.pi / 4 * (6.5 / 2e-6 * ARCSEC * pixel) ** 2
    expected = peak * (2 * j1(r) / r) ** 2
    near = np.abs(np.arange(n) - n // 2) < 60
    apart = np.abs(image - expected)[np.ix_(near, near)]
    assert apart.max() < 2e-3 * peak


def test_its_light_in_circles_and_its_width_are_airys(airy):
    pixel, image = airy
    radius = np.array([0.03, 0.05, 0.0761, 0.1, 0.2, 0.5, 1.0, 3.0])
    x = math.pi * 6.5 / 2e-6 * ARCSEC * radius
    expected = 1 - j0(x) ** 2 - j1(x) ** 2
    np.testing.assert_allclose(encircled_energy(image, pixel, radius), expected, atol=2e-3)
    width = 1.02899 * 2e-6 / 6.5 / ARCSEC
    assert fwhm_of_mean_profile(image, pixel) == pytest.approx(width, rel=2e-3)


def test_light_is_kept():
    # Parseval: all that enters a hard-edged pupil is in the image.
    rng = np.random.default_rng(3)
    amplitude = np.zeros((64, 64))
    amplitude[20:40, 18:45] = rng.random((20, 27)) < 0.8
    error = rng.normal(0, 0.2, (64, 64))
    plane = monochromatic(jnp.asarray(amplitude), jnp.asarray(error), 1.5)
    assert abs(complex(plane[0, 0]) - 1) < 1e-5
    assert centred(plane, 64).min() > -1e-6


def test_the_transfer_function_is_the_autocorrelation():
    rng = np.random.default_rng(4)
    n = 16
    amplitude = np.zeros((n, n))
    amplitude[4:11, 3:9] = rng.random((7, 6))
    error = rng.normal(0, 0.1, (n, n))
    pupil = amplitude * np.exp(2j * np.pi * error / 2.0)
    slow = np.zeros((n, n // 2 + 1), complex)
    for ky in range(n):
        for kx in range(n // 2 + 1):
            shifted = np.roll(pupil, (-ky, -kx), (0, 1))
            slow[ky, kx] = (np.conj(pupil) * shifted).sum() / amplitude.sum()
    plane = monochromatic(jnp.asarray(amplitude), jnp.asarray(error), 2.0)
    # The sign of the frequency turns the image by 180 degrees.
    np.testing.assert_allclose(np.asarray(plane), np.conj(slow), atol=1e-5)


def test_gradients_are_those_of_finite_differences():
    n = 48
    amplitude = jnp.asarray(pupil_amplitude(n, 0.3))
    axis = (np.arange(n) - n // 2) * 0.3
    basis = jnp.asarray([zernike(i, axis, axis[:, None], 3.3) for i in (4, 5, 8)])
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(n, n // 2 + 1)))

    def merit(coefficients):
        plane = monochromatic(amplitude, jnp.tensordot(coefficients, basis, 1), 2.0)
        return (plane.real * weights).sum()

    with jax.enable_x64(True):
        at = jnp.asarray([0.03, -0.05, 0.02], dtype=float)
        amplitude, basis, weights = (
            jnp.asarray(np.asarray(a), dtype=float) for a in (amplitude, basis, weights)
        )
        gradient = jax.grad(merit)(at)
        for i in range(3):
            step = 1e-6 * jnp.eye(3)[i]
            slope = (merit(at + step) - merit(at - step)) / 2e-6
            assert float(gradient[i]) == pytest.approx(float(slope), rel=1e-6)


def test_known_small_errors_on_average_are_the_statistical_ones():
    """Screens with a Gaussian correlation, seen through a mirror, against the formula."""
    n, pixel, rms, length, wavelength = 128, 0.035, 0.15, 0.5, 2.0
    spacing = wavelength * 1e-6 / (n * pixel * ARCSEC)
    amplitude = disc(n, spacing, 3.25)
    k = 2 * np.pi * np.hypot(np.fft.fftfreq(n, spacing), np.fft.fftfreq(n, spacing)[:, None])
    power = np.exp(-((k * length) ** 2) / 4)
    power *= n**2 * rms**2 / power.mean()
    rng = np.random.default_rng(7)
    total = np.zeros((n, n // 2 + 1), complex)
    n_draws = 300
    for _ in range(n_draws):
        noise = np.fft.fft2(rng.normal(size=(n, n))) / n
        screen = np.fft.ifft2(noise * np.sqrt(power)).real
        total += np.asarray(monochromatic(jnp.asarray(amplitude), jnp.asarray(screen), wavelength))
    fy, fx = frequencies(n, pixel)
    kept = scattering(np.hypot(fy, fx), wavelength, rms, length)
    clear = np.asarray(monochromatic(jnp.asarray(amplitude), 0.0, wavelength))
    # About 20 independent patches make each draw; strong shifts have the fewest.
    near = np.hypot(fy, fx) < 0.7 / (2 * pixel)
    apart = np.abs(total / n_draws - clear * np.asarray(kept))[near]
    assert apart.max() < 0.01
    assert np.abs(clear * (1 - np.asarray(kept)))[near].max() > 0.05


def test_scattering_leaves_the_strehl_ratio():
    far = float(scattering(1e4, 1.15, 0.064, 0.22))
    assert far == pytest.approx(math.exp(-((2 * math.pi * 0.064 / 1.15) ** 2)), rel=1e-5)
    assert float(scattering(0.0, 1.15, 0.064, 0.22)) == 1.0


def test_a_blur_has_its_width():
    n, pixel = 201, 0.01
    fy, fx = frequencies(n, pixel)
    image = centred(gaussian_transfer(np.hypot(fy, fx), 0.05) + 0j, n)
    expected = 0.05 * math.sqrt(8 * math.log(2))
    assert fwhm_of_mean_profile(image, pixel) == pytest.approx(expected, rel=1e-4)


def test_zernike_polynomials_are_orthogonal():
    axis = np.linspace(-1, 1, 401)
    inside = np.hypot(axis, axis[:, None]) <= 1
    terms = np.stack([zernike(i, axis, axis[:, None], 1.0)[inside] for i in range(1, 16)])
    np.testing.assert_allclose(terms @ terms.T / inside.sum(), np.eye(15), atol=0.02)
    defocus = math.sqrt(3) * (2 * 0.25 - 1)
    assert zernike(4, np.array(0.5), np.array(0.0), 1.0) == pytest.approx(defocus)


def test_the_pupil_is_jwsts():
    geometry = PupilGeometry()
    centres = segment_centres(geometry)
    assert centres.shape == (18, 2)
    distance = np.sort(np.hypot(*centres.T))
    np.testing.assert_allclose(distance[:6], 1.327)
    np.testing.assert_allclose(distance[6:12], 1.327 * math.sqrt(3))
    np.testing.assert_allclose(distance[12:], 2 * 1.327)
    spacing = 0.011
    amplitude = pupil_amplitude(621, spacing, geometry)
    assert amplitude[310, 310] == 0
    # Mirror image left to right, but not up and down: one strut is above, two are below.
    np.testing.assert_allclose(amplitude, amplitude[:, ::-1], atol=1e-9)
    assert not np.allclose(amplitude, amplitude[::-1])
    across, up = (np.flatnonzero(amplitude.max(i) > 0.5) for i in (0, 1))
    assert len(across) * spacing == pytest.approx(
        2 * math.sqrt(3) * 1.327 + 2 / math.sqrt(3) * 1.32, abs=2 * spacing
    )
    assert len(up) * spacing == pytest.approx(4 * 1.327 + 1.32, abs=2 * spacing)


@pytest.mark.parametrize("spacing", [0.02, 0.035, 0.06])
def test_the_area_does_not_change_with_the_grid(spacing):
    hexagons = 18 * math.sqrt(3) / 2 * 1.32**2
    clear = PupilGeometry(strut_m=0.0)
    n = 2 * int(3.6 / spacing) + 1
    assert pupil_amplitude(n, spacing, clear).sum() * spacing**2 == pytest.approx(
        hexagons, rel=2e-3
    )
    # The struts, each from the hole on, cover about 0.11 m times 2.1 m.
    lost = hexagons - pupil_amplitude(n, spacing).sum() * spacing**2
    assert lost == pytest.approx(3 * 0.11 * 2.35, rel=0.15)
