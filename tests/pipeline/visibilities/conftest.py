"""Recordings of visibilities that pyuvdata writes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time

OVRO = EarthLocation.from_geodetic(-118.2825 * units.deg, 37.2339 * units.deg, 1183 * units.m)
START = Time("2025-03-01T06:00:00")
N_ANTENNAS = 14


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="session")
def site():
    return OVRO


@pytest.fixture(scope="session")
def start():
    return START


@pytest.fixture(scope="session")
def new_uvdata():
    return _new_uvdata


@pytest.fixture
def write(tmp_path):
    def written(data):
        path = tmp_path / "recording.uvh5"
        data.write_uvh5(str(path), run_check=False, clobber=True)
        return path

    return written


def _new_uvdata(source: SkyCoord, n_times: int = 3, step_s: float = 600.0, n_channels: int = 4):
    """A source of 1 Jy in its phase centre, with flat antennas around OVRO."""
    from pyuvdata import Telescope, UVData

    rng = np.random.default_rng(2)
    lon, lat = OVRO.lon.rad, OVRO.lat.rad
    east = np.array([-np.sin(lon), np.cos(lon), 0])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    positions = rng.uniform(-600, 600, (N_ANTENNAS, 2)) @ np.stack([east, np.cross(up, east)])
    telescope = Telescope.new(
        name="test",
        location=OVRO,
        antenna_positions=positions,
        antenna_names=[str(i) for i in range(N_ANTENNAS)],
        antenna_numbers=np.arange(N_ANTENNAS) * 3,
        instrument="test",
        feeds=["x", "y"],
        x_orientation="east",
        mount_type="alt-az",
    )
    data = UVData.new(
        freq_array=1.4e9 + 1e6 * np.arange(n_channels),
        polarization_array=[-5, -6],
        times=START.jd + np.arange(n_times) * step_s / 86400,
        telescope=telescope,
        integration_time=step_s,
        channel_width=1e6,
        phase_center_catalog={
            0: {
                "cat_name": "source",
                "cat_type": "sidereal",
                "cat_lon": source.ra.rad,
                "cat_lat": source.dec.rad,
                "cat_frame": "icrs",
                "cat_epoch": 2000.0,
            }
        },
        empty=True,
        vis_units="Jy",
        time_axis_faster_than_bls=False,
        do_blt_outer=True,
        antpairs=[(3 * i, 3 * j) for j in range(N_ANTENNAS) for i in range(j, N_ANTENNAS)],
    )
    data.set_uvws_from_antenna_positions()
    data.data_array[:] = 1
    data.nsample_array[:] = 1
    data.flag_array[:] = False
    return data
