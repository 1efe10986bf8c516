"""From pointings to a map of the time that each pixel was searched at each noise.

What counts is the middle of a pixel. Of a beam that drifts the time at each noise is exact, see
:mod:`surveys.coverage.tracks`; that it is flagged now and then is taken as spread evenly.

The sky is held in blocks of pixels, which are made when a beam first comes by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import healpy
import numpy as np
from numpy.typing import NDArray

from surveys.coverage.coverage import (
    Columns,
    Coverage,
    Frame,
    noise_bin,
    noise_edge,
    turned_to,
)
from surveys.coverage.motion import ROTATION_RAD_S
from surveys.coverage.pointings import Pointings
from surveys.coverage.tracks import LEAST_GAIN, Track, beam_chord2, tracks, turned_within

_BLOCK = 16
"""Side of a block in pixels, where pixels are as small as that."""


class _Bins(NamedTuple):
    """Bins of noise that a pointing fills.

    Attributes
    ----------
    column : int
        The first of them in the histogram.
    chord2 : (k,)
        Squares of the chords at which each ends.
    """

    column: int
    chord2: NDArray[np.float64]

    def mean_chord2(self) -> NDArray[np.float64]:
        """Of places all over the beam, (k,)."""
        starts = np.append(0.0, self.chord2[:-1])
        return np.where(np.isfinite(self.chord2), (starts + self.chord2) / 2, 0.0)


def expose(
    pointings: Pointings, nside: int, frame: Frame = "icrs", least_gain: float = LEAST_GAIN
) -> Coverage:
    """Map what was searched.

    Parameters
    ----------
    pointings : Pointings
    nside : int
    frame : str
    least_gain : float
        Of the beam, where a place still counts as searched.
    """
    columns, bins = _layout(pointings, least_gain)
    sky = _Sky(nside, frame, len(columns))
    share = pointings.searched_s / pointings.duration_s
    weight, logs = np.zeros(len(columns)), np.zeros(len(columns))
    sigma, fwhm = pointings.sigma_1s, np.radians(pointings.beam_fwhm_deg)
    for i, track in enumerate(tracks(pointings, least_gain)):
        if not share[i]:
            continue
        add = _drift if track.drift else _follow
        total, chord2 = add(sky, track, bins[i], share[i])
        here = slice(bins[i].column, bins[i].column + len(total))
        weight[here] += total
        logs[here] += total * (np.log(sigma[i]) + chord2 * (4 * math.log(2) / fwhm[i] ** 2))
    used = weight > 0
    kept = Columns.of_keys(columns.keys()[used], np.exp(logs[used] / weight[used]))
    pixel, seconds = sky.filled(used)
    return Coverage(nside, frame, pixel, seconds, kept, pointings, least_gain)


def _layout(pointings: Pointings, least_gain: float) -> tuple[Columns, list[_Bins]]:
    """Columns for all that pointings may fill, and the bins of each pointing."""
    sigma = pointings.sigma_1s
    beam = np.isfinite(pointings.beam_fwhm_deg)
    largest = np.where(beam, sigma / least_gain, sigma)
    first, last = noise_bin(sigma), noise_bin(largest)
    kinds = np.stack([pointings.tsamp_s, pointings.max_width_s, pointings.threshold], 1)
    # Sampling times that differ by rounding are one.
    kinds = np.array([[float(f"{v:.6g}") for v in row] for row in kinds]).reshape(-1, 3)
    unique, kind = np.unique(kinds, axis=0, return_inverse=True)
    kind = kind.ravel()
    keys, begin = [], np.zeros(len(unique), np.int64)
    for j, row in enumerate(unique):
        low, high = first[kind == j].min(), last[kind == j].max()
        begin[j] = sum(map(len, keys)) - low
        keys.append([(*row, k) for k in range(low, high + 1)])
    table = np.array([key for group in keys for key in group]).reshape(-1, 4)
    columns = Columns.of_keys(table, np.ones(len(table)))
    fwhm, bins = np.radians(pointings.beam_fwhm_deg), []
    for i in range(len(pointings)):
        edges = np.minimum(noise_edge(np.arange(first[i] + 1, last[i] + 2)), largest[i])
        chord2 = beam_chord2(fwhm[i], np.maximum(edges / sigma[i], 1))
        bins.append(_Bins(int(begin[kind[i]] + first[i]), chord2))
    return columns, bins


class _Sky:
    """Blocks of pixels with their directions and sums.

    Parameters
    ----------
    nside : int
    frame : str
    n_columns : int
    """

    def __init__(self, nside: int, frame: Frame, n_columns: int) -> None:
        self.nside, self.frame, self.n_columns = nside, frame, n_columns
        self.coarse = max(1, nside // _BLOCK)
        self.n_in_block = (nside // self.coarse) ** 2
        self.slot = np.full(12 * self.coarse**2, -1, np.int32)
        self.n = 0
        self.vectors = np.zeros((0, self.n_in_block, 3))
        self.sums = np.zeros((0, self.n_in_block, n_columns), np.float32)

    def near(self, discs: NDArray[np.float64], radius: float) -> tuple[NDArray, NDArray]:
        """Rows of pixels that are in discs, (p,), and their directions (p, 3), ICRS."""
        radius = min(radius, math.pi)
        middles = turned_to(discs, "icrs", self.frame)
        found = [
            healpy.query_disc(self.coarse, middle, radius, inclusive=True, nest=True)
            for middle in middles
        ]
        slots = self._slots(np.unique(np.concatenate(found)))
        vectors = self.vectors[slots].reshape(-1, 3)
        inside = (vectors @ discs.T).max(1) >= math.cos(radius)
        rows = (slots[:, None] * self.n_in_block + np.arange(self.n_in_block)).ravel()
        return rows[inside], vectors[inside]

    def _slots(self, blocks: NDArray[np.int64]) -> NDArray[np.int64]:
        new = blocks[self.slot[blocks] < 0]
        if len(new):
            self._grow(self.n + len(new))
            pixel = new[:, None] * self.n_in_block + np.arange(self.n_in_block)
            at = np.stack(healpy.pix2vec(self.nside, pixel.ravel(), nest=True), -1)
            vectors = turned_to(at, self.frame, "icrs").reshape(len(new), -1, 3)
            self.vectors[self.n : self.n + len(new)] = vectors
            self.slot[new] = np.arange(self.n, self.n + len(new))
            self.n += len(new)
        return self.slot[blocks].astype(np.int64)

    def _grow(self, n: int) -> None:
        have = len(self.vectors)
        if n <= have:
            return
        more = max(n - have, have // 2, 64)
        grown = (
            np.zeros((more, self.n_in_block, 3)),
            np.zeros((more, self.n_in_block, self.n_columns), np.float32),
        )
        self.vectors = np.concatenate([self.vectors, grown[0]])
        self.sums = np.concatenate([self.sums, grown[1]])

    def filled(self, columns: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Pixels that were seen, rising, and their sums in some columns."""
        blocks = np.flatnonzero(self.slot >= 0)
        pixel = (blocks[:, None] * self.n_in_block + np.arange(self.n_in_block)).ravel()
        rows = (self.slot[blocks].astype(np.int64)[:, None] * self.n_in_block
                + np.arange(self.n_in_block)).ravel()  # fmt: skip
        sums = self.sums.reshape(-1, self.n_columns)
        seen = (sums.max(1) > 0)[rows]
        kept = sums[rows[seen]]
        return pixel[seen], kept if columns.all() else kept[:, columns]


