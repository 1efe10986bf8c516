r"""Concentration, asymmetry, Gini and M20: how the light of a source is arranged.

Definitions of Conselice (2003) and Lotz, Primack & Madau (2004). Each is a number without unit, NaN
where there is none.

concentration
    :math:`5 \log_{10} (r_{80} / r_{20})` of circles about the centre of symmetry with shares of
    the light within 1.5 Petrosian radii.
asymmetry
    :math:`\sum |I - I_{180}| / \sum |I|` within 1.5 Petrosian radii of the centre that makes it
    least, less the same mean difference of the pixels without sources.
gini
    Of the pixels of a segment by surface brightness, by the integral of F (1 - F) over the flux,
    F being the share of pixels that are fainter; no sorting.
m20
    :math:`\log_{10}` of the second moment of the brightest pixels with a fifth of that segment's
    light over that of all, about the centre that makes it least.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from surveys.sizes.brightest import brightest
from surveys.sizes.ellipses import column_sums, enclosed
from surveys.sizes.growth import circular_growth, elliptical_growth
from surveys.sizes.radii import PETROSIAN_EXTENT, PETROSIAN_RATIO
from surveys.sizes.source import Source, about, elliptical_radius

# The centre of symmetry is walked to in steps that are halved where no neighbour is better.
_FIRST_STEP = 1.0
_N_STEPS = 16
_N_LEVELS = 64
# Sigma, in Petrosian radii, of the smoothing before pixels are chosen for Gini and M20.
_SMOOTHING = 0.2


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Structure:
    """How the light is arranged.

    Attributes
    ----------
    concentration, asymmetry, gini, m20 : Array
    petrosian_pixels : Array
        Petrosian radius about the centre of symmetry.
    centre : Array
        y and x of the centre of symmetry.
    """

    concentration: Array
    asymmetry: Array
    gini: Array
    m20: Array
    petrosian_pixels: Array
    centre: Array


@jax.default_matmul_precision("highest")
def structure_of(source: Source, sky: Array) -> Structure:
    """Concentration, asymmetry, Gini and M20 of a source.

    Parameters
    ----------
    source : Source
    sky : Array
        (y, x), bool: pixels without sources.
    """
    first = circular_growth(source, source.centre).petrosian_radius(PETROSIAN_RATIO)
    centre, asymmetry = _asymmetry(source, sky, PETROSIAN_EXTENT * first)
    growth = circular_growth(source, centre)
    petrosian = growth.petrosian_radius(PETROSIAN_RATIO)
    light = growth.inside(PETROSIAN_EXTENT * petrosian)
    r20, r80 = (growth.radius_with(share * light) for share in (0.2, 0.8))
    gini, m20 = _gini_m20(about(source, centre))
    return Structure(5 * jnp.log10(r80 / r20), asymmetry, gini, m20, petrosian, centre)


def _asymmetry(source: Source, sky: Array, radius: Array) -> tuple[Array, Array]:
    """The centre of least asymmetry, and the asymmetry about it."""
    image = jax.lax.stop_gradient(source.image)
    shape = image.shape
    turned = _with_border(image[::-1, ::-1])
    y, x = (jnp.arange(n, dtype=jnp.float32) for n in shape)

    def differences(centre: Array) -> tuple[Array, Array]:
        inside = (y - centre[0])[:, None] ** 2 + (x - centre[1])[None] ** 2 <= radius**2
        return inside, jnp.abs(image - _shifted(turned, shape, centre))

    def asymmetry(centre: Array) -> Array:
        inside, difference = differences(centre)
        light = jnp.sum(jnp.where(inside, jnp.abs(image), 0.0))
        return jnp.sum(jnp.where(inside, difference, 0.0)) / jnp.maximum(light, 1e-30)

    ways = jnp.array([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0]])

    def walk(_: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        centre, value, step = state
        around = centre + step * ways
        values = jax.lax.map(asymmetry, around)
        best = jnp.argmin(values)
        better = values[best] < value
        return (
            jnp.where(better, around[best], centre),
            jnp.where(better, values[best], value),
            jnp.where(better, step, 0.5 * step),
        )

    start = source.centre, asymmetry(source.centre), jnp.float32(_FIRST_STEP)
    centre, value, _ = jax.lax.fori_loop(0, _N_STEPS, walk, start)
    inside, difference = differences(centre)
    light = jnp.sum(jnp.where(inside, jnp.abs(image), 0.0))
    # Sky whose mirror image is sky as well.
    dark = _shifted(_with_border(sky[::-1, ::-1].astype(image.dtype)), shape, centre) > 0.999
    dark = dark & sky
    noise = jnp.sum(jnp.where(dark, difference, 0.0)) / jnp.maximum(jnp.sum(dark), 1)
    return centre, value - noise * jnp.sum(inside) / jnp.maximum(light, 1e-30)


def _with_border(image: Array) -> Array:
    return jnp.pad(image, [(n, n) for n in image.shape])


def _shifted(turned: Array, shape: tuple[int, ...], centre: Array) -> Array:
    """An image turned by 180 degrees about a centre, from the one with both axes reversed."""
    size = jnp.asarray(shape, jnp.float32)
    # Pixel p of the turned image is pixel n - 1 - 2 c + p of the reversed.
    start = jnp.clip(2 * size - 1 - 2 * centre, 0.0, 2 * size - 2)
    whole = jnp.floor(start).astype(jnp.int32)
    part = start - whole
    piece = jax.lax.dynamic_slice(turned, (whole[0], whole[1]), (shape[0] + 1, shape[1] + 1))
    rows = piece[:-1] + part[0] * (piece[1:] - piece[:-1])
    return rows[:, :-1] + part[1] * (rows[:, 1:] - rows[:, :-1])


def _gini_m20(source: Source) -> tuple[Array, Array]:
    growth = elliptical_growth(source)
    petrosian = growth.petrosian_radius(PETROSIAN_RATIO)
    smooth = _smoothed(source.image, _SMOOTHING * petrosian)
    far = elliptical_radius(source.image.shape, source.centre, source.axis_ratio, source.angle)
    ring = petrosian + jnp.array([-0.5, 0.5])
    sums = column_sums(smooth)
    light = enclosed(sums, source.centre, ring, source.axis_ratio, source.angle)
    area = jnp.pi * source.axis_ratio * (ring[1] ** 2 - ring[0] ** 2)
    threshold = (light[1] - light[0]) / area
    # Bright pixels far outside are other things.
    chosen = (smooth >= threshold) & (far <= 2 * petrosian)
    light = jnp.where(chosen, source.image, 0.0)
    gini = _gini(jnp.abs(light), chosen)
    return gini, _m20(jnp.maximum(light, 0.0))


def _gini(flux: Array, chosen: Array) -> Array:
    n = jnp.sum(chosen)
    # Steps that rise with the flux: there are many faint pixels and few bright ones.
    edges = jnp.max(flux) * jnp.asarray(np.linspace(0, 1, _N_LEVELS + 1) ** 3, flux.dtype)
    middle = 0.5 * (edges[1:] + edges[:-1])
    fainter = jax.lax.map(lambda t: jnp.sum(chosen & (flux < t)), middle) / jnp.maximum(n, 1)
    integral = jnp.sum(fainter * (1 - fainter) * (edges[1:] - edges[:-1]))
    mean = jnp.sum(flux) / jnp.maximum(n, 1)
    return jnp.where((n > 1) & (mean > 0), integral / mean * n / (n - 1), jnp.nan)


def _m20(light: Array) -> Array:
    bright = jnp.where(light >= brightest(light, 0.2).level, light, 0.0)
    y, x = (jnp.arange(n, dtype=light.dtype) for n in light.shape)
    total = jnp.sum(light)
    centre = jnp.sum(light, axis=1) @ y / total, jnp.sum(light, axis=0) @ x / total

    def moment(light: Array) -> Array:
        rows, columns = jnp.sum(light, axis=1), jnp.sum(light, axis=0)
        return rows @ (y - centre[0]) ** 2 + columns @ (x - centre[1]) ** 2

    return jnp.where(total > 0, jnp.log10(moment(bright) / moment(light)), jnp.nan)


def _smoothed(image: Array, sigma: Array) -> Array:
    """An image smoothed by a Gaussian of any width; beyond its edges there is nothing."""

    def matrix(n: int) -> Array:
        at = jnp.arange(n, dtype=image.dtype)
        return jnp.exp(-0.5 * ((at[:, None] - at) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))

    return matrix(image.shape[0]) @ image @ matrix(image.shape[1])
