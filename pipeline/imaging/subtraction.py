"""Steady sources of known places and fluxes, taken out of visibilities.

The visibility of a source at the path p from where data are phased to is

    A(t, nu) sinc(bandwidth p / c) exp(-2 pi i nu p / c),

A being its flux through the primary beam. The beam is divided out where it is known; what is
left of A is a polynomial in time of a low order, of its own in each channel, that follows what
the beam does not explain and is too stiff for a pulse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from astropy.coordinates import SkyCoord
from jax import lax
from numpy.typing import NDArray

from pipeline.imaging.beam import beam_fwhm, gaussian_gain
from pipeline.imaging.geometry import LIGHT_M_S, sky_axes
from pipeline.imaging.turning import Band, band_of, phasors, turns_at
from pipeline.stages import Stages
from pipeline.visibilities.block import VisBlock, VisHeader, VisReader, VisWrapper

_STRETCH_S = 600.0
"""The polynomial has an order more for every such stretch of the recording, and one more."""
_HIGHEST_ORDER = 8
_SOURCES_AT_ONCE = 4
_SHARED_RAD = math.radians(0.3)
"""Sources so close share a geometry: aberration differs by less than a tenth of an arcsecond."""


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


class Channels(NamedTuple):
    """Channels of a recording, and the bandwidth of each."""

    band: Band
    width_hz: float


def channels_of(header: VisHeader) -> Channels:
    """Channels of a recording."""
    return Channels(band_of(header.freq_mhz), header.channel_width_mhz * 1e6)


class Seen(NamedTuple):
    """Sources in some samples.

    Attributes
    ----------
    turn : (source, time, baseline) float32
        Turns of the phase at the reference frequency.
    delay_s : (source, time, baseline) float32
    beam : (source, time, channel) float32
        Gain of the primary beam.
    uv_m : (source, time, baseline, 2) float32
        Baselines as seen from each source.
    """

    turn: NDArray[np.float32]
    delay_s: NDArray[np.float32]
    beam: NDArray[np.float32]
    uv_m: NDArray[np.float32]


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
            seen = Seen(
                *(a[: len(places)] for a in seen_sources(self._vis, block.start, stop, places))
            )
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


def seen_sources(
    vis: VisReader,
    start: int,
    stop: int,
    places: tuple[SkyCoord, ...],
    anchors: list[Anchor] | None = None,
) -> Seen:
    """Sources in some samples.

    Those that are close to one before share its geometry, relative to it. Some with nothing to
    see are added, so that few numbers of sources are compiled for.

    Parameters
    ----------
    anchors : list of Anchor, optional
        Geometry of these samples that is known, to which that of other places is added.
    """
    header, band = vis.header, band_of(vis.header.freq_mhz)
    anchors = [] if anchors is None else anchors
    turn, delay, beam, uv = [], [], [], []
    for place in places:
        axes = sky_axes(place)
        near = (a for a in anchors if np.linalg.norm(axes[2] - a.axes[2]) < _SHARED_RAD)
        anchor = next(near, None)
        if anchor is None:
            uvw, path = (np.nan_to_num(a) for a in vis.uvw(start, stop, place))
            anchor = Anchor(axes, uvw, path, vis.pointing(start, stop, place))
            anchors.append(anchor)
        away = anchor.axes @ (axes[2] - anchor.axes[2])
        cycles, seconds = turns_at(band, (anchor.path + anchor.uvw @ away) / LIGHT_M_S)
        turn.append(cycles)
        delay.append(seconds)
        uv.append(anchor.uvw @ anchor.axes @ axes[:2].T)
        # From where the dishes look; all directions are unit vectors about the anchor.
        chord2 = np.sum((anchor.towards - [0, 0, 1] - away) ** 2, axis=1)
        beam.append(beam_gain(header, chord2))
    spare = -len(places) % _SOURCES_AT_ONCE
    parts = (
        np.pad(np.stack(a).astype(np.float32), ((0, spare), *[(0, 0)] * a[0].ndim))
        for a in (turn, delay, beam, uv)
    )
    return Seen(*parts)


class Anchor(NamedTuple):
    """Geometry of a place: its axes, baselines, paths and where the dishes look."""

    axes: NDArray[np.float64]
    uvw: NDArray[np.float64]
    path: NDArray[np.float64]
    towards: NDArray[np.float64]


def beam_gain(header: VisHeader, chord2: NDArray[np.floating]) -> NDArray[np.floating]:
    """Gain of the primary beam, (time, channel), at chords (time,); 1 where it is not known."""
    if not header.dish_m:
        return np.ones((len(chord2), len(header.freq_mhz)))
    return gaussian_gain(chord2[:, None], beam_fwhm(header.freq_mhz, header.dish_m))


def of_one(turn: jax.Array, delay_s: jax.Array, channels: Channels) -> jax.Array:
    """Visibility of a source of 1, (..., channel), of turns and delays (...)."""
    smeared = jnp.sinc(delay_s * channels.width_hz)[..., None]
    return jnp.conj(phasors(turn, delay_s, channels.band)) * smeared


@jax.jit
def subtract(
    data: jax.Array, turn: jax.Array, delay_s: jax.Array, light: jax.Array, channels: Channels
) -> jax.Array:
    """Visibilities without sources of the fluxes ``light`` (source, time, channel)."""

    def one(left: jax.Array, source: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
        turn, delay_s, light = source
        return left - of_one(turn, delay_s, channels) * light[:, None], None

    return lax.scan(one, data, (turn, delay_s, light))[0]
