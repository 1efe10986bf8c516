"""Observes and measures a sample of galaxies, a batch at a time, with Dask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dask
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from surveys.images.bands import band_weights
from surveys.images.galaxies import FLUX_DENSITY, LUMINOSITY, ImageSource
from surveys.images.photometry import distance_factor, kpc_per_arcsec
from surveys.mock_sizes.galaxies import check_scale, cosmology_of, open_galaxies
from surveys.mock_sizes.instruments import observing
from surveys.mock_sizes.own_corrections import Correcting, correcting
from surveys.mock_sizes.seeing import Seen, band_of, intrinsic_planes, see
from surveys.mock_sizes.settings import SizesSettings
from surveys.scheduling import Tell, Workers, compute

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """What was measured.

    Attributes
    ----------
    settings : SizesSettings
    names : tuple of str
    redshift : NDArray
    unit : str
    synthetic : bool
    source : str
    seen : tuple of Seen
        By galaxy, then by band.
    rest_um : NDArray
        (plane,) wavelengths of the images that came in.
    plane_kpc : NDArray
        (galaxy, plane): sizes in them by the first estimator, without PSF and noise.
    luminosity : NDArray
        (galaxy, plane) in erg/s/Hz; in the unit that came in, where that is of no known scale.
    """

    settings: SizesSettings
    names: tuple[str, ...]
    redshift: Real
    unit: str
    synthetic: bool
    source: str
    seen: tuple[Seen, ...]
    rest_um: Real
    plane_kpc: Real
    luminosity: Real


@dataclass(frozen=True)
class _Batch:
    """What comes of some galaxies; arrays as in `Sample`."""

    seen: list[Seen]
    plane_kpc: Real
    luminosity: Real


def run(settings: SizesSettings, where: Path, tell: Tell = lambda *_: None) -> Sample:
    """Observe and measure all galaxies.

    Parameters
    ----------
    settings : SizesSettings
    where : Path
        Their file, from which others are found.
    tell : callable
        Called with the batches that are done and those there are.

    Raises
    ------
    InputError
        Files or settings that cannot be used; before anything is measured, as far as headers and
        settings can say.
    """
    cosmology = cosmology_of(settings.input, where)
    source = open_galaxies(settings.input, where, cosmology)
    check_scale(settings, source.unit, where)
    n = len(source) if settings.input.n is None else min(len(source), settings.input.n)
    # Every instrument is set up once, before threads wait for each other; errors are plain here.
    redshift = np.asarray(source.redshift, np.float64)[:n]
    planes_of = source.source if settings.input.files else str(where)
    for i, one in enumerate(settings.observation):
        for z in np.unique(redshift):
            how = observing(one, float(z), where, f"observation[{i}]")
            band = band_of(one, how.instrument)
            band_weights(source.rest_um, float(z), band, planes_of)
    corrections = correcting(settings, where)
    task = dask.delayed(_batch, pure=False)  # type: ignore[attr-defined]
    starts = range(0, n, settings.run.batch)
    parts = [(start, min(start + settings.run.batch, n)) for start in starts]
    shared = _again(source, settings), corrections
    tasks = [task(settings, where, *shared, part) for part in parts]
    who = Workers(settings.run.scheduler, settings.run.workers)
    found = compute(tasks, who, (str(where), "run.scheduler"), tell)
    return Sample(
        settings,
        tuple(source.names[:n]),
        redshift,
        source.unit,
        source.synthetic,
        source.source,
        tuple(seen for batch in found for seen in batch.seen),
        np.asarray(source.rest_um, np.float64),
        np.concatenate([batch.plane_kpc for batch in found]),
        np.concatenate([batch.luminosity for batch in found]),
    )


def _again(source: ImageSource, settings: SizesSettings) -> ImageSource | None:
    """The opened source, for who shares memory; others open it anew."""
    return source if settings.run.scheduler in ("threads", "synchronous") else None


def _batch(
    settings: SizesSettings,
    where: Path,
    source: ImageSource | None,
    corrections: Correcting,
    part: tuple[int, int],
) -> _Batch:
    start, stop = part
    cosmology = cosmology_of(settings.input, where)
    if source is None:
        source = open_galaxies(settings.input, where, cosmology)
    images = source.read(start, stop)
    found, sizes = [], []
    # Squares of luminosities are beyond single precision.
    light = images.flux.sum((2, 3), dtype=np.float64)
    factor = np.ones(stop - start)
    if images.unit == LUMINOSITY:
        factor = distance_factor(images.redshift, cosmology)
    scale = kpc_per_arcsec(images.redshift, cosmology)
    for i in range(stop - start):
        one = images.one(i)
        for band in range(len(settings.observation)):
            scales = float(scale[i]), float(factor[i])
            found.append(see(settings, where, one, (start + i, band), scales, corrections))
        planes = intrinsic_planes(jnp.asarray(one.flux[0]), settings.measure.estimators[:1])
        sizes.append(np.asarray(planes, np.float64) * float(one.pixel_kpc[0]))
    if images.unit == FLUX_DENSITY:
        light /= distance_factor(images.redshift, cosmology)[:, None]
    return _Batch(found, np.array(sizes), light)
