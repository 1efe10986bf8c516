"""Recordings of DSA-110, written here byte by byte, and where they look by astropy's own frames."""

from __future__ import annotations

import math
import re
import struct
import warnings

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import TETE, AltAz, EarthLocation, HADec, SkyCoord
from astropy.table import Table
from astropy.time import Time
from astropy.utils import iers
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.imaging.geometry import meridian_direction, place_on_sky, terrestrial_axes
from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.settings import ImagingSettings
from pipeline.readers import open_recording
from pipeline.visibilities.nsfrb import NsfrbReader
from pipeline.visibilities.nsfrb_file import FileHeader, read_header
from surveys.instruments import dsa110

NEW, OLD = "<dIf", "<fIf"
MJD, DEC = 60480.25, 37.25  # 2024-06-19
TSAMP = 0.1342182159423828
DAY = 86400.0
SIDEREAL_RAD_S = 2 * math.pi / 86164.0905
LIGHT = 299792458.0
ORDER = (24, 101, 7, 60)
SITE = EarthLocation.from_geodetic(
    math.degrees(-2.064427799136453) * units.deg,
    math.degrees(0.6498455107238486) * units.deg,
    1188.0519 * units.m,
)


pytestmark = pytest.mark.usefixtures("offline")


def observe(folder, order=ORDER, **settings):
    values = {"channels": 1, "fringe_samples": 4, "unit": '"Jy"'} | settings
    lines = [f"antenna_order = {list(order)}", *(f"{k} = {v}" for k, v in values.items())]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "observation.toml").write_text("\n".join(lines) + "\n")


def write(folder, subband, vis, number="00000", mjd=MJD, dec=DEC, layout=NEW, tail=b""):
    path = folder / f"nsfrb_sb{subband:02d}_{number}.out"
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(layout, mjd, subband, dec)
    path.write_bytes(header + np.ascontiguousarray(vis, "<c8").tobytes() + tail)
    return path


def pairs(n_antennas=4):
    return [(i, j) for i in range(n_antennas) for j in range(i + 1)]


def numbered(n_samples, subband, n_antennas=4, n_channels=1, first=0):
    """Says of every visibility where it belongs: real i, j, channel; imaginary time, sub-band."""
    shape = (n_samples, len(pairs(n_antennas)), n_channels, 2)
    vis = np.empty(shape, np.complex64)
    for b, (i, j) in enumerate(pairs(n_antennas)):
        for c in range(n_channels):
            vis[:, b, c].real = 1 + 1000 * i + 100 * j + 10 * c
            vis[:, b, c].imag = (first + np.arange(n_samples))[:, None] + subband / 32
    return vis


def record(folder, n_samples=8, subbands=range(16), first=0, **settings):
    """All sub-bands of one number; ``first`` says which sample of the recording it begins with."""
    mjd = settings.pop("mjd", MJD) + first * TSAMP / DAY
    return [
        write(folder, s, numbered(n_samples, s, first=first), mjd=mjd, **settings) for s in subbands
    ]


def opened(folder):
    return NsfrbReader(sorted(folder.glob("**/*.out")))


def present(reader):
    """Whether anything is there, (time, sub-band)."""
    return (reader.read(0, 10**6).weights > 0).any(axis=1)


def says(reader, text):
    return any(text in note for note in reader.header.notes)


def said_missing(reader):
    notes = [note for note in reader.header.notes if "missing" in note]
    return [[int(s) for s in re.findall(r"\b\d\d\b", note)] for note in notes]


# Bytes


@pytest.mark.parametrize(("layout", "n_bytes"), [(NEW, 16), (OLD, 12)])
def test_both_headers_are_what_their_bytes_say(tmp_path, layout, n_bytes):
    mjd = 60480.25 if layout == NEW else float(np.float32(60480.25))
    path = write(tmp_path, 11, np.zeros(5), dec=-12.5, layout=layout)
    header = read_header(path)
    assert header == FileHeader(mjd, 11, -12.5, n_bytes)
    assert header.to_bytes() == path.read_bytes()[:n_bytes]


def test_the_time_in_a_header_is_kept_to_a_microsecond_and_is_that_of_an_edge(tmp_path):
    observe(tmp_path)
    exact = 60480.123456789012
    record(tmp_path, mjd=exact)
    header = opened(tmp_path).header
    start = Time(exact, format="mjd", scale="utc") + TSAMP / 2 * units.s
    assert abs((header.start - start).to_value("s")) < 1e-6
    assert (header.n_samples, header.tsamp_s, header.unit) == (8, TSAMP, "Jy")
    assert header.dish_m == 4.65
    assert header.notes == ()


