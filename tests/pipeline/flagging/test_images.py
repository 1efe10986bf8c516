"""A source in every pixel is no source; a bright pulse, with its sidelobes, is one."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.time import Time
from scipy.ndimage import shift

from pipeline.block import Block, StreamHeader
from pipeline.config import ConfigProblem
from pipeline.flagging.images import Everywhere, ImageFlags

N, C, SHAPE = 64, 8, (60, 60)


def dirty_beam(n_antennas=14, seed=3):
    """PSF of few antennas: its sidelobes are everywhere."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(-0.5, 0.5, (n_antennas, 2))
    i, j = np.triu_indices(n_antennas, 1)
    u = (at[i] - at[j]) / 3
    y, x = np.mgrid[-60:61, -60:61]
    return np.cos(2 * np.pi * (u[:, 0, None, None] * x + u[:, 1, None, None] * y)).mean(axis=0)


def header(psf):
    return StreamHeader(
        "images", np.linspace(1300, 1500, C), 0.1, Time(61000.0, format="mjd"), N, SHAPE, None,
        "Jy/beam", psf, 3.0,
    )  # fmt: skip


def noise(seed=1, factor=1.0):
    data = np.random.default_rng(seed).normal(0, factor, (N, C, *SHAPE)).astype(np.float32)
    return data


def flags(data, psf=None, sigmas=7.0, weights=None):
    weights = np.ones(data.shape[:2], np.float32) if weights is None else weights
    return Everywhere.of(header(psf), sigmas)(Block(0, data, weights))


def test_noise_is_not_flagged_and_its_rate_is_that_of_a_gaussian():
    assert not flags(noise()).any()
    n = sum(int(flags(noise(seed), sigmas=4.0).sum()) for seed in range(8))
    most = 3 * Everywhere.of(header(None), 4.0).threshold.false_share()[1] * 8 * N * C
    assert n < most + 5 * np.sqrt(32 * most)


@pytest.mark.parametrize("rise", [-0.8, 0.8, 50.0])
def test_an_image_that_rises_everywhere_is_flagged(rise):
    data = noise()
    data[20:23, 2:4] += rise
    found = flags(data)
    assert found[20:23, 2:4].all()
    assert found.sum() == 6


def test_an_image_that_grows_noisy_is_flagged():
    data = noise()
    pattern = np.random.default_rng(9).normal(size=SHAPE).astype(np.float32)
    data[30:34] += 2 * pattern
    found = flags(data, dirty_beam())
    assert found[30:34].all()
    assert found.sum() == 4 * C


@pytest.mark.parametrize("snr", [10, 100, 1000, 10000])
@pytest.mark.parametrize("kind", ["gaussian", "dirty", "unknown"])
def test_a_pulse_and_its_sidelobes_are_not(snr, kind):
    if kind == "gaussian":
        y, x = np.mgrid[-60:61, -60:61]
        psf = np.exp(-4 * np.log(2) * (x**2 + y**2) / 9.0)
    else:
        psf = dirty_beam()
    data = noise(2)
    # Sidelobes move with frequency; the PSF that is known is of one.
    for c in range(C):
        there = shift(psf, (-12, 7), order=1)[30:90, 30:90]
        data[40:42, c] += snr / np.sqrt(2 * C) * there * (0.8 + 0.05 * c)
    assert not flags(data, None if kind == "unknown" else psf).any()


def test_a_steady_source_changes_nothing():
    psf = dirty_beam()
    data = noise(4) + 300 * psf[35:95, 20:80].astype(np.float32)
    pattern = np.random.default_rng(9).normal(size=SHAPE).astype(np.float32)
    data[30:34, 2] += 60 * pattern
    found = flags(data, psf)
    assert found[30:34, 2].all()
    assert found.sum() == 4


def test_images_with_less_weight_may_be_noisier():
    data, weights = noise(5), np.ones((N, C), np.float32)
    weights[10:20, 3] = 0.25
    data[10:20, 3] *= 2
    assert not flags(data, weights=weights).any()
    weights[10:20, 3] = 1
    assert flags(data, weights=weights)[10:20, 3].all()


def test_what_is_missing_changes_nothing():
    data, weights = noise(6), np.ones((N, C), np.float32)
    data[5], weights[5] = np.nan, 0
    data[:, 1], weights[:, 1] = np.nan, 0
    data[12, 2, :20] = np.nan
    data[30] += 3
    found = flags(data, weights=weights)
    assert not found[:30].any()
    assert found[30, [0, *range(2, C)]].all()
    assert not found[:, 1].any()
    assert not flags(np.full_like(data, np.nan), weights=0 * weights).any()
    assert not flags(np.zeros_like(data)).any()


def test_small_images_and_single_pixels_are_left_alone():
    data = noise()[:, :, :6, :6]
    data[20] += 100
    assert not flags(data).any()
    assert not flags(data[:, :, :1, :1]).any()


def test_thresholds_have_limits():
    with pytest.raises(ConfigProblem, match="everywhere: is 1"):
        ImageFlags(everywhere=1.0)
    assert ImageFlags(everywhere=0.0).everywhere == 0
