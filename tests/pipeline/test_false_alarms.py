"""What is expected of noise, beside noise that was searched and limits that are known."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from astropy.time import Time
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from cerberus import SearchConfig, compile_step, finish, init, make_plan, restart
from cerberus.false_alarms import expected_false_alarms, trial_rates
from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable
from pipeline.grouping import group_detections

ONE = SearchConfig(
    (1400.0,), 0.1, (64, 64), max_width_s=13.0, threshold=4.5, max_detections=1024,
    pixel_weights=False, n_samples=6400,
)  # fmt: skip


def _noise(config: SearchConfig, n: int, seed: int) -> np.ndarray:
    """Noise whose autocorrelation on the sky is a beam."""
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((n, len(config.freq_mhz), *config.shape), np.float32)
    if config.beam_fwhm_px > 1:
        sigma = config.beam_fwhm_px / 2.3548 / math.sqrt(2)
        data = gaussian_filter(data, sigma, mode="wrap", axes=(2, 3))
        data /= data.std()
    return data


def _candidates(plan, data: np.ndarray) -> np.ndarray:
    """S/N of the candidates in a recording, its first 16 frames learned before."""
    one, state, tables = compile_step(plan), init(plan, aligned=True), []
    spare = plan.n_padded - plan.n_pixels
    flat = np.pad(
        data.reshape(*data.shape[:2], -1), ((0, 0), (0, 0), (0, spare)), constant_values=np.nan
    )
    frames = flat.reshape(-1, plan.frame, plan.n_channels, plan.n_padded)
    weights = np.ones((plan.frame, plan.n_channels), np.float32)
    for frame in frames[:16]:
        state, _ = one(state, frame, weights)
    state = restart(plan, state)
    for frame in frames:
        state, found = one(state, frame, weights)
        tables.append(found)
    tables.append(finish(plan, state, one)[1])
    assert sum(t.n_dropped for t in tables) == 0
    parts = [t.to_numpy() for t in tables]
    names = ("start", "width", "i_dm", "y", "x", "snr")
    columns = {k: np.concatenate([p[k] for p in parts]) for k in names}
    dm, sigma = plan.dm_pc_cm3[columns["i_dm"]], np.ones(len(columns["snr"]), np.float32)
    header = StreamHeader(
        source="noise",
        freq_mhz=np.asarray(plan.config.freq_mhz),
        tsamp_s=plan.config.tsamp_s,
        start=Time(61000.0, format="mjd"),
        n_samples=len(data),
        shape=plan.config.shape,
        beam_fwhm_px=plan.config.beam_fwhm_px,
    )
    labels = group_detections(DetectionTable(dm=dm, sigma=sigma, **columns), header)
    best = np.zeros(labels.max(initial=-1) + 1)
    np.maximum.at(best, labels, columns["snr"])
    return best


CASES = {
    "one channel": replace(ONE, shape=(48, 48), max_width_s=5.0),
    "an image with DMs and a beam": replace(
        ONE, freq_mhz=tuple(np.linspace(1493.0, 1317.0, 8)), tsamp_s=0.134, shape=(32, 40),
        beam_fwhm_px=3.0, dm_max=2000.0, max_width_s=5.0, n_samples=2048,
    ),
    "a filterbank": replace(
        ONE, freq_mhz=tuple(1465.0 - 12 * np.arange(16)), tsamp_s=0.002, shape=(2, 2),
        dm_max=200.0, max_width_s=0.05, n_samples=1 << 16,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_noise_makes_as_many_candidates_as_expected(case):
    """Within the counting error and the 15 % that the estimate may be off."""
    config = CASES[case]
    plan = make_plan(config)
    snr = _candidates(plan, _noise(config, config.n_samples, 7))
    for threshold, least in ((4.5, 100), (5.0, 8)):
        expected = expected_false_alarms(plan, config.n_samples, threshold)
        assert expected > least
        margin = 0.15 * expected + 3 * math.sqrt(expected)
        assert abs(np.sum(snr >= threshold) - expected) < margin, threshold


def test_one_trial_passes_as_often_as_the_normal_tail():
    """With the noise known: a hundred channels tell it."""
    freq = tuple(np.linspace(1500.0, 1300.0, 100))
    plan = make_plan(replace(ONE, freq_mhz=freq, dm_max=0.0, max_width_s=0.1))
    assert plan.n_trials == 1
    expected = 64**2 * 10_000 * norm.sf(6)
    assert expected_false_alarms(plan, 10_000, 6.0) == pytest.approx(expected, rel=0.01)


def test_noise_that_is_estimated_makes_more():
    """One channel beside a hundred, and a short recording beside a long one."""
    plans = [
        make_plan(replace(ONE, freq_mhz=f, dm_max=0.0, max_width_s=0.1))
        for f in ((1400.0,), tuple(np.linspace(1500.0, 1300.0, 100)))
    ]
    few, many = (expected_false_alarms(p, 100_000, 6.0) for p in plans)
    assert 1.1 < few / many < 1.3
    assert expected_false_alarms(plans[0], 2000, 6.0) > 1.3 * few / 50


def test_more_widths_make_fewer_new_candidates_each():
    """Below one for each trial, and the less the closer the trials are."""
    loose, dense = (make_plan(replace(ONE, max_loss=x)) for x in (0.2, 0.02))
    totals = []
    for plan in (loose, dense):
        rates = list(trial_rates(plan, 6.0))
        starts = [1 / v.decimation for v in plan.levels for _ in v.rungs]
        assert all(rate <= n for (_, rate), n in zip(rates, starts, strict=True))
        # A boxcar that is moved passes u in clusters, u^2 / w for each sample.
        assert all(rate <= 36 / width for width, rate in rates if width >= 36)
        totals.append(sum(rate for _, rate in rates))
    assert totals[0] < totals[1] < totals[0] * dense.n_trials / loose.n_trials


@pytest.mark.parametrize("fwhm", [8.0, 15.0])
def test_maxima_on_the_sky_are_those_of_a_smooth_field(fwhm):
    """u^2 4 ln2 / pi in FWHM^2 (Adler 1981), in the inner part of a large image."""
    shapes = [(100, 100), (1100, 1100)]
    small, large = (
        expected_false_alarms(make_plan(replace(ONE, shape=s, beam_fwhm_px=fwhm)), 6400, 6.0)
        for s in shapes
    )
    point = expected_false_alarms(make_plan(replace(ONE, shape=(1, 1))), 6400, 6.0)
    per_axis = (math.sqrt(large / point) - math.sqrt(small / point)) / 1000 * fwhm
    assert per_axis**2 == pytest.approx(36 * 4 * math.log(2) / math.pi, rel=0.15)


def test_it_grows_with_the_data_and_falls_with_the_threshold():
    plan = make_plan(ONE)
    levels = [expected_false_alarms(plan, 100_000, u) for u in (5.0, 6.0, 7.0, 8.0)]
    assert all(a > 50 * b for a, b in pairwise(levels))
    twice = expected_false_alarms(plan, 200_000, 6.0)
    assert twice == pytest.approx(2 * levels[1], rel=0.05)
    assert expected_false_alarms(plan, 6400) == expected_false_alarms(plan, 6400, 4.5)
