"""The kernel, and images of particles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from surveys.images.kernel import SECOND_MOMENT, kernel, look_up, projected
from surveys.images.projection import Grid, project

RNG = np.random.default_rng(5)


def slow(position, size, light, grid):
    """Particle by particle, each pixel the mean of 10 x 10 points."""
    n, fine = grid.n_pixels, 10
    at = np.linspace(0, 1, 4001)
    table = projected(at)
    x = ((np.arange(n * fine) + 0.5) / fine - n / 2) * grid.pixel_kpc
    image = np.zeros((n, n))
    for (px, py), h, value in zip(position, size, light, strict=True):
        b = np.hypot(x[None, :] - px, x[:, None] - py) / h
        image += value * np.interp(b, at, table).reshape(n, fine, n, fine).mean((1, 3)) / h**2
    return image * grid.pixel_kpc**2


def test_the_kernel_is_one_in_all_and_so_is_its_projection():
    assert quad(lambda q: 4 * np.pi * q**2 * kernel(q), 0, 1)[0] == pytest.approx(1)
    assert quad(lambda b: 2 * np.pi * b * projected(b), 0, 1)[0] == pytest.approx(1, rel=1e-9)
    moment = quad(lambda b: 2 * np.pi * b**3 * projected(b), 0, 1)[0]
    assert moment == pytest.approx(SECOND_MOMENT, rel=1e-8)
    for b in (0.0, 0.3, 0.9):
        line = quad(lambda s, b=b: float(kernel(np.hypot(b, s))), -1, 1, points=(0.0,))[0]
        assert projected(b) == pytest.approx(line, rel=1e-6)
    b = np.linspace(0, 1.2, 3001)
    expected = np.where(b < 1, projected(np.minimum(b, 1)), 0)
    assert np.abs(look_up((b**2).astype(np.float32)) - expected).max() < 3e-4 * projected(0)


@given(st.floats(0.0, 40.0), st.floats(-9.5, 9.5), st.floats(-9.5, 9.5))
@settings(max_examples=60)
def test_no_light_is_lost_however_narrow_the_kernel(size, x, y):
    grid = Grid(129, 1.0)
    image = project(np.array([[x, y]]), np.array([size]), np.array([3.0]), grid)
    assert image.sum(dtype=float) == pytest.approx(3, rel=1e-5)
    at = np.arange(129) - 64
    # A pixel does not know where in it a narrow kernel lies.
    off = 0.0 if size <= 1 or size > 4 else 0.09
    assert (image.sum(0) * at).sum() / 3 == pytest.approx(x, abs=off + 1e-4)
    assert (image.sum(1) * at).sum() / 3 == pytest.approx(y, abs=off + 1e-4)


@pytest.mark.parametrize("size", [1.8, 2.5, 3.9, 4.1, 5.3, 9.0, 20.0])
def test_the_second_moment_is_that_of_the_kernel(size):
    place = RNG.uniform(-3, 3, (3000, 2))
    image = project(place, np.full(3000, size), np.ones(3000), Grid(129, 1.0)).astype(float)
    at = (np.arange(129) - 64.0) ** 2
    total = (image.sum(0) @ at + image.sum(1) @ at) / image.sum()
    moment = total - (place**2).sum(1).mean()
    # Light that is spread evenly over its pixel adds 1/12 along each axis.
    assert moment == pytest.approx(SECOND_MOMENT * size**2 + 1 / 6, rel=0.02)


def test_images_are_those_of_a_slow_loop():
    grid = Grid(48, 0.1)
    place = RNG.uniform(-3, 3, (40, 2))
    size = 10 ** RNG.uniform(-0.9, 0.2, 40)
    light = RNG.exponential(size=40)
    expected = slow(place, size, light, grid)
    image = project(place, size, light, grid)
    assert np.abs(image - expected).max() < 0.03 * expected.max()
    inside = expected > 0.05 * expected.max()
    assert np.abs(image[inside] / expected[inside] - 1).mean() < 0.02
    assert image.sum() == pytest.approx(expected.sum(), rel=0.01)


def test_many_planes_at_once():
    grid = Grid(32, 0.2)
    place, size = RNG.uniform(-4, 4, (200, 3)), 10 ** RNG.uniform(-1.5, 0.4, 200)
    light = RNG.exponential(size=(200, 3))
    images = project(place, size, light, grid)
    assert images.shape == (3, 32, 32)
    assert images.dtype == np.float32
    for plane, values in zip(images, light.T, strict=True):
        np.testing.assert_allclose(plane, project(place, size, values, grid), rtol=1e-5, atol=1e-6)


def test_what_is_outside_is_lost_and_nothing_comes_back_on_the_other_side():
    grid = Grid(16, 1.0)
    for size in (0.1, 1.0, 6.0):
        out = project(np.array([[20.0, 0.0]]), np.array([size]), np.ones(1), grid)
        assert not out[:, :8].any()
        edge = project(np.array([[7.5, 0.0]]), np.array([size]), np.ones(1), grid)
        assert 0.3 < edge.sum() <= 1.0001
        assert abs(edge[:, 0]).max() < 1e-6
    assert project(np.zeros((0, 3)), np.zeros(0), np.zeros(0), grid).sum() == 0
    with pytest.raises(ValueError, match="pixel_kpc"):
        Grid(16, 0.0)
