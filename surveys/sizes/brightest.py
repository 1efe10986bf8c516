"""The area of the brightest pixels that hold a share of the light.

No sorting: the flux of the faintest of these pixels is found by bisection. Of positive floating
point numbers the patterns of bits rise as the numbers do, so that 31 halvings of the pattern end
at the very pixel, whatever the range of fluxes.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

_N_HALVINGS = 31


class Brightest(NamedTuple):
    """The brightest pixels that hold a share of the light.

    Attributes
    ----------
    level : Array
        Flux of the faintest of them; all that are brighter belong to them whole.
    n_pixels : Array
        How many there are; of those at the level just the part that is needed.
    """

    level: Array
    n_pixels: Array


def brightest(flux: Array, fraction: float = 0.5) -> Brightest:
    """The brightest pixels that hold a fraction of all light.

    Parameters
    ----------
    flux : Array
        Image, (y, x), 0 outside of the source; negative pixels count in the total.
    fraction : float
        Of the total flux, above 0 and up to 1.

    Returns
    -------
    Brightest
        NaN where the total is not positive. Its derivative with regard to the image is that of
        an unchanged order of pixels.
    """
    flux = jnp.asarray(flux, jnp.float32)
    target = fraction * jnp.sum(flux)
    fixed, goal = jax.lax.stop_gradient(flux), jax.lax.stop_gradient(target)

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = low + (high - low) // 2
        enough = jnp.sum(jnp.where(fixed >= _number(middle), fixed, 0.0)) >= goal
        return jnp.where(enough, middle, low), jnp.where(enough, high, middle)

    top = _pattern(jnp.maximum(jnp.max(fixed), 0.0))
    low, _ = jax.lax.fori_loop(0, _N_HALVINGS, halve, (jnp.zeros_like(top), top + 1))
    # The faintest pixel that is at least so bright, with its derivative.
    level = jnp.min(jnp.where(flux >= _number(low), flux, jnp.inf))
    above = fixed > _number(low)
    n_above, light = jnp.sum(above), jnp.sum(jnp.where(above, flux, 0.0))
    some = (goal > 0) & (level > 0) & jnp.isfinite(level)
    # Both branches of a selection are differentiated: neither may divide by zero.
    part = (target - light) / jnp.where(some, level, 1.0)
    return Brightest(
        jnp.where(some, level, jnp.nan), jnp.where(some, jnp.maximum(n_above + part, 0.0), jnp.nan)
    )


def _pattern(number: Array) -> Array:
    return jax.lax.bitcast_convert_type(number, jnp.int32)


def _number(pattern: Array) -> Array:
    return jax.lax.bitcast_convert_type(pattern, jnp.float32)
