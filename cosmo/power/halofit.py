"""Nonlinear power spectra by the revised halofit (Takahashi et al. 2012, ApJ 761 152, appendix).

With ``Delta^2 = k^3 P / (2 pi^2)`` and ``sigma^2(R) = integral of Delta_L^2 exp(-k^2 R^2) d ln k``,
the scale ``1 / k_s`` is where sigma is 1, ``n + 3`` and ``C`` are there the slope of
``-ln sigma^2`` in ln R and that slope's own, and ``y = k / k_s``. Massive neutrinos are not known
to it: next to CAMB's, that adds terms for them, it is 0.8 % low for 0.06 eV, and 0.4 % off without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from cosmo.parameters import Cosmology, expansion_squared

_LN_K = (-9.0, 9.0)
_NODES = 1024

_LN_R = (-8.0, 4.0)
"""R, Mpc/h; where sigma is 1 at no R above the first, nothing that matters is nonlinear."""

_HALVINGS = 30


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Halofit:
    """Nonlinear P(k, z) from a linear source.

    Attributes
    ----------
    linear : source
        As in `cosmo.power.sources`.
    cosmology : Cosmology
        For Omega_m(z), and the density of dark energy and its equation of state.
    """

    linear: Any
    cosmology: Cosmology

    @property
    def separable(self) -> bool:
        return False

    @jax.jit
    def __call__(self, k: Array, z: Array) -> Array:
        """P, (n_z, n_k)."""
        k, z = (jnp.atleast_1d(jnp.asarray(v, float)) for v in (k, z))
        nodes = jnp.asarray(np.exp(np.linspace(*_LN_K, _NODES)), float)
        unit = 2 * jnp.pi**2
        spectra = nodes**3 * self.linear(nodes, z) / unit
        log_scale, slope, bend = jax.vmap(lambda d: _scale(nodes, d))(spectra)
        matter, excess = _densities(self.cosmology, jnp.log1p(z))
        shape = tuple(v[:, None] for v in (slope - 3, bend, matter, excess))
        y = k * jnp.exp(log_scale)[:, None]
        return unit / k**3 * _fit(y, k**3 * self.linear(k, z) / unit, *shape)


def _scale(k: Array, delta: Array) -> tuple[Array, Array, Array]:
    """ln(1 / k_s), n + 3 and C of a linear spectrum at one redshift."""
    step = (_LN_K[1] - _LN_K[0]) / (_NODES - 1)

    def moments(log_r: Array) -> tuple[Array, Array, Array]:
        x = (k * jnp.exp(log_r)) ** 2
        weight = step * delta * jnp.exp(-x)
        return tuple(jnp.sum(weight * f) for f in (1.0, x, x**2))  # type: ignore[return-value]

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        above = moments(middle)[0] > 1
        return jnp.where(above, middle, low), jnp.where(above, high, middle)

    ends = tuple(jnp.asarray(v, k.dtype) for v in _LN_R)
    found = lax.stop_gradient(lax.fori_loop(0, _HALVINGS, halve, ends)[0])
    # The last step is Newton's, which has the slope of the solution.
    variance, first, _ = moments(found)
    log_r = jnp.clip(found + variance * jnp.log(variance) / (2 * first), *_LN_R)
    variance, first, second = moments(log_r)
    slope = 2 * first / variance
    return log_r, slope, slope**2 + 4 * (first - second) / variance


def _densities(cosmology: Cosmology, log_1pz: Array) -> tuple[Array, Array]:
    """Omega_m(z), and Omega_de(z) (1 + w(z))."""
    squared = expansion_squared(cosmology, log_1pz)
    w = cosmology.w0 - cosmology.wa * jnp.expm1(-log_1pz)
    growth = 1 + cosmology.w0 + cosmology.wa
    dark = jnp.exp(3 * (growth * log_1pz + cosmology.wa * jnp.expm1(-log_1pz)))
    matter = cosmology.omega_m * jnp.exp(3 * log_1pz) / squared
    return matter, cosmology.omega_de * dark / squared * (1 + w)


def _fit(y: Array, linear: Array, n: Array, c: Array, matter: Array, excess: Array) -> Array:
    """Delta^2: what two halos have, and one."""
    quasi = jnp.abs(6.0835 + 1.3373 * n - 0.1959 * n**2 - 5.5274 * c)
    beta = 2.0379 - 0.7354 * n + 0.3157 * n**2 + 1.2490 * n**3 + 0.3980 * n**4 - 0.1682 * c
    two = linear * (1 + linear) ** beta / (1 + quasi * linear) * jnp.exp(-y / 4 - y**2 / 8)
    a = 1.5222 + 2.8553 * n + 2.3706 * n**2 + 0.9903 * n**3 + 0.2250 * n**4
    a = 10 ** (a - 0.6038 * c + 0.1749 * excess)
    b = 10 ** (-0.5642 + 0.5864 * n + 0.5716 * n**2 - 1.5474 * c + 0.2279 * excess)
    d = 10 ** (0.3698 + 2.0404 * n + 0.8161 * n**2 + 0.5869 * c)
    gamma = 0.1971 - 0.0843 * n + 0.8460 * c
    nu = 10 ** (5.2105 + 3.6902 * n)
    f1, f2, f3 = matter**-0.0307, matter**-0.0585, matter**0.0743
    one = a * y ** (3 * f1) / (1 + b * y**f2 + (d * f3 * y) ** (3 - gamma))
    return two + one / (1 + nu / y**2)
