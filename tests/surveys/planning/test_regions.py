"""Regions of boxes, masks, MOCs and cones, and what is wrong with their files."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from surveys.errors import InputError, SettingProblem
from surveys.planning.moc import covered, ranges_of, read_moc
from surveys.planning.regions import read_region
from surveys.planning.settings import RegionSettings

NSIDE = 64


def region(tmp_path, **settings):
    return read_region(RegionSettings(nside=NSIDE, **settings), tmp_path, "plan.toml")


@pytest.mark.parametrize("l", [(141.0, 225.0), (350.0, 10.0), (-10.0, 10.0), (0.0, 360.0)])
def test_boxes_have_their_area(tmp_path, l):
    found = read_region(
        RegionSettings("galactic", l_deg=l, b_deg=(-3.5, 5.7), nside=256), tmp_path, "plan.toml"
    )
    width = (l[1] - l[0]) % 360 or 360
    exact = width * np.degrees(np.sin(np.radians(5.7)) + np.sin(np.radians(3.5)))
    # Pixels are 0.23 degrees wide: the edges are ragged by a few of them.
    assert found.area_deg2 == pytest.approx(exact, rel=0.01)
    place = SkyCoord(*found.places(), unit="deg").galactic
    assert ((place.b.deg >= -3.5) & (place.b.deg <= 5.7)).all()
    assert (((place.l.deg - l[0]) % 360 <= width) | (width == 360)).all()


def write_mask(path, nest, coord, unseen=False):
    """Half of the sky: north of the plane of the frame."""
    values = np.zeros(healpy.nside2npix(32))
    _, lat = healpy.pix2ang(32, np.arange(len(values)), nest=nest, lonlat=True)
    values[lat > 0] = 1.0
    if unseen:
        values[values == 1] = healpy.UNSEEN
    healpy.write_map(path, values, nest=nest, coord=coord, dtype=np.float64, overwrite=True)


@pytest.mark.parametrize("nest", [True, False])
@pytest.mark.parametrize(("coord", "frame"), [("G", None), ("C", None), (None, "galactic")])
def test_masks_of_any_ordering_and_frame(tmp_path, nest, coord, frame):
    write_mask(tmp_path / "mask.fits", nest, coord)
    found = region(tmp_path, kind="mask", file="mask.fits", frame=frame)
    place = SkyCoord(*found.places(), unit="deg")
    lat = place.galactic.b.deg if coord != "C" else place.dec.deg
    assert lat.min() > -2  # half of a pixel of the mask
    assert found.area_deg2 == pytest.approx(20626.5, rel=0.02)


def test_masks_without_a_frame_or_with_an_unknown_one_are_refused(tmp_path):
    write_mask(tmp_path / "mask.fits", True, None)
    with pytest.raises(InputError, match=r"mask\.fits: COORDSYS: is missing; give frame"):
        region(tmp_path, kind="mask", file="mask.fits")
    write_mask(tmp_path / "mask.fits", True, "E")
    with pytest.raises(InputError, match="COORDSYS: is 'E'"):
        region(tmp_path, kind="mask", file="mask.fits")
    with pytest.raises(SettingProblem, match="frame: 'galctic' is not known; did you mean"):
        RegionSettings("mask", file="mask.fits", frame="galctic")


def test_masks_with_nothing_in_them_are_refused(tmp_path):
    write_mask(tmp_path / "mask.fits", True, "C", unseen=True)
    with pytest.raises(InputError, match="region: holds no pixel of NSIDE 64"):
        region(tmp_path, kind="mask", file="mask.fits")


@pytest.mark.parametrize("kind", ["mask", "moc", "targets"])
def test_files_that_are_none(tmp_path, kind):
    with pytest.raises(InputError, match=r"missing\.fits: file: (cannot be read|does not exist)"):
        region(tmp_path, kind=kind, file="missing.fits")
    (tmp_path / "broken.fits").write_bytes(b"SIMPLE  = nothing of this kind\n" * 9)
    with pytest.raises(InputError, match=r"broken\.fits"):
        region(tmp_path, kind=kind, file="broken.fits")


@pytest.mark.parametrize("kind", ["mask", "moc"])
def test_files_that_end_too_early(tmp_path, kind):
    if kind == "mask":
        write_mask(tmp_path / "whole.fits", True, "C")
    else:
        write_moc(tmp_path / "whole.fits", np.arange(4**8, 2 * 4**8))
    content = (tmp_path / "whole.fits").read_bytes()
    # A whole number of blocks, and of rows.
    (tmp_path / "half.fits").write_bytes(content[: 2880 * (len(content) // 5760)])
    with pytest.raises(InputError, match=r"half\.fits: file: cannot be read"):
        region(tmp_path, kind=kind, file="half.fits")


def write_moc(path, uniq, **header):
    table = fits.BinTableHDU.from_columns(
        [fits.Column("UNIQ", "K", array=np.asarray(uniq, np.int64))]
    )
    table.header.update({"ORDERING": "NUNIQ", "COORDSYS": "C"} | header)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)


def test_a_moc_of_mixed_orders(tmp_path):
    """A base pixel but for one of its quarters, and one small cell elsewhere."""
    uniq = [4 ** (1 + 1) + 4 * 3 + i for i in (0, 1, 3)] + [4 ** (6 + 1) + 7]
    write_moc(tmp_path / "moc.fits", uniq)
    found = region(tmp_path, kind="moc", file="moc.fits")
    base = 4 * np.pi * (180 / np.pi) ** 2 / 12
    assert found.area_deg2 == pytest.approx(base * (3 / 4 + 4**-6), rel=1e-9)
    cell = found.pixel >> (2 * (6 - 1))
    assert set(cell) == {12, 13, 15, 0}
    assert 7 in found.pixel


def test_ranges_in_a_file_are_the_same_sky_as_numbers(tmp_path):
    uniq = [4**2 + 5, 4**2 + 6, 4**7 + 7]
    write_moc(tmp_path / "numbers.fits", uniq)
    pairs = [[7 * 4**23, 8 * 4**23], [5 * 4**28, 7 * 4**28]]
    write_moc(tmp_path / "ranges.fits", np.ravel(pairs), ORDERING="RANGE", MOCDIM="SPACE")
    expected = read_moc(tmp_path / "numbers.fits")
    assert np.array_equal(read_moc(tmp_path / "ranges.fits"), expected)
    assert np.array_equal(expected, pairs)


@given(st.lists(st.tuples(st.integers(0, 29), st.floats(0, 0.999999)), min_size=1, max_size=20))
def test_ranges_of_a_moc(cells):
    """Every cell's own middle is inside, whatever the order; ranges are apart and rise."""
    order = np.array([o for o, _ in cells], np.int64)
    number = np.array([int(x * 12 * 4**o) for o, x in cells], np.int64)
    ranges = ranges_of(4 ** (order + 1) + number, "moc")
    assert (np.diff(ranges.ravel()) > 0).all()
    for o, n in zip(order, number, strict=True):
        ra, dec = healpy.pix2ang(1 << int(o), int(n), nest=True, lonlat=True)
        if o < 29:
            assert covered(ranges, np.array([ra]), np.array([dec])).all()
    total = sum(4 ** (29 - o) for o, _ in set(zip(order.tolist(), number.tolist(), strict=True)))
    assert np.diff(ranges, axis=1).sum() <= total


