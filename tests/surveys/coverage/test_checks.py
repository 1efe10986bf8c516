"""Time that would count twice, and places below the horizon."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from surveys.coverage.checks import above_horizon, altitudes_deg, check_overlaps
from surveys.errors import InputError

HOUR = 1 / 24


def test_rows_of_the_same_beam_at_the_same_time_are_named(pointed):
    many = pointed(start_mjd=60000 + HOUR * np.array([3.0, 0.0, 1.5, 1.0]), drift=False,
                   name=["a", "b", "c", "d"])  # fmt: skip
    with pytest.raises(InputError) as error:
        check_overlaps(many)
    assert "pointing c: overlaps pointing d for 1800 s, in the same beam" in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"start_mjd": 60000 + HOUR * np.arange(3)},
        {"ra": [10.0, 20.0, 30.0]},
        {"field_deg": 1.0, "field_ra": [10.0, 11.0, 12.0], "field_dec": 37.0},
        {"start_mjd": 60000 + HOUR * np.arange(3) - np.array([0, 0.1, 0.2]) / 86400},
    ],
)
def test_other_times_beams_and_images_are_no_overlap(pointed, change):
    check_overlaps(pointed(**({"start_mjd": 60000 + np.zeros(3), "drift": True} | change)))


def test_a_beam_that_drifts_away_is_the_same_where_it_is(pointed):
    """Two descriptions of one drift, the second from its middle on."""
    first = pointed(start_mjd=60000.0, duration_s=7200.0)
    ra, dec = (float(a[0]) for a in first.at(3600.0))
    both = pointed(start_mjd=[60000.0, 60000.0 + HOUR], duration_s=[7200.0, 600.0],
                   ra=[10.0, ra], dec=[37.0, dec])  # fmt: skip
    with pytest.raises(InputError, match="for 600 s"):
        check_overlaps(both)
    # Where the beam was an hour ago is another place.
    check_overlaps(pointed(start_mjd=[60000.0, 60000.0 + HOUR], duration_s=[7200.0, 600.0]))


def test_altitudes_are_those_of_astropy(pointed):
    rng = np.random.default_rng(2)
    n = 20
    many = pointed(start_mjd=58000 + rng.uniform(0, 1000, n), ra=rng.uniform(0, 360, n),
                   dec=rng.uniform(-90, 90, n), drift=False, duration_s=1.0)  # fmt: skip
    ours = altitudes_deg(many, -118.3, 37.2)
    site = EarthLocation.from_geodetic(-118.3 * units.deg, 37.2 * units.deg)
    with iers.conf.set_temp("auto_download", False):
        frame = AltAz(obstime=Time(many.start_mjd, format="mjd"), location=site)
        theirs = SkyCoord(many.ra, many.dec, unit="deg").transform_to(frame).alt.deg
    np.testing.assert_allclose(ours, theirs, atol=0.02)


def test_what_is_below_is_an_error_or_left_out(pointed):
    both = pointed(start_mjd=60000.0, ra=[0.0, 180.0], drift=False, duration_s=60.0)
    altitude = altitudes_deg(both, 0.0, 0.0)
    assert (altitude < 0).sum() == 1
    with pytest.raises(InputError, match=r"is at an altitude of -.*, below 0"):
        above_horizon(both, (0.0, 0.0), 0.0, False)
    kept = above_horizon(both, (0.0, 0.0), 0.0, True)
    assert len(kept) == 1
    assert kept.ra[0] == both.ra[altitude > 0][0]
    assert len(above_horizon(both, (0.0, 0.0), -90.0, False)) == 2


def test_a_telescope_at_rest_stays_at_its_altitude(pointed):
    drift = pointed(duration_s=20_000.0)
    at_rest = altitudes_deg(drift, -118.3, 37.2)
    start = altitudes_deg(pointed(duration_s=1.0), -118.3, 37.2)
    np.testing.assert_allclose(at_rest, start, atol=0.01)
