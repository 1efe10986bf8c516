"""Spectral kurtosis: its mean and scatter in noise, and what it finds."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.flagging.kurtosis import SpectralKurtosis, kurtosis_sigma, spectral_kurtosis


@pytest.mark.parametrize(("m", "d"), [(64, 1), (64, 276), (16, 45)])
def test_mean_and_scatter_in_noise_are_those_of_nita_and_gary(m, d):
    rng = np.random.default_rng(1)
    n = 100_000
    power = rng.gamma(d, 1 / d, (m, n))
    kurtosis = spectral_kurtosis(power, np.full(n, d))
    sigma = kurtosis_sigma(m, d)
    assert kurtosis.mean() == pytest.approx(1, abs=5 * sigma / np.sqrt(n))
    assert kurtosis.std() == pytest.approx(sigma, rel=0.03)


def test_the_variance_of_single_powers_is_the_published_one():
    # 4 M^2 / ((M - 1) (M + 2) (M + 3)), Nita et al. 2007.
    m = 6104
    assert kurtosis_sigma(m, 1) ** 2 == pytest.approx(4 * m**2 / ((m - 1) * (m + 2) * (m + 3)))


def test_what_goes_on_and_off_and_what_never_changes_is_no_noise():
    rng = np.random.default_rng(2)
    d, power = 276, rng.gamma(276, 1 / 276, (64, 40))
    power[::2, 5] *= 1.4
    power[:, 9] = 1.0 + 1e-6 * power[:, 9]
    power[:, 11] = np.nan
    power[8:, 12] = np.nan
    power[:, 13] *= 1e30
    bad = SpectralKurtosis(5.0)(power, np.full(40, d))
    assert np.flatnonzero(bad).tolist() == [5, 9]
    assert np.isnan(spectral_kurtosis(power, np.full(40, d))[11])
