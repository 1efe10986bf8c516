"""Dispersion measures of halo gas against FRBs/FRB, SciPy's quadrature and analytic columns."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import jax
import numpy as np
import pytest
from astropy import constants, units
from astropy.cosmology import Planck18
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from cosmo.background import baryon_fraction
from cosmo.halos import Halo, mean_density, radius_kpc
from cosmo.profiles import (
    PROFILES,
    Adiabatic,
    BetaModel,
    Gas,
    ModifiedNFW,
    PowerLaw,
    Tabulated,
    Vikhlinin,
    dm_from_inside,
    dm_rest,
    electron_density,
    gas_mass,
)

MASS, RADIUS = 1.3e13, 480.0
F_HOT, F_BARYON = 0.6, 0.158
TABLE_X = np.geomspace(1e-3, 1.4, 1500)


def scipy_mnfw(x, c, alpha=2.0, y0=2.0):
    return 1 / ((c * x) ** (1 - alpha) * (y0 + c * x) ** (2 + alpha))


def scipy_adiabatic(x, c):
    bracket = 1 + 3.7 * math.log(1 + c * x) / (c * x) - 3.7 * math.log(1 + c) / c
    return max(bracket, 0) ** 1.5


def scipy_beta(x, c):
    return (1 + (x / 0.1) ** 2) ** (-3 * (2 / 3) / 2)


def scipy_vikhlinin(x, c):
    r = 1820 * x
    inner = (r / 136.9) ** -1.556 / (1 + (r / 136.9) ** 2) ** (3 * 0.594 - 1.556 / 2)
    return math.sqrt(inner / (1 + (r / 1887.1) ** 3) ** (4.998 / 3))


def scipy_power_law(x, c):
    return (x * x + 0.05**2) ** (-2.0 / 2)


def scipy_table(x, c):
    x = max(x, TABLE_X[0])
    return scipy_beta(x, c) if x <= TABLE_X[-1] else 0.0


SHAPES = {
    "mnfw": (ModifiedNFW(), scipy_mnfw),
    "nfw": (ModifiedNFW(0.0, 1.0), partial(scipy_mnfw, alpha=0.0, y0=1.0)),
    "mb04": (Adiabatic(), scipy_adiabatic),
    "beta": (BetaModel(), scipy_beta),
    "vikhlinin": (Vikhlinin(), scipy_vikhlinin),
    "power_law": (PowerLaw(), scipy_power_law),
    "table": (Tabulated(TABLE_X, np.array([scipy_beta(x, 0) for x in TABLE_X])), scipy_table),
}
ELECTRONS = (
    (F_HOT * F_BARYON * MASS * units.Msun / constants.m_p * (1 - 0.2454 / 2))
    .to(units.kpc**3 / units.cm**3)
    .value
)
"""Of the whole halo, in kpc^3 cm^-3."""


def fading(gas, x):
    """What the edge leaves, as a power series."""
    if gas.edge is None:
        return float(x <= gas.r_max)
    u = (x / gas.r_max - 1 + gas.edge) / (2 * gas.edge)
    return 1 - np.clip(6 * u**5 - 15 * u**4 + 10 * u**3, 0, 1) if 0 < u < 1 else float(u <= 0)


def pieces(gas, top):
    """Where an adaptive integral should not step over something."""
    edges = [gas.r_max] if gas.edge is None else [gas.r_max * (1 + s * gas.edge) for s in (-1, 1)]
    last = edges[-1]
    if isinstance(gas.profile, Tabulated):
        edges += [TABLE_X[0], TABLE_X[-1]]
        last = min(last, TABLE_X[-1])
    top = min(last, top)
    return sorted({0.0, top, *(edge for edge in edges if edge < top)})


def scipy_integral(function, limits):
    return sum(
        quad(function, low, high, epsrel=1e-10, epsabs=0, limit=300)[0]
        for low, high in pairwise(limits)
    )


def scipy_norm(gas, shape, c):
    if gas.renormalise:
        limits = pieces(gas, math.inf)
        return scipy_integral(lambda x: shape(x, c) * fading(gas, x) * x * x, limits)
    return scipy_integral(
        lambda x: shape(x, c) * x * x,
        [0.0, *([TABLE_X[0]] if isinstance(gas.profile, Tabulated) else []), 1.0],
    )


def scipy_dm(gas, shape, c, b, depth=None):
    """All of a sightline at b radii; or the part before a place so many radii beyond the middle."""
    if b >= pieces(gas, math.inf)[-1]:
        return 0.0
    ends = [math.acosh(max(end / b, 1)) for end in pieces(gas, math.inf)]

    def column(t):
        x = b * math.cosh(t)
        return shape(x, c) * fading(gas, x * (1 - 1e-15)) * x

    def outwards(begin):
        limits = sorted({begin, *(end for end in ends if end > begin)})
        return scipy_integral(column, limits)

    half = outwards(0.0)
    total = 2 * half
    if depth is not None:
        beyond = outwards(math.asinh(abs(depth) / b))
        total = 2 * half - beyond if depth > 0 else beyond
    density = ELECTRONS / (4 * math.pi * RADIUS**3 * scipy_norm(gas, shape, c))
    return total * density * RADIUS * 1000


def halo_of(c):
    return Halo(MASS, RADIUS, c)


def test_the_reference_is_met(halo_reference):
    rows = halo_reference["Ne_Rperp"]
    assert len(rows) >= 6
    for row in rows:
        mass = 10 ** row["log_Mhalo"]
        with jax.enable_x64(True):
            radius = radius_kpc(mass, mean_density("vir", row["z"], Planck18))
            gas = Gas(
                ModifiedNFW(row["params"]["alpha"], row["params"]["y0"]),
                baryon_fraction(Planck18),
                row["params"]["f_hot"],
                row["rmax"],
            )
            impact = np.array([float(key) for key in row["DM_rest_vs_Rperp_kpc"]])
            found = dm_rest(gas, Halo(mass, radius, row["c"]), impact)
        assert float(radius) == pytest.approx(row["r200_kpc"], rel=1e-9)
        assert baryon_fraction(Planck18) == pytest.approx(row["fb"], rel=1e-12)
        np.testing.assert_allclose(found, list(row["DM_rest_vs_Rperp_kpc"].values()), rtol=1e-3)


@pytest.mark.parametrize("renormalise", [False, True])
@pytest.mark.parametrize("edge", [None, 0.15])
@pytest.mark.parametrize("name", SHAPES)
def test_columns_are_the_integrals(name, edge, renormalise):
    profile, shape = SHAPES[name]
    assert set(SHAPES) == set(PROFILES)
    impact = np.array([2e-5, 1e-3, 0.02, 0.1, 0.37, 0.8, 0.97, 1.3])
    for r_max, c in [(0.7, 25.0), (1.0, 7.67), (2.0, 2.0), (2.0, 25.0)]:
        gas = Gas(profile, F_BARYON, F_HOT, r_max, edge, renormalise)
        with jax.enable_x64(True):
            found = dm_rest(gas, halo_of(c), impact * RADIUS)
        expected = [scipy_dm(gas, shape, c, b) for b in impact]
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=f"{r_max} {c}")


@settings(max_examples=60)
@example(-4.9, 30.0, 4.0, 0.5, 3.0, None, False)
@example(-4.9, 30.0, 4.0, 0.5, 3.0, 0.8, True)
@given(
    st.floats(-4.9, 0.4),
    st.floats(2, 30),
    st.floats(-0.5, 4),
    st.floats(0.5, 6),
    st.floats(0.5, 3),
    st.sampled_from([None, 0.02, 0.3, 0.8]),
    st.booleans(),
)
def test_columns_of_any_modified_nfw(log_b, c, alpha, y0, r_max, edge, renormalise):
    b = 10**log_b
    gas = Gas(ModifiedNFW(alpha, y0), F_BARYON, F_HOT, r_max, edge, renormalise)
    with jax.enable_x64(True):
        found = float(dm_rest(gas, halo_of(c), b * RADIUS))
    expected = scipy_dm(gas, partial(scipy_mnfw, alpha=alpha, y0=y0), c, b)
    # Next to the edge next to nothing is left, and that is a difference of large numbers.
    scale = scipy_dm(gas, partial(scipy_mnfw, alpha=alpha, y0=y0), c, 0.5 * r_max)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6 * scale)


@pytest.mark.parametrize("depth", [-1.2, -0.7, -0.05, 0.0, 0.05, 0.3, 0.95, 1.2])
@pytest.mark.parametrize("edge", [None, 0.15])
@pytest.mark.parametrize("name", ["mnfw", "vikhlinin", "power_law"])
def test_from_inside_only_what_is_before_the_place_counts(name, edge, depth):
    profile, shape = SHAPES[name]
    gas = Gas(profile, F_BARYON, F_HOT, 1.0, edge)
    for b in (1e-3, 0.2, 0.9):
        with jax.enable_x64(True):
            found = dm_from_inside(gas, halo_of(6.0), b * RADIUS, depth * RADIUS)
            whole = dm_rest(gas, halo_of(6.0), b * RADIUS)
        expected = scipy_dm(gas, shape, 6.0, b, depth)
        assert float(found) == pytest.approx(expected, rel=1e-5, abs=1e-8 * float(whole))
        if depth == 0:
            assert float(found) == pytest.approx(float(whole) / 2, rel=1e-12)
        if abs(depth) == 1.2:
            assert float(found) == pytest.approx(float(whole) * (depth > 0), rel=1e-12)


@pytest.mark.parametrize("b", [0.003, 0.05, 0.4])
def test_nfw_without_an_end_is_the_known_column(b):
    # Bartelmann (1996, A&A 313, 697), eq. 7, for x < 1 and x > 1.
    c = 5.0
    x = b * c
    if x < 1:
        column = (1 - math.acosh(1 / x) / math.sqrt(1 - x * x)) / (x * x - 1)
    else:
        column = (1 - math.acos(1 / x) / math.sqrt(x * x - 1)) / (x * x - 1)
    density = ELECTRONS / (4 * math.pi * (RADIUS / c) ** 3 * (math.log(1 + c) - c / (1 + c)))
    expected = 2 * density * RADIUS / c * 1000 * column
    with jax.enable_x64(True):
        gas = Gas(ModifiedNFW(0.0, 1.0), F_BARYON, F_HOT, r_max=1e3)
        found = dm_rest(gas, halo_of(c), b * RADIUS)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("edge", "r_max"), [(None, 1.3), (0.2, 0.9)])
@pytest.mark.parametrize("name", SHAPES)
def test_electrons_are_counted_once_however_they_are_added_up(name, edge, r_max):
    gas = Gas(SHAPES[name][0], F_BARYON, F_HOT, r_max, edge, renormalise=True)
    halo = halo_of(6.0)
    x, w = np.polynomial.legendre.leggauss(300)
    u, w = (x + 1) / 2, w / 2
    end = min(r_max * (1 + (edge or 0)), TABLE_X[-1] if name == "table" else math.inf) * RADIUS
    # Shells crowd to the centre, rings to the edge, where a column has a root.
    r, dr = end * u**3, 3 * end * u**2
    b, db = end * np.sin(np.pi * u / 2), end * np.pi / 2 * np.cos(np.pi * u / 2)
    with jax.enable_x64(True):
        shells = np.asarray(electron_density(gas, halo, r)) * 4 * np.pi * r**2
        rings = np.asarray(dm_rest(gas, halo, b)) / 1000 * 2 * np.pi * b
        inside = float(gas_mass(gas, halo, end))
    assert np.sum(w * dr * shells) == pytest.approx(ELECTRONS, rel=2e-5)
    assert np.sum(w * db * rings) == pytest.approx(ELECTRONS, rel=2e-5)
    assert inside == pytest.approx(F_HOT * F_BARYON * MASS, rel=1e-5)


@pytest.mark.parametrize("renormalise", [False, True])
@pytest.mark.parametrize(("edge", "r_max"), [(None, 1.5), (0.2, 0.9)])
@pytest.mark.parametrize("name", SHAPES)
def test_the_mass_inside_a_radius_is_that_of_the_electrons(name, edge, r_max, renormalise):
    profile, shape = SHAPES[name]
    gas = Gas(profile, F_BARYON, F_HOT, r_max, edge, renormalise)
    norm = scipy_norm(gas, shape, 6.0)
    for x in (0.1, 0.5, 0.9, 1.0, 2.5):
        with jax.enable_x64(True):
            found = float(gas_mass(gas, halo_of(6.0), x * RADIUS))
        inside = scipy_integral(lambda x: shape(x, 6.0) * fading(gas, x) * x * x, pieces(gas, x))
        assert found == pytest.approx(F_HOT * F_BARYON * MASS * inside / norm, rel=2e-5)


def test_densities_are_those_of_the_shape():
    gas = Gas(ModifiedNFW(), F_BARYON, F_HOT, 1.5)
    x = np.array([0.01, 0.3, 1.0, 1.49, 1.51])
    with jax.enable_x64(True):
        found = electron_density(gas, halo_of(8.0), x * RADIUS)
    norm = scipy_norm(gas, scipy_mnfw, 8.0)
    expected = ELECTRONS / (4 * np.pi * RADIUS**3) * scipy_mnfw(x, 8.0) / norm * (x < 1.5)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
