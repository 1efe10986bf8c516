"""Pointings: files, units, errors, and where a drifting beam looks."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.table import Table
from astropy.time import Time, TimeDelta
from astropy.utils import iers

from surveys.coverage.pointings import NAMES, Pointings
from surveys.errors import InputError

FEW = {
    "start_mjd": [60000.0, 60100.25],
    "duration_s": [300.0, 3600.0],
    "ra": [10.0, 359.0],
    "dec": [37.0, -5.0],
    "drift": [True, False],
    "noise_jy": 0.03,
    "tsamp_s": 0.134,
    "beam_fwhm_deg": 3.2,
    "threshold": 7.0,
}


def test_what_is_written_is_read(tmp_path):
    wrote = Pointings.of(**FEW, field_deg=[2.0, np.inf], field_ra=[10.5, np.nan],
                         field_dec=[37.0, np.nan], max_width_s=160.8)  # fmt: skip
    wrote.write(tmp_path / "pointings.ecsv")
    read = Pointings.read(tmp_path / "pointings.ecsv")
    for name in NAMES:
        np.testing.assert_array_equal(getattr(read, name), getattr(wrote, name))
    assert read.searched_s.tolist() == [300.0, 3600.0]
    assert read.name.tolist() == ["1", "2"]


def test_units_of_a_file_are_heeded_and_defaults_are_there(tmp_path):
    table = Table({k: np.broadcast_to(v, 2) for k, v in FEW.items()})
    table["duration_s"] = table["duration_s"] / 60
    table["duration_s"].unit = "min"
    table["noise_jy"] = 1e3 * table["noise_jy"]
    table["noise_jy"].unit = "mJy"
    table.write(tmp_path / "p.ecsv", format="ascii.ecsv")
    read = Pointings.read(tmp_path / "p.ecsv")
    np.testing.assert_allclose(read.duration_s, FEW["duration_s"])
    np.testing.assert_allclose(read.noise_jy, 0.03)
    assert np.isinf(read.max_width_s).all()
    assert np.isnan(read.field_ra).all()
    assert read.drift.tolist() == [True, False]


def test_csv_with_words_for_drift(tmp_path):
    path = tmp_path / "p.csv"
    head = "start_mjd,duration_s,ra,dec,drift,noise_jy,tsamp_s,beam_fwhm_deg,threshold,name"
    path.write_text(f"{head}\n60000,60,1,2,yes,1,0.1,3,7,first\n60001,60,1,2,0,1,0.1,3,7,second\n")
    read = Pointings.read(path)
    assert read.drift.tolist() == [True, False]
    assert read.name.tolist() == ["first", "second"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"duration_s": 0.0}, "duration_s of row 1 (1)"),
        ({"dec": [10.0, 95.0]}, "dec of row 2 (2)"),
        ({"noise_jy": np.nan}, "noise_jy"),
        ({"searched_s": 400.0}, "searched_s of row 1"),
        ({"beam_fwhm_deg": np.inf}, "beam_fwhm_deg"),
        ({"field_deg": 170.0}, "field_deg"),
        ({"field_ra": 3.0}, "field_ra"),
        ({"start_mjd": [60000.0, 2460000.5]}, "start_mjd of row 2"),
        ({"colour": 3.0}, "column"),
    ],
)
def test_impossible_values_are_told(change, field):
    with pytest.raises(InputError) as error:
        Pointings.of("p.ecsv", **(FEW | change))
    assert str(error.value).startswith(f"p.ecsv: {field}")


def test_missing_columns_and_wrong_units_are_told(tmp_path):
    with pytest.raises(InputError, match="noise_jy: is missing"):
        Pointings.of("p.ecsv", **{k: v for k, v in FEW.items() if k != "noise_jy"})
    table = Table({k: np.broadcast_to(v, 2) for k, v in FEW.items()})
    table["noise_jy"].unit = "K"
    table.write(tmp_path / "p.ecsv", format="ascii.ecsv")
    with pytest.raises(InputError, match="unit 'K'; give it in Jy"):
        Pointings.read(tmp_path / "p.ecsv")
    (tmp_path / "p.ecsv").write_text("")
    with pytest.raises(InputError, match="is empty"):
        Pointings.read(tmp_path / "p.ecsv")


@pytest.mark.parametrize("dec", [-29.0, 37.0, 85.0])
def test_middles_of_a_drift_scan_are_those_of_a_fixed_altitude_and_azimuth(dec):
    begin = Time(58849.3, format="mjd", scale="utc")
    site = EarthLocation.from_geodetic(-118.28 * units.deg, 37.23 * units.deg, 1200 * units.m)
    start = SkyCoord(200.0, dec, unit="deg")
    after = np.linspace(0, 6 * 3600, 7)
    with iers.conf.set_temp("auto_download", False):
        seen = start.transform_to(AltAz(obstime=begin, location=site))
        times = begin + TimeDelta(after, format="sec")
        fixed = SkyCoord(AltAz(az=np.full(7, seen.az.deg) * units.deg,
                               alt=np.full(7, seen.alt.deg) * units.deg,
                               obstime=times, location=site)).icrs  # fmt: skip
    one = Pointings.of(**(FEW | {"start_mjd": begin.mjd, "ra": 200.0, "dec": dec, "drift": True,
                                 "duration_s": 22000.0}))  # fmt: skip
    ra, dec_later = one.at(after[None])
    ours = SkyCoord(ra[0], dec_later[0], unit="deg")
    assert ours.separation(fixed).arcsec.max() < 0.1
    assert ours[-1].separation(start).deg > 1


def test_a_tracked_beam_stays_and_a_number_of_seconds_is_for_all():
    both = Pointings.of(**FEW)
    ra, dec = both.at(300.0)
    assert ra.shape == (2,)
    assert (ra[1], dec[1]) == pytest.approx((359.0, -5.0), abs=1e-10)
    assert ra[0] - 10 == pytest.approx(300 * 15.041067 / 3600, rel=3e-3)


def test_rows_are_chosen_and_joined():
    both = Pointings.of(**FEW)
    again = Pointings.joined([both.chosen(both.drift), both.chosen([1])])
    np.testing.assert_array_equal(again.start_mjd, both.start_mjd)
    np.testing.assert_allclose(both.end_mjd, both.start_mjd + both.duration_s / 86400)
