"""Recordings with pulses in them, and the pulses."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from pipeline.injection.ideal import measured_noise
from pipeline.injection.pulses import Injection, Limits, draw_pass, snr_as_recorded
from pipeline.injection.reader import InjectedReader
from pipeline.injection.settings import InjectionSettings
from pipeline.simulation.config import Pulse
from pipeline.simulation.pulses import pulse_flux, sample_range

LIMITS = Limits((0.134, 20.0), (0.0, 900.0))


def injection(header, time_s=30.0, width_s=2.0, dm=0.0, x=6.0, y=5.0, fluence=4000.0, gain=1.0):
    pulse = Pulse(time_s, width_s, dm, fluence, x=x, y=y)
    span = sample_range(pulse, header.freq_mhz, header.tsamp_s)
    return Injection(pulse, span, 10.0, gain)


def test_what_is_added_is_the_pulse_times_the_psf(memory):
    reader = memory()
    before = reader.data.copy()
    one = injection(reader.header, dm=300.0, x=6.4, y=5.0, gain=0.5)
    added = InjectedReader(reader, [one]).read(0, 600).data - before
    flux = pulse_flux(one.pulse, 4000.0, reader.header.freq_mhz, reader.header.tsamp_s, (0, 600))
    y, x = np.mgrid[:12, :14]
    psf = np.exp(-4 * np.log(2) * ((x - 6.4) ** 2 + (y - 5.0) ** 2) / 9)
    np.testing.assert_allclose(added, 0.5 * flux[:, :, None, None] * psf, atol=6e-3)
    # 4000 Jy ms through a beam of 0.5, at the place of its peak.
    total = added.sum(0).max(axis=(1, 2)) * reader.header.tsamp_s * 1e3 / psf.max()
    np.testing.assert_allclose(total, 2000, rtol=5e-3)


@given(st.lists(st.integers(0, 600), min_size=1, max_size=6), st.integers(0, 9), st.integers(1, 13))
def test_parts_of_a_recording_are_parts_of_the_whole(memory, cuts, low, high):
    reader = memory(n=600)
    ones = [injection(reader.header, dm=400.0), injection(reader.header, 79.0, 8.0, x=0.2, y=11.4)]
    injected = InjectedReader(reader, ones)
    whole = injected.read(0, 600).data
    edges = np.unique([0, *cuts, 600])
    parts = [injected.read(int(a), int(b)).data for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    rows, columns = slice(low, 12), slice(0, high)
    cut = injected.cropped(rows, columns)
    np.testing.assert_array_equal(cut.read(0, 600).data, whole[:, :, rows, columns])


def test_weights_are_kept_and_decide_the_snr(memory):
    reader = memory()
    reader.weights[200:230] = 0
    reader.weights[:, 1] = 0
    one = injection(reader.header, time_s=230 * 0.134, width_s=30 * 0.134)
    injected = InjectedReader(reader, [one])
    injected.read(0, 600)
    np.testing.assert_array_equal(injected.weights, reader.weights)
    noise = np.ones((3, 12, 14), np.float32) * reader.sigma[:, None, None]
    kept = snr_as_recorded(one, reader.header, noise, injected.weights)
    whole = snr_as_recorded(one, reader.header, noise, np.ones((600, 3)))
    # Half of the pulse and two of the channels, of which the second is the noisiest.
    share = (1 / 1 + 1 / 1.5**2) / (1 / 1 + 1 / 2**2 + 1 / 1.5**2)
    assert kept == pytest.approx(whole * np.sqrt(share / 2), rel=0.03)
    gone = injection(reader.header, time_s=215 * 0.134, width_s=1.0)
    assert snr_as_recorded(gone, reader.header, noise, injected.weights) == 0


def draw(reader, number=0, **settings):
    noise = np.ones((3, *reader.header.shape), np.float32)
    return draw_pass(InjectionSettings(**settings), number, reader.header, noise, LIMITS)


def test_the_same_pass_has_the_same_pulses(memory):
    reader = memory()
    assert draw(reader, 3, n=20, seed=5) == draw(reader, 3, n=20, seed=5)
    assert draw(reader, 3, n=20, seed=5) != draw(reader, 4, n=20, seed=5)


def test_pulses_are_as_bright_as_asked_for(memory):
    reader = memory()
    ones = draw(reader, n=30, snr=(8.0, 12.0))
    noise = np.ones((3, *reader.header.shape), np.float32)
    for one in ones:
        low, high = one.span
        if low < 0 or high > 600:
            continue
        found = snr_as_recorded(one, reader.header, noise, np.ones((600, 3)))
        assert found == pytest.approx(one.snr, rel=1e-6)
        assert 8 <= one.snr <= 12


def test_fluences_may_be_given_instead(memory):
    ones = draw(memory(), n=30, fluence_jy_ms=(100.0, 900.0))
    fluences = np.array([one.fluence for one in ones])
    assert (fluences >= 100).all()
    assert (fluences <= 900).all()
    assert all(one.snr > 0 for one in ones)


def test_priors_are_those_declared(memory):
    reader = memory(n=8000, shape=(50, 50))
    ones = [
        one
        for k in range(6)
        for one in draw(reader, k, n=5000, filling=0.3, spectral_index=(-3.0, 1.0))
    ]
    assert len(ones) > 1000
    columns = {
        "width": (np.log([o.pulse.width_s for o in ones]), *np.log(LIMITS.width_s)),
        "dm": ([o.pulse.dm for o in ones], *LIMITS.dm),
        "snr": (np.log([o.snr for o in ones]), *np.log([5.0, 25.0])),
        "x": ([o.x for o in ones], -0.5, 49.5),
        "y": ([o.y for o in ones], -0.5, 49.5),
        "time": ([o.pulse.time_s for o in ones], -0.067, 8000 * 0.134 - 0.067),
        "index": ([o.pulse.spectral_index for o in ones], -3.0, 1.0),
    }
    for name, (values, low, high) in columns.items():
        chance = kstest(values, "uniform", (low, high - low)).pvalue
        assert chance > 1e-3, name


def test_no_two_pulses_are_at_one_place_at_one_time(memory):
    reader = memory(n=3000, shape=(40, 40))
    ones = draw(reader, n=5000, filling=0.3)
    assert len(ones) > 20
    for i, a in enumerate(ones):
        for b in ones[:i]:
            if np.hypot(a.x - b.x, a.y - b.y) < 2.5 * 3:
                apart = max(a.span[0], b.span[0]) - min(a.span[1], b.span[1])
                assert apart * 0.134 > 3


def test_noise_of_a_recording_makes_the_snr(memory):
    """The pulse in the noise of the recording has the S/N asked for, measured by its own filter."""
    reader = memory(n=4000, shape=(40, 40), sigma=(1.0, 2.0, 1.5))
    noise = measured_noise(reader)
    ones = draw_pass(InjectionSettings(n=5000, snr=(20.0, 20.0)), 1, reader.header, noise, LIMITS)
    injected = InjectedReader(reader, ones).read(0, 4000).data
    scores = []
    for one in ones:
        low, high = max(one.span[0], 0), min(one.span[1], 4000)
        # On a pixel, of which the whole peak is seen.
        row, column = round(one.y), round(one.x)
        away = (one.x - column) ** 2 + (one.y - row) ** 2
        if one.span != (low, high) or row > 39 or column > 39:
            continue
        peak = np.exp(-4 * np.log(2) * away / 9)
        flux = one.flux(reader.header, (low, high)) / reader.sigma**2
        data = injected[:, :, row, column] - injected[:, :, row, column].mean(0)
        scores.append((data[low:high] * flux).sum() / np.sqrt((flux**2 * reader.sigma**2).sum()))
        scores[-1] /= peak
    # Each scatters by about one.
    assert np.mean(scores) == pytest.approx(20, abs=4 / np.sqrt(len(scores)) + 0.3)
