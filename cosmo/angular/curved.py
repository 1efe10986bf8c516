"""Curved space, brought down to flat space.

With X the radius in conformally flat coordinates, the line element is the flat one of X times
(S / X)^2, S(chi) the transverse comoving distance:

    X = (2 / sqrt(K)) tan(sqrt(K) chi / 2),    S = X / (1 + K X^2 / 4),    dX / dchi = X / S.

Waves of wavenumber k at X are waves of kappa = k S / X in the flat coordinates, so tracers on a
grid of X and the power spectrum (X / S)^3 P(kappa X / S) give the same spectra. What this leaves
out is of the order of K / k^2: 1e-3 at l = 2 where Omega_K is 0.01, and less than 1e-4 from l = 7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from cosmo.angular.tracers import POTENTIALS, Tracer


@jax.jit
def conformal_radius(chi: Array, curvature: Array | float) -> Array:
    """X of comoving distances, smooth through K = 0; both in Mpc/h."""
    x = curvature * chi**2 / 4
    small = jnp.abs(x) < 1e-4
    safe = jnp.where(small, 1.0, jnp.abs(x))
    root = jnp.sqrt(safe)
    ratio = jnp.where(x > 0, jnp.tan(root), jnp.tanh(root)) / root
    return chi * jnp.where(small, 1 + x / 3 + 2 * x**2 / 15, ratio)


@jax.jit
def comoving_distance(radius: Array, curvature: Array | float) -> Array:
    """The inverse of :func:`conformal_radius`."""
    x = curvature * radius**2 / 4
    small = jnp.abs(x) < 1e-4
    safe = jnp.where(small, 0.5, jnp.abs(x))
    root = jnp.sqrt(safe)
    ratio = jnp.where(x > 0, jnp.arctan(root), jnp.arctanh(jnp.minimum(root, 1 - 1e-7))) / root
    return radius * jnp.where(small, 1 - x / 3 + x**2 / 5, ratio)


def flattened(tracer: Tracer, curvature: Array | float) -> Tracer:
    """A tracer on the grid of X."""
    radius = conformal_radius(tracer.chi, curvature)
    stretch = 1 + curvature * radius**2 / 4  # X / S
    terms = {
        kind: weight / stretch ** (3 if kind in POTENTIALS else 1)
        for kind, weight in tracer.terms.items()
    }
    return replace(tracer, chi=radius, terms=terms)


def flattened_power(power: Callable[[Any, Any], Array], curvature: Array | float) -> Callable:
    """P(k) of k and chi, (n_chi, n_k), in JAX, as one of kappa and X."""

    def of_radius(kappa: Array, radius: Array) -> Array:
        radius, kappa = jnp.asarray(radius), jnp.asarray(kappa)
        stretch = 1 + curvature * radius**2 / 4
        chi = comoving_distance(radius, curvature)
        each = jax.vmap(lambda s, c: s**3 * power(kappa * s, c[None])[0])
        return each(stretch, chi)

    return of_radius