def _follow(sky: _Sky, track: Track, bins: _Bins, share: float) -> tuple[NDArray, NDArray]:
    """Add a pointing that follows the sky.

    Returns
    -------
    seconds : (k,)
        In each bin, over all pixels.
    chord2 : (k,)
        Mean square of the chord in each.
    """
    rows, icrs = sky.near(*track.discs())
    chord2 = track.chords2(icrs)
    inside = (chord2 <= bins.chord2[-1]) & track.in_field(icrs)
    rows, chord2 = rows[inside], chord2[inside]
    which, n_bins = np.searchsorted(bins.chord2, chord2), len(bins.chord2)
    flat = sky.sums.reshape(-1, sky.n_columns)
    flat[rows, bins.column + which] += np.float32(track.duration_s * share)
    n = np.bincount(which, minlength=n_bins)
    sums = np.bincount(which, chord2, minlength=n_bins)
    return n * (track.duration_s * share), sums / np.maximum(n, 1)


def _drift(sky: _Sky, track: Track, bins: _Bins, share: float) -> tuple[NDArray, NDArray]:
    """Add a pointing that drifts; returns the same."""
    rows, icrs = sky.near(*track.discs())
    fixed = track.in_field(icrs)
    rows, (first, dec) = rows[fixed], track.hour_angles(icrs[fixed])
    first = first[:, None]
    seen = turned_within(track.beam_angles(dec, bins.chord2[-1:]), first, track.turn)[:, 0] > 0
    rows, first, dec = rows[seen], first[seen], dec[seen]
    angle = track.beam_angles(dec, bins.chord2)
    if track.moving_field:
        turned = _in_windows(track, angle, first, dec)
    else:
        turned = turned_within(angle, first, track.turn)
    turned *= np.float32(share / ROTATION_RAD_S)
    turned[:, 1:] -= turned[:, :-1].copy()
    flat = sky.sums.reshape(-1, sky.n_columns)
    flat[rows, bins.column : bins.column + turned.shape[1]] += turned
    total = (np.ones(len(turned), np.float32) @ turned).astype(np.float64)
    limited = track.half_field < 1 and math.isfinite(track.chord2)
    return total, _mean_chord2(track, bins, first, dec) if limited else bins.mean_chord2()


