"""Neighbours that are left out, and noise that is not."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from surveys.sizes.neighbours import bright_neighbours
from surveys.sizes.segmentation import smoothed, smoothing_taps


def test_noise_is_not_left_out():
    images = np.random.default_rng(2).normal(size=(60, 101, 101)).astype(np.float32)
    taps = smoothing_taps(2.0)
    found = np.asarray(jax.jit(smoothed)(images, taps)) > 1.5 * (taps**2).sum()
    # Some 50 pieces of noise a stamp, of which none in 400 stamps had 8 sigma.
    assert found.mean() > 0.02
    assert images[found].mean() > 1
    assert not bright_neighbours(images, np.ones(60), found).any()


@pytest.mark.parametrize("n_grown", [0, 1, 4])
def test_a_bright_one_is_and_what_is_around_it(n_grown):
    images, others = np.zeros((2, 31, 31), np.float32), np.zeros((2, 31, 31), bool)
    others[0, 10:13, 10:13] = others[0, 25:27, 25:27] = others[1, 5, 5] = True
    images[others] = 1.0
    left_out = bright_neighbours(images, np.array([0.3, 0.2]), others, 8.0, n_grown)
    y, x = np.mgrid[:31, :31]
    expected = np.zeros((31, 31), bool)
    expected[10 - n_grown : 13 + n_grown, 10 - n_grown : 13 + n_grown] = True
    if n_grown == 4:
        # Corners of the octagon.
        expected &= np.abs(y - 11) + np.abs(x - 11) <= 8
    elif n_grown == 1:
        expected &= np.abs(y - 11) + np.abs(x - 11) < 4
    np.testing.assert_array_equal(left_out[0], expected)
    assert not left_out[1].any()


def test_pixels_that_are_not_numbers_count_nothing():
    images, others = np.full((1, 9, 9), np.nan), np.ones((1, 9, 9), bool)
    assert not bright_neighbours(images, np.ones(1), others).any()
    assert not bright_neighbours(images, np.ones(1), ~others).any()
