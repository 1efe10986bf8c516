"""Which neighbours to leave out of a fit.

A detection at a low threshold finds noise too, always where it is positive. To leave those pixels
out makes the rest of the image darker than it is, and every fit to it too small and too faint. Only
neighbours that no noise makes may be left out, but those with what lies around them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

LEAST_SNR = 8.0
N_GROWN = 3

_CONNECTED = np.zeros((3, 3, 3), bool)
_CONNECTED[1] = True


def bright_neighbours(
    images: ArrayLike,
    sigma: ArrayLike,
    others: ArrayLike,
    least_snr: float = LEAST_SNR,
    n_grown: int = N_GROWN,
) -> NDArray[np.bool_]:
    """Pixels of the neighbours that stand out of the noise, and those around them.

    Parameters
    ----------
    images : array
        (stamp, y, x), less the background.
    sigma : array
        (stamp,): noise of a pixel, independent of its neighbours'.
    others : array
        (stamp, y, x), bool: pixels of all neighbours. Those that touch, by corners too, are one.
    least_snr : float
        Of the sum of the neighbour's pixels.
    n_grown : int
        Pixels by which each is grown.

    Returns
    -------
    (stamp, y, x) bool
    """
    images, others = np.asarray(images), np.asarray(others, bool)
    labels, n = ndimage.label(others, _CONNECTED)
    if not n:
        return np.zeros_like(others)
    snr = np.nan_to_num(images / np.asarray(sigma)[:, None, None], posinf=0, neginf=0)
    total = np.bincount(labels.ravel(), snr.ravel(), n + 1)
    area = np.bincount(labels.ravel(), minlength=n + 1)
    keep = total >= least_snr * np.sqrt(area)
    keep[0] = False
    bright = keep[labels]
    if n_grown and keep.any():
        # A cross and a square in turn grow octagons.
        near = _CONNECTED.copy()
        near[1] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
        for i in range(n_grown):
            bright = ndimage.binary_dilation(bright, _CONNECTED if i % 2 else near)
    return bright
