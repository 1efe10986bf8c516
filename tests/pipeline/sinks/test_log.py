"""The log of a running search: whatever happens, what was found is on disk."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time

from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable
from pipeline.errors import InputError
from pipeline.sinks.log import LOG_NAME, CandidateLog, read_log


def header():
    return StreamHeader(
        "run.h5", np.array([1300.0, 1500.0]), 0.1, Time(61000.0, format="mjd"), 10_000, (64, 64)
    )


def pulse(start, snr):
    return DetectionTable([start, start], [1, 2], [0.0] * 2, [0] * 2, [5] * 2, [6] * 2,
                          [snr, snr - 1], [0.1] * 2)  # fmt: skip


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_detections_are_on_disk_at_once_and_candidates_every_few_seconds(tmp_path):
    clock = Clock()
    log = CandidateLog(tmp_path, header(), interval_s=5.0, clock=clock)
    log.append(pulse(100, 10.0))
    # As after a crash: nothing was closed.
    assert read_log(tmp_path / LOG_NAME).start.tolist() == [100, 100]
    assert not (tmp_path / "candidates.ecsv").exists()
    clock.now = 6.0
    log.append(pulse(900, 12.0))
    table = Table.read(tmp_path / "candidates.ecsv")
    assert table["snr"].tolist() == [12.0, 10.0]
    assert table["n_detections"].tolist() == [2, 2]
    assert (log.n_candidates, log.n_detections) == (2, 4)
    clock.now = 7.0
    log.append(pulse(2000, 9.0))
    assert len(Table.read(tmp_path / "candidates.ecsv")) == 2
    log.close()
    assert len(Table.read(tmp_path / "candidates.ecsv")) == 3
    assert len(read_log(tmp_path / LOG_NAME)) == 6


def test_an_interrupt_leaves_all_candidates(tmp_path):
    def search():
        with CandidateLog(tmp_path, header()) as log:
            log.append(pulse(100, 10.0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search()
    assert len(Table.read(tmp_path / "candidates.ecsv")) == 1


def test_a_search_without_detections_leaves_an_empty_table(tmp_path):
    with CandidateLog(tmp_path, header()):
        pass
    assert len(Table.read(tmp_path / "candidates.ecsv")) == 0


def test_a_log_cut_anywhere_keeps_the_whole_records(tmp_path):
    with CandidateLog(tmp_path, header()) as log:
        log.append(pulse(100, 10.0))
    path = tmp_path / LOG_NAME
    whole = path.read_bytes()
    for cut in range(1, 57):
        path.write_bytes(whole[:-cut])
        found = read_log(path)
        assert len(found) == (1 if cut <= 56 else 0)
        assert found.snr[0] == 10.0


def test_discard_removes_the_log(tmp_path):
    log = CandidateLog(tmp_path, header())
    log.append(pulse(100, 10.0))
    log.discard()
    assert not (tmp_path / LOG_NAME).exists()


def test_something_else_is_no_log(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"[]\n")
    with pytest.raises(InputError, match="format"):
        read_log(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"detections\.partial: output: cannot be written"):
        CandidateLog(tmp_path / "file", header())


def test_a_log_that_cannot_be_begun_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pipeline.sinks.log.json.dumps", fail)
    with pytest.raises(OSError, match="No space left"):
        CandidateLog(tmp_path, header())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_clear_line_and_keeps_the_detections(tmp_path):
    log = CandidateLog(tmp_path, header())
    log._file.close()
    log._file = open("/dev/full", "wb", buffering=0)
    with pytest.raises(OSError, match="No space left") as caught:
        log.append(pulse(100, 10.0))
    assert caught.value.filename == str(log.path)
    log.close()
    assert len(Table.read(tmp_path / "candidates.ecsv")) == 1
