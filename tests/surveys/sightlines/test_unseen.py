"""Halos in no catalog, against the matter that the mass function has in halos; and the baryons."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import constants

from cosmo.background import baryon_fraction, cosmology_named, critical_density
from cosmo.baryons import diffuse_fraction
from cosmo.halos import mean_density, radius_kpc
from cosmo.mass_function import MassFunction
from cosmo.profiles import ELECTRONS_PER_MASS
from surveys.sightlines.halo_draws import Shared
from surveys.sightlines.unseen import HaloStatistics

COSMOLOGY = cosmology_named("Planck18")
N = 20_000
LEAST, LIMIT = 11.0, 13.0


def drawn(settings, r_max=(1.0,)) -> np.ndarray:
    shared = Shared.draw(np.random.default_rng(1), settings.gas, settings.mc.n_draws)
    statistics = HaloStatistics(settings, COSMOLOGY)
    return statistics.draw(np.random.default_rng(2), shared, r_max)


def over_path(function, last) -> float:
    """Integral over the comoving path, Mpc, of a function of redshift."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    z = (nodes + 1) / 2 * last
    path = constants.c.to_value("km/s") / COSMOLOGY.H(z).value
    return float(np.sum(weights / 2 * last * path * np.array([function(one) for one in z])))


@pytest.mark.parametrize("r_max", [1.0, 1.7])
def test_the_mean_is_that_of_the_collapsed_matter(burst, r_max):
    """All electrons of a halo, over the area that they are spread on.

    A halo of N electrons has N as the integral of its rest DM over proper area. The comoving
    density n of halos then gives the mean observed DM = int n N (1 + z)^2 / (1 + z) d chi, and
    with N the same share of the mass of each, n N is that of all matter in such halos.
    """
    gas = {"radius": "200m", "f_hot": 0.6, "r_max": r_max, "renormalise": True}
    settings = burst(N, unseen={"log_mass_min": LEAST, "log_mass_limit": LIMIT}, gas=gas)
    dm = drawn(settings, (r_max,))[0]
    matter = COSMOLOGY.Om0 * float(critical_density(0.0, COSMOLOGY))
    share = ELECTRONS_PER_MASS * 0.6 * baryon_fraction(COSMOLOGY) * matter
    function = MassFunction(COSMOLOGY)
    mean = share * 1e6 * over_path(lambda z: (1 + z) * function.collapsed(LEAST, LIMIT, z), 0.3)
    # Bins of a twentieth of a decade take 0.2 % at most from it.
    error = dm.std() / np.sqrt(N)
    assert dm.mean() == pytest.approx(mean, abs=3 * error + 0.003 * mean)
    assert error < 0.02 * mean


def test_halos_are_there_with_the_chance_of_poisson(burst):
    settings = burst(
        N, unseen={"log_mass_min": 12.0, "log_mass_limit": LIMIT}, gas={"radius": "200m"}
    )
    dm = drawn(settings)[0]
    log_mass = np.linspace(12.0, LIMIT, 201)

    def covered(z) -> float:
        radius = np.asarray(radius_kpc(10**log_mass, mean_density("200m", z, COSMOLOGY))) / 1e3
        area = np.pi * (radius * (1 + z)) ** 2
        return float(np.trapezoid(MassFunction(COSMOLOGY).density(log_mass, z) * area, log_mass))

    none = np.exp(-over_path(covered, 0.3))
    assert 0.1 < none < 0.9
    error = np.sqrt(none * (1 - none) / N)
    assert np.mean(dm == 0) == pytest.approx(none, abs=3 * error + 0.003)


def test_none_without_a_limit(burst):
    assert not drawn(burst(), (1.0, 2.0)).any()
    assert drawn(burst(), (1.0, 2.0)).shape == (2, 1000)


def test_their_number_is_bounded_in_memory(burst, monkeypatch):
    """However few are drawn at a time, the mean is the same."""
    settings = burst(4000, unseen={"log_mass_min": LEAST, "log_mass_limit": LIMIT})
    whole = drawn(settings)[0]
    monkeypatch.setattr("surveys.sightlines.unseen.PIECE", 4096)
    parts = drawn(settings)[0]
    assert (whole[-100:] > 0).any()
    assert (parts[-100:] > 0).any()
    error = np.hypot(whole.std(), parts.std()) / np.sqrt(4000)
    assert whole.mean() == pytest.approx(parts.mean(), abs=3 * error)


def test_they_share_the_gas_of_all_halos(burst):
    unseen = {"log_mass_min": LEAST, "log_mass_limit": LIMIT}
    settings = burst(N, unseen=unseen, gas={"f_hot": 0.5, "f_hot_err": 0.15})
    shared = Shared.draw(np.random.default_rng(1), settings.gas, N)
    dm = HaloStatistics(settings, COSMOLOGY).draw(np.random.default_rng(2), shared, (1.0,))[0]
    much = shared.f_hot > 0.5
    ratio = dm[much].mean() / dm[~much].mean()
    assert ratio == pytest.approx(shared.f_hot[much].mean() / shared.f_hot[~much].mean(), rel=0.1)


@pytest.mark.parametrize("f_hot", [0.0, 0.4, 0.75])
def test_halos_and_the_igm_have_all_that_is_diffuse(burst, f_hot):
    settings = burst(gas={"f_hot": f_hot, "renormalise": True}, igm={"f_igm": None}, z=1.0)
    between, note = HaloStatistics(settings, COSMOLOGY).share_between_halos(1.0)
    z = np.array([0.0, 0.25, 0.5, 1.0])
    collapsed = [MassFunction(COSMOLOGY).collapsed(10.0, 16.0, one) for one in z]
    whole = between(z) + f_hot * np.array(collapsed)
    np.testing.assert_allclose(whole, diffuse_fraction(z, COSMOLOGY), rtol=1e-4)
    assert "twice" not in note


def test_what_is_counted_twice_is_said(burst):
    given = burst(gas={"f_hot": 0.75}, igm={"f_igm": 0.8})
    between, note = HaloStatistics(given, COSMOLOGY).share_between_halos(1.0)
    assert between(np.array([0.1])).tolist() == [0.8]
    assert "counted twice; leave f_igm out, or lower f_hot" in note
    # Gas continued to four radii is more than all that there is.
    left = burst(gas={"f_hot": 0.9, "r_max": 4.0}, igm={"f_igm": None})
    between, note = HaloStatistics(left, COSMOLOGY).share_between_halos(4.0)
    assert (between(np.linspace(0, 0.3, 5)) >= 0).all()
    assert "counted twice; lower f_hot" in note
    fine = burst(gas={"f_hot": 0.2}, igm={"f_igm": 0.5})
    assert "twice" not in HaloStatistics(fine, COSMOLOGY).share_between_halos(1.0)[1]


def test_gas_out_to_each_edge_counts_in_its_own_budget(burst):
    statistics = HaloStatistics(burst(igm={"f_igm": None}), COSMOLOGY)
    near, far = (statistics.share_between_halos(r)[0](np.array(0.1)) for r in (1.0, 2.0))
    assert far < near
