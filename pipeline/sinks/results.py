"""What a search leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable
from pipeline.cutouts import Cutout

MAX_DETECTIONS_KEPT = 20_000


def _nothing() -> NDArray[np.float64]:
    return np.zeros(0)


@dataclass(frozen=True)
class FlagHistory:
    """What was flagged of visibilities, or of images.

    Attributes
    ----------
    time_s : (frame,)
        Middle of each frame, seconds from the start.
    shares : dict of (frame,) arrays
        Share of the data of each frame that each flagger flagged.
    freq_mhz, share_of_channel : (channel,)
        Share of each channel that was flagged, whoever did.
    """

    time_s: NDArray[np.floating]
    shares: Mapping[str, NDArray[np.floating]]
    freq_mhz: NDArray[np.floating]
    share_of_channel: NDArray[np.floating]


@dataclass(frozen=True)
class Overview:
    """How the whole recording looked to the search. Empty arrays: not known.

    Attributes
    ----------
    noise_map : (y, x)
        Noise of one sample per pixel, data units, over the whole recording.
    noise_time_s, noise : (time,)
        Median noise over the pixels, of the channels that had weight, at seconds from the
        start.
    quality_time_s, quality, live : (time,)
        Share of the data that had weight, and of the samples of which any channel had, 0 to 1.
    snr_edges, snr_counts : (bin + 1,), (bin,)
        Histogram of S/N over all trials.
    efficiency : dict of (width,) arrays
        ``"width_s"`` and, under a name such as ``"DM 500"``, the share of the ideal S/N
        that the trials keep for pulses of that width.
    flagged : dict of FlagHistory
        Under ``"visibilities"`` and ``"images"``, what was flagged of them.
    """

    noise_map: NDArray[np.floating] = field(default_factory=lambda: np.zeros((0, 0)))
    noise_time_s: NDArray[np.floating] = field(default_factory=_nothing)
    noise: NDArray[np.floating] = field(default_factory=_nothing)
    quality_time_s: NDArray[np.floating] = field(default_factory=_nothing)
    quality: NDArray[np.floating] = field(default_factory=_nothing)
    live: NDArray[np.floating] = field(default_factory=_nothing)
    snr_edges: NDArray[np.floating] = field(default_factory=_nothing)
    snr_counts: NDArray[np.number] = field(default_factory=_nothing)
    efficiency: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    flagged: Mapping[str, FlagHistory] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchResults:
    """All that a search found.

    Attributes
    ----------
    header : StreamHeader
        The recording.
    candidates : astropy.table.Table
        See :func:`pipeline.candidates.build_candidates`.
    cutouts : dict
        Cut-outs by candidate ``id``; perhaps of the best candidates only.
    detections : DetectionTable
        Raw detections for the overview figures; thinned when written.
    overview : Overview
        Noise, data quality, efficiency.
    summary : dict
        Contents of ``summary.json``.
    config : dict
        Configuration of the search, JSON-like.
    """

    header: StreamHeader
    candidates: Table
    cutouts: Mapping[int, Cutout]
    detections: DetectionTable
    overview: Overview
    summary: Mapping[str, Any]
    config: Mapping[str, Any]


def thin_detections(table: DetectionTable, most: int = MAX_DETECTIONS_KEPT) -> DetectionTable:
    """At most `most` detections: the brightest half, the rest evenly over time."""
    if len(table) <= most:
        return table
    order = np.argsort(-table.snr, kind="stable")
    bright, rest = order[: most // 2], np.sort(order[most // 2 :])
    rest = rest[np.argsort(table.start[rest], kind="stable")]
    even = np.linspace(0, len(rest) - 1, most - len(bright)).astype(int)
    return table[np.concatenate([bright, rest[even]])]
