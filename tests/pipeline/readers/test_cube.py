import subprocess
import sys

import h5py
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from pipeline.block import StreamHeader
from pipeline.errors import InputError
from pipeline.readers.cube import CubeReader
from pipeline.readers.cube_writer import CubeWriter
from pipeline.readers.wcs import psf_fwhm_px

WCS_TEXT = "\n".join(
    [
        "WCSAXES =                    2",
        "CTYPE1  = 'RA---SIN'",
        "CTYPE2  = 'DEC--SIN'",
        "CRVAL1  =                180.0",
        "CRVAL2  =                 37.2",
        "CRPIX1  =                  4.0",
        "CRPIX2  =                  3.0",
        "CDELT1  =               -0.003",
        "CDELT2  =                0.003",
        "RADESYS = 'ICRS'",
    ]
)


SMALL = np.arange(7 * 2 * 5 * 6, dtype=np.float32).reshape(7, 2, 5, 6)


def gaussian(n, fwhm, x0=0.0, y0=0.0):
    y, x = np.mgrid[:n, :n] - n // 2
    r2 = (x - x0) ** 2 + (y - y0) ** 2
    return np.exp(-4 * np.log(2) * r2 / fwhm**2).astype(np.float32)


def raw_cube(path, image=SMALL, **changes):
    """A cube written by hand; ``changes`` replace attributes and datasets, None drops them."""
    datasets = {"image": image, "freq_mhz": np.array([1400.0, 1390.0]), "psf": None}
    attributes = {
        "format": "slowburst-cube/1",
        "mjd0": 60500.25,
        "tsamp_s": 0.134,
        "wcs": WCS_TEXT,
        "bunit": "Jy/beam",
        "mjd0_frac": None,
    }
    with h5py.File(path, "w") as file:
        for name, value in datasets.items():
            value = changes.pop(name, value)
            if value is not None:
                file[name] = value
        for name, value in attributes.items():
            value = changes.pop(name, value)
            if value is not None:
                file.attrs[name] = value
    assert not changes
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return raw_cube(tmp_path_factory.mktemp("cube") / "plain.h5", psf=gaussian(15, 3.0))


def test_header(plain):
    with CubeReader(plain) as reader:
        header = reader.header
    assert header.source == str(plain)
    assert header.freq_mhz.tolist() == [1400.0, 1390.0]
    assert (header.tsamp_s, header.n_samples, header.shape) == (0.134, 7, (5, 6))
    assert abs((header.start - Time("2024-07-09T06:00:00", scale="utc")).to_value("s")) < 1e-9
    assert header.bunit == "Jy/beam"
    assert header.beam_fwhm_px == pytest.approx(3.0, abs=1e-4)
    centre = header.wcs.pixel_to_world(3, 2)
    assert centre.separation(SkyCoord(180.0, 37.2, unit="deg")).arcsec < 1e-6
    assert header.wcs.naxis == 2


def test_time_of_is_in_seconds(plain):
    with CubeReader(plain) as reader:
        later = reader.header.time_of(3.5)
        assert (later - reader.header.start).to_value("s") == pytest.approx(3.5 * 0.134, abs=1e-9)


@given(start=st.integers(-3, 12), stop=st.integers(-3, 12))
def test_slices_are_those_of_the_array(plain, start, stop):
    with CubeReader(plain) as reader:
        block = reader.read(start, stop)
    lo = min(max(start, 0), 7)
    expected = SMALL[lo : max(min(stop, 7), lo)]
    assert block.start == lo
    np.testing.assert_array_equal(block.data, expected)
    np.testing.assert_array_equal(block.weights, np.ones(expected.shape[:2]))
    assert block.data.dtype == block.weights.dtype == np.float32


def test_nan_and_infinity_are_flags(tmp_path):
    image = np.ones((3, 2, 2, 2), np.float32)
    image[0, 1] = np.nan
    image[1, 0, 0, 0] = np.inf
    image[2, 1, 1, 1] = np.nan
    # Opposite signs hide each other in a sum.
    image[2, 0, 0] = 1e30, -1e30
    with CubeReader(raw_cube(tmp_path / "a.h5", image)) as reader:
        block = reader.read(0, 3)
    np.testing.assert_array_equal(block.weights, [[1, 0], [1, 1], [1, 1]])
    assert np.isnan(block.data).sum() == 4 + 1 + 1 + 2
    assert np.nanmax(np.abs(block.data)) == 1


