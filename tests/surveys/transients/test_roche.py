"""Roche lobes and the shortest periods."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from surveys.transients.roche import (
    COMPANIONS,
    breakup_period_s,
    companion_share,
    dwarf_radius_cm,
    filling_period_s,
    least_period_s,
    lobe_radius,
    merger_time_yr,
    white_dwarf_radius_cm,
)


def lobe_by_integration(q):
    """Radius of the sphere of the volume of the lobe, from the potential itself; a = 1."""
    mu = q / (1 + q)  # of the star at the origin, the other at x = 1

    def potential(x, y, z):
        r1, r2 = np.sqrt(x**2 + y**2 + z**2), np.sqrt((x - 1) ** 2 + y**2 + z**2)
        return -mu / r1 - (1 - mu) / r2 - 0.5 * ((x - (1 - mu)) ** 2 + y**2)

    def pull(x):
        return (potential(x + 1e-6, 0, 0) - potential(x - 1e-6, 0, 0)) / 2e-6

    inner = brentq(pull, 0.05, 0.95)
    level = potential(inner, 0, 0)
    cosines, weights = np.polynomial.legendre.leggauss(24)
    phis = (np.arange(24) + 0.5) / 24 * np.pi / 2
    volume = 0.0
    for cosine, weight in zip(cosines, weights, strict=True):
        sine = np.sqrt(1 - cosine**2)
        for phi in phis:
            way = np.array([cosine, sine * np.cos(phi), sine * np.sin(phi)])
            # The first crossing from within: beyond the inner point the potential falls again.
            r = np.linspace(1e-3, inner, 400)
            above = potential(*(way[:, None] * r)) > level
            edge = r[int(np.argmax(above))] if above.any() else inner
            volume += weight * edge**3 / 3 * (2 * np.pi / 24)
    return (3 * volume / (4 * np.pi)) ** (1 / 3)


@pytest.mark.parametrize("q", [0.05, 0.2, 1.0])
def test_lobe_radius_by_integrating_the_potential(q):
    """Eggleton's fit is good to 1 %; the steps of the integration add 0.3 %."""
    assert float(lobe_radius(q)) == pytest.approx(lobe_by_integration(q), rel=0.013)


def test_lobes_of_both_stars_limits():
    assert float(lobe_radius(1e-6)) == pytest.approx(0.49e-2, rel=0.01)
    assert float(lobe_radius(1.0)) == pytest.approx(0.379, abs=0.001)


def test_shortest_period_of_cataclysmic_variables():
    """76.2 min with a donor of 0.063 solar masses and a white dwarf of 0.75 (Knigge 2006)."""
    minutes = float(filling_period_s(dwarf_radius_cm(0.063), 0.063, 0.75)) / 60
    assert minutes == pytest.approx(76.2, rel=0.03)


def test_shortest_periods_of_companions():
    least = {kind: least_period_s(kind)[0] for kind in COMPANIONS}
    assert least["M dwarf"] / 60 > 76
    assert 46 < least["brown dwarf"] / 60 < 80
    assert least["planet"] / 60 > 120
    # Only a white dwarf can be closer than a minute.
    assert least["white dwarf"] < 10
    for mass, period in ((0.55, 62.8), (1.0, 20.7)):
        found = filling_period_s(white_dwarf_radius_cm(mass), mass, 0.8)
        assert float(found) == pytest.approx(period, abs=0.1)


def test_period_and_mean_density():
    """P sqrt(mean density) is all but constant for a small companion: 0.438 day (g/cm³)^(1/2)."""
    mass, radius = np.array([0.02, 0.1, 0.3]), np.array([0.1, 0.15, 0.3]) * 6.957e10
    density = mass * 1.98841e33 / (4 / 3 * np.pi * radius**3)
    period = filling_period_s(radius, mass, 1.0) / 86400
    np.testing.assert_allclose(period * np.sqrt(density), 0.438, rtol=0.07)


def test_share_of_companions_by_the_period():
    assert (companion_share("M dwarf", np.array([10.0, 70.0, 4000.0])) == 0).all()
    assert companion_share("M dwarf", 86400.0) == 1.0
    shares = companion_share("white dwarf", np.geomspace(5, 500, 50))
    assert (np.diff(shares) >= 0).all()
    # Below 34 s it is the white dwarf of 0.8 that does not fit, whatever goes around it.
    assert companion_share("white dwarf", 30.0) < 0.1
    assert 0.2 < companion_share("white dwarf", 70.0) < 0.6


def test_gravitational_waves():
    """Two neutron stars of 1.4 in 7.75 h, if round: 1.6 Gyr, and the square of 2^(4/3) of P."""
    years = float(merger_time_yr(1.4, 1.4, 7.75 * 3600))
    assert years == pytest.approx(1.6e9, rel=0.05)
    assert float(merger_time_yr(1.4, 1.4, 2 * 7.75 * 3600)) == pytest.approx(years * 2 ** (8 / 3))


def test_radius_of_white_dwarfs():
    """Sirius B: 1.018 Sun, 0.0081 solar radii; the fit is for cold ones, 3 % smaller."""
    assert float(white_dwarf_radius_cm(1.018)) / 6.957e10 == pytest.approx(0.0081, rel=0.06)
    masses = np.linspace(0.3, 1.4, 50)
    assert (np.diff(white_dwarf_radius_cm(masses)) < 0).all()
    assert float(breakup_period_s(0.8, white_dwarf_radius_cm(0.8))) == pytest.approx(11.2, abs=0.1)