def test_an_old_header_has_a_coarse_time_which_the_observation_mends(tmp_path):
    observe(tmp_path)
    paths = record(tmp_path, layout=OLD, mjd=60480.123456)
    reader = opened(tmp_path)
    data = reader.read(0, 8).data
    assert says(reader, f"give start_mjd in {tmp_path / 'observation.toml'}")
    assert 1 < abs(reader.header.start.mjd - 60480.123456) * DAY < 200
    observe(tmp_path, start_mjd=60480.123456)
    mended = opened(tmp_path)
    assert not says(mended, "start_mjd")
    late = (mended.header.start.mjd - 60480.123456) * DAY
    assert late == pytest.approx(TSAMP / 2, abs=2e-6)
    np.testing.assert_array_equal(mended.read(0, 8).data, data)
    assert (data.imag[:, 0, 3] == np.arange(8) + 3 / 32).all()
    assert {read_header(p).n_bytes for p in paths} == {12}


def test_old_headers_of_several_numbers_are_refused_for_what_they_are(tmp_path):
    """The last bit of a float32 MJD is 338 s, a file of DSA-110's 302 s."""
    observe(tmp_path)
    record(tmp_path, layout=OLD, mjd=60480.123456)
    record(tmp_path, layout=OLD, mjd=60480.123456, first=8, number="00001")
    with pytest.raises(InputError, match="12 bytes"):
        opened(tmp_path)


def test_headers_of_both_kinds_go_together_if_their_times_do(tmp_path):
    observe(tmp_path)
    record(tmp_path)
    write(tmp_path, 4, numbered(8, 4), layout=OLD)
    reader = opened(tmp_path)
    assert reader.header.notes == ("some files have the header of 12 bytes, some that of 16",)
    assert (reader.read(0, 8).data[:, 0, 4].imag == np.arange(8) + 4 / 32).all()


