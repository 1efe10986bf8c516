"""Tracers of which another code gives the weights."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer as Traced

from cosmo.angular.redshifts import ascending, towards_zero
from cosmo.angular.tracers import FACTORS, KINDS, Tracer

_ROWS = 8
# What a weight at an end is worth telling, as a share of the maximum.
_ABRUPT = 1e-3
# How far a lensing weight may be from proportional where it begins.
_LINEAR = 0.2


def from_kernel(chi: Any, kernel: Any, kind: str = "density", factor: str = "none") -> Tracer:
    """A tracer of one term.

    A row at chi = 0 is left out. A lensing weight is led on from its first distance towards zero,
    proportional to distance, as lensing is.

    Parameters
    ----------
    chi : (n,) array_like
        Distances, ascending, Mpc/h; not traced.
    kernel : (n,) array_like
        Weights without growth, h/Mpc. Of shear, those of convergence, with the factor "shear".
    kind, factor : str
        As in `cosmo.angular.tracers`.

    Raises
    ------
    ValueError
        There are fewer than 8 rows, a column is not finite or of another length, chi does not
        ascend or is negative, the weights are zero everywhere, or kind or factor is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"kind = {kind!r} is none of {', '.join(KINDS)}")
    if factor not in FACTORS:
        raise ValueError(f"factor = {factor!r} is none of {', '.join(FACTORS)}")
    at, weight = ascending(chi, "chi", _ROWS), jnp.asarray(kernel, float)
    if weight.shape != at.shape:
        raise ValueError(f"kernel has the shape {weight.shape} and chi has {at.size} rows")
    if not isinstance(weight, Traced):
        if not np.isfinite(weight).all():
            raise ValueError(f"kernel is not finite in row {np.argmin(np.isfinite(weight))}")
        if not np.any(weight):
            raise ValueError("kernel is 0 everywhere")
    if at[0] == 0:
        at, weight = at[1:], weight[1:]
    grid = jnp.asarray(at, float)
    if kind == "lensing":
        first, grid = grid[0], towards_zero(grid, 0.01 * grid[0])
        below = weight[0] * grid[: grid.size - at.size] / first
        weight = jnp.concatenate([below, weight])
    return Tracer(grid, {kind: weight}, factor)


def kernel_notes(chi: Any, kernel: Any, kind: str = "density") -> list[str]:
    """What is to be told of a kernel that `from_kernel` takes: where it is cut off."""
    at, weight = ascending(chi, "chi", _ROWS), np.asarray(kernel, np.float64)
    if not weight.any():
        return []
    share = np.abs(weight) / np.abs(weight).max()
    notes = []
    if kind == "lensing":
        later = int(np.argmax(at > 0)) + 1
        before = weight[later - 1] / at[later - 1]
        if share[later - 1] > _ABRUPT and abs(weight[later] / at[later] / before - 1) > _LINEAR:
            notes.append(
                f"the kernel is not proportional to distance where it begins, at "
                f"{at[later - 1]:.4g} Mpc/h, and is taken to be below"
            )
    elif share[0] > _ABRUPT and at[0] > 0:
        notes.append(_cut("begins", at[0], share[0]))
    if share[-1] > _ABRUPT:
        notes.append(_cut("ends", at[-1], share[-1]))
    return notes


def _cut(verb: str, chi: float, share: float) -> str:
    return f"the kernel {verb} abruptly at {chi:.4g} Mpc/h, with {100 * share:.2g} % of its maximum"
