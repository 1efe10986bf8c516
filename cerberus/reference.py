"""The search once more, slowly and plainly: what the engine is tested against.

The whole recording lies in memory as float64; every sum is written as a sum and every
median as ``np.median``. There are no tiles, no rings, no shared partial sums and no
carried state besides the statistics themselves. Only the geometry of the search (trials,
frames, batches, windows) is taken from the plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .plan import Level, SearchPlan

Array = NDArray[np.float64]

WINSOR_MOMENT = 0.99500728
"""E[min(x^2, 9)] of a standard normal variable."""

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
    noise: Array
    alive: NDArray[np.bool_]
    recent: dict[str, Array]
    kept: dict[str, Array]

    @staticmethod
    def empty(n_channels: int, n_pixels: int) -> _Statistics:
        zeros = np.zeros(n_pixels)
        eights = [{k: np.zeros((8, n_pixels)) for k in ("level", "power")} for _ in range(2)]
        counts, pedestal = np.zeros(n_channels, int), np.zeros((n_channels, n_pixels))
        return _Statistics(
            0, counts, counts * 0.0, pedestal, zeros, zeros, zeros > 0, eights[0], eights[1]
        )

    @property
    def channel_weight(self) -> Array:
        """Inverse variance, 0 for a channel never seen."""
        v = self.channel_variance
        return np.where(v > 0, 1 / np.where(v > 0, v, 1), 0)


def _ratio(a: Array, b: Array) -> Array:
    """``a / b``, 0 where there is nothing to divide by."""
    return np.where(b > 0, a / np.where(b > 0, b, 1), 0)


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
        kept[(n // 8) % 8 if n > 7 else slice(None)] = np.median(recent, axis=0)
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

    spread = 5 / np.sqrt(np.maximum(cw, 1e-30) * frame)

    weight, total = (wc * cw).sum(1), (wc * r * cw).sum(1)
    has = (weight > 0).any(0)
    fresh = has & ~s.alive
    update = fresh | good
    before = {k: (s.recent[k].copy(), s.kept[k].copy()) for k in s.recent}

    mean_level = _ratio(total.sum(0), weight.sum(0))
    level = s.baseline + mean_level
    learns = update & (s.alive | has)
    baseline = np.where(learns, _robust(s, "level", level, fresh), s.baseline)
    shift = baseline - s.baseline
    # Mean square of the channel sums about the new baseline, in units of what is expected.
    power = (_ratio(total - shift * weight, np.sqrt(weight)) ** 2).sum(0)
    power = np.where(has, power / np.maximum((weight > 0).sum(0), 1), s.noise**2)
    if n < 2:
        power = np.minimum(power, 1 + 4 * np.sqrt(2 / frame))
    average = _robust(s, "power", power, fresh)
    if n >= 7:
        b2 = 2 / (9 * frame)
        average = average / ((1 - b2) ** 3 + 3 * (1 - b2) * b2 * TRIMMED_VARIANCE)
    seen = min(n + 1, 64) * frame
    noise = np.sqrt((64 + seen * average) / (64 + seen))
    s.noise = np.where(learns, noise, s.noise)
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

    def learn(self, plan: SearchPlan, level: Level, snr: list[Array], there: list[Array]) -> None:
        """Learn from S/N at independent times, of (row, time, pixel) arrays."""
        beams = max(1.0, min(1.13 * plan.config.beam_fwhm_px**2, plan.n_pixels))
        for i, rung in enumerate(level.rungs):
            n_times = snr[i].shape[1]
            n = min(max(1, n_times // rung.width), -(-4096 // plan.n_pixels))
            times = n_times - 1 - rung.width * np.arange(n)
            counted = there[i][:, times].sum((1, 2))
            square = np.minimum(snr[i][:, times] ** 2, 9).sum((1, 2))
            n_new = counted / beams
            rate = n_new / (512 + self.count[i] + n_new)
            ratio = _ratio(square, counted) / WINSOR_MOMENT
            scaled = self.variance[i] * (1 + rate * (ratio - 1))
            self.variance[i] = np.where(counted > 0, scaled, self.variance[i])
            self.count[i] = np.minimum(self.count[i] + n_new, 1e6)


@dataclass
class _Recording:
    """A padded recording and what the frames make of it, ``[frame]`` or ``[d, t, p]``.

    Dedispersed arrays start at sample ``-max_delay``, entries of levels at sample 0.
    """

    x: Array
    ok: NDArray[np.bool_]
    w: Array
    z: Array
    weight: Array
    shared: Array
    flux: Array
    noise: list[Array] = field(default_factory=list)
    alive: list[NDArray[np.bool_]] = field(default_factory=list)


def _dedisperse(plan: SearchPlan, rec: _Recording, s: _Statistics, f: int) -> None:
    """Sums along every delay, with the pedestal and weights that the frame has."""
    cw, reach = s.channel_weight, plan.max_delay
    for t in range(f * plan.frame, (f + 1) * plan.frame):
        for d, delays in enumerate(plan.delays):
            at = t - reach + delays
            c = np.flatnonzero(at >= 0)
            shared = rec.w[at[c], c] * cw[c]
            own = shared[:, None] * rec.ok[at[c], c]
            rec.z[d, t] = (np.where(own > 0, rec.x[at[c], c] - s.pedestal[c], 0) * own).sum(0)
            rec.shared[d, t] = shared.sum()
            rec.weight[d, t] = own.sum(0)
    now = slice(f * plan.frame, (f + 1) * plan.frame)
    rec.flux[:, now] = rec.z[:, now] + rec.weight[:, now] * s.baseline


def _best(snr: list[Array]) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Best trial, the narrower rung and the lower row where two are equal."""
    best = np.stack([v.max(0) for v in snr])
    rung = best.argmax(0)
    rows = np.stack([v.argmax(0) for v in snr])
    return best.max(0), rung, np.take_along_axis(rows, rung[None], 0)[0]


