"""How many pulses of a train fall into a visit, and which share of them is found.

A source with the period P and pulses of the width W is visited for the time T. A pulse that
begins at the time t, from -W to T, is seen for the part u(t) of its width, and found with the
share found(u). With a random phase the mean number of pulses that are found in a visit is

    1 / P integral of found(u(t)) dt = found(W) L / P,

which defines the length L of the visit: T - W and what the two edges add, T of pulses of which
half is needed. Then a visit sees floor(L / P) pulses, and one more with the probability that is
the remainder of L / P. This is exact where no more than one pulse touches a visit, and for any
period in the mean number; what is neglected is that pulses at both edges come together.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from surveys.coverage.completeness import Completeness
from surveys.coverage.motion import earlier_s
from surveys.coverage.pointings import Pointings
from surveys.coverage.visits import Visits

_PARTS = 65
"""Steps in the part of a pulse that is seen."""
_LOG_STEP = 0.004
"""Of the noise: visits within it are computed together."""


@dataclass(frozen=True)
class Stays:
    """Visits of places, as far as their pulses are concerned, sorted by place.

    Attributes
    ----------
    place : (n,) int
    middle_s : (n,)
        Their middles, from a common time; at the barycentre, if places are known.
    seconds : (n,)
        Their lengths.
    live : (n,)
        Share of them that was searched.
    sigma_1s : (n, k)
        Noise of one second over the gain, Jy s^1/2, in k equally long parts of each.
    tsamp_s, threshold, max_width_s : (n,)
        Of their searches.
    """

    place: NDArray[np.int64]
    middle_s: NDArray[np.float64]
    seconds: NDArray[np.float64]
    live: NDArray[np.float64]
    sigma_1s: NDArray[np.float64]
    tsamp_s: NDArray[np.float64]
    threshold: NDArray[np.float64]
    max_width_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.place)

    def part(self, first: int, end: int, place: int) -> Stays:
        """Some of them, of places that are counted from another."""
        rows = {f.name: getattr(self, f.name)[first:end] for f in fields(self)}
        return replace(Stays(**rows), place=rows["place"] - place)

    @classmethod
    def of(
        cls, visits: Visits, pointings: Pointings, icrs: NDArray[np.float64] | None = None
    ) -> Stays:
        """Those of visits; ones without any time that was searched are left out.

        Parameters
        ----------
        visits : Visits
        pointings : Pointings
        icrs : (place, 3), optional
            Unit vectors of the places. The Earth moves by up to 500 s against them, and a period
            is constant at the barycentre alone.
        """
        some = (visits.searched_s > 0) & (visits.seconds > 0)
        first = visits.start_mjd[some].min() if some.any() else 0.0
        middle = (visits.start_mjd[some] - first) * 86400 + visits.seconds[some] / 2
        if icrs is not None:
            mjd = visits.start_mjd[some] + visits.seconds[some] / 2 / 86400
            middle = middle + earlier_s(icrs[visits.place[some]], mjd)
        which = visits.pointing[some]
        searches = (pointings.tsamp_s, pointings.threshold, pointings.max_width_s)
        return cls(
            visits.place[some],
            middle,
            visits.seconds[some],
            (visits.searched_s / np.maximum(visits.seconds, 1e-300))[some],
            visits.levels_1s[some],
            *(values[which] for values in searches),
        )


def lengths_and_shares(
    stays: Stays, flux_jy: float, width_s: NDArray[np.float64], completeness: Completeness
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The length L of each visit in seconds, and the share that is found of whole pulses.

    Returns
    -------
    length, share : (n, w)
        The share has the time that was flagged in it: of pulses in it nothing is found.
    """
    log_sigma = np.rint(np.log(stays.sigma_1s) / _LOG_STEP)
    n_levels = log_sigma.shape[1]
    searches = (stays.tsamp_s, stays.threshold, stays.max_width_s)
    kinds, which = np.unique(
        np.stack([log_sigma.ravel(), *(np.repeat(column, n_levels) for column in searches)]),
        axis=1,
        return_inverse=True,
    )
    which = which.reshape(log_sigma.shape)
    sigma, (tsamp, threshold, widest) = np.exp(kinds[0] * _LOG_STEP), kinds[1:, :, None]
    # Close together at the beginning: S/N goes with the root.
    part = np.linspace(0, 1, _PARTS) ** 2
    length, share = np.empty((2, len(stays), len(width_s)))
    for j, width in enumerate(width_s):
        seen = part * width
        snr = flux_jy * seen / np.sqrt(np.maximum(seen, tsamp)) / sigma[:, None]
        found = completeness.found(snr, seen, threshold)
        found = np.where(width <= widest * (1 + 1e-6), found, 0.0)
        # What is found of the pulses that begin before, until a part of them is seen.
        steps = (found[:, 1:] + found[:, :-1]) / 2 * np.diff(seen)
        summed = np.concatenate([np.zeros((len(found), 1)), np.cumsum(steps, axis=1)], axis=1)
        most = np.minimum(stays.seconds / width, 1.0)
        edges, of_most = (_between(table, which, most) for table in (summed, found))
        whole = found[:, -1][which]
        mean, square = whole.mean(1), (whole**2).mean(1)
        total = np.abs(stays.seconds - width) * of_most + 2 * edges
        some = mean > 1e-12
        share[:, j] = np.divide(square, mean, out=np.zeros(len(stays)), where=some)
        length[:, j] = np.divide(total, share[:, j], out=np.zeros(len(stays)), where=some)
    return length, share * stays.live[:, None]


def _between(
    table: NDArray[np.float64], rows: NDArray[np.int64], part: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Means over rows (n, k) of a table at parts (n,) of a pulse, linear between its columns."""
    out = table[:, -1][rows].mean(1)
    short = np.flatnonzero(part < 1)
    at = np.sqrt(part[short]) * (_PARTS - 1)
    left = np.minimum(at.astype(np.int64), _PARTS - 2)
    low, high = (left / (_PARTS - 1)) ** 2, ((left + 1) / (_PARTS - 1)) ** 2
    rest = (part[short] - low) / (high - low)
    below, above = (table[rows[short], i[:, None]].mean(1) for i in (left, left + 1))
    out[short] = below * (1 - rest) + above * rest
    return out
