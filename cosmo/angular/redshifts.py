"""Numbers of sources by redshift, and properties of theirs that depend on it.

n(z) is normalised to one over redshifts above ``NEAREST``: the angular power of what is nearer
would be on no scale that matters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.core import Tracer
from jax.scipy.special import erfc

from cosmo.interpolation import hermite, slopes
from cosmo.quadrature import integrate

NEAREST = 1e-3
"""Redshift below which there are no sources; 3 Mpc/h."""

_SIGMAS, _PER_SIGMA = 7, 32
_ROWS = 4
# A table is looked at in at least so many places.
_PLACES = 1200
_TOWARDS_ZERO = 64


class Redshifts(Protocol):
    """n(z), and where it has to be looked at."""

    @property
    def grid(self) -> Array:
        """Redshifts that resolve it, rising, (n,). They do not follow parameters in slopes."""
        ...

    def __call__(self, z: Array) -> Array:
        """n(z) at redshifts of any shape."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GaussianRedshifts:
    """A Gaussian; made by `gaussian_nz`."""

    mean: Any
    sigma: Any

    @property
    @jax.jit
    def grid(self) -> Array:
        mean, sigma = (lax.stop_gradient(jnp.asarray(v, float)) for v in (self.mean, self.sigma))
        low = jnp.maximum(mean - _SIGMAS * sigma, NEAREST)
        return jnp.linspace(low, mean + _SIGMAS * sigma, 2 * _SIGMAS * _PER_SIGMA + 1)

    @jax.jit
    def __call__(self, z: Array) -> Array:
        share = 0.5 * erfc((NEAREST - self.mean) / (2**0.5 * self.sigma))
        square = ((z - self.mean) / self.sigma) ** 2
        return jnp.exp(-0.5 * square) / ((2 * np.pi) ** 0.5 * self.sigma * share)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TabulatedRedshifts:
    """Cubics through a table; made by `tabulated_nz`."""

    z: Array
    density: Array
    slope: Array
    grid: Array
    low: Array

    @jax.jit
    def __call__(self, z: Array) -> Array:
        # Rounding on the way to distances and back must not lose the ends.
        slack = 1e-6 * (self.z[1] - self.z[0]) + 8 * jnp.finfo(self.z.dtype).eps * self.z[-1]
        inside = (z >= self.low - slack) & (z <= self.z[-1] + slack)
        return jnp.where(inside, hermite(self.z, self.density, self.slope, z), 0.0)


def gaussian_nz(z_mean: Any, sigma_z: Any) -> GaussianRedshifts:
    """Sources in a Gaussian, cut at ``NEAREST`` and normalised above.

    Raises
    ------
    ValueError
        z_mean or sigma_z is not above 0, or nothing is left above ``NEAREST``.
    """
    for name, value in (("z_mean", z_mean), ("sigma_z", sigma_z)):
        if not _traced(value) and not (_is_number(value) and value > 0):
            raise ValueError(f"{name} = {value} is not above 0")
    if not _traced(z_mean, sigma_z) and z_mean + 3 * sigma_z < NEAREST:
        raise ValueError(f"z_mean = {z_mean} leaves nothing above z = {NEAREST:g}")
    return GaussianRedshifts(z_mean, sigma_z)


def tabulated_nz(z: Any, density: Any) -> TabulatedRedshifts:
    """Sources by a table, cut at ``NEAREST`` and normalised.

    Between rows run cubics with slopes from five rows, level where three or more rows are and
    never below zero. There is nothing beyond the table's ends.

    Parameters
    ----------
    z : (n,) array_like
        Ascending; not traced.
    density : (n,) array_like
        In any unit.

    Raises
    ------
    ValueError
        The table has fewer than 4 rows, z does not ascend or is negative, or n(z) is negative,
        not finite, or zero everywhere.
    """
    rows = ascending(z, "z")
    values = _of_length(density, rows.size, "density")
    below = max(int(np.searchsorted(rows, NEAREST, side="right")) - 1, 0)
    rows, values = rows[below:], values[below:]
    if rows.size < _ROWS:
        raise ValueError(f"z has fewer than {_ROWS - 1} rows above {NEAREST:g}")
    if not _traced(values):
        _check_density(rows, np.asarray(values))
    near = rows[0] <= NEAREST
    seen = np.r_[NEAREST, rows[1:]] if near else rows
    each = int(np.clip(np.ceil(_PLACES / (rows.size - 1)), 1, 16))
    places = np.interp(np.arange(each * (rows.size - 1) + 1) / each, np.arange(rows.size), seen)
    x = jnp.asarray(rows, float)
    slope = _held(x, values, slopes(x, values))
    low, step = jnp.asarray(seen[0], float), jnp.diff(x)
    # The integral of the cubics, less that of the first up to where sources begin.
    area = jnp.sum(step / 2 * (values[1:] + values[:-1]) - step**2 / 12 * jnp.diff(slope))
    area -= integrate(lambda z: hermite(x, values, slope, z), x[0], low, 4)
    z_low = jnp.asarray(0.0 if near else rows[0], float)
    return TabulatedRedshifts(x, values / area, slope / area, jnp.asarray(places, float), z_low)


