"""Sérsic profiles as an instrument sees them, by their Fourier transforms: no pixels of the sky."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from surveys.interferometer.profiles import at_frequency, profile_row
from surveys.observing.instrument import Response


class Profile(NamedTuple):
    """A Sérsic profile of unit flux.

    Attributes
    ----------
    radius : Array
        Circularised half-light radius in pixels.
    axis_ratio, angle : Array
        The angle of the major axis from x to y.
    index : Array
    centre : Array
        y and x from the middle of the stamp, in pixels.
    """

    radius: Array
    axis_ratio: Array
    angle: Array
    index: Array
    centre: Array


def seen_profile(profile: Profile, response: Response, table: Array) -> Array:
    """A profile as it is seen without noise, (y, x).

    Parameters
    ----------
    profile : Profile
    response : Response
        Its attenuation is left out.
    table : Array
        Of `visibility_table`.
    """
    s, n = response.oversampling, response.n_pixels
    side = response.grid * s
    fy, fx = jnp.fft.fftfreq(side)[:, None] * s, jnp.fft.rfftfreq(side)[None] * s
    cos, sin = jnp.cos(profile.angle), jnp.sin(profile.angle)
    stretch = jnp.sqrt(profile.axis_ratio)
    along, across = (fx * cos + fy * sin) / stretch, (fy * cos - fx * sin) * stretch
    square = profile.radius**2 * (along**2 + across**2)
    row, _ = profile_row(table, jnp.log(profile.index))
    light, _ = at_frequency(row, square)
    middle = (n * s - 1) / (2 * s) + profile.centre
    phase = -2 * jnp.pi * (fy * middle[0] + fx * middle[1])
    plane = light * (jnp.cos(phase) + 1j * jnp.sin(phase)) * response.transfer
    image = jnp.fft.irfft2(plane, s=(side, side))[: n * s, : n * s]
    return image.reshape(n, s, n, s).sum((1, 3))
