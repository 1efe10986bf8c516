"""Known sources that the dishes of a recording see."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from pipeline.catalog import Catalog
from pipeline.imaging.beam import beam_fwhm, gaussian_gain
from pipeline.imaging.geometry import sky_axes
from pipeline.imaging.snapshot import LEAST_GAIN
from pipeline.visibilities.block import VisReader

_N_TIMES = 25


def places_seen(
    catalog: Catalog, vis: VisReader, beyond_rad: Callable[[SkyCoord], float], apart_rad: float
) -> list[SkyCoord]:
    """Places of sources that the dishes see at some time, the brightest through the beam first.

    Parameters
    ----------
    catalog : Catalog
    vis : VisReader
    beyond_rad : callable
        How far a place is outside the images. Of dishes of an unknown size those are seen that
        are not outside.
    apart_rad : float
        Of two that are nearer to each other the brighter stands for both.
    """
    header, places = vis.header, list(catalog.places)
    towards = np.stack([sky_axes(p)[2] for p in places])
    if header.dish_m:
        gain = _largest_gain(vis, towards)
    else:
        gain = np.array([beyond_rad(p) == 0 for p in places], float)
    order = np.argsort(-catalog.flux_jy * gain, kind="stable")
    kept: list[int] = []
    for i in order[gain[order] >= LEAST_GAIN].tolist():
        if np.all(np.linalg.norm(towards[kept] - towards[i], axis=1) > apart_rad):
            kept.append(i)
    return [places[i] for i in kept]


def _largest_gain(vis: VisReader, towards: NDArray[np.float64]) -> NDArray[np.floating]:
    """Of the primary beam over the recording, towards unit vectors (source, 3)."""
    header = vis.header
    times = np.unique(np.linspace(0, header.n_samples - 1, _N_TIMES).astype(int))
    looks = np.concatenate([vis.pointing(t, t + 1, header.centre) for t in times])
    chord = towards[:, None] - looks @ sky_axes(header.centre)
    fwhm = beam_fwhm(np.array([header.freq_mhz.mean()]), header.dish_m)
    return gaussian_gain(np.sum(chord**2, axis=-1), fwhm).max(1)
