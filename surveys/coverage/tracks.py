"""How long a place is in the beam and in the field of a pointing: exactly, without sub-steps.

A telescope at rest sees a place of the declination `dec`, of date, pass at an hour angle H from
the middle of its beam. The square of the chord between both is

    2 - 2 cos(dec - dec0) + 2 cos(dec) cos(dec0) (1 - cos H),

so that the gain of a round beam is above a value while ``|H|`` is below another, and the square
image that moves with the beam holds the place while ``|H|`` is in a window or two. The time in
any range of gains is then a difference of clipped angles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import erfa
import numpy as np
from numpy.typing import NDArray

from surveys.coverage.motion import ROTATION_RAD_S, Epoch, unit_vectors
from surveys.coverage.pointings import Pointings

LEAST_GAIN = 0.1
"""Of the beam, where a place still counts as searched."""

Windows = list[tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Least and largest ``|H|``, each (place,)."""

_TURN = 2 * math.pi


@dataclass(frozen=True)
class Track:
    """The geometry of one pointing.

    Attributes
    ----------
    drift : bool
    middle : (3,)
        Of the beam at the start, ICRS.
    start : (2,), radians
        Right ascension and declination of it, of date.
    epoch : Epoch
        That of places, in the middle of the pointing.
    duration_s : float
    chord2 : float
        Square of the chord at which the gain of the beam is the least that counts; infinite
        without a beam.
    half_field : float
        Direction cosine at which the image ends; infinite if it does not.
    field_axes : (3, 3), optional
        East, north and middle of an image that does not move, ICRS; rows are axes.
    """

    drift: bool
    middle: NDArray[np.float64]
    start: NDArray[np.float64]
    epoch: Epoch
    duration_s: float
    chord2: float
    half_field: float
    field_axes: NDArray[np.float64] | None

    @property
    def turn(self) -> float:
        """By how much the middle moves in right ascension, in radians."""
        return ROTATION_RAD_S * self.duration_s if self.drift else 0.0

    def discs(self) -> tuple[NDArray[np.float64], float]:
        """Middles (disc, 3), ICRS, and radius of discs that cover all that is searched."""
        reach = 2 * math.asin(min(1.0, math.sqrt(self.chord2) / 2))
        field = math.asin(min(1.0, math.sqrt(2) * self.half_field))
        margin = 1e-4
        if self.field_axes is not None and self.half_field < 1:
            return self.field_axes[2:], field + margin
        if self.half_field < 1:
            reach = min(reach, field)
        if not self.drift:
            return self.middle[None], reach + margin
        turn = min(self.turn, _TURN)
        length = turn * math.cos(self.start[1])
        n = max(1, math.ceil(length / max(reach, 0.01)))
        along = self.start[0] + (np.arange(n) + 0.5) * turn / n
        apparent = erfa.s2c(along, np.full(n, self.start[1]))
        return self.epoch.icrs(apparent), reach + length / n / 2 + margin

    def in_field(self, icrs: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Places (place, 3) that are in an image that does not move."""
        if self.field_axes is None:
            return np.ones(len(icrs), bool)
        l, m, n = self.field_axes @ icrs.T
        return (np.abs(l) <= self.half_field) & (np.abs(m) <= self.half_field) & (n > 0)

    def chords2(self, icrs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squares of the chords from the middle at the start, (place,)."""
        return np.maximum(2 - 2 * (icrs @ self.middle), 0.0)

    def hour_angles(
        self, icrs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Hour angle of the beam's middle from places at the start, and their declination."""
        ra, dec = erfa.c2s(self.epoch.apparent(icrs))
        return self.start[0] - ra, dec

    def beam_angles(
        self, dec: NDArray[np.float64], chord2: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """``|H|`` at which places are at chords from the middle, (place, k); 0 where never.

        Single precision is enough: a ten-thousandth of a second, where a place is not grazed.
        """
        dec0 = self.start[1]
        scale = 1 / np.maximum(4 * np.cos(dec) * math.cos(dec0), 1e-30)
        nearest = 4 * np.sin((dec - dec0) / 2) ** 2 * scale
        # Without a beam every hour angle is inside.
        ends = np.minimum(chord2, 1e6).astype(np.float32)
        out = ends * scale.astype(np.float32)[:, None]
        out -= nearest.astype(np.float32)[:, None]
        np.clip(out, 0, 1, out=out)
        np.sqrt(out, out=out)
        np.arcsin(out, out=out)
        out *= 2
        return out

    @property
    def moving_field(self) -> bool:
        """Whether an image moves with the beam."""
        return self.field_axes is None and self.half_field < 1

    def windows(self, dec: NDArray[np.float64]) -> Windows:
        """Windows of ``|H|`` in which places are in an image that moves with the beam."""
        if not self.moving_field:
            return [(np.zeros(len(dec)), np.full(len(dec), math.pi))]
        half, dec0 = self.half_field, self.start[1]
        # The sky is the same if north is south.
        s, c = math.copysign(1, dec0) * np.sin(dec), np.maximum(np.cos(dec), 1e-12)
        s0, c0 = max(abs(math.sin(dec0)), 1e-12), max(math.cos(dec0), 1e-12)
        least = np.maximum((s * c0 - half) / (c * s0), -s * s0 / (c * c0))
        most = (s * c0 + half) / (c * s0)
        never = (least > np.minimum(most, 1)) | (most < -1)
        low, high = np.arccos(np.clip(most, -1, 1)), np.arccos(np.clip(least, -1, 1))
        high = np.where(never, low, high)
        aside = np.arcsin(np.minimum(half / c, 1))
        out = [(low, np.maximum(np.minimum(high, aside), low))]
        if (high > math.pi - aside).any():
            beyond = np.maximum(low, math.pi - aside)
            out.append((beyond, np.maximum(high, beyond)))
        return out


def tracks(pointings: Pointings, least_gain: float = LEAST_GAIN) -> list[Track]:
    """The geometry of pointings.

    Parameters
    ----------
    pointings : Pointings
    least_gain : float
        Of the beam, where a place still counts as searched.
    """
    middle = unit_vectors(pointings.ra, pointings.dec)
    begin = Epoch.of(pointings.start_mjd).apparent(middle)
    start = np.stack(erfa.c2s(begin), axis=-1)
    epochs = Epoch.of(pointings.start_mjd + pointings.duration_s / 2 / 86400)
    chord2 = beam_chord2(np.radians(pointings.beam_fwhm_deg), 1 / least_gain)
    fixed = np.isfinite(pointings.field_ra) | ~pointings.drift
    ra = np.where(np.isfinite(pointings.field_ra), pointings.field_ra, pointings.ra)
    dec = np.where(np.isfinite(pointings.field_dec), pointings.field_dec, pointings.dec)
    axes = _axes(ra, dec)
    return [
        Track(
            bool(pointings.drift[i]),
            middle[i],
            start[i],
            epochs[i],
            float(pointings.duration_s[i]),
            float(chord2[i]),
            float(np.radians(pointings.field_deg[i]) / 2),
            axes[i] if fixed[i] and np.isfinite(pointings.field_deg[i]) else None,
        )
        for i in range(len(pointings))
    ]


def beam_chord2(
    fwhm_rad: NDArray[np.float64], fainter: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Square of the chord at which a Gaussian beam has a gain of 1 over a number."""
    with np.errstate(invalid="ignore"):
        out = np.asarray(fwhm_rad) ** 2 * (np.log(fainter) / (4 * math.log(2)))
    return np.where(np.isnan(out), np.inf, out)


def gain_at(chord2: NDArray[np.float64], fwhm_rad: float) -> NDArray[np.float64]:
    """Gain of a Gaussian beam at chords from its middle."""
    return np.exp(-4 * math.log(2) * chord2 / fwhm_rad**2)


def _axes(ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """East, north and middle, (n, 3, 3)."""
    middle = unit_vectors(ra_deg, dec_deg)
    east = unit_vectors(ra_deg + 90, np.zeros_like(ra_deg))
    return np.stack([east, np.cross(middle, east), middle], axis=1)


def turned_within(angle: NDArray, begin: NDArray, turn: float) -> NDArray:
    """Part of a turn during which the hour angle is within an angle of 0, modulo whole turns.

    Parameters
    ----------
    angle : (place, k)
        ``|H|`` up to which places are inside, 0 to pi.
    begin : (place, 1)
        Hour angle at the start.
    turn : float

    Returns
    -------
    (place, k), radians, of the type of `angle`
    """
    end = begin + turn
    first, last = np.rint(begin / _TURN), np.rint(end / _TURN)
    a, b = ((h - _TURN * n).astype(angle.dtype) for h, n in ((begin, first), (end, last)))
    # To clip at plus and minus an angle is to take the smaller and to give it the sign back.
    inside = np.minimum(np.abs(b), angle) * np.sign(b)
    inside -= np.minimum(np.abs(a), angle) * np.sign(a)
    rounds = (last - first).astype(angle.dtype)
    return inside + 2 * angle * rounds if rounds.any() else inside
