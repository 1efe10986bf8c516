"""The top-hat that fits a pulse best: its flux density and its fluence."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from pipeline.block import StreamHeader
from pipeline.candidates import Detection
from pipeline.cutout_sums import Series, delays_s

_FURTHEST = 0.75
"""An edge is at most so many widths of the boxcar, of two samples at least, from its edge."""

_STEPS, _STARTS = 7, 4
"""Places of an edge that are tried, and from how many of the best the fit begins."""

_FORBIDDEN = 1e30
_SIMPLEX = {"xatol": 1e-3, "fatol": 1e-4, "maxfev": 300}


class TopHat(NamedTuple):
    """A pulse of constant flux density.

    Attributes
    ----------
    start : float
        Where it begins at the highest channel centre, samples.
    width : float
        Samples, one at least.
    dm : float
        pc cm^-3.
    flux : float
        Data units, in the pixel of the detection.
    fluence : float
        Flux x width, data units x samples.
    fluence_error : float
        Standard deviation of that, of the noise in the pulse and of its baseline.
    gain : float
        S/N over that of the boxcar of the detection.
    """

    start: float
    width: float
    dm: float
    flux: float
    fluence: float
    fluence_error: float
    gain: float


def fit_top_hat(
    series: Series, detection: Detection, header: StreamHeader, dm_step: float
) -> TopHat:
    """Fit edges and DM of a pulse by least squares, over fractions of samples.

    A boxcar of the search has one of a ladder of widths and begins with a sample: it holds a
    part of the pulse. Dispersion within a channel is left to the width.

    Parameters
    ----------
    series : Series
        The pixel of the detection.
    detection : Detection
    header : StreamHeader
    dm_step : float
        The DM is sought so far from that of the detection, to either side.

    Returns
    -------
    TopHat
        Its flux, fluence and gain are NaN where there are no data, or none beside the pulse.
    """
    window = series.window
    if not series.baseline_weight:
        nothing = math.nan, math.nan, math.nan, math.nan
        return TopHat(float(detection.start), float(detection.width), detection.dm, *nothing)
    unit = max(detection.width, 2)
    reach = unit * _FURTHEST + window.decimation
    sweep = delays_s(header.freq_mhz, detection.dm + dm_step) / header.tsamp_s
    first = max(0, math.floor((detection.start - reach - window.start) / window.decimation))
    last = detection.start + reach + detection.width + sweep.max() - window.start
    bins = slice(first, min(window.n_bins, math.ceil(last / window.decimation) + 1))
    signal, weight = series.signal[bins], series.weight[bins]
    begins = window.start + window.decimation * np.arange(window.n_bins)[bins, None]

    # The last bin may be shorter.
    ends = np.minimum(begins + window.decimation, window.stop)

    def delays(dm: float) -> NDArray[np.floating]:
        return delays_s(header.freq_mhz, dm) / header.tsamp_s

    def sums(start: float, width: float, delay: NDArray[np.floating]) -> tuple[float, float]:
        """Of signal and power under a pulse, each bin counting as far as it is filled."""
        low = start + delay
        high = np.minimum(ends, low + width)
        of = np.maximum(high - np.maximum(begins, low), 0) / (ends - begins)
        return float(np.sum(of * signal)), float(np.sum(of * of * weight))

    def loss(x: NDArray[np.floating]) -> float:
        off = np.abs(x) > [_FURTHEST, _FURTHEST, 1]
        start, width, dm = place(x)
        outside = start < window.start or start + width > window.stop
        if off.any() or dm < 0 or outside:
            return _FORBIDDEN
        flux, power = sums(start, width, delays(dm))
        return -flux / math.sqrt(power) if power > 0 else 0.0

    def place(x: NDArray[np.floating]) -> tuple[float, float, float]:
        """Start, width and DM of displacements of the edges in units and of the DM in steps."""
        start = detection.start + x[0] * unit
        width = max(1.0, detection.width + (x[1] - x[0]) * unit)
        return start, width, detection.dm + x[2] * dm_step

    edges = np.linspace(-0.6, 0.6, _STEPS)
    dms = (-0.8, -0.4, 0.0, 0.4, 0.8) if dm_step > 0 else (0.0,)
    tried = [np.array(x) for x in itertools.product(edges, edges, dms)]
    step = np.diag([0.1, 0.1, 0.2 if dm_step > 0 else 0.0])
    fits = [
        minimize(
            loss,
            near,
            method="Nelder-Mead",
            options={"initial_simplex": np.vstack([near, near + step]), **_SIMPLEX},
        )
        for near in sorted(tried, key=loss)[:_STARTS]
    ]
    fit = min(fits, key=lambda fit: fit.fun)
    start, width, dm = place(fit.x)
    flux, power = sums(start, width, delays(dm))
    if power <= 0 or fit.fun >= _FORBIDDEN:
        return TopHat(start, width, dm, math.nan, math.nan, math.nan, math.nan)
    variance = 1 / power + 1 / series.baseline_weight
    error = width * math.sqrt(variance)
    # The search delays by whole samples.
    found = sums(detection.start, detection.width, np.round(delays(detection.dm)))
    gain = -fit.fun * math.sqrt(found[1]) / found[0] if found[0] > 0 else math.nan
    values = start, width, dm, flux / power, flux / power * width, error, gain
    return TopHat(*map(float, values))
