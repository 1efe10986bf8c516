"""Halos of galaxies of a stellar mass."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

_LN10 = 2.302585092994046
_NEWTON_STEPS = 12
_RANGE = (5.0, 17.0)

SCATTER_DEX = 0.15
"""Of stellar masses in halos of one mass (Moster et al. 2013, section 3)."""


class _Moster(NamedTuple):
    """Four parameters, each with its value today and its change with z / (1 + z)."""

    log_m1: tuple[float, float] = (11.590, 1.195)
    norm: tuple[float, float] = (0.0351, -0.0247)
    beta: tuple[float, float] = (1.376, -0.826)
    gamma: tuple[float, float] = (0.608, 0.329)


_MOSTER = _Moster()
"""Moster, Naab & White 2013 (MNRAS 428, 3121), table 1."""


def log_stellar_mass(log_halo_mass: ArrayLike, z: ArrayLike) -> Array:
    """Mean stellar mass of the central galaxies of halos (Moster et al. 2013, eqs 2, 11 to 14).

    Parameters
    ----------
    log_halo_mass : array
        log10 of M200c in Msun.
    z : array

    Returns
    -------
    array
        log10 of the stellar mass in Msun, of a Chabrier initial mass function.
    """
    return _log_stellar_mass(jnp.asarray(log_halo_mass, float), z)[0]


def _log_stellar_mass(log_halo: Array, z: ArrayLike) -> tuple[Array, Array]:
    """And its slope."""
    age = jnp.asarray(z) / (1 + jnp.asarray(z))
    log_m1, norm, beta, gamma = (now + change * age for now, change in _MOSTER)
    x = _LN10 * (log_halo - log_m1)
    low, high = -beta * x, gamma * x
    log_m = log_halo + jnp.log10(2 * norm) - jnp.logaddexp(low, high) / _LN10
    share = jax.nn.sigmoid(high - low)
    return log_m, 1 + beta * (1 - share) - gamma * share


@jax.jit
def log_halo_mass(log_stellar_mass: ArrayLike, z: ArrayLike) -> Array:
    """The halo mass at which the mean stellar mass is this: the inverse of the relation.

    Above 10^10.5 Msun it is steep: there are fewer massive halos than light ones, and of a
    galaxy drawn at random with scatter in its stellar mass the halo is lighter than this.

    Parameters
    ----------
    log_stellar_mass : array
        log10 of Msun.
    z : array

    Returns
    -------
    array
        log10 of M200c in Msun.
    """
    wanted = jnp.asarray(log_stellar_mass, float)
    redshift = jnp.asarray(z)
    age = redshift / (1 + redshift)
    log_m1, norm, beta, gamma = (now + change * age for now, change in _MOSTER)
    # Both power laws lie above the relation, which is concave: from the heavier of the two
    # halos Newton's method goes up to it without a turn.
    ratio = wanted - log_m1 - jnp.log10(2 * norm)
    begin = log_m1 + jnp.maximum(ratio / (1 + beta), ratio / (1 - gamma))

    def step(_: int, x: Array) -> Array:
        value, slope = _log_stellar_mass(x, z)
        return jnp.clip(x + (wanted - value) / slope, *_RANGE)

    found = jax.lax.fori_loop(0, _NEWTON_STEPS, step, jax.lax.stop_gradient(begin))
    return step(0, jax.lax.stop_gradient(found))
