"""Redshifts from velocities, distances and densities."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import Planck13, Planck18
from astropy.table import Table

from surveys.catalogs.column_files import parse_column_map
from surveys.catalogs.conversion import Source
from surveys.catalogs.redshifts import redshifts
from surveys.errors import InputError

Z = np.array([0.003, 0.1, 1.2])


def read(table: dict, mapped: dict, cosmology=Planck18):
    return redshifts(Source(Table(table), parse_column_map({"columns": mapped}), "f", cosmology))


@pytest.mark.parametrize("cosmology", [Planck18, Planck13])
def test_distances_are_inverted_in_the_cosmology_that_is_given(cosmology):
    table = {
        "DL": cosmology.luminosity_distance(Z).to(u.kpc),
        "DC": cosmology.comoving_distance(Z).value * cosmology.h,
    }
    got = read(table, {"distance": "DL"}, cosmology)
    np.testing.assert_allclose(got.z, Z, rtol=1e-5)
    comoving = {"column": "DC", "kind": "comoving", "h": "cosmology"}
    np.testing.assert_allclose(read(table, {"distance": comoving}, cosmology).z, Z, rtol=1e-5)


def test_velocities_and_what_stands_in_for_what():
    c = 299792.458
    table = {
        "z": [0.1, np.nan, -0.001, np.nan, np.nan],
        "v": [1.0, 0.2 * c, np.nan, np.nan, np.nan],
        "d": [1.0, 1.0, 100.0, 100.0, np.nan],
        "s": [np.nan, np.nan, np.nan, 0.4, np.nan],
        "e": [0.01, np.nan, -1.0, 0.02, 0.0],
    }
    columns = {"z": "z", "velocity": "v", "distance": "d", "z_spec": "s", "z_err": "e"}
    got = read(table, columns)
    at_100 = read({"d": [100.0]}, {"distance": "d"}).z[0]
    np.testing.assert_allclose(got.z, [0.1, 0.2, at_100, 0.4, np.nan])
    np.testing.assert_allclose(got.z_err, [0.01, 0, 0, 0, 0])
    assert read({"z": [3000.0] * u.km / u.s}, {"z": "z"}).z[0] == pytest.approx(3000 / c)
    assert read({"v": [3e6] * u.m / u.s}, {"velocity": "v"}).z[0] == pytest.approx(3000 / c)


def test_the_median_of_a_density_stands_in_for_a_redshift():
    grid = np.linspace(0, 2, 401)
    pz = np.stack(
        [
            np.exp(-0.5 * ((grid - 0.5) / 0.05) ** 2) * 7,
            np.where((grid >= 0.2) & (grid <= 0.4), 1.0, 0.0),
            np.zeros(401),
        ]
    )
    got = read({"P": pz}, {"pz": {"column": "P", "grid": [0.0, 2.0, 401]}})
    np.testing.assert_allclose(got.z, [0.5, 0.3, np.nan], atol=1e-6)
    np.testing.assert_allclose(np.trapezoid(got.pz, got.grid, axis=1), [1, 1, 0])


@pytest.mark.parametrize(
    ("table", "entry", "words"),
    [
        ({"P": [0.1, 0.2]}, {"column": "P", "grid": [0, 1, 2]}, "one value a row"),
        ({"P": [[0.1, -0.2]]}, {"column": "P", "grid": [0, 1, 2]}, "negative"),
        ({"P": [[0.1, 0.2]]}, {"column": "P"}, "no redshifts of its values"),
        ({"P": [[0.1, 0.2]]}, {"column": "P", "grid": [0, 1, 3]}, "2 values a row.*grid has 3"),
        ({"P": [[0.1, 0.2]]}, {"column": "P", "grid": "G"}, "looked for G; the table has P"),
        ({"P": [[1.0, 2.0]], "G": [[1.0, 0.0]]}, {"column": "P", "grid": "G"}, "does not rise"),
    ],
)
def test_densities_that_cannot_be(table, entry, words):
    with pytest.raises(InputError, match=words):
        read(table, {"pz": entry})
