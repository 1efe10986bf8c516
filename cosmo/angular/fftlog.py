"""Power spectra as sums of complex powers of k (FFTLog).

On a grid uniform in ln k, the discrete Fourier transform of P(k) k^-b gives

    P(k) = Re sum_m c_m k^nu_m,    nu_m = b + 2 pi i m / (N delta),    m = 0 ... N / 2,

delta the step in ln k (Talman 1978; Hamilton 2000). Linear operators on P become
multiplications of each power by a function of nu, which knows of no cosmology.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

# P(k) falls from k to k^-3, and P(k) / T(k)^2 is near k throughout.
_TILT = 0.92


@dataclass(frozen=True)
class Modes:
    """A grid in k and the powers that it gives.

    Parameters
    ----------
    k_min, k_max : float
        Ends of a period, h/Mpc.
    n : int
        Samples a period; even.
    bias : float
        Real part b of the powers. P(k) k^-b should be small at both ends, where the periodic
        continuation jumps. An integer would meet poles of gamma functions.
    """

    k_min: float = 1e-5
    k_max: float = 1e3
    n: int = 512
    bias: float = -0.9

    @property
    def step(self) -> float:
        """Step in ln k."""
        return float(np.log(self.k_max / self.k_min)) / self.n

    @property
    def k(self) -> NDArray[np.float64]:
        """The grid, (n,), h/Mpc."""
        return self.k_min * np.exp(self.step * np.arange(self.n))

    @property
    def nu(self) -> NDArray[np.complex128]:
        """The powers, (n / 2 + 1,)."""
        turns = np.arange(self.n // 2 + 1, dtype=np.float64)
        return np.asarray(self.bias + 2j * np.pi * turns / (self.n * self.step), np.complex128)

    def over_transfer(self, times: int) -> Modes:
        """Powers for P(k) over so many transfer functions, which falls less or rises."""
        return replace(self, bias=self.bias + _TILT * times)

    def coefficients(self, pk: Any) -> Any:
        """The c_m of spectra on the grid.

        Parameters
        ----------
        pk : array, (..., n)
            Of NumPy or of JAX; so is what is returned.

        Returns
        -------
        array, (..., n / 2 + 1), complex
            Modes between the first and the last stand for their conjugates too.
        """
        xp = pk.__array_namespace__()
        parts = xp.fft.rfft(pk * xp.asarray(self.k**-self.bias, dtype=pk.dtype)) / self.n
        twice = np.full(self.n // 2 + 1, 2.0)
        twice[[0, -1]] = 1.0
        # The grid begins at k_min, the powers at k = 1.
        shift = twice * self.k_min ** -(self.nu - self.bias)
        return parts * xp.asarray(shift, dtype=parts.dtype)
