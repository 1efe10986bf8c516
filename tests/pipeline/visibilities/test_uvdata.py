"""Sources whose visibilities pyuvdata turned to another place are found where they are."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import AltAz, SkyCoord

from pipeline.errors import InputError
from pipeline.imaging.imager import ImagedReader, ImagingSettings
from pipeline.visibilities.uvdata import UvdataReader


def offset(reader: ImagedReader, image, source: SkyCoord) -> float:
    """Pixels between the peak, of a quadratic through its logarithm, and where the source is."""
    y, x = np.unravel_index(np.argmax(image), image.shape)
    dy, dx = (a.ravel() for a in np.mgrid[-1:2, -1:2])
    terms = np.stack([np.ones(9), dx, dy, dx * dx, dx * dy, dy * dy], axis=1)
    values = np.log(image[y - 1 : y + 2, x - 1 : x + 2].ravel())
    _, gx, gy, xx, xy, yy = np.linalg.lstsq(terms, values, rcond=None)[0]
    step = -np.linalg.solve([[2 * xx, xy], [xy, 2 * yy]], [gx, gy])
    there = reader.header.wcs.world_to_pixel(source)
    return float(np.hypot(x + step[0] - there[0], y + step[1] - there[1]))


@pytest.mark.parametrize("dec", [-30.0, 0.0, 37.0, 75.0])
@pytest.mark.parametrize("kind", ["phased", "recentred", "drift"])
def test_a_source_stays_where_it_is(new_uvdata, write, site, start, dec, kind):
    zenith = AltAz(alt=90 * units.deg, az=0 * units.deg, location=site, obstime=start)
    ra = SkyCoord(zenith).icrs.ra.deg
    source = SkyCoord(ra + 0.1, dec, unit="deg")
    centre = source.directional_offset_by(70 * units.deg, 0.15 * units.deg).icrs
    data = new_uvdata(source)
    settings = ImagingSettings(size=121)
    if kind == "phased":
        data.phase(lon=centre.ra.rad, lat=centre.dec.rad, phase_frame="icrs", cat_name="c")
    else:
        settings = ImagingSettings(size=121, ra_deg=centre.ra.deg, dec_deg=centre.dec.deg)
    if kind == "drift":
        data.unproject_phase()
    with ImagedReader(UvdataReader(write(data)), settings) as reader:
        assert reader.header.bunit == "Jy/beam"
        block = reader.read(0, 3)
        assert (block.weights > 0.99).all()
        for images in block.data:
            image = images.mean(0)
            assert image.max() == pytest.approx(1, abs=0.06)
            assert offset(reader, image, source) < 0.1


SOURCE = SkyCoord(150.0, 37.0, unit="deg")


def test_times_are_put_on_a_grid_with_gaps(new_uvdata, write, start):
    data = new_uvdata(SOURCE, n_times=6, step_s=10.0)
    keep = np.unique(data.time_array)[[0, 1, 2, 5]]
    data.select(times=keep)
    reader = UvdataReader(write(data))
    header = reader.header
    assert (header.n_samples, header.tsamp_s) == (6, pytest.approx(10, rel=1e-4))
    assert abs((header.start - start).to_value("s")) < 1e-4
    block = reader.read(0, 99)
    assert (block.weights > 0).all(axis=(1, 2)).tolist() == [True, True, True, False, False, True]
    assert np.isnan(reader.uvw(3, 5, SOURCE)[0]).all()
    later = reader.read(4, 6)
    assert later.start == 4
    np.testing.assert_array_equal(later.data, block.data[4:])


def test_flags_and_rubbish_have_no_weight(new_uvdata, write):
    data = new_uvdata(SOURCE, n_times=1)
    rows = np.flatnonzero(data.ant_1_array != data.ant_2_array)
    data.flag_array[rows[0]] = True
    data.data_array[rows[1], 0] = np.nan
    data.data_array[rows[2], 1] = 1e30
    # One hand alone is still Stokes I, of half the weight.
    data.flag_array[rows[3], :, 0] = True
    data.data_array[rows[3], :, 1] = 3
    block = UvdataReader(write(data)).read(0, 1)
    assert np.isfinite(block.data).all()
    weights, counts = np.unique(block.weights, return_counts=True)
    assert weights.tolist() == [0, 0.5, 1]
    assert counts[0] == 4 + 1 + 1
    assert counts[1] == 4
    assert (block.data[block.weights == 0.5] == 3).all()


def test_baselines_turned_round_are_the_same(new_uvdata, write):
    data = new_uvdata(SOURCE, n_times=2)
    data.data_array *= np.exp(1j * np.arange(len(data.data_array)))[:, None, None]
    plain = UvdataReader(write(data))
    expected, geometry = plain.read(0, 2), plain.uvw(0, 2, SOURCE)
    data.conjugate_bls(np.arange(0, data.Nblts, 3))
    turned = UvdataReader(write(data))
    np.testing.assert_allclose(turned.read(0, 2).data, expected.data, atol=1e-6)
    np.testing.assert_allclose(turned.uvw(0, 2, SOURCE)[0], geometry[0], atol=1e-9)


def test_channels_come_in_ascending_order(new_uvdata, write):
    data = new_uvdata(SOURCE, n_times=1)
    data.data_array[:] = np.arange(4)[None, :, None]
    data.freq_array = data.freq_array[::-1].copy()
    reader = UvdataReader(write(data))
    assert (np.diff(reader.header.freq_mhz) > 0).all()
    np.testing.assert_array_equal(reader.read(0, 1).data[0, 0].real, [3, 2, 1, 0])


def test_counts_that_are_rubbish_are_taken_for_one(new_uvdata, write):
    data = new_uvdata(SOURCE, n_times=1)
    data.nsample_array[:] = -1.2e12
    assert (UvdataReader(write(data)).read(0, 1).weights == 1).all()


def test_an_uncalibrated_recording_says_so(new_uvdata, write):
    data = new_uvdata(SOURCE)
    data.vis_units = "uncalib"
    with ImagedReader(UvdataReader(write(data)), ImagingSettings(size=16)) as reader:
        assert reader.header.bunit == "uncalibrated"


def test_two_fields_are_refused(new_uvdata, write):
    data = new_uvdata(SOURCE, n_times=2)
    first = data.time_array == data.time_array.min()
    data.phase(lon=1.0, lat=0.5, phase_frame="icrs", cat_name="other", select_mask=first)
    with pytest.raises(InputError, match=r"phase centre: there are several: .*other"):
        UvdataReader(write(data))


def test_autocorrelations_alone_are_refused(new_uvdata, write):
    data = new_uvdata(SOURCE)
    data.select(ant_str="auto")
    with pytest.raises(InputError, match="baselines: there are none"):
        UvdataReader(write(data))


def test_a_truncated_file_is_refused(new_uvdata, write):
    path = write(new_uvdata(SOURCE))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"recording\.uvh5: file: cannot be read"):
        UvdataReader(path)
