"""When pulses of a source with a known time of arrival come to the Earth."""

from __future__ import annotations

import numpy as np
from astropy import constants
from astropy import units as u
from astropy.coordinates import get_body_barycentric
from astropy.table import Column, Table
from astropy.time import Time

from surveys.known_sources.expected import DISPERSION_S, Observation
from surveys.known_sources.sources import KnownSources

_MOST = 10_000
_DAY_S = 86400.0


def arrivals(sources: KnownSources, seen: Observation) -> Table:
    """Middles of pulses at the highest channel, from the epoch and period of each source.

    Periods are taken for constant, and the telescope for being in the middle of the Earth, which is
    21 ms from it at most. The ephemeris is that of ERFA.

    Parameters
    ----------
    sources : KnownSources
        Those with ``epoch_mjd`` and ``period_s`` have rows, unless their period is shorter than a
        sample, or pulses cannot be told apart any more: their error is a quarter of the period.
    seen : Observation

    Returns
    -------
    Table
        ``name``, ``mjd`` (UTC) and ``error`` (s), from that of the period alone: NaN where it is
        not known.
    """
    names: list[str] = []
    when: list[np.ndarray] = []
    errors: list[np.ndarray] = []
    timed = np.isfinite(sources.epoch_mjd) & (sources.period_s > seen.tsamp_s)
    for i in np.flatnonzero(timed):
        mjd, error = _of_source(sources.chosen([i]), seen)
        good = ~(error > sources.period_s[i] / 4)
        names += [str(sources.name[i])] * int(good.sum())
        when.append(mjd[good])
        errors.append(error[good])
    return Table(
        [
            Column(names, "name", dtype=None if names else "U1"),
            Column(_joined(when), "mjd", unit=u.day, format=".9f", description="UTC"),
            Column(_joined(errors), "error", unit=u.s, format=".3g", description="of the period"),
        ]
    )


def _of_source(source: KnownSources, seen: Observation) -> tuple[np.ndarray, np.ndarray]:
    period = float(source.period_s[0])
    dm = float(np.nan_to_num(source.dm_pc_cm3[0]))
    epoch = Time(float(source.epoch_mjd[0]), format="mjd", scale="tdb")
    late = DISPERSION_S * dm / seen.highest_mhz**2
    start = Time(seen.start_mjd, format="mjd", scale="utc")
    ends = start + np.array([0.0, seen.duration_s]) * u.s
    earth = get_body_barycentric("earth", ends, ephemeris="builtin")
    towards = earth.dot(source.places[0].cartesian) / constants.c
    # Seconds from the epoch at the barycentre, at infinite frequency.
    first, last = ((ends.tdb + towards) - epoch).to_value(u.s) - late
    turns = np.arange(np.ceil(first / period), np.floor(last / period) + 1)[:_MOST]
    # The path of light changes evenly within a recording: by 0.1 ms or less beyond that in a day.
    share = (turns * period - first) / (last - first)
    mjd = start.mjd + share * seen.duration_s / _DAY_S
    return mjd, np.abs(turns) * float(source.period_error_s[0])


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0)
