"""Surveys of a made-up sky: what they count says whether limits hold what they promise.

Nothing here knows of maps, cells or likelihoods. Bursts fall anywhere into the beam of a pointing
at any time; sources pulse one pulse after another, each of which is found or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveys.coverage.completeness import Completeness
from surveys.coverage.pointings import Pointings
from surveys.rates.periodic import ActivityOf, Phases
from surveys.rates.trains import Stays

_LN16 = 4 * np.log(2)


@dataclass(frozen=True)
class FakeBursts:
    """Bursts of one width.

    Attributes
    ----------
    rate : float
        Above the flux, h-1 deg-2.
    flux_jy : float
        Of all of them, or the flux that the rate is above.
    width_s : float
    slope : float, optional
        Of a power law of fluxes; it goes on to fainter ones.
    faintest : float
        Where it ends, in units of the flux.
    """

    rate: float
    flux_jy: float
    width_s: float
    slope: float | None = None
    faintest: float = 0.1


def count_bursts(
    pointings: Pointings,
    bursts: FakeBursts,
    completeness: Completeness,
    rng: np.random.Generator,
    least_gain: float = 0.1,
) -> int:
    """Number of bursts that a search finds.

    Parameters
    ----------
    pointings : Pointings
        With beams, and images that go with them.
    bursts : FakeBursts
    completeness : Completeness
    rng : numpy.random.Generator
    least_gain : float
        Of the beam, where a place still counts as searched.
    """
    if not np.isfinite(pointings.beam_fwhm_deg).all() or np.isfinite(pointings.field_ra).any():
        raise ValueError("fake surveys need pointings with beams, and fields that go with them")
    # Chords, as a round beam on the sphere has them.
    chord2 = np.radians(pointings.beam_fwhm_deg) ** 2 * np.log(1 / least_gain) / _LN16
    area = np.pi * np.minimum(chord2, 4) * np.degrees(1) ** 2
    rate = bursts.rate
    if bursts.slope is not None:
        rate *= bursts.faintest**-bursts.slope
    n = rng.poisson(rate * area * pointings.searched_s / 3600)
    which = np.repeat(np.arange(len(pointings)), n)
    flux = np.full(len(which), bursts.flux_jy)
    if bursts.slope is not None:
        flux = flux * bursts.faintest * rng.uniform(size=len(which)) ** (-1 / bursts.slope)
    at2, angle = rng.uniform(0, chord2[which]), rng.uniform(0, 2 * np.pi, len(which))
    gain = np.exp(-_LN16 * at2 / np.radians(pointings.beam_fwhm_deg[which]) ** 2)
    aside = np.sqrt(at2 * (1 - at2 / 4))
    half = np.sin(np.radians(np.minimum(pointings.field_deg[which], 180)) / 2)
    inside = (np.abs(aside * np.cos(angle)) < half) & (np.abs(aside * np.sin(angle)) < half)
    tsamp, width = pointings.tsamp_s[which], bursts.width_s
    snr = flux * gain * width / np.sqrt(np.maximum(width, tsamp)) / pointings.sigma_1s[which]
    share = completeness.found(snr, width, pointings.threshold[which])
    searched = inside & (width <= pointings.max_width_s[which])
    return int((searched & (rng.uniform(size=len(which)) < share)).sum())


@dataclass(frozen=True)
class FakeTrain:
    """Sources that pulse with one period.

    Attributes
    ----------
    flux_jy, period_s, width_s : float
    activity : float
    activity_of : "visit" or "pulse"
    phases : "independent" or "common"
    """

    flux_jy: float
    period_s: float
    width_s: float
    activity: float = 1.0
    activity_of: ActivityOf = "visit"
    phases: Phases = "independent"


def sources_seen(
    stays: Stays,
    n_sources: int,
    train: FakeTrain,
    completeness: Completeness,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Whether each source is found by a pulse at least, pulse for pulse.

    Parameters
    ----------
    stays : Stays
        Visits of the sources: `place` is the number of the source.
    n_sources : int
    train : FakeTrain
    completeness : Completeness
    rng : numpy.random.Generator
    """
    period, width = train.period_s, train.width_s
    n = len(stays)
    offset = rng.uniform(0, period, n)
    if train.phases == "common":
        offset = rng.uniform(0, period, n_sources)[stays.place] - (
            stays.middle_s - stays.seconds / 2
        )
    # The first pulse of which a part is seen begins up to a width before the visit.
    first = (offset + width) % period - width
    n_pulses = np.maximum(np.ceil((stays.seconds - first) / period), 0).astype(np.int64)
    visit = np.repeat(np.arange(n), n_pulses)
    number = np.arange(len(visit)) - np.repeat(np.cumsum(n_pulses) - n_pulses, n_pulses)
    begin = first[visit] + number * period
    part = np.minimum(begin + width, stays.seconds[visit]) - np.maximum(begin, 0)
    part = np.maximum(part, 0.0)
    middle = np.clip(begin + width / 2, 0, stays.seconds[visit])
    # Beams are best in the middle of a visit, and their levels are from the best one on.
    n_levels = stays.sigma_1s.shape[1]
    aside = np.abs(2 * middle / stays.seconds[visit] - 1)
    level = np.minimum((n_levels * aside).astype(np.int64), n_levels - 1)
    sigma = stays.sigma_1s[visit, level]
    noise = sigma * np.sqrt(np.maximum(part, stays.tsamp_s[visit]))
    found = completeness.found(train.flux_jy * part / noise, part, stays.threshold[visit])
    found = np.where(width <= stays.max_width_s[visit], found, 0.0)
    live = rng.uniform(size=len(visit)) < stays.live[visit]
    if train.activity_of == "visit":
        on = (rng.uniform(size=n) < train.activity)[visit]
    else:
        on = rng.uniform(size=len(visit)) < train.activity
    hit = on & live & (rng.uniform(size=len(visit)) < found)
    seen = np.zeros(n_sources, bool)
    seen[stays.place[visit[hit]]] = True
    return seen
