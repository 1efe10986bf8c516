"""Catalogs in memory: rows, joining, and what is one object."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys.catalogs.halo_catalog import (
    COLUMNS,
    HaloCatalog,
    concatenate,
    left_out,
    normalised,
    without_duplicates,
    without_members,
)


def some(n=4, **more) -> HaloCatalog:
    columns = {"ra_deg": np.arange(n) * 1.0, "dec_deg": np.zeros(n), "z": np.full(n, 0.1)}
    return HaloCatalog.of(**(columns | more))


def test_what_is_not_given_is_nothing():
    catalog = some(3, mass_definition="200c", log_mass=[13.0, 14.0, np.nan])
    assert len(catalog) == 3
    assert catalog.mass_definition.tolist() == ["200c"] * 3
    assert np.isnan(catalog.log_mstar).all()
    assert catalog.z_err.tolist() == [0.0] * 3
    assert catalog.group.tolist() == [""] * 3
    assert {getattr(catalog, column).shape for column in COLUMNS} == {(3,)}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"log_mass": np.zeros(3)}, r"log_mass has shape \(3,\), z has \(4,\)"),
        ({"name": ["a"] * 5}, r"name has shape \(5,\)"),
        ({"z": np.zeros((2, 2))}, r"z has shape \(2, 2\)"),
        ({"pz": np.zeros((4, 5))}, "given together"),
        ({"pz": np.zeros((3, 5)), "pz_z": np.zeros(5)}, r"pz has shape \(3, 5\), not \(4, 5\)"),
    ],
)
def test_columns_of_different_lengths(columns, words):
    with pytest.raises(ValueError, match=words):
        some(4, **columns)


def test_rows_are_chosen_from_every_column():
    grid = np.linspace(0, 1, 5)
    catalog = some(4, name=list("abcd"), pz=np.eye(4, 5), pz_z=grid, notes=("n",), source="s")
    for rows in ([1, 3], np.array([False, True, False, True]), slice(1, None, 2)):
        chosen = catalog.select(rows)
        assert chosen.name.tolist() == ["b", "d"]
        np.testing.assert_array_equal(chosen.pz, np.eye(4, 5)[[1, 3]])
        assert (chosen.notes, chosen.source) == (("n",), "s")
    assert len(catalog.select(np.zeros(4, bool))) == 0


def test_catalogs_are_put_together():
    a = some(2, name=["a", "b"], mass_definition="200c", log_mass=13.0, source="A", notes=("x",))
    b = some(3, name=["long name", "d", "e"], mass_definition="500c", log_mass=14.0, source="B")
    both = concatenate([a, b])
    assert both.name.tolist() == ["a", "b", "long name", "d", "e"]
    assert both.mass_definition.tolist() == ["200c"] * 2 + ["500c"] * 3
    assert both.notes == ("A: x",)
    assert both.source == "A, B"
    assert both.pz is None
    assert concatenate([a]) is a
    assert concatenate([a, a.select([0])]).notes == ("x", "x")
    with pytest.raises(ValueError, match="empty"):
        concatenate([])


def test_densities_on_different_grids_keep_their_means():
    def gaussian(grid, mean, sigma):
        return normalised(np.exp(-0.5 * ((grid - mean) / sigma) ** 2)[None, :], grid)

    fine, coarse = np.linspace(0, 0.5, 501), np.linspace(0.2, 2.0, 181)
    parts = [
        some(1, pz=gaussian(fine, 0.2, 0.02), pz_z=fine),
        some(1),
        some(1, pz=gaussian(coarse, 1.0, 0.1), pz_z=coarse),
    ]
    both = concatenate(parts)
    z = both.pz_z
    assert z[0] == 0.0
    assert z[-1] == 2.0
    np.testing.assert_allclose(np.trapezoid(both.pz, z, axis=1), [1, 0, 1], rtol=1e-9)
    means = np.trapezoid(both.pz * z, z, axis=1)
    np.testing.assert_allclose(means, [0.2, 0.0, 1.0], atol=1e-4)
    again = concatenate([parts[0], parts[1], parts[0]])
    np.testing.assert_array_equal(again.pz_z, fine)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40))
def test_duplicates_are_those_of_every_pair(seed, n):
    """Against all pairs: positions and z on a small grid, so that many are the same."""
    rng = np.random.default_rng(seed)
    arcsec = 1 / 3600
    catalog = some(
        n,
        name=rng.choice(["", "a", "b", "c"], n),
        ra_deg=(rng.integers(0, 3, n) * 0.6 * arcsec) % 360,
        dec_deg=rng.choice([-30.0, 60.0, 90.0], n),
        z=0.1 + rng.integers(0, 3, n) * 0.6e-4,
        log_mass=rng.choice([np.nan, 13.0], n),
    )
    root = list(range(n))
    for i in range(n):
        for j in range(i):
            dec = np.deg2rad(catalog.dec_deg[[i, j]])
            ra = np.deg2rad(catalog.ra_deg[[i, j]])
            near = np.hypot((ra[0] - ra[1]) * np.cos(dec[0]), dec[0] - dec[1])
            near = near <= np.deg2rad(arcsec)
            named = catalog.name[i] == catalog.name[j] != ""
            alike = abs(catalog.z[i] - catalog.z[j]) < 1e-4 or named
            kind = np.isnan(catalog.log_mass[i]) == np.isnan(catalog.log_mass[j])
            if near and alike and kind:
                old, new = sorted((root[i], root[j]), reverse=True)
                root = [new if r == old else r for r in root]
    kept = without_duplicates(catalog)
    first = sorted(set(root))
    np.testing.assert_array_equal(kept.ra_deg, catalog.ra_deg[first])
    np.testing.assert_array_equal(kept.z, catalog.z[first])
    n_out = n - len(first)
    assert kept.notes == ((left_out(n_out, "duplicates of another row"),) if n_out else ())


def test_members_of_groups_that_are_there():
    catalog = some(
        5,
        name=["G1", "G2", "a", "b", "c"],
        group=["G1", "", "G1", "G2", "G3"],
        log_mass=[13.5, np.nan, np.nan, np.nan, np.nan],
        log_mstar=[np.nan, 10.0, 10.0, 10.0, 10.0],
    )
    kept = without_members(catalog)  # G2 has no mass, G3 is not there
    assert kept.name.tolist() == ["G1", "G2", "b", "c"]
    assert kept.notes == ("1 row left out: members of a group in the catalog",)