def test_every_visibility_comes_to_its_baseline_channel_and_time(tmp_path):
    order = (24, 101, 7, 60, 33)
    observe(tmp_path, order, channels=2, bad_antennas=[60])
    for s in range(16):
        write(tmp_path, s, numbered(3, s, 5, 2))
    reader = opened(tmp_path)
    block, header = reader.read(0, 3), reader.header
    used = [(i, j) for i, j in pairs(5) if i != j and 3 not in (i, j)]
    assert header.baselines.tolist() == [[order[i], order[j]] for i, j in used]
    assert block.data.shape == block.weights.shape == (3, len(used), 32)
    for b, (i, j) in enumerate(used):
        for channel in range(32):
            value = block.data[:, b, channel]
            assert (value.real == 1 + 1000 * i + 100 * j + 10 * (channel % 2)).all()
            assert (value.imag == np.arange(3) + channel // 2 / 32).all()
    assert (block.weights == 1).all()


@pytest.mark.parametrize("n_channels", [1, 2, 8])
def test_channels_fall_from_sub_band_to_sub_band(tmp_path, n_channels):
    observe(tmp_path, channels=n_channels)
    write(tmp_path, 0, numbered(1, 0, n_channels=n_channels))
    freq = opened(tmp_path).header.freq_mhz
    fine = 1530 - 250 / 8192 * (1024 + np.arange(16 * 384))
    np.testing.assert_allclose(freq, fine.reshape(16 * n_channels, -1).mean(1), rtol=1e-12)
    bands = freq.reshape(16, n_channels).mean(1)
    assert bands[[0, -1]] == pytest.approx([1492.9059, 1317.1246], abs=1e-4)


def test_polarisations_are_averaged_over_those_that_are_there(tmp_path):
    observe(tmp_path)
    vis = numbered(6, 0)
    cross = pairs().index((1, 0))
    vis[0, cross, 0] = 2 + 4j, 6 - 2j
    for t, rubbish in enumerate((np.nan, 1e30, 0, complex(1, np.inf)), start=1):
        vis[t, cross, 0] = (3 + 1j, rubbish) if t % 2 else (rubbish, 3 + 1j)
    vis[5, cross, 0] = np.nan, 0
    write(tmp_path, 0, vis)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        block = opened(tmp_path).read(0, 6)
    np.testing.assert_array_equal(block.data[:5, 0, 0], [4 + 1j, *[3 + 1j] * 4])
    np.testing.assert_array_equal(block.weights[:, 0, 0], [1, 0.5, 0.5, 0.5, 0.5, 0])
    assert np.isfinite(block.data).all()
    assert (block.weights[:, 1:, 0] == 1).all()
    np.testing.assert_array_equal(block.data[:, 1:, 0], vis[:, [3, 4, 6, 7, 8], 0].mean(-1))


@pytest.mark.parametrize(
    "rubbish", [(3e38, 3e38), (np.inf, -np.inf), (complex(np.nan, 3e38), complex(0, 3e38))]
)
def test_rubbish_in_both_polarisations_is_no_warning(tmp_path, rubbish):
    observe(tmp_path)
    vis = numbered(2, 0)
    vis[:, 1, 0] = rubbish
    write(tmp_path, 0, vis)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        block = opened(tmp_path).read(0, 2)
    assert (block.weights[:, 0, 0] == 0).all()
    assert (block.weights[:, 1:, 0] == 1).all()


# What is missing, and what does not go together


def test_a_missing_sub_band_has_no_weight(tmp_path):
    observe(tmp_path)
    record(tmp_path, subbands=set(range(16)) - {2, 13})
    reader = opened(tmp_path)
    assert np.flatnonzero(~present(reader).all(0)).tolist() == [2, 13]
    assert np.flatnonzero(present(reader).any(0)).tolist() == sorted(set(range(16)) - {2, 13})
    assert said_missing(reader) == [[2, 13]]
    assert len(reader.header.notes) == 1


def test_what_is_missing_is_told_for_every_number(tmp_path):
    observe(tmp_path)
    for k, lost in enumerate(({2}, {2, 5}, {2})):
        record(tmp_path, 4, set(range(16)) - lost, first=4 * k, number=f"{k:05d}")
    reader = opened(tmp_path)
    assert sorted(said_missing(reader)) == [[2], [2, 5]]
    (both,) = [note for note in reader.header.notes if "05" in note]
    assert "00001" in both
    assert "00000" not in both
    there = np.ones((12, 16), bool)
    there[:, 2] = there[4:8, 5] = False
    np.testing.assert_array_equal(present(reader), there)


def test_a_short_sub_band_has_no_weight_at_its_end(tmp_path):
    observe(tmp_path)
    record(tmp_path)
    write(tmp_path, 5, numbered(3, 5))
    reader = opened(tmp_path)
    there = np.ones((8, 16), bool)
    there[3:, 5] = False
    np.testing.assert_array_equal(present(reader), there)
    assert reader.header.notes == ("nsfrb_sb05_00000.out has 3 samples, others 8",)


def test_a_sub_band_that_is_a_gulp_late_is_put_where_it_belongs(tmp_path):
    observe(tmp_path)
    record(tmp_path)
    late = write(tmp_path, 9, numbered(8, 9, first=4), mjd=MJD + 4 * TSAMP / DAY)
    reader = opened(tmp_path)
    assert reader.header.n_samples == 12
    assert abs(reader.header.start.mjd - MJD) * DAY == pytest.approx(TSAMP / 2, abs=2e-6)
    there = np.ones((12, 16), bool)
    there[8:] = False
    there[:, 9] = np.arange(12) >= 4
    np.testing.assert_array_equal(present(reader), there)
    assert (reader.read(4, 12).data[:, 0, 9].imag == np.arange(4, 12) + 9 / 32).all()
    assert reader.header.notes == (f"{late.name} begins +4.00 samples after the other sub-bands",)


def test_a_sub_band_that_is_a_gulp_early_makes_the_recording_longer(tmp_path):
    observe(tmp_path)
    record(tmp_path)
    write(tmp_path, 9, numbered(8, 9, first=-4), mjd=MJD - 4 * TSAMP / DAY)
    reader = opened(tmp_path)
    assert reader.header.n_samples == 12
    late = (reader.header.start.mjd - MJD) * DAY
    assert late == pytest.approx(-3.5 * TSAMP, abs=2e-6)
    values = reader.read(0, 12).data[:, 0, [0, 9]].imag
    assert (values[4:, 0] == np.arange(8)).all()
    assert (values[:8, 1] == np.arange(-4, 4) + 9 / 32).all()


@pytest.mark.parametrize(
    ("late", "reason"), [(3, "no whole number of fringe_samples"), (0.5, ""), (8, ""), (-2000, "")]
)
def test_a_sub_band_that_is_out_of_step_is_left_out(tmp_path, late, reason):
    observe(tmp_path)
    record(tmp_path)
    write(tmp_path, 9, numbered(8, 9), mjd=MJD + late * TSAMP / DAY)
    reader = opened(tmp_path)
    assert reader.header.n_samples == 8
    assert np.flatnonzero(~present(reader).any(0)).tolist() == [9]
    (said,) = [n for n in reader.header.notes if "nsfrb_sb09_00000.out" in n]
    assert f"begins {late:+.2f} samples after" in said
    assert said.endswith("is left out")
    assert reason in said


def test_a_sub_band_late_in_every_number_does_not_overlap_with_itself(tmp_path):
    """It ends a gulp after the number that it is of, when the others of the next began."""
    observe(tmp_path)
    for k, number in enumerate(("00000", "00001")):
        record(tmp_path, subbands=range(15), first=8 * k, number=number)
        mjd = MJD + (8 * k + 4) * TSAMP / DAY
        write(tmp_path, 15, numbered(8, 15, first=8 * k + 4), number, mjd)
    reader = opened(tmp_path)
    values = reader.read(0, 99).data[:, 0, [0, 15]].imag
    assert (values[:16, 0] == np.arange(16)).all()
    assert (values[4:20, 1] == np.arange(4, 20) + 15 / 32).all()


def test_a_sub_band_of_another_declination_is_left_out(tmp_path):
    observe(tmp_path)
    record(tmp_path)
    write(tmp_path, 0, numbered(8, 0), dec=DEC + 0.25)
    reader = opened(tmp_path)
    assert np.flatnonzero(~present(reader).any(0)).tolist() == [0]
    assert says(reader, "nsfrb_sb00_00000.out is of declination 37.5000, not 37.2500")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "nsfrb_sb04_00000.out is left out: its first 0 bytes are no MJD"),
        (b"\xff" * 500, "nsfrb_sb04_00000.out is left out: its first 16 bytes are no MJD"),
        (struct.pack(NEW, MJD, 4, DEC), "nsfrb_sb04_00000.out holds no whole sample"),
    ],
)
def test_a_file_without_a_sample_is_left_out(tmp_path, content, said):
    observe(tmp_path)
    paths = record(tmp_path)
    paths[4].write_bytes(content)
    reader = opened(tmp_path)
    assert np.flatnonzero(~present(reader).any(0)).tolist() == [4]
    assert says(reader, said)
    assert said_missing(reader) == [[4]]


