"""Masses, radii and concentrations of the same halo by other definitions, against colossus."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy.cosmology import Planck18
from colossus.halo import mass_defs, mass_so
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from cosmo.halos import (
    MASS_DEFINITIONS,
    Halo,
    mean_density,
    nfw_mass,
    radius_kpc,
    rescale,
    within,
)

slopes_of = jax.jit(jax.grad(rescale, argnums=(0, 1)))

H = Planck18.h
C = np.linspace(2.0, 30.0, 15)


@pytest.mark.parametrize("definition", MASS_DEFINITIONS)
def test_the_mean_density_is_that_of_colossus(definition, colossus_cosmology, massless):
    z = np.array([0.0, 0.2, 1.0, 2.0])
    # In Msun h^2 / kpc^3.
    # The virial one has the radiation that colossus counts in Omega_m(z).
    rtol = 1e-3 if definition == "vir" else 1e-4
    expected = [mass_so.densityThreshold(one, definition) * H**2 for one in z]
    np.testing.assert_allclose(mean_density(definition, z, massless), expected, rtol=rtol)


def test_a_definition_that_is_not_known_is_named():
    with pytest.raises(ValueError, match="mass_definition: is '200x'; give one of vir, 200c"):
        mean_density("200x", 0.1, Planck18)


@pytest.mark.parametrize("z", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize(("old", "new"), [*itertools.permutations(MASS_DEFINITIONS, 2)])
def test_another_definition_is_that_of_colossus(old, new, z, colossus_cosmology):
    mass = 2e13
    m, r, c = mass_defs.changeMassDefinition(mass * H, C, z, old, new, profile="nfw")
    # The densities of colossus, so that the change alone is compared.
    densities = [mass_so.densityThreshold(z, name) * H**2 for name in (old, new)]
    with jax.enable_x64(True):
        halo = Halo(np.full(C.shape, mass), radius_kpc(mass, densities[0]), C)
        found = within(halo, *densities)
    np.testing.assert_allclose(found.concentration, c, rtol=1e-6)
    np.testing.assert_allclose(found.mass, m / H, rtol=1e-6)
    np.testing.assert_allclose(found.radius_kpc, r / H, rtol=1e-6)


@given(st.floats(0.5, 50), st.floats(-1.5, 1.5))
def test_there_and_back(c, log_ratio):
    ratio = 10**log_ratio
    with jax.enable_x64(True):
        halo = Halo(1e13, radius_kpc(1e13, 1e5), c)
        other = within(halo, 1e5, 1e5 * ratio)
        back = within(other, 1e5 * ratio, 1e5)
        # The scale radius is the same.
        scales = [one.radius_kpc / one.concentration for one in (halo, other)]
    for found, expected in zip(back, halo, strict=True):
        assert float(found) == pytest.approx(float(expected), rel=1e-9)
    assert float(scales[1]) == pytest.approx(float(scales[0]), rel=1e-9)


@settings(max_examples=30)
@given(st.floats(1.0, 30), st.floats(0.2, 5))
def test_slopes_of_the_concentration_are_those_of_differences(c, ratio):
    values, step = (c, ratio), 1e-5
    with jax.enable_x64(True):
        slopes = slopes_of(*values)
        for i in range(2):
            shift = np.eye(2)[i] * step * values[i]
            rise = rescale(*(values + shift)) - rescale(*(values - shift))
            assert float(slopes[i]) == pytest.approx(float(rise) / (2 * shift[i]), rel=1e-6)


def test_the_mass_of_nfw_is_the_integral():
    x = np.array([1e-8, 1e-4, 0.0099, 0.0101, 0.3, 5.0, 100.0])
    expected = [quad(lambda y: y / (1 + y) ** 2, 0, one, epsrel=1e-12)[0] for one in x]
    with jax.enable_x64(True):
        np.testing.assert_allclose(nfw_mass(x), expected, rtol=1e-7)
        slopes = jax.vmap(jax.grad(nfw_mass))(jnp.asarray(x))
    np.testing.assert_allclose(slopes, x / (1 + x) ** 2, rtol=1e-6)
    assert np.isfinite(jax.grad(nfw_mass)(0.0))


def test_a_radius_holds_its_mass():
    with jax.enable_x64(True):
        r = float(radius_kpc(3e13, 2e4))
    assert 4 / 3 * np.pi * r**3 * 2e4 == pytest.approx(3e13, rel=1e-12)
