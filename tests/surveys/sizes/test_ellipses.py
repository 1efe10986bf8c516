"""Light inside ellipses, against photutils' exact apertures."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from photutils.aperture import EllipticalAperture

from surveys.sizes.ellipses import column_sums, enclosed


@jax.jit
def light(image, centre, radius, axis_ratio, angle):
    return enclosed(column_sums(image), centre, radius, axis_ratio, angle)


def ours(image, centre, radius, axis_ratio, angle):
    image, radius = np.asarray(image, np.float32), np.asarray(radius, np.float32)
    return np.asarray(light(image, np.asarray(centre), radius, axis_ratio, angle))


@given(
    centre=st.tuples(st.floats(18.0, 22.0), st.floats(24.0, 27.0)),
    radius=st.floats(2.0, 15.0),
    axis_ratio=st.floats(0.3, 1.0),
    angle=st.floats(-4.0, 4.0),
)
def test_as_exact_apertures(centre, radius, axis_ratio, angle):
    y, x = np.mgrid[:41, :51]
    image = np.exp(-np.hypot(y - 20.3, x - 25.1) / 4)
    exact = EllipticalAperture(centre[::-1], radius, radius * axis_ratio, theta=angle)
    expected = exact.do_photometry(image, method="exact")[0][0]
    # Columns are a pixel wide: what is narrower than two of them is less exact.
    tolerance = 6e-3 / min(1.0, radius * axis_ratio) ** 2
    assert ours(image, centre, radius, axis_ratio, angle) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize(("radius", "tolerance"), [(1.0, 6e-3), (2.0, 2e-3), (5.0, 5e-4)])
def test_a_few_parts_in_ten_thousand(radius, tolerance):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:31, :31]
    ratio = []
    for centre in rng.uniform(14.5, 15.5, (40, 2)):
        image = np.exp(-np.hypot(y - centre[0], x - centre[1]) / 3)
        exact = EllipticalAperture(centre[::-1], radius, radius).do_photometry(image)[0][0]
        ratio.append(ours(image, centre, radius, 1.0, 0.0) / exact)
    assert np.std(ratio) < tolerance
    assert abs(np.mean(ratio) - 1) < tolerance


def test_beyond_the_image_there_is_nothing():
    image = np.random.default_rng(1).normal(size=(12, 17))
    assert ours(image, (5.0, 8.0), 40.0, 0.8, 0.3) == pytest.approx(image.sum(), abs=1e-4)


def test_many_radii_at_once():
    image = np.random.default_rng(2).uniform(size=(20, 20))
    radii = np.array([[1.0, 2.0], [3.5, 7.0]])
    together = ours(image, (9.0, 10.0), radii, 0.7, 1.0)
    one = [[ours(image, (9.0, 10.0), r, 0.7, 1.0) for r in row] for row in radii]
    np.testing.assert_allclose(together, one, rtol=1e-6)


def test_slope_with_the_radius_is_the_light_on_the_edge():
    y, x = np.mgrid[:61, :61] - 30.0
    image = np.exp(-np.hypot(y, x) / 6).astype(np.float32)
    slope = jax.grad(light, argnums=2)(image, np.array([30.0, 30.0]), 9.0, 1.0, 0.0)
    assert float(slope) == pytest.approx(2 * np.pi * 9 * np.exp(-9 / 6), rel=0.02)
