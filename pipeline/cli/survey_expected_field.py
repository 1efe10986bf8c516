"""What a recording, or a search of one, saw of the sky: its field, time, band and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from pipeline.block import PrimaryBeam, StreamHeader
from pipeline.errors import InputError
from surveys.coverage.pointings import Pointings
from surveys.coverage.visits import visits
from surveys.known_sources.expected import Observation, Stay
from surveys.known_sources.sources import KnownSources

_ARRAYS = "candidates.h5"
_JY = ("jy", "jy/beam")


@dataclass(frozen=True)
class Field:
    """What was looked at.

    Attributes
    ----------
    header : StreamHeader
    observation : Observation
    noise_jy : (ny, nx) float64
        Of one sample of all channels in the middle of the primary beam; NaN is not known.
    searched_share : float
        Of the recording, that was not flagged.
    beam : PrimaryBeam or None
    notes : tuple of str
    """

    header: StreamHeader
    observation: Observation
    noise_jy: NDArray[np.float64]
    searched_share: float
    beam: PrimaryBeam | None
    notes: tuple[str, ...]


def look(inputs: Sequence[Path], noise_jy: float | None = None) -> Field:
    """The field of a recording, or of the folder of a search.

    Parameters
    ----------
    inputs : sequence of Path
        Files of a recording, or one folder with results.
    noise_jy : float, optional
        Goes before that of the search; of recordings nothing else is known.

    Raises
    ------
    InputError
        They cannot be read, have no positions on the sky, or the noise is not above 0.
    """
    if noise_jy is not None and not (noise_jy > 0 and math.isfinite(noise_jy)):
        raise InputError("command line", "--noise", f"is {noise_jy}", "give a number above 0")
    searched = len(inputs) == 1 and (inputs[0] / _ARRAYS).is_file()
    field = _of_search(inputs[0]) if searched else _of_recording(inputs)
    if field.header.wcs is None:
        problem = "has no positions on the sky"
        raise InputError(field.header.source, "wcs", problem, "give images with a WCS")
    noise, notes = field.noise_jy, list(field.notes)
    if noise_jy is not None:
        noise = np.full(field.header.shape, noise_jy)
    elif not np.isfinite(noise).any():
        notes.append("the noise is not known in Jy: give --noise for the S/N of pulses")
    return Field(
        field.header, field.observation, noise, field.searched_share, field.beam, tuple(notes)
    )


def _observation(header: StreamHeader, n_samples: int, max_width_s: float) -> Observation:
    start = header.time_of(-0.5).utc
    return Observation(
        start_mjd=float(start.mjd),
        duration_s=n_samples * header.tsamp_s,
        tsamp_s=header.tsamp_s,
        lowest_mhz=float(np.min(header.freq_mhz)),
        highest_mhz=float(np.max(header.freq_mhz)),
        max_width_s=max_width_s,
    )


def _of_recording(inputs: Sequence[Path]) -> Field:
    from pipeline.readers import open_recording

    with open_recording(list(inputs)) as reader:
        header = reader.header
    unknown = np.full(header.shape, np.nan)
    seen = _observation(header, header.n_samples, math.inf)
    return Field(header, seen, unknown, 1.0, header.primary_beam, header.notes)


def _of_search(folder: Path) -> Field:
    from pipeline.sinks.files import read_results

    results = read_results(folder)
    header, summary = results.header, results.summary
    n_samples = int(summary.get("n_samples") or header.n_samples)
    seen = _observation(header, n_samples, float(summary.get("max_width_s") or math.inf))
    noise = np.full(header.shape, np.nan)
    known = results.overview.noise_map
    if header.bunit.lower().replace(" ", "") in _JY and known.shape == header.shape:
        noise = np.where(known > 0, known, np.nan).astype(np.float64)
        # The map is that of all channels, the history that of those that had weight.
        over_time = results.overview.noise
        if np.isfinite(over_time).any() and np.isfinite(noise).any():
            noise *= np.nanmedian(over_time) / np.nanmedian(noise)
    live = results.overview.live
    share = float(np.nanmean(live)) if np.isfinite(live).any() else 1.0
    beam = (summary.get("sky") or {}).get("primary_beam")
    primary = None if beam is None else PrimaryBeam(**beam)
    return Field(header, seen, noise, share, primary, header.notes)


def seen_of(field: Field, sources: KnownSources) -> tuple[NDArray[np.int64], Stay]:
    """Which sources are in the images, and how they were seen.

    Returns
    -------
    (n,) int64
        Rows of the catalog.
    Stay
        Of these.
    """
    wcs, (ny, nx) = field.header.wcs, field.header.shape
    assert wcs is not None  # look has refused it
    centre = wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).icrs
    # On the far side of the sky a projection has no pixels, or those of another place.
    near = np.flatnonzero(sources.places.separation(centre) < 89 * u.deg)
    x, y = wcs.celestial.all_world2pix(sources.ra_deg[near], sources.dec_deg[near], 0, quiet=True)
    inside = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
    rows, x, y = near[inside], x[inside], y[inside]
    noise = field.noise_jy[
        np.rint(y).astype(int).clip(0, ny - 1), np.rint(x).astype(int).clip(0, nx - 1)
    ]
    seconds = np.full(len(rows), field.observation.duration_s)
    gain = np.ones(len(rows))
    beam = field.beam
    if beam is not None and beam.fwhm_deg is not None and len(rows):
        seconds, gain = _through_beam(field, beam, beam.fwhm_deg, sources.chosen(rows))
        seen = seconds > 0
        rows, seconds, gain, noise = rows[seen], seconds[seen], gain[seen], noise[seen]
    sigma = noise * math.sqrt(field.observation.tsamp_s) / gain
    return rows, Stay(seconds * field.searched_share, sigma)


def _through_beam(
    field: Field, beam: PrimaryBeam, fwhm_deg: float, sources: KnownSources
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds in the primary beam, and the root mean square of the gain."""
    seen = field.observation
    pointings = Pointings.of(
        field.header.source,
        start_mjd=[seen.start_mjd],
        duration_s=[seen.duration_s],
        ra=[beam.ra_deg],
        dec=[beam.dec_deg],
        drift=[beam.drift],
        noise_jy=[1.0],
        tsamp_s=[1.0],
        beam_fwhm_deg=[fwhm_deg],
        threshold=[1.0],
    )
    found = visits(pointings, sources.ra_deg, sources.dec_deg)
    seconds = np.bincount(found.place, found.seconds, len(sources))
    gain2 = np.bincount(found.place, found.seconds / found.sigma_1s**2, len(sources))
    gain = np.sqrt(gain2 / np.where(seconds > 0, seconds, 1.0))
    return np.asarray(seconds, np.float64), np.asarray(gain, np.float64)
