"""The search once more, slowly and plainly: what the engine is tested against.

The whole recording lies in memory as float64; every sum is written as a sum and every
median as ``np.median``. There are no tiles, no rings, no shared partial sums and no
carried state besides the statistics themselves. Only the geometry of the search (trials,
frames, batches, windows) is taken from the plan, and a few limits from the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .calibration import MOST_SAMPLES
from .kernels.baseline import BRIGHT
from .kernels.boxcar import TIE
from .levels import LEAST_STRETCHES, OUTLIER, PULSE_STRETCHES
from .plan import AFTER, BATCH, BEFORE, Level, SearchPlan

Array = NDArray[np.float64]

WINSOR_MOMENT = 0.99500728
"""E[min(x^2, 9)] of a standard normal variable."""

KEPT = ("level", "noise", "flicker")
"""What is averaged by medians of eight frames."""

TRIMMED_VARIANCE = 0.1682
"""Variance of the median of eight standard normal variables."""


@dataclass
class LevelMap:
    """Best S/N of one level at every time and pixel.

    Attributes
    ----------
    first : int
        Sample of the first time: where boxcars end at level 0, where they start at the
        others.
    snr : (time, pixel) float64
    rung, row : (time, pixel) int
        Best trial: which width of the level and which of its rows.
    """

    first: int
    snr: Array
    rung: NDArray[np.int64]
    row: NDArray[np.int64]


@dataclass
class _Statistics:
    """What is known of the channels and pixels, frame by frame."""

    n_frames: int
    channel_count: NDArray[np.int64]
    channel_variance: Array
    pedestal: Array
    baseline: Array
    slope: Array
    noise: Array
    flicker: Array
    alive: NDArray[np.bool_]
    recent: dict[str, Array]
    kept: dict[str, Array]

    @staticmethod
    def empty(n_channels: int, n_pixels: int) -> _Statistics:
        zeros = np.zeros(n_pixels)
        eights = [{k: np.zeros((8, n_pixels)) for k in KEPT} for _ in range(2)]
        counts, pedestal = np.zeros(n_channels, int), np.zeros((n_channels, n_pixels))
        return _Statistics(
            *(0, counts, counts * 0.0, pedestal, zeros, zeros, zeros, zeros, zeros > 0),
            *eights,
        )

    @property
    def channel_weight(self) -> Array:
        """Inverse variance, 0 for a channel never seen."""
        v = self.channel_variance
        return np.where(v > 0, 1 / np.where(v > 0, v, 1), 0)


def _ratio(a: ArrayLike, b: ArrayLike) -> Array:
    """``a / b``, 0 where there is nothing to divide by."""
    over, under = np.asarray(a, float), np.asarray(b, float)
    return np.where(under > 0, over / np.where(under > 0, under, 1), 0)


def _prime(s: _Statistics, x: Array, ok: NDArray[np.bool_], w: Array) -> None:
    """A channel's first frame: mean of each pixel, median variance of the image."""
    for c in np.flatnonzero((s.channel_count == 0) & (w > 0).any(0)):
        n = ok[:, c].sum(0)
        s.pedestal[c] = _ratio(x[:, c].sum(0), n)
        scatter = np.where(ok[:, c], (x[:, c] - s.pedestal[c]) ** 2 * w[:, c, None], 0).sum(0)
        s.channel_variance[c] = np.median(scatter[n > 1] / (n[n > 1] - 1)) if (n > 1).any() else 0
    cw = s.channel_weight
    level = _ratio(cw @ s.pedestal, cw.sum())
    s.baseline = np.where(s.alive, s.baseline, level)


