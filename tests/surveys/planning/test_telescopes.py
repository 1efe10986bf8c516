"""Settings of plans, telescopes and their drives."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from surveys.errors import InputError, SettingProblem
from surveys.instruments import dsa110
from surveys.instruments.radiometer import Radiometer
from surveys.planning.calibrators import read_calibrators
from surveys.planning.pointings import noise_jy
from surveys.planning.settings import (
    CalibratorSettings,
    NoiseSettings,
    PlanSettings,
    RegionSettings,
    ScheduleSettings,
    TelescopeSettings,
    TileSettings,
    TimeSettings,
)
from surveys.planning.telescopes import telescope_of

DISH = {
    "kind": "steerable",
    "lon_deg": 6.6,
    "lat_deg": 52.9,
    "elevation_deg_per_s": 0.25,
    "azimuth_deg_per_s": 0.5,
    "field_deg": 3.0,
}
BOX = {"kind": "galactic", "l_deg": (10.0, 20.0), "b_deg": (-1.0, 1.0)}
TIME = {"start": "2026-12-01T00:00:00", "end": "2026-12-02T00:00:00"}


def test_dsa110_has_its_facts():
    telescope = telescope_of(TelescopeSettings("transit", "dsa110"))
    assert telescope.rates[0] == 0.5368
    assert telescope.field_deg == telescope.beam_fwhm_deg == 3.2
    assert telescope.site == dsa110.site()
    # 1.22 wavelengths of 1.4 GHz over 4.65 m.
    assert np.degrees(1.22 * 0.2141 / dsa110.DISH_M) == pytest.approx(3.2, abs=0.03)


def test_slews_on_the_meridian():
    telescope = telescope_of(TelescopeSettings("transit", "dsa110", settle_s=7.0))
    assert telescope.meridian_slew_s(30.0, 83.68) == pytest.approx(100.0 + 7.0)
    assert telescope.meridian_slew_s(30.0, 30.0) == 0.0


def test_both_axes_move_at_a_time():
    telescope = telescope_of(TelescopeSettings(**DISH, settle_s=5.0))
    slew = telescope.slew_s(
        (30.0, 10.0), np.array([40.0, 31.0, 30.0]), np.array([11.0, 30.0, 10.0])
    )
    assert slew.tolist() == [45.0, 45.0, 0.0]


def test_there_is_no_slew_to_where_the_mount_cannot_go():
    telescope = telescope_of(TelescopeSettings(**DISH, settle_s=5.0))
    assert np.isnan(telescope.slew_s((30.0, 10.0), np.array([30.0]), np.array([np.nan]))).all()


@given(st.floats(0, 359.99), st.floats(-80, 80), st.floats(-90, 450))
def test_the_mount_takes_the_nearest_turn_within_its_limits(azimuth, onward, start):
    telescope = telescope_of(TelescopeSettings(**DISH, azimuth_deg=(-90.0, 450.0)))
    end = (azimuth + onward) % 360
    found = float(telescope.mount_azimuth(np.array([azimuth]), np.array([end]), start)[0])
    turns = [azimuth + 360 * k for k in (-1, 0, 1)]
    allowed = [a for a in turns if min(a, a + onward) >= -90 and max(a, a + onward) <= 450]
    assert abs(found - start) == pytest.approx(min(abs(a - start) for a in allowed), abs=1e-6)


def test_a_track_that_no_turn_allows_is_none():
    telescope = telescope_of(TelescopeSettings(**DISH, azimuth_deg=(10.0, 350.0)))
    found = telescope.mount_azimuth(
        np.array([355.0, 345.0, 100.0]), np.array([5.0, 352.0, 110.0]), 0.0
    )
    assert np.isnan(found[:2]).all()
    assert found[2] == 100.0


def test_sites_that_need_the_network_are_refused():
    facts = {k: v for k, v in DISH.items() if k not in ("lon_deg", "lat_deg")}
    with pytest.raises(SettingProblem, match=r"telescope\.site: 'no such place' is not known"):
        telescope_of(TelescopeSettings(**facts, site="no such place"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (lambda: TelescopeSettings("transit"), "site: is missing"),
        (lambda: TelescopeSettings("steerable", "dsa110"), "kind: is 'steerable' for dsa110"),
        (lambda: TelescopeSettings("transit", "dsa110", lat_deg=3.0), "lon_deg: is given beside"),
        (lambda: TelescopeSettings(**DISH | {"lat_deg": None}), "lat_deg: is missing"),
        (lambda: TelescopeSettings(**DISH | {"azimuth_deg_per_s": None}), "azimuth_deg_per_s: is"),
        (lambda: TelescopeSettings(**DISH | {"field_deg": None}), "field_deg: is missing"),
        (lambda: TelescopeSettings(**DISH | {"elevation_deg": (80.0, 20.0)}), "elevation_deg: is"),
        (lambda: TelescopeSettings(**DISH | {"elevation_deg": (20.0, 120.0)}), "0 to 90"),
        (lambda: TimeSettings("2026-12-02", "2026-12-01"), "end: 2026-12-01 is not after"),
        (lambda: TimeSettings("2026-12-01", "2028-12-01"), "end: is 731 d later"),
        (lambda: TimeSettings("yesterday", "2026-12-01"), "start: 'yesterday' is no time"),
        (lambda: RegionSettings("galactic", l_deg=(0.0, 5.0)), "b_deg: is missing"),
        (lambda: RegionSettings("moc"), "file: is missing"),
        (lambda: RegionSettings(**BOX, nside=100), "nside: is 100; give a power of 2"),
        (lambda: RegionSettings(**BOX | {"l_deg": (5.0, 5.0)}), "l_deg: is"),
        (lambda: NoiseSettings(0.1), "noise_jy: is missing"),
        (lambda: NoiseSettings(0.1, 1.0, 1.0), "noise_jy: is given beside"),
        (lambda: ScheduleSettings(repeat=1.5), "repeat: is 1.5"),
        (
            lambda: PlanSettings(
                TelescopeSettings("transit", "dsa110"),
                RegionSettings(**BOX),
                TimeSettings(**TIME),
                TileSettings("healpix"),
            ),
            r"tiles\.grid",
        ),
    ],
)
def test_settings_that_mean_nothing(settings, says):
    with pytest.raises(SettingProblem, match=says):
        settings()


def test_noise_is_that_of_the_radiometer_equation():
    assert noise_jy(NoiseSettings(0.1, 0.5)) == 0.5
    found = noise_jy(NoiseSettings(0.134, None, 6000.0, 60, 187.5, 2, 0.8))
    assert found == Radiometer(6000.0, 60, 187.5, 0.134, 2, 0.8).noise_jy


def test_calibrators_that_ship_are_at_their_places(tmp_path):
    """Against positions as other pages print them, in sexagesimal numbers."""
    found = read_calibrators(CalibratorSettings(6.0), tmp_path, "plan.toml")
    expected = {
        "3C48": "01h37m41.2994s +33d09m35.134s",
        "3C138": "05h21m09.886s +16d38m22.05s",
        "3C147": "05h42m36.1379s +49d51m07.234s",
        "3C286": "13h31m08.2879s +30d30m32.958s",
    }
    for name, ra, dec in zip(found.name, found.ra_deg, found.dec_deg, strict=True):
        place = SkyCoord(ra, dec, unit="deg")
        assert place.separation(SkyCoord(expected[name])).arcsec < 0.01


def test_calibrators_of_a_table_and_by_name(tmp_path):
    (tmp_path / "own.csv").write_text("name,ra,dec\nA,10,20\nB,30,40\n")
    found = read_calibrators(CalibratorSettings(6.0, 600.0, "own.csv", ("B",)), tmp_path, "plan")
    assert (found.name, found.ra_deg.tolist(), found.dec_deg.tolist()) == (("B",), [30.0], [40.0])
    with pytest.raises(InputError, match=r"calibrators\.names: '3C49' is not known; did you mean"):
        read_calibrators(CalibratorSettings(6.0, names=("3C49",)), tmp_path, "plan.toml")
    assert len(read_calibrators(CalibratorSettings(), tmp_path, "plan.toml")) == 0
