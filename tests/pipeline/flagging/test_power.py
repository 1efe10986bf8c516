"""Interference in visibilities is flagged; sources in the field are not."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from pipeline.flagging.kurtosis import SpectralKurtosis
from pipeline.flagging.points import FieldImage, PointsOfField
from pipeline.flagging.power import (
    AntennaFlagger,
    ChannelFlagger,
    PowerFlagger,
    VisFrame,
    stands_out,
)
from pipeline.flagging.sum_threshold import SumThreshold
from pipeline.flagging.tally import Tally
from pipeline.flagging.visibilities import usual_power
from pipeline.imaging.geometry import LIGHT_M_S
from pipeline.imaging.gridding import Grid, make_gridder
from pipeline.visibilities.block import VisBlock, VisHeader
from pipeline.visibilities.flags import FlaggedReader, FrameFlagging

N_ANTENNAS, N_TIMES, N_CHANNELS = 16, 64, 24
FREQ_MHZ = np.linspace(1310.0, 1490.0, N_CHANNELS)
SIGMA_JY = 10.0


class Array:
    """Noise on flat baselines that look up, and what is added to it."""

    def __init__(self, n_times=N_TIMES, seed=1):
        rng = np.random.default_rng(seed)
        self.antennas = np.append(rng.uniform(-500, 500, (N_ANTENNAS, 2)), [[0]] * N_ANTENNAS, 1)
        i, j = np.triu_indices(N_ANTENNAS, 1)
        self.pairs, self.baseline_m = np.stack([i, j], 1), self.antennas[i] - self.antennas[j]
        centre, start = SkyCoord(10.0, 20.0, unit="deg"), Time("2025-01-01")
        width = FREQ_MHZ[1] - FREQ_MHZ[0]
        self.header = VisHeader(
            "array", FREQ_MHZ, width, 0.1, start, n_times, self.pairs, centre, "Jy"
        )
        noise = rng.normal(size=(n_times, len(i), N_CHANNELS, 2)) * SIGMA_JY / np.sqrt(2)
        self.data = noise.astype(np.float32).view(np.complex64)[..., 0]
        self.weights = np.ones(self.data.shape, np.float32)

    def point(self, flux, l, m, times=slice(None), channels=slice(None)):
        """A far source in the field."""
        turns = (self.baseline_m @ [l, m, 0])[:, None] * FREQ_MHZ * 1e6 / LIGHT_M_S
        self.add(flux * np.exp(-2j * np.pi * turns), times, channels)

    def transmitter(self, flux, times=slice(None), channels=slice(None)):
        """On the ground, between the antennas."""
        away = np.linalg.norm(self.antennas - [120.0, 700.0, 3.0], axis=1)
        path = away[self.pairs[:, 0]] - away[self.pairs[:, 1]]
        self.add(
            flux * np.exp(2j * np.pi * path[:, None] * FREQ_MHZ * 1e6 / LIGHT_M_S), times, channels
        )

    def add(self, visibilities, times, channels):
        mask = np.zeros((len(self.data), 1, N_CHANNELS))
        mask[times, 0, channels] = 1
        self.data += (visibilities * mask).astype(np.complex64)

    def read(self, start, stop):
        start, stop = self.header.clipped(start, stop)
        return VisBlock(start, self.data[start:stop], self.weights[start:stop])

    def uvw(self, start, stop, centre):
        n = stop - start
        uvw = np.broadcast_to(self.baseline_m, (n, *self.baseline_m.shape))
        return uvw, np.zeros(uvw.shape[:2])

    def pointing(self, start, stop, centre):
        return np.tile([0.0, 0.0, 1.0], (stop - start, 1))

    def close(self):
        pass

    def frame(self):
        return VisFrame(self.header, self.read(0, N_TIMES))

    def image(self):
        longest = np.abs(self.baseline_m).max() * FREQ_MHZ.max() * 1e6 / LIGHT_M_S
        grid = Grid((96, 96), 1 / (4 * longest))
        return FieldImage(self, self.header.centre, grid, make_gridder(grid, [longest] * 3))


def cells(array, points=True, kurtosis=None):
    test = PointsOfField(array.image) if points else None
    return PowerFlagger(SumThreshold(6.0), kurtosis, test)(array.frame())[:, 0]


def test_power_is_that_of_a_loop_and_leaves_out_what_is_bad():
    array = Array()
    array.weights[3, 7, 2] = 0
    array.data[5, 9, 4] = np.nan
    frame = array.frame()
    good = (array.weights > 0) & np.isfinite(array.data)
    level = [np.mean(np.abs(array.data[:, b][good[:, b]]) ** 2) for b in range(len(array.pairs))]
    for t, c in [(3, 2), (5, 4), (11, 20)]:
        here = [np.abs(array.data[t, b, c]) ** 2 / level[b] for b in np.flatnonzero(good[t, :, c])]
        assert frame.relative[t, c] == pytest.approx(np.mean(here), rel=1e-4)
    assert frame.n_good[3, 2] == len(array.pairs) - 1


def test_noise_and_steady_sources_are_not_flagged():
    array = Array()
    array.point(5.0, 0.002, -0.001)
    assert not cells(array, points=False).any()
    # A few in a million of 6 sigma, of 4 sigma a share that is stated.
    n = PowerFlagger(SumThreshold(4.0))(array.frame()).sum()
    most = SumThreshold(4.0).false_share()[1] * N_TIMES * N_CHANNELS
    assert n < most + 5 * np.sqrt(32 * most)


@pytest.mark.parametrize("snr", [30, 100, 1000, 10000])
@pytest.mark.parametrize("swept", [False, True])
def test_bright_pulses_in_the_field_survive(snr, swept):
    array = Array()
    array.point(5.0, 0.002, -0.001)
    flux = snr * SIGMA_JY / np.sqrt(2 * len(array.pairs) * 2 * N_CHANNELS)
    for c in range(N_CHANNELS):
        first = 30 + (c // 3 if swept else 0)
        array.point(flux, -0.0011, 0.0017, slice(first, first + 2), [c])
    if snr >= 1000:
        assert cells(array, points=False).sum() >= 2 * N_CHANNELS
    assert not cells(array).any()


@pytest.mark.parametrize("flux", [12.0, 50.0, 1e4])
def test_transmitters_are_flagged(flux):
    array = Array()
    array.point(5.0, 0.002, -0.001)
    array.transmitter(flux, slice(20, 24))
    array.transmitter(flux, slice(40, 44), [5])
    expected = np.zeros((N_TIMES, N_CHANNELS), bool)
    expected[20:24] = expected[40:44, 5] = True
    found = cells(array)
    assert found[expected].mean() > 0.95
    assert not found[~expected].any()


def test_a_pulse_beside_a_transmitter_survives():
    array = Array()
    array.point(60.0, -0.0011, 0.0017, slice(30, 32))
    array.transmitter(300.0, slice(28, 36), [11, 12])
    found = cells(array)
    assert found[28:36, 11:13].all()
    assert found.sum() == 16


def test_what_comes_and_goes_has_the_wrong_kurtosis():
    array = Array()
    array.transmitter(5.0, slice(0, 64, 2), [9])
    assert not cells(array).any()
    assert np.flatnonzero(cells(array, kurtosis=SpectralKurtosis(5.0)).all(axis=0)).tolist() == [9]


def test_a_channel_stands_out_of_its_neighbours_but_not_by_its_bandpass():
    array, bandpass = Array(), 1 + 0.9 * np.sin(np.arange(N_CHANNELS))
    array.data *= np.sqrt(bandpass).astype(np.float32)
    usual = usual_power(array)
    assert usual / np.median(usual) == pytest.approx(bandpass / np.median(bandpass), rel=0.1)
    assert not ChannelFlagger(8.0, usual)(array.frame()).any()
    array.transmitter(5.0 * np.sqrt(bandpass[6]), channels=[6])
    bad = ChannelFlagger(8.0, usual)(array.frame())
    assert np.flatnonzero(bad[0, 0]).tolist() == [6]


def test_a_transmitter_of_the_whole_recording_stands_out_as_well():
    array = Array()
    array.transmitter(20.0, channels=[6])
    bad = ChannelFlagger(8.0, usual_power(array))(array.frame())
    assert np.flatnonzero(bad[0, 0]).tolist() == [6]
    assert stands_out(np.array([1.0, 1.1, 0.9] * 5 + [9.0]), 8.0, 0.1).tolist() == [False] * 15 + [
        True
    ]


def test_antennas_and_baselines_that_are_off():
    array = Array()
    of = (array.pairs == 3).any(axis=1)
    array.data[:, of] *= 3
    array.data[:, (array.pairs == 8).any(axis=1)] *= 0.1
    array.data[:, 20] *= 4
    array.transmitter(300.0, channels=[2])
    array.weights[:, (array.pairs == 11).any(axis=1)] = 0
    bad = AntennaFlagger(5.0)(array.frame())[0, :, 0]
    expected = of | (array.pairs == 8).any(axis=1)
    expected[20] = True
    np.testing.assert_array_equal(bad, expected)
    assert not AntennaFlagger(5.0)(Array(seed=2).frame()).any()


def test_nothing_and_too_little_are_not_flagged():
    for spoil in (np.nan, 0.0):
        array = Array()
        array.data[:] = spoil
        array.weights[:] = 0
        frame = array.frame()
        usual = usual_power(array)
        assert np.isnan(usual).all()
        for flagger in (
            PowerFlagger(), AntennaFlagger(5.0), ChannelFlagger(8.0, usual),
        ):  # fmt: skip
            assert not flagger(frame).any()
    short = Array(4)
    short.transmitter(1e3, slice(1, 2))
    frame = VisFrame(short.header, short.read(0, 4))
    assert not PowerFlagger()(frame).any()


def test_reads_of_any_length_agree_and_are_accounted_for_once():
    array = Array(300)
    array.transmitter(200.0, slice(100, 103), [4])
    array.transmitter(200.0, slice(250, 290), [7])
    array.data[:, (array.pairs == 8).any(axis=1)] *= 0.01

    def reader():
        flaggers = (
            ChannelFlagger(8.0, usual_power(array)),
            PowerFlagger(SumThreshold(6.0), None, PointsOfField(array.image)),
            AntennaFlagger(5.0),
        )
        looking = FrameFlagging(flaggers, Tally(FREQ_MHZ, array.pairs))
        known = [lambda header, block: header.freq_mhz > 1480]
        return FlaggedReader(array, known, looking=looking), looking.tally

    whole, tally = reader()
    expected = whole.read(0, 300).weights
    assert not expected[100:103, :, 4].any()
    assert not expected[250:290, :, 7].any()
    once = tally.summary()
    parts, tally = reader()
    for start, stop in [(250, 260), (0, 7), (7, 130), (100, 300), (-5, 400)]:
        block = parts.read(start, stop)
        np.testing.assert_array_equal(block.weights, expected[max(start, 0) : min(stop, 300)])
    assert tally.summary() == once
    lost = expected == 0
    assert once["share"] == pytest.approx(lost.mean())
    assert once["by_flagger"]["known"] == pytest.approx(2 / 24)
    assert once["by_antenna"] == [{"antenna": 8, "share": 1.0}]
    np.testing.assert_allclose(tally.share_of_channel, lost.mean(axis=(0, 1)))
    assert len(tally.sample) == len(tally.share_by_time["power"]) == 5
