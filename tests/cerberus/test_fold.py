"""Folding against a plain fold, riptide, known pulse trains, and the statistics of noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerberus.fold import make_fold_plan, periodogram


def whitened(flux, weight):
    """Weight times flux of weighted mean zero."""
    signal = weight * flux
    return signal - weight * signal.sum(axis=0) / weight.sum(axis=0)


def all_trials(rows, block=0, level=0):
    """Every trial of a block of rows: halves are shifted by rolling, one by one."""
    begin, end = block * len(rows) >> level, (block + 1) * len(rows) >> level
    if end - begin < 2:
        return [rows[begin]] if end > begin else []
    head = all_trials(rows, 2 * block, level + 1)
    tail = all_trials(rows, 2 * block + 1, level + 1)
    last = end - begin - 1
    out = []
    for s in range(last + 1):
        a = int(np.floor(s * (len(head) - 1) / last + 0.5))
        b = int(np.floor(s * (len(tail) - 1) / last + 0.5))
        out.append(head[a] + np.roll(tail[b], b - s, axis=0))
    return out


def plain_base(octave, i, signal, weight):
    """Largest S/N of a base period, pixel by pixel."""
    n, d = len(signal), octave.decimation
    n_sums = -(-n // d)
    p, m = int(octave.n_bins[i]), int(octave.n_rows[i])
    which = np.floor((np.arange(n_sums) + 0.5) / octave.per_bin[i]).astype(int)

    def trials(x):
        sums = np.pad(x, ((0, n_sums * d - n), (0, 0))).reshape(n_sums, d, -1).sum(axis=1)
        rows = np.zeros((m * p, x.shape[1]))
        np.add.at(rows, which, sums)
        return np.array(all_trials(list(rows.reshape(m, p, -1))))

    s, w, total = trials(signal), trials(weight), weight.sum(axis=0)
    best = np.full(signal.shape[1], -np.inf)
    for width in octave.widths:
        if width <= octave.widest[i]:
            thin = slice(None, None, 1 << max(0, width.bit_length() - 3))
            a = sum(np.roll(s[thin], -j, axis=1) for j in range(width))
            b = sum(np.roll(w[thin], -j, axis=1) for j in range(width))
            good = (b > 1e-6 * total) & (b < 0.999 * total)
            snr = np.where(good, a / np.sqrt(np.where(good, b * (1 - b / total), 1)), 0)
            best = np.maximum(best, snr.max(axis=(0, 1)))
    return best


def largest_of_bases(plan, cells):
    """Cells of each base period, together."""
    first = np.cumsum([0, *(n for octave in plan.octaves for n in octave.n_cells)])
    return np.maximum.reduceat(cells, first[:-1], axis=0)


@settings(max_examples=3)
@given(
    shape=st.sampled_from([(61, 4), (150, 16)]),
    of_pixels=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_fast_fold_is_the_plain_one(shape, of_pixels, seed):
    n, bins = shape
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 2, (n, 2 if of_pixels else 1))
    weight[n // 4 : n // 3] = 0
    signal = whitened(rng.normal(size=(n, 2)), weight)
    plan = make_fold_plan(n, bins=bins)
    found = largest_of_bases(plan, periodogram(plan, signal, weight))
    plain = [plain_base(o, i, signal, weight) for o in plan.octaves for i in range(len(o.n_bins))]
    np.testing.assert_allclose(found, plain, atol=2e-5)


def test_trials_reach_from_two_samples_to_half_of_the_data_without_a_hole():
    for n in (50, 999, 26822):
        plan = make_fold_plan(n)
        order = np.argsort(plan.period_low)
        reached = np.maximum.accumulate(plan.period_high[order])
        assert plan.period_low.min() == 2
        assert plan.period_high.max() >= n / 2
        assert np.all(plan.period_low[order][1:] <= reached[:-1] * (1 + 1e-9))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("min_period", 1.0), ("max_period", 60.0), ("bins", 2), ("max_duty", 0.7)],
)
def test_impossible_plans_name_the_argument(name, wrong):
    with pytest.raises(ValueError, match=f"^{name}: is"):
        make_fold_plan(100, **{name: wrong})


@pytest.fixture(scope="module")
def trains():
    """Pulse trains without noise, of S/N 20 each, of any period and phase."""
    n, rng = 1500, np.random.default_rng(5)
    period = np.exp(rng.uniform(np.log(20), np.log(400), 64))
    duty, phase = rng.uniform(0.05, 0.3, 64), rng.uniform(size=64)
    duty = np.maximum(duty, 3 / period)
    where = (np.arange(n)[:, None] / period + phase) % 1
    flux = (where < duty).astype(float)
    share = flux.mean(axis=0)
    flux *= 20 / np.sqrt(n * share * (1 - share))
    return n, period, flux


def test_the_signal_to_noise_of_pulse_trains_is_recovered(trains):
    n, period, flux = trains
    plan = make_fold_plan(n, bins=64)
    one = np.ones((n, 1))
    cells = periodogram(plan, whitened(flux, one), one)
    kept = cells.max(axis=0) / 20
    # Steps of trials (an eighth of a width at worst), of widths, and edges of bins.
    assert kept.max() <= 1 + 1e-5
    assert np.median(kept) > 0.93
    assert kept.min() > 0.83
    best = np.argmax(cells, axis=0)
    ratio = np.sqrt(plan.period_low * plan.period_high)[best] / period
    assert np.mean(np.abs(ratio - 1) < 0.02) > 0.95


def test_gaps_cost_their_own_samples_and_nothing_else(trains):
    n, _, flux = trains
    weight = np.ones((n, 1))
    weight[350:700] = 0
    plan = make_fold_plan(n, bins=64)
    there = weight[:, 0] > 0
    share = (flux[there] > 0).mean(axis=0)
    ideal = flux.max(axis=0) * np.sqrt(there.sum() * share * (1 - share))
    kept = periodogram(plan, whitened(flux, weight), weight).max(axis=0) / ideal
    assert np.median(kept) > 0.92
    assert kept.max() <= 1 + 1e-5
    # What a flagged sample holds is of no consequence.
    wild = np.where(weight > 0, flux, 1e6)
    again = periodogram(plan, whitened(wild, weight), weight).max(axis=0) / ideal
    np.testing.assert_allclose(again, kept, rtol=1e-4)


def test_riptide_finds_the_same_signal_to_noise(trains):
    riptide = pytest.importorskip("riptide")
    n, period, flux = trains
    # Below, riptide splits samples between bins and takes the noise for smaller than it is:
    # of trains with S/N 20 it reports up to 23.
    flux = flux[:, period > 3 * 64]
    one = np.ones((n, 1))
    x = whitened(flux + np.random.default_rng(2).normal(size=flux.shape), one)
    ours = periodogram(make_fold_plan(n, bins=64), x, one).max(axis=0)
    theirs = []
    for column in x.T:
        series = riptide.TimeSeries.from_numpy_array(column.astype(np.float32), 1.0)
        _, found = riptide.ffa_search(
            series,
            period_min=3 * 64.0,
            period_max=n / 2,
            fpmin=2,
            bins_min=64,
            bins_max=71,
            ducy_max=0.375,
            deredden=False,
            already_normalised=True,
        )
        theirs.append(found.snrs.max())
    ratio = ours / np.array(theirs)
    assert len(ratio) > 10
    # Each has phases and widths that the other lacks.
    assert np.median(ratio) == pytest.approx(1, abs=0.04)
    assert ratio.min() > 0.85