@pytest.mark.parametrize(
    ("uniq", "header", "says"),
    [
        ([], {}, "NUNIQ: has no cells"),
        ([3], {}, "NUNIQ: has 3"),
        ([4 + 12], {}, None),
        ([16, 4**31], {}, "NUNIQ: has 4611686018427387904"),
        ([16], {"COORDSYS": "G"}, "COORDSYS: is 'G'"),
        ([16], {"ORDERING": "RING"}, "ORDERING: is 'RING'"),
        ([16], {"ORDERING": "RANGE"}, "RANGE: has numbers that are no ranges"),
        ([16, 12], {"ORDERING": "RANGE"}, "RANGE: has numbers that are no ranges"),
        ([], {"ORDERING": "RANGE"}, "RANGE: has no cells"),
        ([16, 20], {"ORDERING": "RANGE", "MOCDIM": "TIME"}, "MOCDIM: is 'TIME'"),
    ],
)
def test_mocs_that_are_none(tmp_path, uniq, header, says):
    write_moc(tmp_path / "moc.fits", uniq, **header)
    if says is None:
        assert len(read_moc(tmp_path / "moc.fits")) == 1
        return
    with pytest.raises(InputError, match=says):
        read_moc(tmp_path / "moc.fits")


def test_cones_about_targets(tmp_path):
    places = SkyCoord([10.0, 200.0] * u.deg, [5.0, -40.0] * u.deg)
    table = Table(
        {"name": ["a", "b"], "ra": places.ra, "dec": places.dec, "radius_deg": [5.0, 0.01]}
    )
    table.write(tmp_path / "targets.ecsv")
    found = region(tmp_path, kind="targets", file="targets.ecsv")
    assert found.targets is not None
    assert found.targets.name == ("a", "b")
    apart = SkyCoord(*found.places(), unit="deg").separation(places[0]).deg
    cone = 2 * np.pi * (1 - np.cos(np.radians(5))) * (180 / np.pi) ** 2
    assert (apart < 5).sum() * found.pixel_deg2 == pytest.approx(cone, rel=0.05)
    # A cone smaller than a pixel still has the pixel that it is in.
    assert (apart > 90).sum() == 1
    galactic = Table({"l": places.galactic.l.deg, "b": places.galactic.b.deg})
    galactic.write(tmp_path / "targets.csv")
    again = region(tmp_path, kind="targets", file="targets.csv", frame="galactic", radius_deg=0.01)
    assert again.targets is not None
    assert again.targets.name == ("1", "2")
    assert again.targets.ra_deg == pytest.approx([10.0, 200.0])


@pytest.mark.parametrize(
    ("columns", "meta", "says"),
    [
        ({"ra": [1.0]}, {}, "dec: is missing; give columns ra and dec"),
        ({"ra": [1.0], "dec": [95.0]}, {}, "ra and dec: row 1 has 1, 95"),
        ({"ra": [1.0, np.nan], "dec": [5.0, 5.0]}, {}, "row 2 has nan"),
        ({"ra": ["x"], "dec": [5.0]}, {}, "ra: is no number"),
        ({"ra": [1.0], "dec": [5.0]}, {"frame": "fk4"}, "frame: 'fk4' is not known"),
        ({"ra": [], "dec": []}, {}, "file: has no rows"),
        ({"ra": [1.0], "dec": [5.0], "radius_deg": [-1.0]}, {}, "radius_deg: has values outside"),
    ],
)
def test_targets_that_are_none(tmp_path, columns, meta, says):
    Table(columns, meta=meta).write(tmp_path / "targets.ecsv")
    with pytest.raises(InputError, match=says):
        region(tmp_path, kind="targets", file="targets.ecsv")
