"""Which detections are of injections."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.candidates import DetectionTable
from pipeline.grouping import delay_samples_per_dm
from pipeline.injection.matching import from_injections, match
from pipeline.injection.pulses import Injection
from pipeline.simulation.config import Pulse

TSAMP = 0.134


def pulse(centre=100.0, width=4.0, dm=0.0, x=6.0, y=5.0, snr=12.0):
    one = Pulse(centre * TSAMP, width * TSAMP, dm, 1.0, x=x, y=y)
    return Injection(one, (int(centre - width / 2), int(centre + width / 2) + 1), snr)


def found(*rows):
    """Rows of (first sample, width, dm, x, y, snr)."""
    start, width, dm, x, y, snr = np.array(rows, float).reshape(-1, 6).T
    zeros = np.zeros(len(start))
    return DetectionTable(start, width, dm, zeros, y, x, snr, zeros + 1)


@pytest.fixture
def header(memory):
    return memory().header


@pytest.mark.parametrize(
    ("row", "same"),
    [
        ((98, 4, 0, 6, 5, 9), True),
        ((102, 4, 0, 6, 5, 9), True),
        ((106, 4, 0, 6, 5, 9), False),
        ((98, 4, 0, 9, 5, 9), True),
        ((98, 4, 0, 10, 5, 9), False),
        ((92, 16, 0, 6, 5, 9), True),
        ((90, 20, 0, 6, 5, 9), False),
        ((100, 1, 0, 6, 5, 9), True),
        ((98, 4, 1e5, 6, 5, 9), False),
    ],
)
def test_place_time_width_and_dm_decide(header, row, same):
    assert match([pulse()], found(row), header).tolist() == [0 if same else -1]


def test_a_wrong_dm_is_allowed_as_far_as_the_width(header):
    per_dm = delay_samples_per_dm(header)
    for delay, same in ((3.0, True), (7.0, False)):
        table = found((98, 4, delay / per_dm, 6, 5, 9))
        assert match([pulse()], table, header).tolist() == [0 if same else -1]


def test_the_brightest_counts_and_serves_one(header):
    table = found((98, 4, 0, 6, 5, 9), (99, 4, 0, 6, 5, 11), (98, 4, 0, 7, 5, 10))
    assert match([pulse()], table, header).tolist() == [1]
    both = match([pulse(), pulse(103.0)], found((101, 4, 0, 6, 5, 9)), header)
    assert sorted(both.tolist()) == [-1, 0]
    assert both[1] == 0


def test_nothing_matches_nothing(header):
    assert match([pulse()], DetectionTable.empty(), header).tolist() == [-1]
    assert match([], found((98, 4, 0, 6, 5, 9)), header).tolist() == []
    assert from_injections([], found((98, 4, 0, 6, 5, 9)), header).tolist() == [False]


def test_whatever_may_be_of_an_injection_is_marked(header):
    table = found(
        (98, 4, 0, 6, 5, 12),  # the pulse
        (60, 64, 0, 9, 5, 7),  # a wide boxcar that holds it, beside
        (99, 1, 1500, 6, 6, 7),  # a wrong DM
        (98, 4, 0, 13, 11, 6.5),  # as bright as a sidelobe
        (98, 4, 0, 13, 11, 30),  # too bright for one, elsewhere
        (400, 4, 0, 6, 5, 12),  # at another time
    )
    assert from_injections([pulse()], table, header).tolist() == [True] * 4 + [False] * 2
