"""Antennas and frequencies that are known to be bad, and blocks read in advance."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ConfigProblem
from pipeline.errors import InputError
from pipeline.stages import Stages
from pipeline.visibilities.ahead import AheadReader
from pipeline.visibilities.block import VisBlock, VisHeader
from pipeline.visibilities.flags import FlaggedReader, FlagSettings, known_flags

PAIRS = np.array([[3, 5], [3, 9], [5, 9]])


class Counting:
    """Visibilities that say which sample they are; counts what is read."""

    def __init__(self, n_samples=50):
        freq_mhz = 1400.0 + 2 * np.arange(4)
        centre, start = SkyCoord(10.0, 20.0, unit="deg"), Time("2025-01-01")
        self.header = VisHeader("vis", freq_mhz, 2.0, 0.1, start, n_samples, PAIRS, centre, "Jy")
        self.asked, self.threads, self.closed = [], set(), False

    def read(self, start, stop):
        start, stop = self.header.clipped(start, stop)
        self.asked.append((start, stop))
        self.threads.add(threading.current_thread().name)
        data = np.zeros((stop - start, 3, 4), np.complex64)
        data += np.arange(start, stop)[:, None, None]
        return VisBlock(start, data, np.ones(data.shape, np.float32))

    def uvw(self, start, stop, centre):
        return start, stop

    def pointing(self, start, stop, centre):
        return stop, start

    def close(self):
        self.closed = True


def test_baselines_of_an_antenna_and_channels_of_a_range_have_no_weight():
    vis = Counting()
    bad = known_flags(vis.header, FlagSettings(antennas=(3,), freq_mhz=((1402.5, 1403.5),)))
    weights = FlaggedReader(vis, [lambda *_: bad]).read(4, 6).weights
    # Channels are 2 MHz wide: the range is in that of 1402 and touches that of 1404.
    expected = np.zeros((2, 3, 4))
    expected[:, 2, [0, 3]] = 1
    np.testing.assert_array_equal(weights, expected)


def test_baselines_are_pairs_in_either_order():
    flags = FlagSettings(baselines=((9, 3),))
    assert flags.any_known
    bad = known_flags(Counting().header, flags)
    assert bad[0].all(axis=1).tolist() == [False, True, False]
    assert bad.sum() == 4


def test_baselines_that_are_not_used_have_no_length():
    class Long(Counting):
        def uvw(self, start, stop, centre):
            return np.ones((stop - start, 3, 3)), np.ones((stop - start, 3))

    unused = np.array([True, False, True])
    uvw, path = FlaggedReader(Long(), [], unused=unused).uvw(0, 2, None)
    assert np.isnan(uvw).all(axis=(0, 2)).tolist() == [True, False, True]
    assert path.all()


def test_hooks_see_the_block_as_recorded_and_add_up():
    def second(header, block):
        return block.data.real == 7

    def third(header, block):
        assert block.weights.all()
        return header.freq_mhz > 1405

    stages = Stages()
    block = FlaggedReader(Counting(), [second, third], stages).read(6, 9)
    assert block.weights[:, 0].tolist() == [[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 0]]
    assert stages.seconds["flag"] > 0


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (FlagSettings(antennas=(4,)), r"vis: flags\.antennas: 4 is not there"),
        (FlagSettings(freq_mhz=((10.0, 20.0),)), r"flags\.freq_mhz: no channel .* 10 to 20 MHz"),
        (FlagSettings(baselines=((3, 4),)), r"flags\.baselines: 3 to 4 is not there"),
        (FlagSettings(antennas=(3, 5, 9)), "flags: leave nothing"),
        (FlagSettings(antennas=(3, 5)), "flags: leave nothing"),
        (FlagSettings(freq_mhz=((1000.0, 2000.0),)), "flags: leave nothing"),
    ],
)
def test_what_cannot_be_flagged_is_said(flags, says):
    with pytest.raises(InputError, match=says):
        known_flags(Counting().header, flags)


def test_a_range_that_ends_before_it_begins_is_no_range():
    with pytest.raises(ConfigProblem, match="20 to 10"):
        FlagSettings(freq_mhz=((20.0, 10.0),))


def test_the_next_block_is_read_in_advance_by_another_thread():
    vis = Counting()
    reader = AheadReader(vis, Stages())
    for start in range(0, 50, 8):
        block = reader.read(start, start + 8)
        assert block.data[:, 0, 0].real.tolist() == list(range(start, min(start + 8, 50)))
    reader.close()
    assert vis.asked == [(s, min(s + 8, 50)) for s in range(0, 50, 8)]
    assert threading.current_thread().name not in vis.threads
    assert vis.closed


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=6, max_size=6))
def test_blocks_of_any_lengths_are_read_once(lengths):
    vis = Counting(2000)
    reader, start = AheadReader(vis, Stages()), 0
    for length in 8 * lengths:
        block = reader.read(start, start + length)
        assert block.data[:, 0, 0].real.tolist() == list(range(start, start + length))
        start += length
    reader.close()
    ends = np.array(vis.asked)
    assert (ends[1:, 0] == ends[:-1, 1]).all()
    assert ends[-1, 1] >= start


def test_what_follows_is_read_before_it_is_asked_for():
    begun = threading.Event()

    class Telling(Counting):
        def read(self, start, stop):
            if start == 5:
                begun.set()
            return super().read(start, stop)

    reader = AheadReader(Telling(), Stages())
    reader.read(0, 5)
    assert begun.wait(10)
    reader.close()


def test_blocks_out_of_order_are_those_asked_for():
    reader = AheadReader(Counting(), Stages())
    for start, stop in [(10, 20), (0, 5), (5, 10), (7, 9), (10, 20), (45, 99), (50, 60), (3, 4)]:
        block = reader.read(start, stop)
        assert block.data[:, 0, 0].real.tolist() == list(range(start, min(stop, 50)))
        assert block.start == start
    assert reader.uvw(1, 2, None) == (1, 2)
    assert reader.pointing(1, 2, None) == (2, 1)
    reader.close()
