r"""What beams and pixels take away from angular power spectra.

A map that is smoothed by a round beam, and averaged over its pixels, has the spectra
:math:`B^i_\ell B^j_\ell C^{ij}_\ell`.

The window of a HEALPix pixel is a mean over all pixels of a map,

.. math:: B_\ell^2 = \frac{1}{N} \sum_p \frac{4\pi}{2\ell + 1} \sum_m |w_{\ell m}(p)|^2
   = \frac{1}{N} \sum_p \int_p \int_p P_\ell(\hat n \cdot \hat n') d\Omega d\Omega' / \Omega_p^2

(Gorski et al. 2005, ApJ 622 759, section 5). healpy downloads tables of it; here the right-hand
side is summed, so that no network is needed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo.ell_table import table_and_wanted
from cosmo.quadrature import gauss_legendre

Array = NDArray[np.float64]

_NODES, _NODES_OF_LARGE = 8, 24
"""Along a side of a pixel, in each of the two integrals. HEALPix has a kink at sin(latitude) = 2/3,
which runs through many of the pixels of the coarsest maps, up to nside 4."""
_PIXELS = 32
"""Along a side of a base pixel that are summed: the whole map up to that nside, above it pixels
of the same size and shape as their neighbours, evenly spaced."""
_SEPARATIONS = 8192
_DEEPEST = 2**29


def gaussian_beam(ell: Any, fwhm_arcmin: float) -> Array:
    """B of a Gaussian beam, ``exp(-ell (ell + 1) sigma^2 / 2)``, with 1 at ell = 0."""
    if not 0 <= fwhm_arcmin < np.inf:
        raise ValueError(f"fwhm_arcmin = {fwhm_arcmin} has to be 0 or more")
    ell = np.asarray(ell, dtype=np.float64)
    sigma = np.radians(fwhm_arcmin / 60) / np.sqrt(8 * np.log(2))
    return np.exp(-0.5 * ell * (ell + 1) * sigma**2)


def tabulated_beam(ell: Any, table_ell: Any, table: Any) -> Array:
    """B between the multipoles of a table, by straight lines.

    Raises
    ------
    ValueError
        The table is not rising or not finite, or a wanted multipole is outside it.
    """
    return np.interp(*table_and_wanted(ell, table_ell, table, "the table of the beam"))


def pixel_window(nside: int, ell_max: int) -> Array:
    """Window (ell_max + 1,) of the pixels of a HEALPix map, for spin 0, to 3e-4 at 4 nside.

    Parameters
    ----------
    nside : int
        A power of 2, up to 8192.
    ell_max : int
        4 nside at most.
    """
    import healpy  # which takes a second

    if not (1 <= nside <= 8192 and healpy.isnsideok(nside, nest=True)):
        raise ValueError(f"nside = {nside} is no power of 2 from 1 to 8192")
    if not 0 <= ell_max <= 4 * nside:
        raise ValueError(f"ell_max = {ell_max} is not between 0 and 4 nside = {4 * nside}")
    return _pixel_window(nside)[: ell_max + 1].copy()


def smooth(cl: Any, beams: Any) -> Any:
    """Spectra (T, T, ell) of smoothed maps; beams are (T, ell), each a product of windows."""
    return cl * beams[:, None] * beams[None]


@lru_cache(maxsize=4)
def _pixel_window(nside: int) -> Array:
    cosines, weights = _separations(nside)
    previous, current = np.ones_like(cosines), cosines
    square = np.empty(4 * nside + 1)
    square[:2] = weights.sum(), weights @ cosines
    for ell in range(1, 4 * nside):
        following = ((2 * ell + 1) * cosines * current - ell * previous) / (ell + 1)
        previous, current = current, following
        square[ell + 1] = weights @ current
    return np.sqrt(square)


def _separations(nside: int) -> tuple[Array, Array]:
    """Cosines of separations within a pixel, and how often they occur (their sum is 1)."""
    import healpy

    n = min(nside, _PIXELS)
    chosen = (np.arange(n) + 0.5) * nside / n - 0.5
    n_node = _NODES if nside > 4 else _NODES_OF_LARGE
    x, w = gauss_legendre(n_node)
    deep = _DEEPEST // nside
    # The grid of HEALPix has equal areas: what is uniform in it is uniform on the sphere.
    along = ((chosen[:, None] + x) * deep).astype(np.int64)
    pair = (w[:, None] * w).ravel()
    pair = (pair[:, None] * pair).ravel()
    counts, widest = np.zeros(_SEPARATIONS + 2), 4.0 / nside
    # One base pixel at a pole and one at the equator: the others are their images.
    for face, share in ((0, 2 / 3), (4, 1 / 3)):
        for row in along:
            y = np.broadcast_to(row[None, None, :], (n, n_node, n_node))
            u = np.broadcast_to(along[:, :, None], (n, n_node, n_node))
            index = healpy.xyf2pix(_DEEPEST, u, y, face, nest=True)
            points = np.stack(healpy.pix2vec(_DEEPEST, index, nest=True), -1)
            points = points.reshape(n, n_node**2, 3)
            chord = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
            place = chord.reshape(n, -1) / widest * _SEPARATIONS
            low = place.astype(int)
            part, each = place - low, share / n**2 * pair
            counts += np.bincount(low.ravel(), ((1 - part) * each).ravel(), counts.size)
            counts += np.bincount(low.ravel() + 1, (part * each).ravel(), counts.size)
    used = np.flatnonzero(counts)
    chord = used * widest / _SEPARATIONS
    return 1 - chord**2 / 2, counts[used]
