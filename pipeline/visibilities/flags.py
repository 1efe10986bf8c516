"""What a user knows to be bad: antennas and frequencies without weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from pipeline.config import ConfigProblem
from pipeline.errors import InputError
from pipeline.stages import Stages
from pipeline.visibilities.block import VisBlock, VisHeader, VisReader, VisWrapper

Flagger = Callable[[VisHeader, VisBlock], NDArray[np.bool_]]
"""What of a block is bad, broadcast against (time, baseline, channel)."""


@dataclass(frozen=True)
class FlagSettings:
    """What is known to be bad.

    Attributes
    ----------
    antennas : tuple of int
        Numbers of stations, of which no baseline is used.
    freq_mhz : tuple of (float, float)
        Ranges; channels that reach into one are not used.
    """

    antennas: tuple[int, ...] = ()
    freq_mhz: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        for i, (low, high) in enumerate(self.freq_mhz):
            if not low < high:
                problem = f"is {low:g} to {high:g}"
                raise ConfigProblem(f"freq_mhz[{i}]", problem, "give the lower end first")


def known_flags(header: VisHeader, settings: FlagSettings) -> NDArray[np.bool_]:
    """What of every sample is bad, (1, baseline, channel).

    Raises
    ------
    InputError
        If an antenna or a range is not in the recording, or nothing is left.
    """
    for antenna in settings.antennas:
        if antenna not in header.baselines:
            remedy = "give the number of a station that is there"
            raise InputError(header.source, "flags.antennas", f"{antenna} is not there", remedy)
    of_baseline = np.asarray(np.isin(header.baselines, settings.antennas)).any(axis=1)
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
    """

    def __init__(
        self,
        vis: VisReader,
        flaggers: Sequence[Flagger],
        stages: Stages | None = None,
        unused: NDArray[np.bool_] | None = None,
    ) -> None:
        super().__init__(vis)
        self._flaggers, self._stages = tuple(flaggers), stages or Stages()
        self._unused = np.zeros(len(vis.header.baselines), bool) if unused is None else unused

    def uvw(
        self, start: int, stop: int, centre: SkyCoord
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As of the recording; NaN for baselines that are not used."""
        uvw, path = self._vis.uvw(start, stop, centre)
        return np.where(self._unused[:, None], np.nan, uvw), path

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        block = self._vis.read(start, stop)
        with self._stages("flag"):
            weights = block.weights
            for flagger in self._flaggers:
                weights = np.where(flagger(self.header, block), np.float32(0), weights)
            return replace(block, weights=weights)
