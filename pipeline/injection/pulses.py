"""Pulses of a pass: drawn from the priors, apart from each other, as bright as asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cerberus.plan import SearchPlan
from pipeline.block import StreamHeader
from pipeline.injection.ideal import ideal_snr
from pipeline.injection.settings import InjectionSettings, Range
from pipeline.simulation.config import Pulse
from pipeline.simulation.pulses import delays_s, pulse_flux, sample_range

_APART_FWHM = 2.5
_GUARD_S, _GUARD_WIDTHS = 3.0, 3.0
Gain = Callable[[int], NDArray[np.float32] | None]
_TRIES, _AT_ONCE = 50, 8


@dataclass(frozen=True)
class Injection:
    """A pulse that is put in.

    Attributes
    ----------
    pulse : Pulse
        Its fluence is that before the primary beam.
    span : (int, int)
        Samples that it covers.
    snr : float
        Best S/N that it could have, see :func:`pipeline.injection.ideal.ideal_snr`.
    gain : float
        Of the primary beam, in the middle of the pulse.
    """

    pulse: Pulse
    span: tuple[int, int]
    snr: float
    gain: float = 1.0

    @property
    def x(self) -> float:
        assert self.pulse.x is not None
        return self.pulse.x

    @property
    def y(self) -> float:
        assert self.pulse.y is not None
        return self.pulse.y

    @property
    def fluence(self) -> float:
        """In the unit of the data times milliseconds."""
        assert self.pulse.fluence_jy_ms is not None
        return self.pulse.fluence_jy_ms

    def flux(self, header: StreamHeader, span: tuple[int, int] | None = None) -> NDArray:
        """Flux density (time, channel) through the beam, of the samples of ``span``."""
        span = span or self.span
        flux = pulse_flux(self.pulse, self.fluence, header.freq_mhz, header.tsamp_s, span)
        return self.gain * flux


@dataclass(frozen=True)
class Limits:
    """What the search looks for: pulses are drawn within, unless the settings say otherwise."""

    width_s: Range
    dm: Range

    @classmethod
    def of(cls, plan: SearchPlan) -> Self:
        """From a sample to the widest boxcar, and to the largest DM of a plan."""
        tsamp_s = plan.config.tsamp_s
        return cls((tsamp_s, max(plan.widths) * tsamp_s), (0.0, float(plan.dm_pc_cm3[-1])))


def draw_pass(
    settings: InjectionSettings,
    number: int,
    header: StreamHeader,
    noise: NDArray[np.float32],
    limits: Limits,
    gain: Gain = lambda _: None,
) -> list[Injection]:
    """Pulses of one pass over a recording, in order of time.

    Widths are drawn first, and the widest are placed first: how much room there is left does not
    change how they are distributed. No two that overlap in time, with three seconds and
    three widths around each, are within two and a half beams of each other; for that the image and
    the recording are closed to a ring.

    Parameters
    ----------
    settings : InjectionSettings
    number : int
        Of the pass; the same number gives the same pulses.
    header : StreamHeader
        The recording.
    noise : (channel, y, x)
        From :func:`pipeline.injection.ideal.measured_noise`.
    limits : Limits
    gain : callable
        Of the primary beam at a sample, (channel, y, x); None for 1.
    """
    rng = np.random.default_rng([settings.seed, number])
    widths = _log_uniform(rng, settings.width_s or limits.width_s, 4096)
    dms = rng.uniform(*(settings.dm or limits.dm), 4096)
    n = _n_of_pass(settings, header, widths, dms)
    order = np.argsort(-widths[:n])
    placed: list[Injection] = []
    room = _Room(header, n)
    for width, dm in zip(widths[:n][order].tolist(), dms[:n][order].tolist(), strict=True):
        where = room.place(rng, width, dm)
        drawn = _brightness(rng, settings), rng.uniform(*settings.spectral_index)
        if where is None:
            continue
        one = _injection(settings, where, (width, dm), drawn, header)
        placed.append(_scaled(settings, one, header, (noise, gain(_middle(one, header)))))
    return sorted(placed, key=lambda one: one.pulse.time_s)


def _log_uniform(rng: np.random.Generator, ends: Range, n: int) -> NDArray[np.float64]:
    return np.exp(rng.uniform(math.log(ends[0]), math.log(ends[1]), n))


def _brightness(rng: np.random.Generator, settings: InjectionSettings) -> float:
    return float(_log_uniform(rng, settings.fluence_jy_ms or settings.snr, 1)[0])


def _sweep_s(header: StreamHeader, dm: float) -> float:
    low, high = header.freq_mhz.min(), float(header.freq_mhz.max())
    return float(delays_s(dm, low, high))


def _taken_s(header: StreamHeader, width: float, dm: float) -> float:
    return width * (1 + 2 * _GUARD_WIDTHS) + 2 * _GUARD_S + _sweep_s(header, dm)


def _n_of_pass(
    settings: InjectionSettings,
    header: StreamHeader,
    widths: NDArray[np.float64],
    dms: NDArray[np.float64],
) -> int:
    """Pulses that fill the share of a recording that they may."""
    length = header.n_samples * header.tsamp_s
    area = math.pi * (_APART_FWHM * header.beam_fwhm_px / 2) ** 2
    taken = [
        min(_taken_s(header, w, d), length) * area
        for w, d in zip(widths.tolist(), dms.tolist(), strict=True)
    ]
    room = settings.filling * length * header.shape[0] * header.shape[1]
    # Of the mean, not of those that are placed: the prior would favour the narrow ones.
    return max(1, min(int(room / np.mean(taken)), len(widths), settings.n))


class _Room:
    """Where pulses are already.

    Distances are those on a torus: what is near an edge has as many neighbours as anything else,
    and places stay uniform.
    """

    def __init__(self, header: StreamHeader, most: int) -> None:
        self._header, self._n = header, 0
        self._taken = np.zeros((4, most))

    def place(
        self, rng: np.random.Generator, width: float, dm: float
    ) -> tuple[float, float, float] | None:
        """A time and a place (x, y) that are free, or None."""
        header, n = self._header, self._n
        length, (ny, nx) = header.n_samples * header.tsamp_s, header.shape
        half, later = _taken_s(header, width, dm) / 2, _sweep_s(header, dm) / 2
        near = _APART_FWHM * header.beam_fwhm_px
        middles, halves, other_x, other_y = self._taken[:, :n]
        for _ in range(_TRIES):
            time = rng.uniform(0, length, (_AT_ONCE, 1)) - header.tsamp_s / 2
            # Of an axis of one pixel there is nothing beside it.
            x, y = ((rng.uniform(size=(_AT_ONCE, 1)) - 0.5 / k) * k * (k > 1) for k in (nx, ny))
            away2 = _around(other_x - x, nx) ** 2 + _around(other_y - y, ny) ** 2
            together = _around(middles - later - time, length) < halves + half
            free = ~(together & (away2 < near**2)).any(axis=1)
            if free.any():
                time, x, y = (float(a[free.argmax(), 0]) for a in (time, x, y))
                self._taken[:, n] = time + later, half, x, y
                self._n += 1
                return time, x, y
        return None


def _around(distance: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Distance on a circle."""
    distance = np.abs(distance)
    return np.minimum(distance, np.abs(length - distance))


