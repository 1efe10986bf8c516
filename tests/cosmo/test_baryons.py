"""The diffuse fraction, and the books of the baryons."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM, Planck18
from scipy.integrate import quad

from cosmo.baryons import (
    BaryonBudget,
    cold_gas_per_star,
    diffuse_fraction,
    star_formation_rate,
    stellar_mass_density,
)


def test_the_fraction_is_that_of_macquart(halo_reference):
    table = halo_reference["f_diffuse"]
    z = np.array([float(key) for key in table])
    np.testing.assert_allclose(diffuse_fraction(z), list(table.values()), rtol=3e-4)


def test_the_fraction_near_us_is_published():
    # Macquart et al. (2020): stars, remnants and cold gas are 0.16 of the baryons near us.
    np.testing.assert_allclose(diffuse_fraction([0.0, 0.1, 0.3]), 0.844, atol=0.001)


@pytest.mark.parametrize("z", [0.0, 0.241, 1.0, 2.7])
def test_stars_are_what_has_formed_and_not_returned(z):
    cosmology = FlatLambdaCDM(70, 0.3, Tcmb0=0)
    hubble = cosmology.H0.to_value("1/yr")

    def formed(x):
        return float(star_formation_rate(x)) / (hubble * (1 + x) * cosmology.efunc(x))

    expected = 0.73 * quad(formed, z, 30, epsrel=1e-10, limit=200)[0]
    assert float(stellar_mass_density(z)) == pytest.approx(expected, rel=1e-6)


def test_cold_gas_goes_through_its_three_points():
    cosmology = FlatLambdaCDM(70, 0.3, Tcmb0=0)
    grid = np.linspace(0, 1, 2001)
    age = cosmology.age(grid).value
    middle = np.interp(-(age[0] + age[-1]) / 2, -age, grid)
    np.testing.assert_allclose(
        cold_gas_per_star([0.0, middle, 1.0, 3.0]), [0.78 / 2.05, 0.58, 1.0, 1.0], rtol=1e-5
    )


def test_a_universe_with_more_baryons_has_the_same_stars():
    more = Planck18.clone(Ob0=2 * Planck18.Ob0)
    dense = 1 - diffuse_fraction([0.1, 1.5])
    np.testing.assert_allclose(1 - diffuse_fraction([0.1, 1.5], more), dense / 2)


def test_no_baryons_are_an_error():
    with pytest.raises(ValueError, match="Ob0"):
        diffuse_fraction(0.1, FlatLambdaCDM(70, 0.3, Ob0=0.0))


@pytest.mark.parametrize("z", [-0.1, np.nan, [0.1, np.inf]])
def test_what_is_no_redshift_is_an_error(z):
    with pytest.raises(ValueError, match="is no redshift"):
        diffuse_fraction(z)


def test_halos_and_what_is_between_them_are_all_that_is_diffuse():
    budget = BaryonBudget(f_gas=0.75, f_collapsed=lambda z: 0.5 / (1 + z))
    z = np.array([0.0, 0.3, 1.0])
    np.testing.assert_allclose(budget.halos(z), 0.375 / (1 + z))
    np.testing.assert_allclose(budget.igm(z) + budget.halos(z), diffuse_fraction(z))
    np.testing.assert_allclose(budget.missing(z), 0.0, atol=1e-15)


def test_a_given_igm_leaves_what_is_in_neither():
    budget = BaryonBudget(f_gas=0.5, f_collapsed=0.4, f_igm=0.59, f_d=0.85)
    assert budget.igm(0.2) == pytest.approx(0.59)
    assert budget.missing(0.2) == pytest.approx(0.85 - 0.59 - 0.2)


@pytest.mark.parametrize(
    ("budget", "named"),
    [
        (BaryonBudget(0.75, 0.5, f_igm=0.6), "f_igm \\+ f_halos = 0.975"),
        (BaryonBudget(1.0, 0.9), "f_halos = f_gas f_collapsed = 0.9"),
        (BaryonBudget(1.5, 0.1), "f_gas = 1.5 is no fraction"),
        (BaryonBudget(0.5, lambda z: -0.1 - z), "f_collapsed = -0.3 at z = 0.2 is no fraction"),
        (BaryonBudget(0.5, 0.1, f_d=np.nan), "f_d = nan"),
    ],
)
def test_no_baryon_is_counted_twice(budget, named):
    with pytest.raises(ValueError, match=named):
        budget.igm(0.2)
