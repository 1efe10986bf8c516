"""Concentrations against colossus."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from colossus.halo import concentration

from cosmo.concentration import RELATIONS

H = 0.6766
MASS = 10 ** np.linspace(11.5, 14.8, 12)


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("z", [0.0, 0.2, 1.0, 1.9])
def test_the_median_is_that_of_colossus(name, z, colossus_cosmology):
    relation = RELATIONS[name]
    model = {"duffy2008": "duffy08", "dutton2014": "dutton14"}[name.partition("_")[0]]
    expected = concentration.concentration(MASS * H, relation.definition, z, model=model)
    with jax.enable_x64(True):
        found = relation(MASS, z, H)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("name", RELATIONS)
def test_only_the_mass_in_units_of_h_counts(name):
    relation = RELATIONS[name]
    with jax.enable_x64(True):
        np.testing.assert_allclose(
            relation(MASS, 0.3, 0.7), relation(MASS * 0.7 / 0.5, 0.3, 0.5), rtol=1e-12
        )


def test_the_scatter_is_as_published():
    # Duffy et al. 2008: sigma(log10 c) = 0.15 of all halos; Dutton & Maccio 2014: 0.11 dex.
    for name, relation in RELATIONS.items():
        assert relation.scatter_dex == (0.15 if name.startswith("duffy") else 0.11)


@pytest.mark.parametrize("name", RELATIONS)
def test_it_can_be_differentiated(name):
    relation = RELATIONS[name]
    with jax.enable_x64(True):
        slopes = jax.grad(lambda m, z: relation(m, z, H), argnums=(0, 1))(1e13, 0.0)
        rise = (relation(1.001e13, 0.0, H) - relation(0.999e13, 0.0, H)) / 0.002e13
    assert float(slopes[0]) == pytest.approx(float(rise), rel=1e-5)
    assert np.isfinite(slopes[1])
