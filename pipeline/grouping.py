"""Group the detections of one pulse into one candidate.

A pulse is seen in many trials: in every boxcar that overlaps it, at trial DMs on both
sides of the true one, in the pixels of its beam and, if it is bright, in the sidelobes
all over the image. :func:`group_detections` undoes this, in three steps:

1. Detections of like width are linked where they touch on axes scaled by what a trial
   resolves: the centre time at the top and at the bottom of the band in widths (so
   that the slanted track of a pulse through DM and time is straight), position in
   beams. Such a chain follows a pulse of any band coverage through the DM trials.
2. Brightest first, a detection becomes a leader and takes what it explains: boxcars at
   its position that overlap its dispersion-swept pulse, unless they hold much more
   signal than it can give them. A wide boxcar never is a bridge between two pulses.
3. A group elsewhere in the image, at the same time, far weaker than a bright group or no
   brighter than the PSF lets it be, is a sidelobe of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from cerberus.config import DISPERSION_CONSTANT
from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable

_CHUNK = 2048


@dataclass(frozen=True)
class GroupingRules:
    """What belongs to one pulse.

    Attributes
    ----------
    beam_radius : float
        Detections within this many beam FWHM have the same position.
    time_pad : float
        Gap between two boxcars, in widths of the wider one, that still counts as
        overlap: the start of a wide boxcar on a narrow pulse is a matter of noise.
    scale_ratio : float
        Boxcars that overlap and whose widths (smearing by a wrong DM included) differ
        by less than this factor are one pulse whatever their S/N.
    excess, noise : float
        Beyond that factor a detection belongs to the brighter one if its S/N is at most
        ``excess`` times what the brighter pulse leaves in its trial, plus ``noise``.
    band_fraction : float
        Narrowest part of the band a pulse may fill; sets how slowly its S/N falls with
        the error in DM.
    sidelobe_level : float
        A group at the same time but another position is a sidelobe when its S/N is
        below this fraction of what the bright pulse has in the same trial, or below what
        the PSF has at such a distance, plus ``noise``.
    max_work : float
        Bounds the time on hopeless data: after this many leaders times detections the
        faintest are grouped by step 1 only. A million far apart have 1000 leaders.
    """

    beam_radius: float = 1.5
    time_pad: float = 0.25
    scale_ratio: float = 16.0
    excess: float = 2.0
    noise: float = 4.0
    band_fraction: float = 0.25
    sidelobe_level: float = 0.25
    max_work: float = 1e9


@dataclass(frozen=True)
class _Points:
    """Detections as columns of what the rules look at; `delay` is DM in samples."""

    start: NDArray[np.float64]
    width: NDArray[np.float64]
    delay: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    snr: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, rows: NDArray[np.int64] | slice) -> _Points:
        return _Points(
            self.start[rows],
            self.width[rows],
            self.delay[rows],
            self.x[rows],
            self.y[rows],
            self.snr[rows],
        )

    @property
    def octave(self) -> NDArray[np.int64]:
        return np.round(np.log2(self.width)).astype(np.int64)


def delay_samples_per_dm(header: StreamHeader) -> float:
    """Dispersion delay across the band, in samples per pc cm^-3."""
    low, high = np.min(header.freq_mhz), np.max(header.freq_mhz)
    return float(DISPERSION_CONSTANT * (low**-2.0 - high**-2.0) / header.tsamp_s)


def group_detections(
    table: DetectionTable, header: StreamHeader, rules: GroupingRules | None = None
) -> NDArray[np.int64]:
    """Label detections so that those of one pulse have the same number.

    Parameters
    ----------
    table : DetectionTable
        n detections, any order.
    header : StreamHeader
        Band, sampling and beam of the recording.
    rules : GroupingRules, optional
        What belongs together.

    Returns
    -------
    (n,) int64
        Labels 0, 1, ... in order of falling S/N of the best detection of each group.
    """
    rules = rules or GroupingRules()
    if len(table) == 0:
        return np.zeros(0, np.int64)
    points = _points(table, header)
    beam = max(header.beam_fwhm_px, 1.0)
    cell_of, best_of_cell = _merge_cells(points, beam)
    cells = points[best_of_cell]
    linked = _linked_cells(cells, beam)
    leader = _follow_leaders(cells, linked, beam * rules.beam_radius, rules)
    leader = _join_sidelobes(cells, leader, sidelobe_levels(header, rules), rules)
    return _rank_labels(leader, cells)[cell_of]


def _points(table: DetectionTable, header: StreamHeader) -> _Points:
    return _Points(
        start=table.start.astype(float),
        width=table.width.astype(float),
        delay=table.dm * delay_samples_per_dm(header),
        x=table.x.astype(float),
        y=table.y.astype(float),
        snr=table.snr.astype(float),
    )


def _grid(points: _Points, beam: float) -> NDArray[np.int64]:
    """(n, 5) integer cells: octave, time at top and bottom in widths, x, y in beams."""
    octave = points.octave
    scale = 2.0**octave
    top = points.start + (points.width - 1) / 2
    columns = [octave, top / scale, (top + points.delay) / scale, points.x / beam, points.y / beam]
    return np.stack([np.floor(c).astype(np.int64) for c in columns], axis=1)


def _merge_cells(points: _Points, beam: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Merge detections in one cell: cell of each, and the best detection of each cell."""
    grid = _grid(points, beam)
    key = np.zeros(len(points), np.int64)
    for column in grid.T:
        column = column - column.min()
        _, key = np.unique(key * (int(column.max()) + 1) + column, return_inverse=True)
    order = np.lexsort((points.snr, key))
    last = np.flatnonzero(np.diff(key[order], append=-1))
    return key, order[last]


