"""The budget of a burst: its sums, its frames, what is shared, and whether its errors hold."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from cosmo.background import cosmology_named
from cosmo.concentration import RELATIONS
from cosmo.dispersion import dm_igm
from cosmo.halos import Halo, mean_density, radius_kpc, within
from cosmo.profiles import dm_from_inside, dm_rest
from cosmo.stellar import log_halo_mass
from surveys.catalogs.halo_catalog import HaloCatalog, concatenate
from surveys.milky_way.terms import MilkyWayDM
from surveys.sightlines.budget import TERMS, budget
from surveys.sightlines.halo_values import gas_of
from surveys.sightlines.tables import budget_table, halo_names, halo_table

COSMOLOGY = cosmology_named("Planck18")
NEAR = 2e-5
"""What is drawn is computed in float32."""


def halo_of(mass, z, definition="vir", concentration=7.67) -> Halo:
    with jax.enable_x64(True):
        radius = radius_kpc(mass, mean_density(definition, z, COSMOLOGY))
        return Halo(mass, np.asarray(radius), np.asarray(concentration, float))


def column_of(settings, halo, arcmin, z) -> np.ndarray:
    """Observed DM at an angle, by the profile itself."""
    kpc = np.deg2rad(arcmin / 60) * COSMOLOGY.angular_diameter_distance(z).to_value("kpc")
    with jax.enable_x64(True):
        return np.asarray(dm_rest(gas_of(settings.gas, COSMOLOGY), halo, kpc)) / (1 + z)


def test_terms_add_up_to_the_measured_dm(burst, halos_at):
    settings = burst(
        dm_err=5.0,
        log_mstar=10.0,
        milky_way={"ism_err": 12.0, "halo_err": 20.0},
        gas={"f_hot_err": 0.1, "r_max": 2.0},
        igm={"f_igm": None, "scatter": 0.2},
        unseen={"log_mass_limit": 12.0, "log_mass_min": 11.0},
    )
    halos = halos_at([1.0, 2.0, 3.0], log_mass_err_lo=0.2, log_mass_err_hi=0.4)
    found = budget(settings, halos, (1.0, 2.0))
    for run in found.runs:
        total = sum(run.draws[name] for name in TERMS)
        np.testing.assert_allclose(total, run.draws["dm"], rtol=1e-12)
        assert all(np.ptp(run.draws[name]) > 0 for name in TERMS)
        assert run.host_halo is not None
    table = budget_table(found)
    assert table["component"].tolist() == ["measured", *TERMS, "host_halo", "host_rest_of_it"] * 2
    assert set(table["frame"]) == {"observed"}
    means = {row["component"]: row["mean"] for row in table if row["r_max"] == 2}
    assert sum(means[name] for name in TERMS) == pytest.approx(means["measured"], rel=1e-12)
    assert means["host_halo"] + means["host_rest_of_it"] == pytest.approx(means["host"], rel=1e-12)


@pytest.mark.parametrize("edge", [None, 0.2])
@pytest.mark.parametrize("r_max", [1.0, 2.0])
def test_a_halo_without_errors_has_the_dm_of_its_profile(burst, halos_at, r_max, edge):
    settings = burst(gas={"r_max": r_max, "edge": edge})
    found = budget(settings, halos_at(1.5))
    true = column_of(settings, halo_of(1e13, 0.2), 1.5, 0.2)
    (run,) = found.runs
    np.testing.assert_allclose(run.draws["halos"], true, rtol=NEAR)
    np.testing.assert_allclose(run.halos, true * 1.2, rtol=NEAR)
    np.testing.assert_allclose(run.halos_observed, true, rtol=NEAR)
    assert run.crossed.tolist() == [1.0]
    mean = float(dm_igm(0.3, 0.5, COSMOLOGY))
    np.testing.assert_allclose(run.draws["host"], 900 - 100 - mean - true, rtol=NEAR)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("definition", ["200c", "500c", "200m"])
def test_mass_definitions_of_one_halo_have_one_dm(burst, halos_at, definition, own):
    halo = halo_of(2e13, 0.2)
    with jax.enable_x64(True):
        have, want = (mean_density(d, 0.2, COSMOLOGY) for d in ("vir", definition))
        other = within(halo, have, want)
    column = {"concentration": float(other.concentration)} if own else {}
    halos = halos_at(
        1.5, log_mass=np.log10(float(other.mass)), mass_definition=definition, **column
    )
    # With a concentration of its own, that of the settings is not looked at.
    settings = burst(gas={"concentration": 3.0 if own else 7.67})
    found = budget(settings, halos)
    true = column_of(settings, halo, 1.5, 0.2)
    np.testing.assert_allclose(found.runs[0].draws["halos"], true, rtol=1e-4)
    assert found.log_mass == pytest.approx(np.log10(2e13), abs=1e-5)


@pytest.mark.parametrize("name", ["duffy2008_200c", "dutton2014_vir"])
def test_concentrations_of_a_relation(burst, halos_at, name):
    relation = RELATIONS[name]
    with jax.enable_x64(True):
        c = float(relation(1e13, 0.2, COSMOLOGY.h))
    gas = {"concentration": name, "radius": relation.definition}
    own_gas = dict(gas)
    settings = burst(gas=gas | {"concentration_scatter_dex": 0.0})
    halos = halos_at(1.0, mass_definition=relation.definition)
    true = column_of(settings, halo_of(1e13, 0.2, relation.definition, c), 1.0, 0.2)
    np.testing.assert_allclose(budget(settings, halos).runs[0].draws["halos"], true, rtol=NEAR)
    # The same halo by its mass in another definition, within the radius of a third.
    with jax.enable_x64(True):
        own, other = (mean_density(d, 0.2, COSMOLOGY) for d in (relation.definition, "500c"))
        light = within(halo_of(1e13, 0.2, relation.definition, c), own, other)
    again = halos_at(1.0, log_mass=np.log10(float(light.mass)), mass_definition="500c")
    found = budget(settings, again)
    np.testing.assert_allclose(found.runs[0].draws["halos"], true, rtol=1e-3)
    # Scatter is that of the relation without a number of its own.
    gas |= {"concentration_scatter_dex": relation.scatter_dex}
    default, given = (budget(burst(gas=g), halos).runs[0].draws["halos"] for g in (own_gas, gas))
    np.testing.assert_array_equal(default, given)
    assert np.ptp(given) > 0


def test_a_shared_share_of_gas_moves_all_halos_together(burst, halos_at):
    n, share = 40_000, 0.2
    gas = {"f_hot": 0.5, "f_hot_err": 0.5 * share}
    halos = halos_at([1.0, 1.5, 2.0, 2.5], log_mass_err_lo=0.2, log_mass_err_hi=0.2)
    alone = [
        budget(burst(n), halos.select([i])).runs[0].draws["halos"] * 0.5 / 0.75 for i in range(4)
    ]
    together = budget(burst(n, gas=gas), halos).runs[0].draws["halos"]
    means, variances = np.mean(alone, axis=1), np.var(alone, axis=1)
    expected = share**2 * means.sum() ** 2 + (1 + share**2) * variances.sum()
    # The variance of a variance, with the kurtosis that was drawn; four times its error.
    excess = np.mean((together - together.mean()) ** 4) / np.var(together) ** 2
    assert np.var(together) == pytest.approx(expected, rel=4 * np.sqrt((excess - 1) / n))
    # Had each halo a share of its own, it would be much less.
    assert expected > 1.2 * (share**2 * np.sum(means**2) + (1 + share**2) * variances.sum())


def test_calibrations_are_shared_and_masses_are_not(burst, halos_at):
    halos = halos_at([1.0, 1.0 + 1e-6])
    both = budget(burst(8000, gas={"mass_err_dex": 0.2}), halos).runs[0].draws["halos"]
    one = budget(burst(8000, gas={"mass_err_dex": 0.2}), halos.select([0])).runs[0].draws["halos"]
    np.testing.assert_allclose(both, 2 * one, rtol=1e-4)
    own = halos_at([1.0, 1.0 + 1e-6], log_mass_err_lo=0.2, log_mass_err_hi=0.2)
    both = budget(burst(8000), own).runs[0].draws["halos"]
    one = budget(burst(8000), own.select([0])).runs[0].draws["halos"]
    assert np.var(both) == pytest.approx(2 * np.var(one), rel=0.15)


def test_draws_depend_on_no_other_halo_and_no_other_edge(burst, halos_at):
    columns = {"log_mass_err_lo": 0.3, "log_mass_err_hi": 0.3, "centring_kpc": 40.0}
    # A galaxy at the very place of the third halo is another thing than it.
    galaxy = halos_at(3.0, log_mstar=10.5, name="galaxy")
    halos = concatenate([halos_at([1.0, 2.0, 3.0], name=["A", "B", "C"], **columns), galaxy])
    settings = burst(gas={"f_hot_err": 0.1})
    alone = budget(settings, halos.select([2])).runs[0]
    several = budget(settings, halos.select([3, 2, 1, 0]))
    among = several.runs[0]
    third = several.catalog.name == "C"
    np.testing.assert_array_equal(alone.halos, among.halos[third])
    total = sum(budget(settings, halos.select([i])).runs[0].draws["halos"] for i in range(4))
    np.testing.assert_allclose(among.draws["halos"], total, rtol=1e-12)
    near, far = budget(settings, halos, (1.0, 2.0)).runs
    for run in (near, far):
        alone = budget(settings, halos, (run.r_max,)).runs[0]
        np.testing.assert_allclose(alone.draws["host"], run.draws["host"], rtol=1e-5)
    assert (far.draws["halos"] >= near.draws["halos"] * (1 - 1e-6)).all()


def test_seeds(burst, halos_at):
    halos = halos_at(1.0, log_mass_err_lo=0.3, log_mass_err_hi=0.3)
    first, again, other = (budget(burst(seed=s), halos).runs[0].draws["host"] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.mean(first == other) < 0.01


def test_no_halo_at_all(burst, halos_at):
    empty = HaloCatalog.of(ra_deg=[], dec_deg=[], z=[])
    for catalog in (empty, halos_at(600.0), halos_at(1.0, z=0.5)):
        found = budget(burst(log_mstar=9.0), catalog)
        assert any("no halo is crossed" in note for note in found.notes)
        assert (found.runs[0].draws["halos"] == 0).all()
        assert np.isfinite(found.runs[0].draws["host"]).all()
        table = halo_table(found)
        assert len(table) == 0
        assert table.colnames[:3] == ["name", "r_max", "z"]


def test_a_halo_on_the_sightline_is_finite(burst, halos_at):
    settings = burst()
    found = budget(settings, halos_at([0.0]))
    assert np.isfinite(found.runs[0].draws["halos"]).all()
    true = column_of(settings, halo_of(1e13, 0.2), 0.0, 0.2)
    np.testing.assert_allclose(found.runs[0].draws["halos"], true, rtol=1e-4)
    assert halo_table(found)["r_over_rvir"][0] == 0


def test_names_and_columns_of_the_table_of_halos(burst, halos_at):
    found = budget(burst(), halos_at([1.0, 2.0], name=["A", ""]), (1.0, 2.0))
    table = halo_table(found)
    assert table.colnames == [
        *("name", "r_max", "z", "log_mass", "impact_kpc", "r_over_rvir"),
        *("dm_rest_p16", "dm_rest_p50", "dm_rest_p84"),
        *("dm_obs_p16", "dm_obs_p50", "dm_obs_p84", "p_intersect"),
    ]
    assert table["name"].tolist() == ["A", "150.0000+20.0333"] * 2
    assert halo_names(found.catalog) == ["A", "150.0000+20.0333"]
    assert table["r_max"].tolist() == [1, 1, 2, 2]
    np.testing.assert_allclose(table["dm_rest_p50"], table["dm_obs_p50"] * 1.2, rtol=1e-6)


def test_half_a_sightline_through_the_halo_of_the_host(burst):
    settings = burst(log_mstar=10.0, gas={"r_max": 1.5})
    no_halos = HaloCatalog.of(ra_deg=[], dec_deg=[], z=[])
    own = budget(settings, no_halos).runs[0].host_halo
    assert own is not None
    # The stars of halos of one mass scatter, evenly about the mean relation.
    with jax.enable_x64(True):
        mass = 10 ** np.asarray(log_halo_mass(10.0 + np.array([-0.15, 0, 0.15]), 0.3))
        have, want = (mean_density(d, 0.3, COSMOLOGY) for d in ("200c", "vir"))
        found = []
        for one in mass:
            # The concentration is of the virial radius.
            c = 7.67
            for _ in range(30):
                halo = within(halo_of(one, 0.3, "200c", c), have, want)
                c *= 7.67 / float(halo.concentration)
            halo = within(halo_of(one, 0.3, "200c", c), have, want)
            gas = gas_of(settings.gas, COSMOLOGY)
            found.append(float(dm_from_inside(gas, halo, 0.0, 0.0)) / 1.3)
    low, middle, high = np.percentile(own, [15.866, 50, 84.134])
    np.testing.assert_allclose([low, middle, high], found, rtol=0.02)


def test_the_milky_way_that_is_given(burst):
    no_halos = HaloCatalog.of(ra_deg=[], dec_deg=[], z=[])
    run = budget(burst(), no_halos, ism=MilkyWayDM(123.0, 0.0)).runs[0]
    assert (run.draws["mw_ism"] == 123).all()
    run = budget(burst(milky_way={"ism": 50.0, "ism_err": None}), no_halos).runs[0]
    assert np.std(run.draws["mw_ism"]) == pytest.approx(10, rel=0.1)


def test_feedback_sets_the_scatter_of_the_igm(burst):
    no_halos = HaloCatalog.of(ra_deg=[], dec_deg=[], z=[])
    low, high = (
        budget(burst(4000, igm={"f_parameter": f}), no_halos).runs[0].draws["igm"]
        for f in (0.1, 0.4)
    )
    assert np.ptp(np.percentile(low, [16, 84])) < 0.6 * np.ptp(np.percentile(high, [16, 84]))


N_SIGHTLINES, N_HALOS, TOLERANCE = 500, 3, 0.04
"""The share within 68 % has a standard error of 0.021 by counting."""


def test_the_interval_of_the_host_holds_the_truth(burst, halos_at):
    """Truths are drawn by NumPy and the profile itself, of what the budget is told."""
    rng = np.random.default_rng(20190520)
    shape = (N_SIGHTLINES, N_HALOS)
    z, arcmin = rng.uniform(0.05, 0.25, shape), rng.uniform(0.2, 4.0, shape)
    middle, low, high = rng.uniform(12, 14, shape), rng.uniform(0.1, 0.4, shape), 0.2
    settings = burst(
        dm_err=3.0,
        gas={
            "f_hot": 0.6,
            "f_hot_err": 0.1,
            "concentration_scatter_dex": 0.15,
            "mass_err_dex": 0.1,
        },
        milky_way={"ism_err": 12.0, "halo_err": 20.0},
        igm={"f_igm": 0.5, "scatter": 0.2},
    )
    normal = rng.standard_normal((5, *shape))
    log_mass = middle + np.where(normal[0] < 0, low, high) * normal[0]
    log_mass += 0.1 * rng.standard_normal((N_SIGHTLINES, 1))
    f_hot = np.clip(0.6 + 0.1 * rng.standard_normal((N_SIGHTLINES, 1)), 0, 1)
    kpc = np.deg2rad(arcmin / 60) * COSMOLOGY.angular_diameter_distance(z).to_value("kpc")
    impact = np.hypot(kpc + 60 * normal[2], 60 * normal[3])
    halo = halo_of(10**log_mass, z, "vir", 7.67 * 10 ** (0.15 * normal[4]))
    with jax.enable_x64(True):
        gas = gas_of(settings.gas, COSMOLOGY)
        halos = np.asarray(dm_rest(gas, halo, impact)) / (1 + z) * f_hot / 0.6

    # Redraw what is below 0, as the Milky Way has it.
    def positive(mean, error):
        draws = mean + error * rng.standard_normal((100, N_SIGHTLINES))
        return draws[np.argmax(draws > 0, axis=0), np.arange(N_SIGHTLINES)]

    igm = float(dm_igm(0.3, 0.5, COSMOLOGY)) * np.exp(
        0.2 * rng.standard_normal(N_SIGHTLINES) - 0.02
    )
    host = rng.lognormal(np.log(200), 0.5, N_SIGHTLINES)
    true = halos.sum(axis=1) + igm + positive(60.0, 12.0) + positive(40.0, 20.0) + host
    measured = true + 3 * rng.standard_normal(N_SIGHTLINES)
    inside, ranks = 0, []
    for i in range(N_SIGHTLINES):
        catalog = halos_at(
            arcmin[i], z[i], log_mass=middle[i], log_mass_err_lo=low[i], log_mass_err_hi=high,
            centring_kpc=60.0,
        )  # fmt: skip
        told = burst(
            seed=i, dm=measured[i], dm_err=3.0, gas=_fields(settings.gas),
            milky_way=_fields(settings.milky_way), igm=_fields(settings.igm),
        )  # fmt: skip
        draws = budget(told, catalog).runs[0].draws["host"]
        p16, p84 = np.percentile(draws, [16, 84])
        inside += p16 <= host[i] <= p84
        ranks.append(np.mean(draws < host[i]))
    assert inside / N_SIGHTLINES == pytest.approx(0.68, abs=TOLERANCE)
    # Ranks of truths are uniform: their mean within three standard errors of one half.
    assert np.mean(ranks) == pytest.approx(0.5, abs=3 / np.sqrt(12 * N_SIGHTLINES))


def _fields(settings) -> dict:
    return dict(vars(settings))
