"""A recording of visibilities as a recording of images, on a grid that is fixed on the sky.

A few samples at a time share one geometry: as many as the Earth turns by so little that the
middle of an edge of the field moves by no more of the beam than the error that is allowed. Each
of them is turned to the centre of the field exactly, fine channels are averaged as far as the
edge of the field allows, and what is left is one gridding of many samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import erfa
import jax
import jax.numpy as jnp
import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray

from pipeline.block import PrimaryBeam, StreamHeader
from pipeline.errors import InputError
from pipeline.flagging.points import FieldImage
from pipeline.imaging.beam import beam_fwhm, gaussian_gain
from pipeline.imaging.geometry import LIGHT_M_S, sky_axes, terrestrial_axes, zenith
from pipeline.imaging.gridding import Grid, Gridder, dirty_images, make_gridder
from pipeline.imaging.settings import ImagingSettings
from pipeline.imaging.turning import Band, band_of, phasors, turns_at
from pipeline.readers.base import BaseReader
from pipeline.readers.wcs import psf_fwhm_px
from pipeline.stages import Stages
from pipeline.visibilities.block import VisBlock, VisHeader, VisReader

_EARTH_RAD_S = 7.2921e-5
_LARGEST_FIELD = math.sin(math.radians(30))
"""Half a side of the image that is made unless asked otherwise, in direction cosine."""

_MOST_TIMES = 32
_STRETCH_BYTES = 128 << 20
"""Visibilities that are read at once, unless fewer are asked for."""

_LEAST_GAIN = 0.1
_Made = tuple[int, NDArray[np.float32], NDArray[np.float32]]
"""First of some samples, their images and sums of weights."""

_UNCALIBRATED = "the visibilities are uncalibrated: fluxes and positions mean what they do"


class _Averaging(NamedTuple):
    """How fine channels are averaged: consecutive ones to a group, groups to an image channel.

    Attributes
    ----------
    members : int
        Fine channels of an image channel; the last has what is left.
    in_group : int
        Fine channels of a group; the last of an image channel has what is left.
    count : (image channel, group)
        Fine channels that there are.
    freq_hz : (image channel, group)
        Their mean.
    relative : (channel,) float32
        How far each fine channel is from the mean of its group, as a share of it.
    """

    members: int
    in_group: int
    count: NDArray[np.int64]
    freq_hz: NDArray[np.float64]
    relative: NDArray[np.float32]

    @property
    def centre_mhz(self) -> NDArray[np.float64]:
        """Mean of all members of an image channel."""
        return np.average(self.freq_hz, axis=1, weights=self.count) / 1e6


def averaging_of(freq_mhz: NDArray[np.float64], most: int, widest_mhz: float) -> _Averaging:
    """Image channels of equal numbers of fine channels, in groups no wider than ``widest_mhz``."""
    n_fine = len(freq_mhz)
    members = -(-n_fine // min(most, n_fine))
    step = np.median(np.diff(freq_mhz)) if n_fine > 1 else widest_mhz
    in_group = int(np.clip(widest_mhz / max(abs(step), 1e-30), 1, members))
    in_group = -(-members // -(-members // in_group))
    # Channels that are not evenly spaced may lie further apart.
    while in_group > 1 and _widest(freq_mhz, members, in_group) > max(widest_mhz - abs(step), 0):
        in_group -= 1
    count = _grouped(np.ones(n_fine), members, in_group).sum(-1)
    total = _grouped(freq_mhz * 1e6, members, in_group).sum(-1)
    mean = total / np.maximum(count, 1)
    number = np.arange(n_fine)
    own = mean[number // members, number % members // in_group]
    relative = (freq_mhz * 1e6 / own - 1).astype(np.float32)
    return _Averaging(members, in_group, count.astype(np.int64), mean, relative)


def _widest(freq_mhz: NDArray[np.float64], members: int, in_group: int) -> float:
    """Distance between the first and last channel of a group, at most."""
    number = np.arange(len(freq_mhz))
    group = number // members * members + number % members // in_group
    low, high = np.full((2, group[-1] + 1), np.inf)
    np.minimum.at(low, group, freq_mhz)
    np.minimum.at(high, group, -freq_mhz)
    there = np.isfinite(low)
    return float((-high[there] - low[there]).max())


def _grouped(a: Any, members: int, in_group: int) -> Any:
    """Fine channels, the last axis, as (image channel, group, member), with zeros at the ends."""
    for size in (members, in_group):
        spare = -a.shape[-1] % size
        if spare:
            pad = jnp.pad if isinstance(a, jax.Array) else np.pad
            a = pad(a, [*[(0, 0)] * (a.ndim - 1), (0, spare)])
        a = a.reshape(*a.shape[:-1], -1, size)
    return a


@partial(jax.jit, static_argnums=1)
def group_images(
    gridder: Gridder,
    groups: tuple[int, int],
    channels: tuple[Band, jax.Array],
    block: tuple[jax.Array, jax.Array],
    turn: tuple[jax.Array, jax.Array],
    geometry: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array]:
    """Images of a few samples of one geometry.

    Parameters
    ----------
    groups : (members, in_group)
    channels : Band, (channel,) float32
        Fine channels, and how far each is from its group: see :class:`_Averaging`.
    block : (time, baseline, channel) complex64, float32
        Visibilities and their weights.
    turn : (time, baseline), (time, baseline) float32
        Turns to the centre at the reference of the band, and delays in seconds.
    geometry : (image channel, group, baseline, 3), (image channel, group, baseline)
        Wavelengths at the mean frequency of each group, and weights of the imaging.

    Returns
    -------
    As :func:`dirty_images`.
    """
    (band, relative), (data, weights), (uvw, imaging) = channels, block, geometry
    flux = jnp.where(weights > 0, data * weights, 0) * phasors(*turn, band)
    # Where some of its channels have no weight, a group lies at the mean of the others.
    off = jnp.sum(_grouped(weights * relative, *groups), (0, -1))
    flux, total = (jnp.sum(_grouped(a, *groups), -1) for a in (flux, weights))
    every = jnp.sum(total, 0)
    moved = off / jnp.where(every > 0, every, 1)
    uvw = uvw * (1 + moved.transpose(1, 2, 0)[..., None])
    mean = flux / jnp.where(total > 0, total, 1)
    # (time, baseline, channel, group) to (channel, group and baseline, time)
    n_channels, n_times = uvw.shape[0], data.shape[0]
    vis, weight = (
        a.transpose(2, 3, 1, 0).reshape(n_channels, -1, n_times)
        for a in (mean, total * imaging.transpose(2, 0, 1))
    )
    return dirty_images(gridder, uvw.reshape(n_channels, -1, 3), vis, weight)


class ImagedReader(BaseReader):
    """Images of a recording of visibilities, made as they are read.

    Parameters
    ----------
    vis : VisReader
        Closed with this reader.
    settings : ImagingSettings
    stages : Stages, optional

    Attributes
    ----------
    n_independent : (channel,) float64
        How many visibilities, of a baseline and channel of the recording each, the noise of an
        image is that of: fewer than there are, unless the weighting is natural.

    Raises
    ------
    InputError
        If the images cannot be made.
    """

    stage = "image"
    _owns = True

    def __init__(
        self,
        vis: VisReader,
        settings: ImagingSettings | None = None,
        stages: Stages | None = None,
    ) -> None:
        self._vis, self._stages = vis, stages or Stages()
        settings = settings or ImagingSettings()
        self._weighting, known = settings.weighting, vis.header
        self._centre = _centre_of(settings, known.centre)
        where, freq_hz = known.source, known.freq_mhz * 1e6
        epochs = known.n_samples // 2, 0, known.n_samples - 1
        self._check_above_horizon(epochs)
        seen, used = self._seen_baselines(epochs)
        longest = np.linalg.norm(seen[used], axis=-1).max() * freq_hz.max() / LIGHT_M_S
        if longest <= 0:
            raise InputError(where, "baselines", "have no length", "give an interferometer")
        pixel = math.radians(settings.pixel_arcsec / 3600) or 1 / (3 * longest)
        size = settings.size or max(1, min(175, int(2 * _LARGEST_FIELD / pixel)))
        self._grid = self._field = Grid((size, size), pixel)
        depth = 1.05 * np.abs(seen[used][:, 2]).max() * freq_hz.max() / LIGHT_M_S
        self._longest = np.array([longest, longest, depth])
        self._error = settings.error
        try:
            self._gridder = make_gridder(self._grid, self._longest, self._error)
        except ValueError as error:
            name, _, problem = str(error).partition(": ")
            raise InputError(where, f"imaging.{name}", problem, "change it") from error
        edge = max(size // 2, 1) * pixel
        notes = known.notes if known.unit else (*known.notes, _UNCALIBRATED)
        notes += _outside_beam(vis, self._centre, epochs, edge)
        if settings.primary_beam and not known.dish_m:
            problem = "is not known, so neither is the primary beam"
            raise InputError(where, "dish", problem, "set imaging.primary_beam = false")
        beam = 0.7 / longest
        widest_mhz = widest_share(settings.max_smearing, beam, edge) * known.freq_mhz.min()
        self._averaging = averaging_of(known.freq_mhz, settings.channels, widest_mhz)
        self._band = band_of(known.freq_mhz)
        self._divided = settings.primary_beam
        self._fwhm = beam_fwhm(self._averaging.centre_mhz, known.dish_m) if known.dish_m else None
        self._at_once = _sharing(known, edge, settings.error * beam)
        self._stretch = self._at_once * _groups_in_memory(known, self._at_once)
        self._last: _Made | None = None
        # The middle of the recording may be missing.
        uvw, weights = self._geometry(seen[np.argmax(used.sum(1))])
        count = self._averaging.count[..., None]
        self.n_independent = _independent(weights, count)
        weights = (weights * count).astype(np.float32)
        self._full = np.maximum(weights.sum((1, 2)), 1e-30)
        psf = self._psf(uvw, weights)
        self.header = StreamHeader(
            source=where,
            freq_mhz=self._averaging.centre_mhz,
            tsamp_s=known.tsamp_s,
            start=known.start,
            n_samples=known.n_samples,
            shape=self._grid.shape,
            wcs=_wcs(self._grid, self._centre),
            bunit=f"{known.unit}/beam" if known.unit else "uncalibrated",
            psf=psf,
            beam_fwhm_px=psf_fwhm_px(psf),
            notes=notes,
            primary_beam=_primary_beam(vis, self._centre),
        )

    def _seen_baselines(self, epochs: tuple[int, ...]) -> tuple[NDArray, NDArray]:
        """Baselines (epoch, baseline, 3) in metres, and which of them images are made of."""
        vis = self._vis
        seen = np.stack([mean_uvw(vis.uvw(t, t + 1, self._centre)[0]) for t in epochs])
        used = np.isfinite(seen).all(-1) & self._weighting.uses(seen)
        if not used.any():
            problem = "none is as long as the weighting asks for, or none was recorded"
            remedy = "change imaging.weighting.uv_min_m and uv_max_m"
            raise InputError(vis.header.source, "baselines", problem, remedy)
        return seen, used

    def _check_above_horizon(self, epochs: tuple[int, ...]) -> None:
        known, site = self._vis.header, self._vis.header.site
        if site is None:
            return
        highest = max(
            float(
                (terrestrial_axes(known.times(t, t + 1), self._centre, site) @ zenith(site))[0, 2]
            )
            for t in epochs
        )
        if highest < 0:
            altitude = math.degrees(math.asin(max(highest, -1.0)))
            problem = f"is {-altitude:.0f} degrees below the horizon"
            remedy = "change imaging.ra_deg and dec_deg, or leave them out"
            if self._centre is known.centre:
                remedy = "check the declination and the site of the recording"
            raise InputError(known.source, "centre of the images", problem, remedy)

    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        n_channels = len(self._averaging.freq_hz)
        data = np.empty((stop - start, n_channels, *self._grid.shape), np.float32)
        weights = np.empty((stop - start, n_channels), np.float32)
        # The same samples share a geometry however they are asked for.
        for begin, images, total in self._made(start - start % self._at_once, stop):
            low, high = max(begin, start), min(begin + self._at_once, stop)
            data[low - start : high - start] = images[low - begin : high - begin]
            weights[low - start : high - start] = total[low - begin : high - begin] / self._full
        return data, weights

    def gain(self, sample: int) -> NDArray[np.float32] | None:
        """Gain of the primary beam in every pixel at a time, (channel, y, x).

        Images have it in them: their noise is the same all over. NaN where it is below a
        tenth, None where the settings do not ask for it.
        """
        return self.beam(sample) if self._divided else None

    def beam(self, sample: int) -> NDArray[np.float32] | None:
        """Gain of the primary beam as of :meth:`gain`; None where the dishes are not known."""
        if self._fwhm is None:
            return None
        l, m = self._grid.direction_cosines()
        at = self._vis.pointing(sample, sample + 1, self._centre)[0]
        height = self._grid.height() + 1 - at[2]
        chord2 = (l - at[0]) ** 2 + (m[:, None] - at[1]) ** 2 + height**2
        gain = gaussian_gain(chord2, self._fwhm[:, None, None])
        return np.where(gain >= _LEAST_GAIN, gain, np.nan).astype(np.float32)

    @property
    def reads_whole(self) -> bool:
        return False

    def cropped(self, rows: slice, columns: slice) -> ImagedReader:
        """Some of the pixels, of which alone images are then made.

        It reads through this reader, which closes the recording.
        """
        part = copy(self)
        part._last, part._owns = None, False
        part._grid = self._grid.cut(rows, columns)
        # A slope in w takes the baselines a little further out than in the whole.
        most = 2 * max(self._gridder.cells)
        part._gridder = make_gridder(part._grid, self._longest, self._error, most)
        part.header = self.header.cropped(rows, columns)
        return part

    def of(self, vis: VisReader) -> ImagedReader:
        """The same images of visibilities on the same baselines, which others close."""
        other = copy(self)
        other._vis, other._last, other._owns = vis, None, False
        return other

    def field_image(self, vis: VisReader) -> FieldImage:
        """What images of single samples of the field are made with."""
        return FieldImage(vis, self._centre, self._grid, self._gridder)

    @property
    def recorded(self) -> VisHeader:
        """Axes of the visibilities that images are made of."""
        return self._vis.header

    @property
    def n_groups(self) -> int:
        """Averaged channels that are gridded for a channel of the images."""
        return self._averaging.freq_hz.shape[1]

    @property
    def samples_at_once(self) -> int:
        """Samples that share a geometry."""
        return self._at_once

    @property
    def pixel_rad(self) -> float:
        """Size of a pixel."""
        return self._grid.pixel_rad

    @property
    def n_terms(self) -> int:
        """Terms of the series in w."""
        return self._gridder.n_terms

    def close(self) -> None:
        if self._owns:
            self._vis.close()

    def _geometry(self, uvw_m: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
        """Baselines in wavelengths and their weights, (image channel, group, baseline, ...)."""
        used = np.isfinite(uvw_m).all(-1) & self._weighting.uses(uvw_m)
        uvw = np.where(used[:, None], uvw_m, 0) * (
            self._averaging.freq_hz[..., None, None] / LIGHT_M_S
        )
        count = self._averaging.count[..., None] * used
        weights = [
            self._weighting.weights(self._field, u.reshape(-1, 3), n.ravel()).reshape(n.shape)
            for u, n in zip(uvw, count.astype(float), strict=True)
        ]
        return uvw.astype(np.float32), np.where(used, np.stack(weights), 0)

    def _made(self, first: int, stop: int) -> Iterator[_Made]:
        """Images of groups of samples that share a geometry, of samples ``first`` to ``stop``."""
        if self._last is not None and self._last[0] == first:
            yield self._last
            first += self._at_once
        waiting: tuple[int, tuple[jax.Array, jax.Array]] | None = None
        for begin in range(first, stop, self._stretch):
            # Whole groups, the last of which may reach beyond what is asked for.
            end = begin + self._at_once * -(-min(self._stretch, stop - begin) // self._at_once)
            block = self._vis.read(begin, end)
            uvw, path = self._vis.uvw(begin, end, self._centre)
            for low in range(0, len(block.data), self._at_once):
                # The device images a group while the next is prepared.
                group = slice(low, low + self._at_once)
                made = begin + low, self._image(block, uvw, path, group)
                if waiting is not None:
                    yield self._finished(waiting)
                waiting = made
        if waiting is not None:
            yield self._finished(waiting)

    def _finished(self, waiting: tuple[int, tuple[jax.Array, jax.Array]]) -> _Made:
        begin, (images, total) = waiting
        self._last = begin, np.asarray(images), np.asarray(total)
        return self._last

    def _image(
        self, block: VisBlock, uvw: NDArray, path: NDArray, group: slice
    ) -> tuple[jax.Array, jax.Array]:
        """Images and sums of weights of samples that share a geometry."""
        spare = self._at_once - len(block.data[group])

        def whole(a: NDArray) -> NDArray:
            return np.pad(a, ((0, spare), *[(0, 0)] * (a.ndim - 1))) if spare else a

        cycles, delay_s = turns_at(self._band, np.nan_to_num(path[group]) / LIGHT_M_S)
        return group_images(
            self._gridder,
            (self._averaging.members, self._averaging.in_group),
            (self._band, self._averaging.relative),
            (whole(block.data[group]), whole(block.weights[group])),
            (whole(cycles), whole(delay_s)),
            self._geometry(mean_uvw(uvw[group])),
        )

    def _psf(self, uvw: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Image of a source of 1 in the centre, its channels averaged.

        Where the sky allows it reaches from any pixel of the field to any other.
        """
        ny, nx = self._field.shape
        try:
            gridder = make_gridder(
                replace(self._field, shape=(2 * ny - 1, 2 * nx - 1)), self._longest, self._error
            )
        except ValueError:
            gridder = self._gridder
        psf = np.zeros(gridder.terms.shape[1:], np.float32)
        for channel in range(len(uvw)):
            weight = weights[channel].reshape(1, -1, 1)
            ones = np.ones(weight.shape, np.complex64)
            image, total = dirty_images(gridder, uvw[channel].reshape(1, -1, 3), ones, weight)
            if total[0, 0] > 0:
                psf += np.asarray(image)[0, 0]
        return psf / psf.max()


