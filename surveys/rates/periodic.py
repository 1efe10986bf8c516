"""Probability that a source which pulses with a period was seen, at least once.

A visit sees n pulses or n + 1, see :mod:`surveys.rates.trains`. What a source that is on in
a share `a` of the visits, or of the pulses, is missed by is

    A_n = 1 - a + a (1 - e)^n     of visits,
    A_n = (1 - a e)^n             of pulses,

with the share `e` that is found of its pulses. Visits of which the phases are independent multiply,
``P(missed) = prod [(1 - f) A_n + f A_(n+1)]``, f the remainder of L / P. Where all phases follow
from one, the product is taken at each phase, and its mean over the circle is exact: each visit is
an arc on it, of the length f.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from surveys.coverage.completeness import Completeness
from surveys.rates.trains import Stays, lengths_and_shares

ActivityOf = Literal["visit", "pulse"]
Phases = Literal["independent", "common"]
_BLOCK = 256
_ARCS = 1_000_000
"""Sorted at a time."""
_LEAST = 1e-30
"""Probability below which a source is never missed."""
_MOST_SHARE = 1 - 1e-15


@dataclass(frozen=True)
class Trains:
    """Sources that pulse with a period.

    Attributes
    ----------
    flux_jy : float
        Flux density of a pulse, a top-hat.
    period_s : (p,)
    width_s : (w,)
    activity : float
    activity_of : "visit" or "pulse"
    phases : "independent" or "common"
    """

    flux_jy: float
    period_s: NDArray[np.float64]
    width_s: NDArray[np.float64]
    activity: float = 1.0
    activity_of: ActivityOf = "visit"
    phases: Phases = "independent"


def p_seen(
    stays: Stays,
    n_places: int,
    trains: Trains,
    completeness: Completeness,
) -> NDArray[np.float64]:
    """Probability that at least one pulse is found.

    Parameters
    ----------
    stays : Stays
        Of the places, sorted by place.
    n_places : int
    trains : Trains
    completeness : Completeness

    Returns
    -------
    (place, period, width)
        0 for places without visits; NaN where a pulse is as long as the period.
    """
    length, share = lengths_and_shares(stays, trains.flux_jy, trains.width_s, completeness)
    missed = np.zeros((n_places, len(trains.period_s), len(trains.width_s)))
    if len(stays):
        first = np.flatnonzero(np.append(True, np.diff(stays.place) > 0))
        if trains.phases == "independent":
            missed[stays.place[first]] = _independent(stays.place, length, share, trains)
        else:
            ends = np.append(first[1:], len(stays))
            for a, b in zip(first, ends, strict=True):
                some = stays.middle_s[a:b], length[a:b], share[a:b]
                # A few periods at a time: each has an arc for every width and visit.
                n_parts = -(-missed[0].size * int(b - a) // _ARCS)
                for part in np.array_split(np.arange(len(trains.period_s)), n_parts):
                    few = replace(trains, period_s=trains.period_s[part])
                    missed[stays.place[a], part] = _common(*some, few)
    seen = -np.expm1(missed)
    seen[:, trains.width_s >= trains.period_s[:, None]] = np.nan
    return seen


def _independent(
    place: NDArray[np.int64], length: NDArray, share: NDArray, trains: Trains
) -> NDArray[np.float64]:
    """Logarithm of P(missed) of the places that have visits, (place, period, width)."""
    _, which = np.unique(place, return_inverse=True)
    total = np.zeros((which[-1] + 1, len(trains.period_s), len(trains.width_s)))
    with jax.enable_x64(True):
        period = jnp.asarray(trains.period_s, jnp.float64)
        for a in range(0, len(place), _BLOCK):
            rows = slice(a, a + _BLOCK)
            # Blocks of one size, with visits of no length behind: one program.
            pad = [(0, _BLOCK - len(which[rows])), (0, 0)]
            logs = _log_missed(
                jnp.asarray(np.pad(length[rows], pad), jnp.float64),
                jnp.asarray(np.pad(share[rows], pad), jnp.float64),
                period,
                jnp.asarray(trains.activity, jnp.float64),
                of_pulses=trains.activity_of == "pulse",
            )
            inside = which[rows]
            starts = np.flatnonzero(np.append(True, np.diff(inside) > 0))
            total[inside[starts]] += np.add.reduceat(
                np.asarray(logs)[: len(inside)], starts, axis=0
            )
    return total


@partial(jax.jit, static_argnames="of_pulses")
def _log_missed(
    length: jax.Array, share: jax.Array, period: jax.Array, activity: jax.Array, of_pulses: bool
) -> jax.Array:
    """Logarithm of P(missed) of each visit, (visit, period, width)."""
    n_pulses = length[:, None, :] / period[:, None]
    n = jnp.floor(n_pulses)
    rest = n_pulses - n
    e = share[:, None, :]
    e = activity * e if of_pulses else e
    missed = jnp.exp(n * jnp.log1p(-jnp.minimum(e, _MOST_SHARE))) * (1 - rest * e)
    if not of_pulses:
        missed = 1 - activity + activity * missed
    return jnp.log(jnp.maximum(missed, _LEAST))


def _common(
    middle_s: NDArray[np.float64], length: NDArray, share: NDArray, trains: Trains
) -> NDArray[np.float64]:
    """Logarithm of P(missed) of one place, (period, width), where all phases follow from one.

    On the circle of the phase of the source, a visit sees one pulse more on an arc of the length of
    the remainder, around the phase of its middle. Ends of arcs are sorted; between two the
    product is constant.
    """
    # Visits along the last axis, where sorting is fast.
    period = trains.period_s[:, None, None]
    n_pulses = length.T[None] / period
    n = np.floor(n_pulses)
    rest = n_pulses - n
    base, more = _logs_of(n, share.T[None], trains)
    start = (middle_s / period - n_pulses / 2) % 1.0
    end = start + rest
    # An arc that goes past the end of the circle covers its beginning.
    begins = (base + np.where(end > 1, more, 0.0)).sum(-1, keepdims=True)
    at = np.concatenate([start, end % 1.0], axis=-1)
    order = np.argsort(at, axis=-1)
    at = np.take_along_axis(at, order, -1)
    step = np.take_along_axis(np.concatenate([more, -more], axis=-1), order, -1)
    level = np.concatenate([begins, begins + np.cumsum(step, axis=-1)], axis=-1)
    missed = (np.exp(level) * np.diff(at, axis=-1, prepend=0.0, append=1.0)).sum(-1)
    return np.log(np.clip(missed, _LEAST, 1.0))


def _logs_of(n: NDArray, e: NDArray, trains: Trains) -> tuple[NDArray, NDArray]:
    """Logarithm of A_n, and by how much that of A_(n+1) is more."""
    a = trains.activity
    if trains.activity_of == "pulse":
        fewer = np.log1p(-np.minimum(a * e, _MOST_SHARE))
        first, second = n * fewer, (n + 1) * fewer
    else:
        fewer = np.log1p(-np.minimum(e, _MOST_SHARE))
        first, second = (
            np.log(np.maximum(1 - a + a * np.exp(m * fewer), _LEAST)) for m in (n, n + 1)
        )
    first, second = (np.maximum(x, np.log(_LEAST)) for x in (first, second))
    return first, second - first
