"""Point spread functions in FITS files, as STPSF (before: WebbPSF) and others write them."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from numpy.typing import NDArray
from scipy.special import sici

from surveys.errors import InputError
from surveys.psf.arrays import check_array, offsets

# The best sampled first, and with the distortion of the field and the detector's blur.
_EXTENSIONS = ("OVERDIST", "OVERSAMP", "DET_DIST", "DET_SAMP")


@dataclass(frozen=True)
class PsfFile:
    """What a file holds.

    Attributes
    ----------
    image : (y, x) float64
        Square; its sum is as in the file, or 1 where that is above 1: there it is no share of the
        light.
    pixel_arcsec : float
    extension : str
        Name or number of the extension that was read.
    filter : str or None
    wavelength_um : float or None
    """

    image: NDArray[np.float64]
    pixel_arcsec: float
    extension: str
    filter: str | None
    wavelength_um: float | None

    def resampled(
        self, pixel_arcsec: float, n_pixels: int | None = None, *, integrate: bool = False
    ) -> NDArray[np.float64]:
        """The image in other pixels; see `resample_psf`. Without a size, as many as it fills."""
        if n_pixels is None:
            check_array(pixel_arcsec, 1)
            side = self.image.shape[0] * self.pixel_arcsec / pixel_arcsec
            n_pixels = 2 * max(int((side * (1 + 1e-9) - 1) / 2), 0) + 1
        return resample_psf(
            self.image, self.pixel_arcsec, pixel_arcsec, n_pixels, integrate=integrate
        )


def read_psf(path: str | Path, extension: str | int | None = None) -> PsfFile:
    """Read a point spread function.

    Parameters
    ----------
    path : str or Path
    extension : str or int, optional
        Without it ``OVERDIST``, ``OVERSAMP``, ``DET_DIST`` or ``DET_SAMP``, the first that there
        is, or else the first image of the file.

    Raises
    ------
    InputError
        It cannot be read, or is no square image of finite numbers with flux and a pixel scale.
    """
    where = str(path)
    try:
        with open(path, "rb") as stream, warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*truncated", category=AstropyUserWarning)
            with fits.open(stream, memmap=False) as hdus:
                name, hdu = _chosen(hdus, extension, where)
                image = np.asarray(hdu.data, dtype=float)
                headers = (hdu.header, hdus[0].header)
    except (OSError, TypeError, ValueError, fits.VerifyError, AstropyUserWarning) as error:
        if isinstance(error, InputError):
            raise
        problem = f"cannot be read ({error})"
        raise InputError(where, "file", problem, "give a whole FITS file") from error
    pixel = _pixel_arcsec(headers, where, name)
    total = _checked_total(image, where, name)
    band = next((str(h["FILTER"]).strip() for h in headers if h.get("FILTER")), None)
    wavelength = _wavelength_um(headers)
    return PsfFile(image / max(total, 1.0), pixel, name, band, wavelength)


def _chosen(
    hdus: fits.HDUList, extension: str | int | None, where: str
) -> tuple[str, fits.PrimaryHDU | fits.ImageHDU]:
    """Name and unit of the extension that is read."""
    if extension is not None:
        try:
            hdu = hdus[extension]
        except (KeyError, IndexError) as error:
            names = ", ".join(h.name or str(i) for i, h in enumerate(hdus))
            problem = f"{extension!r} does not exist"
            raise InputError(where, "extension", problem, f"there are {names}") from error
        if not hdu.is_image or hdu.data is None:
            problem = f"{extension!r} holds no image"
            raise InputError(where, "extension", problem, "name another")
        return str(extension), hdu
    names = [h.name for h in hdus]
    for name in _EXTENSIONS:
        if name in names:
            return name, hdus[name]
    for i, hdu in enumerate(hdus):
        if hdu.is_image and hdu.data is not None and hdu.data.ndim == 2:
            return hdu.name or str(i), hdu
    raise InputError(where, "file", "has no image of two axes", "give a FITS image")


def _checked_total(image: NDArray[np.float64], where: str, name: str) -> float:
    if image.ndim != 2 or image.shape[0] != image.shape[1] or image.size < 9:
        shape = " x ".join(map(str, image.shape))
        remedy = "cut it to a square of 3 pixels or more, with the star in its middle"
        raise InputError(where, name, f"is {shape} pixels", remedy)
    bad = int((~np.isfinite(image)).sum())
    if bad:
        problem = f"has {bad} pixels that are not finite"
        raise InputError(where, name, problem, "fill or cut them")
    total = float(image.sum())
    if total <= 0.0:
        problem = f"has a sum of {total:g}"
        raise InputError(where, name, problem, "give an image with flux above 0")
    y, x = np.unravel_index(int(image.argmax()), image.shape)
    n = image.shape[0]
    if max(abs(y - (n - 1) / 2), abs(x - (n - 1) / 2)) > max(1.5, 0.05 * n):
        problem = f"is brightest at pixel ({y}, {x}) of {n} x {n}"
        raise InputError(where, name, problem, "cut it with the star in its middle")
    return total


def _pixel_arcsec(headers: tuple[fits.Header, fits.Header], where: str, name: str) -> float:
    """From PIXELSCL in arcsec, or a celestial coordinate system in degrees."""
    for header in headers:
        for key, unit in (("PIXELSCL", 1.0), ("CDELT2", 3600.0)):
            # What CDELT is without a coordinate type, nobody knows.
            if key not in header or (key == "CDELT2" and not _celestial(header)):
                continue
            value = _number(header[key])
            if value is None or not 0.0 < abs(value) * unit < 3600.0:
                problem = f"is {header[key]!r}"
                raise InputError(where, f"{name}.{key}", problem, "give the side of a pixel")
            return abs(value) * unit
        if _celestial(header) and "CD1_1" in header:
            cd = [_number(header.get(k, 0.0)) or 0.0 for k in ("CD1_1", "CD1_2", "CD2_1", "CD2_2")]
            area = abs(cd[0] * cd[3] - cd[1] * cd[2])
            if area > 0.0:
                return 3600.0 * math.sqrt(area)
    remedy = "add PIXELSCL, the side of a pixel in arcsec, to the header"
    raise InputError(where, f"{name}.PIXELSCL", "is missing", remedy)


def _celestial(header: fits.Header) -> bool:
    return str(header.get("CTYPE1", ""))[:4] in ("RA--", "DEC-", "GLON", "GLAT")


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _wavelength_um(headers: tuple[fits.Header, fits.Header]) -> float | None:
    """WAVELEN of STPSF is in metres."""
    for header in headers:
        value = _number(header.get("WAVELEN"))
        if value is not None and value > 0.0:
            return 1e6 * value
    return None


def resample_psf(
    image: NDArray[np.float64],
    from_arcsec: float,
    to_arcsec: float,
    n_pixels: int,
    *,
    integrate: bool = False,
) -> NDArray[np.float64]:
    """A point spread function in other pixels, by the frequencies that its own carry.

    Parameters
    ----------
    image : (y, x)
        Square; samples of the surface brightness times the area of a pixel, with the star in the
        middle of the array. What lies outside it is 0.
    from_arcsec, to_arcsec : float
    n_pixels : int
        Of a side; odd.
    integrate : bool
        Whether the light is integrated over the new pixels, or that in their middle taken times
        the area. An image of a detector, integrated already, is so once more.

    Returns
    -------
    (n_pixels, n_pixels) float64
        Centred.
    """
    check_array(to_arcsec, n_pixels)
    check_array(from_arcsec, 1)
    n, ratio = image.shape[0], to_arcsec / from_arcsec
    distance = offsets(n_pixels)[:, None] * ratio - offsets(n)
    if integrate:
        upper, lower = (sici(math.pi * (distance + s * ratio / 2))[0] for s in (1, -1))
        kernel = (upper - lower) / math.pi
    else:
        kernel = ratio * np.sinc(distance)
    return kernel @ image @ kernel.T