def _linked_cells(cells: _Points, beam: float) -> NDArray[np.int64]:
    """Chain of each cell when cells of one octave that touch are linked."""
    # Takes a second to import, which a search without detections need not wait for.
    from sklearn.cluster import DBSCAN

    grid = _grid(cells, beam).astype(float)
    grid[:, 0] *= 3.0  # neighbouring octaves are not linked
    chains = DBSCAN(eps=1.5, min_samples=1, metric="chebyshev", algorithm="kd_tree")
    return np.asarray(chains.fit_predict(grid), np.int64)


class _TimeIndex:
    """Points sorted by octave and start, to find those near a leader in time."""

    def __init__(self, points: _Points, time_pad: float) -> None:
        octave = points.octave
        self.rows = np.lexsort((points.start, octave))
        self.points = points[self.rows]
        self.pad = time_pad
        self.least, self.most = points.delay.min(), points.delay.max()
        values, first = np.unique(octave[self.rows], return_index=True)
        bounds = [*first.tolist(), len(points)]
        self.octaves = [slice(bounds[i], bounds[i + 1]) for i in range(len(values))]

    def near(self, leaders: _Points) -> Iterator[list[slice]]:
        """For each leader the stretches of `points` whose boxcars may overlap it."""
        low, high = [], []
        before = np.maximum(self.most - leaders.delay, 0)
        after = leaders.width + np.maximum(leaders.delay - self.least, 0)
        for part in self.octaves:
            start = self.points.start[part]
            widest = self.points.width[part].max()
            pad = self.pad * np.maximum(widest, leaders.width)
            low.append(part.start + np.searchsorted(start, leaders.start - before - widest - pad))
            high.append(
                part.start + np.searchsorted(start, leaders.start + after + pad, side="right")
            )
        for lows, highs in zip(np.array(low).T.tolist(), np.array(high).T.tolist(), strict=True):
            yield [slice(a, b) for a, b in zip(lows, highs, strict=True) if b > a]


def _overlaps(lead: _Points, i: int, others: _Points, pad: float) -> NDArray[np.bool_]:
    """Whether boxcars touch the pulse of leader `i`, swept by the error in DM."""
    shift = lead.delay[i] - others.delay
    gap = pad * np.maximum(others.width, lead.width[i])
    first = lead.start[i] + np.minimum(shift, 0)
    last = lead.start[i] + lead.width[i] + np.maximum(shift, 0)
    return (others.start + others.width > first - gap) & (others.start < last + gap)


