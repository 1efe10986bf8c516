"""Point sources fitted to an image, between its pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, spline_filter

from pipeline.block import StreamHeader
from pipeline.checks.mean import MeanImage

_SWEEPS, _STEPS = 3, 5
_ORDER = 5
"""Of the splines between pixels of a PSF."""

_LOBE = 0.5
"""Pixels are fitted where the PSF is above it."""

_FURTHEST = 1.5
"""Pixels from the brightest one, in which the peak must be."""

_SMALL = 1e-3


class PointSpread:
    """A PSF between its pixels.

    Parameters
    ----------
    header : StreamHeader
        Without a PSF it is a Gaussian of the size of the beam.

    Attributes
    ----------
    reach_px : int
        Within which the main lobe lies.
    """

    def __init__(self, header: StreamHeader) -> None:
        psf = header.psf
        if psf is None:
            half = int(np.ceil(3 * header.beam_fwhm_px)) + 1
            y, x = np.mgrid[-half : half + 1, -half : half + 1]
            psf = np.exp(-4 * np.log(2) * (x**2 + y**2) / header.beam_fwhm_px**2)
        self.reach_px = 2 * int(np.ceil(header.beam_fwhm_px)) + 2
        self._peak = np.unravel_index(int(np.argmax(psf)), psf.shape)
        self._spline = spline_filter(psf.astype(float), order=_ORDER)

    def __call__(self, dy: NDArray[np.floating], dx: NDArray[np.floating]) -> NDArray:
        """Values so many pixels from the peak; 0 beyond the PSF."""
        places = np.stack([dy + self._peak[0], dx + self._peak[1]])
        return map_coordinates(self._spline, places, order=_ORDER, prefilter=False)


def fit_sources(
    mean: MeanImage, psf: PointSpread, xy: NDArray, reach: NDArray, min_snr: float
) -> NDArray[np.float64]:
    """Fit point sources, the brightest first, each to the image without the others.

    Parameters
    ----------
    mean : MeanImage
    psf : PointSpread
    xy : (source, 2)
        Where they are looked for.
    reach : (source,)
        How far from there, in pixels.
    min_snr : float
        From which one is taken out for the others.

    Returns
    -------
    (source, 3)
        Flux, x and y.
    """
    found = np.column_stack([np.zeros(len(xy)), xy])
    image = np.nan_to_num(mean.image)
    rows, columns = np.indices(image.shape)
    models = np.zeros((len(xy), *image.shape))
    pixel = np.rint(xy).astype(int)
    order = np.argsort(-image[pixel[:, 1], pixel[:, 0]])
    for _ in range(_SWEEPS):
        for i in order:
            left = np.where(np.isfinite(mean.noise), image - models.sum(0) + models[i], np.nan)
            found[i] = _fit(left, psf, xy[i], float(reach[i]))
            flux, x, y = found[i]
            bright = flux >= min_snr * mean.noise[round(y), round(x)]
            models[i] = flux * psf(rows - y, columns - x) if bright else 0.0
    return found


def _fit(image: NDArray, psf: PointSpread, place: NDArray, reach: float) -> NDArray:
    """Flux, x and y of the brightest point source near a place; NaN has no weight."""
    rows, columns = (np.asarray(a) for a in np.indices(image.shape))
    close = (np.hypot(columns - place[0], rows - place[1]) <= reach + 0.5) & np.isfinite(image)
    brightest = int(np.argmax(np.where(close, image, -np.inf)))
    y0, x0 = divmod(brightest, image.shape[1])
    half = psf.reach_px
    patch = np.s_[max(y0 - half, 0) : y0 + half + 1, max(x0 - half, 0) : x0 + half + 1]
    rows, columns, image = rows[patch], columns[patch], image[patch]
    flux, x, y = float(np.nanmax(image)), float(x0), float(y0)
    peak = np.array([flux, x, y])
    for _ in range(_STEPS):
        dy, dx = rows - y, columns - x
        lobe = (psf(dy, dx) > _LOBE) | (np.hypot(dy, dx) <= 1)
        lobe &= np.isfinite(image)
        dy, dx = dy[lobe], dx[lobe]
        value = psf(dy, dx)
        east = psf(dy, dx - _SMALL) - psf(dy, dx + _SMALL)
        north = psf(dy - _SMALL, dx) - psf(dy + _SMALL, dx)
        slope = flux / (2 * _SMALL)
        design = np.stack([value, slope * east, slope * north], axis=1)
        step = np.linalg.lstsq(design, image[lobe] - flux * value, rcond=1e-6)[0]
        flux += float(step[0])
        x, y = (a + float(np.clip(b, -0.5, 0.5)) for a, b in zip((x, y), step[1:], strict=True))
    # Of noise there may be no peak nearby.
    if max(abs(x - x0), abs(y - y0)) > _FURTHEST:
        return peak
    return np.array([flux, x, y])
