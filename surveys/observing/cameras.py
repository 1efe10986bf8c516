"""Cameras: a PSF, pixels, and noise that is white or smoothed by drizzling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from surveys.errors import SettingProblem
from surveys.instruments.nircam import Exposure, Filter, filter_named, noise_sigma_njy
from surveys.interferometer.cells import column_multiplicity, frequencies, padded_grid
from surveys.observing.instrument import Instrument, Response, columns_above
from surveys.psf.analytic import gaussian_psf
from surveys.psf.files import read_psf
from surveys.psf.measures import fwhm_of_area
from surveys.psf.nircam import nircam_psf

APERTURE_M = 6.6
"""Across the pupil of JWST; nothing finer than wavelength / aperture is in an image."""

_ARCSEC = math.radians(1 / 3600)
_MOST_OVERSAMPLING = 8
_LARGEST_ARCSEC = 30.0
_LEAST_TRANSFER = 1e-4
"""Below it is what the edge of the PSF's array leaves of waves that the optics have not."""


@dataclass(frozen=True)
class Stamps:
    """Size and noise of a camera's stamps.

    Attributes
    ----------
    n_pixels : int
        Along a side.
    pixel_arcsec : float, optional
        That of the detector without; drizzled images have smaller ones.
    noise_fwhm_pixels : float
        Of the Gaussian that makes the noise of neighbours alike, as drizzling does; 0 for white.
    """

    n_pixels: int
    pixel_arcsec: float | None = None
    noise_fwhm_pixels: float = 0.0


def nircam(
    filter_name: str, stamps: Stamps, psf_file: Path | None = None, exposure_s: float | None = None
) -> Instrument:
    """NIRCam with one of its filters.

    Parameters
    ----------
    filter_name : str
    stamps : Stamps
    psf_file : Path, optional
        A PSF of STPSF or of any FITS file with a pixel scale, in place of ours.
    exposure_s : float, optional
        Total time; the noise of a pixel is then that of the sky, the dark current and the reads.

    Raises
    ------
    ValueError
        There is no such filter, or the time is too short for two reads.
    InputError
        The file has no PSF.
    """
    band = filter_named(filter_name)
    pixel_arcsec = stamps.pixel_arcsec or band.detector.pixel_arcsec
    finest = (band.pivot_um - 0.5 * band.width_um) * 1e-6 / (2 * APERTURE_M) / _ARCSEC
    oversampling = min(math.ceil(pixel_arcsec / finest - 1e-9), _MOST_OVERSAMPLING)
    side = _psf_side(stamps.n_pixels, oversampling)
    fine = pixel_arcsec / oversampling
    if psf_file is None:
        _check_field(stamps.n_pixels, pixel_arcsec)
        psf = nircam_psf(band.name, fine, side)
    else:
        psf = read_psf(psf_file).resampled(fine, side)
    rms = 0.0 if exposure_s is None else _rms_njy(band, exposure_s, pixel_arcsec)
    return _camera(
        f"NIRCam {band.name}", psf, (band.pivot_um, band.width_um), pixel_arcsec, stamps, rms
    )


def _check_field(n_pixels: int, pixel_arcsec: float) -> None:
    """Raise SettingProblem where the PSF, twice as large as the stamp, cannot be computed."""
    if not 1e-3 <= pixel_arcsec <= 1.0:
        raise SettingProblem("pixel_arcsec", f"is {pixel_arcsec:g}", "give 0.001 to 1 arcsec")
    if n_pixels * pixel_arcsec > _LARGEST_ARCSEC:
        problem = f"is {n_pixels}, which make {n_pixels * pixel_arcsec:.3g} arcsec"
        raise SettingProblem("n_pixels", problem, f"give {_LARGEST_ARCSEC:g} arcsec or less")


def gaussian_camera(fwhm_arcsec: float, wavelength_um: float, stamps: Stamps) -> Instrument:
    """A telescope with a Gaussian PSF."""
    if stamps.pixel_arcsec is None:
        raise SettingProblem("pixel_arcsec", "is missing", "give the side of a pixel")
    oversampling = min(max(1, math.ceil(3 * stamps.pixel_arcsec / fwhm_arcsec)), _MOST_OVERSAMPLING)
    side = _psf_side(stamps.n_pixels, oversampling)
    psf = gaussian_psf(fwhm_arcsec, stamps.pixel_arcsec / oversampling, side)
    name = f"Gaussian {fwhm_arcsec:g} arcsec"
    return _camera(name, psf, (wavelength_um, 0.0), stamps.pixel_arcsec, stamps, 0.0)


def flux_per_electron(filter_name: str, exposure_s: float) -> float:
    """NJy that one electron of an exposure is, for the noise of a source's own photons."""
    return 1.0 / (filter_named(filter_name).electrons_per_njy * exposure_s)


def _rms_njy(band: Filter, exposure_s: float, pixel_arcsec: float) -> float:
    return noise_sigma_njy(band, Exposure(exposure_s), pixel_arcsec)


def _psf_side(n_pixels: int, oversampling: int) -> int:
    """Pixels of a PSF that reaches from one end of a stamp to the other."""
    return 2 * n_pixels * oversampling - 1


def _camera(
    name: str,
    psf: NDArray[np.float64],
    band_um: tuple[float, float],
    pixel_arcsec: float,
    stamps: Stamps,
    rms: float,
) -> Instrument:
    n = stamps.n_pixels
    oversampling = (len(psf) + 1) // (2 * n)
    grid = padded_grid(n)
    at = (np.arange(len(psf)) - len(psf) // 2) % (grid * oversampling)
    plane = np.zeros((grid * oversampling,) * 2)
    plane[np.ix_(at, at)] = psf
    fwhm = fwhm_of_area(psf, pixel_arcsec / oversampling)
    transfer = np.fft.rfft2(plane)
    response = Response(
        transfer=jnp.asarray(transfer, jnp.complex64),
        noise_amplitude=_smooth_noise(grid, stamps.noise_fwhm_pixels),
        attenuation=None,
        cleaning=None,
        n_pixels=n,
        oversampling=oversampling,
        n_columns=columns_above(transfer, _LEAST_TRANSFER),
    )
    return Instrument(
        response,
        name=name,
        wavelength_um=band_um[0],
        width_um=band_um[1],
        pixel_arcsec=pixel_arcsec,
        fwhm_arcsec=fwhm,
        beam_pixels=1.0,
        rms=rms,
        unit="nJy",
    )


def _smooth_noise(grid: int, fwhm_pixels: float) -> jnp.ndarray | None:
    if not fwhm_pixels:
        return None
    fx, fy = frequencies(grid, 1.0)
    sigma = fwhm_pixels / math.sqrt(8 * math.log(2))
    amplitude = np.exp(-2 * (math.pi * sigma) ** 2 * (fx**2 + fy**2))
    power = (column_multiplicity(grid) * amplitude**2).sum() / grid**2
    return jnp.asarray(amplitude / math.sqrt(power), jnp.float32)
