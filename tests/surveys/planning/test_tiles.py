"""Tiles cover the sphere, each of its places, and no more of them than a region needs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveys.planning.tiles import healpix_of, in_square, needed, rows_of

KEY = np.random.default_rng(2)
LON = KEY.uniform(0, 360, 20000)
LAT = np.degrees(np.arcsin(np.append(KEY.uniform(-1, 1, 19990), [-1, 1] * 5)))


@settings(max_examples=40)
@given(st.floats(0.3, 40.0), st.floats(0.01, 0.6))
def test_every_place_is_in_the_field_of_its_row_tile(field_deg, overlap):
    grid = rows_of(field_deg, overlap)
    lon, lat = grid.centre(grid.number(LON, LAT))
    assert in_square(field_deg, LON - lon, LAT, lat).all()
    everything = np.arange(grid.first[-1])
    assert grid.area_deg2(everything).sum() == pytest.approx(41252.96, rel=1e-6)
    # No more tiles than a few for each side of the sphere beyond what their area asks for.
    side = field_deg * (1 - overlap)
    n_least = 41252.96 / side**2
    assert len(everything) < 1.35 * n_least + 6 * 180 / side + 60
    assert np.array_equal(grid.number(*grid.centre(everything)), everything)


@pytest.mark.parametrize(("field_deg", "overlap"), [(3.0, 0.05), (20.0, 0.01)])
def test_every_place_is_in_the_field_of_its_healpix_tile(field_deg, overlap):
    grid = healpix_of(field_deg, overlap)
    lon, lat = grid.centre(grid.number(LON, LAT))
    assert in_square(field_deg, LON - lon, LAT, lat).all()


def test_a_region_needs_the_tiles_that_it_touches():
    grid = rows_of(10.0, 0.05)
    inside = (LON > 40) & (LON < 60) & (np.abs(LAT) < 12)
    tiles = needed(grid, LON[inside], LAT[inside], 41252.96 / len(LON), 0.0)
    assert set(tiles.number) == set(grid.number(LON[inside], LAT[inside]))
    assert tiles.area_deg2.sum() == pytest.approx(inside.sum() * 41252.96 / len(LON))
    assert (tiles.number[tiles.of_pixel] == grid.number(LON[inside], LAT[inside])).all()
    fewer = needed(grid, LON[inside], LAT[inside], 41252.96 / len(LON), 0.5)
    assert len(fewer) < len(tiles)
    assert (fewer.of_pixel == -1).any()
    # Some tile is left, however small the region.
    assert len(needed(grid, LON[:1], LAT[:1], 0.01, 1.0)) == 1
