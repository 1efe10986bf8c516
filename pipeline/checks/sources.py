"""Fluxes and positions of known sources in an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import units
from astropy.table import Table
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pipeline.block import StreamHeader
from pipeline.catalog import Catalog
from pipeline.checks.fitting import PointSpread, fit_sources
from pipeline.checks.mean import MeanImage
from pipeline.errors import InputError


@dataclass(frozen=True)
class FluxScale:
    """Measured over known fluxes.

    Attributes
    ----------
    ratio : float
        Slope of a line through the origin, weighted by the noise.
    error : float
        Of that; what the sources scatter by more than the noise is in it.
    chi2 : float
        Reduced; NaN for one source.
    """

    ratio: float
    error: float
    chi2: float


@dataclass(frozen=True)
class Astrometry:
    """Where sources are found, less where they are.

    Attributes
    ----------
    median_arcsec : (float, float)
        Towards the east and north.
    error_arcsec : (float, float)
        Of the medians.
    scatter_arcsec : (float, float)
        Robust standard deviation.
    """

    median_arcsec: tuple[float, float]
    error_arcsec: tuple[float, float]
    scatter_arcsec: tuple[float, float]


def measure(
    mean: MeanImage, header: StreamHeader, catalog: Catalog, radius: float, min_snr: float
) -> Table:
    """Fit point sources near where a catalog has them.

    Each in turn, the brightest first, is fitted to the image without all others, some times
    over: sidelobes of one do not move another.

    Parameters
    ----------
    mean : MeanImage
    header : StreamHeader
        Says where pixels are, and what a point source looks like.
    catalog : Catalog
    radius : float
        How far off a source is looked for, in beams; no further than half-way to the next.
    min_snr : float
        From which it is detected.

    Returns
    -------
    Table
        A row for every source within the image.

    Raises
    ------
    InputError
        If the image has no WCS, or shows none of the sources.
    """
    if header.wcs is None:
        raise InputError(header.source, "wcs", "there is none", "give images with positions")
    xy = np.stack(header.wcs.world_to_pixel(catalog.places), axis=1)
    ny, nx = header.shape
    off = np.abs(xy - [(nx - 1) / 2, (ny - 1) / 2])
    inside = np.asarray((off <= [nx / 2 - 1.5, ny / 2 - 1.5]).all(axis=1))
    pixel = np.rint(xy[inside]).astype(int)
    inside[inside] = np.isfinite(mean.noise[pixel[:, 1], pixel[:, 0]])
    if not inside.any():
        problem = f"none of the {len(catalog)} sources of the catalog is in it"
        raise InputError(header.source, "image", problem, "give a catalog of its field")
    catalog, xy = catalog.chosen(np.flatnonzero(inside)), xy[inside]
    reach = np.full(len(xy), radius * header.beam_fwhm_px)
    if len(xy) > 1:
        apart = cKDTree(xy).query(xy, 2)[0][:, 1]
        reach = np.minimum(reach, apart / 2)
    fitted = fit_sources(mean, PointSpread(header), xy, np.maximum(reach, 1.0), min_snr)
    return _table(fitted, mean, header, catalog, min_snr)


def _table(
    fitted: NDArray, mean: MeanImage, header: StreamHeader, catalog: Catalog, min_snr: float
) -> Table:
    flux, x, y = fitted.T
    pixel = np.rint(fitted[:, :0:-1]).astype(int)
    ny, nx = header.shape
    noise = mean.noise[np.clip(pixel[:, 0], 0, ny - 1), np.clip(pixel[:, 1], 0, nx - 1)]
    assert header.wcs is not None
    found = header.wcs.pixel_to_world(x, y).icrs
    east, north = catalog.places.spherical_offsets_to(found)
    snr = flux / noise
    # A Gaussian beam: the curvature of the peak of its noise gives that of the likelihood.
    error = beam_arcsec(header) / np.sqrt(8 * np.log(2)) / np.maximum(np.abs(snr), 1e-9)
    table = Table(
        {
            "name": list(catalog.names),
            "ra": catalog.places.ra.deg,
            "dec": catalog.places.dec.deg,
            "flux_jy": catalog.flux_jy,
            "flux": flux,
            "flux_error": noise,
            "snr": snr,
            "ratio": flux / catalog.flux_jy,
            "ra_found": found.ra.deg,
            "dec_found": found.dec.deg,
            "east_arcsec": east.to_value(units.arcsec),
            "north_arcsec": north.to_value(units.arcsec),
            "offset_error_arcsec": error,
            "detected": snr >= min_snr,
        }
    )
    for name in ("ra", "dec", "ra_found", "dec_found"):
        table[name].unit = "deg"
    for name in ("east_arcsec", "north_arcsec", "offset_error_arcsec"):
        table[name].unit = "arcsec"
    table["flux_jy"].unit = "Jy"
    return table


def beam_arcsec(header: StreamHeader) -> float:
    """FWHM of the beam."""
    assert header.wcs is not None
    scale = header.wcs.proj_plane_pixel_area().to_value(units.arcsec**2)
    return float(header.beam_fwhm_px * np.sqrt(scale))


def flux_scale(table: Table) -> FluxScale:
    """Measured over known fluxes, of the sources that are detected."""
    flux, known, error = (np.asarray(table[c]) for c in ("flux", "flux_jy", "flux_error"))
    weight = np.sum(known**2 / error**2)
    ratio = float(np.sum(flux * known / error**2) / weight)
    free = len(table) - 1
    chi2 = float(np.sum(((flux - ratio * known) / error) ** 2) / free) if free else np.nan
    return FluxScale(ratio, float(np.sqrt(np.nanmax([1, chi2]) / weight)), chi2)


def astrometry(table: Table) -> Astrometry:
    """Offsets of the sources that are detected.

    The error of a median is 1.2533 times that of a mean: of the scatter, or of the noise where
    that is more.
    """
    median, error, scatter = [], [], []
    expected = float(np.median(table["offset_error_arcsec"]))
    for name in ("east_arcsec", "north_arcsec"):
        offset = np.asarray(table[name])
        median.append(float(np.median(offset)))
        scatter.append(float(1.4826 * np.median(np.abs(offset - np.median(offset)))))
        error.append(1.2533 * max(scatter[-1], expected) / float(np.sqrt(len(offset))))
    return Astrometry(*((a[0], a[1]) for a in (median, error, scatter)))
