import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time, TimeDelta
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.readers.fits import FitsSeriesReader, select_images

START = Time("2024-01-02T03:04:05.000", scale="utc")
NY, NX = 6, 8
FREQ_HZ = (1.40e9, 1.41e9, 1.42e9)


def image_of(t, c):
    """An image that tells which it is."""
    y, x = np.mgrid[:NY, :NX]
    return (1000 * t + 100 * c + 10 * y + x + 1).astype(np.float32)


def keys(**changes):
    """Header keys of a small image."""
    header = {
        "CTYPE1": "RA---SIN", "CRVAL1": 180.0, "CDELT1": -0.002, "CRPIX1": 5.0, "CUNIT1": "deg",
        "CTYPE2": "DEC--SIN", "CRVAL2": 37.2, "CDELT2": 0.002, "CRPIX2": 4.0, "CUNIT2": "deg",
        "EQUINOX": 2000.0, "BUNIT": "Jy/beam", "BMAJ": 0.008, "BMIN": 0.0045,
    }  # fmt: skip
    return {**header, **changes}


def snapshot(path, data, freq_hz=FREQ_HZ[0], when=START, order=("FREQ", "STOKES"), **changes):
    """Write one image; ``data`` is (y, x), or 4-D in FITS order; None drops a key."""
    data = np.asarray(data, np.float32)
    hdu = fits.PrimaryHDU(data if data.ndim == 4 else data[None, None])
    header = keys()
    for axis, kind in zip((3, 4), order, strict=True):
        value, step = (freq_hz, 1e7) if kind == "FREQ" else (1.0, 1.0)
        header |= {f"CTYPE{axis}": kind, f"CRVAL{axis}": value, f"CDELT{axis}": step}
        header[f"CRPIX{axis}"] = 1.0
    header["DATE-OBS"] = when.isot
    for key, value in (header | changes).items():
        if value is not None:
            hdu.header[key] = value
    hdu.writeto(path)
    return path


def at(seconds):
    return START + TimeDelta(seconds, format="sec")


def wsclean(folder, n_times=4, channels=(0, 1, 2), tsamp_s=10.0, skip=(), **changes):
    """A series as WSClean names it."""
    paths = []
    for t in range(n_times):
        for c in channels:
            if (t, c) not in skip:
                path = folder / f"obs-t{t:04d}-{c:04d}-image.fits"
                paths.append(snapshot(path, image_of(t, c), FREQ_HZ[c], at(t * tsamp_s), **changes))
    return paths


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return wsclean(tmp_path_factory.mktemp("series"), skip=[(2, 1)])


def test_header(series):
    header = FitsSeriesReader(series).header
    np.testing.assert_allclose(header.freq_mhz, [1400.0, 1410.0, 1420.0])
    assert (header.n_samples, header.shape, header.bunit) == (4, (NY, NX), "Jy/beam")
    assert header.tsamp_s == pytest.approx(10.0, abs=1e-6)
    assert abs((header.start - START).to_value("s")) < 1e-6
    assert header.beam_fwhm_px == pytest.approx(3.0)
    centre = header.wcs.pixel_to_world(4, 3)
    assert centre.separation(SkyCoord(180.0, 37.2, unit="deg")).arcsec < 0.1


@given(order=st.permutations(range(11)), start=st.integers(-1, 5), stop=st.integers(-1, 5))
def test_any_order_of_files_any_slice(series, order, start, stop):
    reader = FitsSeriesReader([series[i] for i in order])
    block = reader.read(start, stop)
    lo = min(max(start, 0), 4)
    wanted = range(lo, max(min(stop, 4), lo))
    assert block.data.shape == (len(wanted), 3, NY, NX)
    for i, t in enumerate(wanted):
        for c in range(3):
            if (t, c) == (2, 1):
                assert block.weights[i, c] == 0
                assert np.isnan(block.data[i, c]).all()
            else:
                assert block.weights[i, c] == 1
                np.testing.assert_array_equal(block.data[i, c], image_of(t, c))


def test_a_gap_of_whole_intervals(tmp_path):
    paths = []
    for t in (0, 1, 2, 7, 8):
        paths.append(snapshot(tmp_path / f"{t}.fits", image_of(t, 0), when=at(t * 10.0)))
    reader = FitsSeriesReader(paths)
    assert reader.header.n_samples == 9
    assert reader.read(0, 9).weights[:, 0].tolist() == [1, 1, 1, 0, 0, 0, 0, 1, 1]


