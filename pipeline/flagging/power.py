"""Flaggers of visibilities: what each says of the power of a frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.flagging.kurtosis import SpectralKurtosis
from pipeline.flagging.statistics import LEAST_SAMPLES, cube_root, deviations, medians
from pipeline.flagging.sum_threshold import SumThreshold
from pipeline.visibilities.block import VisBlock, VisHeader

_LEAST_ANTENNAS = 6
_LEAST_CHANNELS = 8
_N_NEIGHBOURS = 8
_LEAST_EXCESS, _ALWAYS_EXCESS = 0.1, 2.0
_DEAD = 5.0


class PointTest(Protocol):
    """Tells sources of the field from everything else."""

    def explains(self, frame: VisFrame, cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which cells (time, channel) hold the light of a point in the field."""
        ...


class VisFlagger(Protocol):
    """What all flaggers of visibilities have in common."""

    @property
    def name(self) -> str:
        """What it is called in the account of what was flagged."""
        ...

    def __call__(self, frame: VisFrame) -> NDArray[np.bool_]:
        """What is bad, broadcast against (time, baseline, channel)."""
        ...


@dataclass(frozen=True)
class VisFrame:
    """A frame of visibilities, and their power.

    Attributes
    ----------
    header : VisHeader
    block : VisBlock
        All samples of the frame; weights 0 for what is flagged already.
    """

    header: VisHeader
    block: VisBlock

    @cached_property
    def good(self) -> NDArray[np.bool_]:
        """What has weight and is finite, (time, baseline, channel)."""
        data = self.block.data
        return (self.block.weights > 0) & np.isfinite(data.real) & np.isfinite(data.imag)

    @cached_property
    def power(self) -> NDArray[np.float32]:
        """Squares of the amplitudes, 0 for what is not good."""
        data = self.block.data
        return np.where(self.good, data.real**2 + data.imag**2, np.float32(0))

    @cached_property
    def n_good(self) -> NDArray[np.integer]:
        """Good baselines, (time, channel)."""
        return np.count_nonzero(self.good, axis=1)

    @cached_property
    def level(self) -> NDArray[np.floating]:
        """Mean power of each baseline, (baseline,); 0 where there is none."""
        n = np.count_nonzero(self.good, axis=(0, 2))
        return self.power.sum(axis=(0, 2), dtype=float) / np.maximum(n, 1)

    @cached_property
    def relative(self) -> NDArray[np.floating]:
        """Mean over baselines of the power in units of their level, (time, channel)."""
        inverse = np.divide(1, self.level, out=np.zeros_like(self.level), where=self.level > 0)
        total = np.einsum("tbc,b->tc", self.power, inverse.astype(np.float32))
        return np.where(self.n_good > 0, total / np.maximum(self.n_good, 1), np.nan)


@dataclass(frozen=True)
class PowerFlagger:
    """Samples of channels whose power stands out of the frame, unless a source explains it.

    The power is the mean over baselines, each in units of its own: that of noise has a
    variance of one over their number. A source raises it as interference does: what stands
    out, and is the light of one point in the field, stays.

    Attributes
    ----------
    threshold : SumThreshold
    kurtosis : SpectralKurtosis, optional
        Judges what the threshold leaves.
    points : PointTest, optional
    """

    threshold: SumThreshold = field(default_factory=SumThreshold)
    kurtosis: SpectralKurtosis | None = None
    points: PointTest | None = None
    name: str = "power"

    def __call__(self, frame: VisFrame) -> NDArray[np.bool_]:
        n = frame.n_good
        with np.errstate(invalid="ignore", divide="ignore"):
            away = deviations(cube_root(frame.relative / medians(frame.relative), n), 1.0)
        high = stands = self.threshold(away)
        if high.any() and self.points is not None:
            # What a source explains varies for good reason: the kurtosis is not shown it.
            high = stands & ~self.points.explains(frame, stands)
        if self.kurtosis is not None:
            high = high | self.kurtosis(np.where(stands, np.nan, frame.relative), np.median(n, 0))
        return high[:, None, :]


@dataclass(frozen=True)
class ChannelFlagger:
    """Channels with more power than their neighbours for the whole frame.

    In units of what they have in the whole recording: a bandpass is no interference. A source
    in the field is in the neighbours as well.

    Attributes
    ----------
    sigmas : float
        In units of the scatter between channels. The excess is a tenth of the power at least.
    usual : (channel,) float
        Power of each in the recording, in any unit; NaN where it is not known.
    """

    sigmas: float
    usual: NDArray[np.floating]
    name: str = "channel"

    def __call__(self, frame: VisFrame) -> NDArray[np.bool_]:
        n_channels = len(frame.header.freq_mhz)
        bad = np.zeros((1, 1, n_channels), bool)
        there = (frame.n_good.sum(axis=0) > 0) & (self.usual > 0)
        if there.sum() < _LEAST_CHANNELS or len(frame.block.data) < LEAST_SAMPLES:
            return bad
        power = medians(frame.relative[:, there])
        bad[..., there] = stands_out(power / self.usual[there], self.sigmas, _LEAST_EXCESS)
        bad[..., there] |= stands_out(self.usual[there], self.sigmas, _ALWAYS_EXCESS)
        return bad


@dataclass(frozen=True)
class AntennaFlagger:
    """Antennas, and baselines, whose power is far from that of the others in a frame.

    Attributes
    ----------
    ratio : float
        An antenna, or a baseline beyond what its antennas explain, with so many times the
        power of the others is bad, and one with less than a fifth of one over that.
    """

    ratio: float
    name: str = "antenna"

    def __call__(self, frame: VisFrame) -> NDArray[np.bool_]:
        pairs = frame.header.baselines
        antennas, ends = np.unique(pairs, return_inverse=True)
        ends = ends.reshape(-1, 2)
        bad = np.zeros(len(pairs), bool)
        # The median over channels: a transmitter is not the fault of an antenna.
        n = np.count_nonzero(frame.good, axis=0)
        power = np.where(n > 0, frame.power.sum(axis=0, dtype=float) / np.maximum(n, 1), np.nan)
        level = np.nan_to_num(medians(power.T))
        there = level > 0
        of_antenna = np.array(
            [
                np.median(level[mine]) if (mine := there & (ends == a).any(axis=1)).any() else 0
                for a in range(len(antennas))
            ]
        )
        alive = of_antenna > 0
        if alive.sum() < _LEAST_ANTENNAS or len(frame.block.data) < LEAST_SAMPLES:
            return bad[None, :, None]
        usual = np.median(of_antenna[alive])
        high = of_antenna > self.ratio * usual
        dead = alive & (of_antenna < usual / (_DEAD * self.ratio))
        bad = (high | dead)[ends].any(axis=1)
        expected = of_antenna[ends].prod(axis=1) / usual
        bad |= there & (level > self.ratio * expected)
        return bad[None, :, None]


def stands_out(
    power: NDArray[np.floating], sigmas: float, least_excess: float
) -> NDArray[np.bool_]:
    """Channels with more power than the median of up to 8 neighbours on either side."""
    n, reach = len(power), _N_NEIGHBOURS
    around = [
        np.median(np.delete(power[max(0, i - reach) : i + reach + 1], min(i, reach)))
        for i in range(n)
    ]
    excess = power / np.maximum(around, 1e-300) - 1
    sigma = 1.4826 * float(np.median(np.abs(excess - np.median(excess))))
    return excess > max(sigmas * sigma, least_excess)
