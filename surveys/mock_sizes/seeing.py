"""One galaxy in one band: what an instrument shows of it, and what is measured there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from surveys.images.bands import Band, band_images
from surveys.images.galaxies import GalaxyImages
from surveys.mock_sizes.fits import (
    FITS,
    SERSIC,
    VISIBILITIES,
    Fits,
    applies,
    fit_noisy_visibilities,
    fit_stamps,
)
from surveys.mock_sizes.galaxies import check_bright
from surveys.mock_sizes.instruments import Observing, observing
from surveys.mock_sizes.observation import ObservationSettings
from surveys.mock_sizes.own_corrections import Correcting
from surveys.mock_sizes.settings import SizesSettings
from surveys.observing.instrument import Instrument, Response
from surveys.observing.noise_level import KINDS, Brightness, sigma_for, snr_of
from surveys.observing.observe import on_instrument, seen_and_brightness, with_noise
from surveys.sizes.estimators import ESTIMATORS
from surveys.sizes.measure import Detection, Measured, measure
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
    outside, below : float
        The light beyond the stamps, and that of pixels below 0, over all light above 0.
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
    outside: float
    below: float
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


def band_of(wanted: ObservationSettings, instrument: Instrument) -> Band:
    """The band of an observation."""
    return Band(wanted.label, instrument.wavelength_um, instrument.width_um)


def see(
    settings: SizesSettings,
    where: Path,
    images: GalaxyImages,
    place: tuple[int, int],
    scales: tuple[float, float],
    corrections: Correcting,
) -> Seen:
    """Observe and measure one galaxy in one band.

    Parameters
    ----------
    settings : SizesSettings
    where : Path
        Their file.
    images : GalaxyImages
        Of the galaxy alone.
    place : (int, int)
        Of the galaxy in the sample, and of the band among the observations.
    scales : (float, float)
        Proper kpc of an arcsec, and nJy of a unit of the images.
    corrections : Correcting
    """
    galaxy, band = place
    kpc_arcsec, factor = scales
    wanted, estimators = settings.observation[band], settings.measure.estimators
    z = float(images.redshift[0])
    how = observing(wanted, z, where, f"observation[{band}]")
    instrument = how.instrument
    sky = band_images(images, band_of(wanted, instrument))[0]
    flux = float(sky.sum(dtype=np.float64))
    # A camera's sky is in nJy, an interferometer's in Jy.
    sky = sky.astype(np.float64) * factor * (1e-9 if instrument.samples else 1.0)
    check_bright(sky, images)
    sky = sky.astype(np.float32)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(settings.run.seed), galaxy), band)
    of_offset, of_noise = jax.random.split(key)
    ratio = instrument.pixel_arcsec * kpc_arcsec / float(images.pixel_kpc[0])
    outside, below = _lost_light(sky, instrument.response.n_pixels * ratio)
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
    # The first of each S/N.
    shown = np.arange(0, len(keys), n_draws)
    measured, fits, first = _measured(settings, how, truth[0], noise, shown)
    if VISIBILITIES in estimators and instrument.samples is not None:
        dirty = _dirty(jnp.asarray(sky), jnp.float32(ratio), instrument.response, offset)
        wanted_fit = settings.measure.visibilities
        fits[VISIBILITIES] = fit_noisy_visibilities(dirty, (level, keys), instrument, wanted_fit)
    snr = how.segment_noise.snr(measured, np.repeat(sigma, n_draws))
    corrected = {
        name: corrections.corrected((band, name), radius, snr, instrument.fwhm_pixels)
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
        outside=outside,
        below=below,
        intrinsic_kpc=intrinsic * float(images.pixel_kpc[0]),
        sigma=sigma,
        snr=np.stack(kinds, -1),
        measured=measured,
        fits=fits,
        segment_snr=snr,
        corrected=corrected,
        stamps=first if galaxy < settings.output.gallery else None,
    )


def _lost_light(sky: NDArray[np.float32], side: float) -> tuple[float, float]:
    """Light outside of a square in the middle, and below 0, over all light above 0."""
    bright = np.maximum(sky, 0.0, dtype=np.float64)
    total = bright.sum()
    if not total > 0:
        return 0.0, 0.0
    shown = tuple(
        slice(max(int((n - side) / 2), 0), max(int(np.ceil((n + side) / 2)), 1)) for n in sky.shape
    )
    return float(1 - bright[shown].sum() / total), float(-np.minimum(sky, 0.0).sum() / total)


def _sigma(wanted: ObservationSettings, how: Observing, brightness: Brightness) -> Real:
    if wanted.snr_kind == "exposure":
        assert how.rms is not None
        return how.rms
    snr = jnp.asarray(wanted.snr, jnp.float32)
    sigma = sigma_for(snr, wanted.snr_kind, brightness, how.instrument)
    return np.asarray(jnp.broadcast_to(sigma, snr.shape), np.float64)


def _measured(
    settings: SizesSettings,
    how: Observing,
    truth: Array,
    noise: tuple[Array, Array, Array],
    shown: NDArray[np.int64],
) -> tuple[Measured, dict[str, Fits], NDArray[np.float32]]:
    """Sizes in all stamps, and those of the stamps that are shown: all may be beyond memory."""
    wanted, instrument = settings.measure, how.instrument
    noise_factor = instrument.response.noise_factor
    detection = Detection.of(wanted.detection, instrument.fwhm_pixels, noise_factor)
    plain = tuple(name for name in wanted.estimators if name in ESTIMATORS)
    fitted = SERSIC in wanted.estimators and applies(SERSIC, instrument)
    plan = how.plan if fitted else None
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
        at = shown[(shown >= start) & (shown < start + keep)] - start
        stamps.append(np.asarray(noisy)[at])
    together = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
    whole = {}
    if fits:
        names = ("radius", "relative_error", "flags")
        whole[SERSIC] = Fits(*(np.concatenate([getattr(f, k) for f in fits])[:n] for k in names))
    return together, whole, np.concatenate(stamps)


@jax.jit
def _dirty(sky: Array, ratio: Array, response: Response, offset: Array) -> Array:
    """The dirty image (y, x) of the whole padded square, without noise."""
    return on_instrument(sky, ratio, response, offset, whole=True)


@partial(jax.jit, static_argnames=("estimators",))
def intrinsic_planes(images: Array, estimators: tuple[str, ...]) -> Array:
    """Size in each plane (plane, y, x) by the first estimator, in its pixels."""
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
