"""NIRCam's point spread function, from the pupil of JWST and a few numbers for all filters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import next_fast_len

from surveys.errors import SettingProblem, check_ranges
from surveys.instruments.nircam import Filter, filter_named
from surveys.psf.arrays import check_array
from surveys.psf.optics import (
    ARCSEC,
    frequencies,
    gaussian_transfer,
    monochromatic,
    scattering,
    zernike,
)
from surveys.psf.pupil import EXTENT_M, PupilGeometry, pupil_amplitude

FIELD_ARCSEC = 26.0
"""Least side of the field that is computed; it shrinks with wavelengths below 1 um, as images do.

1 % of the light is beyond it.
"""


@dataclass(frozen=True)
class PsfSettings:
    """What the point spread function depends on beside the filter.

    Attributes
    ----------
    wavefront_nm : float
        Rms of the errors of the wavefront of which only the statistics are known.
    length_m : float
        Over which their correlation falls to 1/e.
    blur_sw_arcsec, blur_lw_arcsec : float
        Sigma of the Gaussian of jitter and of charge that strays in the detectors of each channel.
    zernike_nm : tuple of float
        Known errors: coefficients from Noll's index 4 (focus) on, over the circle of radius 3.32 m.
    n_wavelengths : int
        Over the band.
    geometry : PupilGeometry
    """

    wavefront_nm: float = 65.0
    length_m: float = 0.23
    blur_sw_arcsec: float = 0.0055
    blur_lw_arcsec: float = 0.0
    zernike_nm: tuple[float, ...] = ()
    n_wavelengths: int = 7
    geometry: PupilGeometry = field(default_factory=PupilGeometry)

    def __post_init__(self) -> None:
        ranges = {
            "wavefront_nm": (0.0, 500.0),
            "length_m": (0.01, 10.0),
            "blur_sw_arcsec": (0.0, 1.0),
            "blur_lw_arcsec": (0.0, 1.0),
            "n_wavelengths": (1, 99),
        }
        check_ranges(self, ranges)
        if not all(abs(c) <= 1000.0 for c in self.zernike_nm):
            problem = f"has {next(c for c in self.zernike_nm if not abs(c) <= 1000.0)}"
            raise SettingProblem("zernike_nm", problem, "give nm from -1000 to 1000")


@dataclass(frozen=True)
class Band:
    """Wavelengths that a point spread function is summed over, and its blur.

    Attributes
    ----------
    wavelengths_um : tuple of float
        Their weights are those of the photons of a flat f_nu, ``1 / lambda``.
    blur_arcsec : float
    """

    wavelengths_um: tuple[float, ...]
    blur_arcsec: float

    @staticmethod
    def of(found: Filter, settings: PsfSettings, wavelength_um: float | None = None) -> Band:
        """The band of a filter, or one wavelength in it."""
        blur = settings.blur_sw_arcsec if found.channel == "SW" else settings.blur_lw_arcsec
        if wavelength_um is not None:
            if not 0.5 <= wavelength_um <= 5.5:
                problem = f"is {wavelength_um:g}, which NIRCam does not see"
                raise SettingProblem("wavelength_um", problem, "give 0.5 to 5.5 um")
            return Band((float(wavelength_um),), blur)
        n = settings.n_wavelengths
        edges = np.linspace(found.blue_um, found.red_um, 2 * n + 1)
        return Band(tuple(edges[1::2].tolist()), blur)

    @property
    def nyquist_arcsec(self) -> float:
        """Greatest pixel that samples the image without loss."""
        return 1e-6 * min(self.wavelengths_um) / (2 * EXTENT_M) / ARCSEC


def transfer(
    band: Band,
    pixel_arcsec: float,
    n_grid: int,
    settings: PsfSettings,
    zernike_nm: jax.Array | None = None,
) -> jax.Array:
    """Transfer function of the optics on the frequencies of ``rfft2``; it can be differentiated.

    Parameters
    ----------
    band : Band
    pixel_arcsec : float
        At most ``band.nyquist_arcsec``.
    n_grid : int
        Pixels of a side of the field, periodic.
    settings : PsfSettings
    zernike_nm : (coefficient,), optional
        Stands for those of the settings.

    Returns
    -------
    (n_grid, n_grid // 2 + 1) complex
        Of an image in pixels with its middle at pixel (0, 0).
    """
    coefficients = jnp.asarray(settings.zernike_nm if zernike_nm is None else zernike_nm)
    side = n_grid * pixel_arcsec
    fy, fx = frequencies(n_grid, pixel_arcsec)
    frequency = np.hypot(fy, fx)
    rms_um = 1e-3 * settings.wavefront_nm
    total = jnp.zeros((n_grid, n_grid // 2 + 1), complex)
    for wavelength in band.wavelengths_um:
        spacing = 1e-6 * wavelength / (side * ARCSEC)
        amplitude = jnp.asarray(pupil_amplitude(n_grid, spacing, settings.geometry))
        basis = _basis(len(coefficients), n_grid, spacing)
        wavefront = 1e-3 * jnp.tensordot(coefficients, basis, 1) if len(basis) else 0.0
        pupil = amplitude, wavefront, wavelength
        total = _added(total, pupil, frequency, rms_um, settings.length_m)
    weights = sum(1 / wavelength for wavelength in band.wavelengths_um)
    return total / weights * gaussian_transfer(frequency, band.blur_arcsec)


@jax.jit
def _added(
    total: jax.Array,
    pupil: tuple[jax.Array, ArrayLike, float],
    frequency: NDArray[np.float64],
    rms_um: float,
    length_m: float,
) -> jax.Array:
    """A wavelength more; each waits for the one before, so that the memory of one is enough."""
    kept = scattering(frequency, pupil[2], rms_um, length_m)
    return total + monochromatic(*pupil) * kept / pupil[2]


def _basis(n_terms: int, n_grid: int, spacing_m: float) -> NDArray[np.float64]:
    axis = (np.arange(n_grid) - n_grid // 2) * spacing_m
    near = np.clip(axis, -EXTENT_M / 2, EXTENT_M / 2)
    terms = [zernike(4 + i, near, near[:, None], EXTENT_M / 2) for i in range(n_terms)]
    return np.asarray(terms)


def nircam_psf(
    filter_name: str,
    pixel_arcsec: float,
    n_pixels: int,
    *,
    wavelength_um: float | None = None,
    integrate: bool = False,
    settings: PsfSettings | None = None,
) -> NDArray[np.float64]:
    """Point spread function of a filter.

    Parameters
    ----------
    filter_name : str
        As `surveys.instruments.nircam.filter_named` knows it.
    pixel_arcsec : float
    n_pixels : int
        Of a side; odd.
    wavelength_um : float, optional
        One wavelength instead of the band.
    integrate : bool
        Whether the light of each pixel is integrated over its area, or its surface brightness in
        the middle taken times the area. The latter is limited to frequencies below D / lambda.
    settings : PsfSettings, optional

    Returns
    -------
    (n_pixels, n_pixels) float64
        Centred; its sum is the share of the light that falls on the array, which samples tell
        only if they are as dense as `Band.nyquist_arcsec`. Read-only: it is kept for the next call
        with the same arguments.

    Raises
    ------
    ValueError
        There is no such filter.
    SettingProblem
        The array cannot be computed.
    """
    settings = settings or PsfSettings()
    found = filter_named(filter_name)
    check_array(pixel_arcsec, n_pixels)
    if not 1e-3 <= pixel_arcsec <= 1.0:
        raise SettingProblem("pixel_arcsec", f"is {pixel_arcsec:g}", "give 0.001 to 1 arcsec")
    if n_pixels * pixel_arcsec > 60.0:
        problem = f"of {pixel_arcsec:g} arcsec make {n_pixels * pixel_arcsec:.0f} arcsec"
        raise SettingProblem("n_pixels", problem, "give 60 arcsec or less")
    band = Band.of(found, settings, wavelength_um)
    return _psf(band, float(pixel_arcsec), int(n_pixels), bool(integrate), settings)


@lru_cache(maxsize=64)
def _psf(
    band: Band, pixel_arcsec: float, n_pixels: int, integrate: bool, settings: PsfSettings
) -> NDArray[np.float64]:
    finer = math.ceil(pixel_arcsec / band.nyquist_arcsec)
    step = pixel_arcsec / finer
    field_arcsec = FIELD_ARCSEC * min(1.0, min(band.wavelengths_um))
    side = max(field_arcsec, 1.5 * n_pixels * pixel_arcsec)
    n_grid = next_fast_len(math.ceil(side / step), real=True)
    plane = _on_finer_grid(_transfer(band, n_grid * step, settings), n_grid)
    if integrate:
        fy, fx = frequencies(n_grid, step)
        plane = plane * np.sinc(fy * pixel_arcsec) * np.sinc(fx * pixel_arcsec)
    image = np.fft.irfft2(plane, (n_grid, n_grid)) * finer**2
    rows = finer * (np.arange(n_pixels) - n_pixels // 2) % n_grid
    cut = image[np.ix_(rows, rows)]
    cut.flags.writeable = False
    return cut


@lru_cache(maxsize=8)
def _transfer(band: Band, side_arcsec: float, settings: PsfSettings) -> NDArray[np.complex128]:
    """Transfer function on the smallest grid of a field that has all its frequencies."""
    n_grid = next_fast_len(math.ceil(side_arcsec / band.nyquist_arcsec), real=True)
    with jax.enable_x64(True):
        return np.asarray(transfer(band, side_arcsec / n_grid, n_grid, settings))


def _on_finer_grid(plane: NDArray[np.complex128], n_grid: int) -> NDArray[np.complex128]:
    """The same frequencies among those of a grid of more pixels over the same field."""
    n_coarse = plane.shape[0]
    most = (min(n_coarse, n_grid) - 1) // 2
    finer = np.zeros((n_grid, n_grid // 2 + 1), complex)
    finer[: most + 1, : most + 1] = plane[: most + 1, : most + 1]
    finer[n_grid - most :, : most + 1] = plane[n_coarse - most :, : most + 1]
    return finer
