"""Visibilities of point sources, as a recording sees them.

A source at the path p from where data are phased to has the visibility

    S(nu) A(t, nu) sinc(bandwidth p / c) exp(-2 pi i nu p / c),

S being its flux and A the gain of the primary beam.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from pipeline.imaging.beam import beam_fwhm, gaussian_gain
from pipeline.imaging.geometry import LIGHT_M_S, sky_axes
from pipeline.imaging.turning import Band, band_of, phasors, turns_at
from pipeline.visibilities.block import VisHeader, VisReader

_SHARED_RAD = math.radians(0.3)
"""Sources so close share a geometry."""


class Channels(NamedTuple):
    """Channels of a recording, and the bandwidth of each."""

    band: Band
    width_hz: float


def channels_of(header: VisHeader) -> Channels:
    """The channels of a recording."""
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


def seen_by(
    vis: VisReader,
    start: int,
    stop: int,
    places: tuple[SkyCoord, ...],
    anchors: list[Anchor] | None = None,
) -> Seen:
    """Sources in some samples.

    Those that are close to one before share its geometry, relative to it: what aberration and
    light deflection differ by across so little, less than a tenth of an arcsecond and the same
    all the time, is left in their places.

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
    return Seen(*(np.stack(a).astype(np.float32) for a in (turn, delay, beam, uv)))


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


def visibility_of_one(turn: jax.Array, delay_s: jax.Array, channels: Channels) -> jax.Array:
    """Visibility of a source of 1, (..., channel), of turns and delays (...)."""
    smeared = jnp.sinc(delay_s * channels.width_hz)[..., None]
    return jnp.conj(phasors(turn, delay_s, channels.band)) * smeared
