"""Baseline and noise of every pixel, tracked frame by frame."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .robust import median8, median8_of_chi2, median_of, sort8, trimmed8
from .rows import sum_rows

PRIOR_SAMPLES = 64.0
"""Samples' worth of belief that a pixel is as noisy as the image on the whole."""

_BEYOND = 0.35
"""Frames that the line through eight may run ahead of what has been seen: a step's runs 1.5."""

_SLOPE_LEFT = 0.01
"""Share of a slope's variance that may be left when it is taken off: it is known that well."""

BRIGHT = 3.0
"""Variance of a channel sum, relative to that of its weight, that pulses may have made."""

PEDESTAL_MEMORY = 64
"""Frames over which the spectrum of the pedestal is averaged."""


class Tracker(NamedTuple):
    """Baseline and noise of pixels, tracked frame by frame.

    The average of a pixel is a median of eight frames; the middle four of the last
    eight such medians make its baseline and its noise. A pulse or a burst in three of
    eight frames moves neither, and a change that lasts is followed in some 25 frames.

    Attributes
    ----------
    pedestal : (channel, pixel) float32
        What is subtracted from each channel; its weighted mean is ``baseline``.
    baseline, slope, bend : (pixel,) float32
        Flux level in the middle of the frame, its change a sample where it is followed, and half
        the change of that a sample where it is followed closely.
    noise, flicker : (pixel,) float32
        Variance of a channel sum, relative to that of the weights, from noise that is
        independent between channels, and from what all channels share.
    alive : (pixel,) bool
        Pixels that have held data.
    level_recent, level_kept : (8, pixel) float32
        Frame means, and medians of eight of them.
    noise_recent, noise_kept, flicker_recent, flicker_kept : (8, pixel) float32
        The same of the variances.
    """

    pedestal: jax.Array
    baseline: jax.Array
    slope: jax.Array
    bend: jax.Array
    noise: jax.Array
    flicker: jax.Array
    alive: jax.Array
    level_recent: jax.Array
    level_kept: jax.Array
    noise_recent: jax.Array
    noise_kept: jax.Array
    flicker_recent: jax.Array
    flicker_kept: jax.Array


class FrameMoments(NamedTuple):
    """Sums of one frame about the pedestal.

    Attributes
    ----------
    mean : (channel, pixel)
        Weighted mean of each channel.
    variance : (channel, pixel)
        Weighted variance of a sample about that mean.
    total : (channel, pixel)
        Weight of each channel.
    present : (channel, pixel) bool
    level : (pixel,)
        Weighted mean of all channels.
    power, cross, weight : (pixel,)
        Sums over time of s^2 / w, s and w, for the channel sums s of weight w.
    scatter : (pixel,)
        Variance of s / sqrt(w) about the mean level, or a robust one where pulses made that.
    n_times : (pixel,) int32
        Times with data.
    n_samples : (pixel,) int32
        Samples with data, of all channels.
    """

    mean: jax.Array
    variance: jax.Array
    total: jax.Array
    present: jax.Array
    level: jax.Array
    power: jax.Array
    cross: jax.Array
    weight: jax.Array
    scatter: jax.Array
    n_times: jax.Array
    n_samples: jax.Array


def frame_moments(
    x: jax.Array, pedestal: jax.Array, weight: jax.Array, channel_weight: jax.Array
) -> FrameMoments:
    """Moments of a frame.

    Parameters
    ----------
    x : (time, channel, pixel)
        What is not finite has weight 0.
    pedestal : (channel, pixel)
    weight : (time, channel)
    channel_weight : (channel,)
        Inverse noise variance of a sample of weight 1.
    """
    w = weight[:, :, None]
    whole = _moments(x - pedestal, w, w > 0, channel_weight)

    def flagged(_: None) -> FrameMoments:
        ok = jnp.isfinite(x) & (w > 0)
        residual = jnp.where(ok, x - pedestal, 0)
        return _moments(residual, jnp.where(ok, w, 0), ok, channel_weight)

    # Pixels without flags of their own share their weights, which is cheap.
    clean = jnp.all(jnp.isfinite(whole.power)) & jnp.all(jnp.isfinite(whole.variance))
    return lax.cond(clean, lambda _: whole, flagged, None)


