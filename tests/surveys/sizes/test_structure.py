"""Concentration, asymmetry, Gini and M20 beside statmorph's, and of what they are known for."""

from __future__ import annotations

import warnings

import jax
import numpy as np
import pytest
import statmorph
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import gammaincinv

from surveys.sizes.source import source_of
from surveys.sizes.structure import _gini, structure_of


@jax.jit
def measured(image, segment):
    return structure_of(source_of(image, segment), ~segment)


@pytest.fixture(scope="module")
def galaxy(sersic):
    """A disc with an arm, in a little noise."""
    rng = np.random.default_rng(5)
    image = 1e3 * sersic(121, 9.0, 1.0, 0.7, 0.6, points=5)
    # Not so bright that centroid and centre of symmetry, which statmorph mixes, are far apart.
    image += 60 * sersic(121, 3.0, 1.0, 0.6, 2.0, (9.0, -7.0), points=5)
    noisy = image + 0.02 * rng.normal(size=image.shape)
    y, x = np.mgrid[:121, :121] - 60.0
    return noisy, np.hypot(y, x) < 35


def test_beside_statmorph(galaxy):
    image, segment = galaxy
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = statmorph.SourceMorphology(
            image, segment.astype(int), 1, weightmap=np.full(image.shape, 0.02)
        )
    ours = measured(image.astype(np.float32), segment)
    assert float(ours.petrosian_pixels) == pytest.approx(peer.rpetro_circ, rel=0.01)
    assert float(ours.concentration) == pytest.approx(peer.concentration, rel=0.01)
    assert float(ours.asymmetry) == pytest.approx(peer.asymmetry, abs=0.01)
    assert float(ours.gini) == pytest.approx(peer.gini, abs=0.005)
    assert float(ours.m20) == pytest.approx(peer.m20, abs=0.03)


def test_what_is_symmetric_has_no_asymmetry(sersic):
    image = (1e3 * sersic(121, 7.0, 1.0, 0.6, 0.4, (0.3, 0.2))).astype(np.float32)
    found = measured(image, image > 0.05)
    # Between pixels the mirror image is interpolated, which smooths the peak.
    assert abs(float(found.asymmetry)) < 0.015
    np.testing.assert_allclose(np.asarray(found.centre), [60.3, 60.2], atol=0.07)


@pytest.mark.parametrize("index", [0.5, 1.0, 4.0])
def test_concentration_of_profiles(sersic, index):
    """Within 1.5 Petrosian radii: 5 log10(r80 / r20) by integrals of the profile."""
    b = gammaincinv(2 * index, 0.5)

    def light(r):
        return quad(lambda r: 2 * np.pi * r * np.exp(-b * r ** (1 / index)), 0, r, epsrel=1e-9)[0]

    petrosian = brentq(
        lambda r: np.exp(-b * r ** (1 / index)) - 0.2 * light(r) / (np.pi * r * r), 0.3, 6
    )
    total = light(1.5 * petrosian)
    r20, r80 = (brentq(lambda r: light(r) - s * total, 1e-3, 9) for s in (0.2, 0.8))  # noqa: B023
    exact = 5 * np.log10(r80 / r20)
    image = sersic(301, 25.0, index, points=5).astype(np.float32)
    found = measured(image, np.ones(image.shape, bool))
    assert float(found.concentration) == pytest.approx(exact, rel=0.015)


def test_gini_of_a_ramp():
    """Of pixels with fluxes 1, 2, ... n it is 1/3 of (n - 1) / n times n / (n - 1)."""
    flux = (np.random.default_rng(0).permutation(900).reshape(30, 30) + 1.0).astype(np.float32)
    rising = np.sort(flux.ravel())
    n = rising.size
    exact = ((2 * np.arange(1, n + 1) - n - 1) * rising).sum() / (rising.mean() * n * (n - 1))
    assert float(jax.jit(_gini)(flux, flux > 0)) == pytest.approx(exact, abs=2e-3)
