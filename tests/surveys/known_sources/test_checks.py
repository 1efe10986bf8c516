"""Names and Galactic coordinates against positions, and the catalog that ships."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK4, SkyCoord
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from surveys.known_sources.checks import check_galactic, check_names
from surveys.known_sources.designations import offsets_arcsec, parse_designation
from surveys.known_sources.read import read_known


@pytest.fixture(scope="module")
def shipped(repository):
    path = repository / "surveys" / "known_sources" / "lpt.ecsv"
    return Table.read(path, format="ascii.ecsv")


def test_degrees_of_the_catalog_are_its_sexagesimal_positions(shipped):
    text = SkyCoord(list(shipped["ra_hms"]), list(shipped["dec_dms"]), unit=(u.hourangle, u.deg))
    degrees = SkyCoord(shipped["ra"], shipped["dec"])
    assert text.separation(degrees).max() < 0.001 * u.arcsec


def test_positions_of_the_catalog_are_where_their_names_say(shipped):
    names, ra, dec = shipped["name"], shipped["ra"].value, shipped["dec"].value
    assert all(parse_designation(name) is not None for name in names)
    # That of GLEAM-X J162759.5-523504.3 has tenths of seconds that its position has not.
    errors = 3 * shipped["position_error"].value
    assert check_names(names, ra, dec, errors) == []
    assert [p.name for p in check_names(names, ra, dec)] == ["GLEAM-X J162759.5-523504.3"]


def test_positions_of_the_catalog_are_not_galactic(shipped):
    """Taken for Galactic coordinates, none of them would be where its name says."""
    places = SkyCoord(shipped["ra"], shipped["dec"])
    l, b = places.galactic.l.deg, places.galactic.b.deg
    wrong = check_names(shipped["name"], l, b, 3 * shipped["position_error"].value)
    assert len(wrong) == len(shipped)
    # What such a row is told to have.
    assert all("are Galactic l and b" in p.problem for p in wrong)
    assert check_galactic(places.ra.deg, places.dec.deg, l, b) == []


def test_the_catalog_is_that_of_the_reference(shared_reference):
    peer = Table.read(shared_reference("lpt_catalogue.ecsv"), format="ascii.ecsv")
    ours = read_known("lpt")
    rows = [list(ours.name).index(name) for name in peer["name"]]
    places = SkyCoord(list(peer["ra"]), list(peer["dec"]), unit=(u.hourangle, u.deg))
    assert places.separation(ours.places[rows]).max() < 0.1 * u.arcsec
    assert np.array_equal(ours.period_s[rows], peer["period_s"])
    for mine, theirs in (("dm_pc_cm3", "dm"), ("width_hi_s", "width_hi_s")):
        there = np.isfinite(peer[theirs])
        assert np.array_equal(getattr(ours, mine)[rows][there], peer[theirs][there])
    assert ours.notes == ()
    assert len(set(ours.name)) == len(ours) == 16


@pytest.mark.parametrize(
    ("name", "ra", "dec", "cause"),
    [
        # Rows of public compilations.
        ("ILT J1101+5521", 150.455, 55.522, "are Galactic l and b"),
        ("CHIME J1634+44", 248.450, 44.430, "2.14 arcmin away"),
        ("CHIME J0636+2526", 97.66, 25.44, "away"),
        ("ASKAP J1839-0756", 18.6640472, -7.9442222, "is in hours"),
        ("ASKAP J1839-0756", 279.9607083, 7.9442222, "the sign of the declination is lost"),
        ("A J0210-10", 349.8, 32.6, "exchanged"),
        ("ASKAP J193505.1+2149", 293.7713583, 21.8114028, "it is rounded"),
    ],
)
def test_wrong_rows_are_told_with_their_cause(name, ra, dec, cause):
    (problem,) = check_names([name], [ra], [dec])
    assert problem.row == 0
    assert cause in problem.text
    assert "\n" not in problem.text


def test_an_error_within_the_digits_of_a_name_is_not_seen():
    """That of ASKAP J1832-0911 in a public compilation: 592 arcsec, but within its minute."""
    right, wrong = (
        SkyCoord("18:32:48.459 -9:11:15.3", unit=(u.hourangle, u.deg)),
        SkyCoord("18:32:08.459 -9:11:15.3", unit=(u.hourangle, u.deg)),
    )
    assert right.separation(wrong).arcsec == pytest.approx(592, abs=1)
    ra, dec = [wrong.ra.deg], [wrong.dec.deg]
    assert check_names(["ASKAP J1832-0911"], ra, dec) == []
    # With the Galactic coordinates of the right place it is.
    (problem,) = check_galactic(ra, dec, [right.galactic.l.deg], [right.galactic.b.deg])
    assert problem.offset_arcsec == pytest.approx(right.separation(wrong).arcsec)


@given(
    ra=st.floats(0, 359.9999), dec=st.floats(-89.9, 89.9), digits=st.sampled_from([0, 1, 2, 3, 4])
)
def test_truncated_names_fit_and_rounded_ones_do_not(ra, dec, digits):
    place = SkyCoord(ra, dec, unit="deg")
    h, m, s = (abs(float(x)) for x in place.ra.hms)
    d, arcmin, arcsec = (abs(float(x)) for x in place.dec.dms)
    sign = "-" if dec < 0 else "+"
    micro = [int(x * 1e6) / 1e6 for x in (s, arcsec)]
    tail = {
        0: (f"{h:02.0f}", f"{d:02.0f}"),
        1: (f"{h:02.0f}{m:02.0f}", f"{d:02.0f}"),
        2: (f"{h:02.0f}{m:02.0f}", f"{d:02.0f}{arcmin:02.0f}"),
        3: (f"{h:02.0f}{m:02.0f}{int(s):02d}", f"{d:02.0f}{arcmin:02.0f}{int(arcsec):02d}"),
        4: (
            f"{h:02.0f}{m:02.0f}{int(micro[0] * 10) / 10:04.1f}",
            f"{d:02.0f}{arcmin:02.0f}{int(micro[1]):02d}",
        ),
    }[digits]
    name = f"SRC J{tail[0]}{sign}{tail[1]}"
    patch = parse_designation(name)
    assert offsets_arcsec([patch], place[None])[0] < 0.01
    # One patch further off is outside.
    step = patch.latitude_step * (-1 if dec < 0 else 1)
    if abs(dec + step) < 89.9:
        beyond = SkyCoord(ra, dec + step, unit="deg")
        least = abs(abs(dec) + abs(step) - patch.latitude - patch.latitude_step)
        assert offsets_arcsec([patch], beyond[None])[0] == pytest.approx(3600 * least, abs=0.02)


def test_names_of_1950_and_of_the_galaxy():
    crab = SkyCoord("05:34:31.97 +22:00:52.1", unit=(u.hourangle, u.deg))
    b1950 = crab.transform_to(FK4(equinox="B1950"))
    assert (b1950.ra.hms.h, b1950.ra.hms.m) == (5, 31)
    names = ["PSR B0531+21", "PSR J0534+2200", "SNR G184.5-5.7", "PSR B0534+2200"]
    found = check_names(names, [crab.ra.deg] * 4, [crab.dec.deg] * 4)
    assert [p.row for p in found] == [3]


@pytest.mark.parametrize("name", ["FRB 20190520B", "Vela", "", "J99", "4U 0142+61", "GLEAM-X"])
def test_names_without_coordinates_are_not_looked_at(name):
    assert parse_designation(name) is None
    assert check_names([name], [10.0], [20.0]) == []


def test_galactic_columns_are_held_to_an_arcsecond():
    rng = np.random.default_rng(8)
    l, b = rng.uniform(0, 360, 500), np.degrees(np.arcsin(rng.uniform(-1, 1, 500)))
    sky = SkyCoord(l * u.deg, b * u.deg, frame="galactic").icrs
    ra, dec = sky.ra.deg, sky.dec.deg
    assert check_galactic(ra, dec, l, b, tolerance_arcsec=0.01) == []
    away = sky.directional_offset_by(30 * u.deg, 1.5 * u.arcsec)
    found = check_galactic(away.ra.deg, away.dec.deg, l, b, tolerance_arcsec=1.0)
    assert [p.row for p in found] == list(range(500))
    assert np.allclose([p.offset_arcsec for p in found], 1.5, atol=1e-4)
    ra[3], dec[3] = l[3], b[3]
    ra[5], dec[5], l[5], b[5] = l[5], b[5], ra[5], dec[5]
    dec[7] = np.nan
    first, second = check_galactic(ra, dec, l, b, [f"s{i}" for i in range(500)])
    assert (first.name, second.name) == ("s3", "s5")
    assert "declination are l and b" in first.text
    assert "exchanged" in second.text
