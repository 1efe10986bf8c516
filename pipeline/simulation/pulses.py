"""Dispersed pulses, integrated exactly over the samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pipeline.simulation.config import Pulse

DISPERSION_S = 1 / 2.41e-4
"""Dispersion constant in s MHz2 pc-1 cm3."""
_SIGMA_PER_FWHM = 1 / (2 * np.sqrt(2 * np.log(2)))
_GAUSSIAN_REACH = 6.0
_MAX_SUBBANDS = 256


def delays_s(dm: float, freq_mhz: NDArray[np.float64], top_mhz: float) -> NDArray[np.float64]:
    """Delay behind ``top_mhz`` at each frequency."""
    return DISPERSION_S * dm * (freq_mhz**-2.0 - top_mhz**-2.0)


def spectrum(spectral_index: float, freq_mhz: NDArray[np.float64]) -> NDArray[np.float64]:
    """(nu / nu_centre)**spectral_index per channel; nu_centre is the mean of the centres."""
    return (freq_mhz / freq_mhz.mean()) ** spectral_index


def channel_width_mhz(freq_mhz: NDArray[np.float64]) -> float:
    """Distance of the channel centres; 0 for a single channel."""
    return float(abs(freq_mhz[1] - freq_mhz[0])) if len(freq_mhz) > 1 else 0.0


def sample_range(pulse: Pulse, freq_mhz: NDArray[np.float64], tsamp_s: float) -> tuple[int, int]:
    """Samples [start, stop) outside of which the pulse is nothing."""
    half = pulse.width_s / 2
    if pulse.profile == "gaussian":
        half = _GAUSSIAN_REACH * _SIGMA_PER_FWHM * pulse.width_s
    edge = channel_width_mhz(freq_mhz) / 2 if pulse.smearing else 0.0
    ends = np.array([freq_mhz.max() + edge, max(freq_mhz.min() - edge, 1e-3 * freq_mhz.min())])
    first, last = delays_s(pulse.dm, ends, freq_mhz.max())
    start = np.floor((pulse.time_s - half + first) / tsamp_s + 0.5)
    stop = np.ceil((pulse.time_s + half + last) / tsamp_s + 0.5)
    return int(start), int(stop)


def pulse_fractions(
    pulse: Pulse,
    freq_mhz: NDArray[np.float64],
    tsamp_s: float,
    start: int,
    stop: int,
) -> NDArray[np.float64]:
    """Part of the pulse's fluence that falls into each sample of each channel.

    The profile is integrated analytically over the sample; with smearing that is
    averaged over enough frequencies in the channel that neighbouring ones
    are delayed by less than an eighth of the sample or pulse.

    Returns
    -------
    (stop - start, channel)
        Sums to 1 over time in every channel.
    """
    top = float(freq_mhz.max())
    edges = (np.arange(start, stop + 1) - 0.5) * tsamp_s - pulse.time_s
    total = np.zeros((stop - start, len(freq_mhz)))
    offsets = _subband_offsets(pulse, freq_mhz, tsamp_s)
    for offset in offsets:
        delay = delays_s(pulse.dm, freq_mhz + offset, top)
        total += np.diff(_cumulative(edges[:, None] - delay, pulse), axis=0)
    return total / len(offsets)


def _subband_offsets(
    pulse: Pulse, freq_mhz: NDArray[np.float64], tsamp_s: float
) -> NDArray[np.float64]:
    """Frequencies in a channel, relative to its centre."""
    width = channel_width_mhz(freq_mhz)
    if not pulse.smearing or pulse.dm == 0 or width == 0:
        return np.zeros(1)
    low = float(freq_mhz.min())
    sweep = delays_s(pulse.dm, np.array([low - width / 2]), low + width / 2)[0]
    n = int(np.ceil(8 * sweep / min(pulse.width_s, tsamp_s))) | 1
    n = min(n, _MAX_SUBBANDS + 1)
    return ((np.arange(n) + 0.5) / n - 0.5) * width


def _cumulative(t: NDArray[np.float64], pulse: Pulse) -> NDArray[np.float64]:
    """Fraction of the undelayed pulse before ``t`` (seconds from its centre)."""
    if pulse.profile == "gaussian":
        return ndtr(t / (_SIGMA_PER_FWHM * pulse.width_s))
    return np.clip(t / pulse.width_s + 0.5, 0.0, 1.0)


def pulse_flux(
    pulse: Pulse,
    fluence_jy_ms: float,
    freq_mhz: NDArray[np.float64],
    tsamp_s: float,
    span: tuple[int, int],
) -> NDArray[np.float64]:
    """Flux density (time, channel) in Jy of a pulse, mean over each sample of ``span``."""
    fractions = pulse_fractions(pulse, freq_mhz, tsamp_s, *span)
    mean_jy = fluence_jy_ms / (1e3 * tsamp_s)
    return mean_jy * fractions * spectrum(pulse.spectral_index, freq_mhz)
