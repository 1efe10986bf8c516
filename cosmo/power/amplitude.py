"""The amplitude of a power spectrum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from cosmo.growth import growth_of
from cosmo.parameters import HUBBLE_DISTANCE, Cosmology

PIVOT_PER_MPC = 0.05
"""Where A_s is defined, 1/Mpc (not h/Mpc)."""

_LN_KR = (-9.0, 7.0)
"""k R between which spheres see power; beyond lies less than 1e-8 of the variance."""

_NODES = 2048


def sigma_of(power: Callable[[Array], Array], radius: Any = 8.0) -> Array:
    """Standard deviation of the density in spheres.

    ``sigma^2 = integral of k^3 P(k) W^2(kR) / (2 pi^2) d ln k`` with
    ``W(x) = 3 (sin x - x cos x) / x^3``.

    Parameters
    ----------
    power : callable
        P of k (h/Mpc), (Mpc/h)^3.
    radius : scalar
        R, Mpc/h.
    """
    x = jnp.asarray(np.exp(np.linspace(*_LN_KR, _NODES)), float)
    k = x / radius
    step = (_LN_KR[1] - _LN_KR[0]) / (_NODES - 1)
    return jnp.sqrt(step * jnp.sum(k**3 * power(k) * _sphere(x) ** 2) / (2 * jnp.pi**2))


def primordial_amplitude(cosmology: Cosmology) -> Array:
    """A of ``P(k) = A k^n_s T(k)^2`` today, from A_s.

    Poisson's equation makes of a primordial curvature perturbation R the density
    ``delta = 2/5 k^2 T(k) D R / (Omega_m (H0/c)^2)``, where D is a early in the matter era, so
    ``A k^n_s = 2 pi^2 (4/25) A_s (k / k_pivot)^(n_s - 1) k D^2 (c/H0)^4 / Omega_m^2``.
    """
    pivot = PIVOT_PER_MPC / cosmology.h
    matter = HUBBLE_DISTANCE**2 * growth_of(cosmology).from_early / cosmology.omega_m
    return 8 * jnp.pi**2 / 25 * cosmology.a_s * pivot ** (1 - cosmology.n_s) * matter**2


def _sphere(x: Array) -> Array:
    small = jnp.abs(x) < 0.1
    safe = jnp.where(small, 1.0, x)
    whole = 3 * (jnp.sin(safe) - safe * jnp.cos(safe)) / safe**3
    return jnp.where(small, 1 - x**2 / 10 * (1 - x**2 / 28 * (1 - x**2 / 54)), whole)
