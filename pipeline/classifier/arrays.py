"""Point-spread functions of arrays that are drawn at random."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.readers.wcs import psf_fwhm_px

Rng = np.random.Generator

_FREQUENCIES = 3
_SHARE_OF_BAND = 0.12


def _disc(rng: Rng, n: int) -> NDArray[np.float64]:
    angle, radius = rng.uniform(0, 2 * np.pi, n), np.sqrt(rng.uniform(0, 1, n))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _core(rng: Rng, n: int) -> NDArray[np.float64]:
    return np.clip(0.4 * rng.normal(size=(n, 2)), -1, 1) * rng.uniform(0.6, 1, 2)


def _ring(rng: Rng, n: int) -> NDArray[np.float64]:
    angle = 2 * np.pi * (np.arange(n) + rng.uniform(-0.4, 0.4, n)) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _arms(rng: Rng, n: int) -> NDArray[np.float64]:
    """Three arms on which the distances grow outwards."""
    arm = np.arange(n) % 3
    angle = 2 * np.pi * arm / 3 + rng.uniform(0, 2 * np.pi)
    radius = ((np.arange(n) // 3 + 1) / (n // 3 + 1)) ** 1.7
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


LAYOUTS: dict[str, Callable[[Rng, int], NDArray[np.float64]]] = {
    "disc": _disc,
    "core": _core,
    "ring": _ring,
    "arms": _arms,
}
"""Places of antennas by the name of the layout: of a generator and their number, (n, 2)."""


def draw_psf(rng: Rng, layout: str, n_antennas: int, fwhm_px: float, side: int) -> NDArray:
    """A snapshot PSF with natural weights over a band of 25 %.

    Parameters
    ----------
    rng : numpy.random.Generator
    layout : str
        One of :data:`LAYOUTS`.
    n_antennas : int
    fwhm_px : float
        Of the main lobe.
    side : int
        Pixels a side of the images; the PSF has twice as many less one.

    Returns
    -------
    (y, x) float32
        Its peak is 1, in the middle.
    """
    at = LAYOUTS[layout](rng, n_antennas)
    i, j = np.triu_indices(n_antennas, 1)
    uv = at[i] - at[j]
    scale = 0.3 / fwhm_px
    for _ in range(3):
        psf = _transform(uv * scale, side)
        scale *= psf_fwhm_px(psf) / fwhm_px
    return _transform(uv * scale, side)


def _transform(uv: NDArray[np.float64], side: int) -> NDArray[np.float32]:
    """Mean fringe of baselines, in cycles a pixel."""
    pixel = np.arange(1 - side, side)
    total = np.zeros((len(pixel), len(pixel)))
    for factor in np.linspace(1 - _SHARE_OF_BAND, 1 + _SHARE_OF_BAND, _FREQUENCIES):
        east, north = (np.exp(2j * np.pi * factor * np.outer(w, pixel)) for w in uv.T)
        total += (north.T @ east).real
    return (total / total.max()).astype(np.float32)
