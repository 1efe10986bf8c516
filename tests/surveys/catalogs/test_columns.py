"""Column maps that users write."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
from astropy.table import Table

from surveys.catalogs import column_files
from surveys.catalogs.column_files import parse_column_map, read_column_map
from surveys.catalogs.columns import RichnessRelation
from surveys.catalogs.read import read_catalog
from surveys.errors import InputError


def test_the_example_of_the_documentation_is_a_map(tmp_path):
    text = column_files.__doc__.split("::\n", 1)[1].split("\nA column is")[0]
    path = tmp_path / "map.toml"
    path.write_text(textwrap.dedent(text))
    mapped = read_column_map(path)
    assert mapped.mass_definition == "500c"
    assert mapped.columns["log_mass"].unit == "1e13 Msun"
    assert mapped.columns["richness"].names == ("LAMBDA", "LAMBDA_CHISQ")
    assert mapped.richness == RichnessRelation(40.0, 14.49, 1.36, 0.2)
    assert mapped.sentinels == (-999.0, -99.0)

    n = 3
    mass = np.array([5.0, 20.0, 60.0])
    table = Table(
        {
            "CLUSTER": ["a", "b", "c"],
            "RA_BCG": [1.0, 2.0, 3.0],
            "DEC_BCG": [1.0, 2.0, 3.0],
            "Z_LAMBDA": [0.2, 0.3, 0.4],
            "Z_LAMBDA_E": [0.01, 0.02, -99.0],
            "Z_SPEC": [-999.0, 0.31, -999.0],
            "M500": [*mass[:2], -999.0],
            "M500_LO": [4.0, -999.0, -999.0],
            "M500_HI": [7.0, -999.0, -999.0],
            "LAMBDA_CHISQ": [20.0, 40.0, 80.0],
            "PZ": np.tile(np.exp(-0.5 * ((np.linspace(0, 1, 101) - 0.3) / 0.05) ** 2), (n, 1)),
            "PZBINS": np.tile(np.linspace(0, 1, 101), (n, 1)),
        }
    )
    file = tmp_path / "clusters.ecsv"
    table.write(file)
    catalog = read_catalog(file, path)
    expected = np.log10(mass[:2] * 1e13 / 0.7)
    np.testing.assert_allclose(catalog.log_mass[:2], expected)
    assert catalog.log_mass[2] == pytest.approx(14.49 + 1.36 * np.log10(2))
    np.testing.assert_allclose(catalog.log_mass_err_lo, [np.log10(5 / 4), 0.3, 0.2])
    np.testing.assert_allclose(catalog.log_mass_err_hi, [np.log10(7 / 5), 0.3, 0.2])
    np.testing.assert_allclose(catalog.z, [0.2, 0.31, 0.4])
    np.testing.assert_allclose(catalog.z_err, [0.01, 0.0, 0.0])
    assert catalog.pz.shape == (n, 101)
    np.testing.assert_allclose(np.trapezoid(catalog.pz, catalog.pz_z, axis=1), [1, 0, 1])
    assert catalog.mass_definition.tolist() == ["500c"] * n


BAD = {
    'mas_definition = "vir"': ("mas_definition", "did you mean 'mass_definition'?"),
    'mass_definition = "200d"': ("mass_definition", "did you mean '200"),
    'frame = "fk5"': ("frame", "known are galactic, icrs"),
    "h = 70": ("h", "such as 0.7"),
    "h = true": ("h", "such as 0.7"),
    "extension = 1.5": ("extension", "a name or a number"),
    "columns = 3": ("columns", "[columns]"),
    '[columns]\nlogmass = "M"': ("columns.logmass", "did you mean 'log_mass'?"),
    "[columns]\nra = 3": ("columns.ra", 'write it as "NAME"'),
    "[columns]\nra = []": ("columns.ra", 'write it as "NAME"'),
    '[columns]\nra = {unit = "deg"}': ("columns.ra", 'write it as "NAME"'),
    '[columns]\nra = {column = "R", unt = "deg"}': ("columns.ra.unt", "did you mean 'unit'?"),
    '[columns]\nra = {column = "R", unit = "parsnips"}': ("columns.ra.unit", "1e13 Msun"),
    '[columns]\nra = {column = "R", kind = "bound"}': ("columns.ra.kind", "leave it away"),
    '[columns]\nlog_mass = {column = "M", log = "no"}': ("columns.log_mass.log", "true or false"),
    '[columns]\nlog_mass = {column = "M", h = 67.7}': ("columns.log_mass.h", '"cosmology"'),
    '[columns]\nlog_mass_err = {column = "E", kind = "bound"}': (
        "columns.log_mass_err.kind",
        "log_mass_err_lo and log_mass_err_hi",
    ),
    '[columns]\nlog_mass_err_lo = {column = "E", kind = "bond"}': (
        "columns.log_mass_err_lo.kind",
        "did you mean 'bound'?",
    ),
    '[columns]\npz = {column = "P", grid = [1.0, 0.0, 5]}': ("columns.pz.grid", "[start, end"),
    "[richness]\npivot = 40": ("richness.log_mass_at_pivot", "add the key"),
    "[richness]\npivot = 40\nlog_mass_at_pivot = 3e14\nslope = 1": (
        "richness.log_mass_at_pivot",
        "from 8 to 16.5",
    ),
    "[richness]\npivit = 40": ("richness.pivit", "did you mean 'pivot'?"),
    "[errors]\nsentinal = -9": ("errors.sentinal", "did you mean 'sentinel'?"),
    '[errors]\nsentinel = "none"': ("errors.sentinel", "give a number"),
    "[errors]\ndefault_dex = -0.1": ("errors.default_dex", "from 0 to 3"),
    "[errors]\ndefault_dex = [0.4, 0.2]": ("errors.default_dex", "pairs [log_mass, error]"),
    "[errors]\ndefault_dex = [[14, 0.2], [13, 0.4]]": ("errors.default_dex", "rising mass"),
    "[columns\n": ("file", "mend it"),
}


@pytest.mark.parametrize("text", BAD)
def test_wrong_maps_are_told_in_one_line(tmp_path, text):
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_column_map(path)
    field, remedy = BAD[text]
    message = str(error.value)
    assert message.startswith(f"{path}: {field}: ")
    assert remedy in message
    assert "\n" not in message


def test_a_map_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"map\.toml: file: cannot be read"):
        read_column_map(tmp_path / "map.toml")


def test_a_map_goes_over_what_the_table_is_recognised_as(tmp_path):
    """What the user gives replaces what depends on it; the rest of the known map stays."""
    path = tmp_path / "erass.ecsv"
    Table(
        {
            "NAME": ["a"],
            "RA": [10.0],
            "DEC": [5.0],
            "BEST_Z": [0.3],
            "M500": [30.0],
            "M500_L": [20.0],
            "M500_H": [40.0],
            "M200": [5e14],
            "Z_OTHER": [0.4],
        }
    ).write(path)
    mapped = {
        "mass_definition": "200m",
        "columns": {"log_mass": {"column": "M200", "log": False}, "z": "Z_OTHER"},
    }
    catalog = read_catalog(path, mapped)
    assert catalog.log_mass[0] == pytest.approx(np.log10(5e14))
    assert catalog.log_mass_err_lo[0] == 0.0  # those of M500 are not those of M200
    assert catalog.name[0] == "a"
    assert catalog.z[0] == 0.4
    assert catalog.mass_definition[0] == "200m"
    del mapped["mass_definition"]  # eRASS1's 500c is not said of this mass
    with pytest.raises(InputError, match="mass_definition: is not said"):
        read_catalog(path, mapped)


def test_richness_error_and_scatter_add_in_quadrature():
    relation = RichnessRelation(40.0, 14.5, 1.3, 0.15)
    mass, dex = relation.log_mass(np.array([40.0, 400.0]), np.array([4.0, 0.0]))
    np.testing.assert_allclose(mass, [14.5, 15.8])
    np.testing.assert_allclose(dex, [np.hypot(0.15, 1.3 * 0.1 / np.log(10)), 0.15])


def test_h_of_the_whole_map_is_of_masses_and_distances_alone():
    mapped = parse_column_map({"h": 0.7, "columns": {"log_mass": "M", "log_mstar": "S"}})
    assert mapped.h == 0.7
    assert mapped.columns["log_mass"].h is None
