import struct
import sys

import h5py
import numpy as np
import pytest
from astropy.io import fits

from pipeline.errors import InputError
from pipeline.readers import open_recording
from pipeline.readers.concat import ConcatReader
from pipeline.readers.cube import CubeReader
from pipeline.readers.filterbank import FilterbankReader
from pipeline.readers.fits import FitsSeriesReader

MJD0, TSAMP = 60500.0, 0.125


def cube(path, first, n, *, value=None, **attributes):
    """A cube of n samples that begins at sample ``first`` of the recording."""
    data = np.arange(first, first + n, dtype=np.float32)[:, None, None, None]
    with h5py.File(path, "w") as file:
        file["image"] = np.broadcast_to(data, (n, 2, 3, 4)).astype(np.float32)
        file["freq_mhz"] = np.array(attributes.pop("freq", [1400.0, 1390.0]))
        mjd0 = MJD0 + first * TSAMP / 86400
        values = {"format": "slowburst-cube/1", "mjd0": mjd0, "tsamp_s": TSAMP}
        values |= {"wcs": "", "bunit": "Jy/beam"}
        file.attrs.update(values | attributes)
    return path


def filterbank(path, tstart=60500.0, n=10):
    def text(value):
        return struct.pack("<i", len(value)) + value.encode()

    head = text("HEADER_START")
    for key, value in {"nchans": 4, "nbits": 8, "nifs": 1}.items():
        head += text(key) + struct.pack("<i", value)
    for key, value in {"fch1": 1400.0, "foff": -1.0, "tsamp": 0.5, "tstart": tstart}.items():
        head += text(key) + struct.pack("<d", value)
    path.write_bytes(head + text("HEADER_END") + bytes(range(4 * n)))
    return path


def fits_image(path, seconds):
    hdu = fits.PrimaryHDU(np.ones((1, 1, 5, 5), np.float32))
    values = {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CTYPE3": "FREQ", "CRVAL3": 1.4e9}
    for key, value in values.items():
        hdu.header[key] = value
    for key in ("CDELT1", "CDELT2"):
        hdu.header[key] = 0.001
    hdu.header["DATE-OBS"] = f"2024-01-01T00:00:{seconds:02d}"
    hdu.writeto(path)
    return path


def test_formats_are_told_by_content(tmp_path):
    a = cube(tmp_path / "a.dat", 0, 3)
    b = filterbank(tmp_path / "b.dat")
    c = [fits_image(tmp_path / f"c{i}.dat", i) for i in range(3)]
    with open_recording([a]) as reader:
        assert isinstance(reader, CubeReader)
    with open_recording([b]) as reader:
        assert isinstance(reader, FilterbankReader)
    with open_recording(c) as reader:
        assert isinstance(reader, FitsSeriesReader)
        assert reader.header.n_samples == 3


def test_a_folder_is_a_series(tmp_path):
    for i in range(4):
        fits_image(tmp_path / f"c{i}.fits", i)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden").write_text("hello")
    with open_recording([tmp_path]) as reader:
        assert reader.header.n_samples == 4


@pytest.mark.parametrize("content", [b"", b"SIMP"])
def test_a_damaged_file_of_a_series_is_no_gap(tmp_path, content):
    for i in range(4):
        fits_image(tmp_path / f"c{i}.fits", i)
    (tmp_path / "c2.fits").write_bytes(content)
    with pytest.raises(InputError, match=r"c2\.fits: (file: is empty|format: is not recognised)"):
        open_recording([tmp_path])


def test_consecutive_cubes_are_one_recording_with_gaps(tmp_path):
    paths = [cube(tmp_path / f"{i}.h5", i, n) for i, n in ((9, 4), (0, 5), (5, 1))]
    with open_recording(paths) as reader:
        assert isinstance(reader, ConcatReader)
        assert reader.header.n_samples == 13
        assert reader.header.start.mjd == MJD0
        for start, stop in ((0, 13), (3, 7), (6, 9), (4, 10), (12, 99), (20, 30)):
            block = reader.read(start, stop)
            wanted = np.arange(start, min(stop, 13))
            missing = (wanted >= 6) & (wanted < 9)
            assert block.data.shape == (len(wanted), 2, 3, 4)
            np.testing.assert_array_equal(block.weights == 0, np.stack([missing] * 2, 1))
            np.testing.assert_array_equal(block.data[~missing, 0, 0, 0], wanted[~missing])
            assert np.isnan(block.data[missing]).all()


def test_consecutive_filterbanks(tmp_path):
    a = filterbank(tmp_path / "a.fil")
    b = filterbank(tmp_path / "b.fil", 60500.0 + 7 / 86400)
    with open_recording([b, a]) as reader:
        assert reader.header.n_samples == 24
        present = reader.read(0, 24).weights.any(axis=1)
        assert np.flatnonzero(~present).tolist() == [10, 11, 12, 13]


@pytest.mark.parametrize(
    ("first", "changes", "field", "says"),
    [
        (4, {}, "start time", "overlapping"),
        (5.4, {}, "start time", "+0.40 samples off the sampling grid"),
        (86400 * 9, {}, "start time", "more than a day"),
        (5, {"freq": [1400.0, 1391.0]}, "channels", "channel 1 at 1391.0 MHz"),
        (5, {"tsamp_s": 0.13}, "tsamp", "every 0.13 s"),
        (5, {"bunit": "K"}, "bunit", "'K'"),
    ],
)
def test_recordings_that_do_not_follow_one_another(tmp_path, first, changes, field, says):
    a = cube(tmp_path / "a.h5", 0, 5)
    b = cube(tmp_path / "b.h5", first, 5, **changes)
    with pytest.raises(InputError) as caught:
        open_recording([a, b])
    assert caught.value.field == field
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(b))


def test_different_skies_are_not_joined(tmp_path):
    text = (
        "CTYPE1  = 'RA---SIN'\nCTYPE2  = 'DEC--SIN'\nCRVAL1  = {:20.10f}\nCRVAL2  = 10.0\n"
        "CDELT1  = -0.01\nCDELT2  = 0.01\nRADESYS = 'ICRS'"
    )
    a = cube(tmp_path / "a.h5", 0, 5, wcs=text.format(20))
    b = cube(tmp_path / "b.h5", 5, 5, wcs=text.format(20.02))
    with pytest.raises(InputError, match="another part of the sky"):
        open_recording([a, b])
    c = cube(tmp_path / "c.h5", 5, 5, wcs=text.format(20.0001))
    with open_recording([a, c]) as reader:
        assert reader.header.n_samples == 10


@pytest.mark.skipif(sys.platform != "linux", reason="only there a name may be anything")
def test_a_name_that_results_cannot_hold(tmp_path):
    path = cube(tmp_path / "a.h5", 0, 3).rename(tmp_path / "a\udcff.h5")
    with pytest.raises(InputError, match="name: is not UTF-8; rename the file"):
        open_recording([path])


def test_unknown_mixed_missing_and_nothing(tmp_path):
    note = tmp_path / "note.txt"
    note.write_text("hello")
    with pytest.raises(InputError, match=r"not recognised; known formats: image cube.*FITS.*SIG"):
        open_recording([note])
    with pytest.raises(InputError, match="none of its 1 files"):
        open_recording([tmp_path])
    with pytest.raises(InputError, match="cannot be read"):
        open_recording([tmp_path / "absent"])
    with pytest.raises(InputError, match="no recording is given"):
        open_recording([])
    a, b = cube(tmp_path / "a.h5", 0, 3), filterbank(tmp_path / "b.fil")
    with pytest.raises(InputError, match="mixed formats"):
        open_recording([a, b])
