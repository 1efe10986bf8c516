"""Problems of catalogs, row by row: positions against names, and against Galactic coordinates.

Public compilations of transients have rows whose right ascension and declination are those of the
Galaxy, or of another hour. Both are seen from what else the row says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike, NDArray

from surveys.known_sources.designations import Designation, parse_designation, places

_FLOAT_ARCSEC = 0.05
"""Between the frames FK5 and ICRS, and of the last digits."""


@dataclass(frozen=True)
class RowProblem:
    """What is wrong with a row.

    Attributes
    ----------
    row : int
        From 0.
    name : str
    problem : str
    offset_arcsec : float
        How far the position is from where it should be.
    """

    row: int
    name: str
    problem: str
    offset_arcsec: float

    @property
    def text(self) -> str:
        """One line."""
        return f"row {self.row + 1} ({self.name or 'no name'}): {self.problem}"


def check_names(
    names: Sequence[str] | NDArray[np.str_],
    ra_deg: ArrayLike,
    dec_deg: ArrayLike,
    tolerance_arcsec: ArrayLike = 0.0,
) -> list[RowProblem]:
    """Rows whose position is not where their name says.

    Parameters
    ----------
    names : (n,) str
        Such as ``GPM J1839-10``; those without coordinates in them are not looked at.
    ra_deg, dec_deg : (n,)
        ICRS; rows that have NaN are not looked at.
    tolerance_arcsec : float or (n,)
        How far outside the digits of its name a source may be: names are given when positions
        are not yet good.

    Returns
    -------
    list of RowProblem
        With the likely cause where one fits: Galactic coordinates, hours for degrees, a lost
        sign, columns exchanged, a name that was rounded.
    """
    ra, dec = np.asarray(ra_deg, float), np.asarray(dec_deg, float)
    allowed = np.broadcast_to(np.nan_to_num(np.asarray(tolerance_arcsec, float)), ra.shape)
    problems = []
    for i, name in enumerate(names):
        patch = parse_designation(str(name))
        if patch is None or not np.isfinite(ra[i] + dec[i]):
            continue
        most = float(allowed[i]) + _FLOAT_ARCSEC
        offset = patch.offset_arcsec(places(ra[i], dec[i]))
        if offset > most:
            cause = _cause(patch, ra[i], dec[i], most)
            problem = f"its position is {_angle(offset)} away from what the name says{cause}"
            problems.append(RowProblem(i, str(name), problem, offset))
    return problems


def _cause(patch: Designation, ra: float, dec: float, most: float) -> str:
    """The mistake that would bring the position where the name is."""
    mistakes: tuple[tuple[str, Callable[[], SkyCoord]], ...] = (
        ("; right ascension and declination are Galactic l and b", lambda: _galactic(ra, dec)),
        ("; the right ascension is in hours", lambda: places(15 * ra, dec)),
        ("; the right ascension was multiplied by 15 twice", lambda: places(ra / 15, dec)),
        ("; the sign of the declination is lost", lambda: places(ra, -dec)),
        (
            "; right ascension and declination are exchanged",
            lambda: places(dec, (ra + 180) % 360 - 180),
        ),
    )
    if patch.offset_arcsec(places(ra, dec), rounded=True) <= most:
        return "; it is rounded, and designations are truncated"
    for text, place in mistakes:
        try:
            fits = patch.offset_arcsec(place()) <= most
        except ValueError:  # no latitude
            continue
        if fits:
            return text
    return ""


def check_galactic(
    ra_deg: ArrayLike,
    dec_deg: ArrayLike,
    l_deg: ArrayLike,
    b_deg: ArrayLike,
    names: Sequence[str] | NDArray[np.str_] | None = None,
    tolerance_arcsec: float = 5.0,
) -> list[RowProblem]:
    """Rows whose equatorial and Galactic coordinates are not of one place.

    Parameters
    ----------
    ra_deg, dec_deg : (n,)
        ICRS.
    l_deg, b_deg : (n,)
        Galactic; rows that have NaN anywhere are not looked at.
    names : (n,) str, optional
    tolerance_arcsec : float
        For Galactic coordinates of three decimals, 2.5 arcsec are rounding.
    """
    ra, dec, l, b = (np.atleast_1d(np.asarray(a, float)) for a in (ra_deg, dec_deg, l_deg, b_deg))
    whole = np.isfinite(ra + dec + l + b) & (np.abs(dec) <= 90) & (np.abs(b) <= 90)
    rows = np.flatnonzero(whole)
    ra, dec, l, b = ra[rows], dec[rows], l[rows], b[rows]
    equatorial, galactic = places(ra, dec), _galactic(l, b)
    apart = np.asarray(equatorial.separation(galactic).arcsec)
    # The columns themselves, whatever they mean.
    same = np.hypot((ra - l + 180) % 360 - 180, dec - b) * 3600 <= tolerance_arcsec
    exchanged = np.asarray(_galactic(ra, dec).separation(places(l, b)).arcsec) <= tolerance_arcsec
    problems = []
    for i in np.flatnonzero(apart > tolerance_arcsec):
        cause = "; right ascension and declination are l and b" if same[i] else ""
        if exchanged[i]:
            cause = "; the two pairs are exchanged"
        problem = f"right ascension and declination are {_angle(apart[i])} away from l and b{cause}"
        row = int(rows[i])
        name = "" if names is None else str(names[row])
        problems.append(RowProblem(row, name, problem, float(apart[i])))
    return problems


def _galactic(l_deg: ArrayLike, b_deg: ArrayLike) -> SkyCoord:
    l, b = np.asarray(l_deg, float) * u.deg, np.asarray(b_deg, float) * u.deg
    return SkyCoord(l, b, frame="galactic").icrs


def _angle(arcsec: float) -> str:
    """An angle in the unit that suits it."""
    if arcsec < 100:
        return f"{arcsec:.3g} arcsec"
    if arcsec < 6000:
        return f"{arcsec / 60:.3g} arcmin"
    return f"{arcsec / 3600:.3g} deg"
