"""Exposure of the sky: for each pixel, how long it was searched at which noise.

A histogram of the effective noise is enough for the exposure at any flux and width afterwards.
Its columns are bins of the noise of one second, of fixed edges, 24 a decade; each belongs to one
sampling time, widest pulse and threshold, so that searches of several kinds add up
in one map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import healpy
import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray

from surveys.coverage.completeness import Completeness, IdealCompleteness
from surveys.coverage.pointings import Pointings
from surveys.errors import InputError

FRAMES = ("icrs", "galactic")
Frame = Literal["icrs", "galactic"]
BINS_PER_DECADE = 24
_ICRS_OF_GALACTIC = healpy.Rotator(coord=("G", "C")).mat
_KEY = ("tsamp_s", "max_width_s", "threshold", "noise_bin")
SOURCES = ("name", "sha256", "n_pointings", "seconds", "n_candidates")
"""Columns of the table of what was added. Candidates of a table of pointings are not known: -1."""


@dataclass(frozen=True)
class Columns:
    """What the columns of a histogram stand for, sorted by the last three and the bin.

    Attributes
    ----------
    noise_bin : (m,) int
        Bin k is of the noise of one second from ``10^(k / 24)`` to ``10^((k + 1) / 24)`` Jy s^1/2.
    tsamp_s, max_width_s, threshold : (m,)
        Of the searches.
    sigma_1s : (m,)
        Mean noise in the bin, in Jy s^1/2: the exponential of the mean logarithm.
    """

    noise_bin: NDArray[np.int64]
    tsamp_s: NDArray[np.float64]
    max_width_s: NDArray[np.float64]
    threshold: NDArray[np.float64]
    sigma_1s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.noise_bin)

    @classmethod
    def none(cls) -> Columns:
        return cls.of_keys(np.zeros((0, 4)), np.zeros(0))

    @classmethod
    def of_keys(cls, keys: NDArray[np.float64], sigma_1s: NDArray[np.float64]) -> Columns:
        """Columns that :meth:`keys` has told apart."""
        tsamp_s, max_width_s, threshold, k = keys.T
        return cls(k.astype(np.int64), tsamp_s, max_width_s, threshold, sigma_1s)

    @property
    def noise_edges(self) -> NDArray[np.float64]:
        """(m, 2), Jy s^1/2."""
        return noise_edge(self.noise_bin[:, None] + np.arange(2))

    def keys(self) -> NDArray[np.float64]:
        """(m, 4), what tells columns apart."""
        return np.stack([getattr(self, name) for name in _KEY], axis=1).astype(np.float64)

    def snr(self, flux_jy: ArrayLike, width_s: float) -> NDArray[np.float64]:
        """S/N of top-hats in every column, (m, ...) for fluxes (...)."""
        filled = width_s / np.sqrt(np.maximum(width_s, self.tsamp_s)) / self.sigma_1s
        return np.multiply.outer(filled, np.asarray(flux_jy, float))


def noise_bin(sigma_1s: ArrayLike) -> NDArray[np.int64]:
    """Bin that a noise of one second, in Jy s^1/2, belongs to."""
    return np.floor(BINS_PER_DECADE * np.log10(sigma_1s)).astype(np.int64)


def noise_edge(k: ArrayLike) -> NDArray[np.float64]:
    """Lower edge of a bin, Jy s^1/2."""
    return np.asarray(10 ** (np.asarray(k) / BINS_PER_DECADE), np.float64)


def no_sources() -> Table:
    """The table of what was added, empty."""
    return Table(names=SOURCES, dtype=(str, str, int, float, int))


@dataclass(frozen=True)
class Coverage:
    """Where was searched, how long, and how deep.

    Attributes
    ----------
    nside : int
    frame : str
        "icrs" or "galactic".
    pixel : (n,) int64
        Those that were seen, rising, NESTED.
    seconds : (n, m) float32
        Time that the middle of the pixel was searched at the noise of each column; what was flagged
        is not in it.
    columns : Columns
    pointings : Pointings, optional
        What it was made of.
    least_gain : float
        Of the beam, where a place still counts.
    sources : Table
        Files that were added, with :data:`SOURCES`.
    settings : dict
        Configuration and versions, JSON-like.
    where : str
        The file, for errors.
    """

    nside: int
    frame: Frame
    pixel: NDArray[np.int64]
    seconds: NDArray[np.float32]
    columns: Columns
    pointings: Pointings | None = None
    least_gain: float = 0.1
    sources: Table = field(default_factory=no_sources)
    settings: dict[str, Any] = field(default_factory=dict)
    where: str = "coverage"

    @property
    def pixel_deg2(self) -> float:
        """Area of one pixel."""
        return float(healpy.nside2pixarea(self.nside, degrees=True))

    @property
    def area_deg2(self) -> float:
        """Area of all pixels that were seen."""
        return len(self.pixel) * self.pixel_deg2

    @property
    def total_s(self) -> NDArray[np.float64]:
        """Time that each pixel was searched, at whatever noise, (n,)."""
        return self.seconds.sum(1, dtype=np.float64)

    def exposure_s(
        self, flux_jy: float, width_s: float, completeness: Completeness | None = None
    ) -> NDArray[np.float64]:
        """Time of each pixel, times the share of pulses that was found in it, (n,).

        Parameters
        ----------
        flux_jy, width_s : float
            Flux density and width of a top-hat. Searches whose widest pulse is narrower
            count nothing.
        completeness : Completeness, optional
            The ideal one without.
        """
        return self.seconds @ self.found(flux_jy, width_s, completeness)

    def found(
        self, flux_jy: ArrayLike, width_s: float, completeness: Completeness | None = None
    ) -> NDArray[np.float64]:
        """Share that is found of pulses in every column, (m, ...) for fluxes (...)."""
        snr, columns = self.columns.snr(flux_jy, width_s), self.columns
        rest = (1,) * (snr.ndim - 1)
        threshold = columns.threshold.reshape(-1, *rest)
        share = (completeness or IdealCompleteness()).found(snr, width_s, threshold)
        searched = width_s <= columns.max_width_s * (1 + 1e-6)
        return np.where(searched.reshape(-1, *rest), share, 0.0)

    def centres(self, frame: Frame | None = None) -> tuple[NDArray, NDArray]:
        """Longitudes and latitudes of the pixels in a frame (their own without), degrees."""
        at = healpy.pix2vec(self.nside, self.pixel, nest=True)
        lon, lat = healpy.vec2ang(
            turned_to(np.stack(at, -1), self.frame, frame or self.frame), lonlat=True
        )
        return np.asarray(lon), np.asarray(lat)

    def degraded(self, nside: int) -> Coverage:
        """The same in larger pixels: means over all of each, so that time times area stays.

        Raises
        ------
        InputError
            The pixels are not larger.
        """
        if not 1 <= nside <= self.nside or nside & (nside - 1):
            remedy = f"give a power of two, up to {self.nside}"
            raise InputError(self.where, "nside", f"cannot become {nside}", remedy)
        share = (self.nside // nside) ** 2
        parents, first = np.unique(self.pixel // share, return_index=True)
        if not len(parents):
            return replace(self, nside=nside)
        sums = np.add.reduceat(self.seconds, first, axis=0, dtype=np.float64) / share
        return replace(self, nside=nside, pixel=parents, seconds=sums.astype(np.float32))

    def in_frame(self, frame: Frame) -> Coverage:
        """The same in pixels of another frame: each has what the pixel at its middle had.

        Time times area stays only as well as pixels at the edge are few; to make the map in the
        frame is better.
        """
        if frame == self.frame:
            return self
        here = turned_to(np.stack(healpy.pix2vec(self.nside, self.pixel, nest=True), -1),
                         self.frame, frame)  # fmt: skip
        near = healpy.vec2pix(self.nside, *here.T, nest=True)
        around = healpy.get_all_neighbours(self.nside, near, nest=True)
        pixel = np.unique(np.append(near, around[around >= 0]))
        there = turned_to(np.stack(healpy.pix2vec(self.nside, pixel, nest=True), -1),
                          frame, self.frame)  # fmt: skip
        old = healpy.vec2pix(self.nside, *there.T, nest=True)
        row = np.minimum(np.searchsorted(self.pixel, old), len(self.pixel) - 1)
        seen = self.pixel[row] == old
        return replace(self, frame=frame, pixel=pixel[seen], seconds=self.seconds[row[seen]])

    @property
    def n_candidates(self) -> int:
        """What the searches found, whatever it is; those that do not say are left out."""
        return int(np.maximum(self.sources["n_candidates"], 0).sum())

    def values(self, of_pixels: NDArray[np.floating], empty: float = healpy.UNSEEN) -> NDArray:
        """A full map of numbers of the pixels, NESTED, with `empty` where nothing was seen."""
        out = np.full(healpy.nside2npix(self.nside), empty, np.float32)
        out[self.pixel] = of_pixels
        return out


def turned_to(vectors: NDArray[np.float64], frame: str, to: str) -> NDArray[np.float64]:
    """Unit vectors (n, 3) in another frame."""
    if frame == to:
        return vectors
    return vectors @ (_ICRS_OF_GALACTIC.T if to == "icrs" else _ICRS_OF_GALACTIC)


def combined(parts: Sequence[Coverage]) -> Coverage:
    """The sum of coverages of different searches.

    Raises
    ------
    InputError
        Their pixels, frames or least gains differ, or a source is in two of them.
    """
    first = parts[0]
    for part in parts[1:]:
        for name in ("nside", "frame", "least_gain"):
            a, b = getattr(first, name), getattr(part, name)
            if a != b:
                problem = f"is {b}, that of {first.where} is {a}"
                raise InputError(part.where, name, problem, "make both with the same settings")
    _check_sources(parts)
    keys, place = np.unique(
        np.concatenate([p.columns.keys() for p in parts]), axis=0, return_inverse=True
    )
    pixel = np.unique(np.concatenate([p.pixel for p in parts]))
    seconds = np.zeros((len(pixel), len(keys)), np.float32)
    weight, logs, begin = np.zeros(len(keys)), np.zeros(len(keys)), 0
    for part in parts:
        column = place.ravel()[begin : begin + len(part.columns)]
        begin += len(part.columns)
        rows = np.searchsorted(pixel, part.pixel)
        for j, k in enumerate(column):
            seconds[rows, k] += part.seconds[:, j]
        total = part.seconds.sum(0, dtype=np.float64)
        weight[column] += total
        logs[column] += total * np.log(part.columns.sigma_1s)
    middle = np.log(noise_edge(keys[:, 3] + 0.5))
    logs = np.where(weight > 0, logs / np.where(weight > 0, weight, 1), middle)
    columns = Columns.of_keys(keys, np.exp(logs))
    pointings = [p.pointings for p in parts if p.pointings is not None]
    return replace(
        first,
        pixel=pixel,
        seconds=seconds,
        columns=columns,
        pointings=Pointings.joined(pointings) if pointings else None,
        sources=_stacked([p.sources for p in parts]),
    )


def _check_sources(parts: Sequence[Coverage]) -> None:
    seen: dict[str, str] = {}
    for part in parts:
        for digest, name in zip(part.sources["sha256"], part.sources["name"], strict=True):
            if digest in seen:
                problem = f"was counted already as {seen[digest]}"
                raise InputError(part.where, f"source {name}", problem, "leave one of them out")
            seen[str(digest)] = str(name)


def _stacked(tables: Sequence[Table]) -> Table:
    rows = [row for table in tables for row in zip(*(table[n] for n in SOURCES), strict=True)]
    if not rows:
        return no_sources()
    return Table([list(column) for column in zip(*rows, strict=True)], names=SOURCES)
