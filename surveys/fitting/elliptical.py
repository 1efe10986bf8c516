"""Visibilities of an elliptical source, and how they change with its parameters.

The parameters are flux, position along x and y, ``ln r``, two components of the shape and ``ln n``.
Those of visibilities are in Jy and arcsec from the phase centre, those of images in pixels from the
middle of the stamp. With ``G = [[g1, g2], [g2, -g1]]`` the visibility is that of a round source at
``s^2 = r^2 f exp(G) f``: r is the circularised half-light radius, the axis ratio is ``exp(-|g|)``,
and a round source is no singular point.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from surveys.fitting.profiles import at_frequency, profile_row

FLUX, X, Y, LN_R, G1, G2, LN_N = range(7)


def _elongated(g1: Array, g2: Array, fx: Array, fy: Array) -> tuple[Array, Array, Array]:
    """``f exp(G) f``, and its slopes with both components of the shape, (cell,) each."""
    square = g1 * g1 + g2 * g2
    small = square < 1e-4
    g = jnp.sqrt(jnp.where(small, 1.0, square))
    even = jnp.where(small, 1 + square / 2, jnp.cosh(g))
    odd = jnp.where(small, 1 + square / 6, jnp.sinh(g) / g)
    # Slope of the odd part with g, over g.
    third = jnp.where(small, 1 / 3 + square / 30, (even - odd) / (g * g))
    round_part, plus, cross = fx * fx + fy * fy, fx * fx - fy * fy, 2 * fx * fy
    along = g1 * plus + g2 * cross
    common = odd * round_part + third * along
    return even * round_part + odd * along, g1 * common + odd * plus, g2 * common + odd * cross


class Amplitudes(NamedTuple):
    """Visibilities of a source of unit flux about its own middle, all real, and their slopes.

    Attributes
    ----------
    seen, with_ln_r, with_g1, with_g2, with_ln_n : (...)
        Of the shape of the frequencies.
    """

    seen: Array
    with_ln_r: Array
    with_g1: Array
    with_g2: Array
    with_ln_n: Array


def amplitudes(parameters: Array, cycles: tuple[Array, Array], table: Array) -> Amplitudes:
    """Visibilities of a source of unit flux in its own middle.

    Parameters
    ----------
    parameters : (7,)
    cycles : (...) and (...)
        Spatial frequencies along x and y, cycles per unit of the radius; they are broadcast.
    table : (index, frequency)
        Of `surveys.fitting.profiles.visibility_table`.
    """
    shape, with_g1, with_g2 = _elongated(parameters[G1], parameters[G2], *cycles)
    s_squared = jnp.exp(2 * parameters[LN_R]) * shape
    row, row_slope = profile_row(table, parameters[LN_N])
    seen, with_ln_s = at_frequency(row, s_squared)
    with_ln_n, _ = at_frequency(row_slope, s_squared)
    # ln s is half of the logarithm of the shape.
    with_shape = with_ln_s / (2 * jnp.maximum(shape, 1e-30))
    return Amplitudes(seen, with_ln_s, with_shape * with_g1, with_shape * with_g2, with_ln_n)


def model_and_slopes(
    parameters: Array, cycles: tuple[Array, Array], table: Array
) -> tuple[Array, Array]:
    """Visibilities of a source, and how they change with its parameters.

    Parameters
    ----------
    parameters : (7,)
    cycles : (cell,) and (cell,)
        Spatial frequencies along x and y, cycles per arcsecond.
    table : (index, frequency)
        Of `surveys.fitting.profiles.visibility_table`.

    Returns
    -------
    visibilities : (2, cell)
        Real and imaginary parts, Jy.
    slopes : (7, 2, cell)
    """
    fx, fy = cycles
    flux = parameters[FLUX]
    seen, *others = amplitudes(parameters, cycles, table)
    phase = -2 * math.pi * (fx * parameters[X] + fy * parameters[Y])
    wave = jnp.stack([jnp.cos(phase), jnp.sin(phase)])
    turned = 2 * math.pi * flux * seen * jnp.stack([wave[1], -wave[0]])
    slopes = jnp.stack([seen * wave, fx * turned, fy * turned])
    with_others = flux * jnp.stack(others)[:, None] * wave
    return flux * seen * wave, jnp.concatenate([slopes, with_others])


def axis_ratio_and_pa(parameters: Array) -> tuple[Array, Array]:
    """Axis ratio, and position angle in degrees from north through east, of parameters (..., 7)."""
    g1, g2 = parameters[..., G1], parameters[..., G2]
    # The angle of the major axis from x, which is to the west.
    angle = 0.5 * jnp.arctan2(g2, g1)
    return jnp.exp(-jnp.hypot(g1, g2)), (jnp.degrees(angle) - 90) % 180
