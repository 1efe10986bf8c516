"""Draws of halos: each quantity has the quantiles that were given, and no halo is lost."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmo.background import cosmology_named
from cosmo.halos import Halo, mean_density, radius_kpc
from cosmo.profiles import dm_rest
from cosmo.stellar import SCATTER_DEX, log_halo_mass
from surveys.catalogs.halo_catalog import HaloCatalog
from surveys.sightlines.crossing import crossing
from surveys.sightlines.halo_draws import Shared, draw_halos, masses, redshifts
from surveys.sightlines.halo_values import HEAVIEST, How, Own, evaluated, gas_of, tables_for

COSMOLOGY = cosmology_named("Planck18")
SIGMA = [15.8655, 50, 84.1345]


def drawn(settings, halos, r_max=(1.0,)):
    """All halos of a catalog, in the order of its rows."""
    shared = Shared.draw(np.random.default_rng(0), settings.gas, settings.mc.n_draws)
    separation = np.deg2rad(halos.dec_deg - settings.frb.dec)
    parts = list(draw_halos(halos, separation, settings, shared, r_max, COSMOLOGY))
    order = np.argsort(np.concatenate([p.rows for p in parts]))
    names = ("dm_rest", "crossed", "z", "log_mass", "impact_kpc", "radius_kpc")
    axes = (1, 1, 0, 0, 0, 0)
    joined = (
        np.concatenate([getattr(p, name) for p in parts], axis=axis).take(order, axis=axis)
        for name, axis in zip(names, axes, strict=True)
    )
    return dict(zip(names, joined, strict=True))


def test_masses_have_the_quantiles_that_were_given(burst, halos_at):
    n = 20_000
    halos = halos_at([1.0], log_mass_err_lo=0.4, log_mass_err_hi=0.1)
    found = np.percentile(drawn(burst(n), halos)["log_mass"][0], SIGMA)
    # Three standard errors of a quantile of each half.
    wide, narrow = (3 * s * 1.6 / np.sqrt(n) for s in (0.4, 0.1))
    assert found[0] == pytest.approx(12.6, abs=wide)
    assert found[1] == pytest.approx(13.0, abs=wide)
    assert found[2] == pytest.approx(13.1, abs=narrow)


def test_stellar_masses_have_the_scatter_of_their_relation(burst, halos_at):
    n = 20_000
    halos = halos_at([1.0], log_mstar=10.0, log_mstar_err_lo=0.1, log_mstar_err_hi=0.3)
    assert masses(halos)[3].all()
    found = drawn(burst(n, gas={"radius": "200c"}), halos)["log_mass"][0]
    ends = 10 + np.array([-np.hypot(0.1, SCATTER_DEX), 0.0, np.hypot(0.3, SCATTER_DEX)])
    with jax.enable_x64(True):
        expected = np.asarray(log_halo_mass(ends, 0.2))
    np.testing.assert_allclose(np.percentile(found, SIGMA), expected, atol=0.01)


def test_halos_of_massive_galaxies_end(burst, halos_at):
    halos = halos_at([1.0], log_mstar=12.0, log_mstar_err_lo=0.5, log_mstar_err_hi=0.5)
    found = drawn(burst(gas={"radius": "200c"}), halos)
    assert found["log_mass"].max() == pytest.approx(HEAVIEST, abs=1e-4)
    assert np.isfinite(found["dm_rest"]).all()


def test_redshifts_of_a_density_and_of_an_error():
    grid = np.linspace(0.1, 0.3, 201)
    triangle = np.maximum(1 - np.abs(grid - 0.2) / 0.05, 0)
    catalog = HaloCatalog.of(
        ra_deg=[0.0, 1.0], dec_deg=[0.0, 0.0], z=[0.2, 0.25], z_err=[0.0, 0.02], log_mass=12.0,
        mass_definition="vir", pz=np.stack([triangle, 0 * grid]), pz_z=grid,
    )  # fmt: skip
    rng = np.random.default_rng(3)
    z = redshifts(catalog, rng.standard_normal((2, 40_000)), rng.random((2, 40_000)))
    # Of a triangle, 1/8 lies below the middle of its rise.
    np.testing.assert_allclose(
        np.mean(z[0] < [[0.175], [0.2], [0.225]], axis=1), [1 / 8, 1 / 2, 7 / 8], atol=0.008
    )
    np.testing.assert_allclose(np.percentile(z[1], SIGMA), [0.23, 0.25, 0.27], atol=5e-4)


def test_a_halo_may_be_before_the_burst_or_behind_it(burst, halos_at):
    n = 10_000
    halos = halos_at([1.0, 1.0], z=[0.29, 0.31], z_err=0.01)
    found = drawn(burst(n), halos)
    # Both are crossed wherever they are before it; one standard deviation, to both sides.
    np.testing.assert_allclose(found["crossed"][0], [0.8413, 0.1587], atol=3 * 0.0037)
    np.testing.assert_array_equal(found["dm_rest"][0] > 0, found["z"] < 0.3)
    assert crossing(halos, burst(), 1.0, COSMOLOGY)[0].z.tolist() == [0.29, 0.31]


def test_a_halo_without_gas_is_crossed_all_the_same(burst, halos_at):
    found = drawn(burst(gas={"f_hot": 0.0}), halos_at([1.0]))
    assert found["crossed"].tolist() == [[1.0]]
    assert not found["dm_rest"].any()


def test_centres_scatter_in_two_directions(burst, halos_at):
    n = 20_000
    found = drawn(burst(n), halos_at([0.0], centring_kpc=50.0))["impact_kpc"][0]
    # Rayleigh's distribution.
    assert np.median(found) == pytest.approx(50 * np.sqrt(2 * np.log(2)), rel=3 * 0.9 / np.sqrt(n))
    assert np.mean(found**2) == pytest.approx(2 * 50**2, rel=3 / np.sqrt(n))


def test_float32_is_good_enough(burst):
    rng = np.random.default_rng(5)
    n, settings = 5000, burst()
    z, log_mass = rng.uniform(0.01, 0.29, n), rng.uniform(10, 15.5, n)
    c, b = 10 ** rng.uniform(0, 1.3, n), rng.uniform(0, 1.1, n)
    with jax.enable_x64(True):
        radius = np.asarray(radius_kpc(10**log_mass, mean_density("vir", z, COSMOLOGY)))
        halo, gas = Halo(10**log_mass, radius, c), gas_of(settings.gas, COSMOLOGY)
        true, centre = (np.asarray(dm_rest(gas, halo, x * radius)) for x in (b, 0.0))
    draws = Own(log_mass, z, c, b * radius, 0.0, 0.0, 0.75, 0.0)
    how = How("vir", "vir", 7.67, True, (1.0,), COSMOLOGY.h)
    dm, mass, impact, found = evaluated(how, gas, tables_for(settings, how, COSMOLOGY), draws)
    assert np.max(np.abs(dm - true) / centre) < 2e-5
    np.testing.assert_allclose(found, radius, rtol=2e-5)
    np.testing.assert_allclose(impact, b * radius, rtol=1e-6)
    np.testing.assert_allclose(mass, log_mass, atol=1e-5)


def test_pieces_are_the_whole(burst, halos_at, monkeypatch):
    halos = halos_at(np.linspace(0.1, 5, 7), log_mass_err_lo=0.2, log_mass_err_hi=0.2)
    whole = drawn(burst(3000), halos)
    for module in ("halo_draws", "halo_values"):
        monkeypatch.setattr(f"surveys.sightlines.{module}.PIECE", 2048)
    # Programs are kept by the shape of what they are given.
    parts = drawn(burst(3000), halos)
    for name, values in whole.items():
        np.testing.assert_allclose(parts[name], values, rtol=1e-6, atol=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 2.5]))
def test_no_halo_that_is_crossed_is_left_out(burst, seed, last):
    rng = np.random.default_rng(seed)
    n = 60
    low_c = rng.random(n) < 0.2
    pz_z = np.linspace(0.01, 3, 120)
    pz = np.where(
        rng.random((n, 1)) < 0.3, np.exp(-(((pz_z - rng.uniform(0, 3, (n, 1))) / 0.1) ** 2) / 2), 0
    )
    stars = rng.random(n) < 0.3
    halos = HaloCatalog.of(
        ra_deg=np.full(n, 150.0),
        dec_deg=20 + 10 ** rng.uniform(-3, 1, n),
        z=rng.uniform(0.001, 3, n),
        z_err=10 ** rng.uniform(-3, -0.5, n),
        log_mass=np.where(stars, np.nan, rng.uniform(11, 15, n)),
        log_mass_err_lo=0.2,
        log_mass_err_hi=rng.uniform(0, 0.5, n),
        mass_definition=np.where(stars, "", rng.choice(["500c", "200m"], n)),
        log_mstar=rng.uniform(8, 11.5, n),
        log_mstar_err_hi=0.2,
        concentration=np.where(low_c, rng.uniform(0.3, 2, n), np.nan),
        centring_kpc=rng.uniform(1, 200, n),
        pz=np.where(pz > 1e-4, pz, 0),
        pz_z=pz_z,
    )
    gas = {"mass_err_dex": 0.1, "concentration": "duffy2008_200m"}
    how = burst(200, gas=gas, z=last)
    kept, _ = crossing(halos, how, 1.5, COSMOLOGY)
    reached = drawn(how, halos, (1.5,))["crossed"][0] > 0
    assert set(halos.dec_deg[reached]) <= set(kept.dec_deg)
    # And it is of use: most of what is far away is not kept.
    assert len(kept) < n


def test_what_is_left_out_is_counted(burst):
    halos = HaloCatalog.of(
        ra_deg=150.0,
        dec_deg=[20.0, 20.01, 20.0, 30.0, 20.02],
        z=[0.2, 0.2, 0.4, 0.2, 0.2985],
        log_mass=[13.0, np.nan, 13.0, 13.0, 13.0],
        richness=[np.nan, 20.0, np.nan, np.nan, np.nan],
        mass_definition="vir",
    )
    kept, separation = crossing(halos, burst(), 1.0, COSMOLOGY)
    assert kept.z.tolist() == [0.2, 0.2985]
    np.testing.assert_allclose(np.rad2deg(separation), [0.0, 0.02], atol=1e-9)
    assert kept.notes == (
        "1 row left out: at z of 0.3 or more, not before the burst",
        "1 row left out: no mass, and no relation of richness to mass",
        "1 row left out: too far from the sightline for their gas to be crossed",
        "1 of the halos may be the burst's own group: within 0.003 of its z",
    )
