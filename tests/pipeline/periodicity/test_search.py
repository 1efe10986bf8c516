"""Periods of light curves: false alarms, harmonics, bursts that stand alone, drifts."""

import numpy as np
import pytest

from cerberus.fold import make_fold_plan, periodogram
from pipeline.periodicity.light_curves import whiten
from pipeline.periodicity.search import false_alarm_probability, find_periods


def train(n, period, width, snr, start=0.0):
    on = (np.arange(n) - start) / period % 1 < width / period
    share = on.mean()
    return on * snr / np.sqrt(n * share * (1 - share))


def search(flux, weight=None, threshold=8.0, **options):
    n = len(flux)
    plan = make_fold_plan(n, **{"bins": 64, "max_period": 200, **options})
    weight = np.ones((n, 1), np.float32) if weight is None else weight
    curves = whiten(flux.astype(np.float32), weight, float(plan.period_high.max()))
    return find_periods(plan, *curves, threshold)[0]


def noise(n, pixels, seed):
    return np.random.default_rng(seed).normal(size=(n, pixels))


@pytest.mark.parametrize("gaps", [False, True])
def test_false_alarms_of_noise_are_as_often_as_told(gaps):
    n, pixels = 300, 3072
    flux, weight = noise(n, pixels, 3), np.ones((n, 1))
    if gaps:
        weight[120:170] = 0
        flux /= np.sqrt(weight.clip(1e-9))
    signal = weight * flux
    signal -= weight * signal.sum(axis=0) / weight.sum()
    plan = make_fold_plan(n, bins=32)
    largest = periodogram(plan, signal, weight).max(axis=0)
    for u in (4.4, 4.8, 5.2):
        expected = pixels * false_alarm_probability(plan, u)
        count = int((largest > u).sum())
        # A gap takes trials away that are counted; three errors of the count, a quarter of it.
        assert abs(count - expected) < 3 * expected**0.5 + 0.25 * expected, (u, count, expected)


def test_a_weak_train_is_found_with_its_error_and_its_harmonics():
    n, pulls = 2000, []
    for seed in range(6):
        period = 74.5 + 0.37 * seed
        flux = noise(n, 1, seed) + train(n, period, 7.0, 20.0, 11.0)[:, None]
        (one,) = search(flux)
        assert one.pulse.snr == pytest.approx(20, abs=4)
        pulls.append((one.pulse.period - period) / one.pulse.period_error)
        assert {"2/1", "1/2"} & {ratio for ratio, _, _ in one.harmonics}
        centre = (one.pulse.phase * one.pulse.period - 11.0 - 3.0) % period
        assert min(centre, period - centre) < 3
    # Of six: chi2 has its 1e-3 and 1 - 1e-3 points at 0.25 and 1.93; errors are known to 15 %.
    assert 0.2 < np.sqrt(np.mean(np.square(pulls))) < 2.2


def test_two_trains_of_one_pixel_are_both_found():
    flux = noise(2000, 1, 1) + train(2000, 74.5, 6, 30)[:, None] + train(2000, 167, 12, 18)[:, None]
    periods = sorted(one.pulse.period for one in search(flux))
    assert periods == [pytest.approx(74.5, rel=2e-3), pytest.approx(167, rel=4e-3)]


def test_one_bright_burst_is_no_period_and_hides_none():
    flux = noise(2000, 2, 4)
    flux[700:710] += 12
    flux[:, 1] += train(2000, 91, 8, 18)
    (one,) = search(flux)
    assert one.pixel == 1
    assert one.pulse.period == pytest.approx(91, rel=2e-3)


def test_slow_drifts_give_nothing():
    n = 2000
    t = np.arange(n) / n
    drift = np.stack([30 * t, 20 * np.cos(3 * t), 40 * t**2 - 60 * t], axis=1)
    assert search(noise(n, 3, 5) + drift) == []


def test_pixels_without_noise_or_data_are_passed_over():
    flux = noise(2000, 3, 6)
    flux[:, 0] = 0
    weight = np.ones((2000, 3), np.float32)
    weight[:, 1] = 0
    assert search(flux, weight) == []


@pytest.mark.parametrize(("height", "modulation"), [(3.0, 0.0), (20.0, 0.0), (20.0, 0.8)])
def test_a_pulsar_of_five_samples_has_its_period_and_its_noise(height, modulation):
    """A pulse of a part of a sample, alike or not, in a fifth of all samples."""
    n, pulls = 900, []
    for seed in range(6):
        rng = np.random.default_rng([seed, 5])
        period, width = rng.uniform(4.5, 6.5), 0.16
        times = np.arange(rng.uniform(0, period), n - 1, period)
        spread = np.sqrt(np.log1p(modulation**2))
        fluence = height * np.exp(spread * rng.normal(size=len(times)) - spread**2 / 2)
        edges = np.arange(n + 1) - 0.5
        parts = np.diff(np.clip((edges - times[:, None]) / width + 0.5, 0, 1), axis=1)
        flux = noise(n, 1, seed) + (fluence @ parts)[:, None]
        one = search(flux, max_period=100)[0]
        pulls.append((one.pulse.period - period) / one.pulse.period_error)
        # N pulses in N of N P samples; at the edges of samples a part is lost.
        ideal = fluence.mean() * np.sqrt(len(times)) * np.sqrt(1 - 1 / period)
        assert 0.88 * ideal - 3 < one.pulse.snr < 1.05 * ideal + 3, (one.pulse.snr, ideal)
        assert abs(one.pulse.period - period) * n / period < 0.3
    # Tails are heavier than those of a normal variable, where edges are sharp.
    assert np.median(np.abs(pulls)) < 2, pulls
    assert np.max(np.abs(pulls)) < 5, pulls
