"""What a search counted, and the limit on the mean of that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surveys.catalogs.tables import numbers, open_table, texts
from surveys.errors import InputError
from surveys.rates.background import feldman_cousins
from surveys.rates.poisson import central_interval, upper_limit
from surveys.rates.settings import CountSettings


@dataclass(frozen=True)
class Counts:
    """Counts of a search.

    Attributes
    ----------
    k : int
    upper : float
        The mean is below it, at the confidence.
    low, high : float
        Interval of the mean, two-sided.
    ra, dec : (k,), optional
        Of the events, degrees, ICRS.
    """

    k: int
    upper: float
    low: float
    high: float
    ra: NDArray[np.float64] | None = None
    dec: NDArray[np.float64] | None = None


def count(settings: CountSettings) -> Counts:
    """What settings say was found, and its limits.

    Raises
    ------
    InputError
        The table of events cannot be used.
    """
    ra = dec = None
    k = settings.detections
    if settings.events is not None:
        ra, dec = _places(settings.events)
        k = len(ra)
    if settings.kind == "feldman-cousins":
        low, high = feldman_cousins(k, settings.background, settings.confidence)
        return Counts(k, high, low, high, ra, dec)
    low, high = central_interval(k, settings.confidence)
    upper = float(upper_limit(k, settings.confidence))
    return Counts(k, upper, float(low), float(high), ra, dec)


def _places(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right ascension and declination of what was found; pulses that were put in are left out."""
    try:
        table = open_table(path, None, lambda names: {"ra", "dec"} <= set(names))
    except InputError as error:
        if error.problem != "has no rows":
            raise
        return np.zeros(0), np.zeros(0)
    for name in ("ra", "dec"):
        if name not in table.colnames:
            raise InputError(str(path), name, "is missing", f"add the column {name!r}, in degrees")
    try:
        ra, dec = numbers(table["ra"]), numbers(table["dec"])
    except ValueError:
        raise InputError(str(path), "ra", "or dec is text", "give degrees") from None
    bad = ~(np.isfinite(ra) & (np.abs(dec) <= 90))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        problem = f"of row {row + 1} is ({ra[row]:g}, {dec[row]:g})"
        raise InputError(str(path), "ra, dec", problem, "give degrees, ICRS")
    if "injected" in table.colnames:
        real = np.array([word.lower() not in ("true", "1") for word in texts(table["injected"])])
        ra, dec = ra[real], dec[real]
    return ra, dec