def test_snapshots_more_than_a_day_apart_are_no_recording(tmp_path):
    paths = []
    for t in (0, 1, 2, 3, 86420):
        paths.append(snapshot(tmp_path / f"{t}.fits", image_of(0, 0), when=at(t * 1.0)))
    with pytest.raises(
        InputError, match=r"86420\.fits: DATE-OBS: is more than a day after 3\.fits"
    ):
        FitsSeriesReader(paths)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"DATE-OBS": "2024-01-02T25:61:00"}, "DATE-OBS"),
        ({"DATE-OBS": "2024-01-02", "MJD-OBS": "nan"}, "MJD-OBS"),
        ({"DATE-OBS": "2024-01-02", "MJD-OBS": 1e300}, "MJD-OBS"),
        ({"EXPTIME": 1e30}, "EXPTIME"),
        ({"CDELT1": "nan"}, "CDELT1"),
    ],
)
def test_numbers_that_cannot_be_are_named(tmp_path, changes, field):
    paths = [snapshot(tmp_path / f"{t}.fits", image_of(t, 0), when=at(t)) for t in (1, 2)]
    paths.append(snapshot(tmp_path / "0.fits", image_of(0, 0), when=at(0), **changes))
    with pytest.raises(InputError) as caught:
        FitsSeriesReader(paths)
    assert (caught.value.where, caught.value.field) == (str(paths[-1]), field)


def test_a_damaged_header_is_an_error_that_names_the_file(tmp_path):
    paths = [snapshot(tmp_path / f"{t}.fits", image_of(t, 0), when=at(t)) for t in range(2)]
    raw = bytearray(paths[0].read_bytes())
    raw[10:30] = b" " * 20
    paths[0].write_bytes(raw)
    with pytest.raises(InputError, match=r"0\.fits: header: cannot be read"):
        FitsSeriesReader(paths)


@pytest.mark.parametrize("order", [("FREQ", "STOKES"), ("STOKES", "FREQ")])
def test_many_channels_and_polarisations_in_a_file(tmp_path, order):
    """CASA exports: planes of STOKES (I, Q) and FREQ, in either order."""
    paths = []
    for t in range(3):
        planes = np.array([[image_of(t, c) for c in range(3)], [image_of(-t, c) for c in range(3)]])
        data = planes if order[0] == "FREQ" else planes.swapaxes(0, 1)
        path = tmp_path / f"casa{t}.fits"
        paths.append(snapshot(path, data, when=at(10.0 * t), order=order))
    block = FitsSeriesReader(paths).read(0, 3)
    for t in range(3):
        for c in range(3):
            np.testing.assert_array_equal(block.data[t, c], image_of(t, c))


def test_flagged_images_have_no_weight(tmp_path):
    paths = wsclean(tmp_path, n_times=2, channels=(0,))
    paths.append(snapshot(tmp_path / "c-t0000-0001-image.fits", np.zeros((NY, NX)), 1.41e9))
    nan = np.full((NY, NX), np.nan)
    paths.append(snapshot(tmp_path / "c-t0001-0001-image.fits", nan, 1.41e9, at(10)))
    late = tmp_path / "c-t0000-0002-image.fits"
    paths.append(snapshot(late, image_of(0, 2), 1.42e9, WSCNVIS=0.0))
    np.testing.assert_array_equal(
        FitsSeriesReader(paths).read(0, 2).weights, [[1, 0, 0], [1, 0, 0]]
    )


@pytest.mark.parametrize(
    ("changes", "offset_s"),
    [
        ({}, 0.0),
        ({"EXPTIME": 8.0}, 4.0),
        ({"TELAPSE": 6.0, "EXPTIME": 4.0}, 3.0),
        ({"MJD-OBS": 0.0}, 0.0),
        ({"DATE-OBS": "2024-01-02", "MJD-OBS": START.mjd, "EXPTIME": 8.0}, 4.0),
        ({"DATE-OBS": None, "MJD-OBS": START.mjd}, 0.0),
        ({"DATE-AVG": at(2.5).isot, "EXPTIME": 8.0}, 2.5),
        ({"DATE-BEG": START.isot, "DATE-END": at(9.0).isot}, 4.5),
        ({"DATE-OBS": START.tai.isot, "TIMESYS": "TAI"}, 0.0),
    ],
)
def test_the_time_of_a_snapshot(tmp_path, changes, offset_s):
    changes = {"EXPTIME": None, **changes}
    one = snapshot(tmp_path / "a.fits", image_of(0, 0), **changes)
    reader = FitsSeriesReader([one, snapshot(tmp_path / "b.fits", image_of(1, 0), when=at(60))])
    start = reader.header.start
    assert (start - START).to_value("s") == pytest.approx(offset_s, abs=2e-6)


