"""Steady sources, found and taken out of the visibilities before images are made.

Sidelobes of a bright source turn with the Earth through a grid that is fixed on the sky, and
would be found as pulses of minutes. The visibility of a source at the path p from where data
are phased to is

    A(t, nu) sinc(bandwidth p / c) exp(-2 pi i nu p / c),

A being its flux through the primary beam. The beam is divided out where it is known; what is
left of A is a polynomial in time of a low order, of its own in each channel, that follows what
the beam does not explain and is too stiff for a pulse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import erfa
import jax
import jax.numpy as jnp
import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from jax import lax
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from pipeline.ahead import computed_ahead
from pipeline.imaging.geometry import LIGHT_M_S, sky_axes
from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.point_sources import Channels, channels_of, seen_by, visibility_of_one
from pipeline.imaging.settings import ImagingSettings
from pipeline.stages import Stages, Tell
from pipeline.visibilities.block import VisBlock, VisHeader, VisReader, VisWrapper

_N_PLACES, _MOST_TIMES = 48, 4
"""Stretches that sources are looked for in, and their samples, at most."""
_STRETCH_S = 600.0
"""The polynomial has an order more for every such stretch of the recording."""
_HIGHEST_ORDER = 8
_SIGNIFICANCE = 8.0
_OVER_SIDELOBES = 1.5
_CYCLES = 8


@dataclass(frozen=True)
class SteadySources:
    """Sources that are to be taken out.

    Attributes
    ----------
    places : tuple of SkyCoord
    fluxes : (source, order, channel) float64
        Coefficients of Chebyshev polynomials in time over the recording, Jy before the beam.
    """

    places: tuple[SkyCoord, ...]
    fluxes: NDArray[np.float64]

    @property
    def mean_jy(self) -> NDArray[np.float64]:
        """Mean flux of each over the channels that were recorded."""
        there = np.any(self.fluxes != 0, axis=(0, 1))
        return self.fluxes[:, 0, there].mean(axis=1)

    def brighter_than(self, jy: float) -> SteadySources:
        """Those with more flux than that."""
        kept = self.mean_jy > jy
        places = tuple(p for p, keep in zip(self.places, kept, strict=True) if keep)
        return SteadySources(places, self.fluxes[kept])

    def light(self, header: VisHeader, start: int, beam: NDArray[np.floating]) -> NDArray:
        """Fluxes through the beam (source, time, channel), of samples from ``start`` on."""
        sample = np.arange(start, start + beam.shape[1])
        time = _chebyshev(header, sample, self.fluxes.shape[1])
        return (np.einsum("to,koc->ktc", time, self.fluxes) * beam).astype(np.float32)


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
            seen = seen_by(self._vis, block.start, stop, self._sources.places)
            light = self._sources.light(self.header, block.start, seen.beam)
            left = _subtract(block.data, seen.turn, seen.delay_s, light, self._channels)
            return replace(block, data=np.asarray(left))


def without_steady_sources(
    vis: VisReader,
    settings: ImagingSettings,
    most: int,
    stages: Stages | None = None,
    progress: Tell | None = None,
) -> VisReader:
    """A recording without the steady sources of its field, which its notes name."""
    sources = find_steady_sources(vis, settings, most, progress)
    if not sources.places:
        return vis
    unit = vis.header.unit
    named = (
        f"{flux:.3g}{f' {unit}' if unit else ''} at {place.ra.deg:.4f} {place.dec.deg:+.4f}"
        for flux, place in zip(sources.mean_jy, sources.places, strict=True)
    )
    note = f"steady sources taken out: {', '.join(named)}"
    return SubtractedReader(vis, sources, (note,), stages)


def find_steady_sources(
    vis: VisReader, settings: ImagingSettings, most: int, progress: Tell | None = None
) -> SteadySources:
    """Find the sources of the field that stand out of the mean of samples all over it.

    In each cycle the peaks of the mean image of what is left, those that cannot be sidelobes
    of the brightest, become sources, and places and fluxes of all are fitted to the
    visibilities.

    Parameters
    ----------
    vis : VisReader
    settings : ImagingSettings
    most : int
        Sources, the brightest first.
    progress : callable, optional
        Called with the stretches imaged in this cycle, their number, and what is found so far.
    """
    n_orders = _n_orders(vis.header)
    found = SteadySources((), np.zeros((0, n_orders, len(vis.header.freq_mhz))))
    imager = ImagedReader(vis, settings)
    length = min(imager.samples_at_once, _MOST_TIMES)
    starts = _spread(vis.header, imager.samples_at_once)
    stretches = [(int(s), int(s) + length) for s in starts]
    pixel = imager.pixel_rad
    psf, beam = imager.header.psf, imager.header.beam_fwhm_px
    assert psf is not None
    limit = _OVER_SIDELOBES * _sidelobe(psf, beam)
    for _ in range(_CYCLES if most else 0):
        tell = partial(progress, note=f"{len(found.places)} found") if progress else None
        image, noise = _mean_image(imager.of(SubtractedReader(vis, found)), stretches, tell)
        new = _peaks(image, noise, beam, limit)[: most - len(found.places)]
        if not new:
            break
        wcs = imager.header.wcs
        assert wcs is not None
        sky = wcs.wcs_pix2world(np.array(new), 0)
        places = [*found.places, *(SkyCoord(*p, unit=units.deg) for p in sky)]
        fitted = _fitted(vis, stretches, places, n_orders, pixel)
        # Where sidelobes of several sources met there is none.
        kept = fitted.brighter_than(_SIGNIFICANCE * noise)
        if len(kept.places) <= len(found.places):
            break
        if len(kept.places) < len(fitted.places):
            kept = _fitted(vis, stretches, list(kept.places), n_orders, pixel)
        found = kept
    if len(found.places) > 1:
        # Steps of one source at a time leave those that overlap short of their places.
        found = _fitted(vis, stretches, list(found.places), n_orders, pixel)
    return found


def _n_orders(header: VisHeader) -> int:
    stretches = math.ceil(header.n_samples * header.tsamp_s / _STRETCH_S)
    return min(1 + stretches, _HIGHEST_ORDER)


def _chebyshev(header: VisHeader, sample: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Polynomials in time, (time, order)."""
    x = 2 * (sample + 0.5) / header.n_samples - 1
    return np.asarray(np.polynomial.chebyshev.chebvander(x, n - 1), np.float64)


