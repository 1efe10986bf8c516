"""Gauss and Moffat, and the measures on them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from surveys.errors import SettingProblem
from surveys.psf.analytic import gaussian_psf, moffat_psf
from surveys.psf.measures import (
    encircled_energy,
    fwhm_of_area,
    fwhm_of_mean_profile,
    radius_of_energy,
)

TO_SIGMA = 1 / math.sqrt(8 * math.log(2))


@settings(max_examples=15)
@given(width=st.floats(0.09, 0.3), pixel=st.floats(0.02, 0.035))
def test_a_gaussian_has_its_width_and_light(width, pixel):
    psf = gaussian_psf(width, pixel, 61)
    assert psf.sum() == pytest.approx(1.0, abs=1e-3)
    assert fwhm_of_mean_profile(psf, pixel) == pytest.approx(width, rel=2e-3)
    assert fwhm_of_area(psf, pixel) == pytest.approx(width, rel=0.01)
    radius = np.array([0.5, 1.0, 2.0]) * width
    expected = 1 - np.exp(-(radius**2) / (2 * (width * TO_SIGMA) ** 2))
    np.testing.assert_allclose(encircled_energy(psf, pixel, radius), expected, atol=3e-3)
    assert radius_of_energy(psf, pixel, 0.5) == pytest.approx(width / 2, rel=3e-3)


def test_pixels_integrate_a_gaussian():
    width, pixel, n = 0.05, 0.063, 9
    edges = (np.arange(n + 1) - n / 2) * pixel / (width * TO_SIGMA * math.sqrt(2))
    line = np.diff(erf(edges)) / 2
    made = gaussian_psf(width, pixel, n, integrate=True)
    np.testing.assert_allclose(made, np.outer(line, line), atol=1e-6)


def test_a_moffat_has_its_width_and_wings():
    psf = moffat_psf(0.6, 2.5, 0.1, 301)
    assert fwhm_of_mean_profile(psf, 0.1) == pytest.approx(0.6, rel=2e-3)
    a = 0.3 / math.sqrt(2 ** (1 / 2.5) - 1)
    radius = np.array([0.3, 1.0, 3.0, 10.0])
    expected = 1 - (1 + (radius / a) ** 2) ** (1 - 2.5)
    np.testing.assert_allclose(encircled_energy(psf, 0.1, radius), expected, atol=2e-3)
    whole = moffat_psf(0.6, 2.5, 0.3, 101, integrate=True)
    parts = moffat_psf(0.6, 2.5, 0.1, 303, integrate=True).reshape(101, 3, 101, 3).sum((1, 3))
    np.testing.assert_allclose(whole, parts, atol=1e-6)


def test_a_share_that_the_array_does_not_hold():
    psf = gaussian_psf(0.5, 0.1, 7)
    with pytest.raises(ValueError, match=r"no circle of 0.35 arcsec or less holds 0.99"):
        radius_of_energy(psf, 0.1, 0.99)
    with pytest.raises(ValueError, match="does not reach half"):
        fwhm_of_mean_profile(gaussian_psf(50.0, 0.1, 5), 0.1)
    with pytest.raises(ValueError, match="no square"):
        encircled_energy(np.ones((3, 4)), 0.1, 0.2)
    with pytest.raises(ValueError, match="no square"):
        encircled_energy(np.full((3, 3), np.nan), 0.1, 0.2)


def test_settings_that_cannot_be():
    with pytest.raises(SettingProblem, match="fwhm_arcsec: is -1"):
        gaussian_psf(-1.0, 0.1, 5)
    with pytest.raises(SettingProblem, match="beta: is 1; give more than 1"):
        moffat_psf(0.5, 1.0, 0.1, 5)
    with pytest.raises(SettingProblem, match="n_pixels: is 4"):
        gaussian_psf(1.0, 0.1, 4)
    with pytest.raises(SettingProblem, match="pixel_arcsec: is 0"):
        gaussian_psf(1.0, 0.0, 5)