_SAMPLES = (np.arange(32) + 0.5) / 32
"""Of a drift, where a mean over all pixels is asked for."""


def _mean_chord2(
    track: Track, bins: _Bins, first: NDArray, dec: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean square of the chord in each bin, of places that the image holds."""
    angle = first + track.turn * _SAMPLES
    scale = 4 * np.cos(dec) * math.cos(track.start[1])
    chord2 = 4 * np.sin((dec - track.start[1]) / 2)[:, None] ** 2
    chord2 = chord2 + scale[:, None] * np.sin(angle / 2) ** 2
    inside = np.zeros(chord2.shape, bool)
    angle = np.abs(np.remainder(angle + math.pi, 2 * math.pi) - math.pi)
    for low, high in track.windows(dec):
        inside |= (angle >= low[:, None]) & (angle <= high[:, None])
    chord2 = chord2[inside & (chord2 <= bins.chord2[-1])]
    which = np.searchsorted(bins.chord2, chord2)
    n = np.bincount(which, minlength=len(bins.chord2))
    sums = np.bincount(which, chord2, minlength=len(bins.chord2))
    return np.where(n > 0, sums / np.maximum(n, 1), bins.mean_chord2())


def _in_windows(
    track: Track, angle: NDArray[np.float32], first: NDArray, dec: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What a turn has within angles, (place, k), while places are in an image that moves."""
    out = np.zeros_like(angle)
    for low, high in track.windows(dec):
        low, high = (a.astype(np.float32)[:, None] for a in (low, high))
        nearer = turned_within(low, first, track.turn)
        out += turned_within(np.clip(angle, low, high), first, track.turn) - nearer
    return out


def parted(pointings: Pointings, n_parts: int) -> Sequence[NDArray[np.int64]]:
    """Numbers of pointings in parts that take about as long, each of its own region of the sky."""
    ra, dec = pointings.at(pointings.duration_s / 2)
    order = np.argsort(healpy.ang2pix(32, ra, dec, lonlat=True, nest=True), kind="stable")
    effort = 1 + np.where(pointings.drift, pointings.duration_s / 600, 0)[order]
    place = (np.cumsum(effort) - effort / 2) / effort.sum() * n_parts
    parts = np.minimum(place.astype(int), n_parts - 1)
    return [order[parts == i] for i in range(n_parts) if (parts == i).any()]
