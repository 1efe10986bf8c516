"""What lensing and potentials have in common.

With n(chi) = n(z) H, K(chi) the distance across the line of sight and H in h/Mpc, sources are
lensed with the weight

    3/2 Omega_m H0^2 (1 + z) K(chi) q(chi)
    q(chi) = integral over chi' > chi of n(chi') K(chi' - chi) / K(chi') dchi'
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from cosmo.expansion import HUBBLE_DISTANCE, Background, hubble, redshift, transverse
from cosmo.quadrature import gauss_legendre

_NODES = 4


def matter(background: Background) -> Array:
    """Omega_m, which not all backgrounds have."""
    if background.omega_m is None:
        raise ValueError("background has no omega_m; dataclasses.replace adds it")
    return background.omega_m


def poisson(background: Background) -> Array:
    """3/2 Omega_m H0^2, (h/Mpc)^2."""
    return 1.5 * matter(background) / HUBBLE_DISTANCE**2


def lensing(background: Background, chi: Array, of_z: Callable[[Array], Array]) -> Array:
    """The lensing weight of sources of a number or strength in redshift."""
    share = jnp.asarray(gauss_legendre(_NODES)[0], chi.dtype)[:, None]
    at = chi[:-1] + share * jnp.diff(chi)
    return _weight(background, chi, at, of_z(redshift(background, at)))


@jax.jit
def _weight(background: Background, chi: Array, at: Array, sources: Array) -> Array:
    """The same of sources at distances between those of the grid, (4, n - 1).

    K(chi' - chi) = K(chi') C(chi) - C(chi') K(chi), with the cosine C, leaves two cumulative sums.
    """

    def cosine(chi: Array) -> Array:
        return 1 - 2 * background.curvature * transverse(background, chi / 2) ** 2

    def beyond(values: Array) -> Array:
        steps = share @ values * jnp.diff(chi)
        return jnp.concatenate([jnp.cumsum(steps[::-1])[::-1], jnp.zeros(1, chi.dtype)])

    share = jnp.asarray(gauss_legendre(_NODES)[1], chi.dtype)
    density = sources * hubble(background, redshift(background, at))
    across = transverse(background, chi)
    plain = beyond(density)
    inverse = beyond(density * cosine(at) / transverse(background, at))
    efficiency = cosine(chi) * plain - across * inverse
    return poisson(background) * (1 + redshift(background, chi)) * across * efficiency
