"""Curved space: distances, and spectra next to Limber's in curved space."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cosmo.angular import accuracy, planning
from cosmo.angular.curved import (
    comoving_distance,
    conformal_radius,
    flattened,
    flattened_power,
)
from cosmo.angular.fftlog import Modes
from cosmo.angular.observables import clustering
from cosmo.angular.observed import Matter, angular_power, full_sky
from cosmo.angular.redshifts import gaussian_nz
from cosmo.angular.tracers import Tracer
from cosmo.expansion import background_of, comoving, cosmology_of, hubble, transverse
from cosmo.power.sources import eisenstein_hu

H0 = 1 / 2997.92458


@pytest.mark.parametrize("omega_k", [-0.1, -1e-9, 0.0, 1e-9, 0.1])
def test_the_radius_is_that_of_the_metric(omega_k):
    curvature = -omega_k * H0**2
    chi = np.array([1.0, 300.0, 3000.0, 9000.0])
    with jax.enable_x64(True):
        radius = conformal_radius(jnp.asarray(chi), curvature)
        back = comoving_distance(radius, curvature)
    np.testing.assert_allclose(back, chi, rtol=1e-12)
    root = np.sqrt(abs(curvature))
    for x, c in zip(np.asarray(radius), chi, strict=True):
        s = np.sin(root * c) / root if curvature > 0 else np.sinh(root * c) / root if root else c
        np.testing.assert_allclose(x / (1 + curvature * x**2 / 4), s, rtol=1e-9)


def smooth(k):
    """Something like a power spectrum, (Mpc/h)^3."""
    return 3e4 * (k / 0.02) / (1 + (k / 0.02) ** 2) ** 1.3


@pytest.mark.parametrize("omega_k", [-0.1, 0.1])
def test_small_scales_are_limbers_in_curved_space(omega_k):
    curvature = -omega_k * H0**2
    chi = np.linspace(2000.0, 4000.0, 400)
    window = np.exp(-0.5 * ((chi - 3000) / 150) ** 2) / 150 / np.sqrt(2 * np.pi)
    lens = 1e-4 * chi * window
    # Limber errs by 1e-4 there.
    ells = np.array([1200, 2000])
    with jax.enable_x64(True):
        flat = [
            flattened(Tracer(jnp.asarray(chi), {"density": jnp.asarray(window)}), curvature),
            flattened(Tracer(jnp.asarray(chi), {"lensing": jnp.asarray(lens)}), curvature),
            flattened(Tracer(jnp.asarray(chi), {"potential": jnp.asarray(window)}), curvature),
        ]
        power = flattened_power(
            lambda k, c: jnp.broadcast_to(smooth(k), (len(c), len(k))), curvature
        )
        work = planning.Work(flat, power, Modes())
        planned = accuracy.make_plan(work, [(0, 0), (0, 1), (0, 2)], ells)
        got = accuracy.evaluate(planned, work)[:3]
    root = np.sqrt(abs(curvature))
    across = (np.sin(root * chi) if curvature > 0 else np.sinh(root * chi)) / root
    for i, l in enumerate(ells):
        k = (l + 0.5) / across
        wanted = [
            np.trapezoid(window * other / across**2 * smooth(k), chi)
            for other in (window, lens, window / k**2)
        ]
        np.testing.assert_allclose(got[:, i], wanted, rtol=3e-4)


@pytest.mark.parametrize("omega_k", [-0.05, 0.05])
def test_galaxies_of_a_curved_cosmology(omega_k):
    given = {"h": 0.7, "omega_m": 0.3, "omega_b": 0.05, "n_s": 0.96, "sigma8": 0.8}
    with jax.enable_x64(True):
        c = cosmology_of(given | {"omega_k": omega_k})
        background = background_of(c, 3.0)
        power = eisenstein_hu(c, background, wiggles=False)
        tracer = clustering(background, gaussian_nz(1.0, 0.08), 1.0)
        found = angular_power(Matter(background, power), [tracer], [(0, 0)], [1000, 1500])
        z = np.linspace(0.5, 1.5, 801)
        across = np.asarray(transverse(background, comoving(background, z)))
        rate = np.asarray(hubble(background, z))
        k = 1500.5 / across
        p = np.array([power(k[i : i + 1], z[i : i + 1])[0, 0] for i in range(0, z.size, 20)])
    p = np.interp(z, z[::20], p)
    density = np.exp(-0.5 * ((z - 1) / 0.08) ** 2) / 0.08 / np.sqrt(2 * np.pi)
    wanted = np.trapezoid(density**2 * rate / across**2 * p, z)
    np.testing.assert_allclose(found.cl[0, 1], wanted, rtol=1e-3)


def test_brute_force_sees_the_same_curved_space():
    given = {"h": 0.7, "omega_m": 0.3, "omega_b": 0.05, "n_s": 0.96, "sigma8": 0.8}
    with jax.enable_x64(True):
        c = cosmology_of(given | {"omega_k": 0.1})
        background = background_of(c, 3.0)
        tracer = clustering(background, gaussian_nz(1.0, 0.08), 1.0)
        matter = Matter(background, eisenstein_hu(c, background, wiggles=False))
        found = angular_power(matter, [tracer], [(0, 0)], [20, 60])
        (wanted,), _ = full_sky(found, [20, 60])
    np.testing.assert_allclose(found.cl[0], wanted, rtol=1e-3)
