r"""The kernel of Wendland that particles are smeared with, along a line of sight.

In three dimensions, with q = r / H and H the radius at which it ends,

    w(q) = 21 / (2 pi) (1 - q)^4 (1 + 4 q) / H^3

which is 1 in all. Seen from afar it is F(b) / H^2 at the impact parameter b H, where

    F(b) = 2 \int_0^{sqrt(1 - b^2)} w(sqrt(b^2 + s^2)) ds
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

N = 16384
"""Steps of the table, even in b^2."""

SECOND_MOMENT = 2 / 15
"""Mean square of b, that is of x and y together, over H^2."""


def kernel(q: ArrayLike) -> NDArray[np.float64]:
    """The kernel for H = 1."""
    q = np.clip(np.asarray(q, np.float64), 0.0, 1.0)
    return 21 / (2 * np.pi) * (1 - q) ** 4 * (1 + 4 * q)


def projected(b: ArrayLike) -> NDArray[np.float64]:
    """F at impact parameters, by quadrature."""
    b = np.asarray(b, np.float64)
    nodes, weights = np.polynomial.legendre.leggauss(64)
    reach = np.sqrt(np.clip(1 - b**2, 0.0, None))
    s = reach[..., None] * (nodes + 1) / 2
    return reach * (kernel(np.sqrt(b[..., None] ** 2 + s**2)) @ weights)


@cache
def table() -> NDArray[np.float32]:
    """F in the middle of N even steps of b^2 from 0 to 1, and 0 beyond."""
    values = projected(np.sqrt((np.arange(N) + 0.5) / N))
    values = np.append(values, 0.0).astype(np.float32)
    values.flags.writeable = False
    return values


def look_up(b_squared: NDArray[np.floating]) -> NDArray[np.float32]:
    """F at squares of impact parameters; an error of 3e-4 F(0) at most."""
    place = np.minimum(b_squared * np.float32(N), np.float32(N))
    return table()[place.astype(np.int32)]