def test_compressed_cubes(tmp_path):
    path = tmp_path / "a.h5"
    raw_cube(path, None)
    with h5py.File(path, "a") as file:
        file.create_dataset("image", data=SMALL, chunks=(3, 2, 5, 6), compression="gzip")
    with CubeReader(path) as reader:
        np.testing.assert_array_equal(reader.read(2, 7).data, SMALL[2:7])


def test_nan_only_is_legal(tmp_path):
    image = np.full((3, 2, 2, 2), np.nan, np.float32)
    with CubeReader(raw_cube(tmp_path / "a.h5", image)) as reader:
        assert not reader.read(0, 3).weights.any()


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"format": None}, "format", "missing"),
        ({"format": "other"}, "format", "is 'other'"),
        ({"tsamp_s": None}, "tsamp_s", "missing"),
        ({"mjd0": None}, "mjd0", "missing"),
        ({"wcs": None}, "wcs", "missing"),
        ({"bunit": None}, "bunit", "missing"),
        ({"tsamp_s": 0.0}, "tsamp_s", "above 0"),
        ({"tsamp_s": np.nan}, "tsamp_s", "above 0"),
        ({"tsamp_s": "fast"}, "tsamp_s", "not one number"),
        ({"tsamp_s": 1e300}, "tsamp_s", "a day at most"),
        ({"mjd0": np.inf}, "mjd0", "is inf"),
        ({"mjd0_frac": np.nan}, "mjd0_frac", "is nan days"),
        ({"mjd0_frac": np.inf}, "mjd0_frac", "is inf days"),
        ({"mjd0_frac": 5.0}, "mjd0_frac", "is 5.0 days"),
        ({"bunit": b"\xff\xfe"}, "bunit", "not UTF-8"),
        ({"bunit": 3}, "bunit", "not a text"),
        ({"image": None}, "/image", "missing"),
        ({"freq_mhz": None}, "/freq_mhz", "missing"),
        ({"image": np.ones((3, 2, 2), np.float32)}, "/image", "4 axes"),
        ({"image": np.ones((3, 2, 2, 2))}, "/image", "float64"),
        ({"image": np.ones((0, 2, 2, 2), np.float32)}, "/image", "zero length along time"),
        ({"freq_mhz": np.array([1400.0])}, "/freq_mhz", "1 entries for 2 channels"),
        ({"freq_mhz": np.array([1400.0, 1400.0])}, "/freq_mhz", "duplicated channel at 1400"),
        ({"freq_mhz": np.array([1400.0, -1.0])}, "/freq_mhz", "channel 1 is at -1.0"),
        ({"freq_mhz": np.array([1400.0, np.nan])}, "/freq_mhz", "channel 1 is at nan"),
        ({"freq_mhz": np.array([1.4e9, 1.3e9])}, "/freq_mhz", "centres in MHz"),
        ({"freq_mhz": np.array([1.4e-300, 1.3e-300])}, "/freq_mhz", "centres in MHz"),
        ({"psf": np.zeros((3, 3), np.float32)}, "/psf", "positive peak"),
        ({"wcs": "nonsense"}, "wcs", "celestial"),
        ({"wcs": WCS_TEXT.replace("\n", " " * 50) + "\n"}, "wcs", "no valid WCS"),
        ({"wcs": WCS_TEXT.replace("RA---SIN", "GLON-SIN").replace("DEC-", "GLAT")}, "wcs", "ICRS"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, field, says):
    path = raw_cube(tmp_path / "bad.h5", **changes)
    with pytest.raises(InputError) as caught:
        CubeReader(path)
    assert caught.value.field == field
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_damaged_link_is_an_error_that_names_the_file(tmp_path):
    path = raw_cube(tmp_path / "bad.h5", None)
    with h5py.File(path, "a") as file:
        file["image"] = h5py.SoftLink("/image")
    with pytest.raises(InputError, match=r"bad\.h5: header: cannot be read .*copy the file again"):
        CubeReader(path)


def test_unsorted_channels(tmp_path):
    image = np.ones((3, 3, 2, 2), np.float32)
    path = raw_cube(tmp_path / "a.h5", image, freq_mhz=np.array([1400.0, 1420.0, 1410.0]))
    with pytest.raises(InputError, match=r"unsorted channels \(1420.* then 1410"):
        CubeReader(path)


@pytest.mark.parametrize("keep", [0, 10, 100, 0.5, 0.99])
def test_a_truncated_file(plain, tmp_path, keep):
    whole = plain.read_bytes()
    short = tmp_path / "short.h5"
    short.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else keep])
    with pytest.raises(InputError, match=r"no readable HDF5.*copy the file again"):
        CubeReader(short)


