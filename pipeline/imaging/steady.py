"""Steady sources, found and taken out of the visibilities before images are made.

Sidelobes of a bright source turn with the Earth through a grid that is fixed on the sky, and
would be found as pulses of minutes. Sources of the field are found in the mean image of samples
all over the recording, those that the dishes see beside it in snapshots of the primary beam,
and a catalog may tell of others. Places and fluxes of all are fitted to the visibilities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from pipeline.catalog import read_catalog
from pipeline.imaging.fitting import Fit
from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.known import places_seen
from pipeline.imaging.settings import ImagingSettings
from pipeline.imaging.snapshot import snapshot
from pipeline.imaging.subtraction import SteadySources, SubtractedReader
from pipeline.stages import Stages, Tell
from pipeline.visibilities.block import VisHeader, VisReader

_N_PLACES, _MOST_TIMES = 48, 4
"""Stretches that sources are looked for in, and their samples, at most."""
_FITTED_VIS, _FITTED_TIMES = 1 << 24, 48
"""Visibilities that sources are fitted to, about, and samples of a stretch, at most: what a
polynomial errs by is seen by the widest boxcars.
"""
_SNAPSHOT_S, _SNAPSHOT_TIMES = 300.0, 25
"""How far apart snapshots of the beam are, and their samples, at most."""
_SNAPSHOT_VIS = 1 << 24
_WIDEST_S = 160.8
_SIGNIFICANCE = 8.0
_KNOWN_SIGNIFICANCE = 3.0
"""Of sources that a catalog tells of."""
_OVER_SIDELOBES = 1.5
_CYCLES, _LAST_STEPS = 8, 8
_MOST_NEW = 16
_APART_FWHM = 1.5
"""Beams between a source and another, or its first sidelobe."""


def without_steady_sources(
    vis: VisReader,
    settings: ImagingSettings,
    most: int,
    stages: Stages | None = None,
    progress: Tell | None = None,
) -> VisReader:
    """A recording without the steady sources that its dishes see, which its notes name."""
    search = _SourceSearch(vis, settings, most)
    sources, notes = search.found(progress), search.notes
    if sources.places:
        unit = vis.header.unit
        named = (
            f"{flux:.3g}{f' {unit}' if unit else ''} at {place.ra.deg:.4f} {place.dec.deg:+.4f}"
            f"{search.field.said(place)}"
            for flux, place in zip(sources.mean_jy, sources.places, strict=True)
        )
        notes = (f"steady sources taken out: {', '.join(named)}", *notes)
    return SubtractedReader(vis, sources, notes, stages) if notes else vis


def find_steady_sources(
    vis: VisReader, settings: ImagingSettings, most: int, progress: Tell | None = None
) -> SteadySources:
    """Find the sources that stand out of the mean of samples, or of snapshots of the beam.

    In each cycle the peaks of what is left, those that cannot be sidelobes of the brightest,
    become sources, and places and fluxes of all are fitted to the visibilities.

    Parameters
    ----------
    vis : VisReader
    settings : ImagingSettings
    most : int
        Sources, the brightest first.
    progress : callable, optional
        Called with the images made in this cycle, their number, and what is found so far.

    Raises
    ------
    InputError
        If the catalog of the settings cannot be used.
    """
    return _SourceSearch(vis, settings, most).found(progress)


@dataclass(frozen=True)
class _Field:
    """The field that is searched, and what a source leaves in it."""

    imager: ImagedReader

    @property
    def fwhm_rad(self) -> float:
        return self.imager.header.beam_fwhm_px * self.imager.pixel_rad

    def place(self, x: float, y: float) -> SkyCoord:
        """Of a pixel."""
        wcs = self.imager.header.wcs
        assert wcs is not None
        return SkyCoord(*wcs.wcs_pix2world([[x, y]], 0)[0], unit=units.deg)

    def beyond_rad(self, place: SkyCoord) -> float:
        """How far a place is outside the images; 0 inside."""
        header = self.imager.header
        assert header.wcs is not None
        away = place.separation(SkyCoord(*header.wcs.wcs.crval, unit=units.deg)).rad
        if away > 1.5:
            return float(away)
        at = header.wcs.wcs_world2pix([[place.ra.deg, place.dec.deg]], 0)[0]
        size = np.array(header.shape[::-1])
        beyond = np.maximum(np.maximum(-0.5 - at, at - size + 0.5), 0)
        return float(np.linalg.norm(beyond)) * self.imager.pixel_rad

    def said(self, place: SkyCoord) -> str:
        """Where a source is that is not in the images."""
        beyond = math.degrees(self.beyond_rad(place))
        return f" ({beyond:.2g} degrees outside the images)" if beyond else ""

    def sidelobes(self) -> tuple[float, float]:
        """The largest sidelobe, and their root mean square, of the peak."""
        psf = self.imager.header.psf
        assert psf is not None
        row, column = np.unravel_index(int(psf.argmax()), psf.shape)
        y, x = np.indices(psf.shape)
        away = np.hypot(y - row, x - column) > _APART_FWHM * self.imager.header.beam_fwhm_px
        lobes = psf[away] if away.any() else np.zeros(1)
        return float(np.abs(lobes).max()), float(np.sqrt(np.mean(lobes**2)))


class _SourceSearch:
    """Looks for the steady sources of a recording.

    Parameters
    ----------
    vis : VisReader
    settings : ImagingSettings
    most : int
    """

    def __init__(self, vis: VisReader, settings: ImagingSettings, most: int) -> None:
        self._vis, self._most, self._uses = vis, most, settings.weighting.uses
        self.field = _Field(ImagedReader(vis, settings))
        header, at_once = vis.header, self.field.imager.samples_at_once
        n_vis = len(header.baselines) * len(header.freq_mhz)
        self._imaged = _spread(header, at_once, min(at_once, _MOST_TIMES), _N_PLACES)
        length = int(np.clip(_FITTED_VIS // (_N_PLACES * n_vis), 1, _FITTED_TIMES))
        self._fitted = _spread(header, length, length, _N_PLACES)
        length = int(np.clip(_SNAPSHOT_VIS // n_vis, 1, _SNAPSHOT_TIMES))
        seconds = header.n_samples * header.tsamp_s
        n_snapshots = 1 + math.ceil(seconds / _SNAPSHOT_S) if header.dish_m else 0
        self._snapshots = _spread(header, length, length, n_snapshots)
        self._highest, self._typical = self.field.sidelobes()
        self._known, self.notes = self._of_catalog(settings)

    def _of_catalog(self, settings: ImagingSettings) -> tuple[list[SkyCoord], tuple[str, ...]]:
        """Sources of the catalog that are seen, the brightest first, and what to say of it."""
        if settings.catalog is None or not self._most:
            return [], ()
        apart = _APART_FWHM * self.field.fwhm_rad
        known = read_catalog(settings.catalog)
        seen = places_seen(known, self._vis, self.field.beyond_rad, apart)
        if seen:
            return seen[: self._most], ()
        return [], (f"no source of {settings.catalog.name} is where the dishes look",)

    def found(self, progress: Tell | None = None) -> SteadySources:
        """All sources, fitted together."""
        found, waiting, n_known = SteadySources.none(self._vis.header), self._known, 0
        fit = Fit(self._vis, self._fitted, 0.5 * self.field.fwhm_rad)
        for _ in range(_CYCLES if self._most else 0):
            tell = partial(progress, note=f"{len(found.places)} found") if progress else None
            left = SubtractedReader(self._vis, found)
            image, noise = self._mean_image(left, tell)
            new = waiting or self._new(found, left, image, noise)
            if not new:
                break
            fit = replace(fit, noise_jy=noise * math.sqrt(_n(self._imaged) / _n(self._fitted)))
            places = [*found.places, *new][: self._most]
            n_known = len(waiting) or n_known
            least = np.where(np.arange(len(places)) < n_known, _KNOWN_SIGNIFICANCE, _SIGNIFICANCE)
            fitted = fit.fitted(places)
            # Where sidelobes of several sources met there is none.
            stays = fitted.significance > least
            kept = [p for p, s in zip(fitted.places, stays, strict=True) if s]
            more = bool(waiting) or bool(stays[len(found.places) :].any())
            found = fitted if stays.all() else self._again(fit, kept)
            waiting, n_known = [], int(stays[:n_known].sum())
            if not more:
                break
        # Steps of one source at a time leave those that overlap short of their places.
        return fit.fitted(list(found.places), _LAST_STEPS) if len(found.places) > 1 else found

    def _again(self, fit: Fit, places: list[SkyCoord]) -> SteadySources:
        return fit.fitted(places) if places else SteadySources.none(self._vis.header)

    def _new(
        self, found: SteadySources, left: VisReader, image: NDArray[np.floating], noise: float
    ) -> list[SkyCoord]:
        """Places of what stands out of the images of what is left, the brightest first."""
        snapshots = [s for a in self._snapshots if (s := snapshot(left, *a, self._uses))]
        # The brightest is no sidelobe, however high those are of few antennas.
        top = max([float(image.max()), *(float(s.image.max()) for s in snapshots)])
        limit = min(_OVER_SIDELOBES * self._highest, 1) * top
        fwhm_px = self.field.imager.header.beam_fwhm_px
        inside = _peaks(image, max(_SIGNIFICANCE * noise, limit), fwhm_px)
        peaks = [(flux, self.field.place(*at)) for flux, at in inside]
        least = max(limit, self._least_outside(noise))
        for s in snapshots:
            seen = _peaks(s.image, max(_SIGNIFICANCE * s.noise, least), s.fwhm_px)
            beside = ((flux, s.place(*at)) for flux, at in seen)
            peaks += [peak for peak in beside if self.field.beyond_rad(peak[1])]
        # What is left beside a source comes from an error of its place.
        new, taken, apart = [], list(found.places), self.field.fwhm_rad
        for _, place in sorted(peaks, key=lambda peak: -peak[0]):
            if all(place.separation(other).rad > apart for other in taken):
                new.append(place)
                taken.append(place)
        return new[:_MOST_NEW]

    def _least_outside(self, noise: float) -> float:
        """Flux through the beam whose sidelobes are the noise of the widest boxcar."""
        header = self._vis.header
        n_widest = min(_WIDEST_S / header.tsamp_s, header.n_samples)
        return noise * math.sqrt(_n(self._imaged) / n_widest) / max(self._typical, 1e-30)

    def _mean_image(
        self, left: VisReader, tell: Tell | None = None
    ) -> tuple[NDArray[np.floating], float]:
        """Mean of stretches, and its noise: from every other stretch less those between.

        Sources, and their sidelobes, are the same in both.
        """
        reader = self.field.imager.of(left)
        total, weight = np.zeros((2, *reader.header.shape)), np.zeros((2, 1, 1))
        for i, (start, stop) in enumerate(self._imaged):
            block = reader.read(start, stop)
            weights = block.weights[..., None, None]
            total[i % 2] += np.where(weights > 0, block.data * weights, 0).sum((0, 1))
            weight[i % 2] += float(block.weights.sum())
            if tell is not None:
                tell(i + 1, len(self._imaged))
        mean = total.sum(0) / max(weight.sum(), 1e-30)
        apart = mean
        if (weight > 0).all():
            half = np.diff(total / weight, axis=0)[0]
            apart = half * math.sqrt(weight.prod()) / weight.sum()
        return mean, float(1.4826 * np.median(np.abs(apart - np.median(apart))))


def _spread(header: VisHeader, step: int, length: int, most: int) -> list[tuple[int, int]]:
    """Stretches all over a recording, at most so many, that begin at multiples of a step."""
    last = max(header.n_samples - step, 0) // step
    n = min(most, last + 1)
    starts = step * np.unique(np.rint(np.linspace(0, last, n)).astype(np.int64))
    return [(int(start), int(start) + length) for start in starts]


def _n(stretches: list[tuple[int, int]]) -> int:
    """Samples of stretches."""
    return sum(stop - start for start, stop in stretches)


def _peaks(
    image: NDArray[np.floating], least: float, fwhm_px: float
) -> list[tuple[float, tuple[float, float]]]:
    """Fluxes and places (x, y) of peaks, the brightest first."""
    reach = 2 * int(np.ceil(fwhm_px)) + 1
    peaks = (image == maximum_filter(image, reach)) & (image >= least)
    rows, columns = np.nonzero(peaks)
    order = np.argsort(image[rows, columns])[::-1]
    return [(float(image[rows[i], columns[i]]), (float(columns[i]), float(rows[i]))) for i in order]
