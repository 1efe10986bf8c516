"""The posterior of many bursts whose gas is known."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest, truncnorm

from surveys.ensembles.sampling import (
    Posterior,
    burst_table,
    notes_on,
    parameter_table,
    sample,
)
from surveys.ensembles.settings import Priors, Sampling
from surveys.errors import InputError


def with_sampling(ensemble, *numbers, **given):
    how = Sampling(*numbers, **given)
    return replace(ensemble, settings=replace(ensemble.settings, sampling=how))


@pytest.fixture(scope="module")
def thirty(bursts):
    """Thirty bursts, and what is found of them."""
    rng = np.random.default_rng(11)
    found = bursts.measured(rng, bursts.ensemble(rng, 30))
    found = with_sampling(found, 300, 400, 2)
    return found, sample(found)


def test_the_truth_is_found_again(bursts, thirty):
    _, posterior = thirty
    table = parameter_table(posterior)
    assert set(table["name"]) == set(bursts.truth)
    for row in table:
        off = (bursts.truth[row["name"]] - row["mean"]) / row["std"]
        assert abs(off) < 3, row["name"]
        assert row["r_hat"] < 1.05
    by_name = {row["name"]: row for row in table}
    # That is, the data say something: flat priors have 0.29.
    assert by_name["f_igm"]["std"] < 0.12
    assert by_name["f_hot"]["std"] < 0.09
    assert posterior.diverging.mean() < 0.01


def test_terms_of_a_burst_add_up_to_its_dm(thirty):
    ensemble, posterior = thirty
    terms = posterior.bursts
    total = terms["mw"] + terms["halos_obs"] + terms["igm_obs"]
    total = total + terms["host_rest"] / (1 + ensemble.bursts.z)
    noise = (total - ensemble.bursts.dm) / ensemble.bursts.dm_err
    assert abs(noise.mean()) < 0.1
    assert noise.std() == pytest.approx(1, abs=0.1)
    assert (terms["igm_obs"] > 0).all()
    assert (terms["host_rest"] > 0).all()


def test_what_is_predicted_of_a_burst_is_where_it_is_measured(thirty):
    table = burst_table(*thirty)
    # Shares of 30 bursts: uniform, but for what the bursts themselves have said.
    assert kstest(table["p_predicted_below"], "uniform").pvalue > 1e-3


def test_without_data_the_prior_comes_back(thirty):
    ensemble, _ = thirty
    posterior = sample(ensemble, without_data=True)
    table = {row["name"]: row for row in parameter_table(posterior)}
    priors = ensemble.settings.priors
    for name in ("f_igm", "f_hot", "host_median", "host_width"):
        draws, (low, high) = posterior.parameters[name], getattr(priors, name)
        if name == "host_median":
            draws, low, high = np.log(draws), np.log(low), np.log(high)
        u, n = (draws - low) / (high - low), min(table[name]["n_effective"], draws.size)
        assert u.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * n)), name
        # Of a uniform variable, u^2 has mean 1/3 and variance 4/45.
        assert (u**2).mean() == pytest.approx(1 / 3, abs=4 * np.sqrt(4 / 45 / n)), name
    n = min(table["mw_halo"]["n_effective"], 800)
    wanted = truncnorm(-2.5, np.inf, 50, 20)
    assert table["mw_halo"]["mean"] == pytest.approx(wanted.mean(), abs=4 * 20 / np.sqrt(n))


def test_ranks_of_truths_drawn_from_the_prior_are_uniform(bursts):
    priors = Priors((0.2, 0.9), (0.1, 0.9), (30.0, 300.0), (0.3, 1.2))
    rng, n = np.random.default_rng(4), 12
    ensemble = bursts.ensemble(rng, 6, given={"priors": priors})
    ranks = []
    for _ in range(n):
        truth = {
            "f_igm": rng.uniform(0.2, 0.9),
            "f_hot": rng.uniform(0.1, 0.9),
            "host_median": np.exp(rng.uniform(*np.log([30.0, 300.0]))),
            "host_width": rng.uniform(0.3, 1.2),
            "mw_halo": rng.normal(50.0, 20.0),
        }
        posterior = sample(with_sampling(bursts.measured(rng, ensemble, truth), 150, 100, 1))
        ranks.append([(posterior.parameters[name] < truth[name]).mean() for name in truth])
    for column in np.array(ranks).T:
        assert kstest(column, "uniform").pvalue > 1e-3


def test_the_same_seed_gives_the_same_draws_and_chains_differ(thirty):
    ensemble, two = thirty
    told = []
    one = sample(with_sampling(ensemble, 300, 400, 1), lambda *done: told.append(done))
    for name, draws in one.parameters.items():
        np.testing.assert_array_equal(draws[0], two.parameters[name][0])
        assert (draws[0] != two.parameters[name][1]).all()
    assert told == [(50 * i, 700) for i in range(1, 15)]


def test_chains_that_did_not_do_well_are_named():
    rng = np.random.default_rng(0)
    apart = rng.standard_normal((2, 200)) + np.array([[0.0], [5.0]])
    diverging = np.zeros((2, 200), bool)
    diverging[0, :3] = True
    parameters = {"f_igm": apart, "f_hot": rng.standard_normal((2, 200))}
    notes = notes_on(
        Posterior(parameters, {}, diverging, np.ones((2, 200), int), np.ones((2, 200)))
    )
    assert any(note.startswith("3 of 400 draws diverged") for note in notes)
    (r_hat,) = [note for note in notes if note.startswith("r_hat")]
    assert "f_igm" in r_hat
    assert any("n_effective" in note for note in notes)


def test_without_numpyro_the_remedy_is_said(bursts, monkeypatch):
    ensemble = with_sampling(bursts.ensemble(np.random.default_rng(2), 1, 1), 950, 50, 1)
    monkeypatch.setitem(sys.modules, "numpyro.infer.hmc", None)
    with pytest.raises(InputError) as caught:
        sample(ensemble)
    assert str(caught.value) == "dm-sample: numpyro: is not installed; pip install 'slowburst[hmc]'"
