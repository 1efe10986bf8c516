"""Limits on the rate of bursts: counts over area times time, as far as bursts are found there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surveys.coverage.completeness import Completeness
from surveys.coverage.coverage import Coverage

LEAST_SHARE = 1e-6
"""Share of area times time below which a survey says nothing of a flux."""
_FAINTEST_SNR, _BRIGHTEST, _N_SNR = 1.0, 1e3, 4001


@dataclass(frozen=True)
class PowerLaw:
    """Completeness of bursts of all fluxes, for the rate above one: N(>F) ~ F^-slope.

    In place of the share that is found of bursts of a flux F, the number that is found of all
    fluxes over the number above F,

        snr^slope  slope integral from 1 of s^(-slope - 1) found(s) ds,

    `snr` that of F. It is more than 1 where fainter ones are found: the beam then counts
    as it should, by how many bursts each part of it finds. Bursts of an S/N below 1 count
    as not found.

    Attributes
    ----------
    completeness : Completeness
    slope : float
        Above 0; 1.5 of sources that are spread evenly in space.
    """

    completeness: Completeness
    slope: float

    @property
    def name(self) -> str:
        return f"{self.completeness.name}, slope {self.slope:g}"

    def found(
        self, snr: ArrayLike, width_s: ArrayLike, threshold: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Number found of all fluxes, over that above the flux with this S/N."""
        level = np.nan if threshold is None else threshold
        snr, width, level = np.broadcast_arrays(
            np.asarray(snr, float), np.asarray(width_s, float), np.asarray(level, float)
        )
        kinds, which = np.unique(
            np.stack([width.ravel(), level.ravel()]), axis=1, return_inverse=True
        )
        moment = np.array([self._moment(w, t) for w, t in kinds.T])
        return snr**self.slope * moment[which.ravel()].reshape(snr.shape)

    def _moment(self, width_s: float, threshold: float) -> float:
        known = None if np.isnan(threshold) else threshold
        top = _BRIGHTEST * max(1.0, known or 1.0)
        log_s = np.linspace(np.log(_FAINTEST_SNR), np.log(top), _N_SNR)
        share = self.completeness.found(np.exp(log_s), width_s, known)
        inside = np.trapezoid(self.slope * np.exp(-self.slope * log_s) * share, log_s)
        return float(inside + share[-1] * top**-self.slope)


@dataclass(frozen=True)
class BurstGrid:
    """Fluxes and widths of bursts, and what is found of them.

    Attributes
    ----------
    flux_jy : (f,)
    width_s : (w,)
    completeness : Completeness
    """

    flux_jy: NDArray[np.float64]
    width_s: NDArray[np.float64]
    completeness: Completeness

    def exposure(self, coverage: Coverage, area_time: NDArray[np.floating]) -> NDArray[np.float64]:
        """Area times time times share found, (..., w, f).

        Parameters
        ----------
        coverage : Coverage
        area_time : (..., m)
            Area times time at the noise of each column of the coverage, in any unit.
        """
        shares = [coverage.found(self.flux_jy, w, self.completeness) for w in self.width_s]
        return np.stack([area_time @ share for share in shares], axis=-2)


def area_times_time(coverage: Coverage) -> NDArray[np.float64]:
    """Of each column of a coverage, all pixels together, (m,) deg2 h."""
    return coverage.seconds.sum(0, dtype=np.float64) * coverage.pixel_deg2 / 3600


def rate_limit(
    events: ArrayLike, exposure: NDArray[np.float64], searched: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Events over exposure, NaN where a survey says nothing.

    Parameters
    ----------
    events : array_like
        The limit on the mean of the count.
    exposure : array
        Area times time times share found.
    searched : array
        Area times time.
    """
    events, exposure, searched = np.broadcast_arrays(np.asarray(events, float), exposure, searched)
    known = (exposure > LEAST_SHARE * searched) & (searched > 0)
    return np.divide(events, exposure, out=np.full(exposure.shape, np.nan), where=known)


def upper_of(counts: NDArray[np.integer], limit: Callable[[int], float]) -> NDArray[np.float64]:
    """A limit on the mean for each of many counts; each different one is computed once."""
    different, which = np.unique(counts, return_inverse=True)
    return np.array([limit(int(k)) for k in different])[which]
