"""Baselines against pyuvdata's and against what the sky does."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from pyuvdata.utils import phasing

from pipeline.imaging.geometry import antenna_uvw, terrestrial_axes

OVRO = EarthLocation.from_geodetic(-118.2825 * units.deg, 37.2339 * units.deg, 1183 * units.m)
HOUR = Time(["2025-03-01T06:00:00", "2025-03-01T06:20:00", "2025-03-01T07:00:00"])
CENTRES = [SkyCoord(150.0, dec, unit="deg") for dec in (-30.0, 0.0, 37.0, 75.0)]


def antennas(n: int = 12) -> np.ndarray:
    return np.random.default_rng(1).uniform(-700, 700, (n, 3))


@pytest.mark.parametrize("centre", CENTRES, ids=lambda c: f"dec {c.dec.deg:g}")
def test_baselines_are_those_of_pyuvdata(centre):
    """Its position angle of north is taken over half a degree; over less it is exact."""
    ra, dec = phasing.calc_app_coords(
        lon_coord=centre.ra.rad,
        lat_coord=centre.dec.rad,
        coord_frame="icrs",
        time_array=HOUR.jd,
        telescope_loc=OVRO,
    )
    angle = phasing.calc_frame_pos_angle(
        time_array=HOUR.jd,
        app_ra=ra,
        app_dec=dec,
        telescope_loc=OVRO,
        ref_frame="icrs",
        offset_pos=1e-5,
    )
    positions, n = antennas(), len(HOUR)
    first, second = np.triu_indices(len(positions), 1)
    lst = HOUR.sidereal_time("apparent", OVRO.lon).rad
    expected = phasing.calc_uvw(
        app_ra=np.repeat(ra, len(first)),
        app_dec=np.repeat(dec, len(first)),
        frame_pa=np.repeat(angle, len(first)),
        lst_array=np.repeat(lst, len(first)),
        use_ant_pos=True,
        antenna_positions=positions,
        antenna_numbers=np.arange(len(positions)),
        ant_1_array=np.tile(first, n),
        ant_2_array=np.tile(second, n),
        telescope_lat=OVRO.lat.rad,
        telescope_lon=OVRO.lon.rad,
    )
    uvw = antenna_uvw(positions, HOUR, centre, OVRO)
    found = (uvw[:, second] - uvw[:, first]).reshape(-1, 3)
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize("centre", CENTRES, ids=lambda c: f"dec {c.dec.deg:g}")
def test_the_third_axis_points_to_the_source(centre):
    """Altitude and azimuth of astropy, which also knows nothing of air here."""
    w = terrestrial_axes(HOUR, centre, OVRO)[:, 2]
    there = centre.transform_to(AltAz(obstime=HOUR, location=OVRO))
    alt, az = there.alt.rad, there.az.rad
    lon, lat = OVRO.lon.rad, OVRO.lat.rad
    east = np.array([-np.sin(lon), np.cos(lon), 0])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    north = np.cross(up, east)
    parts = (np.cos(alt) * np.sin(az), np.cos(alt) * np.cos(az), np.sin(alt))
    expected = sum(np.outer(p, axis) for p, axis in zip(parts, (east, north, up), strict=True))
    assert np.abs(w - expected).max() < np.radians(0.001 / 3600)


def test_axes_are_orthonormal_and_right_handed():
    axes = terrestrial_axes(HOUR, CENTRES[2], OVRO)
    np.testing.assert_allclose(
        axes @ axes.transpose(0, 2, 1), np.eye(3)[None].repeat(3, 0), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(axes), 1)


def test_times_beyond_the_table_of_earth_rotation_have_its_last_values():
    later = Time(["2028-01-01", "2028-01-02"])
    assert np.isfinite(terrestrial_axes(later, CENTRES[1], OVRO)).all()
