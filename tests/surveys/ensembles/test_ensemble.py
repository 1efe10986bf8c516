"""The likelihood of many bursts, against NumPy and SciPy and finite differences."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm, truncnorm

from cosmo.background import cosmology_named
from cosmo.dispersion import dm_igm
from surveys.catalogs.halo_catalog import HaloCatalog
from surveys.ensembles.building import ensemble_of
from surveys.ensembles.ensemble import above_zero
from surveys.ensembles.settings import EnsembleSettings, Priors, Sampling, SightlineFiles
from surveys.errors import SettingProblem
from surveys.milky_way.terms import MilkyWayDM
from surveys.sightlines.crossing import crossing
from surveys.sightlines.halo_draws import Shared, draw_halos
from surveys.sightlines.settings import GasSettings, IgmSettings, UnseenSettings


def zeros(ensemble, **values):
    unknowns = {name: jnp.zeros(shape) for name, shape in ensemble.shapes().items()}
    return unknowns | {name: jnp.asarray(value) for name, value in values.items()}


def lognormal(x, median, width):
    z = (np.log(x) - np.log(median)) / width
    return np.exp(-(z**2) / 2) / (x * width * np.sqrt(2 * np.pi))


def exactly(settings):
    """Settings of a burst with no error of its own."""
    return replace(
        settings,
        frb=replace(settings.frb, dm_err=0.0),
        milky_way=replace(settings.milky_way, ism_err=0.0, halo_err=0.0),
    )


def halos_by_the_other_way(ensemble, bursts):
    """DM of halos of which all is known, by what ``slowburst dm-host`` uses."""
    found = []
    shared = Shared(np.ones(1), np.zeros(1), np.zeros(1))
    for settings, catalog in bursts:
        settings = replace(settings, gas=replace(settings.gas, edge=ensemble.settings.edge))
        cosmology = cosmology_named(settings.cosmology)
        near, separation = crossing(catalog, settings, settings.gas.r_max, cosmology)
        drawn = draw_halos(near, separation, settings, shared, (1.0,), cosmology)
        found.append(sum(float((d.dm_rest / (1 + d.z)).sum()) for d in drawn))
    return np.array(found)


def test_the_likelihood_on_a_grid(bursts):
    rng = np.random.default_rng(3)
    many = [(exactly(s), c) for s, c in (bursts.sightline(rng, i, 2) for i in range(2))]
    ensemble = ensemble_of(bursts.settings(2, least_dm=0.0), many)
    likelihood = jax.jit(lambda unknowns: ensemble.log_likelihood(unknowns))
    assert set(ensemble.shapes()) == {"f_igm", "f_hot", "host_median", "host_width"}
    halos = halos_by_the_other_way(ensemble, many)
    low, high = np.log(ensemble.settings.priors.host_median)
    for f_igm in (0.2, 0.6, 0.9):
        for f_hot in (0.1, 0.8):
            for median, width in ((30.0, 0.4), (200.0, 1.2)):
                at = {"f_igm": f_igm, "f_hot": f_hot,
                      "host_median": (np.log(median) - low) / (high - low),
                      "host_width": (width - 0.2) / 1.8}  # fmt: skip
                with jax.enable_x64(True):
                    unknowns = zeros(ensemble, **{k: norm.ppf(v) for k, v in at.items()})
                    found = np.exp(np.asarray(likelihood(unknowns)))
                for i, (settings, _) in enumerate(many):
                    left = settings.frb.dm - 50 - 50 - f_hot * halos[i]
                    z, cosmology = settings.frb.z, cosmology_named(settings.cosmology)
                    mean = f_igm / 0.5 * float(dm_igm(z, 0.5, cosmology))
                    igm, host = (mean * np.exp(-0.02), 0.2), (median / (1 + z), width)
                    wanted, _ = quad(
                        lambda x, a=igm, b=host, r=left: lognormal(x, *a) * lognormal(r - x, *b),
                        0, left, points=[min(mean, 0.99 * left)], epsabs=1e-14, epsrel=1e-9,
                        limit=500,
                    )  # fmt: skip
                    assert found[i] == pytest.approx(wanted, rel=1e-5, abs=1e-13)


def test_halos_of_which_little_is_known_have_the_dm_of_the_budget(bursts):
    rng = np.random.default_rng(5)
    settings, catalog = bursts.sightline(
        rng, 0, 3, log_mass_err_lo=0.1, log_mass_err_hi=0.3, z_err=0.02, centring_kpc=40.0,
        mass_definition="200c",
    )  # fmt: skip
    gas = GasSettings(concentration="dutton2014_200c", edge=0.1)
    settings = replace(settings, gas=gas, frb=replace(settings.frb, z=0.6))
    ensemble = ensemble_of(bursts.settings(1, least_dm=0.0), [(settings, catalog)])
    (group,) = ensemble.halos
    assert group.unknown == ("mass", "z", "concentration", "east", "north")
    n = 4000
    normal = rng.standard_normal((n, *group.shape))
    with jax.enable_x64(True):
        each = jax.vmap(lambda u: group.observed(ensemble.gas, u, jnp.zeros(()), jnp.zeros(())))
        dm = np.asarray(jax.jit(each)(normal))
    cosmology = cosmology_named("Planck18")
    near, separation = crossing(catalog, settings, 1.0, cosmology)
    shared = Shared(np.ones(n), np.zeros(n), np.zeros(n))
    (drawn,) = draw_halos(near, separation, settings, shared, (1.0,), cosmology)
    other = (drawn.dm_rest[0] / (1 + drawn.z)).T
    error = np.hypot(dm.std(axis=0), other.std(axis=0)) / np.sqrt(n)
    assert (np.abs(dm.mean(axis=0) - other.mean(axis=0)) < 4 * error).all()


def test_gradients_are_those_of_finite_differences(bursts):
    rng = np.random.default_rng(7)
    gas = GasSettings(concentration="dutton2014_200c", mass_err_dex=0.1, concentration_err_dex=0.05)
    settings, catalog = bursts.sightline(
        rng, 0, 2, log_mass=np.nan, log_mstar=10.3, log_mstar_err_lo=0.1, log_mstar_err_hi=0.2,
        mass_definition="", z_err=0.01, centring_kpc=50.0,
    )  # fmt: skip
    many = [(replace(settings, gas=gas), catalog)]
    priors = Priors(alpha=(1.0, 3.0), y0=(1.0, 4.0), r_max=(0.8, 2.0))
    given = bursts.settings(1, priors=priors, milky_way_halo="own", least_dm=0.0)
    ensemble = ensemble_of(given, many)
    assert ensemble.halos[0].how.stars
    assert ensemble.halos[0].unknown == ("mass", "z", "concentration", "east", "north")
    with jax.enable_x64(True):
        at = {n: jnp.asarray(rng.normal(0, 0.5, s)) for n, s in ensemble.shapes().items()}
        value = jax.jit(lambda unknowns: ensemble.log_posterior(unknowns))
        slopes = jax.jit(jax.grad(lambda unknowns: ensemble.log_posterior(unknowns)))(at)
        for name, here in at.items():
            for index in np.ndindex(*here.shape):
                step = 1e-5
                high, low = (
                    float(value(at | {name: here.at[index].add(d)})) for d in (step, -step)
                )
                wanted = (high - low) / (2 * step)
                assert float(slopes[name][index]) == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_a_halo_exactly_on_the_sightline_has_a_slope(bursts):
    settings, catalog = bursts.sightline(
        np.random.default_rng(1), 0, 1, log_mass_err_lo=0.1, z_err=0.01
    )
    catalog = replace(catalog, ra_deg=[settings.frb.ra], dec_deg=[settings.frb.dec])
    ensemble = ensemble_of(bursts.settings(1), [(settings, catalog)])
    with jax.enable_x64(True):
        slopes = jax.jit(jax.grad(lambda unknowns: ensemble.log_posterior(unknowns)))(
            zeros(ensemble)
        )
    assert all(np.isfinite(np.asarray(v)).all() for v in slopes.values())
    assert np.any(np.asarray(slopes["halos_0"]) != 0)


@pytest.mark.parametrize(("value", "error"), [(50.0, 10.0), (50.0, 25.0), (10.0, 40.0), (0.0, 5.0)])
def test_a_term_of_the_milky_way_is_cut_off_at_zero(value, error):
    x = np.linspace(-4, 4, 41)
    with jax.enable_x64(True):
        found = np.asarray(above_zero(np.array(value), np.array(error), x))
    wanted = truncnorm(-value / error, np.inf, value, error).ppf(norm.cdf(x))
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    drawn = MilkyWayDM(value, error).sample(np.random.default_rng(0), 20_000)
    uniform = np.interp(drawn, found, norm.cdf(x))
    assert uniform.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * 20_000))


def test_a_term_without_error_is_what_is_given():
    with jax.enable_x64(True):
        assert float(above_zero(np.array(50.0), np.array(0.0), 2.0)) == 50.0


def test_bursts_need_no_halos(bursts):
    settings, _ = bursts.sightline(np.random.default_rng(1), 0, 1)
    nothing = HaloCatalog.of(ra_deg=[], dec_deg=[], z=[])
    ensemble = ensemble_of(bursts.settings(1), [(settings, nothing)])
    assert ensemble.n_halos == 0
    with jax.enable_x64(True):
        found = jax.jit(lambda unknowns: ensemble.log_posterior(unknowns))(zeros(ensemble))
    assert np.isfinite(float(found))


def test_what_is_left_out_or_not_used_is_said(bursts):
    settings, catalog = bursts.sightline(np.random.default_rng(1), 0, 1)
    settings = replace(
        settings, unseen=UnseenSettings(log_mass_limit=12.0), igm=IgmSettings(f_parameter=0.3)
    )
    notes = ensemble_of(bursts.settings(1, least_dm=999.0), [(settings, catalog)]).notes
    for words in (
        "1 row left out: halos with less than 999 pc/cc",
        "[unseen] is not used",
        "f_parameter is not used",
    ):
        assert any(words in note for note in notes), words


def test_bursts_that_do_not_go_together(bursts):
    first, second = (
        (s, c) for s, c in (bursts.sightline(np.random.default_rng(i), i) for i in range(2))
    )
    other = GasSettings(r_max=2.0)

    def with_second(**changes):
        return [first, (replace(second[0], **changes), second[1])]

    halo = replace(second[0].milky_way, halo=70.0)
    for many, given, words in (
        (with_second(gas=other), {}, "has another [gas]"),
        (with_second(cosmology="Planck15"), {}, "has another cosmology"),
        (with_second(milky_way=halo), {}, "has another halo of [milky_way]"),
        (with_second(igm=IgmSettings(scatter=0.0)), {}, "scatter = 0; give 0.02 or more"),
        ([first, first], {}, "has the burst FRB 0 again"),
        ([first], {"gas": GasSettings("beta"), "priors": Priors(alpha=(1, 2))},
         "priors.alpha: is no parameter of beta"),
        ([first], {"gas": GasSettings("nfw"), "priors": Priors(y0=(1, 2))},
         "priors.y0: is no parameter of nfw"),
    ):  # fmt: skip
        with pytest.raises(SettingProblem) as caught:
            ensemble_of(bursts.settings(len(many), **given), many)
        assert words in str(caught.value)
    assert ensemble_of(bursts.settings(2, gas=other), with_second(gas=other)).gas.r_max == 2.0
    ensemble_of(bursts.settings(2, milky_way_halo="own"), with_second(milky_way=halo))


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Priors(f_igm=(0.5, 0.5)), "f_igm"),
        (lambda: Priors(f_hot=(0.0, 1.5)), "f_hot"),
        (lambda: Priors(host_median=(0.0, 100.0)), "host_median"),
        (lambda: Priors(host_width=(0.0, 1.0)), "host_width"),
        (lambda: Sampling(n_draws=1), "n_draws"),
        (lambda: Sampling(target_accept=1.0), "target_accept"),
        (lambda: EnsembleSettings(()), "sightlines"),
        (lambda: EnsembleSettings((SightlineFiles("a"),), edge=0.0), "edge"),
        (lambda: EnsembleSettings((SightlineFiles("a"),), least_dm=-1.0), "least_dm"),
        (lambda: SightlineFiles("a", ("b", "c"), ("d",)), "columns"),
    ],
)
def test_settings_that_cannot_be(make, field):
    with pytest.raises(SettingProblem) as caught:
        make()
    assert caught.value.field == field
