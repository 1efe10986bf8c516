"""Coverages: files, frames, larger pixels, sums."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from astropy.table import Table

from surveys.coverage.coverage import SOURCES, combined
from surveys.coverage.coverage_file import fill, read_coverage
from surveys.coverage.exposure import expose
from surveys.coverage.pointings import NAMES
from surveys.errors import InputError


def source(name, digest):
    return Table([[name], [digest], [1], [3600.0], [2]], names=SOURCES)


@pytest.fixture(scope="module")
def coverage(pointed):
    made = expose(pointed(), 128)
    return replace(made, sources=source("a.ecsv", "abc"), settings={"nside": 128})


def write(path, coverage):
    with h5py.File(path, "w") as file:
        fill(file, coverage)


def test_what_is_written_is_read(coverage, tmp_path):
    write(tmp_path / "coverage.h5", coverage)
    for path in (tmp_path, tmp_path / "coverage.h5"):
        read = read_coverage(path)
        np.testing.assert_array_equal(read.pixel, coverage.pixel)
        np.testing.assert_array_equal(read.seconds, coverage.seconds)
        np.testing.assert_array_equal(read.columns.keys(), coverage.columns.keys())
        np.testing.assert_array_equal(read.columns.sigma_1s, coverage.columns.sigma_1s)
        for name in NAMES:
            theirs, ours = (getattr(c.pointings, name) for c in (read, coverage))
            np.testing.assert_array_equal(theirs, ours)
        assert (read.nside, read.frame, read.least_gain) == (128, "icrs", 0.1)
        assert read.sources["sha256"].tolist() == ["abc"]
        assert read.settings == {"nside": 128}
        np.testing.assert_array_equal(read.exposure_s(1.0, 0.5), coverage.exposure_s(1.0, 0.5))


def test_an_empty_one_is_written_too(pointed, tmp_path):
    write(tmp_path / "coverage.h5", expose(pointed(searched_s=0.0), 64))
    assert len(read_coverage(tmp_path).pixel) == 0


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda f: f.attrs.update(format="other/1"), "format: is 'other/1'"),
        (lambda f: f.attrs.update(ordering="RING"), "ordering: is 'RING'"),
        (lambda f: f.attrs.update(frame="ecliptic"), "frame: is 'ecliptic'"),
        (lambda f: f.attrs.update(nside=4), "impossible"),
        (lambda f: f.__delitem__("seconds"), "cannot be read"),
        (lambda f: f["seconds"].__setitem__((0, 0), np.nan), "impossible"),
    ],
)
def test_damaged_files_are_told(coverage, tmp_path, damage, told):
    path = tmp_path / "coverage.h5"
    write(path, coverage)
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(InputError) as error:
        read_coverage(path)
    assert str(error.value).startswith(str(path))
    assert told in str(error.value)


def test_truncated_and_missing_files_are_told(coverage, tmp_path):
    path = tmp_path / "coverage.h5"
    write(path, coverage)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be read"):
        read_coverage(path)
    with pytest.raises(InputError, match="does not exist"):
        read_coverage(tmp_path / "elsewhere")


def test_larger_pixels_keep_time_times_area(coverage):
    larger = coverage.degraded(32)
    total = (coverage.total_s.sum() * coverage.pixel_deg2, larger.total_s.sum() * larger.pixel_deg2)
    assert total[0] == pytest.approx(total[1], rel=1e-6)
    assert larger.area_deg2 >= coverage.area_deg2
    with pytest.raises(InputError, match="cannot become 256"):
        coverage.degraded(256)


def test_frames_show_the_same_sky(coverage, pointed):
    turned = coverage.in_frame("galactic")
    made = expose(pointed(), 128, "galactic")
    for one in (turned, made):
        lon, lat = one.centres("icrs")
        weights = one.total_s / one.total_s.sum()
        theirs, ours = coverage.centres(), coverage.total_s / coverage.total_s.sum()
        # A tenth of a pixel, which is half a degree wide.
        assert weights @ lon == pytest.approx(ours @ theirs[0], abs=0.05)
        assert weights @ lat == pytest.approx(ours @ theirs[1], abs=0.05)
        assert one.total_s.sum() == pytest.approx(coverage.total_s.sum(), rel=1e-2)
    assert coverage.in_frame("icrs") is coverage


def test_sums_refuse_what_does_not_fit(coverage, pointed):
    other = replace(expose(pointed(start_mjd=60010.0), 128), where="b.h5")
    both = combined([coverage, other])
    assert both.total_s.sum() == pytest.approx(coverage.total_s.sum() + other.total_s.sum())
    assert len(both.pointings) == 2
    for change, told in (
        ({"nside": 64}, "b.h5: nside: is 64, that of coverage is 128"),
        ({"frame": "galactic"}, "b.h5: frame"),
        ({"least_gain": 0.2}, "b.h5: least_gain"),
        ({"sources": source("again.ecsv", "abc")}, "source again.ecsv: was counted already as a.e"),
    ):
        with pytest.raises(InputError) as error:
            combined([coverage, replace(other, **change)])
        assert told in str(error.value)


def test_maps_have_no_infinities(coverage):
    values = coverage.values(coverage.total_s)
    assert len(values) == 12 * 128**2
    assert np.isfinite(values).all()
    assert (values > 0).sum() == len(coverage.pixel)
