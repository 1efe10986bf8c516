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

ELLS = np.array([2, 10, 100, 400])
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
def spectra():
    """C_l by a plan made once, as a function of what it may depend on, (n_pair, n_ell)."""
    with jax.enable_x64(True):
        tracers, today = sky(VALUES)

        def power(k, chi):
            return jnp.broadcast_to(today(k), (len(chi), len(k)))

        modes = Modes(n=128)
        work = planning.Work(tracers, power, modes)
        plan = accuracy.make_plan(work, PAIRS, ELLS).plan
    grids = [np.asarray(t.chi) for t in tracers]

    def of_values(values):
        tracers, today = sky(values, grids)
        pk = today(modes.k)
        every = [jnp.broadcast_to(pk, (group.chi.size, modes.n)) for group in plan.groups]
        return angular_spectra(plan, tracers, every)

    with jax.enable_x64(True):
        yield of_values


def test_slopes_are_those_of_differences(spectra):
    with jax.enable_x64(True):
        # One number of all of them, in which none is lost.
        weights = jnp.asarray(np.random.default_rng(3).uniform(0.5, 1.5, (3, ELLS.size)))
        values = {name: jnp.asarray(value) for name, value in VALUES.items()}

        @jax.jit
        def likelihood(values):
            return (weights * jnp.log(jnp.abs(spectra(values)))).sum()

        slopes = jax.jit(jax.grad(likelihood))(values)
        for name, value in values.items():
            step = 1e-4 * max(float(value), 0.1)
            up, down = (likelihood(values | {name: value + s}) for s in (step, -step))
            wanted = float(up - down) / (2 * step)
            assert float(slopes[name]) == pytest.approx(wanted, rel=1e-4), name
            assert abs(wanted) > 1e-3


def test_forward_slopes_of_each_multipole(spectra):
    with jax.enable_x64(True):
        along = {"omega_m": 0.3, "h": -0.2, "n_s": 0.1, "sigma8": 0.4, "bias": 0.5, "shift": 0.1}
        values = {name: jnp.asarray(value) for name, value in VALUES.items()}
        tangent = {name: jnp.asarray(value) for name, value in along.items()}
        cl, slope = jax.jit(lambda v: jax.jvp(spectra, (v,), (tangent,)))(values)
        one = jax.jit(spectra)
        up, down = (one({n: v + s * along[n] for n, v in values.items()}) for s in (1e-4, -1e-4))
    np.testing.assert_allclose(one(values), cl, rtol=1e-9)
    wanted = np.asarray(up - down) / 2e-4
    np.testing.assert_allclose(slope, wanted, atol=1e-4 * np.abs(cl))


def test_biases_and_amplitudes_scale(spectra):
    # By hand: P goes with sigma8 squared, and so do all spectra.
    with jax.enable_x64(True):
        values = {name: jnp.asarray(value) for name, value in VALUES.items()}
        one = jax.jit(spectra)
        more = one(values | {"sigma8": jnp.asarray(1.2 * VALUES["sigma8"])})
        np.testing.assert_allclose(more, 1.44 * one(values), rtol=1e-10)
        # Galaxies are bias times one part and distortions.
        none, first, second = (one(values | {"bias": jnp.asarray(b)}) for b in (0.0, 1.0, 2.0))
        np.testing.assert_allclose(second[1] - first[1], first[1] - none[1], rtol=1e-8)
        np.testing.assert_allclose(second[2], none[2], rtol=1e-12)


def test_many_cosmologies_at_once(spectra):
    with jax.enable_x64(True):
        rng = np.random.default_rng(1)
        batch = {
            name: jnp.asarray(value * (1 + 0.03 * rng.normal(size=3)))
            for name, value in VALUES.items()
        }
        together = jax.jit(jax.vmap(spectra))(batch)
        one = jax.jit(spectra)
        for i in range(3):
            alone = one({name: column[i] for name, column in batch.items()})
            np.testing.assert_allclose(together[i], alone, rtol=1e-9)
    assert np.ptp(np.asarray(together), axis=0).min() > 0
