"""When places were searched: each stay of a place in the beam of a pointing.

Of a source that pulses with a period the phases that one stay sees hang together; those of
different stays are as good as random, unless the period is known well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from surveys.coverage.motion import ROTATION_RAD_S, unit_vectors
from surveys.coverage.pointings import Pointings
from surveys.coverage.tracks import LEAST_GAIN, Track, gain_at, tracks

_TURN = 2 * math.pi
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
N_LEVELS = 6
_EVENLY = (np.arange(6 * N_LEVELS) + 0.5) / (3 * N_LEVELS) - 1


@dataclass(frozen=True)
class Visits:
    """Stays of places in the beams of pointings, sorted by place and time.

    Attributes
    ----------
    place : (n,) int
        Index of the place.
    pointing : (n,) int
        Index of the pointing.
    start_mjd : (n,), UTC
        When the stay begins.
    seconds : (n,)
        How long it lasts.
    searched_s : (n,)
        The part of it that was not flagged.
    sigma_1s : (n,)
        Noise of one second, in Jy s^1/2, over the gain: the mean of ``1 / sigma^2`` over the
        stay is that of this, so that squares of S/N add.
    levels_1s : (n, 6)
        The same of sixths of the stay, from the best to the worst: what a short pulse has.
    """

    place: NDArray[np.int64]
    pointing: NDArray[np.int64]
    start_mjd: NDArray[np.float64]
    seconds: NDArray[np.float64]
    searched_s: NDArray[np.float64]
    sigma_1s: NDArray[np.float64]
    levels_1s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.place)


def visits(
    pointings: Pointings, ra_deg: ArrayLike, dec_deg: ArrayLike, least_gain: float = LEAST_GAIN
) -> Visits:
    """Find all stays of places in the beams of pointings.

    Parameters
    ----------
    pointings : Pointings
    ra_deg, dec_deg : (place,), ICRS
    least_gain : float
        Of the beam, where a place still counts as searched.
    """
    places = unit_vectors(np.atleast_1d(ra_deg), np.atleast_1d(dec_deg))
    tree = KDTree(places)
    found: list[list[NDArray[np.float64]]] = []
    fwhm, sigma = np.radians(pointings.beam_fwhm_deg), pointings.sigma_1s
    for i, track in enumerate(tracks(pointings, least_gain)):
        middles, radius = track.discs()
        near = tree.query_ball_point(middles, 2 * math.sin(min(radius, math.pi) / 2))
        which = np.unique(np.concatenate([np.asarray(n, np.int64) for n in near]))
        if not len(which):
            continue
        which, begin, end, gain2, gains = _stays(track, places, which, float(fwhm[i]))
        if len(which):
            same = np.full(len(which), i)
            noise = sigma[i] / np.sqrt(gain2), sigma[i] / gains
            found.append([which, same, begin, end - begin, *noise])
    nothing = [np.zeros(0)] * 5 + [np.zeros((0, N_LEVELS))]
    columns = [np.concatenate(c) for c in zip(*found, strict=True)] if found else nothing
    place, pointing = columns[0].astype(np.int64), columns[1].astype(np.int64)
    start = pointings.start_mjd[pointing] + columns[2] / 86400
    order = np.lexsort((start, place))
    share = (pointings.searched_s / pointings.duration_s)[pointing]
    seconds, sigma_1s, levels_1s = (np.asarray(c, np.float64)[order] for c in columns[3:])
    return Visits(
        place[order], pointing[order], start[order], seconds, seconds * share[order], sigma_1s,
        levels_1s,
    )  # fmt: skip


def _stays(
    track: Track, places: NDArray[np.float64], which: NDArray[np.int64], fwhm: float
) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """Places, begin and end of their stays in seconds, the mean of gain^2, and levels of gain."""
    icrs = places[which]
    fixed = track.in_field(icrs)
    if not track.drift:
        chord2 = track.chords2(icrs)
        inside = fixed & (chord2 <= track.chord2)
        which, chord2 = which[inside], chord2[inside]
        begin = np.zeros(len(which))
        gain = gain_at(chord2, fwhm)
        return which, begin, begin + track.duration_s, gain**2, np.tile(gain[:, None], N_LEVELS)
    which = which[fixed]
    if not len(which):
        nothing = np.zeros(0)
        return which, nothing, nothing, nothing, np.zeros((0, N_LEVELS))
    first, dec = track.hour_angles(icrs[fixed])
    angle = track.beam_angles(dec, np.array([track.chord2]))[:, 0].astype(np.float64)
    rows: list[tuple[NDArray, NDArray, NDArray]] = []
    last = first + track.turn
    for low, high in track.windows(dec):
        top = np.minimum(angle, high)
        for n in range(int(np.rint(first.min() / _TURN)) - 1, int(np.rint(last.max() / _TURN)) + 2):
            # Both sides of the transit are one stay, unless the image leaves it out.
            for a, b in ((-top, np.where(low > 0, -low, top)), (low, np.where(low > 0, top, low))):
                begin = np.maximum(a + n * _TURN, first)
                end = np.minimum(b + n * _TURN, last)
                i = np.flatnonzero((end > begin) & (top > low))
                rows.append((i, begin[i] - first[i], end[i] - first[i]))
    i, begin, end = (np.concatenate(c) for c in zip(*rows, strict=True))
    i, begin, end = _joined(i.astype(int), begin, end)
    between = first[i] + begin, first[i] + end
    gain2 = _gains(track, fwhm, dec[i], between, _NODES) ** 2 @ _WEIGHTS / 2
    levels = _levels(_gains(track, fwhm, dec[i], between, _EVENLY))
    return which[i], begin / ROTATION_RAD_S, end / ROTATION_RAD_S, gain2, levels


def _joined(
    i: NDArray[np.int64], begin: NDArray[np.float64], end: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Stays of one place that touch, as one: those of a place that never sets are whole."""
    order = np.lexsort((begin, i))
    i, begin, end = i[order], begin[order], end[order]
    if not len(i):
        return i, begin, end
    new = np.append(True, (np.diff(i) != 0) | (begin[1:] > end[:-1] + 1e-9))
    first = np.flatnonzero(new)
    return i[first], begin[first], np.maximum.reduceat(end, first)


def _gains(
    track: Track,
    fwhm: float,
    dec: NDArray[np.float64],
    between: tuple[NDArray, NDArray],
    nodes: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Gains between two hour angles, (stay, node), at nodes from -1 to 1."""
    begin, end = between
    if not math.isfinite(fwhm):
        return np.ones((len(dec), len(nodes)))
    dec0 = track.start[1]
    h = (begin + end)[:, None] / 2 + (end - begin)[:, None] / 2 * nodes
    nearest = 4 * np.sin((dec - dec0) / 2) ** 2
    chord2 = nearest[:, None] + (4 * np.cos(dec) * math.cos(dec0))[:, None] * np.sin(h / 2) ** 2
    return gain_at(chord2, fwhm)


def _levels(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geometric means of equal parts of the gains, from the highest part on, (stay, level)."""
    logs = np.sort(np.log(gains), axis=1)[:, ::-1]
    logs = logs.reshape(len(gains), N_LEVELS, len(_EVENLY) // N_LEVELS)
    return np.exp(logs.mean(-1))
