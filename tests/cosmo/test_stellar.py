"""Halo masses of galaxies against FRBs/FRB, and the relation against its inverse."""

from __future__ import annotations

import re

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmo.stellar import log_halo_mass, log_stellar_mass

forwards, backwards = jax.jit(log_stellar_mass), log_halo_mass
slope_of = jax.jit(jax.grad(log_halo_mass))


def test_halo_masses_are_those_of_the_reference(halo_reference):
    table = halo_reference["SHMR"]["Moster13_logMhalo"]
    assert len(table) >= 20
    for key, expected in table.items():
        stellar, z = (float(v) for v in re.fullmatch(r"logMs=(.*),z=(.*)", key).groups())
        with jax.enable_x64(True):
            found = float(backwards(stellar, z))
        # The reference interpolates a table of its own.
        assert found == pytest.approx(expected, abs=1e-3), key


def test_a_halo_of_the_characteristic_mass_is_known():
    # Moster et al. 2013, eq. 2: at M = M1 the ratio is N.
    with jax.enable_x64(True):
        found = float(log_stellar_mass(11.590, 0.0))
    assert found == pytest.approx(11.590 + np.log10(0.0351), abs=1e-12)


@given(st.floats(8.0, 16.0), st.floats(0, 6))
def test_there_and_back(log_mass, z):
    with jax.enable_x64(True):
        assert float(backwards(forwards(log_mass, z), z)) == pytest.approx(log_mass, abs=1e-8)


@given(st.floats(6.0, 11.8), st.floats(0, 2))
def test_the_slope_of_the_inverse_is_the_inverse_slope(log_stellar, z):
    with jax.enable_x64(True):
        slope = slope_of(log_stellar, z)
        step = 1e-4
        rise = backwards(log_stellar + step, z) - backwards(log_stellar - step, z)
    assert float(slope) == pytest.approx(float(rise) / (2 * step), rel=1e-5)