def test_files_without_a_sample_are_refused(tmp_path):
    observe(tmp_path)
    paths = record(tmp_path)
    for path in paths:
        path.write_bytes(path.read_bytes()[:16])
    with pytest.raises(InputError, match="files: hold no sample"):
        opened(tmp_path)
    for path in paths:
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"sb00_00000\.out: header: its first 0 bytes are no MJD"):
        opened(tmp_path)


def test_what_one_sub_band_has_more_is_left_out(tmp_path):
    observe(tmp_path)
    paths = record(tmp_path)
    with paths[6].open("ab") as file:
        file.write(numbered(3, 6, first=8).tobytes())
    reader = opened(tmp_path)
    assert reader.header.n_samples == 8
    (note,) = reader.header.notes
    assert note.startswith("nsfrb_sb06_00000.out has 11 samples, of which the first 8 are used")


def test_declinations_of_as_many_files_are_refused(tmp_path):
    observe(tmp_path)
    record(tmp_path, subbands=range(8))
    record(tmp_path, subbands=range(8, 16), dec=DEC + 1)
    with pytest.raises(
        InputError, match=r"declination: as many files are of 37\.2500 as of 38\.25"
    ):
        opened(tmp_path)


@pytest.mark.parametrize("value", [0, np.nan])
def test_a_sub_band_without_visibilities_is_told(tmp_path, value):
    observe(tmp_path)
    record(tmp_path)
    write(tmp_path, 9, np.full_like(numbered(8, 9), value))
    reader = opened(tmp_path)
    (note,) = reader.header.notes
    assert note.startswith("nsfrb_sb09_00000.out holds no visibility")


def test_a_sample_that_is_cut_off_is_left_out(tmp_path):
    observe(tmp_path)
    paths = record(tmp_path)
    with paths[6].open("ab") as file:
        file.write(b"\0" * 100)
    reader = opened(tmp_path)
    assert reader.header.notes == ("nsfrb_sb06_00000.out ends within a sample, which is left out",)
    assert present(reader).all()
    assert reader.header.n_samples == 8


def test_sizes_that_do_not_fit_name_the_numbers(tmp_path):
    """Four antennas were recorded, and five are said to have been."""
    observe(tmp_path, (*ORDER, 33), channels=2)
    record(tmp_path)
    with pytest.raises(InputError) as caught:
        opened(tmp_path)
    said = str(caught.value)
    assert "nsfrb_sb00_00000.out: size: 1280 bytes" in said
    assert "15 baselines (5 antennas), 2 channels and 2 polarisations" in said
    assert f"correct antenna_order and channels in {tmp_path / 'observation.toml'}" in said


@pytest.mark.parametrize(
    ("order", "settings", "said"),
    [
        ((24, 7, 999, 60), {}, "antenna_order: station 999 is not in the list of DSA-110"),
        (ORDER, {"bad_antennas": [24, 7, 60]}, "bad_antennas: leaves no baseline"),
        ((24, 24, 7, 60), {}, "antenna_order: names a station twice"),
        ((24,), {}, "antenna_order: has 1 stations"),
        (ORDER, {"channels": 5}, "channels: 5 does not divide"),
        (ORDER, {"fringe_samples": -1}, "fringe_samples: is -1"),
        (ORDER, {"start_mjd": 2460480.5}, "start_mjd: is 2460480.5"),
        (ORDER, {"tsamp_s": 0}, "tsamp_s: is 0"),
        (ORDER, {"dish_m": -4}, "dish_m: is -4"),
        (ORDER, {"site_deg": [-118.3, 37.2]}, "site_deg: is (-118.3, 37.2)"),
        (ORDER, {"fringe_sample": 3}, "did you mean 'fringe_samples'?"),
        (ORDER, {"stations": '"no.ecsv"'}, "no.ecsv: file: cannot be read"),
    ],
)
def test_an_observation_that_does_not_fit_is_refused(tmp_path, order, settings, said):
    observe(tmp_path, order, **settings)
    record(tmp_path)
    with pytest.raises(InputError) as caught:
        opened(tmp_path)
    assert said in str(caught.value)
    assert "observation.toml" in str(caught.value) or "no.ecsv" in str(caught.value)


