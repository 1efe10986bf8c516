"""The linear power spectrum by the fit of Eisenstein & Hu (1998, ApJ 496 605).

``P(k, z) = A k^n_s T(k)^2 D(z)^2``. Equation numbers are those of the paper. The fit is of matter,
baryons and radiation; massive neutrinos are taken for cold matter. It is a few per cent off what a
Boltzmann code gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from cosmo.expansion import Background, growth
from cosmo.parameters import Cosmology
from cosmo.power.amplitude import primordial_amplitude, sigma_of


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EisensteinHu:
    """P(k, z) of the fit; made by `eisenstein_hu`.

    Attributes
    ----------
    cosmology : Cosmology
    background : Background
        For D(z).
    amplitude : scalar
        A.
    wiggles : bool
        Whether baryons oscillate.
    """

    cosmology: Cosmology
    background: Background
    amplitude: Array
    wiggles: bool = field(default=True, metadata={"static": True})

    separable = True

    @jax.jit
    def __call__(self, k: Array, z: Array) -> Array:
        """P, (n_z, n_k), in (Mpc/h)^3 at k (n_k) in h/Mpc and z (n_z)."""
        scale = growth(self.background, jnp.atleast_1d(jnp.asarray(z, float))) ** 2
        return scale[:, None] * self.today(k)[None]

    @jax.jit
    def today(self, k: Array) -> Array:
        """P at z = 0."""
        k = jnp.atleast_1d(jnp.asarray(k, float))
        return self.amplitude * _shape(self.cosmology, k, self.wiggles)


@partial(jax.jit, static_argnames="wiggles")
def eisenstein_hu(
    cosmology: Cosmology, background: Background, wiggles: bool = True
) -> EisensteinHu:
    """The spectrum of a cosmology, with the sigma8 or the A_s that it has."""
    if cosmology.sigma8 is None:
        amplitude = primordial_amplitude(cosmology)
    else:
        unit = sigma_of(lambda k: _shape(cosmology, k, wiggles))
        amplitude = (cosmology.sigma8 / unit) ** 2
    return EisensteinHu(cosmology, background, amplitude, wiggles)


@partial(jax.jit, static_argnames="wiggles")
def transfer(cosmology: Cosmology, k: Any, wiggles: bool = True) -> Array:
    """T(k) of all matter, 1 at k = 0; k is in h/Mpc."""
    k = jnp.asarray(k, float)
    return _with_baryons(cosmology, k) if wiggles else _smooth(cosmology, k)


def _shape(cosmology: Cosmology, k: Array, wiggles: bool) -> Array:
    return k**cosmology.n_s * transfer(cosmology, k, wiggles) ** 2


def _with_baryons(cosmology: Cosmology, k: Array) -> Array:
    """Equations 16 to 24."""
    matter, baryon = cosmology.omega_m * cosmology.h**2, cosmology.omega_b * cosmology.h**2
    theta = cosmology.t_cmb / 2.7
    k = k * cosmology.h
    z_eq, k_eq = 2.5e4 * matter / theta**4, 0.0746 * matter / theta**2  # 2, 3
    z_drag = _drag(matter, baryon)
    ratio = 31.5e3 * baryon / theta**4  # 5, times the redshift
    r_drag, r_eq = ratio / z_drag, ratio / z_eq
    front = jnp.sqrt(1 + r_drag) + jnp.sqrt(r_drag + r_eq)
    sound = 2 / (3 * k_eq) * jnp.sqrt(6 / r_eq) * jnp.log(front / (1 + jnp.sqrt(r_eq)))  # 6
    silk = 1.6 * baryon**0.52 * matter**0.73 * (1 + (10.4 * matter) ** -0.95)  # 7
    q, ks = k / (13.41 * k_eq), k * sound  # 10
    share = baryon / matter
    cold = _cold(matter, share, q, ks)
    oscillating = _oscillating(
        share=share,
        matter=matter,
        smooth=_logarithm(q, 1.0, 1.0),
        height=2.07 * k_eq * sound * (1 + r_drag) ** -0.75 * _late((1 + z_eq) / (1 + z_drag)),
        ks=ks,
        over_silk=k / silk,
    )
    return share * oscillating + (1 - share) * cold


def _drag(matter: Any, baryon: Any) -> Any:
    """Redshift where baryons leave the photons, 4."""
    b1 = 0.313 * matter**-0.419 * (1 + 0.607 * matter**0.674)
    b2 = 0.238 * matter**0.223
    return 1291 * matter**0.251 / (1 + 0.659 * matter**0.828) * (1 + b1 * baryon**b2)


def _cold(matter: Any, share: Any, q: Array, ks: Array) -> Array:
    """Transfer of cold dark matter, 11, 12 and 17."""
    a1 = (46.9 * matter) ** 0.670 * (1 + (32.1 * matter) ** -0.532)
    a2 = (12.0 * matter) ** 0.424 * (1 + (45.0 * matter) ** -0.582)
    alpha = a1**-share * a2 ** -(share**3)
    b1 = 0.944 / (1 + (458 * matter) ** -0.708)
    b2 = (0.395 * matter) ** -0.0266
    beta = 1 / (1 + b1 * ((1 - share) ** b2 - 1))
    part = 1 / (1 + (ks / 5.4) ** 4)
    return part * _logarithm(q, 1.0, beta) + (1 - part) * _logarithm(q, alpha, beta)


def _logarithm(q: Array, alpha: Any, beta: Any) -> Array:
    """19 and 20."""
    log = jnp.log(jnp.e + 1.8 * beta * q)
    return log / (log + (14.2 / alpha + 386 / (1 + 69.9 * q**1.08)) * q**2)


def _late(y: Any) -> Array:
    """G of 15: what growth there was between equality and drag."""
    root = jnp.sqrt(1 + y)
    return y * (-6 * root + (2 + 3 * y) * jnp.log((root + 1) / (root - 1)))


def _oscillating(
    share: Any, matter: Any, smooth: Array, height: Any, ks: Array, over_silk: Array
) -> Array:
    """Transfer of baryons, 21 to 24."""
    node = 8.41 * matter**0.435
    depth = 0.5 + share + (3 - 2 * share) * jnp.sqrt((17.2 * matter) ** 2 + 1)
    wave = jnp.sinc(ks / (1 + (node / ks) ** 3) ** (1 / 3) / jnp.pi)
    damped = height / (1 + (depth / ks) ** 3) * jnp.exp(-(over_silk**1.4))
    return (smooth / (1 + (ks / 5.2) ** 2) + damped) * wave


def _smooth(cosmology: Cosmology, k: Array) -> Array:
    """Without oscillations: 26 and 28 to 31."""
    matter, baryon = cosmology.omega_m * cosmology.h**2, cosmology.omega_b * cosmology.h**2
    share = baryon / matter
    sound = 44.5 * jnp.log(9.83 / matter) / jnp.sqrt(1 + 10 * baryon**0.75)
    alpha = 1 - 0.328 * jnp.log(431 * matter) * share + 0.38 * jnp.log(22.3 * matter) * share**2
    per_mpc = k * cosmology.h
    gamma = matter * (alpha + (1 - alpha) / (1 + (0.43 * per_mpc * sound) ** 4))
    q = per_mpc * (cosmology.t_cmb / 2.7) ** 2 / gamma
    log = jnp.log(2 * jnp.e + 1.8 * q)
    return log / (log + (14.2 + 731 / (1 + 62.5 * q)) * q**2)
