"""Densities of a survey's galaxies against quadrature and a uniform field."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.cosmology import Planck18
from scipy.integrate import quad

from surveys.groups.selection import Schechter, density_from_counts


@pytest.mark.parametrize("alpha", [-0.5, -1.0, -1.26, -2.0, -2.4])
def test_the_luminosity_function_is_integrated(alpha):
    got = Schechter(19.0, -21.0, alpha, 0.004, Planck18)(np.array([0.02, 0.3]))
    for z, density in zip((0.02, 0.3), got, strict=True):
        absolute = 19.0 - Planck18.distmod(z).value
        faintest = 10 ** (-0.4 * (absolute + 21.0))
        wanted = quad(lambda x: x**alpha * np.exp(-x), faintest, 50, epsabs=0, epsrel=1e-9)[0]
        assert density == pytest.approx(0.004 * wanted, rel=1e-5)


def test_density_from_counts_of_a_uniform_field():
    """A field of known density; the counting error of a smoothing volume is 1-3 % here."""
    rng = np.random.default_rng(4)
    d_max, area, density = 1200.0, 100.0, 2e-3
    volume = area * np.deg2rad(1) ** 2 * d_max**3 / 3
    distance = d_max * rng.uniform(0, 1, int(density * volume)) ** (1 / 3)
    grid = np.linspace(0, 0.4, 2000)
    z = np.interp(distance, Planck18.comoving_distance(grid).value, grid)
    at = density_from_counts(z, area, Planck18)
    np.testing.assert_allclose(at(np.array([0.1, 0.15, 0.2, 0.25, 0.28])), density, rtol=0.06)


@pytest.mark.parametrize("area", [0.0, -1.0, 5e4, float("nan")])
def test_an_area_that_cannot_be(area):
    with pytest.raises(ValueError, match="area_deg2 is"):
        density_from_counts(np.array([0.1]), area, Planck18)