def _independent(weights: NDArray, count: NDArray) -> NDArray[np.float64]:
    """Visibilities of equal weight that have the noise of weighted ones, (channel,).

    Parameters
    ----------
    weights : (channel, group, baseline)
    count : (channel, group, 1)
        Visibilities that are averaged to each.
    """
    total, squares = (np.sum(weights.astype(float) ** k * count, (1, 2)) for k in (1, 2))
    return np.where(squares > 0, total**2 / np.where(squares > 0, squares, 1), 0)


def _outside_beam(
    vis: VisReader, centre: SkyCoord, epochs: tuple[int, ...], edge: float
) -> tuple[str, ...]:
    """A note, if the dishes never look at the field."""
    if not vis.header.dish_m:
        return ()
    away = np.array([vis.pointing(t, t + 1, centre)[0] - [0, 0, 1] for t in epochs])
    chord = np.linalg.norm(away, axis=1).min()
    fwhm = beam_fwhm(vis.header.freq_mhz, vis.header.dish_m).max()
    gain = float(gaussian_gain(np.square(max(chord - math.sqrt(2) * edge, 0)), fwhm))
    if gain >= _LEAST_GAIN:
        return ()
    degrees = math.degrees(2 * math.asin(min(chord / 2, 1)))
    return (
        f"the field is {degrees:.3g} degrees from where the dishes look, their gain in it at "
        f"most {gain:.1g}",
    )


