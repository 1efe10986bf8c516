"""The files of a search: what is written is read, and bad files are named."""

from __future__ import annotations

import errno
import json
from dataclasses import fields

import h5py
import numpy as np
import pytest
from astropy.time import Time
from astropy.wcs import WCS

from pipeline.block import StreamHeader
from pipeline.candidates import DetectionTable, build_candidates
from pipeline.cutouts import Cutout
from pipeline.errors import InputError
from pipeline.sinks.atomic import write_atomically, write_text
from pipeline.sinks.files import read_results, write_results, write_summary
from pipeline.sinks.results import Overview, SearchResults, thin_detections
from pipeline.top_hat import TopHat


def header():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [150.0, 16.0], [3, 3], [-0.005, 0.005]
    return StreamHeader(
        "run.h5", np.array([1300.0, 1500.0]), 0.1342182159,
        Time(61000, 0.123456789012345, format="mjd", scale="utc"), 1000, (6, 7), wcs, "Jy/beam",
        np.ones((3, 3), np.float32), 2.5,
    )  # fmt: skip


def detections(n=3):
    i = np.arange(n)
    return DetectionTable(i * 50, i % 4 + 1, i * 1.5, i, i % 6, i % 7, 8.0 + i, 0.1 + 0.0 * i)


def cutout(table, i):
    values = {}
    for k, f in enumerate(fields(Cutout)):
        values[f.name] = np.arange(k + 2, dtype=np.float32)
    values |= {"detection": table.row(i), "image": np.eye(3, dtype=np.float32)}
    values["top_hat"] = TopHat(3.5, 2.25, 100.0, 0.5, 1.125, 0.1, 1.02)
    return Cutout(**values | {"image_origin": (1, 2), "peak_px": (2.25, 3.5)})


def results():
    table = detections()
    return SearchResults(
        header(),
        build_candidates(table, np.arange(3), header()),
        {1: cutout(table, 2), 2: cutout(table, 1)},
        table,
        Overview(
            noise_map=np.full((6, 7), 0.5, np.float32),
            noise_time_s=np.arange(4.0),
            noise=np.array([1.0, np.nan, 2.0, 3.0]),
            efficiency={
                "width_s": np.array([0.1, 1.0]),
                "DM 500": np.array([0.8, 0.95]),
                "DM 1000": np.array([0.8, 0.9]),
            },
        ),
        {"threshold": 7.0, "false_alarms_expected": np.float32(0.5), "worst": np.nan},
        {"search": {"dm_max": 4000.0, "widths": np.array([1, 2])}, "seed": None},
    )


def assert_same(a, b):
    for f in fields(a):
        x, y = getattr(a, f.name), getattr(b, f.name)
        if isinstance(x, np.ndarray):
            np.testing.assert_array_equal(x, y, err_msg=f.name)
            assert x.dtype == y.dtype, f.name
        else:
            assert x == y, f.name


@pytest.mark.parametrize("only_arrays", [False, True])
def test_what_is_written_is_read(tmp_path, only_arrays):
    before = results()
    write_results(tmp_path / "out", before)
    if only_arrays:
        (tmp_path / "out" / "candidates.ecsv").unlink()
        (tmp_path / "out" / "summary.json").unlink()
    after = read_results(tmp_path / "out")
    assert after.candidates.colnames == before.candidates.colnames
    assert list(after.candidates["verdict"]) == list(before.candidates["verdict"])
    assert list(after.candidates["known"]) == ["", "", ""]
    for name in set(before.candidates.colnames) - {"verdict", "known"}:
        np.testing.assert_allclose(
            after.candidates[name], before.candidates[name], rtol=1e-5, atol=0
        )
        assert after.candidates[name].unit == before.candidates[name].unit
    assert np.abs(after.candidates["mjd"] - before.candidates["mjd"]).max() < 1e-10
    assert_same(before.detections, after.detections)
    assert set(after.cutouts) == {1, 2}
    assert_same(before.cutouts[2], after.cutouts[2])
    np.testing.assert_array_equal(after.overview.noise, before.overview.noise)
    np.testing.assert_array_equal(after.overview.efficiency["DM 500"], [0.8, 0.95])
    assert list(after.overview.efficiency) == ["width_s", "DM 500", "DM 1000"]
    assert after.config == {"search": {"dm_max": 4000.0, "widths": [1, 2]}, "seed": None}
    assert after.summary == {"threshold": 7.0, "false_alarms_expected": 0.5, "worst": None}
    head = after.header
    assert abs((head.start - before.header.start).sec) < 1e-10
    assert (head.shape, head.n_samples, head.bunit) == ((6, 7), 1000, "Jy/beam")
    assert head.wcs is not None
    assert head.wcs.all_pix2world(2, 2, 0) == [pytest.approx(150.0), pytest.approx(16.0)]