def _full_rate(
    plan: SearchPlan, rec: _Recording, s: _Statistics, n: int, cal: _Calibration, f: int
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Boxcars that end in frame ``f``; ``n`` frames with data came before it."""
    level, frame = plan.levels[0], plan.frame
    inverse = _ratio(s.alive * 1.0, s.noise)
    maps, uses = [], []
    for i, rung in enumerate(level.rungs):
        early = 1 - rung.width / ((n + 1) * frame)
        late = 1 + 1.3 * rung.width / (np.clip(n // 8, 1, 8) * 8 * frame)
        factor = early if n < 8 else late
        snr = np.zeros((rung.n_rows, frame, plan.n_pixels))
        there = np.zeros(snr.shape, bool)
        for j in range(frame):
            t = f * frame + j
            under = slice(max(0, t - rung.width + 1), t + 1)
            total = rec.z[:: rung.stride, under].sum(1)
            own = rec.weight[:: rung.stride, under].sum(1)
            shared = rec.shared[:: rung.stride, under].sum(1)[:, None]
            usable = (own > 1e-4 * shared) & (factor > 0.5)
            spread = np.where(usable, own * factor * cal.variance[i][:, None], 1)
            snr[:, j] = np.where(usable, total / np.sqrt(spread), 0) * inverse
            there[:, j] = usable & (inverse > 0)
        maps.append(snr)
        uses.append(there)
    cal.learn(plan, level, maps, uses)
    return _best(maps)


def _window_baseline(
    sums: Array, weights: Array, noise: Array
) -> tuple[Array, NDArray[np.bool_], Array]:
    """Mean of a window without outliers, the chunks kept, and the noise they show.

    Parameters
    ----------
    sums, weights : (chunk, pixel)
    noise : (pixel,)
    """
    mean, excess = np.zeros(len(noise)), np.ones(len(noise))
    kept = weights > 0
    for p in range(len(noise)):
        there = weights[:, p] > 0
        a, w, keep = sums[:, p], weights[:, p], there
        scale = np.sqrt(np.where(there, w, 1)) * max(noise[p], 1e-38)
        m = _ratio(a[keep].sum(), w[keep].sum())
        for _ in range(3):
            u = (a - w * m) / scale
            rms = np.sqrt(np.mean(u[keep] ** 2)) if keep.any() else 0
            keep = there & (np.abs(u) <= 2 * 1.137 * max(rms, 0.5))
            m = _ratio(a[keep].sum(), w[keep].sum())
        u = (a - w * m) / scale
        if keep.sum() >= 24:
            excess[p] = 1.2925 * (u[keep] ** 2).sum() / (keep.sum() - 1)
        keep = there & (np.abs(u) <= 8 * np.sqrt(max(excess[p], 1)))
        mean[p], kept[:, p] = _ratio(a[keep].sum(), w[keep].sum()), keep
    chance = 1 + 5 * np.sqrt(2.6 / np.maximum((weights > 0).sum(0), 1))
    return mean, kept, noise * np.sqrt(np.where(excess > chance, excess, 1))


def _entries(level: Level, a: Array, first: int, last: int) -> Array:
    """Entries ``first`` to ``last`` of the rows of a level; nothing lies before entry 0."""
    n, rows = level.decimation, level.dm_rows
    there = a[rows, max(first, 0) * n : last * n]
    sums = there.reshape(len(rows), -1, n, a.shape[2]).sum(2)
    return np.pad(sums, ((0, 0), (last - first - sums.shape[1], 0), (0, 0)))


def _decimated(
    plan: SearchPlan, level: Level, rec: _Recording, cal: _Calibration, f: int
) -> tuple[int, tuple[Array, NDArray[np.int64], NDArray[np.int64]]]:
    """Boxcars that start in the batch which is due in frame ``f``."""
    newest = (f + 1) * plan.frame // level.decimation
    first = newest // level.batch * level.batch - level.window // 2
    flux = _entries(level, rec.flux, newest - level.window, newest)
    weight = _entries(level, rec.weight, newest - level.window, newest)
    chunk = level.rungs[0].width
    flux0, weight0 = (a[0].reshape(-1, chunk, plan.n_pixels).sum(1) for a in (flux, weight))
    last = ((first + level.batch) * level.decimation - 1) // plan.frame
    noise = rec.noise[last] if last >= 0 else np.zeros(plan.n_pixels)
    mean, kept, scatter = _window_baseline(flux0, weight0, noise)
    total = (weight0 * kept).sum(0)
    inside = np.repeat(kept | (weight0 <= 0), chunk, 0) * weight
    inverse = _ratio(rec.alive[f] * 1.0, scatter)

    maps, uses = [], []
    for i, rung in enumerate(level.rungs):
        snr = np.zeros((rung.n_rows, level.batch, plan.n_pixels))
        there = np.zeros(snr.shape, bool)
        for j in range(level.batch):
            at = first + j - (newest - level.window)
            under = slice(at, at + rung.width)
            w, o, a = (v[:: rung.stride, under].sum(1) for v in (weight, inside, flux))
            usable = (w > 0) & (total - o >= w)
            safe = np.where(total > 0, total, 1)
            spread = w * (1 - 2 * o / safe + w / safe) * cal.variance[i][:, None]
            snr[:, j] = np.where(usable, _ratio(a - w * mean, np.sqrt(spread)), 0) * inverse
            there[:, j] = usable & (inverse > 0)
        maps.append(snr)
        uses.append(there)
    cal.learn(plan, level, maps, uses)
    return first, _best(maps)


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
        z=np.zeros(shape),
        weight=np.zeros(shape),
        shared=np.zeros(shape[:2]),
        flux=np.zeros(shape),
    )
    s = _Statistics.empty(n_channels, n_pixels)
    calibrations = [
        _Calibration([np.ones(r.n_rows) for r in v.rungs], [np.zeros(r.n_rows) for r in v.rungs])
        for v in plan.levels
    ]
    parts: list[list[tuple]] = [[] for _ in plan.levels]
    starts = [-plan.max_delay] * len(plan.levels)
    for f in range(n_frames):
        now = slice(f * frame, (f + 1) * frame)
        x, ok, w = rec.x[now], rec.ok[now], rec.w[now]
        _prime(s, x, ok, w)
        seen, nominal = (w * s.channel_weight).sum(), frame * s.channel_weight.sum()
        n_before = s.n_frames
        good = seen > 0 and (seen >= 0.25 * nominal or n_before == 0)
        # Frames are searched with the weights that were known before them.
        variance = s.channel_variance.copy()
        _learn(s, x, ok, w, bool(good))
        after, s.channel_variance = s.channel_variance, variance
        rec.noise.append(s.noise)
        rec.alive.append(s.alive)
        if (rec.w[max(0, now.start - plan.max_delay) : now.stop] * s.channel_weight > 0).any():
            _dedisperse(plan, rec, s, f)
            parts[0].append(_full_rate(plan, rec, s, n_before, calibrations[0], f))
        else:
            nothing = np.zeros((frame, n_pixels))
            parts[0].append((nothing, nothing.astype(int), nothing.astype(int)))
        for k, level in enumerate(plan.levels[1:], start=1):
            period = max(1, level.batch * level.decimation // frame)
            if (f + 1) % period == period // 2:
                first, best = _decimated(plan, level, rec, calibrations[k], f)
                if not parts[k]:
                    starts[k] += first * level.decimation
                parts[k].append(best)
        s.channel_variance = after
    return [
        LevelMap(first, *(np.concatenate(column) for column in zip(*part, strict=True)))
        for first, part in zip(starts, parts, strict=True)
    ]