def test_one_interval_needs_its_duration(tmp_path):
    path = snapshot(tmp_path / "a.fits", image_of(0, 0))
    with pytest.raises(InputError, match="write EXPTIME"):
        FitsSeriesReader([path])
    path = snapshot(tmp_path / "b.fits", image_of(0, 0), EXPTIME=8.0)
    header = FitsSeriesReader([path]).header
    assert (header.n_samples, header.tsamp_s) == (1, 8.0)


def test_dates_rounded_more_coarsely_than_the_sampling(tmp_path):
    """WSClean writes tenths of a second: the numbers in the names count."""
    tsamp_s, paths = 0.1342, []
    for t in range(40):
        when = START.datetime.timestamp() + round(t * tsamp_s, 1)
        path = tmp_path / f"o-t{t:04d}-image.fits"
        paths.append(snapshot(path, image_of(t, 0), when=at(when - START.datetime.timestamp())))
    reader = FitsSeriesReader(paths)
    assert reader.header.n_samples == 40
    assert reader.header.tsamp_s == pytest.approx(tsamp_s, rel=0.01)
    np.testing.assert_array_equal(reader.read(17, 18).data[0, 0], image_of(17, 0))


@given(
    tsamp_s=st.floats(0.05, 100.0),
    lost=st.sets(st.integers(1, 58), max_size=15),
    jitter=st.floats(0.0, 0.1),
)
def test_the_grid_survives_losses_and_jitter(tmp_path_factory, tsamp_s, lost, jitter):
    from dataclasses import replace

    from pipeline.readers.fits_grid import time_grid
    from pipeline.readers.fits_header import scan_snapshot

    path = tmp_path_factory.mktemp("g") / "a.fits"
    one = scan_snapshot(snapshot(path, image_of(0, 0)))
    kept = [n for n in range(60) if n not in lost]
    shake = jitter * np.random.default_rng(0).uniform(-1, 1, len(kept))
    snapshots = [
        replace(one, time=(60000.0, (n + s) * tsamp_s / 86400))
        for n, s in zip(kept, shake, strict=True)
    ]
    grid = time_grid(snapshots)
    assert grid.samples.tolist() == kept
    assert grid.n_samples == 60
    assert grid.tsamp_s == pytest.approx(tsamp_s, rel=0.01)


def test_mfs_and_other_products_are_left_out(tmp_path):
    paths = wsclean(tmp_path, n_times=2)
    blank = np.ones((NY, NX))
    for t in range(2):
        for kind in ("dirty", "psf", "model", "residual"):
            paths.append(snapshot(tmp_path / f"obs-t{t:04d}-0000-{kind}.fits", blank, when=at(t)))
        mfs = tmp_path / f"obs-t{t:04d}-MFS-image.fits"
        paths.append(snapshot(mfs, blank, 1.41e9, when=at(10.0 * t)))
    chosen = select_images(paths)
    assert sorted(p.name for p in chosen) == [
        f"obs-t{t:04d}-{c:04d}-image.fits" for t in range(2) for c in range(3)
    ]
    assert [p.name for p in select_images([p for p in paths if "MFS" in p.name])] == [
        f"obs-t{t:04d}-MFS-image.fits" for t in range(2)
    ]
    with pytest.raises(InputError, match="none of the FITS files is an image"):
        select_images([p for p in paths if "psf" in p.name])


def test_only_stokes_i_is_read(tmp_path):
    paths = []
    for t in range(2):
        for i in (1, 2):
            path = tmp_path / f"{t}{i}.fits"
            paths.append(snapshot(path, image_of(t, i), when=at(10 * t), CRVAL4=float(i)))
    np.testing.assert_array_equal(FitsSeriesReader(paths).read(0, 1).data[0, 0], image_of(0, 1))


