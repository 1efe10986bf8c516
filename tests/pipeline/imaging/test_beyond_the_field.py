"""Bright sources that the dishes see beside the images are found, and leave no trace there."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.settings import ImagingSettings
from pipeline.imaging.snapshot import LEAST_GAIN, reach_rad, snapshot
from pipeline.imaging.steady import find_steady_sources, without_steady_sources
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Array, Image, Recording, Source
from pipeline.visibilities.nsfrb import NsfrbReader

SETTINGS = ImagingSettings(size=48, pixel_arcsec=16.0)
BRIGHT = Source(30.0, x=60.0, y=400.0)
"""1.7 degrees north of the middle, where the beam has less than half of its gain."""


def recorded(folder, sources, **image):
    return simulate(
        SimulationConfig(
            recording=Recording(duration_s=20.0, format="nsfrb", mjd0=60700.3),
            image=Image(shape=(48, 48), pixel_arcsec=16.0, **image),
            array=Array(n_antennas=24, channels=2),
            sources=sources,
        ),
        folder,
        seed=6,
    )


def places(made):
    truth = Table.read(made.truth, format="ascii.ecsv")
    return SkyCoord(truth["ra"], truth["dec"], unit="deg")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """30 Jy outside the images, 0.2 Jy in them, under its sidelobes."""
    return recorded(tmp_path_factory.mktemp("beside"), (BRIGHT, Source(0.2, x=14.0, y=31.0)))


def test_a_source_outside_is_found_and_fitted(made):
    found = find_steady_sources(NsfrbReader(made.recordings), SETTINGS, 8)
    there = places(made)
    assert len(found.places) == 2
    for i, flux in enumerate((30.0, 0.2)):
        # The noise is 10 mJy in the middle of the beam, and its gain 0.4 at the first.
        assert found.mean_jy[i] == pytest.approx(flux, abs=0.08)
        # A beam of 85 arcsec divided by the S/N, and what aberration differs by.
        assert found.places[i].separation(there[i]).arcsec < (0.3, 12.0)[i]


def test_its_sidelobes_are_taken_out_of_the_images(made):
    vis = NsfrbReader(made.recordings)
    clean = without_steady_sources(vis, SETTINGS, 8)
    (note,) = (n for n in clean.header.notes if "steady" in n)
    # The upper edge of the images lies 23.5 pixels above the middle, the source 376.
    assert f"({(376 - 23.5) * 16 / 3600:.2g} degrees outside the images)" in note
    before, after = (ImagedReader(v, SETTINGS).read(0, 149).data for v in (vis, clean))
    sigma = np.std(np.diff(after.mean(1), axis=0)) / math.sqrt(2)
    dirty, left = (a.mean((0, 1)) for a in (before, after))
    assert np.abs(dirty).max() > 100 * sigma / math.sqrt(149)
    assert np.std(left) == pytest.approx(sigma / math.sqrt(149), rel=0.25)
    assert np.abs(left).max() < 6 * sigma / math.sqrt(149)


def test_far_from_the_zenith_too(tmp_path):
    """At declination -20 the array is foreshortened, and w of the order of u and v."""
    made = recorded(tmp_path, (replace(BRIGHT, x=-250.0, y=200.0),), dec_deg=-20.0)
    found = find_steady_sources(NsfrbReader(made.recordings), SETTINGS, 8)
    assert len(found.places) == 1
    assert found.mean_jy[0] == pytest.approx(30.0, abs=0.1)
    assert found.places[0].separation(places(made)[0]).arcsec < 0.5


def test_a_snapshot_shows_all_of_the_beam(made):
    vis = NsfrbReader(made.recordings)
    shot = snapshot(vis, 60, 85, SETTINGS.weighting.uses)
    assert shot is not None
    y, x = (int(i) for i in np.unravel_index(int(shot.image.argmax()), shot.image.shape))
    pixel = shot.grid.pixel_rad
    assert shot.place(x, y).separation(places(made)[0]).rad < pixel
    reach = reach_rad(vis)
    fwhm = 1.22 * 299.792458 / vis.header.freq_mhz.min() / vis.header.dish_m
    assert math.exp(-4 * math.log(2) * (reach / fwhm) ** 2) == pytest.approx(LEAST_GAIN)
    seen = np.count_nonzero(shot.image)
    assert seen == pytest.approx(math.pi * (reach / pixel) ** 2, rel=0.01)


def catalog(path, **columns):
    Table(columns).write(path, format="ascii.ecsv")
    return path


def test_sources_of_a_catalog_need_not_stand_out(tmp_path):
    """A seventh of what is found by itself, and one that the dishes never see."""
    made = recorded(tmp_path, (Source(0.05, x=30.0, y=12.0),))
    vis, there = NsfrbReader(made.recordings), places(made)[0]
    assert find_steady_sources(vis, SETTINGS, 8).places == ()
    path = catalog(
        tmp_path / "known.ecsv",
        ra=[there.ra.deg + 90, there.ra.deg + 0.002],
        dec=[there.dec.deg, there.dec.deg],
        flux_jy=[100.0, 0.06],
        spectral_index=[-0.7, -0.7],
    )
    found = find_steady_sources(vis, replace(SETTINGS, catalog=path), 8)
    assert len(found.places) == 1
    assert found.mean_jy[0] == pytest.approx(0.05, abs=0.03)
    assert found.places[0].separation(there).arcsec < 40
    far = catalog(tmp_path / "far.ecsv", ra=[there.ra.deg + 90], dec=[30.0], flux_jy=[5.0])
    clean = without_steady_sources(vis, replace(SETTINGS, catalog=far), 8)
    assert "no source of far.ecsv is where the dishes look" in clean.header.notes