def _moments(x: jax.Array, w: jax.Array, ok: jax.Array, channel_weight: jax.Array) -> FrameMoments:
    """Moments of residuals, (time, channel, pixel), under weights of pixels or shared ones."""
    tiny = jnp.finfo(x.dtype).tiny
    wx = w * x
    s1, s2 = sum_rows(wx), sum_rows(wx * x)
    c1 = sum_rows(jnp.moveaxis(wx * channel_weight[:, None], 1, 0))
    s0, n, c0 = jnp.sum(w, 0), jnp.sum(ok, 0), jnp.sum(w * channel_weight[:, None], 1)
    mean = s1 / jnp.maximum(s0, tiny)
    total = jnp.sum(c0, 0)
    power, cross = sum_rows(c1 * c1 / jnp.maximum(c0, tiny)), sum_rows(c1)
    n_times = jnp.sum(c0 > 0, 0)
    scatter = (power - cross**2 / jnp.maximum(total, 1e-30)) / jnp.maximum(n_times - 1, 1)

    def each(values: jax.Array) -> jax.Array:
        return jnp.broadcast_to(values, (*values.shape[:-1], x.shape[2]))

    return FrameMoments(
        mean=mean,
        variance=jnp.maximum(s2 - s1 * mean, 0) / jnp.maximum(n - 1, 1),
        total=each(s0),
        present=each(n > 1),
        level=cross / jnp.maximum(total, tiny),
        power=power,
        cross=cross,
        weight=each(total),
        scatter=_without_pulses(scatter, c1, c0, n_times),
        n_times=each(n_times),
        n_samples=each(jnp.sum(n, 0)),
    )


def _without_pulses(
    scatter: jax.Array, sums: jax.Array, weight: jax.Array, n_times: jax.Array
) -> jax.Array:
    """Variance of channel sums that a train of bright pulses does not raise.

    A pulsar has a pulse in every frame: medians over frames keep it. It is told by the median
    absolute deviation within the frame, which it leaves far below the variance.

    Parameters
    ----------
    scatter : (pixel,)
    sums, weight : (time, pixel), (time, pixel or 1)
    n_times : (pixel or 1,)
    """

    def robust(_: None) -> jax.Array:
        there = jnp.broadcast_to(weight > 0, sums.shape)
        root = jnp.sqrt(jnp.maximum(weight, jnp.finfo(sums.dtype).tiny))
        level = jnp.where(there, sums / root**2, 0)
        deviation = jnp.abs(level - median_of(level, there)) * root
        square = (median_of(deviation, there) / 0.6745) ** 2
        # Of Gaussian noise, however much, the two agree.
        factor = 1 + 8 * jnp.sqrt(2 / jnp.maximum(n_times, 1))
        pulsed = (scatter > BRIGHT) & (scatter > factor * square)
        return jnp.where(pulsed, square, scatter)

    return lax.cond(jnp.any(scatter > BRIGHT), robust, lambda _: scatter, None)