def test_no_wcs_no_psf_no_candidates(tmp_path):
    before = results()
    head = StreamHeader("a.fil", np.array([1400.0]), 1e-3, Time(60000.0, format="mjd"), 5)
    empty = build_candidates(DetectionTable.empty(), np.zeros(0, int), head)
    write_results(
        tmp_path, SearchResults(head, empty, {}, DetectionTable.empty(), Overview(), {}, {})
    )
    after = read_results(tmp_path)
    assert after.header.wcs is None
    assert after.header.psf is None
    assert len(after.candidates) == 0
    assert after.candidates.colnames == before.candidates.colnames


def test_the_table_on_disk_wins(tmp_path):
    write_results(tmp_path, results())
    table = read_results(tmp_path).candidates
    table["p_real"] = [0.9, 0.1, 0.5]
    table.write(tmp_path / "candidates.ecsv", format="ascii.ecsv", overwrite=True)
    assert read_results(tmp_path).candidates["p_real"].tolist() == [0.9, 0.1, 0.5]


def test_thinning_keeps_the_brightest_and_the_whole_time():
    table = detections(5000)
    thin = thin_detections(table, 1000)
    assert len(thin) == 1000
    assert set(np.sort(table.snr)[-500:]) <= set(thin.snr)
    assert thin.start.min() == table.start.min()


def test_missing_foreign_and_damaged_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"candidates\.h5: file: does not exist"):
        read_results(tmp_path)
    with h5py.File(tmp_path / "candidates.h5", "w"):
        pass
    with pytest.raises(InputError, match="format"):
        read_results(tmp_path)
    (tmp_path / "candidates.h5").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="cannot be read"):
        read_results(tmp_path)
    write_results(tmp_path, results())
    for name in ("candidates.ecsv", "summary.json"):
        good = (tmp_path / name).read_text()
        (tmp_path / name).write_text("{ not")
        with pytest.raises(InputError, match=name):
            read_results(tmp_path)
        (tmp_path / name).write_text(good)


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "candidates.ecsv"
    write_text(path, "old")

    def fill(temporary):
        temporary.write_text("half of the ne")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(path, fill)
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["candidates.ecsv"]


def test_results_of_a_search_that_was_cut_off_are_not_mixed_with_earlier_ones(tmp_path):
    write_results(tmp_path, results())
    (tmp_path / "detections.partial").write_bytes(b"")
    with pytest.raises(InputError, match=r"cut off or still runs .*search again"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("summary", 5.0),
        ("summary", "[1, 2]"),
        ("config", "null"),
        ("candidates", "a b\n1 2"),
        ("detections/snr", np.zeros(99)),
        ("detections/snr", "text"),
        ("overview/noise", np.zeros(2)),
        ("overview/noise_map", np.zeros(2)),
        ("overview/efficiency/width_s", np.zeros(7)),
        ("recording/freq_mhz", np.zeros(0)),
    ],
)
def test_contents_that_are_not_ours_are_an_error_that_names_the_file(tmp_path, name, value):
    write_results(tmp_path, results())
    with h5py.File(tmp_path / "candidates.h5", "a") as file:
        del file[name]
        file[name] = value
    with pytest.raises(InputError, match=r"candidates\.h5: contents: cannot be read"):
        read_results(tmp_path)


def test_new_results_take_the_earlier_report_away(tmp_path):
    (tmp_path / "report.html").write_text("old")
    write_results(tmp_path, results())
    assert not (tmp_path / "report.html").exists()


def test_a_table_without_a_column_is_named(tmp_path):
    write_results(tmp_path, results())
    path = tmp_path / "candidates.ecsv"
    path.write_text(path.read_text().replace("snr", "sxr"))
    with pytest.raises(InputError, match=r"candidates\.ecsv: table: .*without the column 'snr'"):
        read_results(tmp_path)


def test_an_interrupt_leaves_no_rubbish(tmp_path):
    def stop(temporary):
        temporary.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.h5", stop)
    assert list(tmp_path.iterdir()) == []


def test_summary_is_strict_json(tmp_path):
    write_summary(tmp_path / "s.json", {"a": np.inf, "b": np.int64(3), "c": tmp_path})
    assert json.loads((tmp_path / "s.json").read_text()) == {
        "a": None, "b": 3, "c": str(tmp_path),
    }  # fmt: skip
