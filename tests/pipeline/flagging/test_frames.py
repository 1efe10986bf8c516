"""Flags do not depend on how samples are asked for."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.block import Block, StreamHeader
from pipeline.flagging.frames import Flags, FramedReads, flagged_weights, frame_length
from pipeline.flagging.images import Everywhere, FlaggedImages
from pipeline.flagging.sum_threshold import SumThreshold
from pipeline.readers.base import BaseReader


class Recording:
    """Samples that say which they are, and which frames were judged."""

    def __init__(self, n_samples):
        self.n_samples, self.n_read, self.judged = n_samples, 0, []

    def read(self, start, stop):
        assert 0 <= start <= stop <= self.n_samples
        self.n_read += stop - start
        data = np.arange(start, stop, dtype=np.float32).reshape(-1, 1, 1, 1)
        return Block(start, data, np.ones((stop - start, 1), np.float32))

    def judge(self, block):
        self.judged.append((block.start, block.start + block.n_samples))
        # Depends on the whole frame.
        cells = (block.data[:, :, 0, 0] * 7 + block.data.sum()) % 3 == 0
        return Flags(cells, np.zeros(0, bool))


def framed(n_samples, length=16):
    recording = Recording(n_samples)
    return recording, FramedReads(recording.read, n_samples, length, recording.judge)


def flags_of(frames, start, stop):
    block, flags = frames.read(start, stop)
    assert block.data[:, 0, 0, 0].tolist() == list(range(start, stop))
    return flagged_weights(block.weights, flags)[:, 0] == 0


@settings(deadline=None)
@given(st.integers(1, 100), st.lists(st.tuples(st.integers(0, 99), st.integers(1, 60)), max_size=8))
def test_any_reads_in_any_order_give_the_same_flags(n_samples, asked):
    expected = flags_of(framed(n_samples)[1], 0, n_samples)
    recording, frames = framed(n_samples)
    for start, length in asked:
        start, stop = min(start, n_samples - 1), min(start + length, n_samples)
        np.testing.assert_array_equal(flags_of(frames, start, stop), expected[start:stop])
        judged = frames.judge(start, stop).cells[:, 0]
        np.testing.assert_array_equal(judged, expected[start:stop])
    assert len(set(recording.judged)) == len(recording.judged)
    assert all(a % 16 == 0 for a, _ in recording.judged)


@pytest.mark.parametrize("step", [1, 5, 16, 40])
def test_samples_that_are_asked_for_in_order_are_read_once(step):
    recording, frames = framed(100)
    for start in range(0, 100, step):
        flags_of(frames, start, min(start + step, 100))
    assert recording.n_read == 100


def test_frames_are_as_long_as_memory_allows():
    assert frame_length(1000) == 64
    assert frame_length(2 << 20) == 32
    assert frame_length(1 << 30) == 16


class Images(BaseReader):
    def __init__(self, data, psf=None):
        self.data = data.astype(np.float32)
        self.header = StreamHeader(
            "images", np.linspace(1300, 1500, data.shape[1]), 0.1, Time(61000.0, format="mjd"),
            len(data), data.shape[2:], None, "Jy/beam", psf, 1.0,
        )  # fmt: skip

    def _read(self, start, stop):
        data = self.data[start:stop].copy()
        return data, np.isfinite(data).any(axis=(2, 3)).astype(np.float32)

    def close(self):
        pass


def test_images_and_their_crops_have_the_same_flags_in_any_order():
    rng = np.random.default_rng(1)
    data = rng.normal(size=(150, 3, 12, 12))
    data[70:75, 1] += 4
    flagger = Everywhere(SumThreshold(6.0))
    whole = FlaggedImages(Images(data), flagger)
    expected = whole.read(0, 150).weights == 0
    assert expected[70:75, 1].all()
    other = FlaggedImages(Images(data), flagger)
    crop = other.cropped(slice(2, 5), slice(0, 4))
    for start, stop in [(72, 74), (0, 100), (60, 150), (100, 100), (149, 200)]:
        for reader in (crop, other):
            block = reader.read(start, stop)
            np.testing.assert_array_equal(block.weights == 0, expected[start:stop])
    np.testing.assert_array_equal(crop.read(3, 9).data, data[3:9, :, 2:5, :4].astype("f4"))
    again = crop.cropped(slice(1, 2), slice(0, 1)).read(70, 73)
    assert again.data.shape == (3, 3, 1, 1)
    assert (again.weights[:, 1] == 0).all()
    assert other.seen.summary()["share"] == pytest.approx(expected.mean())
