"""Visibilities of a simulated recording: antennas, noise, beam, sources, pulses, interference.

A point source has the visibility S g_i conj(g_j), where ``g_a = exp(-2 pi i p_a / lambda)``
and p_a is how much less the path to antenna a is than to the reference of the array, beyond
the delay that was taken out. The averaging over a channel multiplies it by
sinc(bandwidth x delay).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from astropy import units
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time, TimeDelta
from jax import lax
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.config import ConfigProblem
from pipeline.errors import InputError
from pipeline.imaging.beam import beam_fwhm, gaussian_gain
from pipeline.imaging.geometry import (
    LIGHT_M_S,
    meridian_direction,
    place_on_sky,
    terrestrial_axes,
    zenith,
)
from pipeline.simulation.config import Pulse, Rfi, SimulationConfig, Source
from pipeline.simulation.pulses import pulse_flux, sample_range, spectrum
from pipeline.simulation.scene import (
    PlacedPulse,
    chunks_ahead,
    fluence_of,
    interfering_part,
    outside_gaps,
    variation,
)
from pipeline.simulation.sky import image_wcs
from pipeline.simulation.trains import all_pulses
from pipeline.visibilities.nsfrb_file import (
    N_POLARISATIONS,
    Observation,
    antenna_positions,
    phased_directions,
)
from surveys.instruments import dsa110
from surveys.instruments.radiometer import visibility_noise_jy


def observation_of(config: SimulationConfig) -> Observation:
    """The observation that a configuration describes."""
    array = config.array
    core = np.array(dsa110.CORE)
    spread = np.rint(np.linspace(0, len(core) - 1, array.n_antennas)).astype(int)
    return Observation(
        antenna_order=array.antenna_order or tuple(int(a) for a in core[spread]),
        bad_antennas=array.bad_antennas,
        channels=array.channels,
        fringe_samples=array.fringe_samples,
        tsamp_s=config.recording.tsamp_s,
        unit="Jy",
    )


class _Point(NamedTuple):
    """What is seen in one direction during a chunk.

    Attributes
    ----------
    path_m : (time, antenna)
    flux_jy : (time, channel)
        With the beam.
    """

    path_m: NDArray[np.float64]
    flux_jy: NDArray[np.float64]


@dataclass(frozen=True)
class _Item:
    """Something to be seen: where, and from which sample to which."""

    what: Source | Pulse | Rfi
    place: SkyCoord | None
    span: tuple[int, int]
    fluence_jy_ms: float = 0.0


class VisScene:
    """A whole simulation of visibilities, to be computed in any order and any pieces.

    Parameters
    ----------
    config : SimulationConfig
    seed : int
    starts : sequence of int
        First sample of every file, in order; data are phased anew from there.

    Attributes
    ----------
    header : StreamHeader
        Axes, and the image whose pixels positions may be given in.
    observation : Observation
    antennas : (antenna, 3)
        Positions relative to the site, metres, ITRS.
    centre : SkyCoord
        Of the field.
    dec_deg : float
        Apparent declination that the dishes of a drift scan look at.

    Raises
    ------
    ConfigProblem
        Something is below the horizon, or a pulse of a given S/N outside the data.
    """

    def __init__(self, config: SimulationConfig, seed: int, starts: list[int]) -> None:
        self.config, self.seed, self._starts = config, seed, np.array(starts)
        try:
            self.observation = observation_of(config)
            self.antennas = antenna_positions(self.observation, "array")
        except (InputError, ConfigProblem) as error:
            name = f"array.{error.field}"
            raise ConfigProblem(name, error.problem, error.remedy) from error
        self.site: EarthLocation = self.observation.site
        recording = config.recording
        start = Time(recording.mjd0, format="mjd", scale="utc")
        half_s = (recording.n_samples - 1) / 2 * recording.tsamp_s
        self._middle = start + TimeDelta(half_s, format="sec")
        self.centre, dec = self._field()
        self.dec_deg = float(np.float32(np.degrees(dec)))
        self.header = StreamHeader(
            source="simulation",
            freq_mhz=dsa110.freq_mhz(config.array.channels).ravel(),
            tsamp_s=recording.tsamp_s,
            start=start,
            n_samples=recording.n_samples,
            shape=config.image.shape,
            wcs=image_wcs(replace(config.image, ra_deg=self.centre.ra.deg)),
            bunit="Jy",
        )
        self.width_mhz = dsa110.channel_width_mhz(config.array.channels)
        self.n_chunk = config.array.fringe_samples
        self._ends = self.observation.pairs.T
        self._gains = self._antenna_gains()
        if np.count_nonzero(self._gains) < 2:
            raise ConfigProblem("array.bad_antennas", "leaves no baseline", "name fewer")
        sources = [self._place(f"sources[{i}]", s) for i, s in enumerate(config.sources)]
        self.source_pixels = [self._pixel(place) for place in sources]
        everything = (0, recording.n_samples)
        self.items = [_Item(s, p, everything) for s, p in zip(config.sources, sources, strict=True)]
        pulses = all_pulses(config, seed, self.header.freq_mhz)
        self.pulses = [self._placed(name, pulse) for name, pulse in pulses]
        self.items += [_Item(rfi, None, everything) for rfi in config.rfi]

    @property
    def noise_jy(self) -> float:
        """Standard deviation of both parts of a visibility of one polarisation."""
        sefd_jy = self.config.array.sefd_jy
        return visibility_noise_jy(sefd_jy, self.width_mhz, self.header.tsamp_s)

    def good(self, start: int, stop: int) -> NDArray[np.bool_]:
        """(time, channel): False in gaps and for what is not recorded."""
        good = outside_gaps(self.config.gaps, self.header, start, stop)
        n = self.config.array.channels
        for subband in self.config.array.dropped_subbands:
            good[:, subband * n : (subband + 1) * n] = False
        return good

    def samples(self, start: int, stop: int) -> Iterator[NDArray[np.complex64]]:
        """Samples in pieces, in order: (time, baseline, channel, polarisation) complex64."""
        return chunks_ahead(self.chunk, self.n_chunk, start, stop)

    def chunk(self, number: int) -> NDArray[np.complex64]:
        """Samples ``number * n_chunk`` onwards; baselines as of the observation, in Jy."""
        start = number * self.n_chunk
        stop = start + self.n_chunk
        i, j = self._ends
        shape = (self.n_chunk, len(i), self.header.n_channels, N_POLARISATIONS)
        rng = np.random.Generator(np.random.SFC64([self.seed, number]))
        noise = rng.standard_normal((*shape, 2), dtype=np.float32)
        noise *= np.float32(self.noise_jy)
        alone = i == j
        noise[:, alone, ..., 0] *= np.float32(np.sqrt(2))
        noise[:, alone, ..., 0] += np.float32(self.config.array.sefd_jy)
        noise[:, alone, ..., 1] = 0
        data = noise.view(np.complex64)[..., 0]
        points = self._points(start, stop)
        if points:
            data += self._sky(points)[..., None]
        data.swapaxes(1, 2)[~self.good(start, stop)] = np.nan
        return data

    def phased_to(self, times: Time, sample: NDArray[np.int64]) -> NDArray[np.float64]:
        """Directions whose delays are taken out, (time, 3), ITRS."""
        if self.config.recording.format == "uvh5":
            return self._dishes(times)
        return phased_directions(self.observation, times, sample, self._starts, self.dec_deg)

    def _dishes(self, times: Time) -> NDArray[np.float64]:
        """Where the dishes look, (time, 3), ITRS."""
        if self.config.recording.format == "uvh5":
            return terrestrial_axes(times, self.centre, self.site)[:, 2]
        still = np.zeros(len(times))
        return meridian_direction(times, still, np.radians(self.dec_deg), self.site)

    def _field(self) -> tuple[SkyCoord, float]:
        """Centre of the field, and its apparent declination in radians."""
        image = self.config.image
        dec = np.radians(image.dec_deg)
        ra = image.ra_deg
        if ra is None:
            up = meridian_direction(self._middle.reshape(1), np.zeros(1), dec, self.site)[0]
            ra = place_on_sky(self._middle, up, self.site).ra.deg
        centre = SkyCoord(ra * units.deg, image.dec_deg * units.deg)
        towards = self._risen("image", centre, "change mjd0, or leave ra_deg out")
        return centre, float(np.arcsin(towards[2]))

    def _risen(self, name: str, place: SkyCoord, remedy: str) -> NDArray[np.float64]:
        """Direction of a place in the middle of the recording, (3,), ITRS; raises below ground."""
        towards = terrestrial_axes(self._middle.reshape(1), place, self.site)[0, 2]
        if towards @ zenith(self.site) < 0:
            problem = f"{place.ra.deg:.2f}, {place.dec.deg:.2f} deg is below the horizon"
            raise ConfigProblem(f"{name}.ra_deg", problem, remedy)
        return towards

    def _antenna_gains(self) -> NDArray[np.complex64]:
        array, n = self.config.array, len(self.antennas)
        rng = np.random.default_rng([self.seed, 1, 1])
        amplitude = 1 + array.gain_error * rng.standard_normal(n)
        phase = np.radians(array.phase_error_deg) * rng.standard_normal(n)
        gains = amplitude * np.exp(1j * phase)
        gains[np.isin(self.observation.antenna_order, array.bad_antennas)] = 0
        return gains.astype(np.complex64)

    def _place(self, name: str, item: Source | Pulse) -> SkyCoord:
        if item.ra_deg is not None and item.dec_deg is not None:
            place = SkyCoord(item.ra_deg * units.deg, item.dec_deg * units.deg)
        else:
            assert self.header.wcs is not None
            ra, dec = self.header.wcs.wcs_pix2world([[item.x, item.y]], 0)[0]
            if not np.isfinite(ra + dec):
                problem = f"({item.x}, {item.y}) px is beyond the horizon of the image"
                raise ConfigProblem(f"{name}.x", problem, "move it inside")
            place = SkyCoord(ra * units.deg, dec * units.deg)
        self._risen(name, place, "move it, or change mjd0")
        return place

    def _pixel(self, place: SkyCoord) -> tuple[float, float]:
        assert self.header.wcs is not None
        x, y = self.header.wcs.wcs_world2pix([[place.ra.deg, place.dec.deg]], 0)[0]
        return float(x), float(y)

    def _placed(self, name: str, pulse: Pulse) -> PlacedPulse:
        header = self.header
        place = self._place(name, pulse)
        span = sample_range(pulse, header.freq_mhz, header.tsamp_s)
        start, stop = max(span[0], 0), min(span[1], header.n_samples)
        unit, beam = 0.0, 0.0
        n_good = int(np.count_nonzero(self._gains))
        n_pairs = n_good * (n_good - 1) // 2
        sigma = self.noise_jy / np.sqrt(N_POLARISATIONS * n_pairs)
        if start < stop:
            times = header.start + TimeDelta(np.arange(start, stop) * header.tsamp_s, format="sec")
            gain = self._beam(times, place)
            flux = pulse_flux(pulse, 1.0, header.freq_mhz, header.tsamp_s, (start, stop))
            beam = float(np.sum(flux * gain) / max(np.sum(flux), 1e-300))
            seen = flux * gain * self.good(start, stop)
            unit = float(np.sqrt(np.sum(seen**2))) / sigma if sigma > 0 else np.nan
        fluence = fluence_of(name, pulse, unit)
        self.items.append(_Item(pulse, place, span, fluence))
        x, y = self._pixel(place)
        snr = fluence * unit
        return PlacedPulse(pulse, x, y, fluence, span, snr, snr, beam)

    def _beam(self, times: Time, place: SkyCoord) -> NDArray[np.floating]:
        """Gain of the dishes, (time, channel)."""
        towards = terrestrial_axes(times, place, self.site)[:, 2]
        chord2 = np.sum((towards - self._dishes(times)) ** 2, axis=1)
        fwhm = beam_fwhm(self.header.freq_mhz, self.observation.dish_m)
        return gaussian_gain(chord2[:, None], fwhm)

    def _points(self, start: int, stop: int) -> list[_Point]:
        header = self.header
        sample = np.arange(start, stop)
        seconds = np.asarray(sample * header.tsamp_s, np.float64)
        times = header.start + TimeDelta(seconds, format="sec")
        there = [i for i in self.items if i.span[0] < stop and i.span[1] > start]
        if not there:
            return []
        phased = self.phased_to(times, sample) @ self.antennas.T
        points = []
        for item in there:
            what = item.what
            if isinstance(what, Rfi):
                part = interfering_part(what, seconds, header.tsamp_s)
                if part.any():
                    path = self._near_path(what) - phased
                    flux = np.zeros((len(sample), header.n_channels))
                    flux[:, list(what.channels) or slice(None)] = what.flux * part[:, None]
                    points.append(_Point(path, flux))
                continue
            assert item.place is not None
            path = terrestrial_axes(times, item.place, self.site)[:, 2] @ self.antennas.T - phased
            if isinstance(what, Pulse):
                flux = pulse_flux(
                    what, item.fluence_jy_ms, header.freq_mhz, header.tsamp_s, (start, stop)
                )
            else:
                light = what.flux * variation(what, seconds, self.config.image.dec_deg)
                flux = np.outer(light, spectrum(what.spectral_index, header.freq_mhz))
            points.append(_Point(path, flux * self._beam(times, item.place)))
        return points

    def _near_path(self, rfi: Rfi) -> NDArray[np.float64]:
        """How much nearer a transmitter is to antennas than to the reference, (antenna,)."""
        assert rfi.place_m is not None
        lon = self.site.lon.rad
        east = np.array([-np.sin(lon), np.cos(lon), 0.0])
        up = zenith(self.site)
        place = rfi.place_m @ np.stack([east, np.cross(up, east), up])
        return np.linalg.norm(place) - np.linalg.norm(self.antennas - place, axis=1)

    def _sky(self, points: list[_Point]) -> NDArray[np.complex64]:
        """Visibilities of points, (time, baseline, channel)."""
        cycles_per_m = self.header.freq_mhz * 1e6 / LIGHT_M_S
        i, j = self._ends
        total = jnp.zeros((self.n_chunk, len(i), len(cycles_per_m)), jnp.complex64)
        for path_m, flux in points:
            cycles = path_m[..., None] * cycles_per_m
            phase = 2 * np.pi * (cycles - np.rint(cycles))
            turns = (path_m[:, i] - path_m[:, j]) * (self.width_mhz * 1e6 / LIGHT_M_S)
            smeared = np.sinc(turns).astype(np.float32)
            point = phase.astype(np.float32), flux.astype(np.float32), smeared
            total = _add_point(total, self._gains, point, (i, j))
        return np.asarray(total)


@partial(jax.jit, donate_argnums=0)
def _add_point(
    total: jax.Array,
    gains: jax.Array,
    point: tuple[jax.Array, jax.Array, jax.Array],
    ends: tuple[jax.Array, jax.Array],
) -> jax.Array:
    """Add S g_i conj(g_j) of a point.

    Parameters
    ----------
    total : (time, baseline, channel) complex64
    gains : (antenna,) complex64
    point : (time, antenna, channel), (time, channel), (time, baseline) float32
        Phases of the antennas, fluxes, and what averaging over a channel leaves.
    ends : (baseline,) int, both antennas
    """
    (phase, flux, smeared), (i, j) = point, ends
    g = lax.complex(jnp.cos(phase), -jnp.sin(phase)) * gains[:, None]
    return total + g[:, i] * jnp.conj(g[:, j]) * (smeared[..., None] * flux[:, None])
