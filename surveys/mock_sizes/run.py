"""Observes and measures a sample of galaxies, a batch at a time, with Dask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dask
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from surveys.images.bands import Band, band_images, band_weights
from surveys.images.galaxies import FLUX_DENSITY, LUMINOSITY, GalaxyImages, ImageSource
from surveys.images.photometry import distance_factor, kpc_per_arcsec
from surveys.mock_sizes.fits import (
    FITS,
    SERSIC,
    VISIBILITIES,
    Fits,
    applies,
    fit_noisy_visibilities,
    fit_stamps,
    plan_of,
)
from surveys.mock_sizes.galaxies import check_bright, check_scale, cosmology_of, open_galaxies
from surveys.mock_sizes.instruments import Observing, observing
from surveys.mock_sizes.noise_of_segments import segment_snr
from surveys.mock_sizes.settings import ObservationSettings, SizesSettings
from surveys.observing.instrument import Instrument, Response
from surveys.observing.noise_level import KINDS, Brightness, sigma_for, snr_of
from surveys.observing.observe import on_instrument, seen_and_brightness, with_noise
from surveys.scheduling import Tell, Workers, compute
from surveys.sizes.correction import load_corrections
from surveys.sizes.estimators import ESTIMATORS
from surveys.sizes.measure import Detection, Measured, detection_for, measure
from surveys.sizes.radii import circular_radius
from surveys.sizes.source import source_of

Real = NDArray[np.float64]

# Stamps that are worked on at once: their arrays stay in the cache of a processor. Fewer are
# filled up to one of these numbers, each of which is a program of its own.
_AT_ONCE = (8, 20, 40)


@dataclass(frozen=True)
class Seen:
    """A galaxy in one band.

    Attributes
    ----------
    galaxy, band : int
        Places in the sample and among the observations.
    instrument : str
    pixel_arcsec, fwhm_arcsec, wavelength_um : float
    kpc_per_arcsec : float
    flux : float
        Of the whole image, in the unit of the sample.
    intrinsic_kpc : NDArray
        (estimator,) without PSF and noise.
    sigma : NDArray
        (snr,) noise of a pixel.
    snr : NDArray
        (snr, kind): every meaning of the S/N.
    measured : Measured
        Of stamps (snr x draw).
    fits : dict of str to Fits
        By estimator, those that can be used with the instrument.
    segment_snr : NDArray
        (snr x draw): of the flux in the segment.
    corrected : dict of str to (NDArray, NDArray)
        By estimator, (snr x draw) radii in pixels, and the scatter of their logarithm.
    stamps : NDArray, optional
        (snr, y, x): the first of each S/N, of galaxies for the gallery.
    """

    galaxy: int
    band: int
    instrument: str
    pixel_arcsec: float
    fwhm_arcsec: float
    wavelength_um: float
    kpc_per_arcsec: float
    flux: float
    intrinsic_kpc: Real
    sigma: Real
    snr: Real
    measured: Measured
    fits: dict[str, Fits]
    segment_snr: Real
    corrected: dict[str, tuple[Real, Real]]
    stamps: NDArray[np.float32] | None

    def radius(self, estimator: str) -> Real | None:
        """Radii in pixels, (snr x draw); None of a fit that the instrument does not allow."""
        if estimator in FITS:
            return self.fits[estimator].radius if estimator in self.fits else None
        return self.measured.radius[estimator]


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
            band = _band(one, how.instrument)
            band_weights(source.rest_um, float(z), band, planes_of)
    task = dask.delayed(_batch, pure=False)  # type: ignore[attr-defined]
    starts = range(0, n, settings.run.batch)
    tasks = [
        task(settings, where, _again(source, settings), start, min(start + settings.run.batch, n))
        for start in starts
    ]
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


def _band(wanted: ObservationSettings, instrument: Instrument) -> Band:
    return Band(wanted.label, instrument.wavelength_um, instrument.width_um)


def _again(source: ImageSource, settings: SizesSettings) -> ImageSource | None:
    """The opened source, for who shares memory; others open it anew."""
    return source if settings.run.scheduler in ("threads", "synchronous") else None


def _batch(
    settings: SizesSettings, where: Path, source: ImageSource | None, start: int, stop: int
) -> _Batch:
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
        one = _only(images, i)
        for band in range(len(settings.observation)):
            scales = float(scale[i]), float(factor[i])
            found.append(_see(settings, where, one, (start + i, band), scales))
        planes = _intrinsic_planes(jnp.asarray(one.flux[0]), settings.measure.estimators[:1])
        sizes.append(np.asarray(planes, np.float64) * float(one.pixel_kpc[0]))
    if images.unit == FLUX_DENSITY:
        light /= distance_factor(images.redshift, cosmology)[:, None]
    return _Batch(found, np.array(sizes), light)


def _only(images: GalaxyImages, i: int) -> GalaxyImages:
    return GalaxyImages(
        images.names[i : i + 1],
        images.flux[i : i + 1],
        images.rest_um,
        images.redshift[i : i + 1],
        images.pixel_kpc[i : i + 1],
        images.unit,
        images.synthetic,
        images.source,
    )


def _see(
    settings: SizesSettings,
    where: Path,
    images: GalaxyImages,
    place: tuple[int, int],
    scales: tuple[float, float],
) -> Seen:
    """One galaxy in one band."""
    galaxy, band = place
    kpc_arcsec, factor = scales
    wanted, estimators = settings.observation[band], settings.measure.estimators
    z = float(images.redshift[0])
    how = observing(wanted, z, where, f"observation[{band}]")
    instrument = how.instrument
    sky = band_images(images, _band(wanted, instrument))[0]
    flux = float(sky.sum(dtype=np.float64))
    # A camera's sky is in nJy, an interferometer's in Jy.
    sky = sky.astype(np.float64) * factor * (1e-9 if instrument.samples else 1.0)
    check_bright(sky, images)
    sky = sky.astype(np.float32)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(settings.run.seed), galaxy), band)
    of_offset, of_noise = jax.random.split(key)
    ratio = instrument.pixel_arcsec * kpc_arcsec / float(images.pixel_kpc[0])
    # The middle of a galaxy is anywhere in a pixel.
    offset = jax.random.uniform(of_offset, (2,), minval=-0.5, maxval=0.5)
    truth, brightness = seen_and_brightness(
        jnp.asarray(sky)[None], jnp.float32(ratio), instrument.response, offset
    )
    brightness = jax.tree.map(lambda a: a[0], brightness)
    sigma = _sigma(wanted, how, brightness)
    n_draws = wanted.n_noise
    keys = jax.random.split(of_noise, (len(sigma), n_draws)).reshape(-1)
    level = jnp.repeat(jnp.asarray(sigma, jnp.float32), n_draws)
    photons = jnp.repeat(jnp.asarray(how.flux_per_electron, jnp.float32), n_draws)
    noise = level, photons, keys
    measured, fits, first = _measured(settings, instrument, truth[0], noise)
    if VISIBILITIES in estimators and instrument.samples is not None:
        dirty = _dirty(jnp.asarray(sky), jnp.float32(ratio), instrument.response, offset)
        wanted_fit = settings.measure.visibilities
        fits[VISIBILITIES] = fit_noisy_visibilities(dirty, (level, keys), instrument, wanted_fit)
    snr = segment_snr(measured, np.repeat(sigma, n_draws), instrument)
    # Dirty images have other noise and another beam than cleaned ones.
    family = "array" if instrument.samples else "camera"
    if instrument.samples and instrument.response.cleaning is None:
        family = "dirty"
    corrections = load_corrections()
    corrected = {
        name: corrections.corrected((family, name), radius, snr, instrument.fwhm_pixels)
        for name, radius in measured.radius.items()
    } | {name: (fit.radius, fit.relative_error) for name, fit in fits.items()}
    noises = jnp.asarray(sigma, jnp.float32)
    kinds = [np.asarray(snr_of(noises, kind, brightness, instrument)) for kind in KINDS]
    intrinsic = np.asarray(_intrinsic(jnp.asarray(sky), estimators), np.float64)
    return Seen(
        galaxy=galaxy,
        band=band,
        instrument=instrument.name,
        pixel_arcsec=instrument.pixel_arcsec,
        fwhm_arcsec=instrument.fwhm_arcsec,
        wavelength_um=instrument.wavelength_um,
        kpc_per_arcsec=kpc_arcsec,
        flux=flux,
        intrinsic_kpc=intrinsic * float(images.pixel_kpc[0]),
        sigma=sigma,
        snr=np.stack(kinds, -1),
        measured=measured,
        fits=fits,
        segment_snr=snr,
        corrected=corrected,
        stamps=first[::n_draws] if galaxy < settings.output.gallery else None,
    )


def _sigma(wanted: ObservationSettings, how: Observing, brightness: Brightness) -> Real:
    if wanted.snr_kind == "exposure":
        assert how.rms is not None
        return how.rms
    snr = jnp.asarray(wanted.snr, jnp.float32)
    sigma = sigma_for(snr, wanted.snr_kind, brightness, how.instrument)
    return np.asarray(jnp.broadcast_to(sigma, snr.shape), np.float64)


def _measured(
    settings: SizesSettings,
    instrument: Instrument,
    truth: Array,
    noise: tuple[Array, Array, Array],
) -> tuple[Measured, dict[str, Fits], NDArray[np.float32]]:
    """Sizes in all stamps, and the stamps."""
    detection = _detection(settings, instrument)
    wanted = settings.measure
    plain = tuple(name for name in wanted.estimators if name in ESTIMATORS)
    fitted = SERSIC in wanted.estimators and applies(SERSIC, instrument)
    plan = plan_of(instrument) if fitted else None
    n = len(noise[0])
    at_once = next((size for size in _AT_ONCE if size >= n), _AT_ONCE[-1])
    parts, stamps, fits = [], [], []
    for start in range(0, n, at_once):
        chosen = np.minimum(np.arange(start, start + at_once), n - 1)
        level, photons, keys = (a[chosen] for a in noise)
        truths = jnp.broadcast_to(truth, (len(chosen), *truth.shape))
        noisy = with_noise(truths, level, keys, instrument.response, photons)
        segments = detection.segments(noisy, level)
        part = measure(noisy, segments, plain, wanted.structure, wanted.detection.search_radius)
        if plan is not None:
            fits.append(fit_stamps(noisy, level, segments, plan, wanted.sersic))
        keep = min(at_once, n - start)
        parts.append(jax.tree.map(lambda a, keep=keep: a[:keep], part))
        stamps.append(np.asarray(noisy)[:keep])
    together = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
    whole = {}
    if fits:
        names = ("radius", "relative_error", "flags")
        whole[SERSIC] = Fits(*(np.concatenate([getattr(f, k) for f in fits])[:n] for k in names))
    return together, whole, np.concatenate(stamps)


def _detection(settings: SizesSettings, instrument: Instrument) -> Detection:
    wanted = settings.measure.detection
    taps = detection_for(wanted, instrument.fwhm_pixels)
    factor = instrument.response.noise_factor(jnp.asarray(np.outer(taps, taps)))
    return Detection(wanted, taps, float(factor))


@jax.jit
def _dirty(sky: Array, ratio: Array, response: Response, offset: Array) -> Array:
    """The dirty image (y, x) of the whole padded square, without noise."""
    return on_instrument(sky, ratio, response, offset, whole=True)


@partial(jax.jit, static_argnames=("estimators",))
def _intrinsic_planes(images: Array, estimators: tuple[str, ...]) -> Array:
    return jax.vmap(lambda image: _intrinsic(image, estimators)[0])(images)


@partial(jax.jit, static_argnames=("estimators",))
def _intrinsic(image: Array, estimators: tuple[str, ...]) -> Array:
    """Sizes in the image itself, all of whose pixels are the galaxy, in its pixels.

    Fits are compared with the half-light radius in circles.
    """
    # Sums of squares of luminosities are beyond single precision.
    image = image / jnp.maximum(jnp.max(image), jnp.finfo(image.dtype).tiny)
    source = source_of(image, jnp.ones(image.shape, bool))
    return jnp.stack([ESTIMATORS.get(name, circular_radius)(source) for name in estimators])
