"""What a search says of the sky that it saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time
from astropy.wcs import WCS

from pipeline.block import PrimaryBeam, StreamHeader
from pipeline.sky import sky_of
from surveys.coverage.pointings import Pointings


@pytest.fixture
def header():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [359.9, 37.0], [33, 17], [-0.01, 0.01]
    wcs.wcs.set()
    return StreamHeader("a.h5", np.array([1400.0, 1300.0]), 0.1, Time(60000, format="mjd"), 10,
                        (32, 64), wcs, "Jy/beam")  # fmt: skip


def test_middle_and_sides_are_those_of_the_image(header):
    sky = sky_of(header)
    middle = SkyCoord(sky["ra_deg"], sky["dec_deg"], unit="deg")
    # Half a pixel from the pixel of reference, along both axes.
    there = header.wcs.pixel_to_world(31.5, 15.5)
    assert middle.separation(there).arcsec < 1e-3
    assert sky["field_deg"] == pytest.approx([0.64, 0.32])
    assert (sky["freq_mhz"], sky["unit"], sky["tsamp_s"]) == (1350.0, "Jy/beam", 0.1)
    assert sky["primary_beam"] is None


def test_beam_is_told_and_a_place_may_be_unknown(header):
    beam = PrimaryBeam(10.0, 37.0, 3.2, True)
    sky = sky_of(replace(header, primary_beam=beam, wcs=None))
    assert sky["primary_beam"] == {"ra_deg": 10.0, "dec_deg": 37.0, "fwhm_deg": 3.2, "drift": True}
    assert sky["ra_deg"] is None
    assert sky["field_deg"] is None


def test_dishes_of_a_drift_scan_look_where_a_drifting_beam_does(tmp_path):
    """What the program that makes images says of its beam, against what coverage makes of it."""
    from pipeline.readers import open_recording
    from pipeline.simulation import simulate
    from pipeline.simulation.presets import demo_config

    files = simulate(demo_config(), tmp_path, 1)
    with open_recording(files.recordings) as reader:
        header = reader.header
        beam = header.primary_beam
        assert beam is not None
        last = header.n_samples - 1
        gain = [reader.beam(sample)[0] for sample in (0, last)]
    assert beam.drift
    assert beam.fwhm_deg == pytest.approx(3.2, abs=0.4)
    one = Pointings.of(start_mjd=header.start.utc.mjd, duration_s=last * header.tsamp_s,
                       ra=beam.ra_deg, dec=beam.dec_deg, drift=True, noise_jy=1, tsamp_s=1,
                       beam_fwhm_deg=beam.fwhm_deg, threshold=7)  # fmt: skip
    later = SkyCoord(*(a[0] for a in one.at(one.duration_s)), unit="deg")
    start = SkyCoord(beam.ra_deg, beam.dec_deg, unit="deg")
    ny, nx = header.shape
    y, x = np.mgrid[:ny, :nx]
    sky = header.wcs.pixel_to_world(x, y)
    for middle, seen in zip((start, later), gain, strict=True):
        # The first channel has another width of the beam than the middle of the band.
        chord = 2 * np.sin(sky.separation(middle).rad / 2)
        power = np.log(seen) / np.log(0.5)
        good = power > 1e-3
        ratio = 4 * chord[good] ** 2 / power[good]
        assert ratio.std() / ratio.mean() < 2e-3
