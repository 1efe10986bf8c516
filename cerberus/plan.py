"""From a question to the trials that answer it, with the loss that is left.

The DM grid is uniform in dispersion delay and the boxcar ladder is one ladder, both
spaced so that a pulse between two trials loses at most L = ``max_loss`` on each axis, and
less where finer trials cost little:

* a top-hat of width w smeared by a delay error e keeps 1 - e / (4 w), so the step in
  delay across the band is 8 w L (half a sample for one-sample pulses, L = 1/16);
* between neighbouring widths a < b the worst pulse keeps (a / b)^(1/4), 1 - 3/4 L here;
* a boxcar started every D samples keeps 1 - D / (2 w), 1 - L / 2 here, so D is w / 16 for
  L = 1/16 and the data are decimated as the widths grow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .config import SearchConfig
from .kernels.boxcar import Rung
from .kernels.dedisperse import DedispersionTree, build_tree

BEFORE, AFTER = 32, 16
"""Baseline window of a decimated level, in stretches of its narrowest boxcar: those before
a batch, and those from its start on."""

_COPIES = 8
"""Arrays as large as the dedispersed samples that a tile needs at a time, about."""

MOST_TRIALS = 1 << 16
"""DM trials that the code of a trial has room for."""

BATCH = 32
"""Entries of a decimated level that are searched at a time."""


@dataclass(frozen=True, eq=False)
class Level:
    """One decimation of the ladder.

    Attributes
    ----------
    decimation : int
        Samples in an entry of the level.
    rungs : tuple of Rung
        Widths in entries, and the rows each is matched with.
    dm_rows : (row,) int
        The plan's DM trial of each row.
    first_row : int
        Place of the first row in the ring that the decimated levels share.
    """

    decimation: int
    rungs: tuple[Rung, ...]
    dm_rows: NDArray[np.int64]
    first_row: int = 0

    @property
    def widths(self) -> tuple[int, ...]:
        """Boxcar widths in samples."""
        return tuple(r.width * self.decimation for r in self.rungs)

    @property
    def n_trials(self) -> int:
        return sum(r.n_rows for r in self.rungs)

    def n_entries(self, frame: int) -> int:
        """Entries that a frame of so many samples adds to, for each row."""
        return max(1, frame // self.decimation)


@dataclass(frozen=True, eq=False)
class SearchPlan:
    """Everything about a search that does not depend on the data.

    Attributes
    ----------
    config : SearchConfig
    dm_pc_cm3 : (trial,) float64
    delays : (trial, channel) int
        Delay of each channel after the highest, in samples.
    tree : DedispersionTree
    max_delay : int
    frame : int
        Samples per internal frame.
    tile, n_tiles : int
        Pixels a tile, and tiles in the image (the last one padded).
    levels : tuple of Level
        ``levels[0]`` runs at full rate, each of the others at twice the decimation.
    beam_reach, peak_margin : int
        Reach of a local maximum in pixels and in entries of its level.
    """

    config: SearchConfig
    dm_pc_cm3: NDArray[np.float64]
    delays: NDArray[np.int64]
    tree: DedispersionTree = field(repr=False)
    max_delay: int
    frame: int
    tile: int
    n_tiles: int
    levels: tuple[Level, ...]
    beam_reach: int
    peak_margin: int = 4

    @property
    def n_channels(self) -> int:
        return len(self.config.freq_mhz)

    @property
    def n_pixels(self) -> int:
        ny, nx = self.config.shape
        return ny * nx

    @property
    def n_padded(self) -> int:
        return self.n_tiles * self.tile

    @property
    def widths(self) -> tuple[int, ...]:
        """Every boxcar width of the ladder, in samples."""
        return tuple(w for level in self.levels for w in level.widths)

    @property
    def n_trials(self) -> int:
        """Pairs of DM and width."""
        return sum(level.n_trials for level in self.levels)

    @property
    def reach(self) -> int:
        """Samples before a frame that its full-rate boxcars reach back to."""
        return self.levels[0].rungs[-1].width - 1

    @property
    def delay_per_dm(self) -> float:
        """Delay across the band in samples for each pc cm^-3."""
        return float(band_delay(self.config, 1.0).max())

    def trial_dms(self, level: int, rung: int) -> NDArray[np.float64]:
        """DMs that one rung of one level is matched with."""
        rows = self.levels[level].dm_rows
        return self.dm_pc_cm3[rows[:: self.levels[level].rungs[rung].stride]]

    @property
    def coherence(self) -> NDArray[np.float64]:
        """Share of a variation common to all channels that each DM trial still sums."""
        n = self.delays.shape[1]
        return np.array(
            [np.sum((np.unique(d, return_counts=True)[1] / n) ** 2) for d in self.delays]
        )

    @property
    def ring_rows(self) -> int:
        """Rows of all decimated levels together."""
        return sum(len(level.dm_rows) for level in self.levels[1:])

    @property
    def ring_length(self) -> int:
        """Entries that the ring holds: those after the start of the oldest batch due."""
        # A frame's entries must not wrap around the end.
        step = max(BATCH, self.frame // 2)
        return step * -(-(self.lag + self._waiting) // step)

    @property
    def n_stretches(self) -> int:
        """Stretches that their ring holds: the window of the oldest batch due, and newer ones."""
        step = max(1, self.frame // 2 // self.stretch)
        newer = -(-self._waiting // self.stretch) + 1
        return step * -(-(BEFORE + AFTER + newer) // step)

    @property
    def _waiting(self) -> int:
        """Entries that follow the window of the oldest batch due, at most."""
        # A level waits for half a batch, or for the other batches of a frame.
        return max(BATCH // 2, self.frame // 2 - BATCH)

    @property
    def ring_widths(self) -> tuple[int, ...]:
        """Boxcar widths in entries that some decimated level uses."""
        return tuple(sorted({r.width for level in self.levels[1:] for r in level.rungs}))

    @property
    def stretch(self) -> int:
        """Entries in a stretch of the baseline: the narrowest boxcar of a level."""
        return self.ring_widths[0] if self.ring_widths else 1

    @property
    def lag(self) -> int:
        """Entries from the start of a batch to the end of its baseline window."""
        return AFTER * self.stretch

    @property
    def latency_samples(self) -> tuple[int, ...]:
        """Samples from the end of a pulse to its report, at most, for each level."""
        out = []
        for level in self.levels:
            lag = self.lag + 2 * BATCH if level.decimation > 1 else 0
            out.append(lag * level.decimation + self.max_delay + self.frame)
        return tuple(out)

    @property
    def state_bytes(self) -> int:
        """Memory of the state on the device."""
        n, config = self.n_padded, self.config
        # Five single numbers and six times eight for each pixel.
        per_pixel = (self.max_delay + self.reach) * self.n_channels + self.n_channels + 53
        flagged = 1.5 if config.pixel_weights else 1.0
        summed = self.ring_rows * self.ring_length + (len(self.levels) - 1) * self.n_stretches
        per_pixel += int(summed * flagged)
        per_pixel += sum(6 * self.peak_margin for _ in self.levels)
        return 4 * n * per_pixel


def band_delay(config: SearchConfig, dm: float) -> NDArray[np.float64]:
    """Delay of every channel after the highest one, in samples."""
    freq = np.asarray(config.freq_mhz, float)
    inverse = freq**-2.0
    return dm * config.dispersion_constant * (inverse - inverse.min()) / config.tsamp_s


def _check(config: SearchConfig) -> None:
    """Raise ValueError for what cannot be planned, as ``argument: what is wrong``."""
    freq = np.asarray(config.freq_mhz, float)
    good_freq = freq.ndim == 1 and freq.size > 0 and bool(np.all(np.isfinite(freq) & (freq > 0)))
    positive = ("tsamp_s", "max_width_s", "threshold", "dispersion_constant", "beam_fwhm_px")
    counts = ("max_detections", "frame", "tile", "n_samples", "working_bytes")
    checks = [
        ("freq_mhz", good_freq, "channel centres must be positive and finite"),
        ("freq_mhz", len(np.unique(freq)) == freq.size, "two channels have the same centre"),
        *(
            (name, np.isfinite(value) and value > 0, f"must be positive and finite, got {value}")
            for name in positive
            for value in [getattr(config, name)]
        ),
        *(
            (name, value is None or value >= 1, f"must be 1 or more, got {value}")
            for name in counts
            for value in [getattr(config, name)]
        ),
        (
            "dm_max",
            np.isfinite(config.dm_max) and config.dm_max >= 0,
            f"must be 0 or more pc/cc, got {config.dm_max}",
        ),
        (
            "max_width_s",
            not config.max_width_s < config.tsamp_s,
            f"{config.max_width_s} s is shorter than one sample ({config.tsamp_s} s)",
        ),
        (
            "max_loss",
            0 < config.max_loss <= 0.2,
            f"must be above 0 and at most 0.2, got {config.max_loss}",
        ),
        ("shape", min(config.shape) >= 1, f"must be at least 1 x 1 pixels, got {config.shape}"),
        (
            "frame",
            not config.frame or not config.frame & (config.frame - 1),
            f"must be a power of two, got {config.frame}",
        ),
    ]
    for name, fine, problem in checks:
        if not fine:
            raise ValueError(f"{name}: {problem}")
    if config.template is not None:
        _check_template(np.asarray(config.template))


def _check_template(template: NDArray[np.floating]) -> None:
    odd = template.ndim == 2 and all(n % 2 for n in template.shape)
    if not odd or not np.all(np.isfinite(template)):
        raise ValueError(
            "template: must be a finite image of an odd number of pixels each way, got shape"
            f" {template.shape}"
        )
    middle = template[template.shape[0] // 2, template.shape[1] // 2]
    if middle <= 0 or middle < template.max():
        raise ValueError("template: its peak, above zero, must be in the middle")


def _octave(first: int, ratio: float) -> list[int]:
    """Fewest geometric widths from ``first`` to twice it with steps within ``ratio``."""
    for count in range(1, first + 1):
        widths = [round(first * 2 ** (j / count)) for j in range(count + 1)]
        if all(b <= a * ratio for a, b in pairwise(widths)):
            return widths[:-1]
    return list(range(first, 2 * first))


def width_ladder(max_width: int, max_loss: float) -> list[list[int]]:
    """Boxcar widths of each level, in entries of that level.

    Parameters
    ----------
    max_width : int
        Widest pulse in samples.
    max_loss : float

    Returns
    -------
    list of list of int
        Level k has entries of 2**k samples.
    """
    ratio = (1 - 0.75 * max_loss) ** -4
    first = 1 << math.ceil(math.log2(1 / max_loss))
    octave = _octave(first, ratio)
    fine, width = [1], 1
    while fine[-1] < first:
        width = min(max(width + 1, math.floor(width * ratio)), first)
        fine.append(width)
    levels = [fine[:-1] + octave]
    while levels[-1][-1] * 2 ** (len(levels) - 1) < max_width:
        if first * 2 ** len(levels) * 2 > max_width * ratio:
            break
        levels.append(list(octave))
    last = 2 ** (len(levels) - 1)
    top = math.ceil(max_width / last)
    widths = levels[-1]
    while widths[-1] < top:
        widths.append(min(top, math.floor(widths[-1] * ratio)))
    levels[-1] = [*(w for w in widths if w < top), top if len(levels) == 1 else max(top, first)]
    return levels


def _strides(widths: list[int], decimation: int, step: float, max_loss: float) -> list[int]:
    """Power-of-two stride through the finest DM grid that each width allows."""
    out = []
    for width in widths:
        allowed = 8 * max_loss * width * decimation / step
        out.append(1 << max(0, math.floor(math.log2(allowed) + 1e-9)))
    return out


def _rows(n_grid: int, stride: int) -> int:
    """Trials that keep every delay within half a stride of one of them."""
    return math.ceil((n_grid - 1) / stride - 0.5) + 1


def make_plan(config: SearchConfig) -> SearchPlan:
    """Choose the trials, the frame and the tiles.

    Parameters
    ----------
    config : SearchConfig

    Returns
    -------
    SearchPlan

    Raises
    ------
    ValueError
        Naming the argument and its value.
    """
    _check(config)
    widest = int(config.max_width_s / config.tsamp_s + 1e-6)
    if config.n_samples is not None:
        widest = min(widest, max(1, config.n_samples // 4))
    ladder = width_ladder(widest, config.max_loss)

    span = float(band_delay(config, config.dm_max).max())
    step = 8 * config.max_loss
    strides = [_strides(w, 2**k, step, config.max_loss) for k, w in enumerate(ladder)]
    # The grid ends on a trial of every full-rate rung, so rows are plain slices of it.
    n_grid = math.ceil(span / step - 1e-9) + 1
    block = min(strides[0][-1], 1 << max(0, math.ceil(math.log2(max(n_grid - 1, 1)))))
    strides[0] = [min(s, block) for s in strides[0]]
    n_grid = 1 + block * math.ceil((n_grid - 1) / block)
    if n_grid > MOST_TRIALS:
        raise ValueError(
            f"dm_max: {config.dm_max} pc/cc needs {n_grid} DM trials, {MOST_TRIALS} are possible;"
            " lower it, or average samples"
        )
    per_dm = float(band_delay(config, 1.0).max())
    per_step = step / per_dm if per_dm > 0 else 0.0
    dms = np.arange(n_grid, dtype=np.float64) * per_step
    delays = np.rint(dms[:, None] * band_delay(config, 1.0)[None, :]).astype(np.int64)

    frame = config.frame or _frame_length(config, int(delays.max()), ladder)
    tile, n_tiles = _tiling(config, n_grid * (frame + ladder[0][-1] - 1))
    levels, first_row = [], 0
    for k, (widths, stride) in enumerate(zip(ladder, strides, strict=True)):
        rows = np.arange(n_grid) if k == 0 else _level_rows(n_grid, stride[0])
        rungs = []
        for width, s in zip(widths, stride, strict=True):
            # A decimated level has few rows: all of them serve all its widths.
            s = s if k == 0 else 1
            rungs.append(Rung(width, s, len(rows[::s])))
        levels.append(Level(1 << k, tuple(rungs), rows, first_row))
        first_row += len(rows) if k else 0
    return SearchPlan(
        config=config,
        dm_pc_cm3=dms,
        delays=delays,
        tree=build_tree(delays),
        max_delay=int(delays.max()),
        frame=frame,
        tile=tile,
        n_tiles=n_tiles,
        levels=tuple(levels),
        beam_reach=min(max(1, round(config.beam_fwhm_px / 2)), max(config.shape) - 1),
    )


def _level_rows(n_grid: int, stride: int) -> NDArray[np.int64]:
    return np.minimum(np.arange(_rows(n_grid, stride)) * stride, n_grid - 1)


def _tiling(config: SearchConfig, n_sums: int) -> tuple[int, int]:
    """Pixels a tile, and tiles: what stays in a core's cache, or fills a device.

    Parameters
    ----------
    n_sums : int
        Dedispersed samples of a pixel, of all trials.
    """
    n_pixels = config.shape[0] * config.shape[1]
    wanted = min(128, n_pixels)
    if config.working_bytes is not None:
        most = max(128, int(config.working_bytes / (4 * _COPIES * n_sums)))
        # As many pixels in each of the tiles: the last is padded.
        wanted = -(-n_pixels // -(-n_pixels // most))
    tile = config.tile or (-(-wanted // 8) * 8 if n_pixels > 8 else n_pixels)
    return tile, -(-n_pixels // tile)


def _frame_length(config: SearchConfig, max_delay: int, ladder: list[list[int]]) -> int:
    """Samples a frame, a power of two: long enough that carried history is cheap.

    A frame must hold the full-rate boxcars' history and a good part of the dispersion
    delay; very large images take short frames to bound the memory of a block.
    """
    n_pixels = config.shape[0] * config.shape[1]
    wanted = max(64 if n_pixels <= 512**2 else 16, ladder[0][-1], min(max_delay, 1024))
    return 1 << math.ceil(math.log2(wanted))
