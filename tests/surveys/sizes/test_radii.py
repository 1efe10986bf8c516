"""Half-light radii of profiles whose half-light radius is known, and beside photutils'."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from photutils.segmentation import SegmentationImage, SourceCatalog

from surveys.sizes.estimators import ESTIMATORS
from surveys.sizes.growth import circular_growth
from surveys.sizes.radii import kron_radius
from surveys.sizes.source import source_of

WHOLE = ("pixel", "circular", "elliptical")
# Sides of images; each other one would be another program.
LARGE, SMALL = 401, 141


_source_of, _kron_radius = jax.jit(source_of), jax.jit(kron_radius)


@jax.jit
def sizes_of(image, segment):
    source = source_of(image, segment)
    return {name: estimate(source) for name, estimate in ESTIMATORS.items()}


def measured(image, segment=None):
    image = np.asarray(image, np.float32)
    sizes = sizes_of(image, np.ones(image.shape, bool) if segment is None else segment)
    return {name: float(size) for name, size in sizes.items()}


@pytest.mark.parametrize("index", [0.5, 1.0, 2.5, 4.0])
def test_half_light_radius_of_a_profile(sersic, index):
    # Light beyond the image is put back, so that half of the light is at one effective radius.
    side, radius = LARGE, 20.0
    image = sersic(side, radius, index, points=5)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    inside = np.hypot(y, x) <= radius
    image = np.where(inside, image / image[inside].sum(), image / image[~inside].sum())
    sizes = measured(image)
    for name in WHOLE:
        assert sizes[name] == pytest.approx(radius, rel=5e-3), name
    if index == 0.5:
        assert sizes["moments"] == pytest.approx(radius, rel=5e-3)


@pytest.mark.parametrize(("axis_ratio", "angle"), [(0.5, 0.0), (0.5, 0.7), (0.7, 2.0)])
def test_elliptical_profile(sersic, axis_ratio, angle):
    image = sersic(LARGE, 14.0, 0.5, axis_ratio, angle, points=5)
    sizes = measured(image)
    assert sizes["elliptical"] == pytest.approx(14.0, rel=5e-3)
    assert sizes["pixel"] == pytest.approx(14.0 * np.sqrt(axis_ratio), rel=5e-3)
    assert sizes["moments"] == pytest.approx(14.0 * np.sqrt(axis_ratio), rel=5e-3)
    source = _source_of(np.asarray(image, np.float32), np.ones(image.shape, bool))
    assert float(source.axis_ratio) == pytest.approx(axis_ratio, rel=2e-3)
    assert np.cos(2 * (float(source.angle) - angle)) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("angle", [0.3, 1.0, 2.2])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (0.37, -0.61)])
def test_turned_and_shifted_it_stays_as_large(sersic, angle, centre):
    first = measured(sersic(SMALL, 9.0, 1.0, 0.6))
    other = measured(sersic(SMALL, 9.0, 1.0, 0.6, angle, centre))
    for name, radius in first.items():
        assert other[name] == pytest.approx(radius, rel=5e-3), name


@pytest.mark.parametrize("factor", [1e-12, 1e9])
def test_brighter_is_no_larger(sersic, factor):
    image = sersic(SMALL, 6.0, 1.5, 0.7, 0.4)
    first, other = measured(image), measured(image * factor)
    for name, radius in first.items():
        assert other[name] == pytest.approx(radius, rel=1e-3), name


@pytest.mark.parametrize("index", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("axis_ratio", [1.0, 0.6])
def test_as_photutils_has_it(sersic, index, axis_ratio):
    rng = np.random.default_rng(4)
    image = 1e3 * sersic(SMALL, 7.0, index, axis_ratio, 0.5, (0.3, -0.4))
    image = (image + 0.03 * rng.normal(size=image.shape)).astype(np.float32)
    y, x = np.mgrid[:SMALL, :SMALL] - (SMALL - 1) / 2
    segment = np.hypot(y, x) < 26
    catalog = SourceCatalog(image.astype(float), SegmentationImage(segment.astype(int)))
    source = _source_of(image, segment)
    sizes = measured(image, segment)
    assert float(source.axes[0]) == pytest.approx(_value(catalog.semimajor_axis), rel=1e-4)
    assert float(source.axes[1]) == pytest.approx(_value(catalog.semiminor_axis), rel=1e-4)
    assert float(_kron_radius(source)) == pytest.approx(2.5 * _value(catalog.kron_radius), rel=2e-3)
    assert sizes["kron"] == pytest.approx(_value(catalog.flux_radius(0.5)), rel=2e-3)


def _value(quantity):
    return float(np.ravel(getattr(quantity, "value", quantity))[0])


def test_petrosian_radius_of_an_exponential(sersic):
    # Where 0.2 of the mean inside is the brightness: 3.63 scale lengths (Graham et al. 2005: of
    # R_e = 1.678 scale lengths, 2.16).
    @jax.jit
    def petrosian_radius(image):
        source = source_of(image, jnp.ones(image.shape, bool))
        return circular_growth(source, source.centre).petrosian_radius(0.2)

    image = sersic(201, 15.0, 1.0, points=5).astype(np.float32)
    assert float(petrosian_radius(image)) == pytest.approx(2.16 * 15.0, rel=0.01)


def test_what_has_no_light_has_no_size():
    ones = np.ones((SMALL, SMALL))
    for image in (0 * ones, -ones):
        assert all(np.isnan(r) for r in measured(image).values())
    nothing = measured(ones, ones < 0)
    assert all(np.isnan(r) for r in nothing.values())


@pytest.mark.parametrize("name", ["circular", "elliptical", "kron", "petrosian"])
def test_slope_with_the_image(sersic, name):
    """More light at a place changes the size by what differences say."""
    image = (1e3 * sersic(61, 6.0, 1.0, 0.8, 0.4)).astype(np.float32)
    everywhere = np.ones(image.shape, bool)

    @jax.jit
    @jax.value_and_grad
    def size(image):
        return ESTIMATORS[name](source_of(image, everywhere))

    slope = np.asarray(size(image)[1])
    y, x = np.mgrid[:61, :61] - 30.0
    along = np.exp(-0.5 * ((y - 1) ** 2 + (x + 2) ** 2) / 2).astype(np.float32)
    step = 2.0
    up, down = (float(size(image + sign * step * along)[0]) for sign in (1, -1))
    difference = (up - down) / (2 * step)
    assert abs(difference) > 0.02
    assert (slope * along).sum() == pytest.approx(difference, rel=0.05)
