"""Which detections are of pulses that were put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable
from pipeline.grouping import GroupingRules, delay_samples_per_dm, sidelobe_levels
from pipeline.injection.pulses import Injection


@dataclass(frozen=True)
class MatchRules:
    """When a detection is of an injection.

    Attributes
    ----------
    beams : float
        Largest distance, in FWHM of the beam and no less than a pixel.
    widths : float
        Largest distance of the centres, at the top and at the bottom of the band, in mean
        widths of both, and a sample more. At the bottom it is a limit on the DM.
    ratio : float
        Largest ratio of the widths, a sample apart from it.
    """

    beams: float = 1.0
    widths: float = 1.0
    ratio: float = 4.0


@dataclass(frozen=True)
class _Pulses:
    """Injections as columns, in samples and pixels."""

    top: NDArray[np.float64]
    bottom: NDArray[np.float64]
    width: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    snr: NDArray[np.float64]


def _columns(injections: Sequence[Injection], header: StreamHeader) -> _Pulses:
    per_dm = delay_samples_per_dm(header)
    rows = [
        (one.pulse.time_s / header.tsamp_s, one.pulse.dm, one.pulse.width_s, one.x, one.y, one.snr)
        for one in injections
    ]
    top, dm, width, x, y, snr = np.array(rows, float).reshape(-1, 6).T
    return _Pulses(top, top + dm * per_dm, width / header.tsamp_s, x, y, snr)


def match(
    injections: Sequence[Injection],
    table: DetectionTable,
    header: StreamHeader,
    rules: MatchRules | None = None,
) -> NDArray[np.int64]:
    """Row of the best detection of each injection, -1 where it has none.

    Parameters
    ----------
    injections : sequence of Injection
    table : DetectionTable
    header : StreamHeader
    rules : MatchRules, optional

    Returns
    -------
    (injection,) int64
        No row stands for two injections: it is of the one that is closest in time.
    """
    rules = rules or MatchRules()
    if not len(table) or not injections:
        return np.full(len(injections), -1)
    own = _columns(injections, header)
    top = table.centre
    bottom = top + table.dm * delay_samples_per_dm(header)
    order = np.argsort(top, kind="stable")
    best = np.full(len(injections), -1)
    near = max(rules.beams * header.beam_fwhm_px, 1.0)
    widest = float(table.width.max())
    taken: dict[int, tuple[float, int]] = {}
    for i in range(len(injections)):
        reach = rules.widths * (own.width[i] + widest) / 2 + 1
        low, high = np.searchsorted(top[order], [own.top[i] - reach, own.top[i] + reach])
        rows = order[low:high]
        away = np.maximum(np.abs(top[rows] - own.top[i]), np.abs(bottom[rows] - own.bottom[i]))
        wide, narrow = (
            np.maximum(own.width[i], table.width[rows]),
            np.minimum(own.width[i], table.width[rows]),
        )
        good = away <= rules.widths * (own.width[i] + table.width[rows]) / 2 + 1
        good &= (wide <= rules.ratio * narrow) | (wide - narrow <= 1)
        good &= np.hypot(table.x[rows] - own.x[i], table.y[rows] - own.y[i]) <= near
        rows, away = rows[good], away[good]
        if not len(rows):
            continue
        k = int(np.argmax(table.snr[rows]))
        row = int(rows[k])
        other = taken.get(row)
        if other is not None and other[0] <= away[k]:
            continue
        if other is not None:
            best[other[1]] = -1
        taken[row] = float(away[k]), i
        best[i] = row
    return best


def from_injections(
    injections: Sequence[Injection],
    table: DetectionTable,
    header: StreamHeader,
    rules: GroupingRules | None = None,
) -> NDArray[np.bool_]:
    """Whether detections may be of pulses that were put in, or of sidelobes of these.

    More is taken for injected than :func:`match` does, so that none passes for a pulse of the
    sky: whatever overlaps in time with an injection, swept by any error of the DM, and is within
    three beams of it or no brighter than its sidelobes there may be.

    Returns
    -------
    (n,) bool
    """
    rules = rules or GroupingRules()
    marked = np.zeros(len(table), bool)
    if not injections or not len(table):
        return marked
    own, levels = _columns(injections, header), sidelobe_levels(header, rules)
    per_dm = delay_samples_per_dm(header)
    delay = table.dm * per_dm
    for i in range(len(injections)):
        shift = own.bottom[i] - own.top[i] - delay
        pad = 1 + rules.time_pad * np.maximum(own.width[i], table.width)
        first = own.top[i] - own.width[i] / 2 + np.minimum(shift, 0) - pad
        last = own.top[i] + own.width[i] / 2 + np.maximum(shift, 0) + pad
        near = (table.start + table.width > first) & (table.start < last)
        away = np.hypot(table.x - own.x[i], table.y - own.y[i])
        level = levels[np.minimum(np.rint(away).astype(int), len(levels) - 1)]
        most = own.snr[i] * np.maximum(level, rules.sidelobe_level) + rules.noise
        marked |= near & ((away <= 3 * max(header.beam_fwhm_px, 1.0)) | (table.snr <= most))
    return marked
