"""DSA-110's fast visibilities: sixteen files of sub-bands, and many of them in time, as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.time import Time
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.imaging.geometry import (
    antenna_uvw,
    meridian_direction,
    place_on_sky,
    terrestrial_axes,
)
from pipeline.readers.base import LARGEST_SAMPLE
from pipeline.visibilities.block import HandsBlock, VisBlock, VisHeader
from pipeline.visibilities.nsfrb_file import (
    N_POLARISATIONS,
    FileHeader,
    antenna_positions,
    load_observation,
    phased_directions,
    read_header,
)
from pipeline.visibilities.nsfrb_name import parse_name
from surveys.instruments import dsa110

_MAX_OFF_GRID = 0.1
_MAX_DEC_DEG = 1e-3
_MAX_GAP_S = 86400.0
_FULL_HEADER = 16
_N_THREADS = 2
_POLARISATIONS = ("XX", "YY")


_Made = Callable[[NDArray[np.complex64]], tuple[NDArray[np.complex64], NDArray[np.float32]]]


@dataclass(frozen=True)
class _Piece:
    """One file: a sub-band and a stretch of time.

    Attributes
    ----------
    start : int
        Sample of the recording that its first one is.
    vis : (time, baseline, channel, polarisation) complex64
        Mapped, not read.
    """

    path: Path
    header: FileHeader
    number: str
    vis: NDArray[np.complex64]
    start: int = 0

    @property
    def n_samples(self) -> int:
        return len(self.vis)


class NsfrbReader:
    """Reads sub-bands of one or several numbers as one recording.

    The time and the declination of a recording are those of most of its sub-bands. What is
    missing, or does not go with the others, has weight 0 and is named in ``header.notes``.
    Visibilities that are exactly 0 were not recorded.

    Parameters
    ----------
    paths : sequence of path
        Files ``nsfrb_sbNN_FFFFF.out``, in any order.

    Raises
    ------
    InputError
        There is nothing that can be imaged, or the observation does not fit the files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        paths = sorted(Path(p) for p in paths)
        self._where = str(paths[0].parent)
        self._observation, path = load_observation(paths[0].parent)
        observation, self._told = self._observation, str(path)
        self._notes: list[str] = []
        files = self._open(paths)
        files = self._of_one_declination(files)
        self._pieces, self._starts, start = self._placed(files)
        self._note_missing()
        self._antennas = antenna_positions(observation, self._told)
        self._used = self._usable_baselines()
        self._site = observation.site
        stations = np.asarray(observation.antenna_order)
        n_samples = max(p.start + p.n_samples for p in self._pieces)
        first = Time(start, format="mjd", scale="utc") + observation.tsamp_s / 2 * units.s
        middle = first + 0.5 * (n_samples - 1) * observation.tsamp_s * units.s
        overhead = meridian_direction(
            middle.reshape(1), np.zeros(1), np.radians(self._dec_deg), self._site
        )
        self.header = VisHeader(
            source=self._where,
            freq_mhz=dsa110.freq_mhz(observation.channels).ravel(),
            channel_width_mhz=dsa110.channel_width_mhz(observation.channels),
            tsamp_s=observation.tsamp_s,
            start=first,
            n_samples=n_samples,
            baselines=stations[observation.pairs[self._used]],
            centre=place_on_sky(middle, overhead[0], self._site),
            unit=observation.unit,
            dish_m=observation.dish_m,
            notes=tuple(self._notes),
            site=self._site,
            polarisations=_POLARISATIONS,
        )

    def read(self, start: int, stop: int) -> VisBlock:
        """Samples ``start`` to ``stop`` (exclusive), clipped to the recording."""
        start, stop = self.header.clipped(start, stop)
        return VisBlock(start, *self._filled(start, stop, (), _intensity))

    def read_hands(self, start: int, stop: int) -> HandsBlock:
        """As :meth:`read`, both polarisations apart."""
        start, stop = self.header.clipped(start, stop)
        return HandsBlock(start, *self._filled(start, stop, (N_POLARISATIONS,), _both))

    def _filled(
        self, start: int, stop: int, rest: tuple[int, ...], made: _Made
    ) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        """What is made of samples, (time, baseline, channel, *rest), and its weights."""
        channels = self._observation.channels
        shape = (stop - start, len(self._used), dsa110.N_SUBBANDS, channels, *rest)
        data, weights = np.zeros(shape, np.complex64), np.zeros(shape, np.float32)

        def fill(piece: _Piece) -> None:
            low, high = max(start, piece.start), min(stop, piece.start + piece.n_samples)
            for t in range(low, high):
                # A sample of a sub-band stays in the cache through all of it.
                raw = piece.vis[t - piece.start][self._used]
                at = t - start, slice(None), piece.header.subband
                data[at], weights[at] = made(raw)

        with ThreadPoolExecutor(_N_THREADS) as pool:
            list(pool.map(fill, self._pieces))
        flat = (stop - start, len(self._used), dsa110.N_SUBBANDS * channels, *rest)
        return data.reshape(flat), weights.reshape(flat)

    def uvw(
        self, start: int, stop: int, centre: SkyCoord
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Baselines as seen from a direction, and the path not yet taken out of the data."""
        start, stop = self.header.clipped(start, stop)
        times = self.header.times(start, stop)
        i, j = self._observation.pairs[self._used].T
        seen = antenna_uvw(self._antennas, times, centre, self._site)
        uvw = seen[:, i] - seen[:, j]
        phased = phased_directions(
            self._observation, times, np.arange(start, stop), self._starts, self._dec_deg
        )
        towards = phased @ self._antennas.T
        return uvw, uvw[..., 2] - (towards[:, i] - towards[:, j])

    def pointing(self, start: int, stop: int, centre: SkyCoord) -> NDArray[np.float64]:
        """Where the dishes look, (time, 3): direction cosines l, m, n about a centre."""
        times = self.header.times(*self.header.clipped(start, stop))
        still = np.zeros(len(times))
        dishes = meridian_direction(times, still, np.radians(self._dec_deg), self._site)
        return np.einsum("tij,tj->ti", terrestrial_axes(times, centre, self._site), dishes)

    def close(self) -> None:
        self._pieces = []

    def _open(self, paths: Sequence[Path]) -> list[_Piece]:
        """All files, mapped; raises for what cannot be a sub-band of this observation."""
        files, ragged = [], []
        broken: InputError | None = None
        per_sample = self._observation.sample_bytes
        shape = (len(self._observation.pairs), self._observation.channels, N_POLARISATIONS)
        for path in paths:
            named = parse_name(path)
            assert named is not None
            try:
                header = read_header(path)
            except InputError as error:
                broken = broken or error
                self._notes.append(f"{path.name} is left out: {error.problem}")
                continue
            if header.subband >= dsa110.N_SUBBANDS:
                problem = f"is {header.subband}, the highest is {dsa110.N_SUBBANDS - 1}"
                raise InputError(str(path), "sub-band", problem, "remove the file")
            if header.subband != named[0]:
                problem = f"is {header.subband}, the name says {named[0]}"
                raise InputError(str(path), "sub-band", problem, "rename the file")
            n_samples, rest = divmod(path.stat().st_size - header.n_bytes, per_sample)
            if rest:
                ragged.append(path)
            if n_samples == 0:
                self._notes.append(f"{path.name} holds no whole sample and is left out")
                continue
            vis = np.memmap(path, "<c8", "r", header.n_bytes, (n_samples, *shape))
            files.append(_Piece(path, header, named[1], vis))
        if ragged and (len(ragged) == len(paths) or not files):
            self._raise_ragged(ragged[0])
        self._notes += [f"{path.name} ends within a sample, which is left out" for path in ragged]
        if not files:
            if broken is not None:
                raise broken
            raise InputError(self._where, "files", "hold no sample", "copy them again")
        if any(f.header.n_bytes != files[0].header.n_bytes for f in files):
            self._notes.append("some files have the header of 12 bytes, some that of 16")
        if files[0].header.n_bytes < _FULL_HEADER and self._observation.start_mjd is None:
            self._notes.append(
                "the header of 12 bytes has the time to some minutes, and so positions to some "
                f"degrees; give start_mjd in {self._told}"
            )
        return files

    def _raise_ragged(self, path: Path) -> None:
        observation = self._observation
        n, n_pairs = len(observation.antenna_order), len(observation.pairs)
        payload = path.stat().st_size - read_header(path).n_bytes
        problem = (
            f"{payload} bytes are no whole number of samples of {n_pairs} baselines "
            f"({n} antennas), {observation.channels} channels and {N_POLARISATIONS} polarisations"
        )
        remedy = f"correct antenna_order and channels in {self._told}, or copy the files again"
        raise InputError(str(path), "size", problem, remedy)

    def _of_one_declination(self, files: list[_Piece]) -> list[_Piece]:
        counts = Counter(sorted(round(f.header.dec_deg, 6) for f in files)).most_common(2)
        self._dec_deg = counts[0][0]
        if len(counts) > 1 and counts[0][1] == counts[1][1]:
            problem = f"as many files are of {counts[0][0]:.4f} as of {counts[1][0]:.4f}"
            remedy = "search those of each apart"
            raise InputError(self._where, "declination", problem, remedy)
        kept = []
        for f in files:
            if abs(f.header.dec_deg - self._dec_deg) <= _MAX_DEC_DEG:
                kept.append(f)
                continue
            self._notes.append(
                f"{f.path.name} is of declination {f.header.dec_deg:.4f}, not "
                f"{self._dec_deg:.4f}, and is left out"
            )
        return kept

    def _placed(self, files: list[_Piece]) -> tuple[list[_Piece], NDArray[np.int64], float]:
        """Files with their first sample, first samples of all numbers, and the MJD of sample 0."""
        tsamp_s = self._observation.tsamp_s
        numbers = {f.number: [g for g in files if g.number == f.number] for f in files}
        begins = {n: _most_common([g.header.mjd for g in same]) for n, same in numbers.items()}
        ordered = sorted(numbers, key=lambda n: begins[n])
        first_mjd = begins[ordered[0]]
        placed: list[_Piece] = []
        starts: list[int] = []
        for number in ordered:
            same, begin = numbers[number], begins[number]
            _check_twice(same)
            exact = (begin - first_mjd) * 86400 / tsamp_s
            start, before = round(exact), max((p.start + p.n_samples for p in placed), default=0)
            where = str(same[0].path)
            if placed and any(p.header.n_bytes < _FULL_HEADER for p in same + placed):
                problem = "headers of 12 bytes do not tell which comes when"
                raise InputError(where, "MJD", problem, "search the numbers one by one")
            if abs(exact - start) > _MAX_OFF_GRID:
                problem = f"begins {exact - start:+.2f} samples off the grid of the first file"
                raise InputError(where, "MJD", problem, "search the files one by one")
            if (start - before) * tsamp_s > _MAX_GAP_S:
                problem = "begins more than a day after the file before"
                raise InputError(where, "MJD", problem, "search the files one by one")
            starts.append(start)
            here = self._in_step(self._of_usual_length(same), begin, start)
            for p in here:
                ends = [
                    q.start + q.n_samples for q in placed if q.header.subband == p.header.subband
                ]
                by = max(ends, default=p.start) - p.start
                if by > 0:
                    problem = f"begins {by * tsamp_s:.6g} s before another ends"
                    remedy = "remove one of the overlapping files"
                    raise InputError(str(p.path), "MJD", problem, remedy)
            placed += here
        shift = min(p.start for p in placed)
        placed = [replace(p, start=p.start - shift) for p in placed]
        if self._observation.start_mjd is not None:
            first_mjd = self._observation.start_mjd
        return placed, np.array(starts) - shift, first_mjd + shift * tsamp_s / 86400

    def _in_step(self, same: list[_Piece], begin: float, start: int) -> list[_Piece]:
        """Sub-bands of one number whose samples lie on one grid, and whose phases agree."""
        kept = []
        length = max(p.n_samples for p in same)
        for piece in same:
            late = (piece.header.mjd - begin) * 86400 / self._observation.tsamp_s
            by = round(late)
            said = f"{piece.path.name} begins {late:+.2f} samples after the other sub-bands"
            if abs(late - by) > _MAX_OFF_GRID or abs(by) >= length:
                self._notes.append(f"{said} and is left out")
            elif by % max(self._observation.fringe_samples, 1):
                self._notes.append(f"{said}, no whole number of fringe_samples, and is left out")
            else:
                if by:
                    self._notes.append(said)
                kept.append(replace(piece, start=start + by))
        return kept

    def _of_usual_length(self, same: list[_Piece]) -> list[_Piece]:
        """Sub-bands of one number, no longer than half of them are."""
        lengths = sorted((p.n_samples for p in same), reverse=True)
        usual, kept = lengths[(len(lengths) - 1) // 2], []
        for piece in same:
            if piece.n_samples > usual:
                self._notes.append(
                    f"{piece.path.name} has {piece.n_samples} samples, of which the first "
                    f"{usual} are used: most other sub-bands have no more"
                )
            elif piece.n_samples < usual:
                self._notes.append(
                    f"{piece.path.name} has {piece.n_samples} samples, others {usual}"
                )
            kept.append(replace(piece, vis=piece.vis[:usual]))
        return kept

    def _note_missing(self) -> None:
        missing: dict[tuple[int, ...], list[str]] = {}
        for number in dict.fromkeys(p.number for p in self._pieces):
            same = [p for p in self._pieces if p.number == number]
            lost = set(range(dsa110.N_SUBBANDS)) - {p.header.subband for p in same}
            missing.setdefault(tuple(sorted(lost)), []).append(number)
            for piece in same:
                some = piece.vis[[0, piece.n_samples // 2, piece.n_samples - 1]]
                if not any(_intensity(np.ascontiguousarray(a))[1].any() for a in some):
                    self._notes.append(
                        f"{piece.path.name} holds no visibility in its first, middle and last "
                        "samples"
                    )
        for lost, numbers in missing.items():
            if lost:
                names = ", ".join(f"{s:02d}" for s in lost)
                of = "" if len(missing) == 1 else f" of {', '.join(numbers)}"
                self._notes.append(f"missing sub-bands{of}: {names}")

    def _usable_baselines(self) -> NDArray[np.int64]:
        """Rows of the data that are no autocorrelations and of no bad antenna."""
        observation = self._observation
        unknown = set(observation.bad_antennas) - set(observation.antenna_order)
        if unknown:
            self._notes.append(f"bad antenna {min(unknown)} is not in antenna_order")
        bad = np.isin(observation.antenna_order, observation.bad_antennas)
        i, j = observation.pairs.T
        used = np.flatnonzero((i != j) & ~bad[i] & ~bad[j])
        if not len(used):
            problem = "leaves no baseline"
            raise InputError(self._told, "bad_antennas", problem, "name fewer")
        return used


def _intensity(raw: NDArray[np.complex64]) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Mean of the polarisations that are there, and how many of them are, of 1.

    Parameters
    ----------
    raw : (..., polarisation) complex64
        Contiguous.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        both = raw[..., 0] + raw[..., 1]
    parts = both.view(np.float32)
    # All bits of a visibility that was not recorded are 0. A comparison with NaN is false.
    whole = bool(raw.view(np.uint64).all())
    if whole and parts.min() >= -LARGEST_SAMPLE and parts.max() <= LARGEST_SAMPLE:
        both *= np.float32(0.5)
        return both, np.ones(both.shape, np.float32)
    _, good = _both(raw)
    count = good.sum(-1)
    total = np.where(good > 0, raw, 0).sum(-1)
    return total / np.maximum(count, 1), count / N_POLARISATIONS


def _both(raw: NDArray[np.complex64]) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Polarisations, and 1 where they are there."""
    # A comparison with NaN is false.
    inside = (np.abs(raw.real) <= LARGEST_SAMPLE) & (np.abs(raw.imag) <= LARGEST_SAMPLE)
    return raw, (inside & (raw != 0)).astype(np.float32)


def _most_common(values: list[float]) -> float:
    """The value that most have; of several the first in order."""
    counts = Counter(sorted(values))
    return counts.most_common(1)[0][0]


def _check_twice(same: list[_Piece]) -> None:
    subbands = [p.header.subband for p in same]
    for piece in same:
        if subbands.count(piece.header.subband) > 1:
            problem = f"is there twice with the number {piece.number}"
            raise InputError(str(piece.path), "sub-band", problem, "remove one of the files")