def test_a_bad_antenna_that_is_not_there_is_told(tmp_path):
    observe(tmp_path, bad_antennas=[33, 7])
    record(tmp_path)
    reader = opened(tmp_path)
    assert reader.header.notes == ("bad antenna 33 is not in antenna_order",)
    assert {int(a) for a in reader.header.baselines.ravel()} == {24, 101, 60}


def test_a_recording_without_an_observation_is_refused(tmp_path):
    record(tmp_path)
    with pytest.raises(InputError, match=r"observation\.toml: file: is missing; write one with an"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("name", "subband", "said"),
    [
        ("nsfrb_sb03_00000.out", 4, "sub-band: is 4, the name says 3"),
        ("nsfrb_sb16_00000.out", 16, "sub-band: is 16, the highest is 15"),
        ("nsfrb_sb02_00000.out", 99, "sub-band: is 99, the highest is 15"),
    ],
)
def test_a_sub_band_that_cannot_be_is_refused(tmp_path, name, subband, said):
    observe(tmp_path)
    record(tmp_path)
    write(tmp_path, subband, numbered(8, subband)).rename(tmp_path / name)
    with pytest.raises(InputError) as caught:
        opened(tmp_path)
    assert f"{name}: {said}" in str(caught.value)


def test_a_sub_band_that_is_there_twice_is_refused(tmp_path):
    observe(tmp_path)
    record(tmp_path / "a")
    write(tmp_path / "b", 3, numbered(8, 3))
    with pytest.raises(InputError, match="sub-band: is there twice with the number 00000"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (6, f"MJD: begins {2 * TSAMP:.6g} s before another ends"),
        (10.3, "MJD: begins +0.30 samples off the grid of the first file"),
        (2e6, "MJD: begins more than a day after the file before"),
    ],
)
def test_numbers_that_do_not_go_together_are_refused(tmp_path, first, said):
    observe(tmp_path)
    record(tmp_path)
    record(tmp_path, first=first, number="00001")
    with pytest.raises(InputError) as caught:
        opened(tmp_path)
    assert f"nsfrb_sb00_00001.out: {said}" in str(caught.value)


def test_what_lies_between_two_numbers_has_no_weight(tmp_path):
    observe(tmp_path)
    # What counts is the time: the numbers may be anything.
    record(tmp_path, number="00007")
    record(tmp_path, first=11, number="00002")
    reader = opened(tmp_path)
    assert reader.header.n_samples == 19
    there = present(reader)
    assert (
        there.all(1).tolist() == there.any(1).tolist() == [*[True] * 8, *[False] * 3] + [True] * 8
    )
    assert (reader.read(11, 19).data[:, 0, 0].imag == np.arange(11, 19)).all()


def test_every_node_may_have_a_folder(tmp_path):
    observe(tmp_path, channels=2)
    nodes = [tmp_path / f"lxd110h{s + 3:02d}" for s in range(16)]
    for s, node in enumerate(nodes):
        write(node, s, numbered(6, s, n_channels=2))
    for folders in ([tmp_path], nodes[::-1]):
        with open_recording(folders, ImagingSettings(size=8)) as reader:
            assert isinstance(reader, ImagedReader)
            assert (reader.header.n_samples, reader.header.n_channels) == (6, 16)
            assert reader.header.notes == ()
            assert (reader.read(2, 3).weights > 0).all()


def test_a_station_table_and_a_site_of_ones_own(tmp_path):
    lat, lon = np.array([10.0, 10.001, 10.0]), np.array([20.0, 20.0, 20.002])
    rows = [[5, 6, 7], lat, lon, np.array([0.0, 30.0, 60.0])]
    names = ["station", "lat_deg", "lon_deg", "height_m"]
    Table(rows, names=names).write(tmp_path / "mine.ecsv", format="ascii.ecsv")
    observe(tmp_path, (7, 5, 6), stations='"mine.ecsv"', site_deg=[10.0, 20.0])
    write(tmp_path, 0, numbered(1, 0, 3), dec=10.0)
    reader = opened(tmp_path)
    # In the zenith east, north and up are u, v and w.
    uvw, _ = reader.uvw(0, 1, reader.header.centre)
    east, north = 0.002 * 111320 * np.cos(np.radians(10)), 0.001 * 110600
    expected = {(5, 7): (-east, 0, -60), (6, 7): (-east, north, -30), (6, 5): (0, north, 30)}
    for pair, seen in zip(reader.header.baselines.tolist(), uvw[0], strict=True):
        np.testing.assert_allclose(seen, expected[tuple(pair)], atol=1.0)


@pytest.fixture(scope="module")
def ragged(tmp_path_factory):
    """Two numbers with a gap, a short, a late and a missing sub-band, and rubbish."""
    folder = tmp_path_factory.mktemp("ragged")
    observe(folder)
    rng = np.random.default_rng(3)
    for first, number in ((0, "00000"), (15, "00001")):
        for s in range(15):
            n, late = (9 if s == 2 else 12), (4 if (s, first) == (5, 15) else 0)
            vis = numbered(n, s, first=first + late)
            vis[rng.uniform(size=vis.shape) < 0.1] = np.nan
            write(folder, s, vis, number, MJD + (first + late) * TSAMP / DAY)
    return opened(folder)


