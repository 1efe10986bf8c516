"""Steady sources of known places and fluxes, taken out of visibilities.

Of the flux of a source the gain of the primary beam is divided out where it is known; what is
left is a polynomial in time of a low order, of its own in each channel, that follows what the
beam does not explain and is too stiff for a pulse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import jax
import numpy as np
from astropy.coordinates import SkyCoord
from jax import lax
from numpy.typing import NDArray

from pipeline.imaging.point_sources import Channels, channels_of, seen_by, visibility_of_one
from pipeline.stages import Stages
from pipeline.visibilities.block import VisBlock, VisHeader, VisReader, VisWrapper

_STRETCH_S = 600.0
"""The polynomial has an order more for every such stretch of the recording, and one more."""
_HIGHEST_ORDER = 8


@dataclass(frozen=True)
class SteadySources:
    """Sources that are to be taken out.

    Attributes
    ----------
    places : tuple of SkyCoord
    fluxes : (source, order, channel) float64
        Coefficients of Chebyshev polynomials in time over the recording, Jy before the beam.
    mean_jy : (source,) float64
        Mean flux of each before the beam, over what was recorded.
    significance : (source,) float64
        Of that, in standard deviations.
    """

    places: tuple[SkyCoord, ...]
    fluxes: NDArray[np.float64]
    mean_jy: NDArray[np.float64]
    significance: NDArray[np.float64]

    @classmethod
    def none(cls, header: VisHeader) -> SteadySources:
        """No source."""
        empty = np.zeros(0)
        return cls((), np.zeros((0, n_orders(header), len(header.freq_mhz))), empty, empty)

    def light(self, header: VisHeader, start: int, beam: NDArray[np.floating]) -> NDArray:
        """Fluxes through the beam (source, time, channel), of samples from ``start`` on.

        Of as many sources as ``beam`` has; those that are too many have none.
        """
        sample = np.arange(start, start + beam.shape[1])
        time = chebyshev(header, sample, self.fluxes.shape[1])
        light = np.zeros(beam.shape, np.float32)
        n = len(self.places)
        light[:n] = np.einsum("to,koc->ktc", time, self.fluxes) * beam[:n]
        return light


class SubtractedReader(VisWrapper):
    """A recording of visibilities without some steady sources.

    Parameters
    ----------
    vis : VisReader
        Closed with this reader.
    sources : SteadySources
    notes : tuple of str
        To those of the recording.
    stages : Stages, optional
    """

    def __init__(
        self,
        vis: VisReader,
        sources: SteadySources,
        notes: tuple[str, ...] = (),
        stages: Stages | None = None,
    ) -> None:
        super().__init__(vis)
        self._sources, self._stages = sources, stages or Stages()
        self.header = replace(vis.header, notes=vis.header.notes + notes)
        self._channels = channels_of(vis.header)

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        block = self._vis.read(start, stop)
        if not len(block.data) or not self._sources.places:
            return block
        with self._stages("subtract"):
            stop = block.start + len(block.data)
            places = self._sources.places
            seen = seen_by(self._vis, block.start, stop, places)
            light = self._sources.light(self.header, block.start, seen.beam)
            left = subtract(block.data, seen.turn, seen.delay_s, light, self._channels)
            return replace(block, data=np.asarray(left))


def n_orders(header: VisHeader) -> int:
    """Coefficients of the polynomials in time, at most."""
    stretches = math.ceil(header.n_samples * header.tsamp_s / _STRETCH_S)
    return min(2 + stretches, _HIGHEST_ORDER)


def chebyshev(header: VisHeader, sample: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Polynomials in time, (time, order)."""
    x = 2 * (sample + 0.5) / header.n_samples - 1
    return np.asarray(np.polynomial.chebyshev.chebvander(x, n - 1), np.float64)


@jax.jit
def subtract(
    data: jax.Array, turn: jax.Array, delay_s: jax.Array, light: jax.Array, channels: Channels
) -> jax.Array:
    """Visibilities without sources of the fluxes ``light`` (source, time, channel)."""

    def one(left: jax.Array, source: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
        turn, delay_s, light = source
        return left - visibility_of_one(turn, delay_s, channels) * light[:, None], None

    return lax.scan(one, data, (turn, delay_s, light))[0]
