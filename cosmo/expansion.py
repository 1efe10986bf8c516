"""Distances, expansion rate and growth as tables that JAX can look up and differentiate.

Units are those of the angular power spectra: comoving distances chi in Mpc/h, and H over c in
h/Mpc. A table is read by cubics in ``ln(1 + z)`` that have the known slopes

    d chi / dz = 1 / H,    d ln D / d ln(1 + z) = -f

and slopes of ln H and f from polynomials through five nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from cosmo.growth import FIRST_REDSHIFT, growth_of
from cosmo.interpolation import hermite, slopes
from cosmo.parameters import (
    HUBBLE_DISTANCE,
    Cosmology,
    cosmology_of,
    expansion_squared,
    recombination_redshift,
)
from cosmo.quadrature import integrate

__all__ = [
    "HUBBLE_DISTANCE",
    "Background",
    "Cosmology",
    "background_from_table",
    "background_of",
    "comoving",
    "cosmology_of",
    "growth",
    "growth_rate",
    "hubble",
    "recombination_redshift",
    "redshift",
    "transverse",
]

_NODES = 4
"""Of Gauss and Legendre, in each interval of the grid."""

_NEAR_ZERO = 0.05
"""A table that begins below this redshift is carried on to 0."""

_CONSISTENT = 1e-3


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Background:
    """A table of what an angular power spectrum takes of a cosmology.

    Attributes
    ----------
    z : (n,) array
        Ascending from 0.
    chi : (n,) array
        Comoving distance along the line of sight, Mpc/h.
    hubble : (n,) array
        H / c, h/Mpc.
    growth : (n,) array
        D, 1 today.
    growth_rate : (n,) array
        f = d ln D / d ln a.
    curvature : scalar
        K, (h/Mpc)^2; negative is open.
    omega_m : scalar, optional
        All matter today, which lensing and potentials need. `dataclasses.replace` adds it to a
        table.
    growth_today : scalar, optional
        D today, were it a while matter alone counts, which primordial bias needs.
    """

    z: Array
    chi: Array
    hubble: Array
    growth: Array
    growth_rate: Array
    curvature: Array
    omega_m: Any = None
    growth_today: Any = None


def background_of(cosmology: Cosmology, z_max: float, n: int = 1024) -> Background:
    """The background of a cosmology.

    Parameters
    ----------
    cosmology : Cosmology
    z_max : float
        Where the table ends; a number, not traced.
    n : int
        Nodes, uniform in ln(1 + z).

    Raises
    ------
    ValueError
        z_max is not above 0 or above 1e5, or n is below 16.
    """
    if not 0 < z_max <= FIRST_REDSHIFT / 10:
        raise ValueError(f"z_max = {z_max} is not above 0 and at most {FIRST_REDSHIFT / 10:g}")
    if n < 16:
        raise ValueError(f"n = {n} is below 16")
    return _background(cosmology.without_spectrum, z_max, n)


@partial(jax.jit, static_argnames="n")
def _background(cosmology: Cosmology, z_max: Any, n: int) -> Background:
    x = jnp.linspace(0, 1, n) * jnp.log1p(z_max)

    def distance_slope(x: Array) -> Array:
        return HUBBLE_DISTANCE * jnp.exp(x) / jnp.sqrt(expansion_squared(cosmology, x))

    steps = integrate(distance_slope, x[:-1], x[1:], _NODES)
    z = jnp.expm1(x)
    mode = growth_of(cosmology)
    return Background(
        z=z,
        chi=jnp.concatenate([jnp.zeros(1, steps.dtype), jnp.cumsum(steps)]),
        hubble=jnp.sqrt(expansion_squared(cosmology, x)) / HUBBLE_DISTANCE,
        growth=mode.growth(z),
        growth_rate=mode.growth_rate(z),
        curvature=jnp.asarray(cosmology.curvature, float),
        omega_m=jnp.asarray(cosmology.omega_m, float),
        growth_today=mode.from_early,
    )


def background_from_table(
    z: Any,
    chi_mpc_h: Any,
    hubble_h_mpc: Any,
    growth: Any,
    growth_rate: Any = None,
    curvature: float = 0.0,
) -> Background:
    """The background that another code has computed, checked.

    Parameters
    ----------
    z, chi_mpc_h, hubble_h_mpc, growth, growth_rate : (n,) array_like
        As in `Background`. D is divided by its value at z = 0. Without f, it is the slope of D.
    curvature : float
        K, (h/Mpc)^2.

    Raises
    ------
    ValueError
        A column is of another length, not finite, not positive or not ascending, the table does
        not begin near z = 0, or chi is not the integral of 1 / H to 1e-3.
    """
    columns = {"z": z, "chi_mpc_h": chi_mpc_h, "hubble_h_mpc": hubble_h_mpc, "growth": growth}
    if growth_rate is not None:
        columns["growth_rate"] = growth_rate
    if not np.isfinite(curvature):
        raise ValueError(f"curvature = {curvature} is not finite")
    table = _checked(columns)
    with jax.enable_x64(True):
        if "growth_rate" not in table:
            rate = -slopes(jnp.log1p(table["z"]), jnp.log(table["growth"]))
            table["growth_rate"] = np.asarray(rate)
        if table["z"][0] > 0:
            table = _carried_to_zero(table)
    _check_distances(table["z"], table["chi_mpc_h"], table["hubble_h_mpc"])
    return Background(
        z=jnp.asarray(table["z"]),
        chi=jnp.asarray(table["chi_mpc_h"]),
        hubble=jnp.asarray(table["hubble_h_mpc"]),
        growth=jnp.asarray(table["growth"] / table["growth"][0]),
        growth_rate=jnp.asarray(table["growth_rate"]),
        curvature=jnp.asarray(curvature, float),
    )


@jax.jit
def comoving(background: Background, z: Any) -> Array:
    """Comoving distance, Mpc/h, at redshift z. NaN outside of the table, as all that follows."""
    x, at = _log_1pz(background, z)
    slope = (1 + background.z) / background.hubble
    return _inside(x, at, hermite(x, background.chi, slope, at))


@jax.jit
def redshift(background: Background, chi: Any) -> Array:
    """Redshift at a comoving distance, Mpc/h: the inverse of `comoving`."""
    chi = jnp.asarray(chi, float)
    x = jnp.log1p(background.z)
    slope = (1 + background.z) / background.hubble
    at = hermite(background.chi, x, 1 / slope, chi)
    # A step of Newton's, so that there and back is where one was.
    at = at - (hermite(x, background.chi, slope, at) - chi) / hermite(
        x, slope, slopes(x, slope), at
    )
    return _inside(background.chi, chi, jnp.expm1(at))


@jax.jit
def hubble(background: Background, z: Any) -> Array:
    """H / c, h/Mpc."""
    x, at = _log_1pz(background, z)
    log_rate = jnp.log(background.hubble)
    return _inside(x, at, jnp.exp(hermite(x, log_rate, slopes(x, log_rate), at)))


@jax.jit
def growth(background: Background, z: Any) -> Array:
    """D(z), 1 today."""
    x, at = _log_1pz(background, z)
    log_growth = hermite(x, jnp.log(background.growth), -background.growth_rate, at)
    return _inside(x, at, jnp.exp(log_growth))


@jax.jit
def growth_rate(background: Background, z: Any) -> Array:
    """f(z) = d ln D / d ln a."""
    x, at = _log_1pz(background, z)
    rate = background.growth_rate
    return _inside(x, at, hermite(x, rate, slopes(x, rate), at))


@jax.jit
def transverse(background: Background, chi: Any) -> Array:
    """Comoving distance across the line of sight, Mpc/h.

    ``sin(sqrt(K) chi) / sqrt(K)``, or sinh where K is negative; one smooth function of K.
    """
    chi = jnp.asarray(chi, float)
    x = background.curvature * chi**2
    small = jnp.abs(x) < 0.03
    series = 1 - x / 6 * (1 - x / 20 * (1 - x / 42 * (1 - x / 72 * (1 - x / 110))))
    # What is not used must have a finite slope as well.
    closed, opened = jnp.where(x > 0, x, 1.0), jnp.where(x < 0, -x, 1.0)
    closed, opened = (jnp.sqrt(jnp.where(small, 1.0, v)) for v in (closed, opened))
    curved = jnp.where(x > 0, jnp.sin(closed) / closed, jnp.sinh(opened) / opened)
    return chi * jnp.where(small, series, curved)


def _log_1pz(background: Background, z: Any) -> tuple[Array, Array]:
    return jnp.log1p(background.z), jnp.log1p(jnp.asarray(z, float))


def _inside(x: Array, at: Array, value: Array) -> Array:
    """NaN where ``at`` is outside of the table by more than rounding."""
    slack = 8 * jnp.finfo(x.dtype).eps * (x[-1] - x[0])
    return jnp.where((at >= x[0] - slack) & (at <= x[-1] + slack), value, jnp.nan)


def _checked(columns: dict[str, Any]) -> dict[str, np.ndarray]:
    table = {}
    for name, column in columns.items():
        try:
            values = np.asarray(column, np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{name} is not an array of numbers") from None
        if values.ndim != 1 or values.size < 16:
            raise ValueError(f"{name} has the shape {values.shape}; 16 or more rows are needed")
        if values.size != np.size(columns["z"]):
            raise ValueError(f"{name} has {values.size} rows and z has {np.size(columns['z'])}")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} is not finite in row {np.argmin(np.isfinite(values))}")
        table[name] = values
    for name in ("z", "chi_mpc_h"):
        if table[name][0] < 0:
            raise ValueError(f"{name} begins at {table[name][0]:g}, below 0")
        falls = np.diff(table[name]) <= 0
        if falls.any():
            raise ValueError(f"{name} does not ascend after row {np.argmax(falls)}")
    for name in ("hubble_h_mpc", "growth"):
        if not (table[name] > 0).all():
            raise ValueError(f"{name} is not above 0 in row {np.argmin(table[name] > 0)}")
    if table["z"][0] > _NEAR_ZERO:
        raise ValueError(f"z begins at {table['z'][0]:g}; it has to begin at 0, or below 0.05")
    return table


def _carried_to_zero(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The table with a row for z = 0, from the parabola through its first three rows."""
    z = table["z"][:3]
    weight = [np.prod([z[k] / (z[k] - z[j]) for k in range(3) if k != j]) for j in range(3)]
    first = {name: float(np.dot(weight, column[:3])) for name, column in table.items()}
    first |= {"z": 0.0, "chi_mpc_h": 0.0}
    return {name: np.r_[first[name], column] for name, column in table.items()}


def _check_distances(z: np.ndarray, chi: np.ndarray, rate: np.ndarray) -> None:
    """Chi has to be the integral of 1 / H."""
    x, inverse = np.log1p(z), (1 + z) / rate
    with jax.enable_x64(True):
        bend = np.asarray(slopes(jnp.asarray(x), jnp.asarray(inverse)))
    step = np.diff(x)
    area = step / 2 * (inverse[1:] + inverse[:-1]) - step**2 / 12 * np.diff(bend)
    off = np.abs(np.diff(chi) - area) > _CONSISTENT * area + 1e-6 * chi[1:]
    if off.any() or chi[0] > _CONSISTENT * chi[-1]:
        i = int(np.argmax(off))
        raise ValueError(
            f"chi_mpc_h grows by {chi[i + 1] - chi[i]:.6g} from z = {z[i]:.4g} to {z[i + 1]:.4g}, "
            f"where hubble_h_mpc gives {area[i]:.6g}; they have to be in Mpc/h and h/Mpc"
        )