def _injection(
    settings: InjectionSettings,
    where: tuple[float, float, float],
    shape: tuple[float, float],
    drawn: tuple[float, float],
    header: StreamHeader,
) -> Injection:
    (time, x, y), (width, dm) = where, shape
    pulse = Pulse(
        time_s=time,
        width_s=width,
        dm=dm,
        fluence_jy_ms=drawn[0],
        x=x,
        y=y,
        spectral_index=drawn[1],
        profile=settings.profile,
    )
    return Injection(pulse, sample_range(pulse, header.freq_mhz, header.tsamp_s), float("nan"))


def _scaled(
    settings: InjectionSettings,
    one: Injection,
    header: StreamHeader,
    seen: tuple[NDArray[np.float32], NDArray[np.float32] | None],
) -> Injection:
    """An injection as bright as was drawn, were every sample of the recording good.

    Parameters
    ----------
    one : Injection
        Its fluence is what was drawn, be it the S/N.
    seen : (noise, gain)
    """
    (noise, gain), drawn = seen, one.fluence
    row, column = pixel_of(one, header)
    if gain is not None:
        one = replace(one, gain=float(np.nan_to_num(gain[:, row, column].mean())))
    here = noise[:, row, column]
    whole = np.full(header.n_channels, float(header.n_samples))
    # Of a pulse that reaches beyond the recording the whole counts: it is as bright as others.
    flux = one.flux(header)
    snr = ideal_snr(flux, np.ones_like(flux), here, np.maximum(whole, len(flux)))
    if settings.fluence_jy_ms is not None or not snr > 0:
        return replace(one, snr=snr)
    pulse = replace(one.pulse, fluence_jy_ms=drawn**2 / snr)
    return replace(one, pulse=pulse, snr=drawn)


def _middle(one: Injection, header: StreamHeader) -> int:
    """Sample of the recording that is nearest to the middle of a pulse."""
    return round(min(max(one.pulse.time_s / header.tsamp_s, 0), header.n_samples - 1))


def pixel_of(one: Injection, header: StreamHeader) -> tuple[int, int]:
    """Row and column of the nearest pixel."""
    ny, nx = header.shape
    return min(max(round(one.y), 0), ny - 1), min(max(round(one.x), 0), nx - 1)


def snr_as_recorded(
    one: Injection,
    header: StreamHeader,
    noise: NDArray[np.float32],
    weights: NDArray[np.float32],
) -> float:
    """Best S/N that an injection could have with the weights (time, channel) of the recording."""
    start, stop = max(one.span[0], 0), min(one.span[1], header.n_samples)
    if start >= stop:
        return 0.0
    row, column = pixel_of(one, header)
    flux = one.flux(header, (start, stop))
    return ideal_snr(flux, weights[start:stop], noise[:, row, column], weights.sum(0))