def _spread(header: VisHeader, at_once: int) -> NDArray[np.int64]:
    """First samples of stretches all over a recording, where those of one geometry begin."""
    last = max(header.n_samples - at_once, 0) // at_once
    n = min(_N_PLACES, last + 1)
    return at_once * np.unique(np.rint(np.linspace(0, last, n)).astype(np.int64))


@jax.jit
def _subtract(
    data: jax.Array, turn: jax.Array, delay_s: jax.Array, light: jax.Array, channels: Channels
) -> jax.Array:
    """Visibilities without sources of the fluxes ``light`` (source, time, channel)."""

    def one(left: jax.Array, source: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
        turn, delay_s, light = source
        return left - visibility_of_one(turn, delay_s, channels) * light[:, None], None

    return lax.scan(one, data, (turn, delay_s, light))[0]


@jax.jit
def _projected(
    block: tuple[jax.Array, jax.Array], turn: jax.Array, delay_s: jax.Array, channels: Channels
) -> tuple[jax.Array, jax.Array]:
    """Products of sources with each other and with the data, summed over time and baselines.

    Returns
    -------
    (source, source, channel), (source, channel)
    """
    data, weights = block
    of = visibility_of_one(turn, delay_s, channels)
    good = jnp.where(weights > 0, data, 0)

    def one(_: None, source: jax.Array) -> tuple[None, tuple[jax.Array, jax.Array]]:
        weighted = jnp.conj(source) * weights

        def with_other(other: jax.Array) -> jax.Array:
            return jnp.sum((weighted * other).real, (0, 1))

        return None, (lax.map(with_other, of), with_other(good))

    return lax.scan(one, None, of)[1]


@jax.jit
def _displaced(
    block: tuple[jax.Array, jax.Array],
    seen: tuple[jax.Array, jax.Array],
    light: jax.Array,
    uv_m: jax.Array,
    channels: Channels,
) -> tuple[jax.Array, jax.Array]:
    """Normal equations of the displacement (l, m) of each source, (source, 2, 2), (source, 2).

    Parameters
    ----------
    block
        What is left after subtraction, and its weights.
    uv_m : (source, time, baseline, 2) float32
    """
    data, weights = block
    good = jnp.where(weights > 0, data, 0) * weights
    per_m = (channels.band.reference_hz + channels.band.offset_hz) / LIGHT_M_S

    def one(_: None, source: tuple[jax.Array, ...]) -> tuple[None, tuple[jax.Array, jax.Array]]:
        turn, delay_s, light, uv_m = source
        model = visibility_of_one(turn, delay_s, channels) * light[:, None]
        # A displacement turns the model by -2 pi i (u l + v m).
        across = model.real * good.imag - model.imag * good.real
        power = weights * (model.real**2 + model.imag**2)
        across, power = jnp.sum(across * per_m, -1), jnp.sum(power * per_m**2, -1)
        curvature = 4 * jnp.pi**2 * jnp.einsum("tbx,tby,tb->xy", uv_m, uv_m, power)
        return None, (curvature, -2 * jnp.pi * jnp.einsum("tbx,tb->x", uv_m, across))

    return lax.scan(one, None, (*seen, light, uv_m))[1]


def _blocks(vis: VisReader, stretches: list[tuple[int, int]]) -> Iterator[VisBlock]:
    """What is in some stretches, the next one read while the last is used."""
    return computed_ahead(lambda stretch: vis.read(*stretch), stretches)


def _fitted(
    vis: VisReader,
    stretches: list[tuple[int, int]],
    places: list[SkyCoord],
    n_orders: int,
    largest_step: float,
) -> SteadySources:
    """Fluxes and places of sources that are known to about a beam."""
    found = _with_fluxes(vis, stretches, places, n_orders)
    channels = channels_of(vis.header)
    for _ in range(2):
        curvature = np.zeros((len(places), 2, 2))
        gradient = np.zeros((len(places), 2))
        for block in _blocks(vis, stretches):
            start, stop = block.start, block.start + len(block.data)
            seen = seen_by(vis, start, stop, found.places)
            light = found.light(vis.header, start, seen.beam)
            left = _subtract(block.data, seen.turn, seen.delay_s, light, channels)
            here = _displaced(
                (left, block.weights),
                (seen.turn, seen.delay_s),
                light,
                seen.uv_m,
                channels,
            )
            curvature, gradient = curvature + np.asarray(here[0]), gradient + np.asarray(here[1])
        moved = []
        for place, c, g in zip(found.places, curvature, gradient, strict=True):
            step = np.linalg.lstsq(c, g, rcond=1e-6)[0]
            step *= min(1.0, largest_step / max(float(np.linalg.norm(step)), 1e-30))
            east, north, towards = sky_axes(place)
            ra, dec = erfa.c2s(towards + step[0] * east + step[1] * north)
            moved.append(SkyCoord(ra, dec, unit="rad"))
        found = _with_fluxes(vis, stretches, moved, n_orders)
    return found


def _with_fluxes(
    vis: VisReader, stretches: list[tuple[int, int]], places: list[SkyCoord], n_orders: int
) -> SteadySources:
    """Sources at known places, their fluxes fitted channel by channel."""
    channels = channels_of(vis.header)
    n, n_channels = len(places) * n_orders, len(vis.header.freq_mhz)
    matrix, rhs = np.zeros((n_channels, n, n)), np.zeros((n_channels, n))
    for block in _blocks(vis, stretches):
        start, stop = block.start, block.start + len(block.data)
        seen = seen_by(vis, start, stop, tuple(places))
        products, fluxes = _projected(
            (block.data, block.weights), seen.turn, seen.delay_s, channels
        )
        # A stretch is short: the beam and the polynomials are those of its middle.
        time = _chebyshev(vis.header, np.arange(start, stop), n_orders).mean(0)
        basis = seen.beam.mean(1)[:, None] * time[:, None]
        matrix += np.einsum("koc,klc,lpc->ckolp", basis, products, basis).reshape(matrix.shape)
        rhs += np.einsum("koc,kc->cko", basis, fluxes).reshape(rhs.shape)
    # What was not recorded has no flux.
    ridge = 1e-9 * np.trace(matrix, axis1=1, axis2=2)[:, None, None] / n + 1e-30
    solved = np.linalg.solve(matrix + ridge * np.eye(n), rhs[..., None])[..., 0]
    return SteadySources(tuple(places), solved.T.reshape(len(places), n_orders, n_channels))


def _mean_image(
    reader: ImagedReader,
    stretches: list[tuple[int, int]],
    tell: Tell | None = None,
) -> tuple[NDArray[np.floating], float]:
    """Mean of stretches, and its noise: from every other stretch less those between.

    Sources, and their sidelobes, are the same in both.
    """
    total, weight = np.zeros((2, *reader.header.shape)), np.zeros((2, 1, 1))
    for i, (start, stop) in enumerate(stretches):
        block = reader.read(start, stop)
        weights = block.weights[..., None, None]
        total[i % 2] += np.where(weights > 0, block.data * weights, 0).sum((0, 1))
        weight[i % 2] += float(block.weights.sum())
        if tell is not None:
            tell(i + 1, len(stretches))
    mean = total.sum(0) / max(weight.sum(), 1e-30)
    apart = mean
    if (weight > 0).all():
        half = np.diff(total / weight, axis=0)[0]
        apart = half * math.sqrt(weight.prod()) / weight.sum()
    return mean, float(1.4826 * np.median(np.abs(apart - np.median(apart))))


def _peaks(
    image: NDArray[np.floating], noise: float, fwhm_px: float, limit: float
) -> list[tuple[float, float]]:
    """Places (x, y) of peaks, the brightest first."""
    reach = 2 * int(np.ceil(fwhm_px)) + 1
    # The brightest is no sidelobe, however high those are of few antennas.
    least = max(_SIGNIFICANCE * noise, min(limit, 1) * image.max())
    peaks = (image == maximum_filter(image, reach)) & (image >= least)
    rows, columns = np.nonzero(peaks)
    order = np.argsort(image[rows, columns])[::-1]
    return [(float(columns[i]), float(rows[i])) for i in order]


def _sidelobe(psf: NDArray[np.floating], fwhm_px: float) -> float:
    """Largest sidelobe of a PSF, of its peak."""
    row, column = np.unravel_index(int(psf.argmax()), psf.shape)
    y, x = np.indices(psf.shape)
    away = np.hypot(y - row, x - column) > 1.5 * fwhm_px
    return float(np.abs(psf[away]).max(initial=0.0))
