"""The top-hat that fits a pulse, against pulses that are known."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.block import StreamHeader
from pipeline.candidates import Detection
from pipeline.cutout_sums import Sums, Window, delays_s, whiten
from pipeline.top_hat import fit_top_hat

FREQ_MHZ = np.linspace(1300.0, 1500.0, 16)
TSAMP_S = 0.134
N = 600


def header():
    start = Time(61000.0, format="mjd")
    return StreamHeader("test", FREQ_MHZ, TSAMP_S, start, N, bunit="Jy/beam")


def pulse(start, width, dm, flux):
    """Mean flux of a dispersed top-hat in each sample, (time, channel)."""
    low = start + delays_s(FREQ_MHZ, dm) / TSAMP_S
    sample = np.arange(N)[:, None]
    inside = np.minimum(sample + 1, low + width) - np.maximum(sample, low)
    return flux * np.maximum(inside, 0)


def fitted(data, detection, decimation=1, dm_step=0.0):
    begin = detection.start % decimation
    window = Window(begin, N, decimation)
    sums = Sums(detection, header(), window, 0)
    sums.add(begin, data[begin:, :, None, None], np.ones((N - begin, len(FREQ_MHZ)), np.float32))
    return fit_top_hat(whiten(sums, detection, header()), detection, header(), dm_step)


def boxcar(start, width, dm=0.0):
    return Detection(round(start), max(1, round(width)), dm, 0, 0, 0, 10.0, 1.0)


@given(
    start=st.floats(250, 300),
    width=st.floats(1.0, 60.0),
    dm=st.floats(0, 1000),
    stretch=st.floats(0.75, 1.3),
)
@settings(deadline=None, max_examples=25)
def test_a_pulse_between_samples_has_its_fluence(start, width, dm, stretch):
    """From a boxcar that is off by a part of the pulse, and a trial DM that is off by 20."""
    rng = np.random.default_rng(1)
    noise = 1e-3 * rng.standard_normal((N, len(FREQ_MHZ)))
    data = 3 + noise + pulse(start, width, dm, 1.0)
    near = max(0.0, dm - 20)
    fit = fitted(data, boxcar(start + 0.1 * width, width * stretch, near), dm_step=40.0)
    assert fit.fluence == pytest.approx(width, rel=0.03)
    assert fit.start + fit.width / 2 == pytest.approx(start + width / 2, abs=0.1)
    if width > 3:
        assert fit.width == pytest.approx(width, abs=0.1)
        assert fit.flux == pytest.approx(1.0, rel=0.03)


def test_bins_of_several_samples_serve_as_well():
    rng = np.random.default_rng(2)
    data = 1e-3 * rng.standard_normal((N, len(FREQ_MHZ))) + pulse(211.3, 57.7, 0.0, 2.0)
    fit = fitted(data, boxcar(216, 50), decimation=5)
    assert fit.fluence == pytest.approx(2 * 57.7, rel=0.01)
    assert (fit.start, fit.width) == pytest.approx((211.3, 57.7), abs=0.2)


@pytest.mark.parametrize("width", [2.0, 20.0])
def test_fluences_are_unbiased_and_their_errors_those_of_the_noise(width):
    """200 pulses of S/N 15: a mean within 1 % plus 3 sigma, a scatter within 3 sigma."""
    rng = np.random.default_rng(3)
    n, snr = 200, 15.0
    flux = snr / np.sqrt(width * len(FREQ_MHZ))
    pull, ratio = [], []
    for start in rng.uniform(250, 300, n):
        data = rng.standard_normal((N, len(FREQ_MHZ))) + pulse(start, width, 300.0, flux)
        fit = fitted(data, boxcar(start, width, 300.0), dm_step=20.0)
        pull.append((fit.fluence - flux * width) / fit.fluence_error)
        ratio.append(fit.fluence / (flux * width))
    assert np.mean(ratio) == pytest.approx(1, abs=0.01 + 3 * np.std(ratio) / np.sqrt(n))
    assert np.std(pull) == pytest.approx(1, abs=3 / np.sqrt(2 * n) + 0.1)


@pytest.mark.parametrize(("start", "width"), [(-4, 12), (590, 14)])
def test_a_pulse_that_the_recording_cuts_off_has_what_was_recorded(start, width):
    rng = np.random.default_rng(4)
    data = 1e-3 * rng.standard_normal((N, len(FREQ_MHZ))) + pulse(start, width, 0.0, 1.0)
    recorded = min(start + width, N) - max(start, 0)
    fit = fitted(data, boxcar(max(start, 0), recorded))
    assert fit.fluence == pytest.approx(recorded, rel=0.02)
    assert fit.start >= 0
    assert fit.start + fit.width <= N


def test_a_last_bin_may_be_short():
    rng = np.random.default_rng(5)
    data = 1e-3 * rng.standard_normal((N, len(FREQ_MHZ))) + pulse(560.0, 38.5, 0.0, 1.0)
    fit = fitted(data, boxcar(560, 37), decimation=7)
    assert fit.fluence == pytest.approx(38.5, rel=0.01)


def test_a_pulse_with_nothing_beside_it_has_no_fluence():
    fit = fitted(np.random.default_rng(6).standard_normal((N, 16)), boxcar(10, 580))
    assert (fit.start, fit.width) == (10, 580)
    assert np.isnan(fit.fluence)


def test_without_data_there_is_no_fluence():
    fit = fitted(np.full((N, len(FREQ_MHZ)), np.nan), boxcar(250, 10))
    assert np.isnan([fit.fluence, fit.fluence_error]).all()