@given(cut=st.tuples(st.integers(-3, 40), st.integers(-3, 40)))
def test_any_cut_is_that_of_the_whole(ragged, cut):
    n = ragged.header.n_samples
    assert n == 31
    start = min(max(cut[0], 0), n)
    where = slice(start, min(max(cut[1], start), n))
    whole, part = ragged.read(0, n), ragged.read(*cut)
    assert part.start == start
    np.testing.assert_array_equal(part.data, whole.data[where])
    np.testing.assert_array_equal(part.weights, whole.weights[where])
    centre = ragged.header.centre
    for found, all_of_it in zip(ragged.uvw(*cut, centre), ragged.uvw(0, n, centre), strict=True):
        np.testing.assert_allclose(found, all_of_it[where], rtol=0, atol=1e-6)
    looks = ragged.pointing(0, n, centre)
    np.testing.assert_allclose(ragged.pointing(*cut, centre), looks[where], atol=1e-9)


# Where it looks, by astropy


def local_axes(site=SITE):
    lon, lat = site.lon.rad, site.lat.rad
    east = np.array([-np.sin(lon), np.cos(lon), 0])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return np.stack([east, np.cross(up, east), up])


def towards(sky, times):
    """Direction in ITRS, (time, 3)."""
    there = sky.transform_to(AltAz(obstime=times, location=SITE))
    alt, az = there.alt.rad, there.az.rad
    parts = [np.cos(alt) * np.sin(az), np.cos(alt) * np.cos(az), np.sin(alt)]
    return np.stack(parts, axis=-1) @ local_axes()


def hour_angle_and_dec(direction, times):
    """Apparent ones, (time,) each, radians, of directions in ITRS, (time, 3)."""
    east, north, up = (direction @ local_axes().T).T
    frame = AltAz(obstime=times, location=SITE)
    alt, az = np.arcsin(up) * units.rad, np.arctan2(east, north) * units.rad
    there = SkyCoord(alt=alt, az=az, frame=frame).transform_to(TETE(obstime=times, location=SITE))
    lst = times.sidereal_time("apparent", SITE.lon)
    return (lst - there.ra).wrap_at(180 * units.deg).rad, there.dec.rad


DIRECTIONS = [(0.0, 37.25), (3e-4, 37.25), (-0.3, -20.0), (0.2, 71.6), (1e-3, 89.0)]


@pytest.mark.parametrize(("ha", "dec"), DIRECTIONS)
def test_hour_angle_and_declination_are_those_of_the_true_equator(ha, dec):
    times = Time(MJD + np.array([0, 0.01, 0.3, 100.0]), format="mjd")
    direction = meridian_direction(times, np.full(4, ha), np.radians(dec), SITE)
    found = hour_angle_and_dec(direction, times)
    np.testing.assert_allclose((found[0] - ha) * np.cos(found[1]), 0, atol=1e-8)
    np.testing.assert_allclose(found[1], np.radians(dec), atol=1e-8)


@pytest.mark.parametrize(("ha", "dec"), DIRECTIONS)
def test_a_place_on_the_sky_is_that_of_astropy(ha, dec):
    """Its hour angles count from the crust's pole, a third of an arcsecond from the true one."""
    for mjd in (MJD, MJD + 0.7):
        time = Time(mjd, format="mjd")
        frame = HADec(obstime=time, location=SITE)
        sky = SkyCoord(ha=ha * units.rad, dec=dec * units.deg, frame=frame).icrs
        lon = SITE.lon.rad - ha
        ring = np.cos(np.radians(dec))
        direction = np.array([ring * np.cos(lon), ring * np.sin(lon), np.sin(np.radians(dec))])
        found = place_on_sky(time, direction, SITE)
        assert found.separation(sky).rad < 2e-9
        axes = terrestrial_axes(time.reshape(1), sky, SITE)[0]
        assert np.abs(axes[2] - direction).max() < 2e-9
        true = meridian_direction(time.reshape(1), np.array([ha]), np.radians(dec), SITE)[0]
        pole = np.hypot(*(v.to_value("rad") for v in iers.IERS_Auto.open().pm_xy(time)))
        assert np.linalg.norm(true - direction) < 1.01 * pole + 1e-9


def test_no_table_of_earth_rotation_is_looked_up(monkeypatch):
    def download(*args, **kwargs):
        raise AssertionError("looked up over the network")

    monkeypatch.setattr("astropy.utils.data.download_file", download)
    monkeypatch.setattr(iers.iers, "download_file", download)
    with iers.conf.set_temp("auto_download", True):
        later = Time(["2031-01-01", "2031-01-02"])
        axes = terrestrial_axes(later, SkyCoord(0, 37, unit="deg"), SITE)
        place = place_on_sky(later[0], axes[0, 2], SITE)
    assert place.separation(SkyCoord(0, 37, unit="deg")).rad < 1e-8


