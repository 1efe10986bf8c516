"""The gridding kernel: exponential of a semicircle, and what an image is divided by for it.

Barnett, Magland & af Klinteberg (2019, SIAM J. Sci. Comput. 41, C479).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

OVERSAMPLING = 1.6
"""Cells of the grid for each pixel of the image, at least."""

_AMPLITUDE = 2.0
"""Aliases of a kernel without support; of random visibilities they are a third of that."""

_LEAST_SUPPORT = 4
"""Narrower kernels follow the law less well, and save little."""


@dataclass(frozen=True)
class Kernel:
    """``exp(beta * (sqrt(1 - (2 x / support)^2) - 1))`` over ``support`` cells.

    Attributes
    ----------
    support : int
        Cells that a visibility is spread over, along each axis.
    beta : float
    """

    support: int
    beta: float

    def taps(self, position: jax.Array) -> tuple[jax.Array, jax.Array]:
        """First cell that a position reaches, and the kernel there and after it.

        Parameters
        ----------
        position : (...,) float32
            In cells.

        Returns
        -------
        first : (...,) int32
        values : (support, ...) float32
        """
        first = jnp.ceil(position - self.support / 2)
        offset = first - position
        x = (offset + jnp.arange(self.support).reshape(-1, *[1] * offset.ndim)) * (2 / self.support)
        inside = jnp.maximum(1 - x * x, 0)
        return first.astype(jnp.int32), jnp.exp(self.beta * (jnp.sqrt(inside) - 1))

    def transform(self, frequency: NDArray[np.floating]) -> NDArray[np.float64]:
        """Fourier transform of the kernel.

        Parameters
        ----------
        frequency : (...,) float
            In cycles a cell.
        """
        node, weight = np.polynomial.legendre.leggauss(4 * self.support + 32)
        half = self.support / 2
        value = np.exp(self.beta * (np.sqrt(1 - node**2) - 1)) * weight
        phase = 2 * np.pi * half * np.asarray(frequency, float)[..., None] * node
        return half * (np.cos(phase) @ value)


def kernel_for(error: float) -> Kernel:
    """The narrowest kernel whose aliases stay below ``error`` of the peak.

    That is so in the inner three quarters of the field. Each cell of support takes a
    factor of ``exp(-pi sqrt(1 - 1 / oversampling))`` off them.
    """
    gain = math.pi * math.sqrt(1 - 1 / OVERSAMPLING)
    support = max(_LEAST_SUPPORT, math.ceil(math.log(_AMPLITUDE / error) / gain))
    return Kernel(support, 0.97 * math.pi * support * (1 - 0.5 / OVERSAMPLING))
