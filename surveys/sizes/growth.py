"""How the light of a source grows with the radius, and where that passes a value.

The pixels are put once into rings half a pixel wide, by their centres. That says to about a pixel
where a crossing is; the exact light inside a few ellipses around it says the rest. So neither takes
more than one pass through the image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from surveys.sizes.ellipses import column_sums, enclosed
from surveys.sizes.source import Source, elliptical_radius

_STEP = 0.5
# Where the exact light is looked at around a first guess, in pixels (or, if that is more, in
# tenths of the radius).
_AROUND = np.array([-1.5, -0.75, 0.0, 0.75, 1.5], np.float32)
_CLOSE = 0.25
_LEAST_RADIUS = 0.05


@dataclass(frozen=True)
class Growth:
    """Light inside of similar ellipses about a centre.

    Attributes
    ----------
    radii : Array
        Outer radii of the rings, in pixels.
    light, area : Array
        Inside of each, counted by pixels: light over area is right where either is rough.
    inside : callable
        The exact light inside of radii of any shape.
    """

    radii: Array
    light: Array
    area: Array
    inside: Callable[[Array], Array]

    def radius_with(self, light: Array) -> Array:
        """The first radius with so much light inside; NaN if none has, or none is asked for."""
        radius = self.crossing(self.light - light, lambda r: self.inside(r) - light)
        return jnp.where(light > 0, radius, jnp.nan)

    def petrosian_radius(self, ratio: float) -> Array:
        """Where a ring of one pixel first is so faint against the mean inside; or NaN."""

        def excess(radius: Array) -> Array:
            inner = jnp.maximum(radius - 0.5, _LEAST_RADIUS)
            ring = self.inside(radius + 0.5) - self.inside(inner)
            area = (radius + 0.5) ** 2 - inner**2
            return ratio * self.inside(radius) / radius**2 - ring / area

        # The ring of one pixel about a radius is two of the rings.
        light, area = (
            jnp.append(inside[1:], inside[-1]) - jnp.pad(inside[:-1], (1, 0))
            for inside in (self.light, self.area)
        )
        mean = self.light / jnp.maximum(self.area, 1.0)
        return self.crossing(ratio * mean - light / jnp.maximum(area, 1.0), excess)

    def crossing(self, rough: Array, exact: Callable[[Array], Array]) -> Array:
        """Where a function of the radius is first not below zero; NaN if nowhere in the image.

        Parameters
        ----------
        rough : Array
            The function at ``radii``, to about what one pixel changes.
        exact : callable
            The function. Its derivative with regard to the image over its slope there is the
            derivative of the radius.
        """
        reached = jax.lax.stop_gradient(rough) >= 0
        first = jnp.argmax(reached)
        guess = self.radii[first] - 0.5 * _STEP
        points = guess + _AROUND * jnp.maximum(1.0, 0.1 * guess)
        points = jnp.maximum(points, _LEAST_RADIUS * jnp.arange(1, len(_AROUND) + 1))
        values = jax.lax.stop_gradient(exact(points))
        # The first pair of points with the crossing between them; the last pair if none has.
        over = jnp.clip(jnp.argmax((values >= 0).at[-1].set(True)), 1)
        low, high = points[over - 1], points[over]
        rise = values[over] - values[over - 1]
        share = -values[over - 1] / jnp.where(rise > 0, rise, jnp.inf)
        root = jnp.maximum(low + share * (high - low), _LEAST_RADIUS)
        # One step of Newton's from there, with the slope of close by.
        close = jnp.minimum(_CLOSE, 0.5 * root)
        below, here, above = exact(root + close * jnp.array([-1.0, 0.0, 1.0]))
        slope = jax.lax.stop_gradient((above - below) / (2 * close))
        step = here / jnp.where(slope > 0, slope, jnp.inf)
        root = jnp.maximum(root - jnp.clip(step, -_STEP, _STEP), _LEAST_RADIUS)
        return jnp.where(reached[first], root, jnp.nan)


def circular_growth(source: Source, centre: Array) -> Growth:
    """Light inside circles about a centre."""
    return _growth(source, centre, jnp.ones(()), jnp.zeros(()))


def elliptical_growth(source: Source) -> Growth:
    """Light inside ellipses of the source's shape about its centre, by major semi-axis."""
    return _growth(source, source.centre, source.axis_ratio, source.angle)


def _growth(source: Source, centre: Array, axis_ratio: Array, angle: Array) -> Growth:
    sums = column_sums(source.image)
    n_rings = int(0.75 * max(source.image.shape) / _STEP)
    far = elliptical_radius(source.image.shape, centre, axis_ratio, angle)
    ring = jnp.clip((jax.lax.stop_gradient(far) / _STEP).astype(jnp.int32), 0, n_rings)

    def by_ring(values: Array) -> Array:
        rings = jnp.zeros(n_rings + 1, jnp.float32).at[ring.ravel()].add(values.ravel())
        return jnp.cumsum(rings)[:-1]

    return Growth(
        jnp.arange(1, n_rings + 1) * jnp.float32(_STEP),
        by_ring(jax.lax.stop_gradient(source.image)),
        by_ring(jnp.ones_like(source.image)),
        lambda radius: enclosed(sums, centre, radius, axis_ratio, angle),
    )
