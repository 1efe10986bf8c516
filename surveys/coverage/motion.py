"""How what a telescope at rest looks at moves over the sky.

The middle of its beam keeps its declination of date and moves in right ascension of date at the
rate at which the Earth rotates. Precession, nutation and annual aberration are ERFA's (IAU
2000B); diurnal aberration and polar motion turn with the telescope and do not matter. The
deflection of light, half an arcsecond a degree from the Sun, is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import erfa
import numpy as np
from astropy.time import Time
from numpy.typing import ArrayLike, NDArray

ROTATION_RAD_S = 2 * np.pi * 1.00273781191135448 / 86400
"""Of the Earth, against the stars."""

_LIGHT_AU_DAY = 173.1446326847
_AU_S = 86400 / _LIGHT_AU_DAY


def unit_vectors(ra_deg: ArrayLike, dec_deg: ArrayLike) -> NDArray[np.float64]:
    """Directions as unit vectors, (..., 3)."""
    return np.asarray(erfa.s2c(np.radians(ra_deg), np.radians(dec_deg)), np.float64)


def angles_deg(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right ascension 0 to 360 and declination of vectors (..., 3)."""
    ra, dec = erfa.c2s(vectors)
    return np.degrees(ra) % 360, np.degrees(dec)


@dataclass(frozen=True)
class Epoch:
    """What turns directions of ICRS into those of date.

    Attributes
    ----------
    matrix : (..., 3, 3)
        To the axes of the intermediate equator, CIRS.
    velocity : (..., 3)
        Of the Earth, in units of that of light, ICRS.
    """

    matrix: NDArray[np.float64]
    velocity: NDArray[np.float64]

    @classmethod
    def of(cls, mjd: ArrayLike) -> Epoch:
        """At times UTC."""
        times, barycentric = _earth(mjd)
        velocity = np.asarray(barycentric["v"], np.float64) / _LIGHT_AU_DAY
        return cls(np.asarray(erfa.c2i00b(times.jd1, times.jd2)), velocity)

    def __getitem__(self, i: object) -> Epoch:
        return Epoch(self.matrix[i], self.velocity[i])  # type: ignore[index]

    def apparent(self, icrs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Unit vectors (..., 3) of date; only their directions are of use."""
        return _turned(self.matrix, icrs + self.velocity)

    def icrs(self, apparent: NDArray[np.float64]) -> NDArray[np.float64]:
        """The way back."""
        back = _turned(np.swapaxes(self.matrix, -1, -2), apparent)
        # The length of what the first way normalised: sqrt(1 - v^2 + (v u)^2) + v u.
        along = np.sum(back * self.velocity, -1, keepdims=True)
        speed2 = np.sum(self.velocity**2, -1, keepdims=True)
        length = along + np.sqrt(1 - speed2 + along**2)
        return back * length - self.velocity


def _earth(mjd: ArrayLike) -> tuple[Time, NDArray[np.void]]:
    """Times UTC as TT, and where the Earth is and how it moves, au and days."""
    # TDB is meant; nothing here needs its time better than to a minute.
    times = Time(np.asarray(mjd, float), format="mjd", scale="utc").tt
    return times, erfa.epv00(times.jd1, times.jd2)[1]


def _turned(matrix: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.einsum("...ij,...j->...i", matrix, vectors)
    return np.asarray(out / np.linalg.norm(out, axis=-1, keepdims=True), np.float64)


def drifted(icrs: NDArray[np.float64], mjd: ArrayLike, after_s: ArrayLike) -> NDArray[np.float64]:
    """Where a telescope at rest looks some time after it looked at a place.

    Parameters
    ----------
    icrs : (..., 3)
        The places at the start, unit vectors.
    mjd : (...), UTC
        The start.
    after_s : (...)
        Seconds.

    Returns
    -------
    (..., 3), ICRS
    """
    mjd, after_s = np.broadcast_arrays(np.asarray(mjd, float), np.asarray(after_s, float))
    ra, dec = erfa.c2s(Epoch.of(mjd).apparent(icrs))
    later = erfa.s2c(ra + ROTATION_RAD_S * after_s, dec)
    return Epoch.of(mjd + after_s / 86400).icrs(later)


def earlier_s(icrs: NDArray[np.float64], mjd: ArrayLike) -> NDArray[np.float64]:
    """By how many seconds light comes to the Earth before it comes to the barycentre, (...).

    Parameters
    ----------
    icrs : (..., 3)
        Where it comes from, unit vectors.
    mjd : (...), UTC
    """
    _, barycentric = _earth(mjd)
    return np.asarray(_AU_S * np.sum(barycentric["p"] * icrs, -1), np.float64)
