"""A source stays where it is through the images of a drift scan of an hour.

Recordings are written here byte by byte; where the source is, and where data are phased to, is
astropy's.
"""

from __future__ import annotations

import struct

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import TETE, AltAz, EarthLocation, HADec, SkyCoord
from astropy.time import Time

from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.settings import ImagingSettings
from pipeline.visibilities.nsfrb import NsfrbReader
from surveys.instruments import dsa110

MJD = 60700.3
TSAMP = 0.1342182159423828
SIDEREAL_RAD_S = 2 * np.pi / 86164.0905
LIGHT = 299792458.0
ORDER = tuple(range(1, 103, 6))
SUBBAND, FREQ = 5, (1530 - 250 / 8192 * (1024 + 5 * 384 + 191.5)) * 1e6
N_GULPS, GULP, STEP = 7, 5, 4470  # ten minutes
SITE = EarthLocation.from_geodetic(
    np.degrees(-2.064427799136453) * units.deg,
    np.degrees(0.6498455107238486) * units.deg,
    1188.0519 * units.m,
)


pytestmark = pytest.mark.usefixtures("offline")


def antennas():
    rows = {int(r["station"]): r for r in dsa110.stations()}
    at = [
        EarthLocation.from_geodetic(*(rows[a][c] for c in ("lon_deg", "lat_deg", "height_m")))
        for a in ORDER
    ]
    return np.array([[v.to_value("m") for v in a.geocentric] for a in at])


def towards(sky, times):
    """Direction in ITRS, (time, 3)."""
    there = sky.transform_to(AltAz(obstime=times, location=SITE))
    alt, az = there.alt.rad, there.az.rad
    lon, lat = SITE.lon.rad, SITE.lat.rad
    east = np.array([-np.sin(lon), np.cos(lon), 0])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    parts = np.stack([np.cos(alt) * np.sin(az), np.cos(alt) * np.cos(az), np.sin(alt)], axis=-1)
    return parts @ np.stack([east, np.cross(up, east), up])


def record(folder, sky, dec):
    """Gulps of a source of 1 Jy, each phased to what is on the meridian in its middle."""
    settings = f"antenna_order = {list(ORDER)}\nchannels = 1\nfringe_samples = {GULP}\n"
    (folder / "observation.toml").write_text(f'{settings}unit = "Jy"\n')
    i, j = np.tril_indices(len(ORDER))
    hour_angle = (np.arange(GULP) - (GULP - 1) / 2) * TSAMP * SIDEREAL_RAD_S * units.rad
    for gulp in range(N_GULPS):
        begin = MJD + gulp * STEP * TSAMP / 86400
        times = Time(begin, format="mjd") + (np.arange(GULP) + 0.5) * TSAMP * units.s
        ra = times.sidereal_time("apparent", SITE.lon) - hour_angle
        frame = TETE(obstime=times, location=SITE)
        phased = SkyCoord(ra=ra, dec=np.full(GULP, dec) * units.deg, frame=frame)
        path = (towards(sky, times) - towards(phased, times)) @ antennas().T
        vis = np.exp(-2j * np.pi * FREQ / LIGHT * (path[:, i] - path[:, j]))
        data = np.repeat(vis[..., None], 2, axis=-1).astype("<c8")
        name = f"nsfrb_sb{SUBBAND:02d}_{gulp:05d}.out"
        (folder / name).write_bytes(struct.pack("<dIf", begin, SUBBAND, dec) + data.tobytes())


def peak(image):
    """Column and row of the peak of a quadratic through the logarithm of 3 x 3 pixels."""
    y, x = np.unravel_index(np.argmax(image), image.shape)
    dy, dx = (a.ravel() for a in np.mgrid[-1:2, -1:2])
    terms = np.stack([np.ones(9), dx, dy, dx * dx, dx * dy, dy * dy], axis=1)
    values = np.log(image[y - 1 : y + 2, x - 1 : x + 2].ravel())
    _, gx, gy, xx, xy, yy = np.linalg.lstsq(terms, values, rcond=None)[0]
    return np.array([x, y]) - np.linalg.solve([[2 * xx, xy], [xy, 2 * yy]], [gx, gy])


@pytest.mark.parametrize("place", [(130.0, 0.7), (45.0, 20.0)], ids=["centre", "corner"])
@pytest.mark.parametrize("dec", [-30.0, 0.0, 37.0, 75.0])
def test_a_source_stays_where_it_is_to_a_tenth_of_a_pixel(tmp_path, dec, place):
    middle = Time(MJD, format="mjd") + (N_GULPS // 2) * STEP * TSAMP * units.s
    meridian = HADec(obstime=middle, location=SITE)
    centre = SkyCoord(ha=0 * units.deg, dec=dec * units.deg, frame=meridian).icrs
    angle, distance = place[0] * units.deg, place[1] * units.arcmin
    sky = centre.directional_offset_by(angle, distance).icrs
    record(tmp_path, sky, dec)
    settings = ImagingSettings(size=175, pixel_arcsec=10.665, channels=1, max_smearing=0.0)
    with ImagedReader(NsfrbReader(sorted(tmp_path.glob("*.out"))), settings) as reader:
        there = np.array(reader.header.wcs.world_to_pixel(sky))
        for gulp in range(N_GULPS):
            # The first and the last sample are phased to a place off the meridian.
            for sample in (gulp * STEP, gulp * STEP + GULP - 1):
                image = reader.read(sample, sample + 1).data[0, 0]
                assert image.max() == pytest.approx(1, abs=0.02)
                assert np.hypot(*(peak(image) - there)) < 0.1
        assert sample * TSAMP > 3595
