"""Real recordings: what their headers say, and that they are imaged."""

from __future__ import annotations

import tarfile

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from pipeline.errors import NoDataError
from pipeline.imaging.cube import write_cube
from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.settings import ImagingSettings
from pipeline.readers import open_recording
from pipeline.readers.cube import CubeReader
from pipeline.search import search
from pipeline.visibilities.uvdata import UvdataReader

# samples, seconds each, first and last channel (MHz), channels, start, phase centre
FACTS = {
    "ata_3c286_c0352.uvh5": (
        (1, 30.0155, 1252.0, 1259.5, 16),
        ("2024-12-03T17:30:10.02", "13h31m08.29s +30d30m33.0s"),
    ),
    "vla_tdem0003_j1008.uvh5": (
        (1943, 0.0412, 36304.54, 36312.42, 64),
        ("2010-04-26T03:21:56.00", "10h08m00.02s +07d30m16.6s"),
    ),
    "hera_2458661.uvh5": (
        (20, 1.87905, 46.9208, 47.2870, 4),
        ("2019-06-26T17:38:07.01", None),
    ),
    "hera_2458098.uvh5": (
        (10, 10.7374, 100.0, 198.4375, 64),
        ("2017-12-10T22:57:45.47", None),
    ),
    "2018-03-21-01_26_33_0004384620257280_000000_downselected.ms": (
        (1, 13.0, 27.38, 29.97, 109),
        ("2018-03-26T18:54:04.896", None),
    ),
}
HERA = -30.7215
OVRO = 37.24


@pytest.fixture
def recorded(shared_data, tmp_path):
    def found(name):
        if not name.endswith(".ms"):
            return shared_data(name)
        with tarfile.open(shared_data("ovro_lwa_20180321.ms.tar.gz")) as archive:
            archive.extractall(tmp_path, filter="data")
        return tmp_path / name

    return found


@pytest.mark.parametrize("name", FACTS)
def test_headers_say_what_was_recorded(recorded, name):
    (n_samples, tsamp, low, high, n_channels), (start, centre) = FACTS[name]
    header = UvdataReader(recorded(name)).header
    assert (header.n_samples, len(header.freq_mhz)) == (n_samples, n_channels)
    assert header.tsamp_s == pytest.approx(tsamp, rel=1e-3)
    assert header.freq_mhz[[0, -1]] == pytest.approx([low, high], abs=0.02)
    assert header.start.isot.startswith(start[:21])
    if centre is not None:
        assert header.centre.separation(SkyCoord(centre)) < 1 * units.arcsec
    elif name.startswith("hera"):
        # Unphased: images are of the zenith, in ICRS some arcminutes from the latitude.
        assert header.centre.dec.deg == pytest.approx(HERA, abs=0.15)
    else:
        assert header.centre.dec.deg == pytest.approx(OVRO, abs=0.3)
    assert header.unit == ""


@pytest.mark.parametrize("name", FACTS)
def test_recordings_are_imaged(recorded, name, tmp_path):
    # Small images: what is long about the VLA's is that its times are far apart.
    with open_recording([recorded(name)], ImagingSettings(size=24, channels=4)) as reader:
        assert isinstance(reader, ImagedReader)
        assert reader.header.bunit == "uncalibrated"
        write_cube(reader, tmp_path / "cube.h5")
    with CubeReader(tmp_path / "cube.h5") as cube:
        block = cube.read(0, 1)
        assert block.weights.any()
        assert np.isfinite(block.data[block.weights > 0]).all()
        psf = cube.header.psf
        assert np.unravel_index(psf.argmax(), psf.shape) == tuple(n // 2 for n in psf.shape)


@pytest.mark.parametrize("name", ["ata_3c286_c0352.uvh5", "hera_2458661.uvh5"])
def test_recordings_are_searched(recorded, name, tmp_path):
    """One sample has no noise to be measured, which is no failure."""
    with open_recording([recorded(name)], ImagingSettings(size=16, channels=2)) as reader:
        summary = search(reader, tmp_path / "out")
    assert summary["n_samples"] == reader.header.n_samples
    assert summary["n_candidates"] == 0


def test_a_recording_that_is_flagged_throughout_says_so(recorded, tmp_path):
    settings = ImagingSettings(size=16)
    with open_recording([recorded("mwa_1061316296.uvfits")], settings) as reader:
        assert reader.header.n_samples == 2
        with pytest.raises(NoDataError, match="every sample is flagged or missing"):
            write_cube(reader, tmp_path / "cube.h5")
        with pytest.raises(NoDataError, match="every sample is NaN, flagged or the same"):
            search(reader, tmp_path / "out")
