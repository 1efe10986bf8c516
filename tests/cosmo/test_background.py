"""Densities against astropy and colossus."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.cosmology import WMAP9, FlatLambdaCDM, Planck18
from colossus.halo import mass_so

from cosmo.background import (
    baryon_fraction,
    cosmology_named,
    critical_density,
    virial_overdensity,
)

Z = np.array([0.0, 0.2, 0.5, 1.0, 2.0])


def test_a_cosmology_is_astropys():
    assert cosmology_named("Planck18") is Planck18
    assert cosmology_named("WMAP9") is WMAP9
    with pytest.raises(ValueError, match=r"cosmology: is 'Planck81'; give one of .*Planck18"):
        cosmology_named("Planck81")


def test_the_critical_density_is_astropys():
    expected = Planck18.critical_density(Z).to_value(units.Msun / units.kpc**3)
    np.testing.assert_allclose(critical_density(Z, Planck18), expected, rtol=1e-12)
    assert critical_density(0.2, Planck18).shape == ()


def test_the_overdensity_is_that_of_colossus(colossus_cosmology, massless):
    expected = [mass_so.deltaVir(z) for z in Z]
    # Colossus counts radiation in Omega_m(z), most of it at z = 2.
    np.testing.assert_allclose(virial_overdensity(Z, massless), expected, rtol=1e-3)


def test_without_dark_energy_the_overdensity_is_that_of_the_top_hat():
    cosmology = FlatLambdaCDM(70, 1.0, Tcmb0=0, Ob0=0.05)
    np.testing.assert_allclose(virial_overdensity(Z, cosmology), 18 * np.pi**2, rtol=1e-12)


def test_the_share_of_baryons_needs_their_density():
    assert baryon_fraction(Planck18) == pytest.approx(0.04897 / 0.30966, rel=1e-12)
    with pytest.raises(ValueError, match="no density of baryons"):
        baryon_fraction(FlatLambdaCDM(70, 0.3))
