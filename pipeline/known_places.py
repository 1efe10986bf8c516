"""Marks candidates that lie where something is known to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, Table
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.readers.wcs import pixel_scale_deg

_SIGMAS = 3.0


@dataclass(frozen=True)
class KnownPlaces:
    """Where sources are that are known before a search.

    Attributes
    ----------
    names : (n,) str
    ra_deg, dec_deg : (n,) float64
        ICRS.
    error_arcsec : (n,) float64
        Of the positions, 1 sigma; NaN is none.
    source : str
        The catalogs, for what is written about a search.
    """

    names: NDArray[np.str_]
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    error_arcsec: NDArray[np.float64]
    source: str = ""

    def __len__(self) -> int:
        return len(self.names)


def beam_arcsec(header: StreamHeader) -> float:
    """FWHM of the synthesised beam; NaN without a WCS."""
    if header.wcs is None:
        return float("nan")
    return 3600 * header.beam_fwhm_px * pixel_scale_deg(header.wcs)


def mark_known(
    candidates: Table, places: KnownPlaces | None, header: StreamHeader, more_arcsec: float = 0.0
) -> None:
    """Fill ``known`` and ``known_sep`` of candidates that are near a known place.

    Near is within the FWHM of the beam and three times the error of the place, added in squares,
    plus `more_arcsec`. Of several the nearest counts.

    Parameters
    ----------
    candidates : Table
        See :func:`pipeline.candidates.build_candidates`; changed in place.
    places : KnownPlaces or None
        None does nothing.
    header : StreamHeader
        Of the images.
    more_arcsec : float
    """
    ra, dec = (np.asarray(candidates[name], float) for name in ("ra", "dec"))
    seen = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    if not len(seen) or not places or header.wcs is None:
        return
    names, separations = np.full(len(candidates), "", object), np.full(len(candidates), np.inf)
    error = _SIGMAS * np.nan_to_num(places.error_arcsec)
    reach = np.hypot(beam_arcsec(header), error) + more_arcsec
    found = SkyCoord(ra[seen] * u.deg, dec[seen] * u.deg)
    known = SkyCoord(places.ra_deg * u.deg, places.dec_deg * u.deg)
    # Candidates may be many, and so may sources; those near the images are few.
    from_first = found[0].separation(found).arcsec.max()
    for i in np.flatnonzero(known.separation(found[0]).arcsec <= from_first + reach):
        apart = np.asarray(known[i].separation(found).arcsec)
        nearer = seen[(apart <= reach[i]) & (apart < separations[seen])]
        names[nearer] = str(places.names[i])
        separations[nearer] = apart[np.searchsorted(seen, nearer)]
    separations[np.isinf(separations)] = np.nan
    old = candidates["known"]
    candidates["known"] = Column(names.astype(str), "known", description=old.description)
    candidates["known_sep"][:] = separations
