"""Cells: every place in one, of equal area, where they say they are."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys.errors import SettingProblem
from surveys.rates.cells import cell_numbers, cells_of
from surveys.rates.settings import CellSettings


def test_boxes_near_the_plane_are_those_of_three_degrees():
    lon = np.array([0.0, 2.99, 3.01, 359.9, 180.0, 180.0])
    lat = np.array([0.1, 0.1, 0.1, 0.1, -0.1, 2.9])
    cells = cells_of(lon, lat, CellSettings())
    one = cells.of_place
    assert one[0] == one[1]
    assert one[1] != one[2]
    assert cells.lon[one[2]] == pytest.approx(4.5)
    assert cells.lon[one[3]] == pytest.approx(358.5)
    assert (cells.lat[one[4]], cells.lat[one[5]]) == pytest.approx((-1.5, 1.5))


@given(side=st.floats(0.5, 90), lon=st.floats(-720, 720), lat=st.floats(-90, 90))
def test_a_place_is_in_the_box_that_says_so(side, lon, lat):
    settings = CellSettings(side_deg=side)
    cells = cells_of([lon], [lat], settings)
    assert len(cells) == 1
    assert abs(cells.lat[0] - lat) <= side / 2 + 1e-6
    assert cell_numbers(cells.lon, cells.lat, settings) == cells.number
    assert np.cos(np.radians(lat)) * abs((cells.lon[0] - lon + 180) % 360 - 180) <= side + 1e-6


def test_boxes_cover_the_sky_evenly():
    lon, lat = healpy.pix2ang(128, np.arange(12 * 128**2), nest=True, lonlat=True)
    cells = cells_of(lon, lat, CellSettings(side_deg=6.0))
    n = np.bincount(cells.of_place)
    assert n.sum() == len(lon)
    near = np.abs(cells.lat) < 80
    assert np.abs(n[near] / n[near].mean() - 1).max() < 0.12


def test_pixels_of_healpix_are_their_own_cells():
    pixel = np.array([7, 100, 3000])
    lon, lat = healpy.pix2ang(16, pixel, nest=True, lonlat=True)
    cells = cells_of(lon, lat, CellSettings(kind="healpix", nside=16))
    np.testing.assert_array_equal(cells.number, pixel)
    np.testing.assert_allclose(cells.lon, lon)
    np.testing.assert_array_equal(cells.sums(np.array([1.0, 2.0, 3.0])), [1, 2, 3])


def test_cells_have_a_side_and_a_power_of_two():
    with pytest.raises(SettingProblem, match="nside: is 12; give a power of two"):
        CellSettings(nside=12)
    with pytest.raises(SettingProblem, match="side_deg: is 0"):
        CellSettings(side_deg=0.0)