@pytest.fixture
def tall(tmp_path):
    """Antennas that are not in a plane, so that delays say where data are phased to."""
    names = ["station", "lat_deg", "lon_deg", "height_m"]
    rows = [(1, 0, 0, 0), (2, 0.003, 0, 0), (3, 0, 0.003, 0), (4, 0, 0, 300)]
    table = Table(rows=[(s, 37.23 + n, -118.28 + e, 1180.0 + h) for s, n, e, h in rows],
                  names=names)  # fmt: skip
    table.write(tmp_path / "tall.ecsv", format="ascii.ecsv")

    def observed(**settings):
        observe(tmp_path, (1, 2, 3, 4), stations='"tall.ecsv"', **settings)
        return tmp_path

    return observed


def positions(order, table=None):
    rows = {int(r["station"]): r for r in (dsa110.stations() if table is None else table)}
    at = [
        EarthLocation.from_geodetic(*(rows[a][c] for c in ("lon_deg", "lat_deg", "height_m")))
        for a in order
    ]
    return np.array([[v.to_value("m") for v in a.geocentric] for a in at])


def phased_to(reader, folder):
    """Direction in ITRS whose delays are taken out of samples, solved for from what is left."""
    antennas = positions((1, 2, 3, 4), Table.read(folder / "tall.ecsv", format="ascii.ecsv"))
    first, second = reader.header.baselines.T - 1
    vectors = antennas[first] - antennas[second]
    uvw, path = reader.uvw(0, 10**6, reader.header.centre)
    return np.linalg.lstsq(vectors, (uvw[..., 2] - path).T, rcond=None)[0].T


def times_of(n):
    mid = Time(MJD, format="mjd") + TSAMP / 2 * units.s
    return mid + np.arange(n) * TSAMP * units.s


def drift(samples, length):
    """Hour angles of what data are phased to: that of the middle of each gulp is 0."""
    return (np.asarray(samples) % length - (length - 1) / 2) * TSAMP * SIDEREAL_RAD_S


@pytest.mark.parametrize("length", [1, 4, 5, 25])
def test_the_middle_of_a_gulp_is_on_the_meridian(tall, length):
    folder = tall(fringe_samples=length)
    n = 2 * length + 3
    write(folder, 0, numbered(n, 0))
    direction = phased_to(opened(folder), folder)
    np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1, atol=1e-9)
    ha, dec = hour_angle_and_dec(direction, times_of(n))
    np.testing.assert_allclose(dec, np.radians(DEC), atol=1e-8)
    np.testing.assert_allclose(ha, drift(range(n), length), atol=1e-8)
    if length > 1:
        step = np.diff(ha)
        jumps = np.arange(length - 1, n - 1, length)
        assert (step[jumps] < 0).all()
        rate = np.delete(step, jumps) / TSAMP
        np.testing.assert_allclose(rate, SIDEREAL_RAD_S, rtol=1e-3)


def test_a_gulp_is_phased_to_one_place_on_the_sky(tall):
    folder = tall(fringe_samples=25)
    write(folder, 0, numbered(50, 0))
    direction, times = phased_to(opened(folder), folder), times_of(50)
    sky = [place_on_sky(t, d, SITE) for t, d in zip(times, direction, strict=True)]
    for gulp in (sky[:25], sky[25:]):
        assert max(gulp[0].separation(s).rad for s in gulp) < 1e-7
    moved = sky[0].separation(sky[25]).rad
    expected = 25 * TSAMP * SIDEREAL_RAD_S * np.cos(np.radians(DEC))
    assert moved == pytest.approx(expected, rel=1e-3)


def test_no_delays_are_taken_out_of_data_without_fringe_stopping(tall):
    folder = tall(fringe_samples=0)
    write(folder, 0, numbered(5, 0))
    reader = opened(folder)
    uvw, path = reader.uvw(0, 5, reader.header.centre)
    np.testing.assert_array_equal(path, uvw[..., 2])


def test_every_number_is_phased_anew(tall):
    folder = tall(fringe_samples=4)
    write(folder, 0, numbered(10, 0))
    write(folder, 0, numbered(6, 0), "00001", MJD + 13 * TSAMP / DAY)
    ha, _ = hour_angle_and_dec(phased_to(opened(folder), folder), times_of(19))
    np.testing.assert_allclose(ha[:10], drift(range(10), 4), atol=1e-8)
    np.testing.assert_allclose(ha[13:], drift(range(6), 4), atol=1e-8)


def test_what_is_early_is_phased_as_its_own_number(tall):
    """Sub-band 1 of the first number is a gulp early; the second begins anywhere."""
    folder = tall(fringe_samples=4)
    write(folder, 0, numbered(8, 0), mjd=MJD + 4 * TSAMP / DAY)
    write(folder, 2, numbered(8, 2), mjd=MJD + 4 * TSAMP / DAY)
    write(folder, 1, numbered(8, 1))
    write(folder, 0, numbered(8, 0), "00001", MJD + 13 * TSAMP / DAY)
    reader = opened(folder)
    assert reader.header.n_samples == 21
    ha, _ = hour_angle_and_dec(phased_to(reader, folder), times_of(21))
    np.testing.assert_allclose(ha[4:12], drift(range(8), 4), atol=1e-8)
    np.testing.assert_allclose(ha[:4], drift(range(4), 4), atol=1e-8)


