"""A source in every pixel is no source: images that rise or grow noisy as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.block import Block, Reader, StreamHeader
from pipeline.flagging.frames import Flags, FramedReads, flagged_weights, frame_length
from pipeline.flagging.statistics import deviations, level_and_spread
from pipeline.flagging.sum_threshold import SumThreshold
from pipeline.flagging.tally import Tally
from pipeline.readers.base import BaseReader
from pipeline.visibilities.flags import check_sigmas

_LEAST_BEAMS = 32
_EXPLAINED = 0.1
"""Sidelobes of a channel are some three times those of the mean of all, which the PSF is of."""
_PEAK = 5.0
_UNKNOWN_SIDELOBES = 0.1, 0.02
"""Robust standard deviation and median of a PSF that is not known."""


@dataclass(frozen=True)
class ImageFlags:
    """``[flags]``: what is looked for in images.

    Attributes
    ----------
    everywhere : float
        Standard deviations by which the level of a whole image, or its noise, may stand out
        of a frame, unless a point and its sidelobes explain it; 0 for any.
    """

    everywhere: float = 7.0

    def __post_init__(self) -> None:
        check_sigmas("everywhere", self.everywhere)


@dataclass(frozen=True)
class Everywhere:
    """Flags samples of channels whose whole image rises, falls, or grows noisy.

    The level of an image is the median of its pixels, a beam apart, and its noise their
    robust scatter. Sidelobes of a bright pulse are everywhere as well, but they are to its
    peak what those of the PSF are to 1: interference has no such peak.

    Attributes
    ----------
    threshold : SumThreshold
    sidelobes : (float, float)
        Robust standard deviation and median of the PSF.
    beam_px : float
        FWHM of the beam.
    """

    threshold: SumThreshold = field(default_factory=lambda: SumThreshold(7.0))
    sidelobes: tuple[float, float] = _UNKNOWN_SIDELOBES
    beam_px: float = 1.0
    name: str = "everywhere"

    @classmethod
    def of(cls, header: StreamHeader, sigmas: float) -> Everywhere:
        """For images of a recording."""
        sidelobes = _UNKNOWN_SIDELOBES
        if header.psf is not None:
            level, spread = level_and_spread(np.asarray(header.psf, float).ravel())
            sidelobes = float(spread), abs(float(level))
        return cls(SumThreshold(sigmas), sidelobes, header.beam_fwhm_px)

    def applies(self, shape: tuple[int, int]) -> bool:
        """Whether images hold enough beams to be judged as a whole."""
        return shape[0] * shape[1] >= _LEAST_BEAMS * max(self.beam_px, 1.0) ** 2

    def __call__(self, block: Block) -> NDArray[np.bool_]:
        """What is flagged of a frame, (time, channel)."""
        cells = np.zeros(block.weights.shape, bool)
        if not self.applies(block.data.shape[2:]):
            return cells
        step = max(1, round(self.beam_px))
        pixels = block.data[:, :, ::step, ::step].reshape(*cells.shape, -1)
        pixels = np.where(block.weights[..., None] > 0, pixels, np.float32(np.nan))
        level, spread = level_and_spread(pixels)
        n = pixels.shape[-1]
        usual = float(np.nanmedian(spread)) if np.isfinite(spread).any() else 0.0
        if usual <= 0:
            return cells
        # Standard deviations of the median and of the scatter of n Gaussian values.
        rises = deviations(level, 1.2533 * usual / np.sqrt(n))
        # Images of which a part is flagged are noisier for good reason.
        whitened = np.sqrt(block.weights) * spread
        usable = np.where(whitened > 0, whitened, np.nan)
        noisy = deviations(np.log(usable), 1.1664 / np.sqrt(n))
        moved = self.threshold(rises) | self.threshold(-rises)
        loud = self.threshold(noisy)
        if moved.any() or loud.any():
            return self._without_points(block, moved, loud, step)
        return cells

    def _without_points(
        self, block: Block, moved: NDArray[np.bool_], loud: NDArray[np.bool_], step: int
    ) -> NDArray[np.bool_]:
        """What no point explains, in images less the mean of the others of the frame."""
        cells = np.zeros(moved.shape, bool)
        scatter, middle = self.sidelobes
        for channel in np.flatnonzero((moved | loud).any(axis=0)):
            suspect = moved[:, channel] | loud[:, channel]
            clean = ~suspect & (block.weights[:, channel] > 0)
            images = block.data[:, channel]
            mean, noise2 = np.zeros(images.shape[1:], np.float32), 0.0
            if clean.any():
                mean = images[clean].mean(axis=0)
                others = level_and_spread(_thinned(images[clean] - mean, step))[1]
                noise2 = float(np.median(others)) ** 2
            for t in np.flatnonzero(suspect):
                image = images[t] - mean
                level, spread = level_and_spread(_thinned(image, step))
                # Noise has peaks as well.
                peak = max(float(np.nanmax(image) - level) - _PEAK * np.sqrt(noise2), 0.0)
                excess = float(spread) ** 2 - noise2
                by_scatter = (peak * scatter) ** 2 >= _EXPLAINED * excess
                by_level = peak * middle >= _EXPLAINED * abs(float(level))
                cells[t, channel] = (loud[t, channel] and not by_scatter) or (
                    moved[t, channel] and not by_level
                )
        return cells


def _thinned(images: NDArray[np.floating], step: int) -> NDArray[np.floating]:
    """Pixels a beam apart, along one last axis."""
    part = images[..., ::step, ::step]
    return part.reshape(*part.shape[:-2], -1)


class FlaggedImages(BaseReader):
    """A recording of images of which some have no weight.

    Parameters
    ----------
    reader : Reader
        Not closed with this one.
    flagger : Everywhere

    Attributes
    ----------
    seen : Tally
        What was flagged of images; `tally` is that of the visibilities they are made of.
    """

    stage = "flag"

    def __init__(self, reader: Reader, flagger: Everywhere) -> None:
        self._reader, self._flagger = reader, flagger
        self.header, self._stages, self.tally = reader.header, reader.stages, reader.tally
        self.seen = Tally(self.header.freq_mhz)
        sample_bytes = 4 * self.header.n_channels * int(np.prod(self.header.shape))
        self._frames = FramedReads(
            reader.read, self.header.n_samples, frame_length(sample_bytes), self._judge
        )

    def _judge(self, block: Block) -> Flags:
        mask = self._flagger(block)
        samples = range(block.start, block.start + block.n_samples)
        self.seen.add(samples, block.weights > 0, {self._flagger.name: mask})
        return Flags(mask, np.zeros(0, bool))

    def judge(self, start: int, stop: int) -> Flags:
        """What is flagged of samples."""
        return self._frames.judge(start, stop)

    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        block, flags = self._frames.read(start, stop)
        return block.data, flagged_weights(block.weights, flags)

    @property
    def reads_whole(self) -> bool:
        return self._reader.reads_whole

    def gain(self, sample: int) -> NDArray[np.float32] | None:
        return self._reader.gain(sample)

    def cropped(self, rows: slice, columns: slice) -> Reader:
        """Some of the pixels, with the flags of whole images."""
        return _CroppedImages(self, self._reader.cropped(rows, columns))

    def close(self) -> None:
        pass


class _CroppedImages(BaseReader):
    """Pixels of flagged images."""

    stage = "flag"

    def __init__(self, whole: FlaggedImages, part: Reader) -> None:
        self._whole, self._part = whole, part
        self.header, self._stages, self.tally = part.header, whole.stages, whole.tally

    def _read(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        block = self._part.read(start, stop)
        if start == stop:
            return block.data, block.weights
        return block.data, flagged_weights(block.weights, [self._whole.judge(start, stop)])

    @property
    def reads_whole(self) -> bool:
        return self._part.reads_whole

    def gain(self, sample: int) -> NDArray[np.float32] | None:
        return self._part.gain(sample)

    def cropped(self, rows: slice, columns: slice) -> Reader:
        return _CroppedImages(self._whole, self._part.cropped(rows, columns))

    def close(self) -> None:
        pass
