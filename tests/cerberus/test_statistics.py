"""S/N means what it says: unit variance, Gaussian tails, and what of a pulse is kept."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from cerberus import SearchConfig, compile_step, finish, init, make_plan, restart, step
from cerberus.plan import AFTER, BEFORE

TSAMP = 0.1342182159
BLOCK = 512
SIDE = 16


@pytest.fixture(scope="module")
def plan():
    """Two channels, 256 pixels, five levels to 130 samples."""
    return make_plan(
        SearchConfig(
            freq_mhz=(1500.0, 1300.0),
            tsamp_s=TSAMP,
            shape=(SIDE, SIDE),
            dm_max=1500.0,
            max_width_s=130 * TSAMP,
            threshold=4.0,
            max_detections=2048,
            frame=64,
        )
    )


@pytest.fixture(scope="module")
def noise(plan) -> np.ndarray:
    """The same 6000 samples for all, (time, channel, pixel)."""
    rng = np.random.default_rng(20)
    return rng.normal(size=(6000, 2, SIDE * SIDE)).astype(np.float32)


@pytest.fixture(scope="module")
def run(search, plan):
    def one(data, weights=None):
        weights = np.ones(data.shape[:2]) if weights is None else weights
        return search.padded(plan, data, weights, BLOCK)

    return one


@pytest.fixture(scope="module")
def of_noise(run, noise):
    return run(noise)


def add(data: np.ndarray, start: int, width: int, pixel: int, snr: float) -> None:
    """A top-hat without dispersion whose ideal S/N over both channels is ``snr``."""
    data[start : start + width, :, pixel] += snr / np.sqrt(2 * width)


def best_near(table, start: int, width: int, pixel: int) -> tuple[float, int, int]:
    """S/N, width and start of the strongest detection that overlaps a pulse."""
    there = table["y"] * SIDE + table["x"] == pixel
    there &= (table["start"] < start + width) & (table["start"] + table["width"] > start)
    if not there.any():
        return 0.0, 0, 0
    i = np.flatnonzero(there)[np.argmax(table["snr"][there])]
    return float(table["snr"][i]), int(table["width"][i]), int(table["start"][i])


def baseline_samples(plan, level) -> float:
    """Samples whose mean is as certain as the baseline of a level."""
    if level.decimation == 1:
        return 64 * plan.frame / 1.3
    return (BEFORE + AFTER) * plan.stretch * level.decimation


# Far enough apart that no pulse is in the neighbourhood of another's maximum.
SPREAD = [y * SIDE + x for y in (2, 7, 12) for x in (2, 7, 12)]


# --- pure noise


def test_every_trial_has_unit_variance(plan, of_noise):
    """What was learned of the variance, against the counting error of the samples in it."""
    state = of_noise[1]
    for variance, count in (state.calibration, state.levels.calibration):
        variance, count = np.asarray(variance), np.asarray(count)
        used = np.isfinite(variance)
        assert count[used].min() > 3000
        # Neighbouring windows share their baseline: allow for twice the counting error.
        error = 2 * 3 * np.sqrt(2 / count[used])
        assert np.all(np.abs(variance[used] - 1) < np.maximum(0.02, error))
        assert abs(np.average(variance[used], weights=count[used]) - 1) < 0.01


@pytest.fixture(scope="module")
def one_trial():
    """One sample wide at DM 0: the tail of a single trial."""
    return make_plan(
        SearchConfig(
            (1400.0,),
            TSAMP,
            (64, 64),
            max_width_s=TSAMP,
            frame=64,
            threshold=3.8,
            max_detections=4096,
            pixel_weights=False,
        )
    )


def test_tails_are_gaussian(one_trial):
    """Single samples above 3.8, 4.3 and 5 in eight million: counts of independent events."""
    rng, state, tables = np.random.default_rng(3), init(one_trial), []
    n = 0
    for _ in range(8):
        data = rng.normal(size=(256, 1, 4096)).astype(np.float32)
        state, found = step(one_trial, state, jnp.asarray(data), jnp.ones((256, 1)))
        tables.append(found.to_numpy()["snr"])
        n += data.size
    snr = np.concatenate(tables)
    # The last few samples wait for their neighbours.
    n -= one_trial.peak_margin * 4096
    for level, cluster in ((3.8, 81), (4.3, 81), (5.0, 81)):
        expected = n * norm.sf(level)
        # Of two in one neighbourhood only the larger is a maximum.
        expected *= 1 - 0.5 * cluster * norm.sf(level)
        assert abs(np.sum(snr >= level) - expected) < 3.5 * np.sqrt(expected), level


def test_false_alarms_of_all_trials_are_few(plan, of_noise):
    """Local maxima over 5 sigma of all trials: between one trial's share and everyone's."""
    table, _ = of_noise
    n = 6000 * SIDE**2
    count = np.sum(table["snr"] >= 5)
    assert count <= plan.n_trials * n * norm.sf(5) + 5
    four_five = np.sum(table["snr"] >= 4.5)
    assert n * norm.sf(4.5) < four_five < plan.n_trials * n * norm.sf(4.5)


def test_units_and_levels_do_not_matter(run, noise, of_noise):
    level = np.array([700.0, 200.0], np.float32)[:, None]
    table, _ = run(noise * 30 + 30 * level)
    assert len(table["snr"]) == pytest.approx(len(of_noise[0]["snr"]), abs=3)
    strong = [np.sort(t["snr"])[-100:] for t in (table, of_noise[0])]
    np.testing.assert_allclose(*strong, rtol=1e-3)


def test_weights_are_relative(run, noise, of_noise):
    table, _ = run(noise, np.full(noise.shape[:2], 0.2))
    strong = [np.sort(t["snr"])[-100:] for t in (table, of_noise[0])]
    np.testing.assert_allclose(*strong, rtol=1e-3)


def test_flagged_pixels_keep_unit_variance(run, noise):
    """Every other 200 samples of a third of the pixels: half as many excesses as elsewhere."""
    data = noise.copy()
    pixels = np.arange(0, SIDE * SIDE, 3)
    gone = (np.arange(len(data)) // 200 % 2).astype(bool)
    data[np.ix_(gone, [0, 1], pixels)] = np.nan
    table, _ = run(data)
    # Boxcars of the full rate: wider ones reach across the flagged stretches.
    strong = (table["snr"] > 4) & (table["width"] < 16)
    among = np.isin(table["y"] * SIDE + table["x"], pixels)
    elsewhere = (strong & ~among).sum() / (SIDE * SIDE - len(pixels))
    expected = 0.5 * elsewhere * len(pixels)
    assert abs((strong & among).sum() - expected) < 4 * np.sqrt(expected) + 0.1 * expected


# --- pulses


def test_a_flagged_pixel_loses_the_root_of_its_weight(run, noise):
    """One channel of two, and half of the samples of a wide pulse."""
    data = noise.copy()
    rng = np.random.default_rng(4)
    for pixel in SPREAD:
        add(data, 3000, 64, pixel, 40)
    data[2500:3600, 1, SPREAD[:4]] = np.nan
    half = rng.random((1100, 2)) < 0.5
    for pixel in SPREAD[4:8]:
        data[2500:3600, :, pixel][half] = np.nan
    table, _ = run(data)
    whole = best_near(table, 3000, 64, SPREAD[8])[0]
    kept = 1 - half[500:564].mean()
    for pixels, fraction in ((SPREAD[:4], 0.5), (SPREAD[4:8], kept)):
        got = np.mean([best_near(table, 3000, 64, p)[0] for p in pixels])
        assert got / whole == pytest.approx(np.sqrt(fraction), rel=0.06)


@pytest.mark.parametrize("width", [1, 5, 14, 27, 38, 108, 128])
def test_pulses_keep_their_signal_to_noise(run, noise, plan, width):
    """Mean over 27 starts, within 3 % of what the length of the baseline leaves."""
    rng, got = np.random.default_rng(width), []
    for _ in range(3):
        data = noise.copy()
        starts = rng.integers(2500, 5000, len(SPREAD))
        for pixel, start in zip(SPREAD, starts, strict=True):
            add(data, start, width, pixel, 20)
        table, _ = run(data)
        got += [best_near(table, s, width, p)[0] for s, p in zip(starts, SPREAD, strict=True)]
    level = next(v for v in plan.levels if width in v.widths)
    window = baseline_samples(plan, level)
    # A start between two trials loses D / 4 of the width on average.
    ideal = (
        20
        / np.sqrt(1 + width / window)
        * (1 - (level.decimation > 1) / 4 * level.decimation / width)
    )
    assert np.mean(got) == pytest.approx(ideal, rel=0.03 + 2 / 20 / np.sqrt(len(got)))


@pytest.mark.parametrize("width", [1, 8, 16, 64])
def test_a_very_bright_pulse_is_measured_right(run, noise, plan, width):
    """Within 3 % and the error of a pixel's noise, started on the grid of its level."""
    data, start = noise.copy(), 3328 - plan.max_delay
    for pixel in SPREAD[::4]:
        add(data, start, width, pixel, 1000)
    table, _ = run(data)
    level = next(v for v in plan.levels if width in v.widths)
    window = baseline_samples(plan, level)
    found = [best_near(table, start, width, pixel) for pixel in SPREAD[::4]]
    ideal = 1000 / np.sqrt(1 + width / window)
    assert np.mean([snr for snr, _, _ in found]) == pytest.approx(ideal, rel=0.03)
    for _, got_width, got_start in found:
        assert (got_width, got_start) == (width, start)