def _push(
    recent: jax.Array, kept: jax.Array, value: jax.Array, fresh: jax.Array, n: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Enter a frame's value; every eighth makes a median that is kept."""
    slot, block = n % 8, (n // 8) % 8
    index = jnp.arange(8)[:, None]
    recent = jnp.where((index == slot) | fresh, value, recent)
    kept = jnp.where(fresh, value, kept)
    median = median8(recent)
    # The first medians share the slots of those to come, so that all of them count.
    closes = (slot == 7) & (index % jnp.where(n < 64, block + 1, 8) == block)
    return recent, jnp.where(closes, median, kept)


def _average(recent: jax.Array, kept: jax.Array, n: jax.Array, bias: float) -> jax.Array:
    """Median of what there is for the first seven frames, trimmed mean of medians after."""
    there = jnp.arange(8)[:, None] <= n
    v = sort8(jnp.where(there, recent, jnp.inf))
    m = jnp.minimum(n, 7)
    low, high = (sum(jnp.where(k == i, v[i], 0) for i in range(8)) for k in (m // 2, (m + 1) // 2))
    return jnp.where(n < 7, 0.5 * (low + high), trimmed8(kept) / bias)


def _frame_variances(
    m: FrameMoments, facts: FrameFacts, slope: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Variance of the channel sum that channels have apart, and that they share.

    Independent noise is measured in the channels: all trials sum it alike. What the sum
    of the channels scatters more than they can explain is variation of the whole band,
    which a dedispersed sum averages out; of one frame it may come out below zero. The slope a
    sample that the baseline follows is no part of either.
    """
    channel_weight = facts.channel_weight
    n = jnp.maximum(m.n_times, 1)
    present = m.present & (channel_weight > 0)[:, None]
    n_present = jnp.sum(present, 0)
    steep = slope**2
    of_slope = steep * facts.spread[:, None]
    variance = jnp.maximum(m.variance - of_slope, _SLOPE_LEFT * of_slope)
    quiet = jnp.sum(variance * channel_weight[:, None] * present, 0)
    quiet = jnp.where(n_present > 0, quiet / jnp.maximum(n_present, 1), m.power / n)
    offset = m.cross**2 / jnp.maximum(m.weight, 1e-30)
    whole = (m.power - offset) / jnp.maximum(n - 1, 1)
    # A robust variance is far below; rounding is not.
    pulsed = m.scatter < 0.9 * whole
    whole -= steep * facts.common_spread
    # Pulses are in the channels too: what they share is taken off, and less of it put back.
    channels, others = jnp.maximum(n_present, 1), jnp.maximum(n_present - 1, 1)
    apart = jnp.maximum((channels * quiet - whole) / others, 0)
    shared = jnp.maximum(m.scatter - apart, 0) / channels
    quiet = jnp.where(pulsed, apart + shared, quiet)
    common = jnp.where(pulsed, (channels - 1) * shared, whole - quiet)
    return quiet, jnp.where(n_present > 1, common, 0)


class _Curve(NamedTuple):
    """Level in the middle of a frame, its change a frame, and half the change of that."""

    level: jax.Array
    slope: jax.Array
    bend: jax.Array


def _follow(
    baseline: jax.Array, recent: jax.Array, n: jax.Array, frame_variance: jax.Array
) -> _Curve:
    """The curve through the last eight frames, where the baseline has lost the level.

    A source that drifts through the beam, or has come on, is off the long average by
    more than chance; then the short, noisier one serves the narrow boxcars better. It is a
    line, and a parabola where a source is so bright that the line cannot follow it.
    """
    middle = median8(recent)
    # More than half of the frames are off, to one side or on the way past it to the other.
    off = jnp.maximum(jnp.abs(middle - baseline), sort8(jnp.abs(recent - baseline))[3])
    lost = (n >= 8) & (off**2 > 9 * frame_variance)
    at = 3.5 - (n - jnp.arange(8)[:, None]) % 8
    newer = jnp.sum(jnp.where(at > 0, recent, 0), 0) / 4
    older = jnp.sum(jnp.where(at < 0, recent, 0), 0) / 4
    slope = (newer - older) / 4
    # A step is no slope: the line stays within what has been seen, but for chance or the
    # beginning of a bend.
    line = middle + 3.5 * slope
    held = jnp.clip(line, jnp.min(recent, 0), jnp.max(recent, 0))
    beyond = (line - held) ** 2
    level = jnp.where(lost, jnp.where(beyond <= 9 * frame_variance, line, held), baseline)
    steady = beyond <= jnp.maximum(9 * frame_variance, (_BEYOND * slope) ** 2)
    slope = jnp.where(lost & steady, slope, 0)

    # Least squares: 1, t and t^2 - 21 / 4 are orthogonal over the eight, with norms 8, 42, 168.
    bent = at**2 - 5.25
    mean, rise, bend = (
        sum_rows(recent * shape) / norm for shape, norm in ((at**0, 8), (at, 42), (bent, 168))
    )
    left = sum_rows((recent - mean - rise * at - bend * bent) ** 2)
    # Neither a pulse nor a step is a parabola, of which chi2 of five is left, and little beside
    # what it explains.
    explained = 168 * bend**2
    curved = lost & (explained > 25 * frame_variance)
    curved &= left < jnp.maximum(20 * frame_variance, 0.1 * explained)
    return _Curve(
        level=jnp.where(curved, mean + 3.5 * rise + 7 * bend, level),
        slope=jnp.where(curved, rise + 7 * bend, slope),
        bend=jnp.where(curved, bend, 0),
    )


class FrameFacts(NamedTuple):
    """What all pixels of a frame have in common.

    Attributes
    ----------
    n_frames : () int32
        Good frames before this one.
    channel_count : (channel,) int32
        Good frames before this one in which each channel had data.
    channel_weight : (channel,)
        Inverse noise variance of a sample of weight 1.
    good : () bool
        Whether the frame holds enough data to learn from.
    spread : (channel,)
        Variance that samples have of a slope of 1 a sample, weighted as that of the noise.
    common_spread : ()
        The same of the channel sum.
    """

    n_frames: jax.Array
    channel_count: jax.Array
    channel_weight: jax.Array
    good: jax.Array
    spread: jax.Array
    common_spread: jax.Array

    @classmethod
    def of(
        cls,
        counts: tuple[jax.Array, jax.Array],
        weight: jax.Array,
        channel_weight: jax.Array,
        good: jax.Array,
    ) -> FrameFacts:
        """Facts from the weights of a frame, (time, channel).

        Parameters
        ----------
        counts : (n_frames, channel_count)
        """
        both = jnp.concatenate([weight, weight @ channel_weight[:, None]], axis=1)
        time = jnp.arange(len(weight), dtype=weight.dtype)[:, None] - (len(weight) - 1) / 2
        middle = jnp.sum(both * time, 0) / jnp.maximum(jnp.sum(both, 0), 1e-30)
        n = jnp.sum(both > 0, 0)
        spread = jnp.sum(both * (time - middle) ** 2, 0) / jnp.maximum(n - 1, 1)
        return cls(*counts, channel_weight, good, spread[:-1], spread[-1])


def coast(old: Tracker, n_samples: int) -> Tracker:
    """Tracker after a frame without data."""
    shift = old.slope * n_samples
    return old._replace(baseline=old.baseline + shift, pedestal=old.pedestal + shift[..., None, :])


def turn_back(old: Tracker, n_frames: jax.Array, n_samples: int) -> Tracker:
    """Tracker that goes on into what it has seen: time runs the other way from here.

    What is behind it then, it has not seen: the frames continue the curve that is followed,
    with the scatter of those that were seen.
    """
    after = coast(old, n_samples)
    age = (n_frames - 1 - jnp.arange(8)[:, None]) % 8
    slope, bend = (
        a[..., None, :] * n for a, n in ((old.slope, n_samples), (old.bend, n_samples**2))
    )
    # From t = -age to t = age + 1 along (slope t + bend t^2).
    recent = old.level_recent + (2 * age + 1) * (slope + bend)
    return after._replace(slope=-old.slope, level_recent=recent)


def track(old: Tracker, m: FrameMoments, facts: FrameFacts, n_samples: int) -> Tracker:
    """Tracker after a frame.

    Parameters
    ----------
    old : Tracker
    m : FrameMoments
        About ``old.pedestal``.
    facts : FrameFacts
    n_samples : int
        Samples in a frame.
    """
    n_frames, channel_count, channel_weight, good = facts[:4]
    has = m.n_times > 0
    fresh = has & ~old.alive
    update = good | fresh
    level = jnp.where(has, old.baseline + m.level, old.baseline)
    recent, kept = _push(old.level_recent, old.level_kept, level, fresh, n_frames)
    baseline = _average(recent, kept, n_frames, 1.0)
    frame_variance = old.noise / jnp.maximum(m.weight, 1e-30)
    curve = _follow(baseline, recent, n_frames, frame_variance)
    learn, follow = update & (old.alive | has), update & has
    baseline = jnp.where(follow, curve.level, old.baseline + old.slope * n_samples)
    slope = jnp.where(follow, curve.slope / n_samples, old.slope)
    shift = baseline - old.baseline

    quiet, common = _frame_variances(m, facts, slope)
    # Two frames cannot outvote a pulse in one of them; the image on the whole can.
    ceiling = jnp.where(n_frames < 2, 1 + 4 * (2 / n_samples) ** 0.5, jnp.inf)
    quiet = jnp.where(has, jnp.minimum(quiet, ceiling), old.noise)
    common = jnp.where(has, jnp.minimum(common, ceiling - 1), old.flicker)
    n_recent, n_kept = _push(old.noise_recent, old.noise_kept, quiet, fresh, n_frames)
    f_recent, f_kept = _push(old.flicker_recent, old.flicker_kept, common, fresh, n_frames)
    seen = jnp.minimum(n_frames + 1, 64) * float(n_samples)
    bias = median8_of_chi2(n_samples * channel_weight.shape[0])
    noise = _average(n_recent, n_kept, n_frames, bias)
    noise = (PRIOR_SAMPLES + seen * noise) / (PRIOR_SAMPLES + seen)
    flicker = _average(f_recent, f_kept, n_frames, 1.0)
    flicker = jnp.where(flicker > 6 * noise * jnp.sqrt(2 / seen), flicker, 0)

    # The shape of the spectrum follows slowly; its weighted mean is the baseline.
    rate = 1 / jnp.minimum(channel_count + 1, PEDESTAL_MEMORY)[:, None]
    rate = jnp.where(fresh, 1.0, rate)
    bound = 5 * jnp.sqrt(m.variance / jnp.maximum(m.total, 1e-30))
    shape = jnp.where(m.present, m.mean - m.level, 0)
    shape = jnp.where(rate == 1, shape, jnp.clip(shape, -bound, bound)) * rate
    w = channel_weight[:, None] * m.present
    shape = jnp.where(
        m.present, shape - jnp.sum(w * shape, 0) / jnp.maximum(jnp.sum(w, 0), 1e-30), 0
    )
    pedestal = old.pedestal + shift + jnp.where(update, shape, 0)

    def keep(new: jax.Array, before: jax.Array) -> jax.Array:
        return jnp.where(update, new, before)

    return Tracker(
        pedestal=pedestal,
        baseline=baseline,
        slope=slope,
        bend=jnp.where(follow, curve.bend / n_samples**2, old.bend),
        noise=jnp.where(learn, noise, old.noise),
        flicker=jnp.where(learn, flicker, old.flicker),
        alive=old.alive | has,
        level_recent=keep(recent, old.level_recent),
        level_kept=keep(kept, old.level_kept),
        noise_recent=keep(n_recent, old.noise_recent),
        noise_kept=keep(n_kept, old.noise_kept),
        flicker_recent=keep(f_recent, old.flicker_recent),
        flicker_kept=keep(f_kept, old.flicker_kept),
    )
