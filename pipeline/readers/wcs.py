"""The celestial WCS of an image plane, and the size of its beam."""

from __future__ import annotations

import warnings

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS
from numpy.typing import NDArray

from pipeline.errors import InputError

_REMEDY = "write the FITS header of the image's two celestial axes (RA, DEC; ICRS)"
FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


def celestial_wcs(header: fits.Header, where: str, field: str) -> WCS:
    """The two-dimensional celestial WCS in a FITS header, longitude first.

    FK5 (J2000) is taken as ICRS: they differ by less than 0.03 arcsec.

    Raises
    ------
    InputError
        No celestial axes, a non-finite transformation, or a frame that is
        neither ICRS nor FK5.
    """
    try:
        with warnings.catch_warnings():
            # what astropy repaired is no news; what it could not is an error below
            warnings.simplefilter("ignore", AstropyWarning)
            wcs = WCS(header, fix=True).celestial
    except (ValueError, MemoryError, KeyError, fits.VerifyError) as error:
        raise InputError(where, field, f"is no valid WCS ({error})", _REMEDY) from error
    if wcs.naxis != 2 or not wcs.has_celestial:
        raise InputError(where, field, "has no pair of celestial axes", _REMEDY)
    frame = (wcs.wcs.radesys or "ICRS").strip().upper()
    equatorial = wcs.wcs.lngtyp.strip() == "RA"
    j2000 = frame == "ICRS" or (frame == "FK5" and wcs.wcs.equinox in (2000.0,))
    if not (equatorial and j2000):
        problem = f"axes are {wcs.wcs.lngtyp}/{wcs.wcs.lattyp} in {frame}, not ICRS or FK5 J2000"
        raise InputError(where, field, problem, "reproject the images to ICRS")
    if not np.all(np.isfinite(wcs.wcs.crval)) or not np.all(np.isfinite(wcs.pixel_scale_matrix)):
        raise InputError(where, field, "has non-finite CRVAL or CDELT", _REMEDY)
    return wcs


def parse_wcs_text(text: str, where: str, field: str) -> WCS | None:
    """The WCS written as FITS header text; None for an empty text (no positions).

    Raises
    ------
    InputError
        The text is no FITS header or holds no celestial WCS.
    """
    if not text.strip():
        return None
    with warnings.catch_warnings():
        # cards are parsed when they are looked at: the warnings come late
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            header = fits.Header.fromstring(text, sep="\n" if "\n" in text else "")
        except (ValueError, fits.VerifyError) as error:
            raise InputError(where, field, f"is no FITS header text ({error})", _REMEDY) from error
        return celestial_wcs(header, where, field)


def wcs_text(wcs: WCS | None) -> str:
    """FITS header text of a WCS, the inverse of :func:`parse_wcs_text`."""
    return "" if wcs is None else wcs.to_header_string(relax=True)


def pixel_scale_deg(wcs: WCS) -> float:
    """Geometric mean of the two pixel sides in degrees."""
    return float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))))


def psf_fwhm_px(psf: NDArray[np.float32]) -> float:
    """FWHM of the main lobe of a point-spread function, in pixels.

    A quadratic is fitted to the logarithm of the main lobe (pixels above half of
    the peak, and the eight around the peak), which is exact for a Gaussian of
    any orientation, however coarsely sampled; the result is the geometric mean of
    the axes, the FWHM of the round Gaussian of equal area.

    Parameters
    ----------
    psf : (y, x)
        Any positive normalisation; its peak may stand anywhere.

    Returns
    -------
    float
        At least 1; exactly 1 when the lobe is a single pixel.
    """
    peak_y, peak_x = np.unravel_index(int(np.nanargmax(psf)), psf.shape)
    values = np.asarray(psf, np.float64) / float(psf[peak_y, peak_x])
    rows, columns = np.ogrid[: psf.shape[0], : psf.shape[1]]
    y, x = np.broadcast_arrays(rows - int(peak_y), columns - int(peak_x))
    near = (np.abs(y) <= 1) & (np.abs(x) <= 1)
    lobe = (near | _main_lobe(values > 0.5, (int(peak_y), int(peak_x)))) & (values > 1e-6)
    if lobe.sum() < 6:
        return 1.0
    y, x, p = y[lobe], x[lobe], values[lobe]
    terms = np.stack([np.ones_like(p), x, y, x * x, x * y, y * y], axis=1)
    a = np.linalg.lstsq(terms * p[:, None], np.log(p) * p, rcond=None)[0]
    curvature = a[3] * a[5] - a[4] ** 2 / 4
    if curvature <= 0 or a[3] >= 0:
        return 1.0
    sigma = (1 / (4 * curvature)) ** 0.25
    return max(1.0, float(FWHM_PER_SIGMA * sigma))


def _main_lobe(above: NDArray[np.bool_], peak: tuple[int, int]) -> NDArray[np.bool_]:
    """The connected part of ``above`` that holds the peak."""
    from scipy.ndimage import label

    labels = np.empty(above.shape, np.int32)
    label(above, output=labels)
    return labels == labels[peak]
