"""What a Sérsic fit says of a source, and how that follows from its parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import jax
import jax.numpy as jnp
from jax import Array

from surveys.fitting.elliptical import FLUX, G1, G2, LN_N, LN_R, X, Y

BACKGROUND, N_PARAMETERS = 7, 8
"""The parameters are those of `surveys.fitting.elliptical`, and a constant."""

_ANY_ANGLE = math.pi / math.sqrt(12)
"""Standard deviation of an angle of which nothing is known."""


@dataclass(frozen=True)
class SersicSizes:
    """Sérsic profiles of sources; NaN where there is none.

    Attributes
    ----------
    flux, flux_err : (stamp,)
        Of the whole profile, in the unit of the images.
    centre, centre_err : (stamp, 2)
        y and x in pixels.
    radius, radius_err : (stamp,)
        Circularised half-light radius in pixels.
    semi_major, semi_major_err : (stamp,)
        Of the ellipse with half of the light, in pixels.
    axis_ratio, axis_ratio_err : (stamp,)
    angle, angle_err : (stamp,)
        Of the major axis, radians from x to y.
    index, index_err : (stamp,)
    background, background_err : (stamp,)
        A pixel; 0 if it was not fitted.
    chi2, n_degrees : (stamp,)
    gain_over_point : (stamp,)
        How much larger chi^2 is for a point in the same place.
    n_steps : (stamp,)
    flags : (stamp,)
        Sums of `Flag`.
    """

    flux: Array
    flux_err: Array
    centre: Array
    centre_err: Array
    radius: Array
    radius_err: Array
    semi_major: Array
    semi_major_err: Array
    axis_ratio: Array
    axis_ratio_err: Array
    angle: Array
    angle_err: Array
    index: Array
    index_err: Array
    background: Array
    background_err: Array
    chi2: Array
    n_degrees: Array
    gain_over_point: Array
    n_steps: Array
    flags: Array


jax.tree_util.register_dataclass(SersicSizes, [f.name for f in fields(SersicSizes)], [])


def shapes_of(p: Array, covariance: Array, scale: Array, middle: float) -> dict[str, Array]:
    """Fluxes, places and shapes with their errors, by the names of `SersicSizes`.

    Parameters
    ----------
    p, covariance : (8,), (8, 8)
    scale : Array
        What fluxes are in units of.
    middle : float
        Pixel of the middle of the stamp.
    """
    error = jnp.sqrt(jnp.diagonal(covariance))
    shape = jnp.maximum(jnp.hypot(p[G1], p[G2]), 1e-6)
    # Slopes of |g|, of the angle and of ln of the semi-major axis, r exp(|g| / 2).
    along = jnp.zeros(N_PARAMETERS).at[G1].set(p[G1] / shape).at[G2].set(p[G2] / shape)
    turn = jnp.zeros(N_PARAMETERS).at[G1].set(-p[G2]).at[G2].set(p[G1]) / (2 * shape**2)
    major = (0.5 * along).at[LN_R].set(1.0)
    of_shape, of_angle, of_major = (jnp.sqrt(v @ covariance @ v) for v in (along, turn, major))
    r, ratio, index = jnp.exp(p[LN_R]), jnp.exp(-shape), jnp.exp(p[LN_N])
    semi_major = r * jnp.exp(0.5 * shape)
    place = jnp.array([Y, X])
    return {
        "flux": p[FLUX] * scale,
        "flux_err": error[FLUX] * scale,
        "centre": p[place] + middle,
        "centre_err": error[place],
        "radius": r,
        "radius_err": r * error[LN_R],
        "semi_major": semi_major,
        "semi_major_err": semi_major * of_major,
        "axis_ratio": ratio,
        "axis_ratio_err": ratio * of_shape,
        "angle": 0.5 * jnp.arctan2(p[G2], p[G1]),
        "angle_err": jnp.minimum(of_angle, _ANY_ANGLE),
        "index": index,
        "index_err": index * error[LN_N],
        "background": p[BACKGROUND] * scale,
        "background_err": error[BACKGROUND] * scale,
    }
