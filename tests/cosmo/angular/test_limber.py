"""Limber's approximation: an integral by hand, where it holds, distortions, slopes."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cosmo.angular.fftlog import Modes
from cosmo.angular.full_sky import full_sky_spectra
from cosmo.angular.limber import limber_spectra
from cosmo.angular.planning import Work
from cosmo.angular.tracers import Tracer

CHI = np.linspace(600.0, 1800.0, 241)
WEIGHT = np.exp(-0.5 * ((CHI - 1200) / 90) ** 2)


def power(k, chi=None):
    k = jnp.asarray(k)
    pk = 1e6 * k / (1 + (k / 0.02) ** 2) ** 1.4
    return pk if chi is None else jnp.broadcast_to(pk, (len(chi), len(k)))


def work_of(**terms) -> Work:
    tracer = Tracer(jnp.asarray(CHI), {kind: jnp.asarray(w) for kind, w in terms.items()})
    return Work([tracer], power, Modes())


def by_hand(l, weight, shape) -> float:
    chi = np.linspace(CHI[0], CHI[-1], 6001)
    u = l + 0.5
    pk = np.asarray(power(u / chi))
    return float(np.trapezoid((weight(chi) * shape(u, chi)) ** 2 * pk / chi**2, chi))


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("density", lambda u, chi: 1.0),
        ("lensing", lambda u, chi: (u**2 - 0.25) / u**2),
        ("potential", lambda u, chi: chi**2 / u**2),
    ],
)
def test_the_integral(kind, shape):
    ells = np.array([2, 30, 400])
    with jax.enable_x64(True):
        (found,) = np.asarray(limber_spectra(work_of(**{kind: WEIGHT}), [(0, 0)], ells))
    exact = [by_hand(l, lambda chi: np.exp(-0.5 * ((chi - 1200) / 90) ** 2), shape) for l in ells]
    np.testing.assert_allclose(found, exact, rtol=1e-6)


@pytest.mark.parametrize("kinds", [("density",), ("density", "rsd"), ("lensing",)])
def test_it_is_the_full_sky_at_high_multipoles(kinds):
    ells = np.array([300])
    with jax.enable_x64(True):
        work = work_of(**dict.fromkeys(kinds, WEIGHT))
        (found,) = np.asarray(limber_spectra(work, [(0, 0)], ells))
        (exact,), _ = full_sky_spectra(work.tracers, [(0, 0)], [300], power)
    # A few times (chi / (l width))^2.
    np.testing.assert_allclose(found, exact, rtol=4 * (1200 / (300 * 90)) ** 2)


def test_distortions_fall_with_the_multipole():
    ells = np.array([20, 80, 320])
    with jax.enable_x64(True):
        plain = np.asarray(limber_spectra(work_of(density=WEIGHT), [(0, 0)], ells))
        both = np.asarray(limber_spectra(work_of(density=WEIGHT, rsd=WEIGHT), [(0, 0)], ells))
    excess = np.abs(both / plain - 1)[0]
    assert excess[0] > 4 * excess[1] > 16 * excess[2]


def test_slopes_of_weights():
    ells = np.array([10, 100])
    with jax.enable_x64(True):
        work = work_of(density=WEIGHT)

        def total(scale):
            (tracer,) = work.tracers
            scaled = Tracer(tracer.chi, {"density": tracer.terms["density"] * scale})
            return limber_spectra(replace(work, tracers=[scaled]), [(0, 0)], ells).sum()

        assert float(jax.grad(total)(1.5)) == pytest.approx(2 * float(total(1.5)) / 1.5, rel=1e-10)


def test_primordial_terms_need_a_transfer_function():
    with jax.enable_x64(True), pytest.raises(ValueError, match="transfer: None"):
        limber_spectra(work_of(primordial=WEIGHT), [(0, 0)], np.array([10]))
