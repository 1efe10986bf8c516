"""Units, h and errors of masses, against arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, Planck18
from astropy.table import Table

from surveys.catalogs.column_files import parse_column_map
from surveys.catalogs.conversion import Source
from surveys.catalogs.masses import masses
from surveys.catalogs.read import read_catalog
from surveys.errors import InputError

MASS = np.array([1e12, 3e13, 5e14])


def halo_masses(table: dict, mapped: dict, cosmology=Planck18):
    source = Source(Table(table), parse_column_map({"columns": mapped}), "f.fits", cosmology)
    return masses(source, "log_mass")


@pytest.mark.parametrize(
    ("column", "entry"),
    [
        (np.log10(MASS), "M"),
        (MASS, {"column": "M", "log": False}),
        (MASS * u.Msun, "M"),
        (MASS / 1e13, {"column": "M", "unit": "1e13 Msun"}),
        ((MASS * u.Msun).to(u.kg), "M"),
        (np.log10(MASS / 1e14), {"column": "M", "unit": "1e14 Msun", "log": True}),
        (u.Dex(np.log10(MASS), u.dex(u.Msun)), "M"),
        (MASS * 0.7, {"column": "M", "log": False, "h": 0.7}),
        (np.log10(MASS * 0.6766), {"column": "M", "h": "cosmology"}),
        (MASS * 0.7 / 1e12, {"column": "M", "unit": "1e12 Msun", "h": 0.7}),
        (np.log10(MASS * 0.7), {"column": "M", "log": True, "h": 0.7}),
        ([f"{m:.6e}" for m in MASS], {"column": "M", "log": False}),
        (MASS.astype(np.int64), {"column": "M", "log": False}),
        (np.log10(MASS), ["nothing", "M"]),
        (np.log10(MASS), "m"),
    ],
)
def test_every_way_to_write_a_mass_is_the_same_mass(column, entry):
    got = halo_masses({"M": column}, {"log_mass": entry})
    np.testing.assert_allclose(got.log, np.log10(MASS), rtol=0, atol=1e-6)
    assert not got.err_lo.any()
    assert not got.err_hi.any()


def test_h_of_the_cosmology_is_the_one_that_is_given():
    cosmology = FlatLambdaCDM(H0=50.0, Om0=0.3)
    got = halo_masses(
        {"M": MASS}, {"log_mass": {"column": "M", "log": False, "h": "cosmology"}}, cosmology
    )
    np.testing.assert_allclose(got.log, np.log10(MASS / 0.5))


LO, HI = np.array([0.2, 0.5, 0.9]), np.array([0.3, 1.0, 2.0])  # shares of the mass
LO_DEX, HI_DEX = -np.log10(1 - LO), np.log10(1 + HI)


@pytest.mark.parametrize("h", [None, 0.7])
@pytest.mark.parametrize(
    ("lo", "hi", "kind", "log"),
    [
        (LO * MASS, HI * MASS, "error", False),
        (-LO * MASS, HI * MASS, "error", False),
        ((1 - LO) * MASS, (1 + HI) * MASS, "bound", False),
        (LO, HI, "relative", False),
        (LO, HI, "relative", True),
        (LO_DEX, HI_DEX, "dex", False),
        (LO_DEX, HI_DEX, "dex", True),
        (LO_DEX, HI_DEX, "error", True),
        (-LO_DEX, HI_DEX, "error", True),
        (np.log10((1 - LO) * MASS), np.log10((1 + HI) * MASS), "bound", True),
    ],
)
def test_asymmetric_errors_of_every_kind(lo, hi, kind, log, h):
    """Each side by hand: a mass M - e below, M + e above, whatever the unit, log and h."""
    entry = {"column": "M", "log": log} | ({"h": h} if h else {})
    got = halo_masses(
        {"M": np.log10(MASS) if log else MASS, "lo": lo, "hi": hi},
        {
            "log_mass": entry,
            "log_mass_err_lo": {"column": "lo", "kind": kind},
            "log_mass_err_hi": {"column": "hi", "kind": kind},
        },
    )
    np.testing.assert_allclose(got.err_lo, LO_DEX)
    np.testing.assert_allclose(got.err_hi, HI_DEX)


def test_errors_in_their_own_unit_and_errors_in_dex_of_linear_masses():
    got = halo_masses(
        {"M": MASS * u.Msun, "e": MASS * 0.1 / 1e12, "d": [0.1, 0.2, 0.3] * u.dex},
        {
            "log_mass": "M",
            "log_mass_err_lo": {"column": "e", "unit": "1e12 Msun"},
            "log_mass_err_hi": "d",
        },
    )
    np.testing.assert_allclose(got.err_lo, -np.log10(0.9))
    np.testing.assert_allclose(got.err_hi, [0.1, 0.2, 0.3])


def test_missing_errors_are_none_and_a_whole_error_is_of_first_order():
    nan = np.nan
    got = halo_masses(
        {"M": [1e13] * 4, "lo": [-999.0, nan, 1e13, 2e12], "hi": [-999.0, nan, 3e12, nan]},
        {
            "log_mass": {"column": "M", "log": False},
            "log_mass_err_lo": "lo",
            "log_mass_err_hi": "hi",
        },
    )
    np.testing.assert_allclose(got.err_lo, [0, 0, 1 / np.log(10), -np.log10(0.8)])
    np.testing.assert_allclose(got.err_hi, [0, 0, np.log10(1.3), 0])


def test_one_error_is_both(tmp_path):
    got = halo_masses(
        {"M": np.log10(MASS), "e": [0.1, 0.2, 0.3]}, {"log_mass": "M", "log_mass_err": "e"}
    )
    np.testing.assert_allclose(got.err_lo, [0.1, 0.2, 0.3])
    np.testing.assert_allclose(got.err_hi, [0.1, 0.2, 0.3])


def test_strays_are_no_reason_to_refuse_a_catalog_but_a_tenth_is():
    column = np.full(20, 13.0)
    column[:2] = 0.0
    assert np.isfinite(halo_masses({"M": column}, {"log_mass": "M"}).log).all()
    column[:3] = 0.0
    with pytest.raises(InputError, match="in 3 of 20 rows"):
        halo_masses({"M": column}, {"log_mass": "M"})


@pytest.mark.parametrize("h", [0.5, 0.7, 1.0])
def test_catalogs_in_units_of_h_are_the_same_catalog(tmp_path, h):
    """Masses, errors and distances written for another h give the same halos."""
    path = tmp_path / "a.ecsv"
    distance = np.array([50.0, 100.0, 400.0])
    Table(
        {
            "ra": [1.0, 2.0, 3.0],
            "dec": [1.0, 2.0, 3.0],
            "D": distance * h,
            "M": MASS * h,
            "E": 0.2 * MASS * h,
        }
    ).write(path)
    mapped = {
        "h": h,
        "mass_definition": "vir",
        "columns": {
            "distance": {"column": "D", "unit": "Mpc", "kind": "comoving"},
            "log_mass": {"column": "M", "log": False},
            "log_mass_err": "E",
        },
    }
    catalog = read_catalog(path, mapped)
    np.testing.assert_allclose(catalog.log_mass, np.log10(MASS))
    np.testing.assert_allclose(catalog.log_mass_err_lo, -np.log10(0.8))
    np.testing.assert_allclose(
        Planck18.comoving_distance(catalog.z).to_value("Mpc"), distance, rtol=1e-5
    )
