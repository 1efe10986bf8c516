"""Tables like those of known catalogs: every number ends where it should."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.cosmology import Planck18
from astropy.table import Table

from surveys.catalogs.known_catalogs import KNOWN, NATIVE, recognise
from surveys.catalogs.read import read_catalog

H = Planck18.h
RA, DEC = np.array([150.0, 151.0]), np.array([2.0, -3.0])
GALACTIC = SkyCoord(RA, DEC, unit="deg").galactic

CASES = {
    "DESI gfinder groups": (
        {
            "IGRP": [7, 8],
            "RICH": [3, 12],
            "GRP_RA": RA,
            "GRP_DEC": DEC,
            "GRP_Z": [0.1, 0.2],
            "GRP_LOGM": [13.0, 14.0],
            "GRP_LOGL": [10.5, 11.5],
        },
        {
            "name": ["7", "8"],
            "z": [0.1, 0.2],
            "log_mass": np.array([13.0, 14.0]) - np.log10(H),
            "log_mass_err_hi": [0.4 - 0.2 * (13.0 - np.log10(H) - 12.5), 0.2],
            "richness": [3, 12],
            "mass_definition": ["200m"] * 2,
        },
    ),
    "Tully 2015 groups (VizieR)": (
        {
            "PGC": [1, 2],
            "_RA.icrs": RA,
            "_DE.icrs": DEC,
            "Nest": [100001, 100002],
            "Nmb": [10, 30],
            "Dist": [40.0 * H, 60.0 * H],
            "Mvir": [10.0, 20.0],
            "Mlum": [12.0, 24.0],
        },
        {
            "luminosity_distance": [40.0, 60.0],
            "log_mass": np.log10(np.array([12.0, 24.0]) * 1e12 / H),
            "mass_definition": ["200c"] * 2,
        },
    ),
    "Tully 2015 groups (EDD)": (
        {
            "1PGC": [1, 2],
            "Nest": [100001, 100002],
            "Ng": [10, 30],
            "Vgp": [2997.92458, 5995.84916],
            "GLong": GALACTIC.l.deg,
            "GLat": GALACTIC.b.deg,
            "L_Mass12": [12.0, 24.0],
        },
        {"z": [0.01, 0.02], "log_mass": np.log10(np.array([12.0, 24.0]) * 1e12 / H)},
    ),
    "2MRS groups (Lambert et al. 2020)": (
        {
            "ID": [5, 6],
            "RAJ2000": RA,
            "DEJ2000": DEC,
            "D_L": [40.0, 60.0],
            "N_obs": [4, 5],
            "N_corr": [6, 7],
            "sigma": [200.0, 300.0],
            "R200": [0.4, 0.5],
            "M200": [1e13, 5e13],
        },
        {
            "luminosity_distance": [40.0, 60.0],
            "log_mass": np.log10([1e13, 5e13]),
            "richness": [6, 7],
        },
    ),
    "NED Local Volume Sample": (
        {
            "objname": ["M 31", "far"],
            "ra": RA,
            "dec": DEC,
            "z": [-0.001, 0.02],
            "z_unc": [np.nan, 1e-4],
            "z_tech": ["SPEC", "SPEC"],
            "DistMpc": [0.77, 90.0],
            "DistMpc_method": ["zIndependent", "Redshift"],
            "Mstar": [1.7e11, 1.7e10],
            "Mstar_unc": [1.7e10, 1.7e9],
        },
        {
            "name": ["M 31", "far"],
            "z": [0.77 * Planck18.H0.value / 299792.458, 0.02],
            "z_err": [0.0, 1e-4],
            "log_mstar": [11.0, 10.0],
            "log_mstar_err_lo": [-np.log10(0.9)] * 2,
            "log_mstar_err_hi": [np.log10(1.1)] * 2,
            "mass_definition": ["", ""],
        },
    ),
    "eRASS1 clusters": (
        {
            "NAME": ["1eRASS a", "1eRASS b"],
            "RA": RA,
            "DEC": DEC,
            "BEST_Z": [0.1, 0.3],
            "BEST_ZERR": [0.01, 0.02],
            "M500": [20.0, 40.0],
            "M500_L": [15.0, 30.0],
            "M500_H": [30.0, 50.0],
            "LAMBDA_NORM": [30.0, 60.0],
        },
        {
            "log_mass": np.log10([2e14, 4e14]),
            "log_mass_err_lo": np.log10([20 / 15, 40 / 30]),
            "log_mass_err_hi": np.log10([30 / 20, 50 / 40]),
            "z_err": [0.01, 0.02],
            "richness": [30.0, 60.0],
            "mass_definition": ["500c"] * 2,
        },
    ),
    "redMaPPer clusters": (
        {
            "MEM_MATCH_ID": [1, 2],
            "RA": RA,
            "DEC": DEC,
            "Z_LAMBDA": [0.2, 0.4],
            "Z_LAMBDA_E": [0.005, 0.01],
            "LAMBDA_CHISQ": [25.0, 80.0],
            "LAMBDA_CHISQ_E": [3.0, 5.0],
            "PZ": np.exp(-0.5 * (np.linspace(-4, 4, 21) ** 2)) * np.ones((2, 1)),
            "PZBINS": np.array([[0.2], [0.4]]) + 0.01 * np.linspace(-4, 4, 21),
        },
        {"richness": [25.0, 80.0], "richness_err": [3.0, 5.0], "z_err": [0.005, 0.01]},
    ),
    "clusters of the DESI Legacy Surveys (Zou et al. 2021)": (
        {
            "ID": [1, 2],
            "RAdeg": RA,
            "DEdeg": DEC,
            "zphot": [0.4, 0.5],
            "Rich": [20.0, 30.0],
            "logM500": [14.0, 14.2],
            "e_logM500": [0.2, 0.1],
        },
        {"z": [0.4, 0.5], "log_mass": [14.0, 14.2], "mass_definition": ["500c"] * 2},
    ),
    "galaxies around FRB 180924 (Simha et al. 2021)": (
        {
            "ID": [1, 2],
            "RAdeg": RA,
            "DEdeg": DEC,
            "zph": [0.4, 0.5],
            "e_zph": [0.04, 0.05],
            "zsp": [np.nan, 0.45],
            "logM*": [10.0, 9.0],
            "b_logM*": [0.1, -999.0],
            "B_logM*": [0.3, -999.0],
        },
        {
            "z": [0.4, 0.45],
            "z_err": [0.04, 0.0],
            "log_mstar": [10.0, 9.0],
            "log_mstar_err_lo": [0.1, 0.0],
            "log_mstar_err_hi": [0.3, 0.0],
        },
    ),
    "DESI stellar masses": (
        {
            "TARGETID": [39627752067830488, 39627752067830489],
            "RA": RA,
            "DEC": DEC,
            "Z": [0.1, 0.2],
            "LOGM": [10.5, 9.5],
            "LOGM_ERR": [0.1, 0.2],
        },
        {
            "name": ["39627752067830488", "39627752067830489"],
            "log_mstar": [10.5, 9.5],
            "log_mstar_err_hi": [0.1, 0.2],
        },
    ),
    "native columns": (
        {"ra": RA, "dec": DEC, "z": [0.1, 0.2], "log_mstar": [10.0, 9.0], "group": ["A", ""]},
        {"log_mstar": [10.0, 9.0], "group": ["A", ""]},
    ),
}


def test_every_known_catalog_has_a_case():
    assert set(CASES) == {known.title for known in (NATIVE, *KNOWN)}


@pytest.mark.parametrize("title", CASES)
def test_known_catalogs(tmp_path, title):
    columns, expected = CASES[title]
    path = tmp_path / "table.fits"
    Table(columns).write(path)
    assert recognise(list(columns)).title == title
    catalog = read_catalog(path)
    assert len(catalog) == 2
    assert catalog.notes == (() if title == NATIVE.title else (f"columns are those of {title}",))
    np.testing.assert_allclose(catalog.ra_deg, RA, atol=1e-9)
    np.testing.assert_allclose(catalog.dec_deg, DEC, atol=1e-9)
    for field, values in expected.items():
        if field == "luminosity_distance":
            got = Planck18.luminosity_distance(catalog.z).to_value("Mpc")
            np.testing.assert_allclose(got, values, rtol=1e-5)
        elif isinstance(values[0], str):
            assert getattr(catalog, field).tolist() == values
        else:
            np.testing.assert_allclose(getattr(catalog, field), values, rtol=1e-3)


def test_densities_of_redmapper_on_their_own_grids(tmp_path):
    columns, _ = CASES["redMaPPer clusters"]
    path = tmp_path / "table.fits"
    Table(columns).write(path)
    catalog = read_catalog(path)
    z = catalog.pz_z
    mean = np.trapezoid(catalog.pz * z, z, axis=1)
    sd = np.sqrt(np.trapezoid(catalog.pz * (z - mean[:, None]) ** 2, z, axis=1))
    np.testing.assert_allclose(mean, [0.2, 0.4], atol=1e-4)
    np.testing.assert_allclose(sd, 0.01, rtol=0.03)  # the grid's steps are 0.4 sigma
