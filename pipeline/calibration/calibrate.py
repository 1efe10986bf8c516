"""Gains of a recording, solved on sources that are known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.calibration.gains import JY, RELATIVE, Gains
from pipeline.calibration.stefcal import solve_gains
from pipeline.calibration.sums import Sums, averaged, summed
from pipeline.catalog import Catalog
from pipeline.errors import InputError, NoDataError
from pipeline.imaging.settings import ImagingSettings
from pipeline.stages import Tell
from pipeline.visibilities.block import HandsReader, VisHeader
from pipeline.visibilities.flags import FlagSettings, known_flags

_LEAST_ANTENNAS = 3
_MOST_NAMED = 8
_USUAL_SNR = 10.0


@dataclass(frozen=True)
class CalibrationSettings:
    """How gains are solved.

    Attributes
    ----------
    start_s, stop_s : float
        Samples whose centres lie between, in seconds from the first; all unless given.
    reference : int or None
        Number of the antenna whose phases are 0; the one with the best gains unless given.
    average : int
        Channels that share a gain; 0 for as few as give them a S/N of 10, as a rule.
    min_snr : float
        Gains below it are none. Where an antenna has more of these than others it has no gains
        in that polarisation.
    imaging : ImagingSettings
        Its flags, and the lengths of baselines of its weighting, are heeded.
    """

    start_s: float = 0.0
    stop_s: float = math.inf
    reference: int | None = None
    average: int = 0
    min_snr: float = 5.0
    imaging: ImagingSettings = field(default_factory=ImagingSettings)


class Calibration(NamedTuple):
    """Gains, and what to say about them."""

    gains: Gains
    summary: dict[str, Any]


def calibrate(
    vis: HandsReader,
    sky: Catalog,
    settings: CalibrationSettings | None = None,
    *,
    flux_known: bool = True,
    progress: Tell | None = None,
) -> Calibration:
    """Solve for the gains of a recording.

    Parameters
    ----------
    vis : HandsReader
    sky : Catalog
        What is seen: point sources, through the primary beam where it is known.
    settings : CalibrationSettings, optional
    flux_known : bool
        Whether the fluxes are in Jy; calibrated data are in units of the source otherwise.
    progress : callable, optional
        Called with the samples read and their number.

    Raises
    ------
    InputError
        If the settings do not fit the recording.
    NoDataError
        If nothing has weight, or no antenna has a solution.
    """
    settings = settings or CalibrationSettings()
    header = vis.header
    antennas = np.unique(header.baselines)
    _check(header, settings, antennas)
    start, stop = _samples(header, settings)
    sums = summed(vis, sky, _used(vis, settings, (start + stop) // 2), (start, stop), progress)
    average = settings.average or 1
    freq_mhz, solved = _solved(header, sums, average, antennas)
    while not settings.average and average < len(header.freq_mhz) and _noisy(solved):
        average = min(2 * average, len(header.freq_mhz))
        freq_mhz, solved = _solved(header, sums, average, antennas)
    gain, error = solved.gain, solved.error
    good = _trusted(gain, error, settings.min_snr)
    if not good.any():
        problem = f"no antenna has gains of S/N {settings.min_snr:g}"
        remedy = "check the position of the source, use more samples, or average channels"
        raise NoDataError(header.source, "data", problem, remedy)
    gain, reference = _referred(gain, error, good, antennas, settings.reference)
    gains = Gains(
        antennas=antennas,
        freq_mhz=freq_mhz,
        channel_width_mhz=_width(header, average),
        polarisations=header.polarisations,
        gain=np.where(good, gain, 0).astype(np.complex64),
        weight=np.where(good, 1 / np.where(good, error, 1) ** 2, 0).astype(np.float32),
        unit=JY if flux_known else RELATIVE,
        source=header.source,
        model=_described(sky, flux_known),
        mjd=sums.mjd,
    )
    summary = _summary(gains, reference, (start, stop), vis)
    summary["average"] = average
    summary["outliers"] = float(solved.outliers[(error > 0).any(axis=0)].mean())
    if flux_known:
        noise = solved.sigma / math.sqrt(sums.weight)
        summary["sefd_jy"] = _sefd_jy(noise, gains, header)
    return Calibration(gains, summary)


def _check(header: VisHeader, settings: CalibrationSettings, antennas: NDArray) -> None:
    if len(antennas) < _LEAST_ANTENNAS:
        problem = f"there are {len(antennas)}"
        raise InputError(header.source, "antennas", problem, "three or more have gains")
    if not 0 <= settings.average <= len(header.freq_mhz):
        remedy = f"give 1 to {len(header.freq_mhz)} channels, or 0"
        raise InputError("command line", "--average", f"is {settings.average}", remedy)
    if settings.reference is not None and settings.reference not in antennas:
        remedy = f"give one of {', '.join(map(str, antennas))}"
        problem = f"{settings.reference} is not in {header.source}"
        raise InputError("command line", "--reference", problem, remedy)


def _samples(header: VisHeader, settings: CalibrationSettings) -> tuple[int, int]:
    last_s = (header.n_samples - 1) * header.tsamp_s
    slack = 1e-6 * header.tsamp_s
    start = math.ceil((max(settings.start_s, 0) - slack) / header.tsamp_s)
    stop = math.floor((min(settings.stop_s, last_s) + slack) / header.tsamp_s) + 1
    if start >= stop:
        problem = f"no sample lies from {settings.start_s:g} to {settings.stop_s:g} s"
        remedy = f"{header.source} has samples every {header.tsamp_s:.4g} s from 0 to {last_s:.6g}"
        raise InputError("command line", "--start", problem, remedy)
    return start, stop


def _used(vis: HandsReader, settings: CalibrationSettings, sample: int) -> NDArray[np.bool_]:
    """What is neither flagged nor on a baseline that is too short or long, (baseline, channel)."""
    header = vis.header
    used = np.ones((len(header.baselines), len(header.freq_mhz)), bool)
    if settings.imaging.flags != FlagSettings():
        used &= ~known_flags(header, settings.imaging.flags)[0]
    weighting = settings.imaging.weighting
    if weighting.uv_min_m > 0 or weighting.uv_max_m < type(weighting)().uv_max_m:
        uvw = vis.uvw(sample, sample + 1, header.centre)[0][0]
        # Baselines that were not recorded just then are known by no length.
        used &= (weighting.uses(uvw) | ~np.isfinite(uvw).all(-1))[:, None]
    return used


def _width(header: VisHeader, average: int) -> float:
    """Bandwidth that a gain is good for: channels, and what lies between them."""
    step = np.abs(np.diff(header.freq_mhz)).max(initial=0.0) if average > 1 else 0.0
    return max(header.channel_width_mhz * average, step * (average - 1))


class _Solved(NamedTuple):
    """As :class:`Solutions`, of antennas, channels and polarisations."""

    gain: NDArray[np.complex64]
    error: NDArray[np.float32]
    sigma: NDArray[np.float32]
    outliers: NDArray[np.float32]


def _solved(
    header: VisHeader, sums: Sums, average: int, antennas: NDArray
) -> tuple[NDArray[np.float64], _Solved]:
    """Gains of averaged channels, and their frequencies."""
    freq_mhz, sums = averaged(header.freq_mhz, sums, average)
    power = _as_problems(sums.power)
    ratio = _as_problems(sums.product) / np.where(power > 0, power, 1)
    ends = np.searchsorted(antennas, header.baselines)
    solved = solve_gains(ratio, power, ends, len(antennas))
    of_problems = sums.power.shape[2:]
    gain = solved.gain.reshape(*of_problems, -1).transpose(2, 0, 1)
    error = solved.error.reshape(*of_problems, -1).transpose(2, 0, 1)
    sigma, outliers = (a.reshape(of_problems) for a in (solved.sigma, solved.outliers))
    return freq_mhz, _Solved(gain, error, sigma, outliers)


def _noisy(solved: _Solved) -> bool:
    known = solved.error > 0
    snr = np.abs(solved.gain[known]) / solved.error[known]
    return not len(snr) or float(np.median(snr)) < _USUAL_SNR


def _as_problems(sums: NDArray) -> NDArray:
    """Of (piece, baseline, channel, polarisation), (channel x polarisation, piece, baseline)."""
    n_pieces, n_baselines = sums.shape[:2]
    return sums.transpose(2, 3, 0, 1).reshape(-1, n_pieces, n_baselines)


def _trusted(gain: NDArray, error: NDArray, min_snr: float) -> NDArray[np.bool_]:
    """Which gains (antenna, channel, polarisation) are any."""
    good = (error > 0) & (np.abs(gain) >= min_snr * error)
    # Noise is above any limit now and then: a dead receiver is known by all of its channels.
    possible = good.any(axis=0).sum(axis=0)
    good &= (good.sum(axis=1) >= possible / 2)[:, None]
    return good


def _referred(
    gain: NDArray, error: NDArray, good: NDArray, antennas: NDArray, wanted: int | None
) -> tuple[NDArray, int]:
    """Gains with the phase of one antenna taken out, and its number.

    Where that has no solution, it is the next best one's.
    """
    snr = np.where(good, np.abs(gain) / np.where(error > 0, error, 1), 0)
    order = np.argsort(-np.sqrt(snr).sum(axis=(1, 2)), kind="stable")
    if wanted is not None:
        order = np.concatenate([np.flatnonzero(antennas == wanted), order])
    if not good[order[0]].any():
        remedy = "give another, or leave it out"
        problem = f"{antennas[order[0]]} has no solution"
        raise InputError("command line", "--reference", problem, remedy)
    first = order[good[order].argmax(axis=0)]
    phase = np.take_along_axis(gain, first[None], axis=0)
    size = np.abs(phase)
    turned = gain * np.where(size > 0, phase.conj() / np.where(size > 0, size, 1), 1)
    return turned, int(antennas[order[0]])


def _described(sky: Catalog, flux_known: bool) -> str:
    named = ", ".join(sky.names[:_MOST_NAMED])
    more = f" and {len(sky) - _MOST_NAMED} more" if len(sky) > _MOST_NAMED else ""
    flux = f"{sky.flux_jy.sum():.4g} Jy" if flux_known else "of unknown flux"
    return f"{named}{more}: {flux}"


def _summary(
    gains: Gains, reference: int, span: tuple[int, int], vis: HandsReader
) -> dict[str, Any]:
    header, good = vis.header, gains.weight > 0
    relative = 1 / np.sqrt(gains.weight[good]) / np.abs(gains.gain[good])
    partly = [
        f"{antenna} {hand}"
        for antenna, here in zip(gains.antennas, good, strict=True)
        for hand, some in zip(gains.polarisations, here.any(axis=0), strict=True)
        if here.any() and not some
    ]
    return {
        "source": gains.source,
        "model": gains.model,
        "unit": gains.unit,
        "mjd": gains.mjd,
        "notes": list(header.notes),
        "n_samples": span[1] - span[0],
        "start_s": span[0] * header.tsamp_s,
        "stop_s": (span[1] - 1) * header.tsamp_s,
        "n_antennas": len(gains.antennas),
        "bad_antennas": list(gains.bad_antennas),
        "bad_polarisations": partly,
        "n_channels": len(gains.freq_mhz),
        "channels_without_gains": int((~good.any(axis=(0, 2))).sum()),
        "polarisations": list(gains.polarisations),
        "reference": reference,
        "gain_error": float(np.median(relative)),
        "phase_error_deg": float(np.degrees(np.median(relative))),
    }


def _sefd_jy(noise: NDArray, gains: Gains, header: VisHeader) -> float:
    """Median SEFD of an antenna and polarisation, from what is left of single visibilities.

    Parameters
    ----------
    noise : (channel, polarisation)
        Standard deviation of either part of a recorded visibility.
    """
    good = gains.weight > 0
    size = np.where(good, np.abs(gains.gain), np.nan) ** 2
    n_independent = 2 * header.channel_width_mhz * 1e6 * header.tsamp_s
    return float(np.nanmedian(noise * math.sqrt(n_independent) / size))
