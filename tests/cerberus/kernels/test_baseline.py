"""Baseline and noise of a pixel: what moves them, what does not, and how fast."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cerberus.kernels.baseline import FrameFacts, Tracker, coast, frame_moments, track

FRAME = 64
VARIANCE = np.array([1.0, 4.0, 0.25])
WEIGHT = jnp.asarray(1 / VARIANCE, jnp.float32)


def tracker(n_pixels: int) -> Tracker:
    """One that has seen nothing: zeros of the shapes that its fields have."""
    shapes = {"pedestal": (len(VARIANCE), n_pixels)}
    shapes |= {f: (8, n_pixels) for f in Tracker._fields if f.endswith(("recent", "kept"))}
    zeros = {f: jnp.zeros(shapes.get(f, (n_pixels,))) for f in Tracker._fields}
    return Tracker(**{**zeros, "alive": zeros["alive"] > 0})


@jax.jit
def follow(old: Tracker, x, weight, n_frames):
    moments = frame_moments(x, old.pedestal, weight, WEIGHT)
    count = jnp.full(len(VARIANCE), n_frames)
    facts = FrameFacts.of((n_frames, count), weight, WEIGHT, jnp.any(weight > 0))
    return track(old, moments, facts, FRAME)


def run(data: np.ndarray) -> list[Tracker]:
    """Trackers after each frame of (time, channel, pixel) data, NaN flagged."""
    old, out = tracker(data.shape[2]), []
    weight = jnp.ones((FRAME, data.shape[1]))
    for i in range(len(data) // FRAME):
        x = jnp.asarray(data[i * FRAME : (i + 1) * FRAME], jnp.float32)
        old = follow(old, x, weight, jnp.asarray(i))
        out.append(old)
    return out


def noise(n_frames: int, n_pixels: int = 60, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_frames * FRAME, len(VARIANCE), n_pixels))
    return x * np.sqrt(VARIANCE)[:, None]


def column(trackers: list[Tracker], name: str) -> np.ndarray:
    return np.stack([np.asarray(getattr(t, name)) for t in trackers])


def sigma_of(trackers: list[Tracker]) -> np.ndarray:
    """Standard deviation of an undispersed sum, relative to the weights, frame by frame."""
    return np.sqrt(column(trackers, "noise") + column(trackers, "flicker"))


@pytest.mark.parametrize("flagged", [0.0, 0.3])
def test_moments_of_a_frame_are_weighted_sums(flagged):
    rng = np.random.default_rng(8)
    x, ok = rng.normal(3, 2, (10, 3, 4)), rng.random((10, 3, 4)) >= flagged
    weight, pedestal = rng.uniform(0.5, 2, (10, 3)), rng.normal(size=(3, 4))
    weight[4] = 0
    data = np.where(ok, x + pedestal, np.nan)
    arrays = [jnp.asarray(a, jnp.float32) for a in (data, pedestal, weight)]
    m = frame_moments(*arrays, WEIGHT)
    ok &= weight[:, :, None] > 0
    w = weight[:, :, None] * ok
    mean = (w * x).sum(0) / w.sum(0)
    np.testing.assert_allclose(m.mean, mean, rtol=1e-5)
    variance = (w * (x - mean) ** 2).sum(0) / (ok.sum(0) - 1)
    np.testing.assert_allclose(m.variance, variance, rtol=1e-4)
    c = w / VARIANCE[:, None]
    total, each = c.sum(1), (c * x).sum(1)
    np.testing.assert_allclose(m.level, each.sum(0) / total.sum(0), rtol=1e-5)
    np.testing.assert_allclose(m.weight, total.sum(0), rtol=1e-5)
    np.testing.assert_allclose(m.cross, each.sum(0), rtol=1e-5)
    power = np.where(total > 0, each**2 / np.where(total > 0, total, 1), 0).sum(0)
    np.testing.assert_allclose(m.power, power, rtol=1e-5)
    np.testing.assert_array_equal(m.n_times, (total > 0).sum(0))
    np.testing.assert_array_equal(m.n_samples, ok.sum((0, 1)))


def test_noise_of_unit_variance_is_found_without_bias():
    """The mean over 60 pixels, after one frame, after seven, and once medians are used."""
    sigma = sigma_of(run(noise(80)))
    assert np.abs(sigma.mean(1) - 1).max() < 0.03
    assert sigma[-1].std() < 1.5 / np.sqrt(2 * 64 * FRAME)


def test_baseline_is_the_mean_of_the_channels_by_inverse_variance():
    data = noise(70) + np.array([10.0, 20.0, -5.0])[:, None]
    expected = (np.array([10, 20, -5]) / VARIANCE).sum() / (1 / VARIANCE).sum()
    last = run(data)[-1]
    error = 1 / np.sqrt((1 / VARIANCE).sum() * 64 * FRAME)
    assert np.asarray(last.baseline).mean() == pytest.approx(expected, abs=error)
    assert np.asarray(last.baseline).std() < 1.5 * error
    np.testing.assert_allclose(np.asarray(last.pedestal).mean(1), [10, 20, -5], atol=0.05)


def test_a_brighter_noise_of_one_pixel_is_its_own():
    data = noise(70)
    data[:, :, 3] *= 2
    sigma = sigma_of(run(data))[-1]
    assert sigma[3] == pytest.approx(2, rel=0.05)
    assert np.delete(sigma, 3).max() < 1.1


@pytest.mark.parametrize("first", [0, 20, 64])
def test_three_bad_frames_of_eight_move_nothing(first):
    """A burst of interference before, while and after the first medians are made."""
    data = noise(72)
    clean = run(data)
    start = first + 2 if first == 0 else first
    data[start * FRAME : (start + 3) * FRAME] += 50
    dirty = run(data)
    later = slice(max(first + 3, 8), None)
    shift = (column(dirty, "baseline") - column(clean, "baseline"))[later]
    assert np.abs(shift).max() < 9 / np.sqrt((1 / VARIANCE).sum() * 8 * FRAME)
    ratio = (sigma_of(dirty) / sigma_of(clean))[later]
    assert np.abs(ratio.mean(1) - 1).max() < 0.1


@pytest.mark.parametrize("step", [30.0, -30.0])
def test_a_new_level_is_followed_in_some_thirty_frames(step):
    data = noise(110)
    data[40 * FRAME :] += step
    baseline = column(run(data), "baseline")
    assert np.abs(baseline[39]).max() < 0.5
    np.testing.assert_allclose(baseline[40 + 48 :], step, atol=0.5)


@pytest.mark.parametrize("step", [30.0, -30.0])
def test_a_level_that_was_lost_is_found_again_in_eight_frames(step):
    """To the error of a line through eight frames; the noise knows nothing of it."""
    data = noise(80)
    data[40 * FRAME :] += step
    trackers = run(data)
    error = 1 / np.sqrt((1 / VARIANCE).sum() * FRAME)
    assert np.abs(column(trackers, "baseline")[48:] - step).max() < 6 * error
    sigma = sigma_of(trackers)
    assert np.abs(sigma.mean(1) - 1).max() < 0.1


def test_a_level_that_drifts_is_followed_without_delay():
    """A tenth of sigma a frame, and the same back."""
    data, frames = noise(100), np.arange(100 * FRAME) / FRAME
    ramp = 0.1 * np.clip(np.minimum(frames - 20, 90 - frames), 0, None)
    data += ramp[:, None, None]
    trackers = run(data)
    baseline, slope = (column(trackers, k).mean(1) for k in ("baseline", "slope"))
    middle = ramp.reshape(-1, FRAME).mean(1)
    rising = slice(32, 54)
    assert np.abs(baseline - middle)[rising].max() < 0.2
    # Pixels whose drift is not told from chance have none.
    assert np.all((slope[rising] > 0) & (slope[rising] < 1.2 * 0.1 / FRAME))


def test_a_steep_drift_goes_on_through_frames_without_data():
    data = noise(40)
    data += 2 * np.arange(len(data))[:, None, None] / FRAME
    seen = data.copy()
    seen[34 * FRAME : 36 * FRAME] = np.nan
    last = run(seen[: 36 * FRAME])[-1]
    assert np.asarray(last.slope).mean() * FRAME == pytest.approx(2, rel=0.02)
    assert np.asarray(last.baseline).mean() == pytest.approx(2 * 35.5, abs=0.3)
    before = run(seen[: 34 * FRAME])[-1]
    coasted = coast(coast(before, FRAME), FRAME)
    for name in ("baseline", "slope", "pedestal"):
        values = getattr(coasted, name), getattr(last, name)
        np.testing.assert_allclose(*values, rtol=1e-5, err_msg=name)


def test_a_pixel_that_appears_late_starts_from_its_own_first_frame():
    data = noise(40)
    data[: 25 * FRAME, :, 7] = np.nan
    data[25 * FRAME :, :, 7] += 500
    trackers = run(data)
    assert not np.asarray(trackers[24].alive)[7]
    assert np.asarray(trackers[25].alive)[7]
    assert np.asarray(trackers[25].baseline)[7] == pytest.approx(500, abs=0.5)
    assert sigma_of(trackers)[39, 7] == pytest.approx(1, abs=0.2)


def test_frames_without_data_change_nothing():
    before = run(noise(20))[-1]
    nothing = jnp.zeros((FRAME, 3))
    x = jnp.full((FRAME, 3, 60), jnp.nan)
    after = follow(before, x, nothing, jnp.asarray(20))
    for name, old in before._asdict().items():
        np.testing.assert_array_equal(getattr(after, name), old, err_msg=name)


def test_one_pixel_does_not_know_of_another():
    data = noise(30)
    other = data.copy()
    other[:, :, 2] = 1e4 * np.random.default_rng(1).normal(size=other[:, :, 2].shape)
    other[::3, 1, 4] = np.nan
    untouched = np.delete(np.arange(60), [2, 4])
    for name in ("baseline", "noise", "flicker", "pedestal"):
        a, b = (column(run(d), name)[..., untouched] for d in (data, other))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.0, 6.0])
def test_what_channels_share_is_noise_of_their_sum(ratio):
    """Flux that varies from sample to sample in the whole band at once."""
    rng = np.random.default_rng(12)
    data = noise(72)
    unit = np.sqrt(1 / (1 / VARIANCE).sum())
    data += np.sqrt(ratio) * unit * rng.normal(size=(len(data), 1, 60))
    last = run(data)[-1]
    assert np.asarray(last.noise + last.flicker).mean() == pytest.approx(1 + ratio, rel=0.1)


@pytest.mark.parametrize("modulation", [0.0, 0.8])
def test_a_train_of_bright_pulses_is_no_noise(modulation):
    """One sample in five, 20 times the noise: what is left of them is in the median deviation."""
    rng = np.random.default_rng(13)
    data = noise(72)
    unit = np.sqrt(1 / (1 / VARIANCE).sum())
    n = len(data) // 5
    spread = np.sqrt(np.log1p(modulation**2))
    height = 20 * np.exp(spread * rng.normal(size=n) - spread**2 / 2)
    pulses = np.zeros(len(data))
    pulses[2 : 5 * n : 5] = height
    data[:, :, :30] += unit * pulses[:, None, None]
    # Of a fifth far off the quartile of the absolute deviations of the rest is theirs at 5/8.
    # With the offset of the median, 0.32 of a deviation, that is 1.38 times 0.6745.
    last = run(data)[-1]
    sigma = np.sqrt(np.asarray(last.noise + last.flicker))
    assert sigma[:30].mean() == pytest.approx(1.38, rel=0.1)
    assert sigma[30:].mean() == pytest.approx(1.0, rel=0.02)