def _robust(s: _Statistics, name: str, value: Array, fresh: NDArray[np.bool_]) -> Array:
    """Enter a frame's value; average of medians of eight frames (of fewer at first)."""
    n, recent, kept = s.n_frames, s.recent[name], s.kept[name]
    recent[n % 8] = value
    recent[:, fresh], kept[:, fresh] = value[fresh], value[fresh]
    if n < 7:
        return np.median(recent[: n + 1], axis=0)
    if n % 8 == 7:
        block = (n // 8) % 8
        kept[block :: block + 1 if n < 64 else 8] = np.median(recent, axis=0)
    return np.sort(kept, axis=0)[2:6].mean(0)


def _learn(s: _Statistics, x: Array, ok: NDArray[np.bool_], w: Array, good: bool) -> None:
    """Follow baseline, noise, spectrum and channel variances with one frame."""
    frame, n = len(x), s.n_frames
    cw = s.channel_weight[:, None]
    r = np.where(ok, x - s.pedestal, 0)
    wc = np.where(ok, w[:, :, None], 0)
    present = ok.sum(0) > 1
    mean = _ratio((wc * r).sum(0), wc.sum(0))
    variance = _ratio((wc * (r - mean) ** 2).sum(0), ok.sum(0) - 1.0)

    spread = 5 * np.sqrt(_ratio(variance, wc.sum(0)))

    weight, total = (wc * cw).sum(1), (wc * r * cw).sum(1)
    has = (weight > 0).any(0)
    fresh = has & ~s.alive
    update = fresh | good
    before = {k: (s.recent[k].copy(), s.kept[k].copy()) for k in s.recent}

    mean_level = _ratio(total.sum(0), weight.sum(0))
    learns = update & (s.alive | has)
    average = _robust(s, "level", s.baseline + mean_level, fresh)
    line, slope = _followed(s, average, _ratio(s.noise, weight.sum(0)))
    follows = update & has
    baseline = np.where(follows, line, s.baseline + s.slope * frame)
    s.slope = np.where(follows, slope / frame, s.slope)
    shift = baseline - s.baseline
    quiet, common = _frame_variances(s, r, wc, variance * present)
    ceiling = 1 + 4 * np.sqrt(2 / frame) if n < 2 else np.inf
    quiet = np.where(has, np.minimum(quiet, ceiling), s.noise)
    common = np.where(has, np.minimum(common, ceiling - 1), s.flicker)
    noise = _robust(s, "noise", quiet, fresh)
    if n >= 7:
        b2 = 2 / (9 * frame * len(cw))
        noise = noise / ((1 - b2) ** 3 + 3 * (1 - b2) * b2 * TRIMMED_VARIANCE)
    seen = min(n + 1, 64) * frame
    noise, flicker = (64 + seen * noise) / (64 + seen), _robust(s, "flicker", common, fresh)
    flicker = np.where(flicker > 6 * noise * np.sqrt(2 / seen), flicker, 0)
    s.noise, s.flicker = np.where(learns, noise, s.noise), np.where(learns, flicker, s.flicker)
    for k, (recent, kept) in before.items():
        s.recent[k] = np.where(update, s.recent[k], recent)
        s.kept[k] = np.where(update, s.kept[k], kept)

    rate = np.where(fresh, 1.0, 1 / np.minimum(s.channel_count + 1, 64)[:, None])
    shape = np.where(present, mean - mean_level, 0)
    shape = np.where(rate == 1, shape, np.clip(shape, -spread, spread)) * rate
    weighted_mean = _ratio((cw * shape * present).sum(0), (cw * present).sum(0))
    shape = np.where(present, shape - weighted_mean, 0)
    s.pedestal = s.pedestal + shift + np.where(update, shape, 0)
    s.baseline, s.alive = baseline, s.alive | has

    if good:
        _learn_channels(s, variance, present)


def _followed(s: _Statistics, average: Array, variance: Array) -> tuple[Array, Array]:
    """Level at the newest frame and slope a frame: of a curve where the average is lost.

    ``variance`` is that of a frame's mean; a line joins the halves of the last eight, and a
    parabola goes through them where its curvature is beyond 5 sigma and it fits.
    """
    if s.n_frames < 8:
        return average, 0 * average
    order = np.roll(s.recent["level"], -1 - s.n_frames % 8, axis=0)
    middle, slope = np.median(order, axis=0), (order[4:].mean(0) - order[:4].mean(0)) / 4
    off = np.sort(np.abs(order - average), axis=0)[3]
    lost = np.maximum(np.abs(middle - average), off) ** 2 > 9 * variance
    line = middle + 3.5 * slope
    held = np.clip(line, order.min(0), order.max(0))
    beyond = (line - held) ** 2
    level = np.where(lost, np.where(beyond <= 9 * variance, line, held), average)
    slope = np.where(lost & (beyond <= np.maximum(9 * variance, (0.35 * slope) ** 2)), slope, 0)
    time = np.arange(8.0) - 7
    for pixel in np.flatnonzero(lost):
        fit = np.polynomial.Polynomial.fit(time, order[:, pixel], 2, domain=[-1, 1])
        bend, left = fit.coef[2], np.sum((order[:, pixel] - fit(time)) ** 2)
        sure, most = 168 * bend**2 > 25 * variance[pixel], max(20 * variance[pixel], 16.8 * bend**2)
        if sure and left < most:
            level[pixel], slope[pixel] = fit(0), fit.deriv()(0)
    return level, slope


def _frame_variances(s: _Statistics, r: Array, wc: Array, variance: Array) -> tuple[Array, Array]:
    """Variances of the channel sum: the channels' own, and what they share.

    Parameters
    ----------
    r : (time, channel, pixel)
        Samples less the pedestal.
    wc : (time, channel, pixel)
        Their weights, relative to the inverse variances.
    variance : (channel, pixel)
        Of the frame about its mean, 0 where there are too few samples; what the slope of the
        baseline has in it is taken off.
    """
    cw = s.channel_weight[:, None]
    of_slope = s.slope**2 * _spread(wc)
    variance = np.maximum(variance - of_slope, 0.01 * of_slope)
    weight, total = (wc * cw).sum(1), (wc * cw * r).sum(1)
    n = np.maximum((weight > 0).sum(0), 1)
    usable = ((wc > 0).sum(0) > 1) & (cw > 0)
    power = _ratio(total**2, weight).sum(0)
    offset = _ratio(total.sum(0) ** 2, weight.sum(0))
    quiet = np.where(usable.any(0), _ratio((variance * cw).sum(0), usable.sum(0)), power / n)
    # Below zero as often as above, where there is nothing: the average is what counts.
    scatter = (power - offset) / np.maximum(n - 1, 1)
    pulsed = scatter > BRIGHT
    whole = scatter - s.slope**2 * _spread(weight)
    common = whole - quiet
    for p in np.flatnonzero(pulsed):
        there = weight[:, p] > 0
        level, root = total[there, p] / weight[there, p], np.sqrt(weight[there, p])
        square = (_lower_median(np.abs(level - _lower_median(level)) * root) / 0.6745) ** 2
        if scatter[p] > (1 + 8 * np.sqrt(2 / n[p])) * square:
            channels = usable[:, p].sum()
            apart = max(0, (channels * quiet[p] - whole[p]) / max(channels - 1, 1))
            shared = max(0, square - apart) / max(channels, 1)
            quiet[p], common[p] = apart + shared, (channels - 1) * shared
    return quiet, np.where(usable.sum(0) > 1, common, 0)


def _spread(weight: Array) -> Array:
    """Weighted variance of the times, as that of samples."""
    time = np.arange(len(weight)).reshape(-1, *[1] * (weight.ndim - 1))
    middle = _ratio((weight * time).sum(0), weight.sum(0))
    n = (weight > 0).sum(0)
    return (weight * (time - middle) ** 2).sum(0) / np.maximum(n - 1, 1)


def _learn_channels(s: _Statistics, variance: Array, present: NDArray[np.bool_]) -> None:
    """Pool a frame's variances over the image; pulses and interference are held down."""
    bound = 4 * s.channel_variance[:, None]
    pooled = np.where(present, np.minimum(variance, bound), 0).sum(1)
    sees = present.any(1)
    rate = np.where(sees & (s.channel_count > 0), 1 / np.clip(s.channel_count + 1, 1, 64), 0)
    change = _ratio(pooled, present.sum(1)) - s.channel_variance
    s.channel_variance = s.channel_variance + rate * change
    s.channel_count = s.channel_count + sees
    s.n_frames += 1


@dataclass
class _Calibration:
    """Pooled variance of every trial's S/N of a level."""

    variance: list[Array]
    count: list[Array]

    @staticmethod
    def unit(level: Level) -> _Calibration:
        rows = [r.n_rows for r in level.rungs]
        return _Calibration([np.ones(n) for n in rows], [np.zeros(n) for n in rows])

    def learn(self, plan: SearchPlan, level: Level, searched: list[_Searched]) -> None:
        """Learn from S/N at independent times of what was searched in a frame."""
        beams = max(1.0, min(1.13 * plan.config.beam_fwhm_px**2, plan.n_pixels))
        for i, rung in enumerate(level.rungs):
            n_times = searched[0].snr[i].shape[1]
            n = min(max(1, n_times // rung.width), -(-MOST_SAMPLES // plan.n_pixels))
            times = n_times - 1 - rung.width * np.arange(n)
            below = [np.where(v.there[i], v.snr[i], 0).clip(max=0)[:, times] for v in searched]
            counted = sum((v < 0).sum((1, 2)) for v in below)
            square = sum(np.minimum(v**2, 9).sum((1, 2)) for v in below)
            n_new = counted / beams
            rate = n_new / (512 + self.count[i] + n_new)
            ratio = _ratio(square, counted) / WINSOR_MOMENT
            scaled = self.variance[i] * (1 + rate * (ratio - 1))
            self.variance[i] = np.where(counted > 0, scaled, self.variance[i])
            self.count[i] = np.minimum(self.count[i] + n_new, 1e6)


@dataclass
class _Searched:
    """S/N of every trial of some times, (row, time, pixel) for each rung.

    ``there`` says which of them hold data.
    """

    snr: list[Array]
    there: list[NDArray[np.bool_]]

    @staticmethod
    def nothing(level: Level, n_times: int, n_pixels: int) -> _Searched:
        shapes = [(r.n_rows, n_times, n_pixels) for r in level.rungs]
        return _Searched([np.zeros(v) for v in shapes], [np.zeros(v, bool) for v in shapes])

    def best(self) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
        """Best S/N, and the narrowest rung that reaches it with its first row."""
        best = np.max([v.max(0) for v in self.snr], axis=0)
        rung, row = np.zeros(best.shape, int), np.zeros(best.shape, int)
        for i, snr in reversed(list(enumerate(self.snr))):
            reaches = snr * TIE >= best
            rung = np.where(reaches.any(0), i, rung)
            row = np.where(reaches.any(0), reaches.argmax(0), row)
        return best, rung, row


@dataclass
class _Recording:
    """A padded recording and what the frames make of it, ``[frame]`` or ``[d, t, p]``.

    Of the dedispersed arrays, ``z`` and its weights, the pixels' own and the shared ones,
    hold the last frame and what its boxcars reach back to; ``flux`` and ``weight``, which
    the entries of the levels are made of, grow with the recording, from ``-max_delay``.
    """

    x: Array
    ok: NDArray[np.bool_]
    w: Array
    flux: Array
    weight: Array
    z: Array = field(default_factory=lambda: np.zeros(0))
    own: Array = field(default_factory=lambda: np.zeros(0))
    shared: Array = field(default_factory=lambda: np.zeros(0))
    noise: list[Array] = field(default_factory=list)
    slow: list[Array] = field(default_factory=list)
    alive: list[NDArray[np.bool_]] = field(default_factory=list)


def _dedisperse(plan: SearchPlan, rec: _Recording, s: _Statistics, f: int) -> None:
    """Sums along every delay, with the pedestal and weights that the frame has."""
    cw, shape = s.channel_weight, (len(plan.delays), plan.reach + plan.frame, plan.n_pixels)
    rec.z, rec.own, rec.shared = np.zeros(shape), np.zeros(shape), np.zeros(shape[:2])
    ramp = np.zeros(shape)
    for j in range(shape[1]):
        for d, delays in enumerate(plan.delays):
            at = f * plan.frame - plan.reach + j - plan.max_delay + delays
            c = np.flatnonzero(at >= 0)
            shared = rec.w[at[c], c] * cw[c]
            own = shared[:, None] * rec.ok[at[c], c]
            time = at[c, None] - (f + 0.5) * plan.frame + 0.5
            ramp[d, j] = (own * time).sum(0)
            level = s.pedestal[c] + s.slope * time
            rec.z[d, j] = (np.where(own > 0, rec.x[at[c], c] - level, 0) * own).sum(0)
            rec.shared[d, j] = shared.sum()
            rec.own[d, j] = own.sum(0)
    now = slice(f * plan.frame, (f + 1) * plan.frame)
    rec.weight[:, now] = rec.own[:, plan.reach :]
    rec.flux[:, now] = rec.z[:, plan.reach :] + rec.weight[:, now] * s.baseline
    rec.flux[:, now] += ramp[:, plan.reach :] * s.slope
    # Each trial's samples in units of what noise the trial has.
    noise = np.sqrt(s.noise + s.flicker * plan.coherence[:, None])[:, None]
    rec.z = np.where(s.alive, _ratio(rec.z, noise + 0 * rec.z), 0)


def _full_rate(plan: SearchPlan, rec: _Recording, n: int, variance: list[Array]) -> _Searched:
    """Boxcars that end in the frame; ``n`` frames with data came before it."""
    level, frame = plan.levels[0], plan.frame
    found = _Searched.nothing(level, frame, plan.n_pixels)
    full = rec.shared[:, plan.reach :].max()
    for i, rung in enumerate(level.rungs):
        for j in range(frame):
            under = slice(plan.reach + j - rung.width + 1, plan.reach + j + 1)
            total = rec.z[:: rung.stride, under].sum(1)
            own = rec.own[:: rung.stride, under].sum(1)
            shared = rec.shared[:: rung.stride, under].sum(1)[:, None]
            filled = _ratio(shared, full + 0 * shared)
            # What a narrower boxcar inside holds as well is that one's.
            inside = np.zeros_like(shared)
            if i:
                w, rows = level.rungs[i - 1].width, slice(None, None, rung.stride)
                ends = slice(under.start, under.start + w), slice(under.stop - w, under.stop)
                inside = np.max([rec.shared[rows, e].sum(1) for e in ends], axis=0)[:, None]
            early = 1 - filled / ((n + 1) * frame)
            late = 1 + 1.3 * filled / (np.clip(n // 8, 1, 8) * 8 * frame)
            factor = early if n < 8 else late
            usable = (own > 1e-4 * shared) & (factor > 0.5)
            usable &= shared > inside * (1 + 1e-5)
            spread = np.where(usable, own * factor * variance[i][:, None], 1)
            found.snr[i][:, j] = np.where(usable, total / np.sqrt(spread), 0)
            found.there[i][:, j] = usable & (total != 0)
    return found


def _lower_median(x: Array) -> float:
    """The middle value, the lower of two."""
    return float(np.sort(x)[(len(x) + 1) // 2 - 1])


def _window_baseline(
    sums: Array, weights: Array, noise: Array
) -> tuple[Array, NDArray[np.bool_], Array, Array]:
    """Mean of a window without outliers, the stretches kept, and their variance.

    The second variance is that without the highest stretches.

    Parameters
    ----------
    sums, weights : (stretch, pixel)
    noise : (pixel,)
    """
    mean, excess, rest = np.zeros((3, len(noise)))
    kept = weights > 0

    def deviations(level: Array, w: Array, p: int) -> tuple[Array, float]:
        u = (level - _lower_median(level)) * np.sqrt(w) / max(noise[p], 1e-38)
        return u, _lower_median(np.abs(u)) / 0.6745

    for p in map(int, np.flatnonzero(kept.any(0))):
        there = kept[:, p].copy()
        a, w = sums[there, p], weights[there, p]
        u, spread = deviations(a / w, w, p)
        keep = np.abs(u) <= OUTLIER * max(spread, 1.0)
        mean[p], excess[p] = a[keep].sum() / w[keep].sum(), spread**2
        kept[there, p] = keep
        if len(a) > PULSE_STRETCHES:
            low = np.argsort(a / w)[: len(a) - PULSE_STRETCHES]
            rest[p] = deviations((a / w)[low], w[low], p)[1] ** 2
    return mean, kept, excess, rest


def _summed(a: Array, n: int, first: int, size: int) -> Array:
    """Sums over ``n`` samples of (row, time, pixel); nothing lies outside the array."""
    out = np.zeros((len(a), size, a.shape[2]))
    for i in range(size):
        out[:, i] = a[:, max(first + i, 0) * n : max(first + i + 1, 0) * n].sum(1)
    return out


def _due(plan: SearchPlan, level: Level, f: int) -> list[int]:
    """First entry of each batch due in frame ``f``."""
    period = max(1, BATCH * level.decimation // plan.frame)
    if (f + 1) % period != period // 2:
        return []
    n_entries = (f + 1) * plan.frame // level.decimation
    n_batches = max(1, plan.frame // level.decimation // BATCH)
    ends = [n_entries // BATCH * BATCH - BATCH * j for j in reversed(range(n_batches))]
    return [end - plan.lag for end in ends]


def _decimated(
    plan: SearchPlan, k: int, rec: _Recording, variance: list[Array], turn: tuple[int, int]
) -> _Searched:
    """Boxcars of level ``k`` that start in a batch; ``turn`` is the frame and the first entry."""
    f, first = turn
    level, n_pixels, stretch = plan.levels[k], plan.n_pixels, plan.stretch
    size = BATCH + plan.ring_widths[-1]
    flux, weight = (
        _summed(a[level.dm_rows], level.decimation, first, size) for a in (rec.flux, rec.weight)
    )
    start, samples = first // stretch - BEFORE, stretch * level.decimation
    row = level.dm_rows[:1]
    flux0, weight0 = (
        _summed(a[row], samples, start, BEFORE + AFTER)[0] for a in (rec.flux, rec.weight)
    )
    last = ((first + BATCH) * level.decimation - 1) // plan.frame
    noise = rec.noise[last] if last >= 0 else np.zeros(n_pixels)
    mean, kept, excess, rest = _window_baseline(flux0, weight0, noise)
    total = (weight0 * kept).sum(0)
    inside = (kept | (weight0 <= 0))[(first + np.arange(size)) // stretch - start] * weight

    # Variance that the noise does not explain, for each sample, once it is more than chance.
    n = (weight0 > 0).sum(0)
    chance, own = np.sqrt(5.4 / np.maximum(n, 1)), (excess - 1) / samples
    # With too few stretches to tell, the two finer levels have to, if they are sure.
    enough = n >= LEAST_STRETCHES
    carried = np.max([np.zeros(n_pixels), *rec.slow[max(1, k - 2) : k]], axis=0)
    seen, sure = (
        (excess > 1 + n_sigma * chance) & (rest > 1 + (n_sigma - 1) * chance) for n_sigma in (5, 6)
    )
    slow = np.where(enough, np.where(seen, own, 0), carried)
    rec.slow[k] = np.where(enough, np.where(sure, own, 0), rec.slow[k])
    inverse = _ratio(rec.alive[f] * 1.0, noise * np.sqrt(1 + slow * samples))

    found = _Searched.nothing(level, BATCH, n_pixels)
    inner = plan.levels[0].rungs[-1].width // 2
    for i, rung in enumerate(level.rungs):
        for j in range(BATCH):
            under = slice(j, j + rung.width)
            w, o, a = (v[:: rung.stride, under].sum(1) for v in (weight, inside, flux))
            ends = slice(j, j + inner), slice(j + rung.width - inner, j + rung.width)
            narrower = np.max([weight[:: rung.stride, e].sum(1) for e in ends], axis=0)
            usable = (w > 0) & (total - o >= w) & (w > narrower * (1 + 1e-5))
            safe = np.where(total > 0, total, 1)
            spread = w * (1 - 2 * o / safe + w / safe) * variance[i][:, None]
            snr = np.where(usable, _ratio(a - w * mean, np.sqrt(np.maximum(spread, 0))), 0)
            found.snr[i][:, j] = snr * inverse
            found.there[i][:, j] = usable & (inverse > 0)
        inner = rung.width
    return found


def search(plan: SearchPlan, data: Array, weights: Array) -> list[LevelMap]:
    """Search a whole recording.

    Parameters
    ----------
    plan : SearchPlan
    data : (time, channel, pixel) or (time, channel, y, x)
        NaN where a pixel is flagged.
    weights : (time, channel)

    Returns
    -------
    list of LevelMap
        For each level of the ladder.
    """
    n_channels, n_pixels, frame = plan.n_channels, plan.n_pixels, plan.frame
    x = np.asarray(data, float).reshape(len(data), n_channels, n_pixels)
    n_frames = len(x) // frame + 2 + max(plan.latency_samples) // frame
    padding = n_frames * frame - len(x)
    ok = np.isfinite(x) & (np.asarray(weights) > 0)[:, :, None]
    shape = (len(plan.delays), n_frames * frame, n_pixels)
    rec = _Recording(
        x=np.pad(np.where(ok, x, 0), ((0, padding), (0, 0), (0, 0))),
        ok=np.pad(ok, ((0, padding), (0, 0), (0, 0))),
        w=np.pad(np.asarray(weights, float), ((0, padding), (0, 0))).clip(0),
        flux=np.zeros(shape),
        weight=np.zeros(shape),
    )
    s = _Statistics.empty(n_channels, n_pixels)
    calibrations = [_Calibration.unit(level) for level in plan.levels]
    rec.slow = [np.zeros(n_pixels) for _ in plan.levels]
    parts: list[list[tuple]] = [[] for _ in plan.levels]
    starts = [-plan.max_delay] * len(plan.levels)
    for f in range(n_frames):
        now = slice(f * frame, (f + 1) * frame)
        x, ok, w = rec.x[now], rec.ok[now], rec.w[now]
        _prime(s, x, ok, w)
        seen, nominal = ((w > 0) * s.channel_weight).sum(), frame * s.channel_weight.sum()
        n_before = s.n_frames
        good = seen > 0 and (seen >= 0.25 * nominal or n_before == 0)
        # Frames are searched with the weights that were known before them.
        before = s.channel_variance.copy()
        _learn(s, x, ok, w, bool(good))
        after, s.channel_variance = s.channel_variance, before
        rec.noise.append(np.sqrt(s.noise + s.flicker))
        rec.alive.append(s.alive)
        reach = slice(max(0, now.start - plan.max_delay - plan.reach), now.stop)
        searched: list[list[_Searched]] = [[_Searched.nothing(plan.levels[0], frame, n_pixels)]]
        if (rec.w[reach] * s.channel_weight > 0).any():
            _dedisperse(plan, rec, s, f)
            searched = [[_full_rate(plan, rec, n_before, calibrations[0].variance)]]
        for k, level in enumerate(plan.levels[1:], start=1):
            turns = [(f, first) for first in _due(plan, level, f)]
            if turns and not parts[k]:
                starts[k] += turns[0][1] * level.decimation
            variance = calibrations[k].variance
            searched.append([_decimated(plan, k, rec, variance, turn) for turn in turns])
        for part, level, calibration, found in zip(
            parts, plan.levels, calibrations, searched, strict=True
        ):
            part += [v.best() for v in found]
            if found:
                calibration.learn(plan, level, found)
        s.channel_variance = after
    return [
        LevelMap(first, *(np.concatenate(column) for column in zip(*part, strict=True)))
        for first, part in zip(starts, parts, strict=True)
    ]
