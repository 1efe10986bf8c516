"""Where things are in the image and what they look like there."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.ndimage import shift

from pipeline.config import ConfigProblem
from pipeline.errors import InputError
from pipeline.simulation.config import Image, Psf, Pulse, Source

_REACH_FWHM = 3.0


def image_wcs(image: Image) -> WCS:
    """SIN projection, ICRS, with the field centre on the pixel (nx // 2, ny // 2)."""
    ny, nx = image.shape
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    wcs.wcs.crval = [180.0 if image.ra_deg is None else image.ra_deg, image.dec_deg]
    wcs.wcs.crpix = [nx // 2 + 1, ny // 2 + 1]
    wcs.wcs.cdelt = [-image.pixel_arcsec / 3600, image.pixel_arcsec / 3600]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs


def pixel_of(item: Source | Pulse, wcs: WCS, shape: tuple[int, int]) -> tuple[float, float]:
    """0-based pixel (x, y) of a source or pulse.

    Raises
    ------
    ConfigProblem
        It lies outside the image.
    """
    if item.x is not None and item.y is not None:
        x, y, name = item.x, item.y, "x"
    else:
        sky = np.array([[item.ra_deg, item.dec_deg]], float)
        (x, y), name = wcs.wcs_world2pix(sky, 0)[0], "ra_deg"
    ny, nx = shape
    if not (-0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5):
        problem = f"the position ({x:.2f}, {y:.2f}) px is outside the image of {nx} x {ny} px"
        raise ConfigProblem(name, problem, "move it inside")
    return float(x), float(y)


def load_psf(psf: Psf) -> NDArray[np.float32]:
    """The PSF (y, x) with peak 1: a Gaussian stamp of odd size, or what the file holds.

    Raises
    ------
    InputError
        The file is no two-dimensional image with a positive peak.
    """
    if psf.file is None:
        reach = int(np.ceil(_REACH_FWHM * psf.fwhm_px))
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        return np.exp(-4 * np.log(2) * (x**2 + y**2) / psf.fwhm_px**2).astype(np.float32)
    image = np.squeeze(_read_image(psf.file))
    if image.ndim != 2 or not np.all(np.isfinite(image)) or image.max() <= 0:
        problem = f"holds an array of shape {image.shape}, or no finite positive peak"
        raise InputError(str(psf.file), "psf", problem, "give one image of the PSF")
    return (image / image.max()).astype(np.float32)


def _read_image(path: Path) -> NDArray[np.floating]:
    try:
        if path.suffix == ".npy":
            return np.asarray(np.load(path, allow_pickle=False), np.float64)
        return np.asarray(fits.getdata(path), np.float64)
    except (OSError, ValueError, IndexError) as error:
        problem = f"cannot be read ({error})"
        raise InputError(str(path), "psf", problem, "give a FITS image or .npy file") from error


class PointSpread:
    """Draws point sources.

    Parameters
    ----------
    image : (y, x) float32
        What a point looks like; its peak is 1.
    shape : (ny, nx)
        Size of the image.
    fwhm_px : float, optional
        Of the Gaussian that it is.
    """

    def __init__(
        self, image: NDArray[np.float32], shape: tuple[int, int], fwhm_px: float | None = None
    ) -> None:
        self.image, self.shape, self._fwhm_px = image, shape, fwhm_px

    @classmethod
    def of(cls, psf: Psf, shape: tuple[int, int]) -> Self:
        """As a simulation is asked for.

        Raises
        ------
        InputError
            The PSF's file cannot be used.
        """
        return cls(load_psf(psf), shape, psf.fwhm_px if psf.file is None else None)

    def stamp(self, x: float, y: float) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
        """A point of peak 1 at pixel (x, y): the slices (y, x) of the image, and its values.

        A Gaussian is evaluated where it is; an image of a PSF is shifted by cubic
        splines for the fraction of a pixel.
        """
        ny, nx = self.shape
        py, px = np.unravel_index(int(self.image.argmax()), self.image.shape)
        iy, ix = round(y), round(x)
        y0, x0 = max(0, iy - int(py)), max(0, ix - int(px))
        y1 = min(ny, iy - int(py) + self.image.shape[0])
        x1 = min(nx, ix - int(px) + self.image.shape[1])
        where = (slice(y0, y1), slice(x0, x1))
        if self._fwhm_px is not None:
            gy, gx = np.mgrid[where]
            r2 = (gx - x) ** 2 + (gy - y) ** 2
            values = np.exp(-4 * np.log(2) * r2 / self._fwhm_px**2)
        else:
            moved = shift(self.image.astype(np.float64), (y - iy, x - ix), order=3)
            top, left = y0 - (iy - int(py)), x0 - (ix - int(px))
            values = moved[top : top + y1 - y0, left : left + x1 - x0]
        return where, values.astype(np.float32)
