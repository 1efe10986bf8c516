"""From a recording to detections: read, search and keep, side by side.

A thread of its own reads the next frames while the device searches the last, with a
short queue between them, so that memory stays flat however long the recording is.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import jax
import numpy as np
from numpy.typing import NDArray

import cerberus
from cerberus.plan import SearchPlan
from cerberus.state import SearchState
from pipeline.block import Reader
from pipeline.candidates import DetectionTable
from pipeline.device import aligned_empty, release_freed_memory

WARM_UP_FRAMES = 16
"""Frames from which baseline and noise are learned before the first is searched."""


class Sink(Protocol):
    """Where detections go as they are found."""

    def append(self, table: DetectionTable) -> None: ...


@dataclass
class Progress:
    """How far a search is.

    Attributes
    ----------
    n_samples : int
        Samples searched so far.
    n_detections, n_dropped : int
        Peaks reported, and peaks for which a frame had no room.
    warming_up : bool
        Whether the samples so far are only being learned from.
    """

    n_samples: int = 0
    n_detections: int = 0
    n_dropped: int = 0
    warming_up: bool = False


@dataclass
class History:
    """Quality of the data frame by frame.

    Attributes
    ----------
    frames : list of (int, float, float, float)
        Middle sample of each frame; median over the pixels of the noise of one sample, of all
        channels that had weight; share of the data that had weight; share of the samples of
        which any had. One entry, so that an interrupt leaves none of them alone.
    noise_map : (y, x)
        Noise of every pixel at the end, all channels summed.
    """

    frames: list[tuple[int, float, float, float]] = field(default_factory=list)
    noise_map: NDArray[np.floating] = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def sample(self) -> NDArray[np.float64]:
        return self._column(0)

    @property
    def noise(self) -> NDArray[np.float64]:
        return self._column(1)

    @property
    def quality(self) -> NDArray[np.float64]:
        return self._column(2)

    @property
    def live(self) -> NDArray[np.float64]:
        return self._column(3)

    def _column(self, i: int) -> NDArray[np.float64]:
        return np.array([frame[i] for frame in self.frames], float)


_PIECE = 16


@dataclass(frozen=True)
class _Frame:
    """One frame on its way to the device, padded to whole frames and tiles."""

    start: int
    n_samples: int
    data: NDArray[np.float32]
    weights: NDArray[np.float32]
    quality: float


def _read_frame(reader: Reader, plan: SearchPlan, start: int, data: NDArray[np.float32]) -> _Frame:
    """Frame from sample ``start`` on, read into ``data``."""
    n = min(plan.frame, reader.header.n_samples - start)
    weights = np.zeros((plan.frame, plan.n_channels), np.float32)
    # Piece by piece: what the reader returns is a copy of its own.
    for first in range(0, n, _PIECE):
        last = min(first + _PIECE, n)
        block = reader.read(start + first, start + last)
        data[first:last, :, : plan.n_pixels] = block.data.reshape(*block.data.shape[:2], -1)
        weights[first:last] = block.weights
    data[:, :, plan.n_pixels :] = np.nan
    data[n:] = np.nan
    return _Frame(start, n, data, weights, float(np.mean(weights[:n] > 0)))


def _read_ahead(reader: Reader, plan: SearchPlan, starts: Sequence[int]) -> Iterator[_Frame]:
    """Frames of the recording, the next one read by another thread.

    Two frames are in memory: the one handed out, whose array is used again as soon as the
    next is asked for, and that next one.
    """
    shape = (plan.frame, plan.n_channels, plan.n_padded)
    buffers = [aligned_empty(shape) for _ in range(2)]
    ready: queue.Queue[_Frame | BaseException | None] = queue.Queue()
    room, ended = threading.Semaphore(2), threading.Event()

    def work() -> None:
        try:
            for i, start in enumerate(starts):
                room.acquire()
                if ended.is_set():
                    return
                ready.put(_read_frame(reader, plan, start, buffers[i % 2]))
            ready.put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that reads the queue
            ready.put(error)

    thread = threading.Thread(target=work, name="reader", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            room.release()
    finally:
        ended.set()
        room.release()
        thread.join()


def _table(plan: SearchPlan, found: cerberus.Detections) -> DetectionTable:
    columns = found.to_numpy()
    snr = columns["snr"]
    return DetectionTable(
        start=columns["start"],
        width=columns["width"],
        dm=plan.dm_pc_cm3[columns["i_dm"]],
        i_dm=columns["i_dm"],
        y=columns["y"],
        x=columns["x"],
        snr=snr,
        sigma=np.asarray(columns["flux"] / np.maximum(snr, 1e-30), np.float32),
    )


def _channel_weights(state: SearchState) -> NDArray[np.floating]:
    """One over the noise variance of each channel; 0 of those never seen."""
    variance = np.asarray(state.statistics.channel_variance, float)
    return np.divide(1, variance, out=np.zeros_like(variance), where=variance > 0)


def _pixel_noise(plan: SearchPlan, state: SearchState, total: float) -> NDArray[np.floating]:
    """Noise of one sample of all channels of a total weight, by pixel; NaN without data."""
    pixels = state.statistics.pixels
    relative = np.asarray(pixels.noise + pixels.flicker, float).ravel()[: plan.n_pixels]
    alive = np.asarray(pixels.alive).ravel()[: plan.n_pixels] & (relative > 0)
    return np.where(alive & (total > 0), np.sqrt(relative / max(total, 1e-300)), np.nan)


def _with_flags(frame: _Frame, channels: NDArray[np.floating]) -> tuple[float, float]:
    """How much flags raise the noise of samples with any data, and the share of these."""
    weight = frame.weights[: frame.n_samples] @ channels
    live = weight > 0
    if not live.any():
        return np.nan, 0.0
    return float(np.sqrt(channels.sum() / weight[live].mean())), float(live.mean())


def search_recording(
    reader: Reader,
    plan: SearchPlan,
    sink: Sink,
    on_progress: Callable[[Progress], None] | None = None,
    history: History | None = None,
) -> Progress:
    """Search a whole recording.

    The first frames are read twice: once to learn baseline and noise, backwards, so that
    what is known in the end is how the recording begins; then to be searched like all others,
    from the first sample to the last.

    Parameters
    ----------
    reader : Reader
    plan : SearchPlan
        For the band, sampling and image of the recording.
    sink : Sink
        Takes detections as they are found.
    on_progress : callable, optional
        Called after every frame.
    history : History, optional
        Filled in frame by frame.

    Returns
    -------
    Progress
        At the end.
    """
    progress = Progress(warming_up=True)
    history = History() if history is None else history
    tell = on_progress or (lambda _: None)
    n_samples = reader.header.n_samples
    search_frame = cerberus.compile_step(plan)
    release_freed_memory()
    state = cerberus.init(plan, aligned=True)
    starts = range(0, n_samples, plan.frame)
    for frame in _read_ahead(reader, plan, starts[:WARM_UP_FRAMES][::-1]):
        with reader.stages("search"):
            state, _ = search_frame(state, frame.data[::-1], frame.weights[::-1])
            jax.block_until_ready(state)
        del frame
        tell(progress)
    state = cerberus.restart(plan, state, turned=True)
    progress.warming_up = False

    def keep(found: cerberus.Detections) -> None:
        with reader.stages("detections"):
            table = _table(plan, found)
            progress.n_detections += len(table)
            progress.n_dropped += found.n_dropped
            sink.append(table)

    for frame in _read_ahead(reader, plan, starts):
        with reader.stages("search"):
            state, found = search_frame(state, frame.data, frame.weights)
            jax.block_until_ready((state, found))
        keep(found)
        channels = _channel_weights(state)
        noise = _pixel_noise(plan, state, channels.sum())
        median = float(np.nanmedian(noise)) if np.isfinite(noise).any() else np.nan
        raised, live = _with_flags(frame, channels)
        middle = frame.start + frame.n_samples // 2
        history.frames.append((middle, median * raised, frame.quality, live))
        history.noise_map = noise.reshape(plan.config.shape)
        progress.n_samples = frame.start + frame.n_samples
        del frame
        tell(progress)
    state, found = cerberus.finish(plan, state, search_frame)
    keep(found)
    tell(progress)
    return progress
