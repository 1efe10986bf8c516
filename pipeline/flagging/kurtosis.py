"""Power that varies otherwise than noise: generalised spectral kurtosis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.flagging.statistics import LEAST_SAMPLES


@dataclass(frozen=True)
class SpectralKurtosis:
    """Flags channels whose power does not vary over a frame as that of noise does.

    Of M powers, each the sum of d exponentially distributed ones, with the sum S1 and the sum
    of squares S2,

        SK = (M d + 1) / (M - 1) (M S2 / S1^2 - 1)

    is 1 on average (Nita & Gary 2010). It needs powers with their true zero and a known d:
    those of visibilities have both, a sample of images or of a filterbank neither.

    Attributes
    ----------
    sigmas : float
        Distance from 1 that is too large, on either side, in standard deviations.
    """

    sigmas: float = 6.0

    def __call__(
        self, power: NDArray[np.floating], n_accumulated: NDArray[np.floating]
    ) -> NDArray[np.bool_]:
        """Channels that do not hold noise, (channel,).

        Parameters
        ----------
        power : (time, channel)
            Means of exponentially distributed powers; NaN is left out.
        n_accumulated : (channel,)
            How many are in each mean.
        """
        m = np.isfinite(power).sum(axis=0)
        kurtosis = spectral_kurtosis(power, n_accumulated)
        with np.errstate(invalid="ignore", divide="ignore"):
            sigma = np.sqrt(_variance(m, np.asarray(n_accumulated, float)))
            return (m >= LEAST_SAMPLES) & (np.abs(kurtosis - 1) > self.sigmas * sigma)


def spectral_kurtosis(
    power: NDArray[np.floating], n_accumulated: NDArray[np.floating]
) -> NDArray[np.floating]:
    """The estimator of each channel, of powers (time, channel); NaN where there are too few."""
    there = np.isfinite(power)
    m = there.sum(axis=0)
    # The scale does not matter, and squares of single precision overflow.
    safe = np.where(there, power, 0.0).astype(float)
    total = safe.sum(axis=0)
    square = (safe**2).sum(axis=0)
    good = (m > 1) & (total > 0)
    m, total = np.where(good, m, 2), np.where(good, total, 1.0)
    value = (m * n_accumulated + 1) / (m - 1) * (m * square / total**2 - 1)
    return np.where(good, value, np.nan)


def _variance(m: NDArray[np.integer], d: NDArray[np.floating]) -> NDArray[np.floating]:
    """Variance of the estimator in noise (Nita & Gary 2010, eq. 9)."""
    md = m * d
    return 2 * d * (d + 1) * m**2 / ((m - 1) * (md + 2) * (md + 3)) if np.size(md) else md


def kurtosis_sigma(m: int, d: float) -> float:
    """Standard deviation of the estimator of ``m`` powers of ``d`` accumulations."""
    return math.sqrt(float(_variance(np.array(m), np.array(float(d)))))
