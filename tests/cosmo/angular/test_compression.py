"""Few combinations of powers next to all of them, and NumPy's spectra next to JAX's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cosmo.angular import accuracy, planning
from cosmo.angular.compression import compressed
from cosmo.angular.fftlog import Modes
from cosmo.angular.observables import clustering, galaxy_lensing, with_growth
from cosmo.angular.redshifts import gaussian_nz
from cosmo.angular.spectra import angular_spectra, members_spectra
from cosmo.expansion import background_of, growth, redshift
from cosmo.parameters import cosmology_of
from cosmo.power.eisenstein_hu import eisenstein_hu

GIVEN = {"h": 0.68, "omega_m": 0.31, "omega_b": 0.049, "n_s": 0.966, "sigma8": 0.81}
ELLS = np.unique(np.geomspace(2, 1500, 40).astype(int))
PAIRS = [(0, 0), (0, 1), (1, 1)]


def today(**changes):
    cosmology = cosmology_of(GIVEN | changes)
    return eisenstein_hu(cosmology, background_of(cosmology, 3.0)).today


@pytest.fixture(scope="module")
def planned():
    """A plan with distorted galaxies, shear, and low multipoles of the full sky."""
    with jax.enable_x64(True):
        background = background_of(cosmology_of(GIVEN), 3.0)
        tracers = [
            clustering(background, gaussian_nz(0.6, 0.06), 1.5, rsd=True),
            galaxy_lensing(background, gaussian_nz(1.0, 0.12)),
        ]
        grown = [with_growth(t, growth(background, redshift(background, t.chi))) for t in tracers]
        power = today()

        def everywhere(k, chi):
            return jnp.broadcast_to(power(k), (len(chi), len(k)))

        work = planning.Work(grown, everywhere, Modes())
        return work, accuracy.make_plan(work, PAIRS, ELLS, 1e-3)


def spectra(plan, work, power):
    pk = [
        jnp.broadcast_to(power(work.modes.k), (group.chi.size, work.modes.n))
        for group in plan.groups
    ]
    return np.asarray(angular_spectra(plan, work.tracers, pk))


# The last are far from what was compressed for: other oscillations, and another slope.
@pytest.mark.parametrize("changes", [{}, {"omega_m": 0.25}, {"h": 0.78, "omega_b": 0.06, "n_s": 1}])
def test_few_combinations_of_powers_are_enough(planned, changes):
    work, found = planned
    with jax.enable_x64(True):
        few = compressed(found.plan, work)
        power = today(**changes)
        expected, got = (spectra(plan, work, power) for plan in (found.plan, few))
    size = planning.amplitudes(PAIRS, found.plan.pairs, expected)
    np.testing.assert_array_less(np.abs(got - expected) / size, 5e-5)
    before, after = (
        sum(
            table.kernel.size
            for group in plan.groups
            for part in group.kernels
            for table in part.tables
        )
        for plan in (found.plan, few)
    )
    assert after < before / 2.5


def test_numpy_and_jax_have_the_same_spectra(planned):
    work, found = planned
    with jax.enable_x64(True):
        for group in found.plan.groups:
            pk = work.spectrum(np.asarray(group.chi))
            expected = members_spectra(group, work.modes, work.tracers, jnp.asarray(pk))
            got = work.spectra(jax.tree.map(np.asarray, group), pk)
            assert isinstance(got, np.ndarray)
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12 * np.abs(got).max())
