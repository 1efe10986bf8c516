"""The terms of the Milky Way: numbers, maps, tables."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import truncnorm

from surveys.errors import InputError
from surveys.milky_way.terms import HALO, MilkyWayDM, ism_from_map, ism_from_table

FRB = SkyCoord(240.517775 * u.deg, -11.288147 * u.deg)
NSIDE = 32


def write(path, values, coord="G", **options):
    healpy.write_map(path, values, coord=coord, dtype=np.float64, **options)
    return path


def smooth(lon_deg, lat_deg):
    """A sky that linear interpolation does well on."""
    return (
        80
        + 30 * np.sin(np.radians(lat_deg))
        + 20 * np.cos(np.radians(lon_deg - 40)) * np.cos(np.radians(lat_deg))
    )


def sky(nest=False):
    pixels = np.arange(healpy.nside2npix(NSIDE))
    return smooth(*healpy.pix2ang(NSIDE, pixels, nest=nest, lonlat=True))


@pytest.mark.parametrize("nest", [False, True])
def test_a_map_is_interpolated_in_the_frame_of_its_header(tmp_path, nest):
    galactic = write(tmp_path / "g.fits", sky(nest), nest=nest)
    l, b = FRB.galactic.l.deg, FRB.galactic.b.deg
    term = ism_from_map(galactic, FRB)
    # Bilinear over 1.8 deg: the second derivative is 50 per radian^2, so the error below 0.02.
    assert term.value == pytest.approx(smooth(l, b), abs=0.02)
    assert term.error == pytest.approx(0.2 * term.value)
    assert term.source == "map g.fits"
    celestial = write(tmp_path / "c.fits", sky(nest), coord="C", nest=nest)
    assert ism_from_map(celestial, FRB).value == pytest.approx(
        smooth(FRB.ra.deg, FRB.dec.deg), abs=0.02
    )
    assert ism_from_map(celestial, FRB, "galactic").value == pytest.approx(term.value)


def test_a_map_without_frame_has_to_be_told(tmp_path):
    path = write(tmp_path / "m.fits", sky(), coord=None)
    with pytest.raises(InputError, match=r"m\.fits: COORDSYS: is missing; .*galactic.*icrs"):
        ism_from_map(path, FRB)
    assert ism_from_map(path, FRB, frame="galactic").value > 0
    with pytest.raises(InputError, match="'ecliptic' is not known"):
        ism_from_map(path, FRB, frame="ecliptic")


@pytest.mark.parametrize("empty", [healpy.UNSEEN, np.nan])
def test_an_empty_pixel_is_never_a_dm(tmp_path, empty):
    values = sky()
    pixel = healpy.ang2pix(NSIDE, FRB.galactic.l.deg, FRB.galactic.b.deg, lonlat=True)
    values[pixel] = empty
    path = write(tmp_path / "m.fits", values)
    with pytest.raises(InputError, match=r"the map is empty .* at l = 359\.6726"):
        ism_from_map(path, FRB)
    assert ism_from_map(path, SkyCoord(90 * u.deg, 30 * u.deg)).value > 0


@pytest.mark.parametrize("content", [b"", b"no map", b"SIMPLE  =                    T"])
def test_what_is_no_map_is_said(tmp_path, content):
    path = tmp_path / "m.fits"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"m\.fits: map: this is no HEALPix map"):
        ism_from_map(path, FRB)


def test_a_truncated_map_is_said(tmp_path):
    path = write(tmp_path / "m.fits", sky())
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(InputError, match=r"m\.fits: map: "):
        ism_from_map(path, FRB)


def test_a_missing_map_is_said(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        ism_from_map(tmp_path / "m.fits", FRB)


def test_negative_dm_is_said(tmp_path):
    path = write(tmp_path / "m.fits", sky() - 500)
    with pytest.raises(InputError, match=r"DM = -3.* at the position"):
        ism_from_map(path, FRB)


ROWS = {"l": [359.9, 0.4, 180.0], "b": [29.9, 30.2, 0.0], "dm": [60.1, 58.0, 200.0]}


@pytest.mark.parametrize("name", ["t.ecsv", "t.csv", "t.fits"])
def test_the_nearest_row_of_a_table(tmp_path, name):
    Table(ROWS).write(tmp_path / name)
    term = ism_from_table(tmp_path / name, FRB)
    # Across l = 0; 0.20 deg away on the sky.
    assert (term.value, term.error) == pytest.approx((60.1, 0.2 * 60.1))
    assert term.source == f"table {name}, 0.20 deg away"


def test_names_in_capitals_and_an_error_column(tmp_path):
    rows = {name.upper(): values for name, values in ROWS.items()}
    Table(rows | {"dm_error": [5.0, 6.0, 7.0]}).write(tmp_path / "t.ecsv")
    assert ism_from_table(tmp_path / "t.ecsv", FRB).error == 5.0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"l": [10.0, 10.0, 10.0]}, r"l, b: the nearest of 3 rows is .* deg from the position"),
        ({"dm": [np.nan, 1.0, 1.0]}, "dm: not all rows have a number"),
        ({"dm": ["a", "b", "c"]}, "dm: not all rows have a number"),
        ({"b": [100.0, 0.0, 0.0]}, "b: 100.0 is no latitude"),
        ({"l": [], "b": [], "dm": []}, "table: has no rows"),
        ({"dm": [-60.0, 1.0, 1.0]}, "value: -60.0 is no DM"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, changes, named):
    Table(ROWS | changes).write(tmp_path / "t.ecsv")
    with pytest.raises(InputError, match=named):
        ism_from_table(tmp_path / "t.ecsv", FRB)


def test_a_missing_column_is_named(tmp_path):
    Table({"l": [1.0], "b": [1.0], "x": [1.0]}).write(tmp_path / "t.csv")
    with pytest.raises(InputError, match="dm: there is no such column among l, b, x"):
        ism_from_table(tmp_path / "t.csv", FRB)


@pytest.mark.parametrize("name", ["t.ecsv", "t.csv", "t.fits", "t.txt"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\x00\n"])
def test_what_is_no_table_is_said_in_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="table: ") as caught:
        ism_from_table(tmp_path / name, FRB)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="there is no such file"):
        ism_from_table(tmp_path / f"no_{name}", FRB)


@given(st.floats(0.0, 200.0), st.floats(0.1, 100.0))
def test_draws_are_a_gaussian_cut_off_at_zero(value, error):
    draws = MilkyWayDM(value, error).sample(np.random.default_rng(7), 4000)
    assert (draws >= 0).all()
    law = truncnorm(-value / error, np.inf, value, error)
    for q in (0.16, 0.5, 0.84):
        below = (draws < law.ppf(q)).mean()
        assert below == pytest.approx(q, abs=6 * np.sqrt(q * (1 - q) / 4000))


def test_no_error_is_no_scatter():
    draws = MilkyWayDM(60.0, 0.0).sample(np.random.default_rng(7), (2, 3))
    np.testing.assert_array_equal(draws, np.full((2, 3), 60.0))


@pytest.mark.parametrize("numbers", [(-1.0, 1.0), (np.nan, 1.0), (60.0, np.inf), (60.0, -2.0)])
def test_what_is_no_dm_is_an_error(numbers):
    with pytest.raises(InputError, match="is no DM"):
        MilkyWayDM(*numbers)


def test_the_halo_covers_what_is_in_use():
    # Prochaska & Zheng 2019, Yamasaki & Totani 2020, Hoffmann et al. 2026.
    for published in (38.5, 69.2, 68.0):
        assert abs(published - HALO.value) < HALO.error