def widest_share(loss: float, beam: float, edge: float) -> float:
    """Bandwidth, as a share of the frequency, that loses so much at the edge of a field.

    A Gaussian beam smeared by a band of the relative width b keeps 1 / sqrt(1 + 0.462 x^2) of
    its peak at the distance of d beams, x = b d (Bridle & Schwab 1999).
    """
    return math.sqrt((1 / (1 - loss) ** 2 - 1) / 0.462) * beam / edge


def _sharing(header: VisHeader, edge: float, most: float) -> int:
    """Samples in which the sky, so far from the centre, turns by ``most`` to either side."""
    moved = _EARTH_RAD_S * edge * header.tsamp_s / 2
    return int(np.clip(most / moved, 1, _MOST_TIMES))


def _groups_in_memory(header: VisHeader, at_once: int) -> int:
    sample_bytes = 12 * len(header.baselines) * len(header.freq_mhz)
    return max(1, _STRETCH_BYTES // (at_once * sample_bytes))


def mean_uvw(uvw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the baselines (time, baseline, 3) of some samples; NaN where there is none."""
    there = np.isfinite(uvw)
    mean = np.where(there, uvw, 0).sum(0) / np.maximum(there.sum(0), 1)
    return np.where(there.any(0), mean, np.nan)


def _centre_of(settings: ImagingSettings, usual: SkyCoord) -> SkyCoord:
    if settings.ra_deg is None or settings.dec_deg is None:
        return usual
    return SkyCoord(settings.ra_deg * units.deg, settings.dec_deg * units.deg)


def _primary_beam(vis: VisReader, centre: SkyCoord) -> PrimaryBeam:
    """Where the dishes look at the first sample."""
    known = vis.header
    ra, dec = erfa.c2s(vis.pointing(0, 1, centre)[0] @ sky_axes(centre))
    middle = float(known.freq_mhz.min() + known.freq_mhz.max()) / 2
    fwhm = math.degrees(beam_fwhm(np.array(middle), known.dish_m)) if known.dish_m else None
    return PrimaryBeam(math.degrees(ra) % 360, math.degrees(dec), fwhm, not known.tracked)


def _wcs(grid: Grid, centre: SkyCoord) -> WCS:
    """SIN projection about the centre, which lies on pixel n // 2."""
    wcs = WCS(naxis=2)
    ny, nx = grid.shape
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [centre.icrs.ra.deg, centre.icrs.dec.deg]
    wcs.wcs.crpix = [nx // 2 + 1, ny // 2 + 1]
    wcs.wcs.cdelt = np.degrees([-grid.pixel_rad, grid.pixel_rad])
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs
