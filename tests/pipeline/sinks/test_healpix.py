"""Maps of a part of the sky, read by healpy and by planning."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
from astropy.io import fits

from pipeline.sinks.healpix import sky_map
from surveys.planning.regions import read_region
from surveys.planning.settings import RegionSettings

NSIDE = 16
PIXEL = np.array([3, 700, 701, 2000])


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_healpy_reads_what_is_written(tmp_path, frame):
    path = tmp_path / "map.fits"
    first, second = np.array([1.5, np.nan, -2.0, 0.0]), np.array([1.0, 2.0, np.inf, 4.0])
    columns = {"LIMIT": (first, "h"), "HOURS": (second, "")}
    path.write_bytes(sky_map((NSIDE, frame), PIXEL, columns, [("FLUX", 0.3, "Jy")]))
    nested = np.stack(healpy.read_map(path, field=(0, 1), nest=True))
    expected = np.full((2, healpy.nside2npix(NSIDE)), np.float32(healpy.UNSEEN))
    expected[:, PIXEL[[0, 2, 3]]] = [[1.5, -2.0, 0.0], [1.0, healpy.UNSEEN, 4.0]]
    np.testing.assert_array_equal(nested, expected)
    ring = healpy.read_map(path, field=0)
    np.testing.assert_array_equal(ring, healpy.reorder(expected[0], n2r=True))
    header = fits.getheader(path, 1)
    assert header["COORDSYS"] == {"icrs": "C", "galactic": "G"}[frame]
    assert (header["TTYPE2"], header["TUNIT2"], header["FLUX"]) == ("LIMIT", "h", 0.3)
    assert "TUNIT3" not in header


def test_a_plan_reads_it_as_a_region(tmp_path):
    path = tmp_path / "map.fits"
    hours = np.array([1.0, 3.0, 4.0, 2.0])
    path.write_bytes(sky_map((NSIDE, "icrs"), PIXEL, {"HOURS": (hours, "h")}))
    settings = RegionSettings(kind="mask", file=path, least=2.5, nside=NSIDE)
    region = read_region(settings, tmp_path, "plan.toml")
    np.testing.assert_array_equal(region.pixel, PIXEL[hours > 2.5])


def test_pixels_of_the_finest_maps_have_room(tmp_path):
    pixel = np.array([12 * 65536**2 - 1])
    (tmp_path / "map.fits").write_bytes(sky_map((65536, "icrs"), pixel, {"X": (np.ones(1), "")}))
    assert fits.getdata(tmp_path / "map.fits", 1)["PIXEL"][0] == pixel[0]
