"""Visibilities without weight: what a user knows to be bad, and what statistics tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from pipeline.config import ConfigProblem
from pipeline.errors import InputError
from pipeline.flagging.frames import Flags, FramedReads, flagged_weights, frame_length
from pipeline.flagging.power import VisFlagger, VisFrame
from pipeline.flagging.tally import Tally
from pipeline.stages import Stages
from pipeline.visibilities.block import VisBlock, VisHeader, VisReader, VisWrapper

Flagger = Callable[[VisHeader, VisBlock], NDArray[np.bool_]]
"""What of a block is bad, broadcast against (time, baseline, channel)."""


@dataclass(frozen=True)
class FlagSettings:
    """What is known to be bad of visibilities, and what is looked for.

    Attributes
    ----------
    antennas : tuple of int
        Numbers of stations, of which no baseline is used.
    baselines : tuple of (int, int)
        Pairs of stations that are not used, in either order.
    freq_mhz : tuple of (float, float)
        Ranges; channels that reach into one are not used.
    sum_threshold : float
        Standard deviations by which the power of samples and channels may stand out of a
        frame, unless a source in the field explains it; 0 for any.
    spectral_kurtosis : float
        Standard deviations by which the spectral kurtosis of a channel may be off; 0 for any.
    channel_excess : float
        Standard deviations of the scatter between channels by which one may have more power
        than its neighbours for a whole frame; 0 for any.
    antenna_ratio : float
        Most power of an antenna, or a baseline, over that of the others; 0 for any.
    """

    antennas: tuple[int, ...] = ()
    baselines: tuple[tuple[int, int], ...] = ()
    freq_mhz: tuple[tuple[float, float], ...] = ()
    sum_threshold: float = 6.0
    spectral_kurtosis: float = 0.0
    channel_excess: float = 8.0
    antenna_ratio: float = 5.0

    @property
    def any_known(self) -> bool:
        """Whether anything is known to be bad."""
        return bool(self.antennas or self.baselines or self.freq_mhz)

    @property
    def looks(self) -> bool:
        """Whether anything is looked for."""
        looked_for = self.sum_threshold, self.spectral_kurtosis, self.channel_excess
        return any(looked_for) or self.antenna_ratio > 0

    def __post_init__(self) -> None:
        for name in ("sum_threshold", "spectral_kurtosis", "channel_excess"):
            check_sigmas(name, getattr(self, name))
        if self.antenna_ratio != 0 and not 1.5 <= self.antenna_ratio <= 1e6:
            problem = f"is {self.antenna_ratio:g}"
            raise ConfigProblem("antenna_ratio", problem, "give 1.5 to 1e6, or 0 for none")
        for i, (low, high) in enumerate(self.freq_mhz):
            if not low < high:
                problem = f"is {low:g} to {high:g}"
                raise ConfigProblem(f"freq_mhz[{i}]", problem, "give the lower end first")


def check_sigmas(name: str, value: float) -> None:
    """Raise ConfigProblem unless a threshold is 0 or leaves most of the noise."""
    if value != 0 and not 3 <= value <= 1e6:
        raise ConfigProblem(name, f"is {value:g}", "give 3 to 1e6, or 0 for none")


def known_flags(header: VisHeader, settings: FlagSettings) -> NDArray[np.bool_]:
    """What of every sample is bad, (1, baseline, channel).

    Raises
    ------
    InputError
        If an antenna, a baseline or a range is not in the recording, or nothing is left.
    """
    for antenna in settings.antennas:
        if antenna not in header.baselines:
            remedy = "give the number of a station that is there"
            raise InputError(header.source, "flags.antennas", f"{antenna} is not there", remedy)
    of_baseline = np.asarray(np.isin(header.baselines, settings.antennas)).any(axis=1)
    for pair in settings.baselines:
        this = (np.sort(header.baselines, axis=1) == np.sort(pair)).all(axis=1)
        if not this.any():
            problem, remedy = f"{pair[0]} to {pair[1]} is not there", "give two stations of it"
            raise InputError(header.source, "flags.baselines", problem, remedy)
        of_baseline |= this
    of_channel = np.zeros(len(header.freq_mhz), bool)
    half = header.channel_width_mhz / 2
    for low, high in settings.freq_mhz:
        inside = (header.freq_mhz + half > low) & (header.freq_mhz - half < high)
        if not inside.any():
            problem = f"no channel lies within {low:g} to {high:g} MHz"
            remedy = f"{header.freq_mhz.min():g} to {header.freq_mhz.max():g} MHz are there"
            raise InputError(header.source, "flags.freq_mhz", problem, remedy)
        of_channel |= inside
    if of_baseline.all() or of_channel.all():
        raise InputError(header.source, "flags", "leave nothing", "flag less")
    return of_baseline.reshape(1, -1, 1) | of_channel


@dataclass(frozen=True)
class FrameFlagging:
    """What is looked for in fixed frames of a recording, and the account of it.

    Attributes
    ----------
    flaggers : tuple of VisFlagger
        In the order in which they look; each knows what those before have flagged.
    tally : Tally
    """

    flaggers: tuple[VisFlagger, ...]
    tally: Tally


class FlaggedReader(VisWrapper):
    """A recording of visibilities of which some have no weight.

    Parameters
    ----------
    vis : VisReader
        Closed with this reader.
    flaggers : sequence of callable
        Each looks at every block as it was recorded.
    stages : Stages, optional
    unused : (baseline,) bool, optional
        Baselines that images need not know of: it is as if they had not been recorded.
    looking : FrameFlagging, optional
        Looks at what the flaggers leave of whole frames.
    """

    def __init__(
        self,
        vis: VisReader,
        flaggers: Sequence[Flagger],
        stages: Stages | None = None,
        unused: NDArray[np.bool_] | None = None,
        looking: FrameFlagging | None = None,
    ) -> None:
        super().__init__(vis)
        self._flaggers, self._stages = tuple(flaggers), stages or Stages()
        self._unused = np.zeros(len(vis.header.baselines), bool) if unused is None else unused
        self._looking, self._frames = looking, None
        if looking is not None and vis.header.n_samples > 0:
            sample_bytes = 12 * len(vis.header.baselines) * len(vis.header.freq_mhz)
            length = frame_length(sample_bytes)
            self._frames = FramedReads(vis.read, vis.header.n_samples, length, self._judge)

    def uvw(
        self, start: int, stop: int, centre: SkyCoord
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As of the recording; NaN for baselines that are not used."""
        uvw, path = self._vis.uvw(start, stop, centre)
        return np.where(self._unused[:, None], np.nan, uvw), path

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        if self._frames is None:
            return self._without_known(self._vis.read(start, stop))
        block, flags = self._frames.read(*self.header.clipped(start, stop))
        block = self._without_known(block)
        with self._stages("flag"):
            return replace(block, weights=flagged_weights(block.weights, flags))

    def _without_known(self, block: VisBlock) -> VisBlock:
        with self._stages("flag"):
            weights = block.weights
            for flagger in self._flaggers:
                weights = np.where(flagger(self.header, block), np.float32(0), weights)
            return replace(block, weights=weights)

    def _judge(self, block: VisBlock) -> Flags:
        """What is flagged of a frame, beyond what is known."""
        assert self._looking is not None
        left = self._without_known(block)
        with self._stages("flag"):
            before = block.weights > 0
            masks = {"known": before & ~(left.weights > 0)}
            cells = np.zeros((len(block.data), len(self.header.freq_mhz)), bool)
            baselines = np.zeros(len(self.header.baselines), bool)
            frame = VisFrame(self.header, left)
            for flagger in self._looking.flaggers:
                mask = flagger(frame)
                masks[flagger.name] = mask
                if mask.any():
                    left = replace(left, weights=np.where(mask, np.float32(0), left.weights))
                    frame = VisFrame(self.header, left)
                    of_baselines = mask.shape[1] > 1
                    baselines |= mask[0, :, 0] if of_baselines else False
                    cells |= False if of_baselines else mask[:, 0]
            samples = range(block.start, block.start + len(block.data))
            self._looking.tally.add(samples, before, masks)
            return Flags(cells, baselines)
