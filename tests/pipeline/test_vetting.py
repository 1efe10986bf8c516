"""Vetting tells point sources from interference; nothing is dropped."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.time import Time

from pipeline.block import StreamHeader
from pipeline.candidates import COLUMNS, DetectionTable, build_candidates
from pipeline.cutouts import make_cutout
from pipeline.readers.base import BaseReader
from pipeline.vetting import POINT_SOURCE, features, sidelobes, vet

N, C, SHAPE, TSAMP_S = 400, 16, (48, 48), 0.1
START, WIDTH, Y, X = 200, 4, 20, 26
SIGMA = 1 / math.sqrt(C * WIDTH)


def psf_of(n_antennas=14):
    rng = np.random.default_rng(3)
    at = rng.uniform(-0.5, 0.5, (n_antennas, 2))
    i, j = np.triu_indices(n_antennas, 1)
    u = (at[i] - at[j]) / 3
    y, x = np.mgrid[-47:48, -47:48]
    return np.cos(2 * np.pi * (u[:, 0, None, None] * x + u[:, 1, None, None] * y)).mean(axis=0)


PSF = psf_of().astype(np.float32)
HEADER = StreamHeader(
    "test", np.linspace(1310.0, 1490.0, C), TSAMP_S, Time(61000.0, format="mjd"), N, SHAPE, None,
    "Jy/beam", PSF, 3.0,
)  # fmt: skip


class Recording(BaseReader):
    """Noise of 1, and an image that lights up for a few samples."""

    def __init__(self, light=None, channels=slice(None), seed=1, header=HEADER):
        self.header = header
        rng = np.random.default_rng(seed)
        shape = (N, header.n_channels, *header.shape)
        self.data = rng.normal(size=shape).astype(np.float32)
        if light is not None:
            self.data[START : START + WIDTH, channels] += light.astype(np.float32)

    def _read(self, start, stop):
        data = self.data[start:stop].copy()
        return data, np.isfinite(data).any(axis=(2, 3)).astype(np.float32)

    def close(self):
        pass


def table(snr=20.0, x=X, y=Y, start=START, width=WIDTH):
    one = np.ones(np.size(snr))
    return DetectionTable(
        start * one, width * one, 0 * one, 0 * one, y * one, x * one, snr * one, SIGMA * one
    )


def cutout(reader, snr=20.0):
    return make_cutout(reader, table(snr).row(0), np.arange(0, 3000, 50.0), 2 ** np.arange(6))


def at(y=Y, x=X):
    return PSF[47 - y : 95 - y, 47 - x : 95 - x]


def measured(light=None, snr=20.0, channels=slice(None), seed=1):
    return features(cutout(Recording(light, channels, seed), snr), HEADER)


@pytest.mark.parametrize("snr", [8.0, 20.0, 200.0, 2000.0])
def test_a_point_looks_like_the_psf(snr):
    found = [measured(snr * SIGMA * at(), snr, seed=s) for s in range(4)]
    for f in found:
        # 157 pixels of independent noise: 18 of power against at least 64 x 5 of the pulse.
        assert f.psf_match > 0.8
        assert f.psf_chi2 < 1 + 5 * math.sqrt(2 / 157) + 1e-3 * snr
        assert abs(f.everywhere) < 5
        assert f.off_noise == pytest.approx(1, abs=0.15)
        assert f.band_filled > (0.5 if snr < 10 else 0.8)
        assert f.band_chi2 < 1 + 5 * math.sqrt(2 / 14)
    assert np.mean([f.dm0_ratio for f in found]) > 0.9
    assert max(f.profile_chi2 for f in found) < 4


def test_the_psf_between_pixels_is_no_worse():
    # A detection is at a whole pixel, and the sidelobes are those of half a pixel further.
    y, x = np.mgrid[:48, :48]
    rng = np.random.default_rng(3)
    at_ = rng.uniform(-0.5, 0.5, (14, 2))
    i, j = np.triu_indices(14, 1)
    u = (at_[i] - at_[j]) / 3
    turns = u[:, 0, None, None] * (x - X - 0.4) + u[:, 1, None, None] * (y - Y + 0.3)
    found = measured(60 * SIGMA * np.cos(2 * np.pi * turns).mean(axis=0), 60.0)
    assert found.psf_match > 0.95
    assert found.psf_chi2 < 2.5


def test_interference_does_not():
    level = measured(20 * SIGMA * np.ones(SHAPE))
    assert level.psf_match < 0.3
    assert level.everywhere > 50
    pattern = np.random.default_rng(5).normal(size=SHAPE)
    pattern[Y, X] = 3.5
    noisy = measured(6 * SIGMA * pattern)
    assert noisy.psf_match < 0.3
    assert noisy.off_noise > 4
    assert noisy.peak_ratio < 1.5
    assert noisy.negative_ratio > 0.5
    narrow = measured(16 * 40 * SIGMA * at(), 40.0, channels=[5])
    assert narrow.psf_match > 0.8
    assert narrow.band_filled == pytest.approx(1 / 16, rel=0.2)
    assert narrow.band_chi2 > 20


def test_a_power_law_is_a_good_spectrum_and_a_gap_of_channels_is_none():
    slope = (HEADER.freq_mhz / 1400) ** -3.0
    steep = measured(slope[:, None, None] * 40 * SIGMA * at(), 40.0)
    assert steep.band_chi2 < 1 + 5 * math.sqrt(2 / 14)
    reader = Recording(40 * SIGMA * at())
    reader.data[:, 3:9] = np.nan
    found = features(cutout(reader, 40.0), HEADER)
    assert found.band_filled > 0.8
    assert found.psf_match > 0.8


def test_what_cannot_be_measured_is_nan():
    reader = Recording()
    reader.data[:] = np.nan
    assert all(math.isnan(v) for v in features(cutout(reader), HEADER)[:8])
    single = StreamHeader(
        "fil", HEADER.freq_mhz, TSAMP_S, HEADER.start, N, (1, 1), None, "", None, 1.0
    )
    reader = Recording(header=single)
    cut = make_cutout(reader, table(x=0, y=0).row(0), np.arange(0, 300, 50.0), 2 ** np.arange(3))
    found = features(cut, single)
    assert math.isnan(found.psf_match)
    assert math.isfinite(found.band_chi2)


def candidates(cuts, snr, **place):
    made = build_candidates(table(snr, **place), np.arange(np.size(snr)), HEADER)
    vet(made, cuts, HEADER)
    return made


def test_candidates_are_marked_and_kept():
    pattern = np.random.default_rng(5).normal(size=SHAPE)
    pattern[Y, X] = 3.5
    lights = [
        (20 * SIGMA * at(), slice(None), POINT_SOURCE),
        (20 * SIGMA * np.ones(SHAPE), slice(None), "everywhere"),
        (6 * SIGMA * pattern, slice(None), "noisy image"),
        (16 * 20 * SIGMA * at(), [7], "narrow band"),
    ]
    for light, channels, verdict in lights:
        found = candidates({1: cutout(Recording(light, channels))}, np.array([20.0]))
        assert tuple(found.colnames) == COLUMNS
        assert found["verdict"].tolist() == [verdict]
        assert np.isfinite(found["psf_match"][0])
    found = candidates({}, np.array([20.0]))
    assert found["verdict"].tolist() == ["none"]
    assert np.isnan(found["psf_match"][0])
    assert len(candidates({}, np.zeros(0))) == 0


def test_sidelobes_are_predicted_from_brighter_ones_of_the_same_time():
    far = np.hypot(*np.mgrid[-47:48, -47:48]) > 8
    row, column = np.unravel_index(np.argmax(np.where(far, PSF, 0)[20:75, 20:75]), (55, 55))
    dy, dx = row + 20 - 47, column + 20 - 47
    level = PSF[row + 20, column + 20]
    snr = np.array([100.0, 100 * level, 50.0, 100 * level])
    start = START + np.array([0, 0, 0, 100])
    x, y = X + np.array([0, dx, 0, dx]), Y + np.array([0, dy, 1, dy])
    made = candidates({}, snr, x=x, y=y, start=start)
    order = np.argsort(-snr, kind="stable")
    ratio, owner = sidelobes(made, HEADER)
    of = {int(i): (ratio[k], owner[k]) for k, i in enumerate(order)}
    # The 50 is in the beam of the 100, the last one came later.
    assert of[0] == (0, 0)
    assert of[1][0] == pytest.approx(1, abs=0.35)
    assert of[2] == (0, 0)
    assert of[3] == (0, 0)
    assert made["verdict"][int(np.flatnonzero(order == 1)[0])].startswith("sidelobe of ")
