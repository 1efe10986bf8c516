"""The image of a pulse without what is there beside it, in time or in a part of the band."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.cutout_sums import Sums
from pipeline.psf import psf_at

_LEAST_PIXELS = 9


def cleaned_image(
    sums: Sums, seen: StreamHeader, peak_px: tuple[float, float]
) -> NDArray[np.float32]:
    """Pulse less its sides, its cells weighted by how little else there is in them.

    The pulse is cut into cells, of a part of its length and a channel each. From the image of a
    cell that of the same channel some widths before and after is taken: what is steady goes.
    The mean square that the PSF leaves of the difference, over all pixels, is the variance of
    the cell, and cells count by its inverse: a transmitter in some channels, or for a part of the
    pulse, counts little. Where there is noise alone all count by their noise.

    Parameters
    ----------
    sums : Sums
        Of the whole window.
    seen : StreamHeader
        With the PSF of the images that the sums are of.
    peak_px : (x, y)
        Where the pulse is, pixels of the recording.

    Returns
    -------
    (y, x) float32
        In standard deviations by these variances. NaN where no cell has data, and everywhere
        in images of less than 3 x 3 pixels, which say nothing of a PSF.
    """
    cells, weight = sums.cells, sums.cells_weight
    good = (weight[:-1] > 0) & (weight[-1] > 0)
    n_pixels = good.sum((-1, -2))
    if good.shape[-1] * good.shape[-2] < _LEAST_PIXELS or not good.any():
        return np.full(good.shape[-2:], np.nan, np.float32)
    sides = cells[-1] / np.where(weight[-1] > 0, weight[-1], 1.0)
    left = np.where(good, cells[:-1] / np.where(good, weight[:-1], 1.0) - sides, 0.0)
    y, x = np.indices(good.shape[-2:])
    psf = psf_at(seen, y + sums.rows.start - peak_px[1], x + sums.columns.start - peak_px[0])
    norm = np.sum(good * psf**2, axis=(-1, -2))
    amplitude = np.sum(left * psf, axis=(-1, -2)) / np.where(norm > 0, norm, 1.0)
    rest = np.where(good, left - amplitude[..., None, None] * psf, 0.0)
    # One number is fitted.
    variance = np.sum(rest**2, axis=(-1, -2)) / np.maximum(n_pixels - 1, 1)
    usable = (variance > 0) & (n_pixels >= _LEAST_PIXELS)
    cell_weight = np.where(usable, 1 / np.where(usable, variance, 1.0), 0.0)[..., None, None]
    total = np.sum(cell_weight * good, axis=(0, 1))
    image = np.sum(cell_weight * left, axis=(0, 1)) / np.sqrt(np.where(total > 0, total, 1.0))
    return np.where(total > 0, image, np.nan).astype(np.float32)
