"""Slopes of spectra with cosmology and tracers, and many cosmologies at once."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cosmo.angular import accuracy, planning
from cosmo.angular.fftlog import Modes
from cosmo.angular.observables import clustering, galaxy_lensing, with_growth
from cosmo.angular.redshifts import gaussian_nz
from cosmo.angular.spectra import angular_spectra
from cosmo.expansion import background_of, growth, redshift
from cosmo.parameters import Cosmology
from cosmo.power.eisenstein_hu import eisenstein_hu

ELLS = np.array([5, 100])
MODES = Modes(n=64)
PAIRS = [(0, 0), (0, 1), (1, 1)]
VALUES = {
    "omega_m": 0.31, "h": 0.68, "n_s": 0.966, "sigma8": 0.81, "bias": 1.5, "shift": 0.01,
}  # fmt: skip


def sky(values, grids=(None, None)):
    """Galaxies and shear, and P(k), of a cosmology, a bias, and a shift of n(z)."""
    names = ("omega_m", "h", "n_s", "sigma8")
    cosmology = Cosmology(**{name: values[name] for name in names}, omega_b=0.049)
    background = background_of(cosmology, 3.0)
    tracers = [
        clustering(background, gaussian_nz(0.6 + values["shift"], 0.08), values["bias"],
                   rsd=True, chi=grids[0]),
        galaxy_lensing(background, gaussian_nz(1.0 + values["shift"], 0.12), (1.0, 0.0, 0.6),
                       chi=grids[1]),
    ]  # fmt: skip
    grown = [with_growth(t, growth(background, redshift(background, t.chi))) for t in tracers]
    return grown, eisenstein_hu(cosmology, background).today


@pytest.fixture(scope="module")
def planned():
    """A plan made once, and the tracers' grids."""
    with jax.enable_x64(True):
        tracers, today = sky(VALUES)

        def power(k, chi):
            return jnp.broadcast_to(today(k), (len(chi), len(k)))

        work = planning.Work(tracers, power, MODES)
        return accuracy.make_plan(work, PAIRS, ELLS, 1e-2).plan, [t.chi for t in tracers]


def spectra(values, planned):
    """C_l as a function of what it may depend on, (n_pair, n_ell)."""
    plan, grids = planned
    tracers, today = sky(values, grids)
    pk = today(MODES.k)
    every = [jnp.broadcast_to(pk, (group.chi.size, MODES.n)) for group in plan.groups]
    return angular_spectra(plan, tracers, every)


def likelihood(values, planned, weights):
    return (weights * jnp.log(jnp.abs(spectra(values, planned)))).sum()


one = jax.jit(spectra)


def arrays():
    return {name: jnp.asarray(value) for name, value in VALUES.items()}


def test_slopes_are_those_of_differences(planned):
    with jax.enable_x64(True):
        # One number of all of them, in which none is lost.
        weights = np.random.default_rng(3).uniform(0.5, 1.5, (3, ELLS.size))
        values = arrays()
        slopes = jax.jit(jax.grad(likelihood))(values, planned, weights)
        for name, value in values.items():
            step = 1e-4 * max(float(value), 0.1)
            ends = [one(values | {name: value + s}, planned) for s in (step, -step)]
            up, down = (float((weights * np.log(np.abs(cl))).sum()) for cl in ends)
            wanted = (up - down) / (2 * step)
            assert float(slopes[name]) == pytest.approx(wanted, rel=1e-4), name
            assert abs(wanted) > 1e-3


def test_biases_and_amplitudes_scale(planned):
    # By hand: P goes with sigma8 squared, and so do all spectra.
    with jax.enable_x64(True):
        values = arrays()
        more = one(values | {"sigma8": jnp.asarray(1.2 * VALUES["sigma8"])}, planned)
        np.testing.assert_allclose(more, 1.44 * one(values, planned), rtol=1e-10)
        # Galaxies are bias times one part and distortions.
        none, first, second = (
            one(values | {"bias": jnp.asarray(b)}, planned) for b in (0.0, 1.0, 2.0)
        )
        np.testing.assert_allclose(second[1] - first[1], first[1] - none[1], rtol=1e-8)
        np.testing.assert_allclose(second[2], none[2], rtol=1e-12)


def test_many_cosmologies_at_once(planned):
    with jax.enable_x64(True):
        rng = np.random.default_rng(1)
        batch = {
            name: jnp.asarray(value * (1 + 0.03 * rng.normal(size=3)))
            for name, value in VALUES.items()
        }
        together = jax.jit(jax.vmap(spectra, in_axes=(0, None)))(batch, planned)
        for i in range(3):
            alone = one({name: column[i] for name, column in batch.items()}, planned)
            np.testing.assert_allclose(together[i], alone, rtol=1e-9)
    assert np.ptp(np.asarray(together), axis=0).min() > 0