def test_the_dishes_look_at_the_meridian_all_the_time(tmp_path):
    observe(tmp_path)
    record(tmp_path)
    reader = opened(tmp_path)
    centre = reader.header.centre
    times = times_of(8)
    middle = times[3] + TSAMP / 2 * units.s
    ha, dec = hour_angle_and_dec(towards(centre, middle.reshape(1)), middle.reshape(1))
    assert np.hypot(ha[0], dec[0] - np.radians(DEC)) < 1e-8
    l, m, n = reader.pointing(0, 8, centre).T
    np.testing.assert_allclose(l**2 + m**2 + n**2, 1)
    # The meridian goes east over the sky.
    rate = SIDEREAL_RAD_S * np.cos(np.radians(DEC))
    np.testing.assert_allclose(l, (np.arange(8) - 3.5) * TSAMP * rate, atol=1e-7)
    np.testing.assert_allclose(m, 0, atol=1e-6)


@pytest.mark.parametrize("dec", [37.25, -20.0, 71.625])
def test_baselines_are_those_of_the_sky_of_astropy(tmp_path, dec):
    observe(tmp_path)
    record(tmp_path, dec=dec)
    reader, times = opened(tmp_path), times_of(8)
    sky = reader.header.centre.directional_offset_by(40 * units.deg, 2 * units.deg).icrs
    uvw, _ = reader.uvw(0, 8, sky)
    antennas = dict(zip(ORDER, positions(ORDER), strict=True))
    vectors = np.array([antennas[int(a)] - antennas[int(b)] for a, b in reader.header.baselines])
    above = sky.directional_offset_by(0 * units.deg, 1 * units.arcsec).icrs
    w = towards(sky, times)
    v = towards(above, times) - w
    v -= np.sum(v * w, axis=1, keepdims=True) * w
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    for axis, direction in enumerate((np.cross(v, w), v, w)):
        np.testing.assert_allclose(uvw[..., axis], direction @ vectors.T, atol=2e-3)


def point_source(sky, times, antennas, dec):
    """Visibilities (time, baseline, sub-band, polarisation) of 1 Jy, gulps of four samples."""
    ra = times.sidereal_time("apparent", SITE.lon) - drift(range(len(times)), 4) * units.rad
    frame = TETE(obstime=times, location=SITE)
    phased = SkyCoord(ra=ra, dec=np.full(len(times), dec) * units.deg, frame=frame)
    path = (towards(sky, times) - towards(phased, times)) @ antennas.T
    freq = 1530 - 250 / 8192 * (1024 + 384 * np.arange(16) + 191.5)
    i, j = np.array(pairs(len(antennas))).T
    cycles = (path[:, i] - path[:, j])[..., None] * (freq * 1e6 / LIGHT)
    return np.repeat(np.exp(-2j * np.pi * cycles)[..., None], 2, axis=-1)


def peak(image):
    """Pixel (x, y) of the brightest place, by a parabola along each axis."""
    y, x = np.unravel_index(np.argmax(image), image.shape)

    def vertex(a, b, c):
        return (a - c) / (2 * (a - 2 * b + c))

    return x + vertex(*image[y, x - 1 : x + 2]), y + vertex(*image[y - 1 : y + 2, x])


@pytest.mark.parametrize("dec", [37.25, -20.0, 71.625])
def test_a_source_is_imaged_where_it_is_whatever_gulp_it_is_in(tmp_path, dec):
    """Outriggers too: their fringes are narrow enough to tell a sample from the next."""
    order = (1, 20, 51, 52, 77, 102, 103, 105, 108, 110, 113, 116)
    observe(tmp_path, order)
    times = times_of(10)
    frame = HADec(obstime=times[5], location=SITE)
    meridian = SkyCoord(ha=0 * units.deg, dec=dec * units.deg, frame=frame).icrs
    sky = meridian.directional_offset_by(250 * units.deg, 6 * units.arcmin).icrs
    vis = point_source(sky, times, positions(order), dec)
    for s in range(16):
        write(tmp_path, s, vis[:, :, s : s + 1], dec=dec)
    centre = sky.directional_offset_by(30 * units.deg, 3 * units.arcmin).icrs
    settings = ImagingSettings(
        size=128, ra_deg=centre.ra.deg, dec_deg=centre.dec.deg, channels=1, pixel_arcsec=4
    )
    with open_recording([tmp_path], settings) as reader:
        x, y = reader.header.wcs.world_to_pixel(sky)
        images = reader.read(0, 10).data[:, 0]
    for image in images:
        assert image.max() == pytest.approx(1, abs=0.03)
        found = peak(image)
        assert np.hypot(found[0] - x, found[1] - y) < 0.1
