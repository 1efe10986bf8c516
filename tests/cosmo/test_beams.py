"""Beams and pixels."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from cosmo import beams


@pytest.fixture(autouse=True)
def _one_thread():
    """As in tests of maps: small transforms do not wait for busy cores."""
    with threadpool_limits(1, user_api="openmp"):
        yield


def test_a_gaussian_beam_is_that_of_healpy():
    wanted = healpy.gauss_beam(np.radians(30 / 60), lmax=700)
    np.testing.assert_allclose(beams.gaussian_beam(np.arange(701), 30.0), wanted, rtol=1e-12)
    assert (beams.gaussian_beam(np.arange(10), 0.0) == 1).all()
    with pytest.raises(ValueError, match="fwhm_arcmin = -1"):
        beams.gaussian_beam(2, -1.0)


def test_a_tabulated_beam():
    assert beams.tabulated_beam([2.5], [2, 3], [1.0, 0.5])[0] == pytest.approx(0.75)
    with pytest.raises(ValueError, match=r"ell = 4 is outside the table of the beam \(2 to 3\)"):
        beams.tabulated_beam([4], [2, 3], [1.0, 0.5])
    with pytest.raises(ValueError, match="has to rise"):
        beams.tabulated_beam([2], [2, 2], [1.0, 0.5])
    with pytest.raises(ValueError, match="no two columns"):
        beams.tabulated_beam([2], [2, 3], [1.0])


@pytest.mark.parametrize("nside", [1, 2, 4])
def test_a_pixel_window_is_that_of_filled_pixels(nside):
    """Each pixel is painted finely on a map, whose spectrum healpy takes."""
    fine, ell_max = 64 * nside, 4 * nside
    n_inside = (fine // nside) ** 2
    square = np.zeros(ell_max + 1)
    # A base pixel at a pole, counted for eight, and one at the equator, for four.
    for face, share in ((0, 2 / 3), (4, 1 / 3)):
        for pixel in range(face * nside**2, (face + 1) * nside**2):
            sky = np.zeros(healpy.nside2npix(fine))
            inside = np.arange(pixel * n_inside, (pixel + 1) * n_inside)
            sky[healpy.nest2ring(fine, inside)] = 1 / (n_inside * healpy.nside2pixarea(fine))
            power = healpy.anafast(sky, lmax=ell_max, iter=0)
            square += 4 * np.pi * share / nside**2 * power
    found = beams.pixel_window(nside, ell_max)
    # Points instead of areas narrow the painted pixels by a part in 64^2.
    np.testing.assert_allclose(found, np.sqrt(square), rtol=3e-4)
    assert found[0] == pytest.approx(1, abs=1e-12)


def test_pixel_windows_scale_with_the_pixels():
    small, large = beams.pixel_window(256, 1024), beams.pixel_window(512, 2048)
    np.testing.assert_allclose(large[::2], small, rtol=1e-3)
    assert (np.diff(large) < 0).all()


def test_averaging_a_map_over_pixels_takes_the_window_away():
    """A map of one multipole, seen in pixels: its mean square falls as the window says."""
    fine, coarse, ell = 256, 16, 40
    rng = np.random.default_rng(1)
    cl = np.zeros(ell + 1)
    cl[ell] = 1
    index = healpy.Alm.getidx(ell, ell, np.arange(ell + 1))
    ratios = []
    for _ in range(8):
        alm = np.zeros(healpy.Alm.getsize(ell), complex)
        alm[index] = rng.normal(size=ell + 1) + 1j * rng.normal(size=ell + 1)
        alm[index[0]] = np.sqrt(2) * alm[index[0]].real
        sky = healpy.alm2map(alm, fine)
        ratios.append((healpy.ud_grade(sky, coarse) ** 2).mean() / (sky**2).mean())
    ratio, error = np.mean(ratios), np.std(ratios, ddof=1) / np.sqrt(8)
    window = beams.pixel_window(coarse, ell)[ell] ** 2
    assert error < 0.005
    # The mean square in pixels is the window's only over all orientations: few modes, so 4 errors.
    assert ratio == pytest.approx(window, abs=4 * error + 1e-3)


def test_spectra_are_smoothed_tracer_by_tracer():
    cl, b = np.ones((2, 2, 3)), np.array([[1.0, 0.5, 0.2], [1.0, 1.0, 0.1]])
    found = beams.smooth(cl, b)
    np.testing.assert_allclose(found[0, 1], [1, 0.5, 0.02])
    np.testing.assert_allclose(found[0, 0], [1, 0.25, 0.04])


@pytest.mark.parametrize(
    ("nside", "ell_max", "match"),
    [(3, 5, "nside = 3"), (0, 0, "nside = 0"), (4, 17, "ell_max = 17"), (4, -1, "ell_max = -1")],
)
def test_pixels_that_are_wrong(nside, ell_max, match):
    with pytest.raises(ValueError, match=match):
        beams.pixel_window(nside, ell_max)