def _left_over(
    lead: _Points, i: int, others: _Points, band: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """S/N that the pulse of leader `i` has in other trials, and their width ratio."""
    spread = lead.width[i] + band * np.abs(lead.delay[i] - others.delay)
    share = np.minimum(1.0, others.width / spread)
    expected = lead.snr[i] * np.sqrt(lead.width[i] / others.width) * share
    ratio = np.maximum(spread / others.width, others.width / spread)
    return expected, ratio


def _most_leaders(points: _Points, rules: GroupingRules) -> int:
    return max(1, int(rules.max_work / len(points)))


def _follow_leaders(
    cells: _Points, linked: NDArray[np.int64], radius: float, rules: GroupingRules
) -> NDArray[np.int64]:
    """Leader (a cell) of each cell, taken brightest first."""
    index = _TimeIndex(cells, rules.time_pad)
    linked = linked[index.rows]
    points = index.points
    leader = np.full(len(points), -1, np.int64)
    pool = _Pool(points, linked, leader)
    order = np.lexsort((points.start, -points.snr))
    n_leaders, most = 0, _most_leaders(points, rules)
    while n_leaders < most:
        order = order[leader[order] < 0]
        if len(order) == 0:
            break
        chunk = order[: min(_CHUNK, most - n_leaders)]
        for i, stretches in zip(chunk.tolist(), index.near(points[chunk]), strict=True):
            if leader[i] < 0:
                _take(i, stretches, pool, radius, rules)
                n_leaders += 1
    rest = np.flatnonzero(leader < 0)
    if len(rest):
        brightest = rest[np.lexsort((-points.snr[rest], linked[rest]))]
        _, first, inverse = np.unique(linked[rest], return_index=True, return_inverse=True)
        _, first = np.unique(linked[brightest], return_index=True)
        leader[rest] = brightest[first][inverse]
    result = np.empty_like(leader)
    result[index.rows] = index.rows[leader]
    return result


@dataclass(frozen=True)
class _Pool:
    """Points in the order of a `_TimeIndex`, the chain of each, and its leader or -1."""

    points: _Points
    linked: NDArray[np.int64]
    leader: NDArray[np.int64]


def _take(i: int, stretches: list[slice], pool: _Pool, radius: float, rules: GroupingRules) -> None:
    """Give leader `i` what it explains: ``pool.leader`` is changed in place."""
    points, linked, leader = pool.points, pool.linked, pool.leader
    leader[i] = i
    for part in stretches:
        row = np.abs(points.y[part] - points.y[i]) <= radius
        near = part.start + np.flatnonzero(row & (leader[part] < 0))
        near = near[np.hypot(points.x[near] - points.x[i], points.y[near] - points.y[i]) <= radius]
        if len(near) == 0:
            continue
        near = near[_overlaps(points, i, points[near], rules.time_pad)]
        others = points[near]
        expected, ratio = _left_over(points, i, others, rules.band_fraction)
        own = ratio <= rules.scale_ratio
        own |= others.snr <= rules.excess * expected + rules.noise
        if not own.all():
            own |= np.isin(linked[near], np.append(linked[near][own], linked[i]))
        leader[near[own]] = i


def sidelobe_levels(header: StreamHeader, rules: GroupingRules) -> NDArray[np.float64]:
    """Largest sidelobe of the PSF at whole pixels of distance, and 0 as the last.

    The largest at any angle: the Earth turns sidelobes about their source.
    """
    if header.psf is None:
        return np.zeros(1)
    row, column = np.unravel_index(int(header.psf.argmax()), header.psf.shape)
    y, x = np.indices(header.psf.shape)
    distance = np.rint(np.hypot(y - row, x - column)).astype(np.int64)
    level = np.zeros(distance.max() + 3)
    np.maximum.at(level, distance, header.psf)
    level = maximum_filter1d(level, 3)
    # Nearer than that are pulses of the same position, which other rules tell apart.
    level[: int(rules.beam_radius * header.beam_fwhm_px) + 1] = 0
    return level


def _join_sidelobes(
    cells: _Points, leader: NDArray[np.int64], levels: NDArray[np.float64], rules: GroupingRules
) -> NDArray[np.int64]:
    """Hand the groups that are sidelobes of a brighter one over to it."""
    heads = np.unique(leader)
    index = _TimeIndex(cells[heads], rules.time_pad)
    points = index.points
    owner = np.arange(len(points))
    faintest = points.snr.min()
    highest = max(rules.sidelobe_level, levels.max())
    brightest = highest * points.snr + rules.noise * levels.any()
    bright = np.flatnonzero(brightest > faintest)
    least_of_psf = max(faintest - rules.noise, 1e-3)
    bright = bright[np.argsort(-points.snr[bright], kind="stable")][: _most_leaders(points, rules)]
    for i, stretches in zip(bright.tolist(), index.near(points[bright]), strict=True):
        if owner[i] != i:
            continue
        limit, snr = brightest[i], points.snr[i]
        # Widths further off than this hold too little.
        of_psf = rules.excess * levels.max() * snr / least_of_psf
        reach = max(rules.sidelobe_level * snr / faintest, of_psf) ** 2
        for part in stretches:
            if not 0.5 / reach < points.width[part.start] / points.width[i] < 2.0 * reach:
                continue
            free = (points.snr[part] < limit) & (owner[part] == np.arange(part.start, part.stop))
            near = part.start + np.flatnonzero(free)
            near = near[_overlaps(points, i, points[near], rules.time_pad)]
            expected, _ = _left_over(points, i, points[near], rules.band_fraction)
            away = np.hypot(points.x[near] - points.x[i], points.y[near] - points.y[i])
            level = levels[np.minimum(np.rint(away).astype(np.int64), len(levels) - 1)]
            # The pulse may have more in a trial than its best boxcar tells, never more than there.
            there = np.minimum(rules.excess * expected, snr)
            sidelobe = np.where(level > 0, level * there + rules.noise, 0)
            most = np.maximum(rules.sidelobe_level * expected, sidelobe)
            owner[near[points.snr[near] < most]] = i
    new_head = np.empty_like(heads)
    new_head[index.rows] = heads[index.rows[owner]]
    return new_head[np.searchsorted(heads, leader)]


def _rank_labels(leader: NDArray[np.int64], cells: _Points) -> NDArray[np.int64]:
    """Number the groups from 0 by falling S/N (then by time) of their leaders."""
    heads, label = np.unique(leader, return_inverse=True)
    rank = np.empty(len(heads), np.int64)
    rank[np.lexsort((cells.start[heads], -cells.snr[heads]))] = np.arange(len(heads))
    return rank[label]
