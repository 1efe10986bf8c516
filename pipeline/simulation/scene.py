"""Everything in a simulated recording, sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.time import Time
from numpy.typing import NDArray

from pipeline.ahead import computed_ahead
from pipeline.block import StreamHeader
from pipeline.config import ConfigProblem
from pipeline.readers.wcs import psf_fwhm_px
from pipeline.simulation.config import Gap, Pulse, Rfi, SimulationConfig, Source
from pipeline.simulation.noise import NoiseSource
from pipeline.simulation.pulses import pulse_flux, sample_range, spectrum
from pipeline.simulation.sky import PointSpread, image_wcs, pixel_of
from pipeline.simulation.trains import all_pulses

_SIDEREAL_DEG_S = 360.9856 / 86400
_N_THREADS = 2
_N_AHEAD = 3


@dataclass(frozen=True)
class PlacedPulse:
    """A pulse with its pixel, its brightness and what it stands for in the noise.

    Attributes
    ----------
    pulse : Pulse
    x, y : float
        0-based pixel.
    fluence_jy_ms : float
    span : (int, int)
        Samples it covers.
    snr_ideal, snr_image : float
        Of a matched filter in the nearest pixel, and with the whole image.
    beam : float
        Gain of the primary beam where and when it was.
    """

    pulse: Pulse
    x: float
    y: float
    fluence_jy_ms: float
    span: tuple[int, int]
    snr_ideal: float
    snr_image: float
    beam: float = 1.0


class Scene:
    """A whole simulation, to be computed in any order and any pieces.

    Parameters
    ----------
    config : SimulationConfig
    seed : int

    Raises
    ------
    ConfigProblem
        Something lies outside the image, or a pulse of a given S/N outside the data.
    InputError
        The PSF's file cannot be used.
    """

    def __init__(self, config: SimulationConfig, seed: int) -> None:
        self.config, self.seed = config, seed
        band, image, recording = config.band, config.image, config.recording
        self.points = PointSpread.of(config.psf, image.shape)
        wcs = image_wcs(image)
        is_cube = recording.format == "cube"
        freq = np.linspace(band.first_mhz, band.last_mhz, band.n_channels)
        self.header = StreamHeader(
            source="simulation",
            freq_mhz=freq,
            tsamp_s=recording.tsamp_s,
            start=Time(recording.mjd0, format="mjd", scale="utc"),
            n_samples=recording.n_samples,
            shape=image.shape,
            wcs=wcs,
            bunit=image.bunit,
            psf=self.points.image if is_cube else None,
            beam_fwhm_px=psf_fwhm_px(self.points.image) if is_cube else 1.0,
        )
        factors = np.array(config.noise.channel_factors or (1.0,) * band.n_channels)
        self.sigma = config.noise.sigma * factors
        psf = self.points.image if config.noise.correlated else None
        self.noise = NoiseSource(seed, self.sigma, image.shape, psf)
        self.source_pixels = [
            _place(f"sources[{i}]", s, self.header) for i, s in enumerate(config.sources)
        ]
        pulses = all_pulses(config, seed, self.header.freq_mhz)
        self.pulses = [self._placed(name, pulse) for name, pulse in pulses]
        self._spans = np.array([p.span for p in self.pulses], float).reshape(-1, 2)
        self._stamps = {xy: self.points.stamp(*xy) for xy in {(p.x, p.y) for p in self.pulses}}
        self._source_stamps = [self.points.stamp(x, y) for x, y in self.source_pixels]
        self._patterns = [self._pattern(i, r) for i, r in enumerate(config.rfi)]

    def _placed(self, name: str, pulse: Pulse) -> PlacedPulse:
        x, y = _place(name, pulse, self.header)
        span = sample_range(pulse, self.header.freq_mhz, self.header.tsamp_s)
        unit = self._snr(pulse, x, y, span)
        fluence = fluence_of(name, pulse, unit[0])
        return PlacedPulse(pulse, x, y, fluence, span, fluence * unit[0], fluence * unit[1])

    def _snr(self, pulse: Pulse, x: float, y: float, span: tuple[int, int]) -> tuple[float, float]:
        """Ideal S/N of 1 Jy ms: in the brightest pixel, and with the whole image.

        The matched filter of the pulse as it was sampled, over all good samples and
        channels, with known noise and no baseline to subtract: sqrt(sum s^2 /
        sigma^2). ``snr_ideal`` takes the pixel nearest to the pulse, ``snr_image`` all
        pixels, weighted with the PSF (for correlated noise with its covariance).
        NaN when a channel has no noise.
        """
        if not np.all(self.sigma > 0):
            return float("nan"), float("nan")
        start, stop = max(span[0], 0), min(span[1], self.header.n_samples)
        if start >= stop:
            return 0.0, 0.0
        header = self.header
        flux = pulse_flux(pulse, 1.0, header.freq_mhz, header.tsamp_s, (start, stop))
        flux[~self.good(start, stop)] = 0.0
        one = float(np.sqrt(np.sum((flux / self.sigma) ** 2)))
        stamp = self.points.stamp(x, y)[1]
        correlated = self.config.noise.correlated
        gain = 1.0 if correlated else float(np.sqrt(np.sum(stamp.astype(np.float64) ** 2)))
        return one * float(stamp.max()), one * gain

    def good(self, start: int, stop: int) -> NDArray[np.bool_]:
        """(time, channel): False in gaps."""
        return outside_gaps(self.config.gaps, self.header, start, stop)

    def _pattern(self, number: int, rfi: Rfi) -> NDArray[np.float32] | float:
        if rfi.pattern == "uniform":
            return 1.0
        rng = np.random.default_rng([self.seed, number, 1])
        return rng.standard_normal(self.header.shape, dtype=np.float32)

    def chunk(self, number: int) -> NDArray[np.float32]:
        """Samples ``number * noise.n_chunk`` onwards, (time, channel, y, x) float32."""
        data = self.noise.chunk(number)
        start = number * self.noise.n_chunk
        stop = start + len(data)
        freq, tsamp_s = self.header.freq_mhz, self.header.tsamp_s
        times = np.arange(start, stop, dtype=np.float64) * tsamp_s
        for source, stamp in zip(self.config.sources, self._source_stamps, strict=True):
            light = source.flux * variation(source, times, self.config.image.dec_deg)
            _add_point(data, np.outer(light, spectrum(source.spectral_index, freq)), stamp)
        for i in np.flatnonzero((self._spans[:, 0] < stop) & (self._spans[:, 1] > start)):
            placed = self.pulses[i]
            lo, hi = max(start, placed.span[0]), min(stop, placed.span[1])
            flux = pulse_flux(placed.pulse, placed.fluence_jy_ms, freq, tsamp_s, (lo, hi))
            _add_point(data[lo - start : hi - start], flux, self._stamps[placed.x, placed.y])
        for rfi, pattern in zip(self.config.rfi, self._patterns, strict=True):
            _add_rfi(data, rfi, pattern, times, tsamp_s)
        data[~self.good(start, stop)] = np.nan
        return data

    def samples(self, start: int, stop: int) -> Iterator[NDArray[np.float32]]:
        """Samples ``start`` to ``stop`` in pieces of at most ``noise.n_chunk``, in order."""
        return chunks_ahead(self.chunk, self.noise.n_chunk, start, stop)


def chunks_ahead(
    chunk: Callable[[int], NDArray], n_chunk: int, start: int, stop: int
) -> Iterator[NDArray]:
    """Samples ``start`` to ``stop`` in pieces of at most ``n_chunk``, in order.

    Two threads compute a few chunks ahead of the consumer.

    Parameters
    ----------
    chunk : callable
        Samples ``n_chunk * number`` onwards, of the number it is called with.
    """
    numbers = range(start // n_chunk, -(-stop // n_chunk))
    for number, piece in zip(
        numbers, computed_ahead(chunk, numbers, _N_THREADS, _N_AHEAD), strict=True
    ):
        first = number * n_chunk
        yield piece[max(start - first, 0) : stop - first]


def _place(name: str, item: Source | Pulse, header: StreamHeader) -> tuple[float, float]:
    try:
        assert header.wcs is not None
        return pixel_of(item, header.wcs, header.shape)
    except ConfigProblem as error:
        raise ConfigProblem(f"{name}.{error.field}", error.problem, error.remedy) from error


def variation(source: Source, times: NDArray[np.float64], dec_deg: float) -> NDArray[np.float64]:
    """Brightness of a source relative to ``flux`` at ``times`` (seconds)."""
    if source.variation == "sinusoidal":
        turns = times / source.period_s + source.phase
        return 1 + source.amplitude * np.sin(2 * np.pi * turns)
    if source.variation == "linear":
        return 1 + source.amplitude * times / source.period_s
    if source.variation == "beam_drift":
        rate = _SIDEREAL_DEG_S * np.cos(np.radians(dec_deg))
        offset = (times - source.transit_s) * rate / source.beam_fwhm_deg
        return np.exp(-4 * np.log(2) * offset**2)
    return np.ones_like(times)


def _add_point(
    data: NDArray[np.float32],
    flux: NDArray[np.float64],
    stamp: tuple[tuple[slice, slice], NDArray[np.float32]],
) -> None:
    (ys, xs), values = stamp
    data[:, :, ys, xs] += flux.astype(np.float32)[:, :, None, None] * values


def _add_rfi(
    data: NDArray[np.float32],
    rfi: Rfi,
    pattern: NDArray[np.float32] | float,
    times: NDArray[np.float64],
    tsamp_s: float,
) -> None:
    """Add interference to the samples it overlaps, in proportion to the overlap."""
    part = interfering_part(rfi, times, tsamp_s)
    channels: Sequence[int] = rfi.channels or range(data.shape[1])
    for t in np.flatnonzero(part):
        for c in channels:
            data[t, c] += np.float32(rfi.flux * part[t]) * pattern


def interfering_part(rfi: Rfi, times: NDArray[np.float64], tsamp_s: float) -> NDArray[np.float64]:
    """Part of each sample, given by its centre in seconds, that interference lasts."""
    lo = np.maximum(times - tsamp_s / 2, rfi.time_s)
    hi = np.minimum(times + tsamp_s / 2, rfi.time_s + rfi.duration_s)
    return np.clip((hi - lo) / tsamp_s, 0.0, 1.0)


def fluence_of(name: str, pulse: Pulse, snr_per_jy_ms: float) -> float:
    """Fluence of a pulse in Jy ms, of which 1 has the ideal S/N given.

    Raises
    ------
    ConfigProblem
        It has an S/N, but nothing of it is recorded.
    """
    if pulse.fluence_jy_ms is not None:
        return pulse.fluence_jy_ms
    if not snr_per_jy_ms > 0:
        problem = "no sample of the pulse is in the recording"
        raise ConfigProblem(f"{name}.time_s", problem, "move it inside, out of gaps")
    return float(pulse.snr or 0.0) / snr_per_jy_ms


def outside_gaps(
    gaps: Sequence[Gap], header: StreamHeader, start: int, stop: int
) -> NDArray[np.bool_]:
    """(time, channel) of samples ``start`` to ``stop``: False in gaps."""
    good = np.ones((stop - start, header.n_channels), bool)
    for gap in gaps:
        lo, hi = gap_samples(gap, header.tsamp_s)
        lo, hi = max(lo, start), min(hi, stop)
        if lo < hi:
            good[lo - start : hi - start, list(gap.channels) or slice(None)] = False
    return good


def gap_samples(gap: Gap, tsamp_s: float) -> tuple[int, int]:
    """Samples [start, stop) whose centres lie in the gap."""
    # a time that was written for the centre of a sample means that sample
    start, stop = (np.ceil(t / tsamp_s - 1e-6) for t in (gap.start_s, gap.stop_s))
    return int(start), int(stop)


def recorded_pieces(config: SimulationConfig) -> list[tuple[int, int]]:
    """Stretches [start, stop) of samples between the missing ones."""
    recorded = np.ones(config.recording.n_samples, bool)
    for gap in config.gaps:
        if gap.kind == "missing":
            lo, hi = gap_samples(gap, config.recording.tsamp_s)
            recorded[max(lo, 0) : max(hi, 0)] = False
    edges = np.diff(np.r_[0, recorded.astype(np.int8), 0])
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(int(a), int(b)) for a, b in zip(starts, stops, strict=True)]
