"""Turns of the phase of visibilities across a band."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

_EVEN_HZ = 1.0
"""Channels that are off an even grid by less are on it."""


class Band(NamedTuple):
    """Channels of a band: (channel,), relative to a reference, also as sums of two.

    Attributes
    ----------
    reference_hz : float
    offset_hz : (channel,) float32
    coarse_hz, fine_hz : (m,), (n,) float32
        ``offset_hz[i * n + j]`` is ``coarse_hz[i] + fine_hz[j]``; n is 1 where channels are
        not evenly spaced.
    """

    reference_hz: float
    offset_hz: NDArray[np.float32]
    coarse_hz: NDArray[np.float32]
    fine_hz: NDArray[np.float32]


def band_of(freq_mhz: NDArray[np.float64]) -> Band:
    """Channels about the middle of their band."""
    freq_hz = np.asarray(freq_mhz, float) * 1e6
    n_channels, middle = len(freq_hz), float(np.mean(freq_hz))
    offset = freq_hz - middle
    n = math.ceil(math.sqrt(n_channels))
    step = (offset[-1] - offset[0]) / max(n_channels - 1, 1)
    coarse = offset[0] + step * n * np.arange(math.ceil(n_channels / n))
    fine = step * np.arange(n)
    even = (coarse[:, None] + fine).ravel()[:n_channels]
    if np.abs(even - offset).max() > _EVEN_HZ:
        coarse, fine = offset, np.zeros(1)
    return Band(middle, *(a.astype(np.float32) for a in (offset, coarse, fine)))


def turns_at(band: Band, seconds: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Whole turns left out: cycles at the reference of a band, and delays, float32."""
    cycles = seconds * band.reference_hz
    return (cycles - np.rint(cycles)).astype(np.float32), seconds.astype(np.float32)


def phasors(cycles: jax.Array, delay_s: jax.Array, band: Band) -> jax.Array:
    """Phasors ``exp(2 pi i (cycles + delay * offset))``, (..., channel) complex64.

    In an evenly spaced band a few sines make all of its channels: sines cost more than the
    rest of the turning.
    """
    coarse = cycles[..., None] + delay_s[..., None] * band.coarse_hz
    fine = delay_s[..., None] * band.fine_hz
    both = phasor(coarse)[..., None] * phasor(fine)[..., None, :]
    return both.reshape(*cycles.shape, -1)[..., : len(band.offset_hz)]


def phasor(cycles: jax.Array) -> jax.Array:
    """``exp(2 pi i cycles)``."""
    angle = 2 * jnp.pi * (cycles - jnp.round(cycles))
    return lax.complex(jnp.cos(angle), jnp.sin(angle))
