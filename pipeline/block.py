"""What a recording is to the rest of the program: a header and blocks of samples.

A reader (see :class:`Reader`) opens a recording, says everything about it in a
:class:`StreamHeader`, and hands out :class:`Block` slices by sample number. It
never holds more of the file in memory than the slice that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol, Self

import numpy as np
from astropy.time import Time, TimeDelta
from astropy.wcs import WCS
from numpy.typing import NDArray

from pipeline.flagging.tally import Tally
from pipeline.stages import Stages


@dataclass(frozen=True)
class PrimaryBeam:
    """Where dishes look while images stay on the sky.

    Attributes
    ----------
    ra_deg, dec_deg : float
        ICRS, at the centre of sample 0.
    fwhm_deg : float or None
        In the middle of the band; None when the dishes are not known.
    drift : bool
        Whether they are at rest, and the sky moves through their beam.
    """

    ra_deg: float
    dec_deg: float
    fwhm_deg: float | None
    drift: bool


@dataclass(frozen=True)
class StreamHeader:
    """Axes and units of a recording.

    Attributes
    ----------
    source : str
        The path (or first path of several) to name in messages.
    freq_mhz : (channel,) float64
        Channel centres, in the order of the data.
    tsamp_s : float
        Sampling interval.
    start : astropy.time.Time
        UTC time of the *centre* of sample 0, kept in two-part precision.
    n_samples : int
        Length of the recording, gaps included.
    shape : (ny, nx)
        Image size in pixels; (1, 1) for a filterbank.
    wcs : astropy.wcs.WCS or None
        Two-dimensional celestial WCS of the image plane, ICRS.
    bunit : str
        Unit of the samples, ``"Jy/beam"`` when calibrated.
    psf : (y, x) float32 or None
        Point-spread function, peak 1, of any size.
    beam_fwhm_px : float
        FWHM of the synthesised beam in pixels (1 when unknown).
    notes : tuple of str
        What a user should know about the recording: what is missing, and why.
    primary_beam : PrimaryBeam, optional
        Of images that were made of visibilities.
    """

    source: str
    freq_mhz: NDArray[np.float64]
    tsamp_s: float
    start: Time
    n_samples: int
    shape: tuple[int, int] = (1, 1)
    wcs: WCS | None = None
    bunit: str = ""
    psf: NDArray[np.float32] | None = field(default=None, repr=False)
    beam_fwhm_px: float = 1.0
    notes: tuple[str, ...] = ()
    primary_beam: PrimaryBeam | None = None

    @property
    def n_channels(self) -> int:
        return len(self.freq_mhz)

    def cropped(self, rows: slice, columns: slice) -> StreamHeader:
        """The header of some of the pixels."""
        top, bottom, left, right = pixel_bounds(rows, columns, self.shape)
        wcs = None if self.wcs is None else self.wcs[top:bottom, left:right]
        return replace(self, shape=(bottom - top, right - left), wcs=wcs)

    def time_of(self, sample: float) -> Time:
        """UTC time of the centre of a (fractional) sample number."""
        return self.start + TimeDelta(sample * self.tsamp_s, format="sec")


def pixel_bounds(rows: slice, columns: slice, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """First row and the one after the last, first column and the one after the last."""
    top, bottom, _ = rows.indices(shape[0])
    left, right, _ = columns.indices(shape[1])
    return top, bottom, left, right


@dataclass(frozen=True)
class Block:
    """Consecutive samples of a recording.

    Attributes
    ----------
    start : int
        Sample number of the first sample.
    data : (time, channel, y, x) float32
        NaN where a pixel is flagged.
    weights : (time, channel) float32
        Relative weight of each sample, 0 where it is flagged or missing.
    """

    start: int
    data: NDArray[np.float32]
    weights: NDArray[np.float32]

    @property
    def n_samples(self) -> int:
        return self.data.shape[0]


class Reader(Protocol):
    """Random access to a recording by sample number."""

    header: StreamHeader

    @property
    def tally(self) -> Tally | None:
        """What was flagged of visibilities."""
        ...

    @property
    def stages(self) -> Stages:
        """What took how long."""
        ...

    @property
    def reads_whole(self) -> bool:
        """Whether images are read whole even where a part of them is asked for."""
        ...

    def read(self, start: int, stop: int) -> Block:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        ...

    def gain(self, sample: int) -> NDArray[np.float32] | None:
        """Gain that the fluxes of images still have in them, (channel, y, x); None for 1."""
        ...

    def cropped(self, rows: slice, columns: slice) -> Reader:
        """Some of the pixels; it reads through this reader, which closes the recording."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...
