"""The noise of the flux in segments is that of sums of pixels."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from surveys.mock_sizes.noise_of_segments import SegmentNoise
from surveys.observing.cameras import Stamps, gaussian_camera


@pytest.mark.parametrize("noise_fwhm", [0.0, 2.5])
def test_noise_of_a_round_segment(noise_fwhm):
    """Beside the scatter of the sums of 2000 noises."""
    n, n_draws = 25, 2000
    response = gaussian_camera(0.1, 1.5, Stamps(n, 0.04, noise_fwhm)).response
    noise = SegmentNoise.of(response)
    drawn = np.asarray(jax.vmap(response.noise)(jax.random.split(jax.random.key(3), n_draws)))
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    for radius in (1.5, 4.0, 8.0):
        inside = np.hypot(y, x) < radius
        sums = 0.7 * drawn[:, inside].sum(1)
        measured = SimpleNamespace(n_pixels=np.array([inside.sum()]), flux=np.array([50.0]))
        snr = noise.snr(measured, np.array([0.7]))  # type: ignore[arg-type]
        # The scatter of so many is known to 1/sqrt(2 n); that of a segment of few pixels depends
        # on its shape.
        tolerance = 4 / np.sqrt(2 * n_draws) + (0.03 if noise_fwhm else 0)
        np.testing.assert_allclose(snr, 50 / sums.std(), rtol=tolerance)


def test_without_noise_there_is_no_ratio():
    noise = SegmentNoise.of(gaussian_camera(0.1, 1.5, Stamps(16, 0.04)).response)
    measured = SimpleNamespace(n_pixels=np.array([0, 9]), flux=np.array([0.0, 3.0]))
    np.testing.assert_array_equal(noise.snr(measured, np.zeros(2)), np.nan)  # type: ignore[arg-type]
