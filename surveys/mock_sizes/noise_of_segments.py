"""The signal-to-noise ratio of the flux in a segment."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from surveys.observing.instrument import Response
from surveys.sizes.measure import Measured

Real = NDArray[np.float64]

_N_AREAS = 12


@dataclass(frozen=True)
class SegmentNoise:
    """The noise of sums of pixels, in stamps of one instrument.

    Of noise that is correlated, it is that of a round segment of as many pixels.

    Attributes
    ----------
    ln_area : NDArray
        (area,) pixels.
    ln_factor : NDArray
        (area,) noise of their sum over that of a pixel.
    """

    ln_area: Real
    ln_factor: Real

    @classmethod
    def of(cls, response: Response) -> SegmentNoise:
        """Noise at a few areas; it is a power of the area between them."""
        areas = np.geomspace(1, response.n_pixels**2, _N_AREAS)
        if response.noise_amplitude is None:
            return cls(np.log(areas), 0.5 * np.log(areas))
        grid = response.grid
        at = np.minimum(np.arange(grid), grid - np.arange(grid))
        far = np.hypot(at[:, None], at)
        # A disc of one pixel has some of its neighbours; its noise is that of the weights.
        inside = np.clip(np.sqrt(areas / np.pi)[:, None, None] + 0.5 - far, 0, 1)
        factors = np.asarray(response.noise_factor(jnp.asarray(inside, jnp.float32)))
        return cls(np.log(areas), np.log(factors))

    def snr(self, measured: Measured, sigma: Real) -> Real:
        """Flux of segments over its noise, (stamp,).

        Parameters
        ----------
        measured : Measured
        sigma : NDArray
            (stamp,) noise of a pixel.
        """
        area = np.log(np.maximum(measured.n_pixels, 1))
        noise = sigma * np.exp(np.interp(area, self.ln_area, self.ln_factor))
        # Without noise, as of a galaxy without light at any S/N, there is no ratio.
        nothing = np.full(noise.shape, np.nan)
        return np.divide(measured.flux, noise, out=nothing, where=noise > 0)