def test_scaled_integers(tmp_path):
    paths = []
    for t in range(2):
        path = snapshot(tmp_path / f"{t}.fits", image_of(t, 0), when=at(10 * t))
        with fits.open(path) as hdus:
            header = hdus[0].header
            stored = np.arange(NY * NX, dtype=np.int16).reshape(1, 1, NY, NX) - 20
        hdu = fits.PrimaryHDU(stored, header)
        hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BLANK"] = 0.5, 3.0, -20
        hdu.writeto(path, overwrite=True, output_verify="silentfix")
        paths.append(path)
    with fits.open(paths[0]) as hdus:
        expected = hdus[0].data[0, 0]
    data = FitsSeriesReader(paths).read(0, 1).data[0, 0]
    np.testing.assert_array_equal(data, expected)
    assert np.isnan(data[0, 0])


def test_the_beam_table_of_casa(tmp_path):
    paths = []
    for t in range(2):
        path = tmp_path / f"{t}.fits"
        snapshot(path, image_of(t, 0), when=at(10 * t), BMAJ=None, BMIN=None)
        table = Table({"BMAJ": [28.8, 28.8], "BMIN": [28.8, 28.8]}, units=["arcsec", "arcsec"])
        hdu = fits.table_to_hdu(table)
        hdu.name = "BEAMS"
        with fits.open(path, mode="append") as hdus:
            hdus.append(hdu)
        paths.append(path)
    assert FitsSeriesReader(paths).header.beam_fwhm_px == pytest.approx(28.8 / 7.2, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"data": np.ones((NY + 1, NX))}, "NAXIS", "make all images the same size"),
        ({"CRVAL1": 180.01}, "CRVAL1", "one grid of the sky"),
        ({"CDELT2": 0.0021}, "CDELT2", "one grid of the sky"),
        ({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}, "CTYPE1", "RA---SIN"),
        ({"BUNIT": "K"}, "BUNIT", "one unit"),
        ({"DATE-OBS": None}, "DATE-OBS", "time is missing"),
        ({"DATE-OBS": "yesterday"}, "DATE-OBS", "no date"),
        ({"DATE-OBS": START.isot}, "DATE-OBS", "same interval and channel"),
        ({"TIMESYS": "LOCAL"}, "TIMESYS", "use one of"),
        ({"CTYPE3": "VRAD"}, "CTYPE3", "no FREQ axis"),
        ({"CRVAL3": -1.0}, "CRVAL3", "correct the FREQ axis"),
        ({"CUNIT3": "m"}, "CUNIT3", "unit of frequency"),
        ({"CTYPE1": "GLON-SIN"}, "CTYPE1", "not RA and DEC"),
        ({"RADESYS": "FK4"}, "RADESYS", "FK4"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, field, says):
    paths = wsclean(tmp_path, n_times=3, channels=(0,))
    data = changes.pop("data", image_of(3, 0))
    bad = snapshot(tmp_path / "obs-x-image.fits", data, **{"DATE-OBS": at(30.0).isot, **changes})
    with pytest.raises(InputError) as caught:
        FitsSeriesReader([*paths, bad])
    assert caught.value.field == field
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(bad))


def test_a_time_off_the_grid_is_named(tmp_path):
    times = [10.0 * n + (4.0 if n == 13 else 0.0) for n in range(20)]
    paths = [snapshot(tmp_path / f"{t}.fits", image_of(0, 0), when=at(t)) for t in times]
    with pytest.raises(InputError, match=r"134.0.fits: DATE-OBS: .* 14 s after its predecessor"):
        FitsSeriesReader(paths)


@pytest.mark.parametrize("keep", [100, 2880, 2950])
def test_a_truncated_file(tmp_path, keep):
    paths = wsclean(tmp_path, n_times=3, channels=(0,))
    paths[1].write_bytes(paths[1].read_bytes()[:keep])
    with pytest.raises(InputError, match=r"t0001.*(ends before END|truncated).*gap of weight 0"):
        FitsSeriesReader(paths)


def test_no_image_in_the_primary_hdu(tmp_path):
    fits.PrimaryHDU().writeto(tmp_path / "a.fits")
    with pytest.raises(InputError, match="funpack"):
        FitsSeriesReader([tmp_path / "a.fits"])
