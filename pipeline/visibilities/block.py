"""What recorded visibilities are to the rest of the program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from numpy.typing import NDArray


@dataclass(frozen=True)
class VisHeader:
    """Axes of a recording of visibilities.

    Attributes
    ----------
    source : str
        The path (or first path of several) to name in messages.
    freq_mhz : (channel,) float64
        Channel centres.
    channel_width_mhz : float
        Bandwidth of a channel.
    tsamp_s : float
        Sampling interval.
    start : astropy.time.Time
        UTC time of the centre of sample 0.
    n_samples : int
        Length of the recording, gaps included.
    baselines : (baseline, 2) int
        Antennas of each; no autocorrelations.
    centre : SkyCoord
        Where images have their centre unless asked otherwise: the phase centre, or where a
        recording without one looks in its middle.
    unit : str
        ``"Jy"`` when calibrated.
    dish_m : float
        Diameter of the antennas, 0 when it is not known.
    notes : tuple of str
        What a user should know about the recording: what is missing, and why.
    site : EarthLocation, optional
        Where the array is.
    polarisations : tuple of str
        What Stokes I is the mean of: parallel hands, or ``"I"`` itself.
    tracked : bool
        Whether ``centre`` is a phase centre.
    """

    source: str
    freq_mhz: NDArray[np.float64]
    channel_width_mhz: float
    tsamp_s: float
    start: Time
    n_samples: int
    baselines: NDArray[np.int64]
    centre: SkyCoord
    unit: str
    dish_m: float = 0.0
    notes: tuple[str, ...] = ()
    site: EarthLocation | None = None
    polarisations: tuple[str, ...] = ("I",)
    tracked: bool = False

    def clipped(self, start: int, stop: int) -> tuple[int, int]:
        """A range of samples cut to the recording."""
        start = min(max(start, 0), self.n_samples)
        return start, min(max(stop, start), self.n_samples)

    def times(self, start: int, stop: int) -> Time:
        """Centres of samples."""
        seconds = np.arange(start, stop) * self.tsamp_s
        return Time(self.start.jd1, self.start.jd2 + seconds / 86400, format="jd", scale="utc")


@dataclass(frozen=True)
class VisBlock:
    """Consecutive samples of a recording of visibilities.

    Attributes
    ----------
    start : int
        Sample number of the first sample.
    data : (time, baseline, channel) complex64
        Stokes I; what has weight 0 may be anything.
    weights : (time, baseline, channel) float32
        Relative inverse variance, 0 where flagged or missing.
    """

    start: int
    data: NDArray[np.complex64]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class HandsBlock:
    """Consecutive samples of a recording, its polarisations apart.

    Attributes
    ----------
    start : int
        Sample number of the first sample.
    data : (time, baseline, channel, polarisation) complex64
        What has weight 0 may be anything.
    weights : (time, baseline, channel, polarisation) float32
        Relative inverse variance, 0 where flagged or missing.
    """

    start: int
    data: NDArray[np.complex64]
    weights: NDArray[np.float32]


class VisReader(Protocol):
    """Random access to a recording of visibilities by sample number."""

    header: VisHeader

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        ...

    def uvw(
        self, start: int, stop: int, centre: SkyCoord
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Baselines as seen from a direction.

        A source of 1 at (l, m) has the visibility ``exp(-2 pi i (u l + v m + w (n - 1)))``,
        u, v and w in wavelengths, once it is turned to the centre.

        Returns
        -------
        uvw : (time, baseline, 3), metres
        path : (time, baseline), metres
            Difference of path towards the centre that is not taken out of the data: they are
            turned there by ``exp(2 pi i path / wavelength)``.
        """
        ...

    def pointing(self, start: int, stop: int, centre: SkyCoord) -> NDArray[np.float64]:
        """Where the dishes look, (time, 3): direction cosines l, m, n about a centre."""
        ...

    def close(self) -> None: ...


class HandsReader(VisReader, Protocol):
    """A recording of visibilities whose polarisations can be read apart."""

    def read_hands(self, start: int, stop: int) -> HandsBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        ...


class VisWrapper:
    """A recording of visibilities that is another one in all but what is overridden.

    Parameters
    ----------
    vis : VisReader
        Closed with this reader.
    """

    def __init__(self, vis: VisReader) -> None:
        self._vis, self.header = vis, vis.header

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        return self._vis.read(start, stop)

    def uvw(
        self, start: int, stop: int, centre: SkyCoord
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Baselines as seen from a direction, and the path to it."""
        return self._vis.uvw(start, stop, centre)

    def pointing(self, start: int, stop: int, centre: SkyCoord) -> NDArray[np.float64]:
        """Where the dishes look, (time, 3)."""
        return self._vis.pointing(start, stop, centre)

    def close(self) -> None:
        self._vis.close()