def test_an_empty_wcs_means_no_positions(tmp_path):
    with CubeReader(raw_cube(tmp_path / "a.h5", wcs="")) as reader:
        assert reader.header.wcs is None


def header_for(shape, n_channels, wcs=None):
    return StreamHeader(
        source="test",
        freq_mhz=np.linspace(1500.0, 1300.0, n_channels),
        tsamp_s=0.1,
        start=Time(60500, 0.1 + 1e-12, format="mjd", scale="utc"),
        n_samples=0,
        shape=shape,
        wcs=wcs,
        bunit="Jy/beam",
        psf=gaussian(9, 2.5),
    )


@given(cuts=st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_what_is_appended_is_what_is_read(tmp_path_factory, cuts):
    path = tmp_path_factory.mktemp("w") / "out.h5"
    data = np.random.default_rng(1).normal(size=(sum(cuts), 2, 40, 50)).astype(np.float32)
    data[::3, 1] = np.nan
    with CubeWriter(path, header_for((40, 50), 2), {"seed": 3}) as writer:
        for part in np.split(data, np.cumsum(cuts)[:-1]):
            writer.append(part)
        assert not path.exists()
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["image"][...], data)
        assert file.attrs["seed"] == 3
        assert file["image"].dtype == np.float32
    with CubeReader(path) as reader:
        assert reader.header.n_samples == sum(cuts)
        last = reader.read(sum(cuts) - 1, sum(cuts) + 99)
        np.testing.assert_array_equal(last.data, data[-1:])
    assert [p.name for p in path.parent.iterdir()] == ["out.h5"]


def test_the_header_survives_the_round_trip(tmp_path):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---SIN", "DEC--SIN"], [10.0, -20.0]
    wcs.wcs.cdelt, wcs.wcs.crpix = [-0.001, 0.001], [3.0, 4.0]
    written = header_for((5, 6), 3, wcs)
    with CubeWriter(tmp_path / "a.h5", written) as writer:
        writer.append(np.zeros((1, 3, 5, 6), np.float32))
    with CubeReader(tmp_path / "a.h5") as reader:
        read = reader.header
    assert abs((read.start - written.start).to_value("s")) < 1e-10
    np.testing.assert_array_equal(read.freq_mhz, written.freq_mhz)
    np.testing.assert_allclose(read.wcs.wcs_pix2world([[1.5, 2.5]], 0),
                               wcs.wcs_pix2world([[1.5, 2.5]], 0), rtol=1e-12)  # fmt: skip
    assert read.beam_fwhm_px == pytest.approx(2.5, abs=1e-4)


def test_an_interrupted_writer_leaves_the_old_file(tmp_path):
    path = raw_cube(tmp_path / "a.h5")
    before = path.read_bytes()

    def interrupted():
        with CubeWriter(path, header_for((2, 2), 2)) as writer:
            writer.append(np.zeros((1, 2, 2, 2), np.float32))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


FULL_DISK = """
import resource, signal, sys
import numpy as np
from astropy.time import Time
from pipeline.block import StreamHeader
from pipeline.readers.cube_writer import CubeWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
header = StreamHeader("x", np.array([1400.0]), 0.1, Time(60500, format="mjd"), 0, (100, 100))
try:
    with CubeWriter(sys.argv[1], header) as writer:
        for _ in range(20):
            writer.append(np.zeros((10, 1, 100, 100), np.float32))
except OSError as error:
    sys.stdout.write(f"{error.filename}: {error.strerror}")
"""


def test_a_full_disk_is_an_error_that_names_the_file_and_no_litter(tmp_path, repository):
    path = tmp_path / "a.h5"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{path}: File too large"
    assert list(tmp_path.iterdir()) == []


@given(
    fwhm=st.floats(1.6, 12.0),
    x0=st.floats(-0.5, 0.5),
    y0=st.floats(-0.5, 0.5),
)
def test_fwhm_of_a_gaussian(fwhm, x0, y0):
    assert psf_fwhm_px(gaussian(41, fwhm, x0, y0)) == pytest.approx(fwhm, rel=1e-3)


def test_fwhm_ignores_sidelobes():
    psf = gaussian(41, 4.0)
    psf[4:8, 4:8] = 0.6
    psf[30:, :] = -0.2
    assert psf_fwhm_px(psf) == pytest.approx(4.0, rel=1e-3)


def test_fwhm_of_a_single_pixel():
    psf = np.zeros((9, 9), np.float32)
    psf[4, 4] = 2.0
    assert psf_fwhm_px(psf) == 1.0