@pytest.mark.parametrize("width", [1, 7, 14, 30, 100])
def test_pulses_at_edges_of_frames_blocks_and_the_recording(run, noise, width):
    """None is lost, halved or wrapped around."""
    n = len(noise)
    starts = [0, 3, 64 - 1, 512 - (width + 1) // 2, 2048 - width // 2, 4096 - width // 2]
    starts += [5000, n - width - 1, n - width]
    data = noise.copy()
    for pixel, start in zip(SPREAD, starts, strict=True):
        add(data, start, width, pixel, 20)
    table, _ = run(data)
    for pixel, start in zip(SPREAD, starts, strict=True):
        snr, got_width, got_start = best_near(table, start, width, pixel)
        # A pulse in the first frames is part of the first guess of its noise.
        assert snr > (16 if start > 8 * 64 else 11), start
        if start > 8 * 64 and start + width < n - 1:
            assert abs(got_start + got_width / 2 - start - width / 2) <= 2 + width / 4, start


@pytest.mark.parametrize("width", [1, 3, 5, 8, 16])
def test_a_pulse_at_a_ragged_end_is_as_wide_as_its_data(run, noise, width):
    """Wider boxcars hold the same samples where a gap or the end of data cuts them off."""
    data, weights = noise.copy(), np.ones(noise.shape[:2])
    weights[3000:3300] = 0
    starts = [3000 - width, 3300, len(noise) - width]
    for pixel, start in zip(SPREAD[::4], starts, strict=True):
        add(data, start, width, pixel, 100)
    table, _ = run(data, weights)
    for pixel, start in zip(SPREAD[::4], starts, strict=True):
        assert best_near(table, start, width, pixel)[1:] == (width, start)


def test_a_dispersed_pulse_is_found_at_its_dm(run, noise, plan):
    data = noise.copy()
    trial = 2 * len(plan.dm_pc_cm3) // 3
    for pixel in SPREAD:
        data[4000:4004, 0, pixel] += 20 / np.sqrt(8)
        late = plan.delays[trial, 1]
        data[4000 + late : 4004 + late, 1, pixel] += 20 / np.sqrt(8)
    table, _ = run(data)
    for pixel in SPREAD:
        there = (table["y"] * SIDE + table["x"] == pixel) & (abs(table["start"] - 4000) < 6)
        i = np.argmax(np.where(there, table["snr"], 0))
        assert table["snr"][i] > 16
        assert abs(plan.delays[table["i_dm"][i], 1] - plan.delays[trial, 1]) <= 1


# --- what is no pulse


def test_dips_are_never_detections(run, noise, of_noise):
    data = noise.copy()
    for i, pixel in enumerate(SPREAD):
        data[1500 + 300 * i :, :, pixel][: 3 ** (i % 5)] -= 100
    table, _ = run(data)
    assert np.sum(table["snr"] > 6) <= np.sum(of_noise[0]["snr"] > 6)
    assert np.sum(table["snr"] > 4.5) < 1.1 * np.sum(of_noise[0]["snr"] > 4.5) + 10


def test_a_steady_source_is_no_detection(run, noise, of_noise):
    data = noise.copy()
    data[:, :, SPREAD] += 100
    table, _ = run(data)
    assert np.sum(table["snr"] > 6) <= np.sum(of_noise[0]["snr"] > 6)


@pytest.mark.parametrize("height", [1.0, 10.0, 100.0])
def test_a_source_that_switches_on_is_followed_within_minutes(run, noise, height):
    data, on = noise.copy(), 1000
    data[on:, :, SPREAD[4]] += height
    table, _ = run(data)
    there = (table["y"] * SIDE + table["x"] == SPREAD[4]) & (table["snr"] > 7)
    if height >= 10:
        assert there.any()
    ends = table["start"] + table["width"]
    assert (ends[there].max(initial=0) - on) * TSAMP < 240


def test_a_new_level_is_searched_again_after_ten_minutes(run, noise):
    data = noise.copy()
    data[500:, :, SPREAD[4]] += 10
    add(data, 5000, 4, SPREAD[4], 30)
    table, _ = run(data)
    assert best_near(table, 5000, 4, SPREAD[4])[0] > 24


def test_a_source_that_switches_off_is_at_most_an_edge(run, noise):
    """Its last samples stand above what follows; nothing else does."""
    data = noise.copy()
    data[:3000, :, SPREAD[4]] += 20
    table, _ = run(data)
    there = (table["y"] * SIDE + table["x"] == SPREAD[4]) & (table["snr"] > 7)
    assert there.sum() <= 3
    assert np.all(np.abs(table["start"][there] - 3000) < 200)


@pytest.mark.parametrize("middle", [9000, 1500])
def test_sources_that_drift_through_the_beam_are_no_detections(middle):
    """A Gaussian beam of 2430 samples; sources of 3 to 1000 sigma, and a pulse on top of one.

    The second time the recording begins in the flank of the beam.
    """
    plan = make_plan(
        SearchConfig(
            (1400.0,), TSAMP, (6, 6), max_detections=512, frame=64, threshold=6, pixel_weights=False
        )
    )
    n = 240 * plan.frame
    data = np.random.default_rng(3).normal(size=(n, 1, 36)).astype(np.float32)
    beam = np.exp(-0.5 * ((np.arange(n) - middle) / 2430) ** 2)
    peaks = {0: 3, 2: 10, 4: 30, 12: 100, 14: 300, 16: 600, 24: 1000, 26: 1000}
    for pixel, peak in peaks.items():
        data[:, 0, pixel] += peak * beam
    data[11700:11712, 0, 26] += 20 / np.sqrt(12)
    data = np.pad(data, ((0, 0), (0, 0), (0, plan.n_padded - 36)), constant_values=np.nan)
    weights = np.ones((plan.frame, 1), np.float32)
    frames = data.reshape(-1, plan.frame, 1, plan.n_padded)
    one, state, tables = compile_step(plan), init(plan, aligned=True), []
    for x in frames[15::-1]:
        state, _ = one(state, np.ascontiguousarray(x[::-1]), weights)
    state = restart(plan, state, turned=True)
    for x in frames:
        state, found = one(state, x, weights)
        tables.append(found.to_numpy())
    noise = np.sqrt(state.statistics.pixels.noise)
    tables.append(finish(plan, state, one)[1].to_numpy())
    table = {k: np.concatenate([t[k] for t in tables]) for k in tables[0]}
    assert noise.max() < 1.5
    high = table["snr"] > 7
    pixel = table["y"] * 6 + table["x"]
    assert set(pixel[high].tolist()) == {26}
    ends = table["start"][high] + table["width"][high]
    assert np.all((table["start"][high] < 11712) & (ends > 11700))
    assert table["snr"][high].max() == pytest.approx(20, abs=4)


def test_the_widest_pulses_are_kept_to_the_ends_of_a_recording(search):
    """Their window is half empty there: they must not pass for slow noise themselves."""
    plan = make_plan(
        SearchConfig(
            freq_mhz=(1405.0,),
            tsamp_s=0.1342182159,
            shape=(SIDE, SIDE),
            threshold=5.0,
            beam_fwhm_px=0.1,
            pixel_weights=False,
        )
    )
    n, width, ideal = 17_882, 1200, 20
    data = np.random.default_rng(12).standard_normal((n, 1, SIDE * SIDE), np.float32)
    starts = [3000, 9000, n - 3 * width, n - 5 * width // 2, n - 2 * width, n - width]
    for pixel, start in zip(SPREAD, starts, strict=False):
        data[start : start + width, 0, pixel] += ideal / np.sqrt(width)
    table, _ = search.padded(plan, data, np.ones((n, 1)), 16 * plan.frame)
    for pixel, start in zip(SPREAD, starts, strict=False):
        snr, got_width, _ = best_near(table, start, width, pixel)
        # At the end the window holds the 16384 samples before; noise adds one either way.
        assert snr > 0.95 * ideal / np.sqrt(1 + width / 16384) - 3, start
        assert width / 1.5 < got_width < 1.5 * width, start
