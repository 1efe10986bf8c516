"""Trials against the loss they are said to leave, worked out from the shapes of pulses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerberus import SearchConfig, make_plan
from cerberus.config import DISPERSION_CONSTANT
from cerberus.plan import BATCH, width_ladder

DSA = SearchConfig(
    freq_mhz=tuple(np.linspace(1499.0, 1311.0, 16)), tsamp_s=0.1342182159, shape=(175, 175)
)
ASKAP = SearchConfig(
    freq_mhz=tuple(1464.5 - np.arange(336.0)), tsamp_s=1.265625e-3, dm_max=1000.0, max_width_s=0.5
)


@pytest.fixture(scope="module")
def dsa():
    return make_plan(DSA)


@pytest.fixture(scope="module")
def askap():
    return make_plan(ASKAP)


def rungs(plan):
    """Width in samples, sample spacing of its starts, and DMs of every rung."""
    for k, level in enumerate(plan.levels):
        for i, rung in enumerate(level.rungs):
            yield rung.width * level.decimation, level.decimation, plan.trial_dms(k, i)


# --- widths and starts


@pytest.mark.parametrize("max_loss", [1 / 32, 1 / 16, 0.1, 0.2])
@pytest.mark.parametrize("max_width", [1, 2, 5, 16, 100, 1198])
def test_any_width_keeps_its_share_of_a_rung(max_width, max_loss):
    """A boxcar b on a top-hat w keeps sqrt(min / max) of S/N."""
    ladder = width_ladder(max_width, max_loss)
    boxcars = np.array([w << k for k, level in enumerate(ladder) for w in level])
    pulses = np.geomspace(1, max_width, 700)[:, None]
    kept = np.sqrt(np.minimum(pulses, boxcars) / np.maximum(pulses, boxcars)).max(1)
    resolved = pulses[:, 0] >= 1 / (2 * max_loss)
    assert kept[resolved].min(initial=1) >= 1 - max_loss - 0.005
    # Below that the ladder has every whole number of samples, or those it needs.
    whole = np.isin(pulses[:, 0], np.arange(1, max_width + 1))
    assert kept[whole].min() >= 1 - max_loss


@pytest.mark.parametrize("max_width", [1, 3, 30, 1198])
def test_the_ladder_reaches_the_widest_pulse_and_no_further(max_width):
    ladder = width_ladder(max_width, 1 / 16)
    boxcars = [w << k for k, level in enumerate(ladder) for w in level]
    assert boxcars == sorted(set(boxcars))
    assert boxcars[0] == 1
    assert boxcars[-1] >= (1 - 1 / 16) ** 2 * max_width
    assert boxcars[-1] <= max_width / (1 - 1 / 16) ** 4 or max_width < 16


def test_a_start_between_two_trials_costs_no_more_than_stated(dsa):
    """Width and start at their worst together: at most one loss each."""
    boxcars = [(w, step) for w, step, _ in rungs(dsa)]
    for pulse in np.geomspace(8, dsa.widths[-1], 60):
        for phase in np.linspace(0, 1, 9):
            kept = 0.0
            for width, step in boxcars:
                offset = (phase * pulse) % step
                for start in (-offset, step - offset):
                    overlap = min(pulse, start + width) - max(0.0, start)
                    kept = max(kept, overlap / np.sqrt(pulse * width))
            assert kept >= (1 - DSA.max_loss) ** 2


# --- dispersion measures


def kept_off_trial(config: SearchConfig, delay_error: float, width: float) -> float:
    """S/N kept by a top-hat whose delay across the band is off by ``delay_error``."""
    freq = np.asarray(config.freq_mhz)
    shape = freq**-2.0 - freq.max() ** -2.0
    error = delay_error * shape / shape.max()
    starts = np.linspace(0, delay_error, 101)[:, None]
    return np.maximum(0, 1 - np.abs(error - starts) / width).mean(1).max()


@pytest.mark.parametrize("name", ["dsa", "askap"])
def test_a_dm_between_two_trials_costs_no_more_than_stated(name, request):
    plan = request.getfixturevalue(name)
    config = plan.config
    for width, _, dms in rungs(plan):
        if len(dms) > 1:
            step = np.diff(dms).max() * plan.delay_per_dm
            # One part in fifteen more than 1 - e / 4w: delays go as the square of frequency.
            assert kept_off_trial(config, step / 2, width) >= 1 - config.max_loss * 16 / 15


@pytest.mark.parametrize("name", ["dsa", "askap"])
def test_every_rung_covers_every_dm(name, request):
    """From 0 to the largest, no DM is further off than half a step of the widest allowed."""
    plan = request.getfixturevalue(name)
    config = plan.config
    for width, _, dms in rungs(plan):
        assert dms[0] == 0
        edges = np.concatenate([np.diff(dms) / 2, [max(0.0, config.dm_max - dms[-1])]])
        worst = edges.max() * plan.delay_per_dm
        assert worst <= 4 * config.max_loss * width + 1e-6, f"width {width}"


def test_the_grid_is_uniform_in_delay_with_half_a_sample(dsa):
    step = np.diff(dsa.dm_pc_cm3) * dsa.delay_per_dm
    np.testing.assert_allclose(step, 0.5, rtol=1e-9)
    assert dsa.dm_pc_cm3[-1] >= DSA.dm_max


def test_delays_are_those_of_cold_plasma(askap):
    """Against the textbook formula: 4.15 ms (GHz)^-2, rounded once."""
    freq = np.array(ASKAP.freq_mhz)
    i = len(askap.dm_pc_cm3) // 2
    seconds = DISPERSION_CONSTANT * askap.dm_pc_cm3[i] * (freq**-2.0 - freq.max() ** -2.0)
    assert pytest.approx(4149.4, rel=1e-4) == DISPERSION_CONSTANT
    np.testing.assert_allclose(askap.delays[i], seconds / ASKAP.tsamp_s, atol=0.5 + 1e-9)
    assert askap.delays[:, 0].max() == 0
    assert askap.max_delay == askap.delays.max()


# --- bands of any kind

BANDS = st.one_of(
    st.just((1400.0,)),
    st.tuples(st.floats(400, 800), st.floats(900, 1500)),
    st.integers(3, 12).flatmap(
        lambda n: st.permutations([1200.0 + 25 * i for i in range(n)]).map(tuple)
    ),
    st.sampled_from([1, -1]).map(lambda s: tuple(1400 + s * np.arange(64.0))),
)


@given(
    freq=BANDS,
    dm_max=st.one_of(st.just(0.0), st.floats(1e-3, 3000)),
    tsamp=st.sampled_from([1e-3, 1e-2, 0.134]),
    width=st.integers(1, 300),
    max_loss=st.sampled_from([1 / 16, 0.1, 0.2]),
)
@settings(max_examples=40)
def test_plans_for_any_band_hang_together(freq, dm_max, tsamp, width, max_loss):
    # As many samples of delay as a plan can hold in a test.
    delay = DISPERSION_CONSTANT * (min(freq) ** -2 - max(freq) ** -2) / tsamp
    dm_max = min(dm_max, 400 / delay) if delay > 0 else dm_max
    config = SearchConfig(freq, tsamp, dm_max=dm_max, max_width_s=width * tsamp, max_loss=max_loss)
    plan = make_plan(config)
    highest = int(np.argmax(freq))
    assert plan.delays.min() == 0
    assert np.all(plan.delays[:, highest] == 0)
    assert np.all(plan.delays[0] == 0)
    assert plan.dm_pc_cm3[0] == 0
    if delay == 0 or dm_max == 0:
        assert plan.dm_pc_cm3.tolist() == [0.0]
        assert plan.max_delay == 0
    else:
        assert plan.dm_pc_cm3[-1] >= dm_max - 1e-6 / delay
    for k, level in enumerate(plan.levels):
        assert level.decimation == 2**k
        assert np.all(np.diff(level.dm_rows) > 0)
        assert level.dm_rows[-1] < len(plan.dm_pc_cm3)
        for i, rung in enumerate(level.rungs):
            assert rung.n_rows == len(plan.trial_dms(k, i))
    assert plan.ring_length % BATCH == 0
    assert plan.widths == tuple(sorted(plan.widths))
    assert plan.n_padded >= plan.n_pixels
    # Descending or shuffled, it is the same search.
    again = make_plan(
        SearchConfig(
            tuple(sorted(freq)), tsamp, dm_max=dm_max, max_width_s=width * tsamp, max_loss=max_loss
        )
    )
    np.testing.assert_array_equal(again.dm_pc_cm3, plan.dm_pc_cm3)
    np.testing.assert_array_equal(again.delays, plan.delays[:, np.argsort(freq)])


def test_a_short_recording_is_not_matched_with_pulses_wider_than_a_quarter():
    plan = make_plan(SearchConfig((1400.0,), 0.1, max_width_s=100.0, n_samples=200))
    assert plan.widths[-1] <= 50 / (1 - 1 / 16) ** 4
    assert make_plan(SearchConfig((1400.0,), 0.1, max_width_s=100.0, n_samples=1)).widths == (1,)


@pytest.mark.parametrize("name", ["frame", "tile"])
@pytest.mark.parametrize("shape", [(1, 1), (175, 175), (301, 301), (1024, 1024)])
def test_frames_and_tiles_fit_the_image(shape, name):
    plan = make_plan(SearchConfig((1400.0, 1300.0), 0.134, shape=shape))
    assert plan.frame & (plan.frame - 1) == 0
    assert plan.n_padded - plan.n_pixels < plan.tile
    assert getattr(plan, name) >= 1


@pytest.mark.parametrize("size", [1, 100, 175, 301, 1024])
def test_tiles_fill_the_memory_of_a_device(size):
    config = SearchConfig(tuple(np.linspace(1493.0, 1317.0, 16)), 0.134, shape=(size, size))
    small = make_plan(config)
    one = 4 * len(small.dm_pc_cm3) * (small.frame + small.reach)
    plan = make_plan(replace(config, working_bytes=8e9))
    assert plan.tile * one <= 8e9 or plan.tile == small.tile
    assert (plan.tile + 8) * one > 0.5 * 8e9 / 8 or plan.n_tiles == 1
    assert plan.n_pixels <= plan.n_padded < plan.n_pixels + 8 * plan.n_tiles


# --- arguments

VALID = {"freq_mhz": (1400.0, 1300.0), "tsamp_s": 0.1}


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("freq_mhz", ()),
        ("freq_mhz", (1400.0, -3.0)),
        ("freq_mhz", (1400.0, np.nan)),
        ("freq_mhz", (1400.0, 1400.0)),
        ("tsamp_s", 0.0),
        ("tsamp_s", np.inf),
        ("dm_max", -1.0),
        ("dm_max", np.nan),
        ("max_width_s", 0.0),
        ("max_width_s", 0.05),
        ("threshold", 0.0),
        ("threshold", np.nan),
        ("max_loss", 0.0),
        ("max_loss", 0.3),
        ("shape", (0, 4)),
        ("n_samples", 0),
        ("max_detections", 0),
        ("frame", 0),
        ("frame", 24),
        ("tile", 0),
        ("working_bytes", 0.0),
        ("dispersion_constant", -1.0),
        ("beam_fwhm_px", np.nan),
        ("beam_fwhm_px", -1.0),
    ],
)
def test_a_bad_argument_is_named(argument, value):
    with pytest.raises(ValueError, match=f"^{argument}:"):
        make_plan(SearchConfig(**{**VALID, argument: value}))


def test_more_dm_trials_than_can_be_told_apart_are_refused():
    config = SearchConfig(tuple(np.linspace(1200.0, 1500.0, 4)), 1e-5, dm_max=1e4)
    with pytest.raises(ValueError, match=r"^dm_max: 10000\.0 pc/cc needs \d+ DM trials"):
        make_plan(config)


LADDERS = [(1 / 16, 16), (1 / 16, 100), (1 / 16, 1198), (0.1, 300), (0.2, 24), (0.2, 300)]
LADDERS += [(1 / 32, 600), (0.02, 600), (0.2, 27)]


@pytest.mark.parametrize(("max_loss", "max_width"), LADDERS)
def test_ladders_fit_batch_and_window(max_loss, max_width):
    """A batch, and what boxcars that start in it reach, lie in what has come of a window."""
    config = SearchConfig((1400.0,), 1.0, (99, 99), max_width_s=max_width, max_loss=max_loss)
    plan = make_plan(config)
    if plan.ring_rows:
        assert BATCH + max(plan.ring_widths) - 1 <= plan.lag
        assert plan.lag % BATCH == 0
        assert plan.ring_length >= plan.lag


def test_every_rung_covers_the_largest_dm_of_any_band():
    freq = (1300.0, 1500.0)
    per_dm = DISPERSION_CONSTANT * (freq[0] ** -2 - freq[1] ** -2) / 1e-3
    for delay in np.geomspace(1, 3000, 40):
        plan = make_plan(SearchConfig(freq, 1e-3, dm_max=delay / per_dm, max_width_s=1.2))
        for width, _, dms in rungs(plan):
            gap = (plan.config.dm_max - dms[-1]) * plan.delay_per_dm
            assert gap <= 4 * plan.config.max_loss * width + 1e-6, (delay, width)
