"""Seconds of stages, one within the other and side by side."""

from __future__ import annotations

import threading

import pytest

from pipeline import stages as module
from pipeline.stages import IDLE, Stages


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    return now


def test_a_stage_within_another_is_no_part_of_it(clock):
    stages = Stages()
    with stages("image"):
        clock[0] += 1
        with stages("read"):
            clock[0] += 2
            with stages("flag"):
                clock[0] += 4
        with stages(IDLE):
            clock[0] += 8
        clock[0] += 16
    with stages("read"):
        clock[0] += 32
    assert stages.seconds == {"flag": 4.0, "read": 34.0, "image": 17.0}


def test_an_error_within_is_timed_and_goes_on(clock):
    stages = Stages()

    def fail():
        with stages("image"), stages("read"):
            clock[0] += 3
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert stages.seconds == {"read": 3.0, "image": 0.0}


def test_threads_do_not_take_from_each_other(clock):
    stages = Stages()

    def read():
        with stages("read"):
            clock[0] += 5

    with stages("image"):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    assert stages.seconds == {"read": 5.0, "image": 5.0}
