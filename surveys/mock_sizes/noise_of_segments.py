"""The signal-to-noise ratio of the flux in a segment."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from surveys.observing.instrument import Instrument
from surveys.sizes.measure import Measured

Real = NDArray[np.float64]

_N_AREAS = 12


def segment_snr(measured: Measured, sigma: Real, instrument: Instrument) -> Real:
    """Flux of the segments (stamp,) over its noise.

    Of noise that is correlated, the noise of a round segment of as many pixels is taken.

    Parameters
    ----------
    measured : Measured
    sigma : NDArray
        (stamp,) noise of a pixel.
    instrument : Instrument
    """
    n_pixels = np.maximum(measured.n_pixels, 1)
    if instrument.response.noise_amplitude is None:
        return _over(measured.flux, sigma * np.sqrt(n_pixels))
    # The factor at a few areas, and between them by logarithms.
    grid = instrument.response.grid
    areas = np.geomspace(1, instrument.response.n_pixels**2, _N_AREAS)
    at = np.minimum(np.arange(grid), grid - np.arange(grid))
    far = np.hypot(at[:, None], at)
    inside = np.clip(np.sqrt(areas / np.pi)[:, None, None] + 0.5 - far, 0, 1)
    factors = np.asarray(instrument.response.noise_factor(jnp.asarray(inside, jnp.float32)))
    # A disc of one pixel has some of its neighbours; its noise is that of the weights.
    factor = np.interp(np.log(n_pixels), np.log(areas), np.log(factors))
    return _over(measured.flux, sigma * np.exp(factor))


def _over(flux: Real, noise: Real) -> Real:
    """Without noise, as of a galaxy without light at any S/N, there is no ratio."""
    return np.divide(flux, noise, out=np.full(flux.shape, np.nan), where=noise > 0)
