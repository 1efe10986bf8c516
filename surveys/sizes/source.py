"""What is measured: the image of a source, its pixels, its noise, its centre and its shape."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import Array

# A source within one pixel has the second moments of the pixel.
_LEAST_VARIANCE = 1.0 / 12.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Source:
    """A source in an image.

    Attributes
    ----------
    image : Array
        (y, x), less the background; 0 where other sources are.
    segment : Array
        (y, x), bool: the pixels of the source.
    centre : Array
        y and x of the centroid of the segment's light.
    covariance : Array
        (2, 2) second moments of the light about it, in pixels^2, y before x.
    radius_max, semi_major_max : Array
        Of the smallest circle and the smallest ellipse of the source's shape about the centre
        that have all centres of its pixels inside.
    """

    image: Array
    segment: Array
    centre: Array
    covariance: Array
    radius_max: Array
    semi_major_max: Array

    @property
    def axes(self) -> tuple[Array, Array]:
        """Standard deviations of the light along the major and the minor axis, in pixels."""
        return _axes(self.covariance)

    @property
    def axis_ratio(self) -> Array:
        """Minor over major axis."""
        major, minor = self.axes
        return minor / major

    @property
    def angle(self) -> Array:
        """Of the major axis, in radians from x to y."""
        return _angle(self.covariance)


@jax.default_matmul_precision("highest")
def source_of(image: Array, segment: Array, others: Array | None = None) -> Source:
    """The source that a segment of an image is.

    Parameters
    ----------
    image : Array
        (y, x), less the background.
    segment : Array
        (y, x), bool.
    others : Array, optional
        (y, x), bool: pixels of other sources, which are left out.

    Returns
    -------
    Source
        NaN in its centre and shape if the segment is empty. Negative pixels have no part in
        centre and shape.
    """
    image = image if others is None else jnp.where(others, 0.0, image)
    light = jnp.where(segment, jnp.maximum(image, 0.0), 0.0)
    y, x = (jnp.arange(n, dtype=image.dtype) for n in image.shape)
    total, rows, columns = jnp.sum(light), jnp.sum(light, axis=1), jnp.sum(light, axis=0)
    total = jnp.where(total > 0, total, jnp.nan)
    centre = jnp.stack([rows @ y, columns @ x]) / total
    dy, dx = y - centre[0], x - centre[1]
    yy, xx = rows @ dy**2 / total, columns @ dx**2 / total
    yx = dy @ light @ dx / total
    covariance = _at_least_a_pixel(jnp.array([[yy, yx], [yx, xx]]))
    major, minor = _axes(covariance)
    far = elliptical_radius(image.shape, centre, minor / major, _angle(covariance))
    round_ = jnp.hypot(dy[:, None], dx[None, :])
    reach = (jnp.max(jnp.where(segment, r, 0.0)) for r in (round_, far))
    return Source(image, segment, centre, covariance, *reach)


def about(source: Source, centre: Array) -> Source:
    """A source with another centre, and its second moments about that."""
    off = source.centre - centre
    covariance = source.covariance + off[:, None] * off
    return replace(source, centre=centre, covariance=covariance)


def elliptical_radius(
    shape: tuple[int, ...], centre: Array, axis_ratio: Array, angle: Array
) -> Array:
    """Major semi-axis of the ellipse through each pixel's centre, (y, x)."""
    dy, dx = (jnp.arange(n) - centre[i] for i, n in enumerate(shape))
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    along = cos * dx[None, :] + sin * dy[:, None]
    across = (cos * dy[:, None] - sin * dx[None, :]) / axis_ratio
    return jnp.hypot(along, across)


def _at_least_a_pixel(covariance: Array) -> Array:
    wide = jnp.linalg.det(covariance) >= _LEAST_VARIANCE**2
    return jnp.where(wide, covariance, covariance + _LEAST_VARIANCE * jnp.eye(2))


def _axes(covariance: Array) -> tuple[Array, Array]:
    mean = 0.5 * (covariance[0, 0] + covariance[1, 1])
    spread = jnp.hypot(0.5 * (covariance[1, 1] - covariance[0, 0]), covariance[0, 1])
    return jnp.sqrt(mean + spread), jnp.sqrt(jnp.maximum(mean - spread, _LEAST_VARIANCE / 12.0))


def _angle(covariance: Array) -> Array:
    return 0.5 * jnp.arctan2(2 * covariance[0, 1], covariance[1, 1] - covariance[0, 0])
