"""Problems of catalogs, row by row: positions against names, and against Galactic coordinates.

Public compilations of transients have rows whose right ascension and declination are those of the
Galaxy, or of another hour. Both are seen from what else the row says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike, NDArray

from surveys.known_sources.designations import (
    Designation,
    offsets_arcsec,
    parse_designation,
    places,
)
from surveys.known_sources.sources import Floats

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
    allowed = allowed + _FLOAT_ARCSEC
    parsed = [parse_designation(str(name)) for name in names]
    whole = np.isfinite(ra + dec) & (np.abs(dec) <= 90)
    rows = [i for i, patch in enumerate(parsed) if patch is not None and whole[i]]
    patches = [patch for i, patch in enumerate(parsed) if patch is not None and whole[i]]
    if not rows:
        return []
    offsets = offsets_arcsec(patches, places(ra[rows], dec[rows]))
    wrong = np.flatnonzero(offsets > allowed[rows])
    rows, patches, offsets = [rows[k] for k in wrong], [patches[k] for k in wrong], offsets[wrong]
    causes = _causes(patches, ra[rows], dec[rows], allowed[rows])
    return [
        RowProblem(
            i,
            str(names[i]),
            f"its position is {_angle(offset)} away from what the name says{cause}",
            float(offset),
        )
        for i, offset, cause in zip(rows, offsets, causes, strict=True)
    ]


def _causes(patches: list[Designation], ra: Floats, dec: Floats, most: Floats) -> list[str]:
    """The mistake of each that would bring its position where the name is; empty without."""
    causes = [""] * len(patches)
    if not patches:
        return causes
    mistakes: tuple[tuple[str, SkyCoord, bool], ...] = (
        ("it is rounded, and designations are truncated", places(ra, dec), True),
        ("right ascension and declination are Galactic l and b", _galactic(ra, dec), False),
        ("the right ascension is in hours", places(15 * ra, dec), False),
        ("the right ascension was multiplied by 15 twice", places(ra / 15, dec), False),
        ("the sign of the declination is lost", places(ra, -dec), False),
        ("right ascension and declination are exchanged", *_exchanged(ra, dec)),
    )
    for text, at, rounded in mistakes:
        fits = offsets_arcsec(patches, at, rounded) <= most
        for k in np.flatnonzero(fits):
            causes[k] = causes[k] or f"; {text}"
    return causes


def _exchanged(ra: Floats, dec: Floats) -> tuple[SkyCoord, bool]:
    """The two for each other; what is no declination goes to the pole."""
    return places(dec, np.clip((ra + 180) % 360 - 180, -90, 90)), False


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
