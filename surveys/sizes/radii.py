r"""Radii that hold half of the light, by several definitions of the size and of all the light.

Each is a function of a `Source` and gives a radius in pixels: NaN where the definition has none.

pixel
    :math:`\sqrt{A/\pi}`, A the area of the brightest pixels of the segment that hold half of its
    light (FLARES IV, Roper et al. 2022). It needs no centre and no shape.
circular, elliptical
    The circle, or the major semi-axis of the ellipse of the source's shape, with half of the
    light of the one that has the whole segment inside.
petrosian
    The circle with half of the light within 1.5 Petrosian radii; that radius is where the
    brightness of an annulus of one pixel is 0.2 of the mean inside (Lotz et al. 2004).
kron
    The circle with half of the light within the ellipse of 2.5 Kron radii (Kron 1980), as
    Bertin & Arnouts (1996) have it.
moments
    :math:`\sqrt{2 \ln 2\, \sigma_a \sigma_b}` of the second moments: what a Gaussian of such
    moments has.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from surveys.sizes.brightest import brightest
from surveys.sizes.growth import Growth, circular_growth, elliptical_growth
from surveys.sizes.source import Source, elliptical_radius

PETROSIAN_RATIO = 0.2
PETROSIAN_EXTENT = 1.5
KRON_EXTENT = 2.5
_LEAST_KRON = 1.4
_KRON_APERTURE = 6.0


def pixel_radius(source: Source) -> Array:
    """Radius of the area of the brightest pixels with half of the segment's light."""
    light = jnp.where(source.segment, source.image, 0.0)
    return jnp.sqrt(brightest(light, 0.5).n_pixels / jnp.pi)


def circular_radius(source: Source) -> Array:
    """Half-light radius in circles about the centroid, out to the segment's farthest pixel."""
    growth = circular_growth(source, source.centre)
    return growth.radius_with(0.5 * growth.inside(source.radius_max))


def elliptical_half_radius(source: Source) -> Array:
    """Major semi-axis of the ellipse with half of the light, out to the farthest pixel."""
    growth = elliptical_growth(source)
    return growth.radius_with(0.5 * growth.inside(source.semi_major_max))


def petrosian_half_radius(source: Source) -> Array:
    """Half-light radius within 1.5 Petrosian radii of the centroid."""
    growth = circular_growth(source, source.centre)
    return growth.radius_with(0.5 * petrosian_light(growth))


def kron_half_radius(source: Source) -> Array:
    """Radius of the circle with half of the light of the Kron ellipse."""
    reach = kron_radius(source) * source.axes[0]
    light = elliptical_growth(source).inside(reach)
    return circular_growth(source, source.centre).radius_with(0.5 * light)


def moments_radius(source: Source) -> Array:
    """What a Gaussian with the second moments of the light has as its half-light radius."""
    major, minor = source.axes
    return jnp.sqrt(2 * jnp.log(2.0) * major * minor)


def petrosian_light(growth: Growth) -> Array:
    """Light within 1.5 Petrosian radii."""
    return growth.inside(PETROSIAN_EXTENT * growth.petrosian_radius(PETROSIAN_RATIO))


def kron_radius(source: Source) -> Array:
    """2.5 Kron radii, in units of the standard deviation along the major axis."""
    major = source.axes[0]
    far = elliptical_radius(source.image.shape, source.centre, source.axis_ratio, source.angle)
    inside = jnp.where(far <= _KRON_APERTURE * major, source.image, 0.0)
    first = jnp.sum(inside * far) / jnp.sum(inside) / major
    return KRON_EXTENT * jnp.maximum(jnp.where(first > 0, first, 0.0), _LEAST_KRON)
