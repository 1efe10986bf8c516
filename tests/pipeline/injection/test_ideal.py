"""The best S/N of a pulse, and the noise that it is measured in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.injection.ideal import ideal_snr, measured_noise


@given(st.integers(0, 2**32 - 1), st.integers(3, 30), st.integers(1, 5))
def test_it_is_that_of_weighted_least_squares(seed, n, n_channels):
    """Amplitude over its error where every channel has a level of its own."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 2, (n, n_channels))
    flux = np.zeros((n, n_channels))
    flux[: n // 2 + 1] = rng.uniform(0, 5, (n // 2 + 1, n_channels))
    noise = rng.uniform(0.5, 3, n_channels)
    levels = np.kron(np.ones((n, 1)), np.eye(n_channels))
    design = np.column_stack([flux.ravel(), levels])
    inverse = (weights / noise**2).ravel()
    covariance = np.linalg.pinv(design.T @ (inverse[:, None] * design))
    expected = 1 / np.sqrt(covariance[0, 0])
    part = slice(0, n // 2 + 1)
    found = ideal_snr(flux[part], weights[part], noise, weights.sum(0))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_a_top_hat_in_a_short_recording_loses_what_its_baseline_does():
    flux = np.full((100, 4), 0.3)
    found = ideal_snr(flux, np.ones((100, 4)), np.full(4, 2.0), np.full(4, 400.0))
    assert found == pytest.approx(0.3 * np.sqrt(400) / 2 * np.sqrt(1 - 100 / 400))


def test_channels_without_noise_or_data_do_not_count():
    flux, weights = np.ones((5, 3)), np.ones((5, 3))
    weights[:, 2] = 0
    noise = np.array([1.0, np.nan, 1.0])
    assert ideal_snr(flux, weights, noise, np.array([50.0, 50, 0])) == pytest.approx(
        np.sqrt(5 - 25 / 50)
    )


def test_noise_is_measured_channel_by_channel_and_pixel_by_pixel(memory):
    reader = memory(n=2000, shape=(20, 20), sigma=(1.0, 3.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0))
    relative = np.linspace(0.5, 2, 20)
    reader.data *= relative.astype(np.float32)
    # What is rare, bright or slow is no noise.
    reader.data[300:340] += 50
    reader.data += 20 * np.sin(np.arange(2000) / 300)[:, None, None, None].astype(np.float32)
    reader.weights[500:600, 2] = 0
    reader.weights[700:1200] = 0.25
    reader.data[700:1200] *= 2
    noise = measured_noise(reader)
    expected = reader.sigma[:, None] * relative
    # A median over 24 stretches of 23 x 8 differences is good to 2.4 %.
    ratio = noise / expected[:, None, :]
    assert np.abs(np.median(ratio) - 1) < 0.01
    assert np.std(ratio) < 0.03


def test_what_is_always_flagged_has_no_noise(memory):
    reader = memory()
    reader.weights[:, 1] = 0
    noise = measured_noise(reader)
    assert np.isnan(noise[1]).all()
    assert np.isfinite(noise[[0, 2]]).all()
