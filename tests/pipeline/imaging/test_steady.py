"""Steady sources are found where they are, and nothing else is taken out."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import Table

from pipeline.imaging.imager import ImagedReader
from pipeline.imaging.settings import ImagingSettings
from pipeline.imaging.steady import find_steady_sources, without_steady_sources
from pipeline.simulation import SimulationConfig, simulate
from pipeline.simulation.config import Array, Image, Pulse, Recording, Source
from pipeline.visibilities.nsfrb import NsfrbReader

FLUXES = (5.0, 1.0)
SETTINGS = ImagingSettings(size=64, pixel_arcsec=16.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A drift scan of two steady sources and a pulse."""
    sources = (Source(FLUXES[0], x=45.3, y=20.6), Source(FLUXES[1], x=14.2, y=40.1))
    pulse = Pulse(time_s=20.0, width_s=2.0, fluence_jy_ms=1000.0, x=30.0, y=50.0)
    config = SimulationConfig(
        recording=Recording(duration_s=40.0, format="nsfrb", mjd0=60700.3),
        image=Image(shape=(64, 64), pixel_arcsec=16.0),
        array=Array(n_antennas=24, channels=1, dropped_subbands=(3,)),
        sources=sources,
        pulses=(pulse,),
    )
    return simulate(config, tmp_path_factory.mktemp("steady"), seed=4)


def test_places_and_fluxes(made):
    found = find_steady_sources(NsfrbReader(made.recordings), SETTINGS, 8)
    truth = Table.read(made.truth, format="ascii.ecsv")
    truth = truth[truth["kind"] == "source"]
    assert len(found.places) == len(FLUXES)
    assert found.mean_jy == pytest.approx(FLUXES, abs=0.05)
    for place, row in zip(found.places, truth, strict=True):
        there = SkyCoord(row["ra"] * units.deg, row["dec"] * units.deg)
        # A hundredth of the beam of 50 arcsec, for what stands 40 sigma out of the mean.
        assert place.separation(there).arcsec < 0.5


def test_what_is_left_is_noise_and_the_pulse(made):
    vis = NsfrbReader(made.recordings)
    clean = without_steady_sources(vis, SETTINGS, 8)
    assert any("5 Jy" in note for note in clean.header.notes)
    before = ImagedReader(vis, SETTINGS).read(0, 298)
    after = ImagedReader(clean, SETTINGS).read(0, 298)
    noise = np.nanstd(after.data[:100])
    dirty, left = (np.nanmean(b.data[:100], axis=(0, 1)) for b in (before, after))
    assert dirty.max() > 4.5
    # 15 channels and 100 samples leave a 39th of the noise.
    assert np.abs(left).max() < 6 * noise / np.sqrt(1500)
    on = np.nanmean(after.data[142:157], axis=(0, 1)) - left
    assert np.unravel_index(on.argmax(), on.shape) == (50, 30)
    assert on.max() == pytest.approx(0.5, abs=0.1)


def test_in_a_crowded_field_sources_are_told_from_sidelobes(tmp_path):
    """Twelve of 1 Jy, whose sidelobes of a third each are the noise of the image."""
    places = np.random.default_rng(3).permutation(25)[:12]
    sources = tuple(Source(1.0, x=8.0 + 12 * (p % 5), y=8.0 + 12 * (p // 5)) for p in places)
    config = SimulationConfig(
        recording=Recording(duration_s=20.0, format="nsfrb", mjd0=60700.3),
        image=Image(shape=(64, 64), pixel_arcsec=16.0),
        array=Array(n_antennas=24, channels=1),
        sources=sources,
    )
    made = simulate(config, tmp_path, seed=5)
    found = find_steady_sources(NsfrbReader(made.recordings), SETTINGS, 32)
    truth = Table.read(made.truth, format="ascii.ecsv")
    there = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    nearest = [int(place.separation(there).argmin()) for place in found.places]
    assert sorted(nearest) == list(range(12))
    # A tenth of the beam.
    assert max(p.separation(there).min().arcsec for p in found.places) < 5
    assert found.mean_jy == pytest.approx(1.0, abs=0.1)


def test_none_where_none_are_asked_for(made):
    assert find_steady_sources(NsfrbReader(made.recordings), SETTINGS, 0).places == ()