def of_redshift(given: Any, name: str) -> Callable[[Array], Array]:
    """A property of sources as a function of redshift.

    Parameters
    ----------
    given : float, callable, or pair of (n,) array_like
        One value, a function of redshift, or z and values; a table's ends are held beyond it.
    name : str
        For messages.

    Raises
    ------
    ValueError
        A value is not finite, or a table's z does not ascend.
    """
    if callable(given):
        return cast(Callable[[Array], Array], given)
    if isinstance(given, tuple | list):
        if len(given) != 2:
            raise ValueError(f"{name} has {len(given)} columns; z and values are needed")
        rows = ascending(given[0], f"z of {name}")
        values = _of_length(given[1], rows.size, name)
        x = jnp.asarray(rows, float)
        slope = slopes(x, values)
        return lambda z: hermite(x, values, slope, jnp.clip(z, x[0], x[-1]))
    if np.ndim(given) or (not _traced(given) and not _is_number(given)):
        raise ValueError(f"{name} = {given} is no number, function of z, or pair of z and values")
    return lambda z: jnp.full(jnp.shape(z), given, jnp.result_type(z))


def towards_zero(grid: Any, lowest: Any) -> Array:
    """A grid led on downwards, in steps that grow from its own first.

    Parameters
    ----------
    grid : array, (n,)
    lowest : scalar
        Where it then begins; below the grid.

    Returns
    -------
    array, (64 + n,)
    """
    span, step = grid[0] - lowest, grid[1] - grid[0]
    share = jnp.minimum(_TOWARDS_ZERO * step / span, 1.0)
    t = jnp.asarray(np.arange(_TOWARDS_ZERO, 0, -1) / _TOWARDS_ZERO, grid.dtype)
    return jnp.concatenate([grid[0] - span * ((1 - share) * t**3 + share * t), grid])


def _traced(*values: Any) -> bool:
    return any(isinstance(value, Tracer) for value in values)


def _is_number(value: Any) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except (TypeError, ValueError):
        return False


def ascending(z: Any, name: str, n: int = _ROWS) -> np.ndarray:
    """An array of n rows or more that ascends from 0 or above, or a ValueError that names it."""
    try:
        rows = np.asarray(z, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is not an array of numbers") from None
    if rows.ndim != 1 or rows.size < n:
        raise ValueError(f"{name} has the shape {rows.shape}; {n} or more rows are needed")
    if not np.isfinite(rows).all():
        raise ValueError(f"{name} is not finite in row {np.argmin(np.isfinite(rows))}")
    if rows[0] < 0:
        raise ValueError(f"{name} begins at {rows[0]:g}, below 0")
    falls = np.diff(rows) <= 0
    if falls.any():
        raise ValueError(f"{name} does not ascend after row {np.argmax(falls)}")
    return rows


def _of_length(given: Any, n: int, name: str) -> Array:
    try:
        values = jnp.asarray(given, float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is not an array of numbers") from None
    if values.shape != (n,):
        raise ValueError(f"{name} has the shape {values.shape} and z has {n} rows")
    if not _traced(values) and not np.isfinite(values).all():
        raise ValueError(f"{name} is not finite in row {np.argmin(np.isfinite(values))}")
    return values


def _check_density(z: np.ndarray, density: np.ndarray) -> None:
    if (density < 0).any():
        row = np.argmax(density < 0)
        raise ValueError(f"density is {density[row]:g} at z = {z[row]:g}, below 0")
    if not (density > 0).any():
        raise ValueError(f"density is 0 everywhere above z = {NEAREST:g}")


def _held(x: Array, y: Array, slope: Array) -> Array:
    """Slopes with which cubics are level where rows are, and not below zero.

    The latter as Schmidt & Hess (1988) have it. A peak between two equal rows is not level.
    """
    step = jnp.diff(x)
    level = jnp.diff(y) == 0
    run = level[1:] & level[:-1]
    beside = [jnp.pad(run, (before, 2 - before)) for before in (0, 1, 2)]
    held = jnp.where(beside[0] | beside[1] | beside[2], 0.0, slope)
    least = jnp.concatenate([-3 * y[:-1] / step, jnp.full(1, -jnp.inf, y.dtype)])
    greatest = jnp.concatenate([jnp.full(1, jnp.inf, y.dtype), 3 * y[1:] / step])
    return jnp.clip(held, least, greatest)
